"""Known answers: proofs in the tree of 70,000 `record <n>` entries, computed with
golang.org/x/mod/sumdb/tlog (ProveRecord, ProveTree)."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import merkle, proofs, tiles
from gateway.audit.merkle import ProofError
from gateway.audit.tiles import HeldTiles, Tile, TileError, TileMissingError

SIZE = 70_000
GO_INCLUSION = {
    (69_999, 70_000): (
        "alb1VWRmggzDDAhKffWmgIIru3FBuYTxrj+armFyB18= iLA0qWLPXXj7vZiOzHDuit+mmEnB8r9EIEjFcuD0jWg= "
        "NbbH8P+Hyp3FNsyPDwTac5KI3QaZN2PJp9UKcoNiZg4= kHQzh3iuCdfVI9ok4F9ZARsJ1ESv8E5S11E69Z+xsVs= "
        "rW4Pbf6S8cedYDFy0roiLbAwUJemtSmZbU37V4vSqew= l3jV6qyVaJASdb1xoZXfwyIPNCZJxP4XIOBOs5KyMPU= "
        "ag9Z0EXmjLVst1sGJl5voJFnlf3DSVglr/iQS7ZlLCs= 2n8volAHRBLtYInJUDxH3r54R+zq/O2lCkk5r70PG9w= "
        "GigqHEr3TbqFajL56mOiMlnP+L3XlVr/5mnhjC2xWu0="
    ),
    (299, 300): (
        "oJeCE4EcZnD3TghM2hxVfAALwF5llUkBn6elkggA9lg= G4eeV6kFVP/E3WDpTS13Y8MluAOSE4lmh/6gzH+LKXY= "
        "BwAl1lkfH1Fu+RLO5xSCcQc32AVTRaXrDkBtCAGGR9g= M96OAKgNKtJ00jDbUN3xCuKP3nVQYySodLLmyR3zgK0= "
        "3JNJ+Xh+0Ahtptl/Z5xRpRmPmORW6Vsdh/o6vAEv7DE="
    ),
}
GO_CONSISTENCY = {
    (300, 70_000): (
        "UAY9Z86bAmPM71c1+2wmGxhXqulR7Pvd1UBemhAkrvI= T7LIU36xR5ZS2dLK/AEGiILdLgRylV4///+9kCtCG5Q= "
        "BwAl1lkfH1Fu+RLO5xSCcQc32AVTRaXrDkBtCAGGR9g= IJdCR5R3fA6Uz4Bp77f3p+B4U1IF9fP2+3NrfpHbTrw= "
        "M96OAKgNKtJ00jDbUN3xCuKP3nVQYySodLLmyR3zgK0= IS1VLmLBFgASo26fOrGlUMDNSccVIa5WEjGup2SS1O4= "
        "vxnZsQWOZN3apXVLAq97/8iy3Qzs7Mw9gf5D1ibevTM= 3JNJ+Xh+0Ahtptl/Z5xRpRmPmORW6Vsdh/o6vAEv7DE= "
        "1bwgqpq5uui/PRJDW9mouscy+oFtjQuBcfNy9aiJWiE= Hnx9Nk4cjFOoZN9+m5SLN2RpssZJ1dNNoukECfAXSqE= "
        "80iuKV+PswOx36m4xG6z6k0ayAsqLWx2A1urTYkLWQE= OHgqe7UHyAXtvUhnzk2Y2p//xrN2JEdBfJ+tq0/Nvow= "
        "9sIkvE/WpTTEg8Z0EGHMjwFrdDymybFD5BcLuJ6VmM4= ZoQ/SgIUMkKGKJ8AZCf21+mS/g6u2evndsNh9nNOWyM= "
        "NPeUsMdFVclox2kN0AqBrrjQwItkq5vUe2zNrXhTCp8= +hDf8GL4LcO1xiDr94L6U2IeTQdLAHdcWKScoXS019c="
    ),
    (65_536, 70_000): "+hDf8GL4LcO1xiDr94L6U2IeTQdLAHdcWKScoXS019c=",
    (69_999, 70_000): (
        "alb1VWRmggzDDAhKffWmgIIru3FBuYTxrj+armFyB18= sdhWcBVgoaJ8rke8Fyd1sGef0DoeeiEGODhw3qP25Jk= "
        "iLA0qWLPXXj7vZiOzHDuit+mmEnB8r9EIEjFcuD0jWg= NbbH8P+Hyp3FNsyPDwTac5KI3QaZN2PJp9UKcoNiZg4= "
        "kHQzh3iuCdfVI9ok4F9ZARsJ1ESv8E5S11E69Z+xsVs= rW4Pbf6S8cedYDFy0roiLbAwUJemtSmZbU37V4vSqew= "
        "l3jV6qyVaJASdb1xoZXfwyIPNCZJxP4XIOBOs5KyMPU= ag9Z0EXmjLVst1sGJl5voJFnlf3DSVglr/iQS7ZlLCs= "
        "2n8volAHRBLtYInJUDxH3r54R+zq/O2lCkk5r70PG9w= GigqHEr3TbqFajL56mOiMlnP+L3XlVr/5mnhjC2xWu0="
    ),
}


@pytest.fixture(scope="module")
def leaves() -> list[bytes]:
    return merkle.leaf_hashes(b"record %d" % n for n in range(SIZE))


@pytest.fixture(scope="module")
def held(leaves: list[bytes]) -> HeldTiles:
    return HeldTiles(tiles.grow(HeldTiles(), 0, leaves).tiles)


def as_text(proof: list[bytes]) -> str:
    return " ".join(base64.b64encode(each).decode() for each in proof)


@pytest.mark.parametrize(("index", "size"), GO_INCLUSION)
def test_inclusion_proofs_are_those_that_go_gives(held: HeldTiles, index: int, size: int) -> None:
    proof = proofs.inclusion_proof(held, index, size, held=SIZE)
    assert as_text(proof) == GO_INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), GO_CONSISTENCY)
def test_consistency_proofs_are_those_that_go_gives(held: HeldTiles, old: int, new: int) -> None:
    assert as_text(proofs.consistency_proof(held, old, new, held=SIZE)) == GO_CONSISTENCY[old, new]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_proofs_of_any_smaller_tree_verify_and_need_only_the_tiles_named(
    held: HeldTiles, leaves: list[bytes], data: st.DataObject
) -> None:
    new = data.draw(st.integers(1, 3_000) | st.integers(1, SIZE))
    old, index = data.draw(st.integers(1, new)), data.draw(st.integers(0, new - 1))
    new_root = merkle.root(leaves[:new])

    def only(named: tuple[Tile, ...]) -> HeldTiles:
        return HeldTiles({tile: held[tile] for tile in named})

    some = only(proofs.tiles_for_root(new, held=SIZE))
    assert proofs.tree_root(some, new, held=SIZE) == new_root
    some = only(proofs.tiles_for_inclusion(index, new, held=SIZE))
    proof = proofs.inclusion_proof(some, index, new, held=SIZE)
    merkle.verify_inclusion(index=index, size=new, leaf=leaves[index], proof=proof, root=new_root)
    some = only(proofs.tiles_for_consistency(old, new, held=SIZE))
    proof = proofs.consistency_proof(some, old, new, held=SIZE)
    merkle.verify_consistency(
        old_size=old,
        new_size=new,
        old_root=merkle.root(leaves[:old]),
        new_root=new_root,
        proof=proof,
    )


@pytest.mark.parametrize("size", [1, 255, 256, 257, 300, 65_536, 65_537])
def test_a_tree_is_proved_from_its_own_tiles(leaves: list[bytes], size: int) -> None:
    own = HeldTiles(tiles.grow(HeldTiles(), 0, leaves[:size]).tiles)
    root = proofs.tree_root(own, size)
    assert root == merkle.root(leaves[:size])
    for index in {0, size // 2, size - 1}:
        proof = proofs.inclusion_proof(own, index, size)
        merkle.verify_inclusion(index=index, size=size, leaf=leaves[index], proof=proof, root=root)
        assert set(proofs.tiles_for_inclusion(index, size)) <= set(own)


def test_the_empty_tree_has_a_root_and_no_proofs() -> None:
    assert proofs.tree_root(HeldTiles(), 0) == merkle.EMPTY_ROOT
    with pytest.raises(ProofError):
        proofs.inclusion_proof(HeldTiles(), 0, 0)
    with pytest.raises(ProofError):
        proofs.consistency_proof(HeldTiles(), 0, 5)


def test_a_missing_or_damaged_tile_is_named() -> None:
    with pytest.raises(TileMissingError, match="tile/2"):
        proofs.tree_root(HeldTiles(), SIZE)
    damaged = HeldTiles({Tile(0, 0, 3): bytes(95)})
    with pytest.raises(TileError, match=r"tile/0/000\.p/3"):
        proofs.tree_root(damaged, 3)
