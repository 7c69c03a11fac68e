"""Writing a log folder is all or nothing; reading one believes nothing."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.audit import merkle, proofs, tiles
from gateway.audit.folder import (
    FolderError,
    FolderReader,
    FolderWriter,
    write_folder,
    write_folder_async,
)
from gateway.audit.note import NoteError
from gateway.audit.tiles import Bundle, HeldTiles, Tile, TileError, TileMissingError
from tests.gateway.audit.logs import contents_of, listed, numbered, without_waiting


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700])
def test_a_folder_holds_the_checkpoint_the_tiles_and_the_bundles(tmp_path: Path, size: int) -> None:
    log = numbered(size)
    growth = tiles.grow(HeldTiles(), 0, merkle.leaf_hashes(log.entries))
    expected = {tile.path: data for tile, data in growth.tiles}
    for index in range(0, size, 256):
        part = log.entries[index : index + 256]
        expected[Bundle(index // 256, len(part)).path] = tiles.join_bundle(part)
    expected["checkpoint"] = log.signed()
    assert contents_of(log.export(tmp_path / "log")) == expected
    assert listed(tmp_path) == ["log"]


def test_a_tree_of_65537_entries_reaches_the_third_level(tmp_path: Path) -> None:
    log = numbered(65_537)
    reader = FolderReader(log.export(tmp_path / "log"))
    root = merkle.root(merkle.leaf_hashes(log.entries))
    assert proofs.tree_root(reader, 65_537) == root
    proof = proofs.inclusion_proof(reader, 40_000, 65_537)
    leaf = merkle.leaf_hash(log.entries[40_000])
    merkle.verify_inclusion(index=40_000, size=65_537, leaf=leaf, proof=proof, root=root)
    entries = tiles.split_bundle(reader.read(Bundle(156)), Bundle(156))
    assert entries == log.entries[156 * 256 : 157 * 256]


async def test_entries_that_arrive_asynchronously_give_the_same_folder(tmp_path: Path) -> None:
    log = numbered(3_000)
    seen: list[tuple[int, int]] = []

    async def arriving() -> AsyncIterator[bytes]:
        for entry in log.entries:
            yield entry

    checkpoint = await write_folder_async(
        tmp_path / "async", arriving(), log.signed(), progress=lambda *done: seen.append(done)
    )
    assert checkpoint.size == 3_000
    assert seen == [(1024, 3000), (2048, 3000), (3000, 3000)]
    assert contents_of(tmp_path / "async") == contents_of(log.export(tmp_path / "sync"))


def test_entries_may_be_handed_over_in_any_groups(tmp_path: Path) -> None:
    log = numbered(700)
    with FolderWriter(tmp_path / "grouped", log.signed()) as writer:
        for at in range(0, 700, 99):
            writer.add(log.entries[at : at + 99])
    assert contents_of(tmp_path / "grouped") == contents_of(log.export(tmp_path / "whole"))


def test_entries_other_than_those_signed_leave_no_folder(tmp_path: Path) -> None:
    log = numbered(300)
    swapped = [log.entries[1], log.entries[0], *log.entries[2:]]
    for entries, rule in (
        (log.entries[:-1], "fewer"),
        ([*log.entries, b"{}"], "more"),
        (swapped, "root"),
    ):
        with pytest.raises(FolderError, match=rule):
            write_folder(tmp_path / "log", entries, log.signed())
        assert listed(tmp_path) == []


def test_a_source_that_breaks_off_leaves_no_folder(tmp_path: Path) -> None:
    log = numbered(3_000)

    def breaking() -> Iterator[bytes]:
        yield from log.entries[:2_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_folder(tmp_path / "log", breaking(), log.signed())
    assert listed(tmp_path) == []


async def test_a_cancelled_export_leaves_no_folder(tmp_path: Path) -> None:
    log, reached = numbered(3_000), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        for entry in log.entries[:2_000]:
            yield entry
        reached.set()
        await asyncio.sleep(3_600)

    export = asyncio.create_task(write_folder_async(tmp_path / "log", stalling(), log.signed()))
    await reached.wait()
    export.cancel()
    with pytest.raises(asyncio.CancelledError):
        await export
    assert listed(tmp_path) == []


def test_an_existing_target_is_left_alone(tmp_path: Path) -> None:
    log = numbered(3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("van een ander")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("empty", "file", "link"):
        with pytest.raises(FolderError, match="exists"):
            log.export(tmp_path / name)
    assert listed(tmp_path) == ["empty", "file", "link"]


def test_nothing_is_written_for_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NoteError):
        write_folder(tmp_path / "log", [], b"geen controlepunt")
    assert listed(tmp_path) == []


def test_a_writer_outside_its_context_takes_nothing(tmp_path: Path) -> None:
    log = numbered(3)
    writer = FolderWriter(tmp_path / "log", log.signed())
    with pytest.raises(FolderError, match="not being written"):
        writer.add(log.entries)
    with writer:
        writer.add(log.entries)
    with pytest.raises(FolderError, match="not being written"):
        writer.add([])


def test_a_missing_piece_is_named(tmp_path: Path) -> None:
    reader = FolderReader(numbered(3).export(tmp_path / "log"))
    with pytest.raises(TileMissingError, match=r"tile/0/007: is missing"):
        reader.read(Tile(0, 7))
    with pytest.raises(TileMissingError, match="checkpoint: is missing"):
        FolderReader(tmp_path / "nowhere").checkpoint()


def test_only_plain_files_of_a_possible_size_are_read(tmp_path: Path) -> None:
    folder = numbered(3).export(tmp_path / "log")
    reader, tile = FolderReader(folder), Tile(0, 0, 3)
    file = folder / tile.path
    outside = tmp_path / "outside"
    outside.write_bytes(file.read_bytes())

    file.unlink()
    file.symlink_to(outside)
    with pytest.raises(TileError, match=r"tile/0/000\.p/3: cannot be read"):
        reader.read(tile)
    file.unlink()
    os.mkfifo(file)  # opening one to read waits for a writer, unless one takes care
    with without_waiting(), pytest.raises(TileError, match="not a plain file"):
        reader.read(tile)
    file.unlink()
    file.mkdir()
    with pytest.raises(TileError, match=r"tile/0/000\.p/3"):
        reader.read(tile)
    file.rmdir()
    with file.open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(TileError, match="possible size"):
        reader.read(tile)


def test_the_files_of_a_folder_are_listed_without_following_links(tmp_path: Path) -> None:
    folder = numbered(300).export(tmp_path / "log")
    assert sorted(FolderReader(folder).files()) == sorted(set(contents_of(folder)) - {"checkpoint"})
    (folder / "tile/x").symlink_to(folder / "tile")
    with pytest.raises(TileError, match="tile/x: is a link"):
        list(FolderReader(folder).files())
