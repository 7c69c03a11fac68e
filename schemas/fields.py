"""The vocabulary of the privacy protocol: every field that a message can hold, with its category.

A protocol names fields by these paths and nothing else. `KIND` tells a direct identifier from an
attribute, `SPECIAL` which lock a field needs beyond its basis (GDPR articles 9 and 10, Wabb article
10 for the BSN). A field that is not listed here cannot be admitted, so it is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.zrm import ZrmDomain


class MessageKind(StrEnum):
    """What kind of message a flow carries (bericht)."""

    REFERRAL = "aanmelding"
    STATUS = "statusbericht"
    ACCOUNTABILITY = "verantwoording"
    PARTNER_UPDATE = "partnerbericht"
    REGISTRATION = "registratie"

    # As quick as a text's; an enumeration's own is a call, at every look-up of a flow.
    __hash__ = str.__hash__


class FieldKind(StrEnum):
    """What a field is to a privacy officer."""

    IDENTIFIER = "identificerend"
    ATTRIBUTE = "kenmerk"
    DERIVED = "afgeleid"
    FREE_TEXT = "vrije-tekst"


class Special(StrEnum):
    """Which lock a field asks for beyond the basis."""

    NONE = "geen"
    BSN = "bsn"
    HEALTH = "gezondheid"
    CRIMINAL = "strafrechtelijk"


class Treatment(StrEnum):
    """What the protocol does with a field (behandeling)."""

    IDENTIFY = "identificeren"
    KEEP = "behouden"
    PSEUDONYMISE = "pseudonimiseren"
    GENERALISE = "generaliseren"
    DROP = "weglaten"


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One field: where it stands, what it is, and which treatments make sense for it."""

    path: str
    message: MessageKind
    category: str
    kind: FieldKind
    treatments: frozenset[Treatment]
    special: Special = Special.NONE


_IDENTIFIER = frozenset({Treatment.IDENTIFY, Treatment.DROP})
_ATTRIBUTE = frozenset({Treatment.KEEP, Treatment.DROP})
_GENERALISABLE = frozenset({Treatment.KEEP, Treatment.GENERALISE, Treatment.DROP})
_GENERALISABLE_IDENTIFIER = frozenset({Treatment.IDENTIFY, Treatment.GENERALISE, Treatment.DROP})
_PSEUDONYM = frozenset({Treatment.PSEUDONYMISE, Treatment.DROP})

_SPECIAL_DOMAINS = {
    ZrmDomain.PHYSICAL_HEALTH: Special.HEALTH,
    ZrmDomain.MENTAL_HEALTH: Special.HEALTH,
    ZrmDomain.ADDICTION: Special.HEALTH,
    ZrmDomain.JUSTICE: Special.CRIMINAL,
}


def _referral_fields() -> list[FieldDefinition]:
    def of(
        path: str,
        category: str,
        kind: FieldKind,
        treatments: frozenset[Treatment],
        special: Special = Special.NONE,
    ) -> FieldDefinition:
        return FieldDefinition(path, MessageKind.REFERRAL, category, kind, treatments, special)

    identifier, attribute, derived = FieldKind.IDENTIFIER, FieldKind.ATTRIBUTE, FieldKind.DERIVED
    fields = [
        of("lid.pseudoniem", "samenstelling", derived, _PSEUDONYM),
        of("lid.rol", "samenstelling", attribute, _ATTRIBUTE),
        of("lid.burgerservicenummer", "identiteit", identifier, _IDENTIFIER, Special.BSN),
        of("lid.voorletters", "identiteit", identifier, _IDENTIFIER),
        of("lid.voorvoegsel", "identiteit", identifier, _IDENTIFIER),
        of("lid.achternaam", "identiteit", identifier, _IDENTIFIER),
        of("lid.geboortedatum", "identiteit", identifier, _GENERALISABLE_IDENTIFIER),
        of("lid.geslacht", "identiteit", attribute, _ATTRIBUTE),
        of("lid.ontvangtUitkering", "inkomen", attribute, _ATTRIBUTE),
        of("lid.participatietrede", "inkomen", attribute, _ATTRIBUTE),
        of("lid.zrm.gemetenOp", "zrm", attribute, _ATTRIBUTE),
        of("lid.reedsBekend", "bekendheid", derived, _ATTRIBUTE),
    ]
    for domain in ZrmDomain:
        special = _SPECIAL_DOMAINS.get(domain, Special.NONE)
        fields.append(of(f"lid.zrm.{domain}", f"zrm.{domain}", attribute, _GENERALISABLE, special))
    fields += [
        of("huishouden.postcode", "adres", identifier, _GENERALISABLE_IDENTIFIER),
        of("huishouden.straatnaam", "adres", identifier, _IDENTIFIER),
        of("huishouden.huisnummer", "adres", identifier, _IDENTIFIER),
        of("huishouden.huisnummertoevoeging", "adres", identifier, _IDENTIFIER),
        of("huishouden.geheimhouding", "adres", attribute, _ATTRIBUTE),
        of("huishouden.telefoonnummer", "contact", identifier, _IDENTIFIER),
        of("aanmelding.aantalLeden", "aanmelding", derived, _ATTRIBUTE),
        of("aanmelding.aangemeldOp", "aanmelding", attribute, _ATTRIBUTE),
        of("aanmelding.grondslag", "aanmelding", attribute, _ATTRIBUTE),
        of("aanmelding.wijkteam", "aanmelding", derived, _ATTRIBUTE),
        of("aanmelding.toelichting", "vrije-tekst", FieldKind.FREE_TEXT, _IDENTIFIER),
    ]
    return fields


def _status_fields() -> list[FieldDefinition]:
    def of(path: str, kind: FieldKind, treatments: frozenset[Treatment]) -> FieldDefinition:
        return FieldDefinition(path, MessageKind.STATUS, "casusstatus", kind, treatments)

    return [
        of("statusbericht.kenmerk", FieldKind.DERIVED, _ATTRIBUTE),
        of("statusbericht.status", FieldKind.ATTRIBUTE, _GENERALISABLE),
        of("statusbericht.peildatum", FieldKind.ATTRIBUTE, _ATTRIBUTE),
        of("statusbericht.afsluitreden", FieldKind.ATTRIBUTE, _ATTRIBUTE),
    ]


def _accountability_fields() -> list[FieldDefinition]:
    def of(name: str, kind: FieldKind, treatments: frozenset[Treatment]) -> FieldDefinition:
        path = f"verantwoording.{name}"
        return FieldDefinition(path, MessageKind.ACCOUNTABILITY, "verantwoording", kind, treatments)

    attribute, derived = FieldKind.ATTRIBUTE, FieldKind.DERIVED
    return [
        of("pseudoniem", derived, _PSEUDONYM),
        of("stadsdeel", attribute, _ATTRIBUTE),
        of("status", attribute, _GENERALISABLE),
        of("gestartOp", attribute, _GENERALISABLE),
        of("beeindigdOp", attribute, _GENERALISABLE),
        of("afsluitreden", attribute, _ATTRIBUTE),
        of("aantalLeden", derived, _ATTRIBUTE),
    ]


def _partner_update_fields() -> list[FieldDefinition]:
    def of(
        name: str,
        category: str,
        kind: FieldKind,
        treatments: frozenset[Treatment],
        special: Special = Special.NONE,
    ) -> FieldDefinition:
        path = f"partnerbericht.{name}"
        return FieldDefinition(
            path, MessageKind.PARTNER_UPDATE, category, kind, treatments, special
        )

    attribute, derived = FieldKind.ATTRIBUTE, FieldKind.DERIVED
    return [
        of("aanmelding", "partnerbericht", derived, _ATTRIBUTE),
        of("kenmerk", "partnerbericht", derived, _ATTRIBUTE),
        of("soort", "partnerbericht", attribute, _ATTRIBUTE),
        of("peildatum", "partnerbericht", attribute, _ATTRIBUTE),
        of("bereikbaarheid", "partnerbericht", attribute, _ATTRIBUTE),
        of("afspraakOp", "partnerbericht", attribute, _ATTRIBUTE),
        of("telefoonnummer", "nieuw-contact", FieldKind.IDENTIFIER, _IDENTIFIER),
        of("hulpvorm", "hulpvorm", attribute, _ATTRIBUTE, Special.HEALTH),
        of("toelichting", "bericht-toelichting", FieldKind.FREE_TEXT, _IDENTIFIER),
    ]


def _registration_fields() -> list[FieldDefinition]:
    """Nothing of these is handed to anybody but who says it: a number in, a pseudonym back."""
    message, category = MessageKind.REGISTRATION, "registratie"
    identifier = FieldKind.IDENTIFIER
    return [
        FieldDefinition(
            "registratie.burgerservicenummer",
            message,
            category,
            identifier,
            _PSEUDONYM,
            Special.BSN,
        )
    ]


FIELDS: dict[str, FieldDefinition] = {
    field.path: field
    for field in [
        *_referral_fields(),
        *_status_fields(),
        *_accountability_fields(),
        *_partner_update_fields(),
        *_registration_fields(),
    ]
}
AT_RELEASE = frozenset({"lid.reedsBekend"})
"""Fields that are worked out when a message is handed over: until then a part holds null."""
CATEGORIES: frozenset[str] = frozenset(field.category for field in FIELDS.values())
WIDER: dict[str, str] = {"nieuw-contact": "contact", "bericht-toelichting": "vrije-tekst"}
"""What is told of a case, by what it is in a referral: who refuses that refuses this too."""


class Place(StrEnum):
    """The object of a released message in which a category's fields stand."""

    MEMBER = "lid"
    ZRM = "zrm"
    HOUSEHOLD = "huishouden"
    REFERRAL = "aanmelding"
    STATUS = "statusbericht"
    ACCOUNTABILITY = "verantwoording"
    PARTNER_UPDATE = "partnerbericht"
    REGISTRATION = "registratie"


def _place(field: FieldDefinition) -> Place:
    return Place.ZRM if field.path.startswith("lid.zrm.") else Place(field.path.split(".")[0])


PLACES: dict[str, Place] = {field.category: _place(field) for field in FIELDS.values()}
"""Where each category stands; a category never spans two places."""
