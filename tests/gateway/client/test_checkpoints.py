"""The client's own checking, written from the RFC, agrees with the gateway's on every proof."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import merkle, promise
from gateway.audit.merkle import leaf_hashes
from gateway.audit.note import VerifierKey
from gateway.client.checkpoints import (
    EvidenceError,
    LogKey,
    Stated,
    read_checkpoint,
    read_key,
    verify_consistency,
    verify_inclusion,
    verify_promise,
    verify_signed,
)
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY, numbered

LOG = numbered(70)
HASHES = leaf_hashes(LOG.entries)
VKEY = VerifierKey.of(ORIGIN, KEY).encode()


def stated(size: int) -> Stated:
    return read_checkpoint(LOG.signed(size))


def test_every_consistency_proof_of_small_logs_verifies() -> None:
    for new in range(1, 34):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(HASHES[:new], old)
            verify_consistency(stated(old), new, stated(new).root, proof)


def test_every_inclusion_proof_of_small_logs_verifies() -> None:
    for size in range(1, 34):
        for index in range(size):
            path = merkle.inclusion_proof(HASHES[:size], index)
            verify_inclusion(HASHES[index], index, size, path, stated(size).root)


@given(st.data())
def test_a_changed_proof_never_verifies(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    proof = [bytearray(step) for step in merkle.consistency_proof(HASHES[:new], old)]
    change = data.draw(st.sampled_from(["flip", "drop", "add", "swap"]))
    match change:
        case "flip" if proof:
            proof[data.draw(st.integers(0, len(proof) - 1))][data.draw(st.integers(0, 31))] ^= 1
        case "drop" if proof:
            proof.pop(data.draw(st.integers(0, len(proof) - 1)))
        case "swap" if len(proof) > 1:
            proof.reverse()
        case _:
            proof.append(bytearray(32))
    with pytest.raises(EvidenceError):
        verify_consistency(stated(old), new, stated(new).root, [bytes(one) for one in proof])


@given(st.integers(1, 70), st.data())
def test_a_leaf_never_stands_elsewhere(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, 70).filter(lambda one: one != index))
    path = merkle.inclusion_proof(HASHES[:size], index)
    with pytest.raises(EvidenceError):
        verify_inclusion(HASHES[index], other, size, path, stated(size).root)


def test_a_key_is_read_as_it_is_written() -> None:
    key = read_key(f"{VKEY}\n")

    assert (key.name, key.encode()) == (ORIGIN, VKEY)
    assert key.named("ander/log").encode() == VerifierKey.of("ander/log", KEY).encode()


@pytest.mark.parametrize(
    "vkey", ["", "naam", VKEY[:-1], VKEY.replace("+", "+0", 1), VKEY.replace(ORIGIN, "ander")]
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(EvidenceError):
        read_key(vkey)


def test_only_the_logs_own_key_signs() -> None:
    verify_signed(stated(9), read_key(VKEY))
    for key in (
        read_key(VerifierKey.of(ORIGIN, OTHER_KEY).encode()),
        read_key(VKEY).named("ander/log"),
    ):
        with pytest.raises(EvidenceError):
            verify_signed(stated(9), key)


def test_a_changed_checkpoint_does_not_verify() -> None:
    note = LOG.signed(9)
    changed = note.replace(b"\n9\n", b"\n8\n")
    with pytest.raises(EvidenceError):
        verify_signed(read_checkpoint(changed), read_key(VKEY))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff",
        LOG.signed(9)[:-1],
        LOG.signed(9).replace(b"\n9\n", b"\n09\n"),
        LOG.signed(9).replace(b"\n9\n", b"\n0\n"),
        b"x\n9\nAAAA\n\n\xe2\x80\x94 x AAAA\n",
        LOG.signed(9) + b"x" * 70_000,
    ],
)
def test_what_is_no_checkpoint_is_refused(note: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_checkpoint(note)


def test_a_promise_verifies_under_the_series_key_alone() -> None:
    made = promise.promise("sluis/proef/verwerkingen", HASHES[:5], KEY)
    public = LogKey(ORIGIN, KEY.public_key().public_bytes_raw()).public

    verify_promise("sluis/proef/verwerkingen", 5, made.root, made.signature, public)
    for series, size in (("sluis/proef/beschermd", 5), ("sluis/proef/verwerkingen", 4)):
        with pytest.raises(EvidenceError):
            verify_promise(series, size, made.root, made.signature, public)
