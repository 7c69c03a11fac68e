"""What is kept of an iJw message: a request becomes a referral, the others a status.

iJw speaks of one client and the products of one provider. Products, comments, the referrer, the
family and the addresses stand in the same messages; a hand-over has no use for them or may not
have them this way, so no model ever holds them (GDPR article 5.1.c; docs/partners/okt.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from uuid import UUID

from lxml import etree
from pydantic import ValidationError

from adapters.hostile_xml import line_of
from adapters.okt.ijw_types import BASE, namespace_of
from adapters.reading import Reading, refuse, settle
from schemas.casework import CaseStatus, CloseReason, StatusMessage
from schemas.deliveries import Finding, Problem, Record, Translated
from schemas.identifiers import PartialDate
from schemas.referral import Ground, Referral, Role, Sex

_SEXES = {"0": Sex.UNKNOWN, "1": Sex.MALE, "2": Sex.FEMALE}
_ADULT = 18
_REMOVAL = "3"
_PAUSED = "20"
_DIED = "02"
_LINK = "statusbericht.uitwisselingId"


def read_request(root: etree._Element, reading: Reading, today: date) -> Record:
    """A JW315 as a referral under its ReferentieAanbieder (the first, where it asks for several).

    The ground is the Youth Act's: iJw is the standard of that act and of no other.
    """
    kind = "315"
    client = _one(root, kind, "Client")
    dated = _text(_one(root, kind, "Header"), "Dagtekening")
    reading.reference = _text(client, "ReferentieAanbieder")
    message: dict[str, object] = {
        "kenmerk": reading.reference,
        "aangemeldOp": dated,
        "grondslag": Ground.YOUTH_ACT,
        "huishouden": {"leden": [_member(client, kind, dated, reading)]},
    }
    try:
        outcome: Referral | ValidationError = Referral.model_validate(message)
    except ValidationError as error:
        outcome = error
    record = settle(reading, outcome, today)
    if isinstance(record, Translated):
        # Its key is the provider's reference; the number of the message is unique as well (TR056).
        number = _text(_one(root, kind, "Header"), "Identificatie")
        record = replace(record, number=f"JW{kind}/{number}")
    return record


def _member(client: etree._Element, kind: str, dated: str, reading: Reading) -> dict[str, object]:
    surname = next(client.iter(f"{{{BASE}}}Geslachtsnaam"))
    member: dict[str, object] = {
        "burgerservicenummer": reading.bsns[0],
        "achternaam": _text(surname, "Achternaam"),
        "geslacht": _SEXES[_text(client, "Geslacht")],
    }
    for name, key in (("Voorvoegsel", "voorvoegsel"), ("Voorletters", "voorletters")):
        text = _text(_one(client, kind, "Naam"), name)
        if text:
            member[key] = text
    born = _birth_date(_one(client, kind, "Geboortedatum"))
    if born is not None:
        member["geboortedatum"] = born
    # A client of youth help is the child of the household, or somebody grown up who asks alone.
    member["rol"] = Role.APPLICANT if _is_adult(born, dated) else Role.CHILD
    return member


def _birth_date(element: etree._Element) -> str | None:
    """As far as DatumGebruik says that it is known (COD170)."""
    day = _text(element, "Datum")
    return {"1": day[:7], "2": day[:4], "3": None}.get(_text(element, "DatumGebruik"), day)


def _is_adult(born: str | None, dated: str) -> bool:
    if born is None:
        return False
    try:
        year, month, day = PartialDate(born).latest
    except ValueError:
        return False  # the referral's own check refuses it
    on = date.fromisoformat(dated)
    return (year + _ADULT, month, day) <= (on.year, on.month, on.day)


def read_status(
    root: etree._Element, kind: str, exchange: str | None, reading: Reading, today: date
) -> Record:
    """A JW301, 305 or 307 as a status on the exchange that its wrapper names."""
    exchange_id = _uuid(exchange)
    if exchange_id is None:
        problem = Problem.MISSING if exchange is None else Problem.INVALID
        reading.wrong.append(Finding(reading.lines[0], _LINK, problem))
    status, as_of, reason = _standing(root, kind, reading)
    if as_of > today:
        reading.wrong.append(
            Finding(reading.lines[0], "statusbericht.peildatum", Problem.IN_FUTURE)
        )
    if reading.wrong or exchange_id is None:
        return refuse(reading)
    try:
        message = StatusMessage(
            reference=reading.reference,
            exchange_id=exchange_id,
            status=status,
            as_of=as_of,
            close_reason=reason,
        )
    except ValidationError:
        # Only the reference can be wrong by now: it is text that the sender chose.
        wrong = Finding(reading.lines[0], "statusbericht.kenmerk", Problem.INVALID)
        return refuse(reading, [wrong])
    return Translated(reading.lines[0], message)


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None or len(text) > 45 else UUID(text)
    except ValueError:
        return None


def _standing(
    root: etree._Element, kind: str, reading: Reading
) -> tuple[CaseStatus, date, CloseReason | None]:
    """What the message says of the help as a whole, and since when.

    It looks at the message alone and never at what came before: order and time of arrival mean
    nothing (OP080), the day that the message names does.
    """
    client = _one(root, kind, "Client")
    name = {"301": "ToegewezenProduct", "305": "StartProduct", "307": "StopProduct"}[kind]
    products = list(client.iter(f"{{{namespace_of(kind)}}}{name}"))
    reading.wrong += _corrections(products)
    if kind == "301":
        # Assigned, and nobody has begun.
        assigned = _days(products, "Toewijzingsdatum")
        return CaseStatus.COORDINATION_CHECK, max(assigned), None
    if kind == "305":
        return CaseStatus.ACTIVE, min(_days(products, "Begindatum")), None
    ended = max(_days(products, "Einddatum"))
    reasons = {_text(product, "RedenBeeindiging") for product in products}
    if _PAUSED in reasons:
        return CaseStatus.PASSIVE, ended, None  # one that waits keeps the help open
    # Help that has begun has reached the household. Of the other reasons none says what ours say.
    return CaseStatus.CLOSED_REACHED, ended, CloseReason.DECEASED if reasons == {_DIED} else None


def _corrections(products: list[etree._Element]) -> Iterator[Finding]:
    """What takes back an earlier message, which a status cannot say (OP033)."""
    for product in products:
        if _text(product, "StatusAanlevering") == _REMOVAL:
            yield Finding(line_of(product), "ijw.StatusAanlevering", Problem.UNKNOWN_CODE)
        if _text(product, "RedenWijziging"):
            yield Finding(line_of(product), "ijw.RedenWijziging", Problem.UNKNOWN_CODE)


def _days(products: list[etree._Element], name: str) -> list[date]:
    return [date.fromisoformat(_text(product, name)) for product in products]


def _one(element: etree._Element, kind: str, name: str) -> etree._Element:
    """A child that the grammar has found to be there."""
    return next(element.iterchildren(f"{{{namespace_of(kind)}}}{name}"))


def _text(element: etree._Element, name: str) -> str:
    """The first value of this name below an element, of whichever namespace; empty if none."""
    found = next(element.iter(f"{{*}}{name}"), None)
    return "" if found is None else (found.text or "").strip()
