"""A log folder verifies exactly when nothing in it was touched, and says where it was."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import merkle, note, tiles
from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.entry import encode_entry
from gateway.audit.note import KeyKind, NoteError, VerifierKey
from gateway.audit.screen import OTHER_EVENTS
from gateway.audit.verify import Step, VerificationError, verify_folder
from tests.gateway.audit.logs import OTHER_KEY, Log, altered, files_of, numbered, without_waiting

CANARY = "kanarie-123456782"


def refusal(folder: Path, *vkeys: str, older: bytes | None = None) -> VerificationError:
    with pytest.raises(VerificationError) as refused:
        verify_folder(folder, vkeys, older_checkpoint=older)
    assert CANARY not in str(refused.value)
    return refused.value


def verifies(folder: Path, vkey: str) -> bool:
    try:
        verify_folder(folder, [vkey])
    except VerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder of 600 entries that tests bend and put back, and the vkey of its log."""
    log = numbered(600)
    folder = log.export(tmp_path_factory.mktemp("export") / "log")
    yield folder, log.vkey
    assert verifies(folder, log.vkey)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 700])
def test_invariant_05_an_untouched_log_verifies_offline(tmp_path: Path, size: int) -> None:
    log = numbered(size)
    seen: list[tuple[int, int]] = []
    verified = verify_folder(
        log.export(tmp_path / "log"),
        [log.vkey],
        older_checkpoint=log.signed(size // 2),
        progress=lambda *done: seen.append(done),
    )
    assert (verified.origin, verified.size) == (log.origin, size)
    assert verified.root == log.root
    assert verified.events == {
        event: count
        for event, count in (("besluit", -(-size // 2)), ("vrijgave", size // 2))
        if count
    }
    assert seen == [(min(at + 256, size), size) for at in range(0, size, 256)]


def test_a_log_of_three_tile_levels_verifies(tmp_path: Path) -> None:
    log = numbered(66_000)
    older = log.signed(65_537)
    folder = log.export(tmp_path / "log")
    assert verify_folder(folder, [log.vkey], older_checkpoint=older).size == 66_000
    middle = folder / "tile/0/100"
    middle.write_bytes(middle.read_bytes()[::-1])
    error = refusal(folder, log.vkey)
    assert (error.step, error.file) == (Step.TREE, "tile/0/100")


def test_witnesses_among_the_keys_are_named(tmp_path: Path) -> None:
    log = numbered(5)
    folder = log.export(tmp_path / "log")
    text = note.parse_note(log.signed()).text
    cosignature = note.cosign_text(text, "casusregister.example", OTHER_KEY, 1_400_000_000)
    (folder / "checkpoint").write_bytes(note.add_signature(log.signed(), cosignature))
    witness_key = VerifierKey.of("casusregister.example", OTHER_KEY, KeyKind.COSIGNATURE)
    verified = verify_folder(folder, [log.vkey, witness_key.encode()])
    assert [(each.key, each.timestamp) for each in verified.cosignatures] == [
        (witness_key, 1_400_000_000)
    ]
    assert refusal(folder, witness_key.encode()).step == Step.SIGNATURE


# Step 1: the signature.


def test_a_wrong_key_never_verifies(export: tuple[Path, str]) -> None:
    folder, vkey = export
    key = note.parse_vkey(vkey)
    for wrong in (
        VerifierKey.of(key.name, OTHER_KEY),
        VerifierKey(key.name, KeyKind.COSIGNATURE, key.public),
        VerifierKey("sluis.example/toegang", KeyKind.ED25519, key.public),
    ):
        error = refusal(folder, wrong.encode())
        assert (error.step, error.file, error.index) == (Step.SIGNATURE, "checkpoint", None)
    assert refusal(folder).step == Step.SIGNATURE


def test_a_malformed_key_is_the_verifiers_own_mistake(export: tuple[Path, str]) -> None:
    with pytest.raises(NoteError, match="three parts"):
        verify_folder(export[0], ["geen sleutel"])


# Step 2: the tree.


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_invariant_05_a_flipped_byte_anywhere_never_verifies(
    export: tuple[Path, str], data: st.DataObject
) -> None:
    folder, vkey = export
    file = data.draw(st.sampled_from(files_of(folder)))
    whole = file.read_bytes()
    bent = bytearray(whole)
    bent[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(bent)
    try:
        assert not verifies(folder, vkey)
    finally:
        file.write_bytes(whole)


def test_every_flipped_byte_of_a_small_log_is_noticed(tmp_path: Path) -> None:
    log = numbered(2)
    folder = log.export(tmp_path / "log")
    for file in files_of(folder):
        whole = file.read_bytes()
        for at in range(len(whole)):
            bent = bytearray(whole)
            bent[at] ^= 1 << at % 8
            file.write_bytes(bent)
            assert not verifies(folder, log.vkey), (file, at)
        file.write_bytes(whole)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_cut_short_lengthened_or_gone_never_verifies(
    export: tuple[Path, str], data: st.DataObject
) -> None:
    folder, vkey = export
    file = data.draw(st.sampled_from(files_of(folder)))
    whole = file.read_bytes()
    length = data.draw(st.none() | st.integers(0, len(whole) - 1))
    extra = data.draw(st.binary(min_size=1, max_size=64))
    file.unlink()
    if length is not None:
        file.write_bytes(whole[:length] or extra)
    elif data.draw(st.booleans()):
        file.write_bytes(whole + extra)
    try:
        assert not verifies(folder, vkey)
    finally:
        file.write_bytes(whole)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_entries_in_another_order_never_verify(
    export: tuple[Path, str], data: st.DataObject
) -> None:
    folder, vkey = export
    first = data.draw(st.integers(0, 598))
    second = data.draw(st.integers(first + 1, 599))
    bundles = [tiles.Bundle(0), tiles.Bundle(1), tiles.Bundle(2, 88)]
    untouched = {bundle: (folder / bundle.path).read_bytes() for bundle in bundles}
    entries = [e for bundle, each in untouched.items() for e in tiles.split_bundle(each, bundle)]
    entries[first], entries[second] = entries[second], entries[first]
    for bundle in bundles:
        moved = entries[bundle.index * 256 : bundle.index * 256 + bundle.width]
        (folder / bundle.path).write_bytes(tiles.join_bundle(moved))
    try:
        error = refusal(folder, vkey)
        assert (error.step, error.index) == (Step.TREE, first)
    finally:
        for bundle, each in untouched.items():
            (folder / bundle.path).write_bytes(each)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tile/0/000", "tile/0/001"),
        ("tile/entries/000", "tile/entries/001"),
        ("tile/0/000", "tile/entries/000"),
        ("tile/0/002.p/88", "tile/1/000.p/2"),
        ("tile/0/000", "tile/0/002.p/88"),
    ],
)
def test_swapped_files_never_verify(
    tmp_path: Path, export: tuple[Path, str], one: str, other: str
) -> None:
    folder = shutil.copytree(export[0], tmp_path / "log")
    first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
    (folder / one).write_bytes(second)
    (folder / other).write_bytes(first)
    assert refusal(folder, export[1]).step == Step.TREE


@pytest.mark.parametrize("size", [1, 256, 300])
def test_a_whole_other_tree_under_the_signed_checkpoint_never_verifies(
    tmp_path: Path, size: int
) -> None:
    log = numbered(size)
    folder = altered(size, {0: encode_entry({"id": "anders"})}).export(tmp_path / "log")
    (folder / "checkpoint").write_bytes(log.signed())
    error = refusal(folder, log.vkey)
    assert (error.step, error.rule) == (Step.TREE, "the tiles do not lead to the signed root")


@pytest.mark.parametrize("keep", [0, 1, 256, 299])
def test_a_checkpoint_rolled_back_within_its_folder_never_verifies(
    tmp_path: Path, keep: int
) -> None:
    log = numbered(300)
    folder = log.export(tmp_path / "log")
    (folder / "checkpoint").write_bytes(log.signed(keep))
    assert refusal(folder, log.vkey).step == Step.TREE


def test_a_file_too_many_is_named(tmp_path: Path) -> None:
    log = numbered(300)
    for name in (
        "tile/0/002.p/1",  # beyond the end
        "tile/0/000.p/44",  # a narrower tile beside the full one
        "tile/1/000",
        "tile/7/000.p/1",
        "tile/entries/001.p/43",
        "tile/leesmij.txt",
        "tile/entries/x000/000",
    ):
        folder = log.export(tmp_path / "log")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
        error = refusal(folder, log.vkey)
        assert (error.step, error.file) == (Step.TREE, name)
        shutil.rmtree(folder)


def test_a_file_name_that_cannot_be_printed_is_named_in_ascii(tmp_path: Path) -> None:
    log = numbered(3)
    folder = log.export(tmp_path / "log")
    (folder / "tile" / os.fsdecode(b"\xff\x1b[2J\n")).touch()
    error = refusal(folder, log.vkey)
    assert error.file == r"tile/\udcff\x1b[2J\n"
    assert str(error).isascii()


def test_links_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    log = numbered(300)
    for make in (
        lambda path: path.symlink_to("/dev/zero"),
        os.mkfifo,
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path.parent),
    ):
        for name in ("checkpoint", "tile/0/000", "tile/entries/000", "tile/0/001.p/44"):
            folder = log.export(tmp_path / "log")
            (folder / name).unlink()
            make(folder / name)
            with without_waiting():
                assert not verifies(folder, log.vkey)
            shutil.rmtree(folder)


def test_a_folder_of_links_to_itself_ends(tmp_path: Path) -> None:
    # A signed tree of 2^40 equal leaves, of which every tile is one of a few files: with links
    # such a folder is finite, and walking it is not.
    log = numbered(1)
    leaf, levels = merkle.leaf_hash(log.entries[0]), [b""] * 5
    for level in range(5):
        levels[level] = leaf * 256
        leaf = merkle.root([leaf] * 256)
    folder = tmp_path / "log"
    for level, data in enumerate(levels):
        (folder / f"tile/{level}").mkdir(parents=True)
        (folder / f"tile/{level}/000").write_bytes(data)
        (folder / f"tile/{level}/x000").symlink_to(".")
    (folder / "tile/5/000.p").mkdir(parents=True)
    (folder / "tile/5/000.p/1").write_bytes(leaf)
    signed = sign_checkpoint(Checkpoint(log.origin, 2**40, leaf), log.key)
    (folder / "checkpoint").write_bytes(signed)
    with without_waiting():
        error = refusal(folder, log.vkey)
    assert (error.step, error.rule) == (Step.TREE, "is a link, pipe or device")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_garbage_in_place_of_files_ends_in_a_refusal(
    export: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = shutil.copytree(export[0], tmp_path_factory.mktemp("garbage") / "log")
    for file in data.draw(st.lists(st.sampled_from(files_of(folder)), min_size=1, unique=True)):
        garbage = data.draw(st.binary(max_size=300))
        file.write_bytes(garbage if garbage != file.read_bytes() else b"")
    assert refusal(folder, export[1]).step in (Step.SIGNATURE, Step.TREE)
    shutil.rmtree(folder)


@pytest.mark.parametrize("size", [2**62, 2**63 - 1])
def test_an_absurd_size_is_refused_at_once(tmp_path: Path, size: int) -> None:
    log = numbered(3)
    folder = log.export(tmp_path / "log")
    signed = sign_checkpoint(Checkpoint(log.origin, size, log.root), log.key)
    (folder / "checkpoint").write_bytes(signed)
    assert refusal(folder, log.vkey).step == Step.TREE


def test_no_folder_at_all_is_a_refusal(tmp_path: Path) -> None:
    log = numbered(3)
    assert refusal(tmp_path / "nowhere", log.vkey).rule == "is missing"
    (tmp_path / "log").mkdir()
    (tmp_path / "log/checkpoint").write_bytes(log.signed())
    error = refusal(tmp_path / "log", log.vkey)
    assert (error.step, error.file, error.rule) == (Step.TREE, "tile/0/000.p/3", "is missing")


# Step 3: the older checkpoint.


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 299, 300])
def test_an_older_checkpoint_of_the_same_log_agrees(tmp_path: Path, size: int) -> None:
    log = numbered(300)
    folder = log.export(tmp_path / "log")
    assert verify_folder(folder, [log.vkey], older_checkpoint=log.signed(size)).size == 300


def test_a_log_rewritten_and_signed_again_contradicts_its_older_checkpoint(tmp_path: Path) -> None:
    log = numbered(300)
    rewritten = altered(300, {0: encode_entry({"id": "anders"})})
    folder = rewritten.export(tmp_path / "log")
    assert verifies(folder, log.vkey)
    error = refusal(folder, log.vkey, older=log.signed(200))
    assert (error.step, error.file) == (Step.OLDER, "older checkpoint")
    assert "first entries" in error.rule


def test_a_log_rolled_back_as_a_whole_contradicts_its_older_checkpoint(tmp_path: Path) -> None:
    log, shorter = numbered(300), numbered(200)
    folder = shorter.export(tmp_path / "log")
    assert verifies(folder, log.vkey)
    error = refusal(folder, log.vkey, older=log.signed())
    assert error.step == Step.OLDER
    assert "more entries" in error.rule


def test_an_older_checkpoint_must_be_signed_and_of_the_same_log(tmp_path: Path) -> None:
    log = numbered(300)
    folder = log.export(tmp_path / "log")
    root = merkle.root(merkle.leaf_hashes(log.entries[:5]))
    forged = sign_checkpoint(Checkpoint(log.origin, 5, root), OTHER_KEY)
    for older in (forged, b"", log.signed(5)[:-2]):
        assert refusal(folder, log.vkey, older=older).step == Step.OLDER
    elsewhere = sign_checkpoint(Checkpoint("sluis.example/toegang", 5, root), log.key)
    elsewhere_key = VerifierKey.of("sluis.example/toegang", log.key).encode()
    error = refusal(folder, log.vkey, elsewhere_key, older=elsewhere)
    assert (error.step, error.rule) == (Step.OLDER, "the older checkpoint is of another log")


# Step 4: canonical entries.


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"geen json",
        b'{"id": "kanarie-123456782"}',
        b'{"z":1,"id":"kanarie-123456782"}',
        b'{"id":"kanarie-123456782","id":"kanarie-123456782"}',
        b'{"id":"kanarie-123456782","n":1.5}',
        b'{"id":"kanarie-123456782","n":9007199254740992}',
        b'["kanarie-123456782"]',
        b'{"id":"\xff"}',
        b"[" * 65_535,
    ],
)
def test_an_entry_that_is_not_canonical_is_named_even_when_signed(
    tmp_path: Path, entry: bytes
) -> None:
    log = altered(400, {300: entry, 350: entry})
    error = refusal(log.export(tmp_path / "log"), log.vkey)
    assert (error.step, error.index) == (Step.CANONICAL, 300)
    assert error.file == "tile/entries/001.p/144"


def test_earlier_steps_are_reported_before_later_ones(tmp_path: Path) -> None:
    log = altered(400, {0: b"{}", 1: b"{}", 2: b"geen json"})  # the first two have no id
    folder = log.export(tmp_path / "log")
    assert refusal(folder, log.vkey).step == Step.CANONICAL
    assert refusal(folder, log.vkey, older=numbered(5).signed()).step == Step.OLDER
    last = folder / "tile/entries/001.p/144"
    last.write_bytes(last.read_bytes()[:-1] + b"!")
    error = refusal(folder, log.vkey, older=numbered(5).signed())
    assert (error.step, error.index) == (Step.TREE, 399)


# Step 5: unique ids.


def test_an_id_that_stands_twice_is_named_at_its_second_place(tmp_path: Path) -> None:
    again = encode_entry({"id": "regel-5", "event": CANARY})
    log = altered(700, {600: again, 650: encode_entry({"id": "regel-2"})})
    error = refusal(log.export(tmp_path / "log"), log.vkey)
    assert (error.step, error.file, error.index) == (Step.UNIQUE, "tile/entries/002.p/188", 600)


@pytest.mark.parametrize("fields", [{}, {"id": 1}, {"id": None}, {"ID": "a"}])
def test_an_entry_without_an_id_is_named(tmp_path: Path, fields: dict[str, object]) -> None:
    log = altered(300, {257: encode_entry(fields), 280: encode_entry(fields)})
    error = refusal(log.export(tmp_path / "log"), log.vkey)
    assert (error.step, error.index) == (Step.UNIQUE, 257)


def test_the_id_may_have_another_name(tmp_path: Path) -> None:
    log = Log([encode_entry({"regelId": str(n)}) for n in range(3)])
    folder = log.export(tmp_path / "log")
    assert verify_folder(folder, [log.vkey], id_field="regelId").events == {}
    assert refusal(folder, log.vkey).step == Step.UNIQUE


def test_event_names_without_end_are_counted_together(tmp_path: Path) -> None:
    names: list[object] = [f"naam-{n}" for n in range(300)]
    names += ["x" * 81, 7, None, ["a"], "naam-0"]
    log = Log([encode_entry({"id": str(n), "event": name}) for n, name in enumerate(names)])
    events = verify_folder(log.export(tmp_path / "log"), [log.vkey]).events
    assert len(events) == 257
    assert (events["naam-0"], events["naam-255"], events[OTHER_EVENTS]) == (2, 1, 45)
