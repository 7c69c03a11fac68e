"""How one flow reads, names and renders each field: the protocol's field list, compiled.

A column exists for every field of the vocabulary, dropped ones too, so that what stays behind is
known by name; a dropped field's value is never rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any, NamedTuple

from consent.protocol import Flow
from schemas.casework import SENDER_STATUS, Accountability, StatusMessage
from schemas.fields import AT_RELEASE, FIELDS, PLACES, Place, Treatment
from schemas.identifiers import PartialDate
from schemas.partner_update import PartnerUpdate
from schemas.referral import Member, Referral
from schemas.zrm import ZrmDomain

AGE_BAND_YEARS = 10
Scalar = str | int | bool

PATHS = tuple(FIELDS)
_SECRET_WITH_ADDRESS = frozenset(
    {
        "huishouden.postcode",
        "huishouden.straatnaam",
        "huishouden.huisnummer",
        "huishouden.huisnummertoevoeging",
        "huishouden.telefoonnummer",
        "aanmelding.wijkteam",
        "aanmelding.toelichting",
        "partnerbericht.telefoonnummer",
        "partnerbericht.toelichting",
    }
)
"""What a secret address (geheimhouding, Wet BRP article 2.59) takes with it."""


class MemberView(NamedTuple):
    """A member with the name that the recipient knows them by."""

    member: Member
    pseudonym: str


class ReferralView(NamedTuple):
    """The fields of a referral that belong to no member, the derived ones included."""

    referral: Referral
    team: str | None
    members: int


class StatusView(NamedTuple):
    """A status message with the key that its receiver knows the case by."""

    message: StatusMessage
    reference: str


class AccountabilityView(NamedTuple):
    """A statement of accountability with the name that its receiver knows the case's person by."""

    message: Accountability
    pseudonym: str


class PartnerUpdateView(NamedTuple):
    """A partner's message on a running case, with the two names that its receiver knows it by.

    `reference` is the receiver's own key, where it was the receiver who referred.
    """

    message: PartnerUpdate
    exchange: str
    reference: str | None


class Column(NamedTuple):
    """One field under one flow: how it is read, what it is called, what happens to it."""

    path: str
    bit: int
    wire: str
    is_kept: bool
    hides_with_address: bool
    read: Callable[[object], object]
    render: Callable[[Any, date], Scalar | None] | None


Groups = tuple[tuple[str, tuple[Column, ...]], ...]


def age_band(born: PartialDate, today: date) -> str:
    """The ten-year band of an age, such as `30-39`; `onbekend` where the date leaves two open."""
    now = (today.year, today.month, today.day)
    ages = [_years(moment, now) for moment in (born.latest, born.earliest)]
    lower = [age // AGE_BAND_YEARS * AGE_BAND_YEARS for age in ages]
    if ages[0] < 0 or lower[0] != lower[1]:
        return "onbekend"
    return f"{lower[0]}-{lower[0] + AGE_BAND_YEARS - 1}"


def _years(born: tuple[int, int, int], now: tuple[int, int, int]) -> int:
    return now[0] - born[0] - (now[1:] < born[1:])


_READS: dict[str, Callable[[Any], object]] = {
    "lid.pseudoniem": attrgetter("pseudonym"),
    "lid.rol": attrgetter("member.role"),
    "lid.burgerservicenummer": attrgetter("member.bsn"),
    "lid.voorletters": attrgetter("member.initials"),
    "lid.voorvoegsel": attrgetter("member.prefix"),
    "lid.achternaam": attrgetter("member.surname"),
    "lid.geboortedatum": attrgetter("member.birth_date"),
    "lid.geslacht": attrgetter("member.sex"),
    "lid.ontvangtUitkering": attrgetter("member.receives_benefit"),
    "lid.participatietrede": attrgetter("member.ladder"),
    "lid.zrm.gemetenOp": attrgetter("measured_on"),
    "huishouden.postcode": attrgetter("postcode"),
    "huishouden.straatnaam": attrgetter("street"),
    "huishouden.huisnummer": attrgetter("house_number"),
    "huishouden.huisnummertoevoeging": attrgetter("house_number_suffix"),
    "huishouden.geheimhouding": lambda household: household.address_is_secret or None,
    "huishouden.telefoonnummer": attrgetter("phone"),
    "aanmelding.aangemeldOp": attrgetter("referral.referred_on"),
    "aanmelding.grondslag": attrgetter("referral.ground"),
    "aanmelding.wijkteam": attrgetter("team"),
    "aanmelding.aantalLeden": attrgetter("members"),
    "aanmelding.toelichting": attrgetter("referral.note"),
    "statusbericht.kenmerk": attrgetter("reference"),
    "statusbericht.status": attrgetter("message.status"),
    "statusbericht.peildatum": attrgetter("message.as_of"),
    "statusbericht.afsluitreden": attrgetter("message.close_reason"),
    "verantwoording.pseudoniem": attrgetter("pseudonym"),
    "verantwoording.stadsdeel": attrgetter("message.district"),
    "verantwoording.status": attrgetter("message.status"),
    "verantwoording.gestartOp": attrgetter("message.started_on"),
    "verantwoording.beeindigdOp": attrgetter("message.ended_on"),
    "verantwoording.afsluitreden": attrgetter("message.close_reason"),
    "verantwoording.aantalLeden": attrgetter("message.members"),
    "partnerbericht.aanmelding": attrgetter("exchange"),
    "partnerbericht.kenmerk": attrgetter("reference"),
    "partnerbericht.soort": attrgetter("message.kind"),
    "partnerbericht.peildatum": attrgetter("message.as_of"),
    "partnerbericht.bereikbaarheid": attrgetter("message.reachability"),
    "partnerbericht.afspraakOp": attrgetter("message.appointment_on"),
    "partnerbericht.telefoonnummer": attrgetter("message.phone"),
    "partnerbericht.hulpvorm": attrgetter("message.help_kind"),
    "partnerbericht.toelichting": attrgetter("message.note"),
}
_SCORES = {f"lid.zrm.{domain}": domain for domain in ZrmDomain}
_READS |= dict.fromkeys(AT_RELEASE, lambda _: True)
_RENDERS: dict[str, Callable[[Any, date], Scalar | None]] = {
    "lid.burgerservicenummer": lambda bsn, _: bsn.reveal(),
    "lid.geboortedatum": lambda born, _: born.reveal(),
    **dict.fromkeys(AT_RELEASE, lambda _, __: None),
}
_GENERALISES: dict[str, tuple[str, Callable[[Any, date], Scalar]]] = {
    "lid.geboortedatum": ("leeftijdsgroep", age_band),
    "huishouden.postcode": ("postcodegebied", lambda postcode, _: postcode[:4]),
    "statusbericht.status": ("status", lambda status, _: SENDER_STATUS[status].value),
    "verantwoording.status": ("status", lambda status, _: SENDER_STATUS[status].value),
    "verantwoording.gestartOp": ("gestartIn", lambda day, _: f"{day:%Y-%m}"),
    "verantwoording.beeindigdOp": ("beeindigdIn", lambda day, _: f"{day:%Y-%m}"),
}


def column_of(bit: int, path: str, flow: Flow) -> Column:
    treatment = flow.fields.get(path, Treatment.DROP)
    wire, render = path.rpartition(".")[2], _RENDERS.get(path)
    if treatment is Treatment.GENERALISE and path in _GENERALISES:
        wire, render = _GENERALISES[path]
    return Column(
        path=path,
        bit=1 << bit,
        wire=wire,
        is_kept=treatment is not Treatment.DROP,
        hides_with_address=path in _SECRET_WITH_ADDRESS and not flow.secret_address_admitted,
        read=_READS.get(path, lambda _: None),
        render=render,
    )


def grouped(columns: list[Column], place: Place) -> Groups:
    groups: dict[str, list[Column]] = {}
    for column in columns:
        category = FIELDS[column.path].category
        if PLACES[category] is place:
            groups.setdefault(category, []).append(column)
    return tuple((category, tuple(group)) for category, group in groups.items())


def is_present(referral: Referral, path: str) -> bool:
    """Whether a referral holds a field: for a member's field, whether every member holds it."""
    household = referral.household
    if path in _SCORES:
        return all(m.zrm is not None and _SCORES[path] in m.zrm.scores for m in household.members)
    if path == "huishouden.geheimhouding":
        return True
    read, place = _READS[path], path.partition(".")[0]
    match place:
        case "lid":
            if path.startswith("lid.zrm."):
                return all(member.zrm is not None for member in household.members)
            return all(read(MemberView(member, "")) is not None for member in household.members)
        case "huishouden":
            return read(household) is not None
        case _:
            return read(ReferralView(referral, None, len(household.members))) is not None
