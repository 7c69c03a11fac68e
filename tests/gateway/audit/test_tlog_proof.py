"""C2SP tlog-proofs: written in the one form, read back, verified by both verifiers."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import merkle
from gateway.audit.merkle import ProofError, leaf_hash
from gateway.audit.note import KeyKind, NoteError, VerifierKey, cosign_text, parse_note, parse_vkey
from gateway.audit.note import add_signature as added
from gateway.audit.tlog_proof import TlogProof, TlogProofError, read_tlog_proof, verify_tlog_proof
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY, numbered
from tests.gateway.audit.verdicts import Case, both


def proof_of(index: int, size: int) -> TlogProof:
    log = numbered(size)
    path = merkle.inclusion_proof(merkle.leaf_hashes(log.entries), index)
    return TlogProof(index, tuple(path), log.signed())


def test_the_text_is_that_of_the_standard() -> None:
    # Put together by hand from c2sp.org/tlog-proof: header, index, path, empty line, checkpoint.
    proof, log = proof_of(1, 3), numbered(3)
    first, third = (base64.b64encode(leaf_hash(log.entries[n])).decode() for n in (0, 2))
    text = f"c2sp.org/tlog-proof@v1\nindex 1\n{first}\n{third}\n\n{log.signed().decode()}"
    assert proof.encode().decode() == text
    with_extra = TlogProof(1, proof.path, proof.checkpoint, b"\x00eigen")
    assert with_extra.encode().decode() == text.replace("index", "extra AGVpZ2Vu\nindex")
    assert read_tlog_proof(with_extra.encode()) == with_extra


def test_a_log_of_one_entry_has_an_empty_path() -> None:
    proof = proof_of(0, 1)
    assert proof.encode() == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + numbered(1).signed()
    assert read_tlog_proof(proof.encode()) == proof
    case = Case([numbered(1).vkey], proof=proof.encode(), entry=numbered(1).entries[0])
    assert both(case).refusal is None


@given(size=st.integers(1, 70), data=st.data())
def test_every_entrys_proof_verifies_and_no_others(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    log, proof = numbered(size), proof_of(index, size)
    assert read_tlog_proof(proof.encode()) == proof
    opened = verify_tlog_proof(proof, leaf_hash(log.entries[index]), [parse_vkey(log.vkey)])
    assert opened.checkpoint.size == size
    for other in {0, size - 1, (index + 1) % size} - {index}:
        case = Case([log.vkey], proof=proof.encode(), entry=log.entries[other])
        assert both(case).refusal is not None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n\nnote",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex -1\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0 \n\nnote",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        b"c2sp.org/tlog-proof@v1\r\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0",
        b"\xff\xfe",
    ],
)
def test_any_other_spelling_is_refused_by_both(text: bytes) -> None:
    with pytest.raises(TlogProofError):
        read_tlog_proof(text)
    assert both(Case([numbered(1).vkey], proof=text or b" ", entry=b"{}")).refusal is not None


def test_a_quorum_counts_witnesses_by_their_keys() -> None:
    log = numbered(3)
    text = parse_note(log.signed()).text
    names = ("een.example", "twee.example")
    note = log.signed()
    for name in names:  # one witness under two names
        note = added(note, cosign_text(text, name, OTHER_KEY, 1_700_000_000))
    witnesses = [VerifierKey.of(name, OTHER_KEY, KeyKind.COSIGNATURE).encode() for name in names]
    proof = TlogProof(2, tuple(merkle.inclusion_proof(merkle.leaf_hashes(log.entries), 2)), note)
    keys = [log.vkey, *witnesses]
    for quorum, holds in ((0, True), (1, True), (2, False)):
        case = Case(keys, proof=proof.encode(), entry=log.entries[2], quorum=quorum)
        assert (both(case).refusal is None) == holds


def test_the_key_of_a_series_serves_its_volumes_and_a_volumes_key_no_other() -> None:
    series, _, _ = ORIGIN.rpartition("/")
    log = numbered(2)
    proof = proof_of(0, 2)
    leaf = leaf_hash(log.entries[0])
    assert verify_tlog_proof(proof, leaf, [VerifierKey.of(series, KEY)])
    for name in (f"{ORIGIN}/2026", "sluis.example/toegang", series[:-1], "sluis"):
        with pytest.raises(NoteError):
            verify_tlog_proof(proof, leaf, [VerifierKey.of(name, KEY)])
    with pytest.raises(ProofError):
        verify_tlog_proof(proof, bytes(32), [VerifierKey.of(series, KEY)])
