"""Known answers: the eight-leaf tree of the Certificate Transparency reference code, whose hashes
and proofs are published in transparency-dev/merkle (testdata, happy paths), and pymerkle."""

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import merkle
from gateway.audit.merkle import ProofError

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # (index, size)
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {  # (old size, new size)
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
HASH = st.binary(min_size=32, max_size=32)


def hashes(size: int) -> list[bytes]:
    return merkle.leaf_hashes(b"%d" % n for n in range(size))


def prove_inclusion(size: int, index: int) -> dict[str, object]:
    leaves = hashes(size)
    return {
        "index": index,
        "size": size,
        "leaf": leaves[index],
        "proof": merkle.inclusion_proof(leaves, index),
        "root": merkle.root(leaves),
    }


def prove_consistency(old_size: int, new_size: int) -> dict[str, object]:
    leaves = hashes(new_size)
    return {
        "old_size": old_size,
        "new_size": new_size,
        "old_root": merkle.root(leaves[:old_size]),
        "new_root": merkle.root(leaves),
        "proof": merkle.consistency_proof(leaves, old_size),
    }


def includes(claim: dict[str, object]) -> bool:
    try:
        merkle.verify_inclusion(**claim)  # type: ignore[arg-type]  # claims are built to be bent
    except ProofError:
        return False
    return True


def is_consistent(claim: dict[str, object]) -> bool:
    try:
        merkle.verify_consistency(**claim)  # type: ignore[arg-type]  # likewise
    except ProofError:
        return False
    return True


def test_leaf_and_node_hashes_are_those_of_rfc_6962() -> None:
    # From rfc6962_test.go of transparency-dev/merkle, where the shell command stands beside it.
    expected_leaf = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    expected_node = "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    assert merkle.leaf_hash(b"L123456").hex() == expected_leaf
    assert merkle.node_hash(b"N123", b"N456").hex() == expected_node


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_published_tree(size: int) -> None:
    assert merkle.root(merkle.leaf_hashes(LEAVES[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_published(index: int, size: int) -> None:
    proof = merkle.inclusion_proof(merkle.leaf_hashes(LEAVES[:size]), index)
    assert [each.hex() for each in proof] == INCLUSION[index, size]
    leaf, root = merkle.leaf_hash(LEAVES[index]), bytes.fromhex(ROOTS[size])
    merkle.verify_inclusion(index=index, size=size, leaf=leaf, proof=proof, root=root)


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_published(old: int, new: int) -> None:
    proof = merkle.consistency_proof(merkle.leaf_hashes(LEAVES[:new]), old)
    assert [each.hex() for each in proof] == CONSISTENCY[old, new]
    old_root, new_root = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[new])
    merkle.verify_consistency(
        old_size=old, new_size=new, old_root=old_root, new_root=new_root, proof=proof
    )


def test_every_tree_up_to_300_leaves_agrees_with_pymerkle() -> None:
    theirs, frontier = pymerkle.InmemoryTree(algorithm="sha256"), merkle.Frontier()
    assert theirs.get_root() == merkle.EMPTY_ROOT == frontier.root()
    leaves = hashes(300)
    for size in range(1, 301):
        theirs.append_entry(b"%d" % (size - 1))
        frontier.append(leaves[size - 1 : size])
        root = theirs.get_root()
        assert merkle.root(leaves[:size]) == frontier.root() == root
        for index in {0, size // 3, size // 2, size - 1}:
            proof = merkle.inclusion_proof(leaves[:size], index)
            # Theirs counts from one, and starts the path with the leaf itself.
            assert proof == theirs.prove_inclusion(index + 1, size).path[1:]
            merkle.verify_inclusion(
                index=index, size=size, leaf=leaves[index], proof=proof, root=root
            )


def test_consistency_holds_between_the_roots_that_pymerkle_gives() -> None:
    theirs, leaves = pymerkle.InmemoryTree(algorithm="sha256"), hashes(70)
    theirs.append_entries(b"%d" % n for n in range(70))
    for new in range(1, 71):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(leaves[:new], old)
            merkle.verify_consistency(
                old_size=old,
                new_size=new,
                old_root=theirs.get_root(old),
                new_root=theirs.get_root(new),
                proof=proof,
            )


def test_nothing_is_included_in_an_empty_tree() -> None:
    for leaf in (b"", bytes(32), merkle.EMPTY_ROOT):
        for root in (b"", bytes(32), merkle.EMPTY_ROOT, leaf):
            assert not includes({"index": 0, "size": 0, "leaf": leaf, "proof": [], "root": root})


def test_consistency_with_an_empty_tree_proves_nothing() -> None:
    root = merkle.root(hashes(3))
    for new_size, new_root in ((0, merkle.EMPTY_ROOT), (0, root), (3, root)):
        for old_root in (merkle.EMPTY_ROOT, new_root, b""):
            claim = {"old_size": 0, "new_size": new_size, "old_root": old_root}
            assert not is_consistent({**claim, "new_root": new_root, "proof": []})


@pytest.mark.parametrize("root", [b"", b"\x00" * 31, b"\x00" * 33])
def test_hashes_of_another_length_are_refused(root: bytes) -> None:
    assert not includes({"index": 0, "size": 1, "leaf": root, "proof": [], "root": root})
    claim = {"old_size": 1, "new_size": 1, "old_root": root, "new_root": root, "proof": []}
    assert not is_consistent(claim)


def test_sizes_out_of_range_are_refused_at_once() -> None:
    for size in (-1, 2**63, 10**400):
        assert not includes({**prove_inclusion(5, 3), "size": size})
        assert not is_consistent({**prove_consistency(3, 5), "new_size": size})
    assert not includes({**prove_inclusion(5, 3), "index": 5})
    assert not includes({**prove_inclusion(5, 3), "index": -1})
    assert not is_consistent({**prove_consistency(3, 5), "old_size": 6})


@given(st.data())
def test_a_bent_inclusion_proof_never_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    claim = prove_inclusion(size, data.draw(st.integers(0, size - 1)))
    assert includes(claim)
    bent = {**claim, **data.draw(bends(claim, ("leaf", "root")))}
    if bent != claim:
        assert not includes(bent)


@given(st.data())
def test_a_bent_consistency_proof_never_verifies(data: st.DataObject) -> None:
    new_size = data.draw(st.integers(1, 70))
    claim = prove_consistency(data.draw(st.integers(1, new_size)), new_size)
    assert is_consistent(claim)
    bent = {**claim, **data.draw(bends(claim, ("old_root", "new_root")))}
    if bent != claim:
        assert not is_consistent(bent)


def bends(
    claim: dict[str, object], single: tuple[str, ...]
) -> st.SearchStrategy[dict[str, object]]:
    """One part of a claim replaced: a hash, or the proof longer, shorter, shuffled, flipped."""
    proof = claim["proof"]
    assert isinstance(proof, list)
    proofs = [
        st.builds(lambda at, new: [*proof[:at], new, *proof[at:]], st.integers(0, len(proof)), HASH)
    ]
    if proof:
        place = st.integers(0, len(proof) - 1)
        proofs += [
            st.builds(lambda at: [*proof[:at], *proof[at + 1 :]], place),
            st.builds(lambda at, new: [*proof[:at], new, *proof[at + 1 :]], place, HASH),
            st.permutations(proof),
        ]
    whole: list[st.SearchStrategy[dict[str, object]]] = [
        st.builds(lambda name, new: {name: new}, st.sampled_from(single), HASH),
        st.one_of(proofs).map(lambda new: {"proof": new}),
    ]
    return st.one_of(whole)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_a_frontier_does_not_depend_on_how_leaves_are_grouped(groups: list[int]) -> None:
    leaves, frontier, at = hashes(sum(groups)), merkle.Frontier(), 0
    for group in groups:
        frontier.append(leaves[at : at + group])
        at += group
        resumed = merkle.Frontier(frontier.size, frontier.hashes)
        assert resumed.root() == frontier.root() == merkle.root(leaves[:at])
        frontier = resumed
    assert frontier.size == len(leaves)


def test_a_frontier_that_lacks_hashes_is_refused() -> None:
    with pytest.raises(ValueError, match="one hash for every bit"):
        merkle.Frontier(6, [bytes(32)])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100, 255, 256])
def test_a_batch_holds_the_inclusion_path_of_every_leaf(size: int) -> None:
    leaves = hashes(size)
    batch = merkle.batch(leaves)
    assert batch.root == merkle.root(leaves)
    for index, path in enumerate(batch.paths):
        assert list(path) == merkle.inclusion_proof(leaves, index)


@pytest.mark.parametrize("size", [0, 257])
def test_a_batch_of_none_or_too_many_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        merkle.batch([bytes(32)] * size)


@settings(max_examples=50)
@given(st.integers(1, 2**63 - 1), st.data())
def test_proof_ranges_of_the_largest_trees_are_short_and_tile_the_tree(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    ranges = merkle.inclusion_ranges(index, size)
    assert len(ranges) <= 63
    assert sum(high - low for low, high in ranges) == size - 1
