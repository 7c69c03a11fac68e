"""What a flow rests on, asks and lets pass, and what would change an answer; in plain Dutch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from consent.labels import (
    BASES,
    HOUSEHOLD_RULES,
    MESSAGES,
    REGIMES,
    SPECIALS,
    TREATMENTS,
    field_label,
)
from consent.protocol import BasisKind, EmergencyRule, Flow, Protocol
from consent.simulation import Recorded, treatment_of
from schemas.decisions import Outcome, Rule
from schemas.fields import FIELDS, FieldKind, Special, Treatment

_NEW_FLOW = (
    "Een nieuwe versie van het protocol neemt deze stroom op, met een wettelijke grondslag en een"
    " ondertekende overeenkomst; de proceseigenaar en een privacyfunctionaris keuren die goed, met"
    " het advies van de FG erbij."
)

_ALREADY_FETCHED = "Het is al opgehaald; wie intrekt, laat het verdere gebruik stoppen."


class Course(Enum):
    """What became of a message that was let through; a permit alone hands nothing over."""

    WAITS = auto()
    REMOVED = auto()
    """Gone before the recipient fetched it."""
    HANDED_OVER = auto()


@dataclass(frozen=True, slots=True)
class FieldTold:
    """One field: whether it goes along, how, and why not."""

    path: str
    label: str
    goes: bool
    told: str


def conditions(flow: Flow) -> Iterator[str]:
    """What a message must meet to pass."""
    if flow.admitted_grounds:
        laws = ", ".join(flow.admitted_grounds)
        yield f"De verzender meldt aan onder een van deze wetten: {laws}."
    if flow.required:
        named = ", ".join(field_label(path) for path in flow.required)
        yield f"In het bericht staat in elk geval: {named}."
    if flow.locks.agreement.required:
        yield "Ontbreekt de instemming, dan wacht het bericht en gaat er niets weg."


def rests_on(flow: Flow, protocol: Protocol) -> Iterator[tuple[str, str]]:
    locks = flow.locks
    yield "Grondslag", f"{BASES[locks.basis.kind].nl}: {locks.basis.article}"
    for ground in locks.special:
        told = f"{SPECIALS[ground.special].nl}: {ground.article}"
        if ground.by_consent:
            told += "; alleen met uitdrukkelijke toestemming voor dat gegeven"
        yield "Uitzondering", told
    if locks.secrecy is not None:
        told = locks.secrecy.article
        if locks.secrecy.by_consent:
            told += "; met toestemming van de betrokkene"
        yield "Beroepsgeheim", told
    if locks.bsn is not None:
        yield "Burgerservicenummer", locks.bsn.article
    if flow.protection is not None:
        yield "Beschermd", flow.protection.article
    if flow.emergency is not None:
        yield "Noodverstrekking", flow.emergency.article
    for name in flow.agreements:
        signed = protocol.covenants[name]
        yield "Overeenkomst", f"{signed.title}, {signed.starts} tot en met {signed.ends}"
    yield "Verantwoordelijke", flow.controller
    if flow.processor is not None:
        yield "Verwerker", flow.processor


def emergency_rests_on(flow: Flow, nood: EmergencyRule) -> Iterator[tuple[str, str]]:
    """An emergency release stands on its own article: none of the flow's own grounds opened it."""
    yield "Grondslag", f"{BASES[BasisKind.VITAL_INTEREST].nl}: {nood.article}"
    steps = ", ".join(str(step) for step in nood.steps)
    yield (
        "Voorwaarden",
        f"bij stap {steps} van de meldcode; ten hoogste {nood.hours} uur; beoordeling binnen"
        f" {nood.review_days} dagen",
    )
    yield "Verantwoordelijke", flow.controller
    if flow.processor is not None:
        yield "Verwerker", flow.processor


def field_rests_on(flow: Flow, path: str) -> Iterator[tuple[str, str]]:
    """The basis, and those of the flow's other grounds that this field needs."""
    locks, field = flow.locks, FIELDS.get(path)
    yield "Grondslag", f"{BASES[locks.basis.kind].nl}: {locks.basis.article}"
    if field is None:
        return
    for ground in locks.special:
        if ground.special is field.special:
            yield "Uitzondering", f"{SPECIALS[ground.special].nl}: {ground.article}"
    if field.kind is FieldKind.FREE_TEXT and locks.secrecy is not None:
        yield "Beroepsgeheim", locks.secrecy.article
    if field.special is Special.BSN and locks.bsn is not None:
        yield "Burgerservicenummer", locks.bsn.article


def agreement_told(flow: Flow) -> str:
    agreement = flow.locks.agreement
    if not agreement.required:
        return "Er wordt geen instemming gevraagd: deze uitwisseling steunt op de grondslag alleen."
    is_basis = flow.locks.basis.kind is BasisKind.CONSENT
    role = "grondslag" if is_basis else "waarborg, niet als grondslag"
    return (
        f"Instemming is nodig als {role}: {HOUSEHOLD_RULES[agreement.household].nl}."
        f" Voor kinderen geldt: {REGIMES[agreement.regime].nl}."
    )


def field_told(flow: Flow, path: str) -> FieldTold:
    treatment, label = treatment_of(flow, path), field_label(path)
    if path not in FIELDS or FIELDS[path].message is not flow.message:
        told = f"bestaat niet in een {MESSAGES[flow.message].nl}"
        return FieldTold(path, label, goes=False, told=told)
    if treatment is Treatment.DROP:
        is_named = path in flow.fields
        told = "het protocol laat dit weg" if is_named else "het protocol noemt dit niet"
        return FieldTold(path, label, goes=False, told=told)
    told = f"gaat mee, {TREATMENTS[treatment].nl}"
    if any(g.by_consent and g.special is FIELDS[path].special for g in flow.locks.special):
        told += ", alleen met uitdrukkelijke toestemming van die persoon"
    return FieldTold(path, label, goes=True, told=told)


def recorded_fields(
    flow: Flow, recorded: Recorded, course: Course, nood: EmergencyRule | None
) -> Iterator[FieldTold]:
    """What a decision says of each field; `nood` is the rule that an emergency release went by."""
    for path in recorded.released:
        told = _let_through(TREATMENTS[treatment_of(flow, path)].nl, course)
        goes = course is not Course.REMOVED
        yield FieldTold(path, field_label(path), goes=goes, told=told)
    for path in recorded.removed:
        told = "bleef achter: het protocol laat dit niet toe"
        if nood is not None and path not in nood.fields:
            told = "bleef achter: staat niet op de lijst voor noodverstrekkingen"
        elif treatment_of(flow, path) is not Treatment.DROP:
            # A refusal of one category and a secret address look alike, and are told alike.
            told = "bleef achter: toegelaten, maar hier afgeschermd"
        yield FieldTold(path, field_label(path), goes=False, told=told)


def _let_through(how: str, course: Course) -> str:
    match course:
        case Course.WAITS:
            return f"mag mee, {how}; nog niet opgehaald"
        case Course.REMOVED:
            return f"zou meegaan, {how}"
        case Course.HANDED_OVER:
            return f"ging mee, {how}"


def recorded_field(
    flow: Flow, path: str, outcome: Outcome, fields: Iterable[FieldTold]
) -> FieldTold:
    """One field of a recorded message, whether or not the decision names it."""
    if path not in FIELDS or FIELDS[path].message is not flow.message:
        return field_told(flow, path)
    match outcome:
        case Outcome.REFUSED:
            told = "niet doorgegeven, want het hele bericht werd geweigerd"
        case Outcome.HELD:
            told = "niet doorgegeven, want het hele bericht werd aangehouden"
        case Outcome.ACCEPTED:
            told = "het besluit noemt dit niet, dus het stond niet in het bericht"
    named = (one for one in fields if one.path == path)
    return next(named, FieldTold(path, field_label(path), goes=False, told=told))


def emergency_field_otherwise(flow: Flow, path: str, nood: EmergencyRule) -> Iterator[str]:
    """The same of an emergency release, which nobody is asked about."""
    if path in nood.fields:
        yield (
            f"Een nieuwe versie van het protocol kan {field_label(path)} van de lijst voor"
            " noodverstrekkingen halen."
        )
        return
    field = FIELDS.get(path)
    is_there = field is not None and field.message is flow.message
    if not is_there or treatment_of(flow, path) is Treatment.DROP:
        yield from field_otherwise(flow, path)
    if is_there:
        yield (
            f"Een nieuwe versie van het protocol kan {field_label(path)} op de lijst voor"
            " noodverstrekkingen zetten, als dat in nood nodig is."
        )


def field_otherwise(flow: Flow, path: str, course: Course = Course.WAITS) -> Iterator[str]:
    field = FIELDS.get(path)
    if field is None or field.message is not flow.message:
        yield f"Het gegeven {path} bestaat niet in dit soort bericht en kan dus nooit mee."
        return
    if treatment_of(flow, path) is not Treatment.DROP:
        if flow.locks.agreement.required:
            yield (
                _ALREADY_FETCHED
                if course is Course.HANDED_OVER
                else "Weigert iemand dit gegeven, dan gaat het van die persoon niet mee."
            )
        yield f"Een nieuwe versie van het protocol kan {field_label(path)} weglaten."
        return
    forms = sorted(TREATMENTS[one].nl for one in field.treatments if one is not Treatment.DROP)
    possible = ", ".join(forms)
    yield (
        f"Om {field_label(path)} mee te laten gaan moet een nieuwe versie van het protocol dit"
        f" noemen (mogelijk: {possible}) en moet het nodig zijn voor het doel."
    )
    if field.special in (Special.HEALTH, Special.CRIMINAL):
        opened = {ground.special for ground in flow.locks.special}
        if field.special not in opened:
            article = "9" if field.special is Special.HEALTH else "10"
            yield (
                f"Dit zijn {SPECIALS[field.special].nl}: daarvoor is bovendien een uitzondering"
                f" nodig op het verbod van artikel {article} AVG. Instemming met de uitwisseling is"
                " dat niet."
            )
    if field.special is Special.BSN and flow.locks.bsn is None:
        yield "Voor het burgerservicenummer is bovendien een eigen wettelijke grond nodig (Wabb)."
    if field.kind is FieldKind.FREE_TEXT and flow.locks.secrecy is None:
        yield "Voor vrije tekst is bovendien een grond nodig om het beroepsgeheim te doorbreken."


def changes_for(
    flow: Flow | None, rule: str, path: str | None, course: Course = Course.WAITS
) -> Iterator[str]:
    if flow is None:
        yield _NEW_FLOW if rule == Rule.NO_FLOW else "Het protocol speelt hierin geen rol."
        return
    match rule:
        case Rule.PERMITTED:
            yield from _changes_to_permit(flow, course)
        case Rule.EMERGENCY:
            yield "Zonder noodsituatie gelden de gewone regels van deze stroom."
        case Rule.AGREEMENT_INCOMPLETE:
            yield (
                f"Is er instemming {HOUSEHOLD_RULES[flow.locks.agreement.household].nl}, dan gaat"
                f" het alsnog; anders wordt het na {flow.retention.hold_days} dagen vernietigd."
            )
        case Rule.GROUND_NOT_ADMITTED:
            yield f"De verzender meldt aan onder: {', '.join(flow.admitted_grounds)}."
        case Rule.FIELD_REQUIRED if path is not None:
            yield f"De verzender vult aan: {field_label(path)}."
        case Rule.NO_AGREEMENT_IN_FORCE:
            yield "De partijen sluiten of verlengen de overeenkomst, in een nieuwe versie."
        case Rule.PARTNER_SUSPENDED:
            yield "De schorsing eindigt, of de partij wordt aangesloten."
        case Rule.PROTECTION_NOT_ADMITTED | Rule.EMERGENCY_NOT_ADMITTED:
            yield "Een nieuwe versie van het protocol laat dit toe, met een artikel daarvoor."
        case _:
            yield "De verzender verbetert het bericht en stuurt het opnieuw, met een eigen kenmerk."


def _changes_to_permit(flow: Flow, course: Course) -> Iterator[str]:
    if course is Course.REMOVED:
        yield "De verzender stuurt het opnieuw, met een eigen kenmerk; dan wordt opnieuw besloten."
        return
    if flow.locks.agreement.required:
        yield (
            _ALREADY_FETCHED
            if course is Course.HANDED_OVER
            else (
                "Trekt iemand de instemming in voordat de ontvanger het bericht ophaalt, dan gaat"
                " het niet of zonder die persoon."
            )
        )
    yield "Eindigt de overeenkomst of wordt een partij geschorst, dan gaat er niets meer."
