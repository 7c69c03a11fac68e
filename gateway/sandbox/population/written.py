"""DWI's referrals as bytes: the CSV delivery and the canonical message.

The columns are those of our own CSV format (the format of 2013 is not public). A value that the
population lacks stays empty, an incomplete postcode is written as far as it goes, and a record
with a flaw is written only as CSV: the canonical forms hold well-formed referrals alone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import orjson

from gateway.sandbox.population.bsn import failing_eleven_test
from gateway.sandbox.population.delivery import (
    DwiReferral,
    Flaw,
    MemberAgreement,
    MemberAuthority,
)
from gateway.sandbox.population.household import Household, Person, PostcodeState
from gateway.sandbox.population.zrm import DOMAINS
from schemas.referral import Ground, Referral, Role

_FAR_FUTURE = "2199-01-01"


def _snake(wire_name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", wire_name).lower()


ZRM_COLUMNS: Final = tuple(f"zrm_{_snake(domain)}" for domain in DOMAINS)
COLUMNS: Final = (
    *("kenmerk", "aangemeld_op", "grondslag", "rol", "bsn", "voorletters", "voorvoegsel"),
    *("achternaam", "geboortedatum", "geslacht", "postcode", "straatnaam", "huisnummer"),
    *("toevoeging", "telefoon", "geheimhouding", "uitkering", "trede", "zrm_datum"),
    *ZRM_COLUMNS,
    *("instemming", "instemming_op", "instemming_door", "instemming_bewijs"),
    *("gezag_houders", "gezag_bron", "gezag_op", "toelichting"),
)
_COLUMN = {name: place for place, name in enumerate(COLUMNS)}


class _Line:
    """Takes what `csv.writer` writes and gives it back."""

    def write(self, text: str) -> str:
        return text


def as_csv(
    referrals: Iterable[DwiReferral],
    *,
    encoding: str = "utf-8",
    separator: str = ";",
    line_end: str = "\n",
) -> Iterator[bytes]:
    """The header, then the rows of one referral at a time. `utf-8-sig` writes its mark once."""
    writer = csv.writer(_Line(), delimiter=separator, lineterminator=line_end)
    yield str(writer.writerow(COLUMNS)).encode(encoding)
    rest = "utf-8" if encoding == "utf-8-sig" else encoding
    for referral in referrals:
        yield "".join(str(writer.writerow(row)) for row in _rows(referral)).encode(rest)


def as_json(referrals: Iterable[DwiReferral]) -> Iterator[bytes]:
    """Each well-formed referral as one canonical JSON message."""
    for referral in referrals:
        if referral.flaw is None:
            yield orjson.dumps(_message(referral))


def as_referrals(referrals: Iterable[DwiReferral]) -> Iterator[Referral]:
    """Each well-formed referral as the canonical message's type."""
    return map(Referral.model_validate_json, as_json(referrals))


def _rows(referral: DwiReferral) -> list[list[str]]:
    household = referral.household
    pairs = zip(household.members, referral.agreements, referral.authority, strict=True)
    rows = [
        [
            *_shared_columns(referral, place == 0),
            *_identity(member),
            *_address(household, place == 0),
            *_applicant_columns(referral, place == 0),
            *_agreement_columns(agreement),
            *_authority_columns(authority),
            (referral.note or "") if place == 0 else "",
        ]
        for place, (member, agreement, authority) in enumerate(pairs)
    ]
    if referral.flaw is not None:
        _spoil(rows[0], referral.flaw)
    return rows


def _shared_columns(referral: DwiReferral, is_first: bool) -> tuple[str, str, str]:
    if not is_first:
        return (referral.reference, "", "")
    return (referral.reference, referral.referred_on.isoformat(), Ground.PARTICIPATION_ACT)


def _identity(member: Person) -> tuple[str, ...]:
    return (
        member.role,
        member.bsn,
        member.initials,
        member.prefix or "",
        member.surname or "",
        member.birth_date.isoformat() if member.birth_date else "",
        member.sex,
    )


def _address(household: Household, is_first: bool) -> tuple[str, ...]:
    if not is_first:
        return ("",) * 6
    return (
        household.postcode or "",
        household.street,
        str(household.house_number),
        household.house_number_suffix or "",
        household.phone or "",
        "ja" if household.address_is_secret else "nee",
    )


def _applicant_columns(referral: DwiReferral, is_first: bool) -> tuple[str, ...]:
    if not is_first:
        return ("",) * (3 + len(ZRM_COLUMNS))
    zrm = referral.zrm
    scored = ("" if score is None else str(score) for score in zrm.scores)
    return ("ja", str(referral.ladder), zrm.measured_on.isoformat(), *scored)


def _agreement_columns(agreement: MemberAgreement | None) -> tuple[str, str, str, str]:
    if agreement is None:
        return ("", "", "", "")
    said = "ja" if agreement.given else "nee"
    return (said, agreement.decided_on.isoformat(), agreement.decided_by, agreement.evidence)


def _authority_columns(authority: MemberAuthority | None) -> tuple[str, str, str]:
    if authority is None:
        return ("", "", "")
    holders = " ".join(str(place + 1) for place in authority.holders)
    return (holders, authority.source.value, authority.as_of.isoformat())


def _spoil(row: list[str], flaw: Flaw) -> None:
    match flaw:
        case Flaw.ELEVEN_TEST:
            row[_COLUMN["bsn"]] = failing_eleven_test(row[_COLUMN["bsn"]])
        case Flaw.REFERRED_IN_FUTURE:
            row[_COLUMN["aangemeld_op"]] = _FAR_FUTURE
        case Flaw.BORN_IN_FUTURE:
            row[_COLUMN["geboortedatum"]] = _FAR_FUTURE
        case Flaw.SCORE_OF_SEVEN:
            row[_COLUMN[ZRM_COLUMNS[0]]] = "7"
        case Flaw.GROUND_NONE:
            row[_COLUMN["grondslag"]] = Ground.NONE
        case Flaw.NO_REFERRAL_DATE:
            row[_COLUMN["aangemeld_op"]] = ""


def _message(referral: DwiReferral) -> dict[str, object]:
    household = referral.household
    pairs = zip(household.members, referral.agreements, referral.authority, strict=True)
    home = {**address(household), "leden": [_member(referral, *pair) for pair in pairs]}
    message: dict[str, object] = {
        "kenmerk": referral.reference,
        "aangemeldOp": referral.referred_on,
        "grondslag": Ground.PARTICIPATION_ACT.value,
        "huishouden": home,
    }
    if referral.note:
        message["toelichting"] = referral.note
    return message


def address(household: Household) -> dict[str, object]:
    """Where the household lives, as far as the canonical message can hold it."""
    home: dict[str, object] = {
        "straatnaam": household.street,
        "huisnummer": household.house_number,
        "geheimhouding": household.address_is_secret,
    }
    if household.postcode_state is PostcodeState.FULL:
        home["postcode"] = household.postcode
    if household.house_number_suffix:
        home["huisnummertoevoeging"] = household.house_number_suffix
    if household.phone:
        home["telefoonnummer"] = household.phone
    return home


def identity(member: Person) -> dict[str, object]:
    """Who a member is, as far as the population knows."""
    said: dict[str, object] = {
        "rol": member.role.value,
        "burgerservicenummer": member.bsn,
        "voorletters": member.initials,
        "geslacht": member.sex.value,
    }
    if member.prefix:
        said["voorvoegsel"] = member.prefix
    if member.surname:
        said["achternaam"] = member.surname
    if member.birth_date:
        said["geboortedatum"] = member.birth_date
    return said


def scored(on: date, scores: Iterable[int | None]) -> dict[str, object]:
    """A ZRM measurement; domains without a score are left out."""
    pairs = zip(DOMAINS, scores, strict=True)
    return {"gemetenOp": on, "scores": {d.value: score for d, score in pairs if score is not None}}


def _member(
    referral: DwiReferral,
    member: Person,
    agreement: MemberAgreement | None,
    authority: MemberAuthority | None,
) -> dict[str, object]:
    said = identity(member)
    if member.role is Role.APPLICANT:
        said["ontvangtUitkering"] = True
        said["participatietrede"] = referral.ladder
        said["zrm"] = scored(referral.zrm.measured_on, referral.zrm.scores)
    if agreement is not None:
        said["instemming"] = {
            "gegeven": agreement.given,
            "op": agreement.decided_on,
            "door": agreement.decided_by.value,
            "bewijs": agreement.evidence,
        }
    if authority is not None:
        said["gezag"] = [
            {
                "houders": [{"lid": place} for place in authority.holders],
                "bron": authority.source.value,
                "peildatum": authority.as_of,
            }
        ]
    return said
