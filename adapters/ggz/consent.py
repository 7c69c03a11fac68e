"""The Bundle's own Consents: a patient's explicit yes or no to this referral, by whom and when.

Medical confidentiality is broken by explicit consent alone (Civil Code 7:457): a yes names its
purpose, its recipient and who gave it, or it is none. A Consent that says less, that has ended, or
that sets limits which the gateway could not keep refuses the Bundle (unknown means no). What it
says is entered in the register and weighed there against what was said before and since; nothing
here opens a lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from adapters.ggz.bundle import Opened
from adapters.ggz.resources import PARTNER_SYSTEM, PURPOSE_SYSTEM, Consent, Provision
from schemas.deliveries import Problem
from schemas.referral import DecidedBy

_TERMS = "http://terminology.hl7.org/CodeSystem/"
_SCOPE = (f"{_TERMS}consentscope", "patient-privacy")
_RECIPIENT = (f"{_TERMS}v3-ParticipationType", "IRCP")
_ACTION = (f"{_TERMS}consentaction", "disclose")
_PROVISION = "Consent.provision"


def read_consents(
    opened: Opened, places: Mapping[int, int], members: list[dict[str, object]], today: date
) -> dict[str, object]:
    """Add each Consent to its member; return the purpose and recipient that all of them name.

    `places` leads from a Patient's entry to the member's place.
    """
    chosen: dict[str, object] = {}
    said: dict[tuple[object, ...], bool] = {}
    for entry, consent in opened.consents.items():
        patient = opened.patient_at(consent.patient)
        if patient is None:
            opened.object(entry, "Consent.patient", Problem.INVALID)
            continue
        if _SCOPE not in [(one.system, one.code) for one in consent.scope.coding]:
            opened.object(entry, "Consent.scope", Problem.UNKNOWN_CODE)
            continue
        is_given = _is_given(consent, entry, opened)
        named = _named(consent, entry, opened)
        for name, value in named.items():
            if chosen.setdefault(name, value) != value:
                opened.object(entry, _PLACES[name], Problem.CONTRADICTION)
        if is_given:
            _check_yes(consent, named, entry, opened, today)
        for agreement in _agreements(consent, entry, is_given, patient, places, opened):
            who = (patient, agreement["door"], agreement.get("doorLid"), consent.decided_on)
            if said.setdefault(who, is_given) != is_given:
                opened.object(entry, "Consent.provision.type", Problem.CONTRADICTION)
            _add(members[places[patient]], agreement)
    return chosen


_PLACES = {"doel": f"{_PROVISION}.purpose", "ontvanger": f"{_PROVISION}.actor"}


def _is_given(consent: Consent, entry: int, opened: Opened) -> bool:
    """A rejected Consent is a no whatever it provides; an active one says so by its provision."""
    if consent.status == "rejected":
        return False
    if consent.provision is None:
        opened.object(entry, _PROVISION, Problem.MISSING)
        return False
    return consent.provision.kind == "permit"


def _named(consent: Consent, entry: int, opened: Opened) -> dict[str, str]:
    """The purpose and the recipient that this Consent names; what else it names is not ours."""
    provision = consent.provision
    if provision is None:
        return {}
    named = {"doel": _purpose(provision), "ontvanger": _recipient(provision)}
    for name, value in named.items():
        if value is None:
            opened.object(entry, _PLACES[name], Problem.UNKNOWN_CODE)
    return {name: value for name, value in named.items() if value}


def _purpose(provision: Provision) -> str | None:
    """Its one purpose; empty if it names none, nothing if it names another's or several."""
    codes = {one.code for one in provision.purpose if one.system == PURPOSE_SYSTEM}
    if not provision.purpose:
        return ""
    is_ours = all(one.system == PURPOSE_SYSTEM for one in provision.purpose)
    return codes.pop() if is_ours and len(codes) == 1 else None


def _recipient(provision: Provision) -> str | None:
    if not provision.actor:
        return ""
    if len(provision.actor) > 1:
        return None
    actor = provision.actor[0]
    identifier = actor.reference.identifier
    roles = [(one.system, one.code) for one in actor.role.coding]
    if _RECIPIENT not in roles or identifier is None or identifier.system != PARTNER_SYSTEM:
        return None
    return identifier.value


def _check_yes(
    consent: Consent, named: Mapping[str, str], entry: int, opened: Opened, today: date
) -> None:
    """A yes is explicit, in force, and about handing over."""
    provision = consent.provision
    if provision is None:
        return
    for name, place in _PLACES.items():
        is_said = provision.purpose if name == "doel" else provision.actor
        if name not in named and not is_said:
            opened.object(entry, place, Problem.MISSING)
    if not consent.performer:
        opened.object(entry, "Consent.performer", Problem.MISSING)
    actions = [(one.system, one.code) for concept in provision.action for one in concept.coding]
    if provision.action and _ACTION not in actions:
        opened.object(entry, f"{_PROVISION}.action", Problem.UNKNOWN_CODE)
    start = provision.period.start if provision.period else None
    if start is not None and start > today:
        opened.object(entry, f"{_PROVISION}.period", Problem.IN_FUTURE)


def _agreements(
    consent: Consent,
    entry: int,
    is_given: bool,
    patient: int,
    places: Mapping[int, int],
    opened: Opened,
) -> list[dict[str, object]]:
    """One agreement for each person who gave this Consent."""
    found: list[dict[str, object]] = []
    base: dict[str, object] = {"gegeven": is_given, "op": consent.decided_on}
    period = consent.provision.period if consent.provision else None
    # An end at noon takes that day from a yes and leaves it to a no.
    last = period.last_day(is_whole=is_given) if period else None
    if last is not None:
        base["geldigTot"] = last
    if consent.identifier and consent.identifier[0].value:
        base["bewijs"] = consent.identifier[0].value
    if not consent.performer:
        return [{**base, "door": DecidedBy.SELF}]
    for performer in consent.performer:
        giver = opened.patient_at(performer)
        if giver is None or giver not in places:
            # Whoever is not in the household is known by the register, and says it there.
            opened.object(entry, "Consent.performer", Problem.INVALID)
        elif giver == patient:
            found.append({**base, "door": DecidedBy.SELF})
        else:
            found.append({**base, "door": DecidedBy.PARENT, "doorLid": places[giver]})
    return found


def _add(member: dict[str, object], agreement: dict[str, object]) -> None:
    if "instemming" not in member:
        member["instemming"] = agreement
        return
    further = member.setdefault("verdereInstemmingen", [])
    if isinstance(further, list):
        further.append(agreement)
