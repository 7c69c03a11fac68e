"""The demo's steps on who is known already: an opening load, a mark, and a proposal by name.

That somebody is known to the neighbourhood team is itself sensitive: the casebook alone reads it.
Of who comes without a number the casebook's own client proposes who it may be; a person decides.
"""

from __future__ import annotations

from pydantic import JsonValue

from gateway.cli.stage import Stage
from gateway.client import AsyncSluis, Event
from gateway.client.candidates import KnownPersons, Outcome
from gateway.client.particulars import Particulars, persons_in
from gateway.sandbox.wire import as_dict
from schemas.referral import Referral
from schemas.registrations import Registration, RegistrationResult

KNOWN = "reedsBekend"


async def register_known(stage: Stage, casebook: AsyncSluis, patient: Referral) -> None:
    """The opening load: the casebook says whom it works with already, by number."""
    number = as_dict(patient)["huishouden"]["leden"][0]["burgerservicenummer"]
    known = Registration.model_validate(
        {"burgerservicenummer": number, "kenmerk": f"RIS-{stage.stamp}"}
    )
    with stage.step("The casebook registers a person whom it knows already"):
        (told,) = await casebook.register([known])
    stage.say(f"{told.result}: from now on {told.pseudonym}, as in every message to the casebook")
    is_done = told.result is RegistrationResult.REGISTERED
    stage.claim("the casebook's own dossier was registered", is_done)


def recognise(stage: Stage, received: list[Event], known: Referral, other: Referral) -> None:
    """What the casebook reads of two patients of GGZ, who were answered in the same words."""
    marks = [_is_known(_found(received, one)) for one in (known, other)]
    words = ["already known" if mark else "not known yet" for mark in marks]
    stage.say(f"two patients of GGZ, to the casebook alone: {words[0]}; {words[1]}")
    stage.claim("the casebook reads that the first patient is known already", marks[0] is True)
    is_new = marks[1] is False or stage.is_repeat
    stage.claim("and that the second is not", is_new)


def propose(stage: Stage, received: list[Event], family: Referral, stranger: Referral) -> None:
    """MADI's worker did not know the number of somebody whom OKT put forward as well."""
    known = [one for event in received for one in persons_in(event) if one.has_bsn]
    meant, new = _applicant(received, family), _applicant(received, stranger)
    with stage.step("Somebody came without a number: the casebook's client proposes who it may be"):
        proposals = [] if new is None else KnownPersons(known).proposals(new)
    told = [f"{one.outcome} ({one.bits:.0f} bits)" for one in proposals]
    stage.say(f"of {len(known)} persons with a number, proposed to a person: {', '.join(told)}")
    is_right = bool(proposals) and meant is not None and proposals[0].known.key == meant.key
    is_sure = is_right and proposals[0].outcome is Outcome.CANDIDATE
    stage.claim(
        "the right person is proposed, and no other one as surely",
        is_sure and all(one.outcome is not Outcome.CANDIDATE for one in proposals[1:]),
    )
    is_apart = new is not None and meant is not None and new.key != meant.key
    stage.claim("nothing was merged: a person decides", is_apart)


def _applicant(received: list[Event], referral: Referral) -> Particulars | None:
    """The first person of the message by which the casebook got this household."""
    event = _found(received, referral)
    return None if event is None else next(persons_in(event), None)


_WHO = ("burgerservicenummer", "achternaam", "geboortedatum")


def _found(received: list[Event], referral: Referral) -> Event | None:
    """The message about these very persons; by name where they came without a number."""
    meant = as_dict(referral)["huishouden"]["leden"][0]
    for event in received:
        for one in _members(event)[:1]:
            if all(one.get(name) == meant.get(name) for name in _WHO):
                return event
    return None


def _is_known(event: Event | None) -> bool | None:
    members = [] if event is None else _members(event)
    return members[0].get(KNOWN) is True if members else None


def _members(event: Event) -> list[dict[str, JsonValue]]:
    home = event.data.get("huishouden")
    members = home.get("leden") if isinstance(home, dict) else None
    return [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []
