"""Known answers: C2SP tlog-tiles.md (paths, the tree of 70,000), the tiles of the 300-entry mirror
in FiloSottile/sunlight's tests (cmd/skylight/testdata), and roots of trees of `record <n>` computed
with golang.org/x/mod/sumdb/tlog."""

import base64
from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import merkle, tiles
from gateway.audit.tiles import Bundle, HeldTiles, Tile, TileBuilder, TileError, TileMissingError

SUNLIGHT_TILES = {  # SHA-256 of each file
    "tile/0/000": "66a1d43136a854a5776d5bce14bf101c925fc7d4b32f1be23b658f636ebfcddb",
    "tile/0/001.p/44": "699f078d937f13343d71ad39321757de3ecf391e8d7a1b2015ad38bd36f5d60a",
    "tile/1/000.p/1": "dcef9e571841bfe2defd16306f8a7d69f5054092fb8b7f983970c646f7f5fd85",
}
GO_ROOTS = {
    1: "OzZ9bbe8UXJtkYsY6aeeD85T+Gf744Zx9gnmu1nUYDU=",
    2: "XDShEgWHfs8sTyjiVJXQgwGzPb+4YkGfeUb6b9+BJO8=",
    3: "EROfCuN4nLInq4w+V9ZuiSXjrblsJNVzEYMhUNaskFs=",
    255: "EtIOA5OysQRktVpSad0GbwuDbqlRKjTxPjrVxyV19Ds=",
    256: "3JNJ+Xh+0Ahtptl/Z5xRpRmPmORW6Vsdh/o6vAEv7DE=",
    257: "e8lTONnrdW/d1vzeOGps12khFsE79avvFd+35TWOaK4=",
    300: "gw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=",
    512: "HQ5yF418oScdyCgzjyrYZ6pAiMiZonMVA4WjF75M1xI=",
    513: "l2RKSv+kuw5saa8tCkqeWuImDoUXfVGmpVEXkY/gf7Y=",
    4097: "JDOL+KZOi6b3caHNSpSr4y/pwHxm85qIgRXAkcdOs3g=",
    65535: "trXkGuGNlfJ2ZOREEbNfQQT8eUYDHLa14IwtX7CNOo8=",
    65536: "GigqHEr3TbqFajL56mOiMlnP+L3XlVr/5mnhjC2xWu0=",
    65537: "JemCm45V1bT69egytHB0eLeQlWFlIdmqHeuA/+JGNPg=",
    70000: "25Wlw4AqrnlkUtIrNNU+dJybwG++mtIplU2A2Oqj7hY=",
}
PIECES = st.builds(
    Tile, st.integers(0, 63), st.integers(0, 2**63 - 1), st.integers(1, 256)
) | st.builds(Bundle, st.integers(0, 2**63 - 1), st.integers(1, 256))


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    return merkle.leaf_hashes(b"record %d" % n for n in range(70_000))


@pytest.mark.parametrize(
    ("piece", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(3, 1000, 17), "tile/3/x001/000.p/17"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Bundle(0, 1), "tile/entries/000.p/1"),
        (Bundle(1234067), "tile/entries/x001/x234/067"),
    ],
)
def test_paths_are_those_of_the_standard(piece: Tile | Bundle, path: str) -> None:
    assert piece.path == path
    assert tiles.parse_path(path) == piece


@given(PIECES)
def test_every_path_is_read_back(piece: Tile | Bundle) -> None:
    assert tiles.parse_path(piece.path) == piece


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile//0/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/0/../0/000",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/0/" + "x999/" * 5000 + "999",
    ],
)
def test_every_other_path_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        tiles.parse_path(path)


@given(st.lists(st.binary(max_size=40) | st.just(b"x" * 65_535), min_size=1, max_size=256))
@settings(max_examples=40)
def test_a_bundle_is_taken_apart_as_it_was_joined(entries: list[bytes]) -> None:
    data = tiles.join_bundle(entries)
    assert tiles.split_bundle(data, Bundle(0, len(entries))) == entries


def test_a_bundle_is_the_bytes_of_the_standard() -> None:
    assert tiles.join_bundle([b"", b"abc", b"x" * 258]) == b"\0\0\0\3abc\1\2" + b"x" * 258


def test_an_entry_too_long_for_its_length_prefix_is_refused() -> None:
    with pytest.raises(TileError, match="65,535"):
        tiles.join_bundle([b"x" * 65_536])


@given(st.binary(max_size=40), st.integers(1, 4))
def test_a_bundle_is_read_only_as_what_its_name_says(data: bytes, width: int) -> None:
    try:
        entries = tiles.split_bundle(data, Bundle(0, width))
    except TileError:
        return
    assert len(entries) == width
    assert tiles.join_bundle(entries) == data


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_tile_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(TileError, match=r"tile/0/000\.p/1: "):
        tiles.split_tile(bytes(length), Tile(0, 0, 1))


def test_the_tiles_of_a_log_made_elsewhere_are_ours(leaves: list[bytes]) -> None:
    growth = tiles.grow(HeldTiles(), 0, leaves[:300])
    assert {tile.path: sha256(data).hexdigest() for tile, data in growth.tiles} == SUNLIGHT_TILES


def test_a_tree_of_70000_has_the_tiles_that_the_standard_counts(leaves: list[bytes]) -> None:
    growth = tiles.grow(HeldTiles(), 0, leaves)
    counts = Counter((tile.level, tile.width) for tile, _ in growth.tiles)
    assert counts == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}


@pytest.mark.parametrize("size", GO_ROOTS)
def test_roots_are_those_that_go_computes(leaves: list[bytes], size: int) -> None:
    growth = tiles.grow(HeldTiles(), 0, leaves[:size])
    assert base64.b64encode(growth.root).decode() == GO_ROOTS[size]


@pytest.mark.parametrize(
    ("old", "new", "expected"),  # as Go's tlog.NewTiles(8, old, new) names them
    [
        (69_999, 70_000, {"tile/0/273.p/112"}),
        (65_535, 65_536, {"tile/0/255", "tile/1/000", "tile/2/000.p/1"}),
        (255, 256, {"tile/0/000", "tile/1/000.p/1"}),
        (256, 257, {"tile/0/001.p/1"}),
        (7, 7, set()),
    ],
)
def test_growth_gives_the_new_tiles_and_no_others(
    leaves: list[bytes], old: int, new: int, expected: set[str]
) -> None:
    held = HeldTiles(tiles.grow(HeldTiles(), 0, leaves[:old]).tiles)
    growth = tiles.grow(held, old, leaves[old:new])
    assert {tile.path for tile, _ in growth.tiles} == expected
    assert growth.size == new
    assert growth.root == merkle.root(leaves[:new])


@settings(max_examples=30)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_growing_in_steps_ends_in_the_same_tiles(leaves: list[bytes], steps: list[int]) -> None:
    held, size = HeldTiles(), 0
    for step in steps:
        growth = tiles.grow(held, size, leaves[size : size + step])
        held.update(growth.tiles)
        size = growth.size
        assert growth.root == merkle.root(leaves[:size])
    whole = tiles.grow(HeldTiles(), 0, leaves[:size])
    assert dict(whole.tiles).items() <= held.items()


def test_edge_tiles_alone_are_enough_to_go_on(leaves: list[bytes]) -> None:
    whole = HeldTiles(tiles.grow(HeldTiles(), 0, leaves[:66_000]).tiles)
    edge = HeldTiles({tile: whole[tile] for tile in tiles.edge_tiles(66_000)})
    assert len(edge) == 3
    growth = tiles.grow(edge, 66_000, leaves[66_000:])
    assert base64.b64encode(growth.root).decode() == GO_ROOTS[70_000]


def test_a_missing_or_damaged_edge_tile_stops_growth(leaves: list[bytes]) -> None:
    held = HeldTiles(tiles.grow(HeldTiles(), 0, leaves[:300]).tiles)
    with pytest.raises(TileMissingError, match="tile/1"):
        TileBuilder.resume(HeldTiles(), 300)
    held[Tile(0, 1, 44)] = held[Tile(0, 1, 44)][:-1]
    with pytest.raises(TileError, match=r"tile/0/001\.p/44"):
        tiles.grow(held, 300, leaves[300:310])
