"""Pseudonyms over epochs: by the position of an event, unlinkable without a mapping."""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gateway.pseudonyms.epochs import Pseudonyms, Switch
from gateway.vault.keys import EnvironmentKeys

ROOT = bytes(range(32))
KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(ROOT).decode()})
ANNE = UUID("018f0000-0000-7000-8000-000000000001")


def test_without_a_switch_everything_bears_the_first_epoch() -> None:
    lineage = Pseudonyms(KEYS).lineage("casebook", "casus", [])
    assert lineage.at(0) is lineage.at(10**12) is lineage.newest is lineage.first
    assert list(lineage) == [lineage.first]


def test_an_epoch_ends_at_a_position_and_the_next_begins_after_it() -> None:
    made = Pseudonyms(KEYS)
    lineage = made.lineage("casebook", "casus", [Switch(2, 10), Switch(4, 20)])
    of = {epoch: made.domain("casebook", "casus", epoch) for epoch in (1, 2, 4)}
    assert [lineage.at(n) for n in (1, 10, 11, 20, 21)] == [of[1], of[1], of[2], of[2], of[4]]
    assert lineage.newest is of[4]
    assert list(lineage) == [of[4], of[2], of[1]]


@given(st.uuids(), st.sets(st.integers(1, 50), min_size=2, max_size=4))
def test_invariant_06_no_two_epochs_recipients_or_groups_share_a_pseudonym(
    subject: UUID, epochs: set[int]
) -> None:
    made = Pseudonyms(KEYS)
    named = {
        made.domain(recipient, group, epoch).pseudonym(subject)
        for recipient in ("casebook", "altra")
        for group in ("casus", "verantwoording")
        for epoch in epochs
    }
    assert len(named) == 4 * len(epochs)


def test_a_pseudonym_is_made_as_the_documents_say() -> None:
    """By `cryptography` alone: HKDF to the domain's key, HMAC-SHA256 of the random id."""
    known = Pseudonyms(KEYS).domain("casebook", "casus", 2).pseudonym(ANNE)
    key = _derived(b"pseudonyms/domain/casebook/casus/2")
    mac = hmac.digest(key, b"sluis-pseudonym-v1\x00" + ANNE.bytes, "sha256")
    assert known == base64.urlsafe_b64encode(mac).decode()[:43]


def _derived(name: bytes) -> bytes:
    info = b"sluis/" + name
    return HKDF(SHA256(), 32, salt=None, info=info).derive(ROOT)
