"""What officers sign, byte for byte, and which signatures let a version come in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.identity.approvals import (
    AdviceKind,
    NotApprovedError,
    OfficerRole,
    advice_bytes,
    approval_bytes,
    check_approvals,
    is_genuine,
)
from gateway.store.lifecycle import StoredOfficer, StoredSignature

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SIGNED = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
DIGEST = sha256(b"een protocol").digest()


def officer(name: str, role: OfficerRole, ends: date | None = None) -> StoredOfficer:
    public = key_of(name).public_key().public_bytes_raw()
    return StoredOfficer(
        name, f"Naam {name}", role.value, f"sleutel-{name}", public, None, ends, SIGNED, None
    )


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


OFFICERS = {
    one.id: one
    for one in (
        officer("eigenaar", OfficerRole.PROCESS_OWNER),
        officer("privacy", OfficerRole.PRIVACY_OFFICER, date(2027, 1, 1)),
        officer("toezicht", OfficerRole.FG),
    )
}


def approval(name: str, digest: bytes = DIGEST, signer: str | None = None) -> StoredSignature:
    role = OfficerRole(OFFICERS[name].role)
    signed = approval_bytes(role, digest, SIGNED)
    return StoredSignature(name, SIGNED, key_of(signer or name).sign(signed))


def advice(kind: AdviceKind = AdviceKind.NEGATIVE, text: str = "Niet doen.") -> StoredSignature:
    signed = advice_bytes(DIGEST, SIGNED, kind, text)
    return StoredSignature("toezicht", SIGNED, key_of("toezicht").sign(signed), kind, text)


def objections(
    *signatures: StoredSignature,
    officers: dict[str, StoredOfficer] | None = None,
    now: datetime = NOW,
) -> list[str]:
    with pytest.raises(NotApprovedError) as caught:
        check_approvals(DIGEST, officers or OFFICERS, signatures, now)
    return caught.value.objections


def test_what_an_approver_signs_is_written_byte_for_byte() -> None:
    # Put together by hand: label, 00, role, 00, digest, moment.
    assert approval_bytes(OfficerRole.PROCESS_OWNER, bytes(range(32)), SIGNED).hex() == (
        "736c7569732d70726f746f636f6c2d617070726f76616c2d763100"
        "70726f636573656967656e61617200"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "323032362d31312d30325430393a33303a30305a"
    )


def test_what_the_fg_signs_is_written_byte_for_byte() -> None:
    # SHA-256 of "abc" as FIPS 180-2, appendix B.1 prints it.
    assert advice_bytes(bytes(32), SIGNED, AdviceKind.POSITIVE, "abc").hex() == (
        "736c7569732d70726f746f636f6c2d6164766963652d763100"
        "666700" + "00" * 32 + "323032362d31312d30325430393a33303a30305a"
        "706f73697469656600"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_moment_is_signed_in_utc_whatever_its_zone() -> None:
    there = SIGNED.astimezone(timezone(timedelta(hours=1)))
    assert approval_bytes(OfficerRole.FG, DIGEST, there) == approval_bytes(
        OfficerRole.FG, DIGEST, SIGNED
    )


def test_two_approvals_and_an_advice_of_any_kind_are_enough() -> None:
    for kind in AdviceKind:
        given = check_approvals(
            DIGEST, OFFICERS, [advice(kind), approval("privacy"), approval("eigenaar")], NOW
        )
        assert [one.officer for one in given.approvals] == ["eigenaar", "privacy"]
        assert given.advice.advice == kind


@pytest.mark.parametrize(
    ("signatures", "told"),
    [
        ((approval("privacy"), advice()), "the approval of the process owner is missing"),
        (
            (approval("eigenaar"), advice()),
            "the approval of a privacy officer under mandate is missing",
        ),
        ((approval("eigenaar"), approval("privacy")), "the FG's advice is not attached"),
    ],
)
def test_invariant_11_each_of_the_three_is_needed(
    signatures: tuple[StoredSignature, ...], told: str
) -> None:
    assert objections(*signatures) == [told]


def test_invariant_11_the_fg_never_approves() -> None:
    found = objections(approval("eigenaar"), approval("privacy"), approval("toezicht"))
    assert "toezicht signed what the FG does not sign" in found


def test_an_approver_does_not_advise() -> None:
    given = advice()._replace(officer="eigenaar")
    assert "the signature of eigenaar does not verify on this text" in objections(
        given, approval("privacy"), advice()
    )


def test_a_signature_under_another_text_does_not_count() -> None:
    other = approval("eigenaar", digest=sha256(b"een ander protocol").digest())
    assert "the signature of eigenaar does not verify on this text" in objections(
        other, approval("privacy"), advice()
    )


def test_a_signature_by_another_key_does_not_count() -> None:
    forged = approval("privacy", signer="eigenaar")
    assert "the signature of privacy does not verify on this text" in objections(
        approval("eigenaar"), forged, advice()
    )


def test_a_changed_advice_does_not_count() -> None:
    for changed in (
        advice()._replace(advice_text="Wel doen."),
        advice()._replace(advice=AdviceKind.POSITIVE),
        advice()._replace(signed_at=SIGNED + timedelta(seconds=1)),
    ):
        found = objections(approval("eigenaar"), approval("privacy"), changed)
        assert "the FG's advice is not attached" in found


def test_invariant_11_a_mandate_that_lapsed_opens_nothing() -> None:
    found = objections(
        approval("eigenaar"), approval("privacy"), advice(), now=datetime(2027, 1, 2, tzinfo=UTC)
    )
    assert found == [
        "the mandate of privacy ended on 2027-01-01",
        "the approval of a privacy officer under mandate is missing",
    ]


def test_an_officer_who_left_before_it_came_in_force_does_not_approve_it() -> None:
    left = replace(OFFICERS["eigenaar"], ended_at=NOW - timedelta(hours=1))
    found = objections(
        approval("eigenaar"),
        approval("privacy"),
        advice(),
        officers=OFFICERS | {"eigenaar": left},
    )
    assert "eigenaar is an officer no longer" in found


def test_one_person_registered_twice_is_still_one_person() -> None:
    same = replace(OFFICERS["privacy"], name=" naam  EIGENAAR ")
    found = objections(
        approval("eigenaar"), approval("privacy"), advice(), officers=OFFICERS | {"privacy": same}
    )
    assert found == ["both approvals are of one person"]


def test_a_signature_of_a_moment_to_come_does_not_count_yet() -> None:
    found = objections(
        approval("eigenaar"), approval("privacy"), advice(), now=SIGNED - timedelta(seconds=1)
    )
    assert "the signature of privacy bears a moment that is yet to come" in found


def test_every_flipped_bit_of_a_signature_is_noticed() -> None:
    good = approval("eigenaar")
    for bit in range(0, 512, 7):
        changed = bytearray(good.signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not is_genuine(good._replace(signature=bytes(changed)), OFFICERS["eigenaar"], DIGEST)
