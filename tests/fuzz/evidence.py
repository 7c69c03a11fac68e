"""What proves something: notes, checkpoints, proofs, tiles, entries and dossiers."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import (
    checkpoint,
    dossier_proofs,
    entry,
    merkle,
    note,
    tiles,
    tlog_proof,
    witness,
)
from gateway.client import checkpoints
from gateway.client.checkpoints import EvidenceError
from tests.fuzz.examining import Target

ROOT = Path(__file__).parents[2]
ORIGIN = "sluis.test/verwerkingen"
_VERIFIER = ROOT / "deploy" / "sluis_verify.py"


@cache
def signed() -> tuple[bytes, bytes]:
    """A log of one entry: its checkpoint, and the proof that the entry stands in it."""
    key = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    leaf = merkle.leaf_hash(_entry())
    stated = checkpoint.Checkpoint(ORIGIN, 1, merkle.root([leaf]))
    note_ = checkpoint.sign_checkpoint(stated, key)
    return note_, tlog_proof.TlogProof(0, (), note_).encode()


@cache
def _key() -> note.VerifierKey:
    return note.VerifierKey.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def _entry() -> bytes:
    return entry.encode_entry({"event": "besluit", "subjects": ["A" * 43 + "="], "number": 1})


def _dossier() -> bytes:
    _, proof = signed()
    whole = {"bewijs": proof.decode(), "logregel": base64.b64encode(_entry()).decode()}
    waiting = {"bewijs": None, "bladhash": base64.b64encode(b"h" * 32).decode()}
    opening = {"sleutel": base64.b64encode(b"k" * 32).decode(), "persoon": "0" * 32}
    opened = {**whole, "opening": opening, "verbintenis": {**opening, "waarde": "x"}}
    return json.dumps({"bewijzen": [whole, waiting, opened]}).encode()


@cache
def second_verifier() -> ModuleType:
    """The verifier that shares no code with the gateway, as a module."""
    found = importlib.util.spec_from_file_location("sluis_verify", _VERIFIER)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["sluis_verify"] = module
    found.loader.exec_module(module)
    return module


def _silent(parse: Callable[[bytes], object], data: bytes) -> str:
    parse(data)
    return ""


def _vkey(data: bytes) -> str:
    note.parse_vkey(data.decode("latin-1"))
    return ""


def _proof(data: bytes) -> str:
    read = tlog_proof.read_tlog_proof(data)
    assert read.encode() == data  # there is one spelling
    tlog_proof.verify_tlog_proof(read, merkle.leaf_hash(_entry()), [_key()])
    return ""


def _path(data: bytes) -> str:
    text = data.decode("latin-1")
    assert tiles.parse_path(text).path == text  # there is one spelling
    return ""


def _entry_read(data: bytes) -> str:
    assert entry.encode_entry(entry.decode_entry(data)) == data  # there is one spelling
    return ""


def _tile(data: bytes) -> str:
    return _silent(lambda body: tiles.split_tile(body, tiles.Tile(0, 0, 2)), data)


def _bundle(data: bytes) -> str:
    return _silent(lambda body: tiles.split_bundle(body, tiles.Bundle(0, 2)), data)


def _cosignatures(data: bytes) -> str:
    witness.told_cosignatures(signed()[0], data, _key())
    return ""


def _submission(data: bytes) -> str:
    read = witness.read_submission(data)
    witness.judge(read, witness.signed_checkpoint(read, {ORIGIN: [_key()]}), None)
    return ""


def _client_key(data: bytes) -> str:
    checkpoints.read_key(data.decode("latin-1"))
    return ""


def _client_checkpoint(data: bytes) -> str:
    stated = checkpoints.read_checkpoint(data)
    checkpoints.verify_signed(stated, checkpoints.read_key(_key_text()))
    return ""


def _key_text() -> str:
    return _key().encode()


def _vkeys() -> Sequence[bytes]:
    known = (ROOT / "tests" / "vectors" / "witness" / "keys.txt").read_bytes().splitlines()
    return [*known, _key_text().encode()]


def _second(data: bytes) -> str:
    module = second_verifier()
    module.verify_proof(data, merkle.leaf_hash(_entry()), [module.read_key(_key_text())])
    return ""


def _second_dossier(data: bytes) -> str:
    module = second_verifier()
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    module.verify_dossier(read, [module.read_key(_key_text())])
    return ""


def targets() -> Iterator[Target]:
    """Everything that somebody brings as evidence."""
    verifier = second_verifier()
    stated, proof = signed()
    notes = (note.NoteError,)
    proofs = (note.NoteError, merkle.ProofError)
    cosigned = (ROOT / "tests" / "vectors" / "witness" / "cosigned.note").read_bytes()
    yield Target("verifier-key", _vkey, _vkeys, notes)
    parse = partial(_silent, note.parse_note)
    yield Target("signed-note", parse, lambda: [cosigned, stated], notes)
    opened = partial(_silent, lambda data: checkpoint.open_checkpoint(data, [_key()]))
    yield Target("checkpoint", opened, lambda: [stated, cosigned], notes)
    yield Target("tlog-proof", _proof, lambda: [proof], proofs)
    yield Target("log-entry", _entry_read, lambda: [_entry()], (entry.EntryError,))
    places = [b"tile/0/x001/234.p/5", b"tile/entries/000", b"tile/8/000"]
    yield Target("tile-path", _path, lambda: places, (tiles.TileError,), longest=256)
    yield Target("tile", _tile, lambda: [b"h" * 64], (tiles.TileError,))
    bundles = [tiles.join_bundle([_entry(), b"x"])]
    yield Target("entry-bundle", _bundle, lambda: bundles, (tiles.TileError,))
    dossier = partial(_silent, lambda data: dossier_proofs.verify_dossier(data, [_key()]))
    yield Target("dossier", dossier, lambda: [_dossier()], (dossier_proofs.DossierError,))
    asked = [b"old 0\n\n" + stated, b"old 1\n" + base64.b64encode(b"h" * 32) + b"\n\n" + stated]
    yield Target("witness-submission", _submission, lambda: asked, (witness.Rejection,))
    lines = stated.rpartition(b"\n\n")[2]
    refused = (witness.AnswerError, note.NoteError)
    yield Target("witness-answer", _cosignatures, lambda: [lines], refused)
    size = partial(_silent, witness.told_size)
    yield Target("witness-size", size, lambda: [b"17\n"], (witness.AnswerError,), longest=256)
    yield Target("client-key", _client_key, _vkeys, (EvidenceError,))
    yield Target("client-checkpoint", _client_checkpoint, lambda: [stated], (EvidenceError,))
    yield Target("second-verifier-proof", _second, lambda: [proof], (verifier.Refused,))
    second = (verifier.Refused,)
    yield Target("second-verifier-dossier", _second_dossier, lambda: [_dossier()], second)
