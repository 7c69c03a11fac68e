"""Data keys: two halves, bound to their place, moved from epoch to epoch, and gone with one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entries import commitment
from gateway.vault.boxes import (
    CONTENT,
    NONCE_BYTES,
    PROOF,
    DataKey,
    Nonces,
    SealBrokenError,
    Vault,
    WrappedKey,
)
from gateway.vault.keys import FileKeys

OWNER = UUID(int=7)
NONCE = bytes(range(12))


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path / "keys")


def test_a_box_is_nonce_ciphertext_and_tag_of_aes_256_gcm() -> None:
    # Test case 14 of the GCM specification (McGrew and Viega): key, nonce and one block of zeros.
    box = DataKey(bytes(32)).seal(bytes(16), b"", bytes(12))
    assert box.hex() == (
        "00" * 12 + "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"
    )


@given(st.binary(max_size=200), st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_never_opens(content: bytes, at: int, bit: int) -> None:
    key = DataKey(bytes(range(32)))
    box = bytearray(key.seal(content, b"plaats", NONCE))
    box[at % len(box)] ^= 1 << bit
    with pytest.raises(SealBrokenError):
        key.open(bytes(box), b"plaats")


def test_a_key_opens_for_its_owner_and_class_alone(keys: FileKeys) -> None:
    vault = Vault(keys)
    _, wrapped = vault.new_key(OWNER, CONTENT, 5)
    for owner, retention in ((uuid4(), CONTENT), (OWNER, PROOF)):
        with pytest.raises(SealBrokenError):
            vault.unwrap(owner, retention, wrapped)
    vault.new_key(OWNER, CONTENT, 6)  # the other epoch has a key, and another one
    with pytest.raises(SealBrokenError):
        vault.unwrap(OWNER, CONTENT, WrappedKey(6, wrapped.wrapped))


def test_a_moved_key_is_the_same_key(keys: FileKeys) -> None:
    vault = Vault(keys)
    key, wrapped = vault.new_key(OWNER, CONTENT, 5)
    moved = vault.rewrap(OWNER, CONTENT, wrapped, 6)
    again = Vault(keys).unwrap(OWNER, CONTENT, moved)
    assert moved.epoch == 6
    assert (again.material, again.commitments) == (key.material, key.commitments)
    assert key.material != key.commitments


def test_a_renewed_key_seals_anew_and_still_opens_commitments(keys: FileKeys) -> None:
    vault, entry = Vault(keys), uuid4()
    key, _ = vault.new_key(OWNER, CONTENT, 5)
    box = key.seal(b"inhoud", b"plaats", NONCE)
    new, wrapped = vault.renewed(key, OWNER, CONTENT, 6)
    assert vault.unwrap(OWNER, CONTENT, wrapped).material == new.material
    with pytest.raises(SealBrokenError):
        new.open(box, b"plaats")
    with pytest.raises(SealBrokenError):
        DataKey(new.commitments).open(box, b"plaats")
    assert commitment(new, entry, OWNER) == commitment(key, entry, OWNER)


def test_a_key_from_before_there_were_halves_opens_and_commits(keys: FileKeys) -> None:
    vault = Vault(keys)
    old = DataKey(bytes(range(32)))
    assert old.commitments == old.material
    wrapped = vault._wrap(old, OWNER, CONTENT, 5)
    assert len(wrapped.wrapped) == 12 + 32 + 16
    again = vault.unwrap(OWNER, CONTENT, vault.rewrap(OWNER, CONTENT, wrapped, 6))
    assert (again.material, again.commitments) == (old.material, old.material)


def test_nothing_opens_under_a_destroyed_epoch(keys: FileKeys) -> None:
    vault = Vault(keys)
    _, wrapped = vault.new_key(OWNER, CONTENT, 5)
    keys.destroy(5)
    vault.unwrap(OWNER, CONTENT, wrapped)  # who has it in memory must be told
    assert vault.remembered == {5}
    vault.forget(5)
    with pytest.raises(SealBrokenError):
        vault.unwrap(OWNER, CONTENT, wrapped)


def test_nonces_are_never_handed_out_twice() -> None:
    nonces = Nonces()
    taken = [nonces.take() for _ in range(2000)]
    assert len(set(taken)) == 2000
    assert {len(one) for one in taken} == {NONCE_BYTES}
