"""Two readings of the same standards agree: the gateway's, and that of the single file."""

from __future__ import annotations

import ast
import base64
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import merkle
from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.entry import EntryError, decode_entry, encode_entry
from gateway.audit.note import (
    KeyKind,
    NoteError,
    Signature,
    VerifierKey,
    add_signature,
    parse_vkey,
)
from gateway.audit.tiles import Bundle, Tile
from tests.gateway.audit.logs import KEY, Log, altered, files_of, numbered
from tests.gateway.audit.verdicts import SINGLE_FILE, Case, both, single_file

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats(allow_nan=True)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


def is_canonical(entry: bytes) -> bool:
    try:
        decode_entry(entry)
    except EntryError:
        return False
    return True


def single_says(entry: bytes) -> bool:
    one = single_file()
    try:
        one.read_entry(entry, "entry")
    except one.Refused:
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(fields=st.dictionaries(st.text(max_size=6), JSON), data=st.data())
def test_both_call_the_same_entries_canonical(
    fields: dict[str, object], data: st.DataObject
) -> None:
    spelled = [
        json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        json.dumps(fields, sort_keys=True, separators=(",", ":")),
        json.dumps(fields),
    ]
    entry = data.draw(st.sampled_from(spelled)).encode("utf-8", "surrogatepass")
    assert is_canonical(entry) == single_says(entry)
    if entry:
        bent = bytearray(entry)
        bent[data.draw(st.integers(0, len(entry) - 1))] = data.draw(st.integers(0, 255))
        assert is_canonical(bytes(bent)) == single_says(bytes(bent))


@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        (b'{"a":9007199254740991}', True),
        (b'{"a":9007199254740992}', False),
        (b'{"a":-9007199254740992}', False),
        (b'{"a":-0}', False),
        (b'{"a":1e2}', False),
        (b'{"a":NaN}', False),
        (b'{"a":1,"a":1}', False),
        ('{"a":"\u00e9\u2028"}'.encode(), True),
        ('{"\u00e9":1}'.encode(), False),
        (b'{"\\u00e9":1}', False),
        (b'{"a":"\\u0001\\b\\t"}', True),
        (b'{"a":"\\u0008"}', False),
        (b'{"a":"\\ud800"}', False),
        (b'{"a":"\x7f"}', True),
        (b'{"a":1} ', False),
        (b"[]", False),
        (b"\xef\xbb\xbf{}", False),
        (b"{}", True),
        (b"[" * 60_000, False),
    ],
)
def test_the_corners_of_the_canonical_form(entry: bytes, holds: bool) -> None:
    assert is_canonical(entry) is holds
    assert single_says(entry) is holds


@given(size=st.integers(1, 600), data=st.data())
@settings(max_examples=100, deadline=None)
def test_both_check_inclusion_alike(size: int, data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(bytes([n % 256, n // 256])) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, root = merkle.inclusion_proof(hashes, index), merkle.root(hashes)
    one = single_file()
    one.verify_inclusion(index, size, hashes[index], path, root)
    assert one.root_of(hashes) == root
    wrong_size = data.draw(st.integers(0, 700))
    wrong_index = data.draw(st.integers(-1, 700))
    if data.draw(st.booleans()):
        path = path[:-1]
    for at, of in ((wrong_index, size), (index, wrong_size)):
        given = (at, of, hashes[index], path, root)
        assert _holds_by_ours(*given) == _holds_by_theirs(*given)


def _holds_by_ours(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    try:
        merkle.verify_inclusion(index=index, size=size, leaf=leaf, proof=path, root=root)
    except merkle.ProofError:
        return False
    return True


def _holds_by_theirs(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    one = single_file()
    try:
        one.verify_inclusion(index, size, leaf, path, root)
    except one.Refused:
        return False
    return True


def test_both_name_the_same_files() -> None:
    one = single_file()
    for level, index, width in ((0, 0, 256), (0, 999, 5), (1, 1000, 256), (2, 1_234_067, 8)):
        assert one.tile_path(level, index, width) == Tile(level, index, width).path
        assert one.tile_path("entries", index, width) == Bundle(index, width).path


@pytest.mark.parametrize(
    "vkey",
    [
        VerifierKey.of("een.example", KEY).encode(),
        VerifierKey.of("een.example", KEY, KeyKind.COSIGNATURE).encode(),
        "een.example+00000000+AQID",
        "een+example",
        "+" + VerifierKey.of("een.example", KEY).encode().split("+", 1)[1],
        VerifierKey.of("een.example", KEY).encode() + "=",
        VerifierKey.of("een.example", KEY).encode().replace("een", "twee"),
        "",
    ],
)
def test_both_read_the_same_keys(vkey: str) -> None:
    one = single_file()
    try:
        parse_vkey(vkey)
        ours = True
    except NoteError:
        ours = False
    try:
        one.read_key(vkey)
        theirs = True
    except one.Refused:
        theirs = False
    assert ours == theirs


def test_both_count_a_witness_with_a_quantum_safe_key(tmp_path: Path) -> None:
    log, private, when = numbered(5), MLDSA44PrivateKey.generate(), 1_790_000_000
    public, name = private.public_key().public_bytes_raw(), "getuige.example"
    # Laid out by hand from c2sp.org/tlog-cosignature: label, name, time, origin, start, end, hash.
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name.encode() + when.to_bytes(8, "big")
    message += bytes([len(log.origin)]) + log.origin.encode() + bytes(8) + (5).to_bytes(8, "big")
    blob = when.to_bytes(8, "big") + private.sign(message + log.root)
    key_id = sha256(name.encode() + b"\n\x06" + public).digest()[:4]
    vkey = f"{name}+{key_id.hex()}+{base64.b64encode(bytes([6]) + public).decode()}"
    folder = log.export(tmp_path / "log")
    for bent, holds in ((0, True), (1, False)):
        signature = Signature(name, key_id, blob[:-1] + bytes([blob[-1] ^ bent]))
        (folder / "checkpoint").write_bytes(add_signature(log.signed(), signature))
        verdict = both(Case([log.vkey, vkey], [folder], quorum=1))
        assert (verdict.refusal is None) is holds, verdict


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 700])
def test_logs_of_every_shape_hold_by_both(tmp_path: Path, size: int) -> None:
    log = numbered(size)
    folder = log.export(tmp_path / "log")
    for older in {0, size // 2, max(0, size - 1), size}:
        assert both(Case([log.vkey], [folder], [log.signed(older)])).refusal is None
    assert both(Case([log.vkey], [folder], [numbered(size + 1).signed()])).refusal is not None


def test_three_levels_of_tiles_hold_by_both(tmp_path: Path) -> None:
    log = numbered(66_000)
    folder = log.export(tmp_path / "log")
    assert both(Case([log.vkey], [folder], [log.signed(65_537)])).refusal is None
    middle = folder / "tile/1/000"
    middle.write_bytes(middle.read_bytes()[::-1])
    assert both(Case([log.vkey], [folder])).refusal is not None


@pytest.mark.parametrize(
    "entry",
    [b"", b"{}", b'{"id":1}', b'{"id":"regel-5","event":"x"}', b'{"id":"a","n":1.5}', b"[1]"],
)
def test_what_an_operator_may_not_sign_is_refused_by_both(tmp_path: Path, entry: bytes) -> None:
    log = altered(400, {300: entry})
    assert both(Case([log.vkey], [log.export(tmp_path / "log")])).refusal is not None


def test_links_pipes_and_absurd_sizes_are_refused_by_both(tmp_path: Path) -> None:
    log = numbered(300)
    makes: tuple[Callable[[Path], None], ...] = (
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path.parent),
    )
    for make in makes:
        for name in ("checkpoint", "tile/0/000", "tile/entries/000"):
            folder = log.export(tmp_path / "log")
            (folder / name).unlink()
            make(folder / name)
            assert both(Case([log.vkey], [folder])).refusal is not None
            shutil.rmtree(folder)
    folder = log.export(tmp_path / "log")
    (tmp_path / "elders").mkdir()
    (folder / "tile").rename(tmp_path / "elders" / "tile")
    (folder / "tile").symlink_to(tmp_path / "elders" / "tile")
    assert both(Case([log.vkey], [folder])).refusal is not None


def test_an_absurd_size_ends_at_once_by_both(tmp_path: Path) -> None:
    log = numbered(3)
    folder = log.export(tmp_path / "log")
    for size in (2**40, 2**63 - 1):
        signed = sign_checkpoint(Checkpoint(log.origin, size, log.root), log.key)
        (folder / "checkpoint").write_bytes(signed)
        assert both(Case([log.vkey], [folder])).refusal is not None


def test_the_single_file_needs_cryptography_and_nothing_else_of_ours() -> None:
    tree = ast.parse(SINGLE_FILE.read_text())
    named = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    roots = {name.split(".")[0] for name in named}
    assert not roots & {"gateway", "schemas", "consent", "adapters"}
    assert {name for name in named if name.startswith("cryptography")} == {
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.asymmetric.ed25519",
        "cryptography.hazmat.primitives.asymmetric.mldsa",
    }
    assert len(SINGLE_FILE.read_text().splitlines()) < 600


def test_a_log_with_an_entry_of_each_size_holds_by_both(tmp_path: Path) -> None:
    entries = [encode_entry({"id": str(n), "v": "x" * n}) for n in (0, 1, 255, 256, 60_000)]
    log = Log(entries)
    assert both(Case([log.vkey], [log.export(tmp_path / "log")])).refusal is None
    assert len(files_of(tmp_path / "log")) == 3
