"""What the casebook hands on: a family to specialist youth help, back to OKT, or to who protects.

Referring onward is the programme's own role since 2015. The household is told of as the casebook
received it; the agreement is a new one, for the new purpose and recipient, by whom the Youth Act
says; a report for somebody's safety asks none. Of cases that ended it accounts to the funder.
Everything follows from the message and a seed, so that a casebook that was interrupted repeats
itself and doubles nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from gateway.client import AsyncSluis, Conflict, Event, Refused
from gateway.sandbox.casebook import Tally, Then
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.population.put_forward import agreements, holders_among
from schemas.casework import Accountability, CaseStatus
from schemas.decisions import Outcome
from schemas.identifiers import PartialDate
from schemas.referral import AuthoritySource, Ground, Referral, Role

HandOn = Callable[[Event], Sequence[Referral]]
"""The referrals that follow on one that was received."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a family may be referred, and why; `share` of a hundred families go there."""

    recipient: str
    purpose: str
    share: int
    asks_agreement: bool = True


ALTRA = Destination("altra", "jeugdhulp", 8)
SPIRIT = Destination("spirit", "jeugdhulp", 4)
SCALE_DOWN = Destination("okt", "overdracht-jeugdteam", 30)
GI = Destination("gi", "uitvoering-kinderbescherming", 1, asks_agreement=False)
VEILIG_THUIS = Destination("veilig-thuis", "melding-veiligheid", 1, asks_agreement=False)
FUNDER = "sra"
_ANY_TIME = (ALTRA, SPIRIT, GI, VEILIG_THUIS)
_TOLD = ("rol", "burgerservicenummer", "voorletters", "voorvoegsel", "achternaam", "geboortedatum",
         "geslacht")  # fmt: skip
_ADULT = 18


def seeded_onward(seed: int, decide_status: DecideStatus) -> HandOn:
    """A few of a hundred families to each destination; of those who were helped, some to OKT."""

    def decide(event: Event) -> list[Referral]:
        chance = random.Random(f"{seed}/onward/{event.position}")  # noqa: S311 - made-up casework
        drawn = chance.randrange(100)
        if not _is_family(event):
            return []
        told = decide_status(event)
        if told and told[-1].status is CaseStatus.CLOSED_REACHED:
            going = SCALE_DOWN if drawn < SCALE_DOWN.share else None
        else:
            places = [one for one in _ANY_TIME for _ in range(one.share)]
            going = places[drawn] if drawn < len(places) else None
        made = None if going is None else referred_onward(event, going)
        return [] if made is None else [made]

    return decide


def handing_on(decide: HandOn) -> Then:
    """Send what follows on each referral, and count what became of it."""

    async def then(client: AsyncSluis, event: Event, tally: Tally) -> None:
        for referral in decide(event):
            tally.handed_on[referral.recipient or "", await _outcome(client, referral)] += 1

    return then


def accounting(decide_status: DecideStatus) -> Then:
    """Account to the funder for each case that ended, and count what became of it."""

    async def then(client: AsyncSluis, event: Event, tally: Tally) -> None:
        account = account_of(event, decide_status)
        if account is None:
            return
        try:
            tally.accounts[(await client.account(account)).decision] += 1
        except (Refused, Conflict):
            tally.accounts[Outcome.REFUSED] += 1

    return then


def account_of(
    event: Event, decide_status: DecideStatus, reference: str | None = None
) -> Accountability | None:
    """What the funder may know of a case that ended; None of one that goes on."""
    told = decide_status(event)
    if not told or not told[-1].status.is_closed:
        return None
    household: object = event.data.get("huishouden")
    members = household.get("leden") if isinstance(household, dict) else None
    return Accountability(
        reference=reference or f"VA-{event.id.hex}",
        exchange_id=event.id,
        recipient=FUNDER,
        status=told[-1].status,
        started_on=event.time.date(),
        ended_on=told[-1].as_of,
        members=len(members) if isinstance(members, list) and members else 1,
    )


async def _outcome(client: AsyncSluis, referral: Referral) -> Outcome:
    try:
        return (await client.refer(referral)).decision
    except Refused as refused:
        return refused.answer.decision
    except Conflict:
        return Outcome.REFUSED


def referred_onward(event: Event, to: Destination, *, agreed: bool = True) -> Referral | None:
    """The family of a message that was received, for another recipient; None if it is no family."""
    if not _is_family(event):
        return None
    received: dict[str, Any] = event.model_dump()["data"]
    household = dict(received["huishouden"])
    members = household.pop("leden")
    on = event.time.date()
    holders = holders_among([Role(one.get("rol", Role.OTHER)) for one in members])
    said = agreed if to.asks_agreement else None
    household["leden"] = [_member(one, on, holders, said, event) for one in members]
    message = {
        "kenmerk": f"RIS-{to.recipient}-{event.id.hex[:20]}",
        "aangemeldOp": on,
        "grondslag": Ground.YOUTH_ACT.value,
        "ontvanger": to.recipient,
        "doel": to.purpose,
        "huishouden": household,
    }
    return Referral.model_validate_json(orjson.dumps(message))


def _member(
    told: dict[str, Any], on: date, holders: list[int], agreed: bool | None, event: Event
) -> dict[str, Any]:
    member = {name: told[name] for name in _TOLD if name in told}
    if "zrm" in told:
        measured = dict(told["zrm"])
        member["zrm"] = {"gemetenOp": measured.pop("gemetenOp", on), "scores": measured}
    age = _age(str(told.get("geboortedatum", "")), on)
    if age < _ADULT and holders:
        member["gezag"] = [
            {
                "houders": [{"lid": one} for one in holders],
                "bron": AuthoritySource.REGISTER.value,
                "peildatum": on,
            }
        ]
    if agreed is None:
        return member
    evidence = f"RIS-IF-{event.id.hex[:12]}"
    return member | agreements(agreed, on, age, holders, evidence, is_of_all=True)


def _is_family(event: Event) -> bool:
    """Whether a child is in it with who decides for it, and all birth dates are known."""
    household: object = event.data.get("huishouden")
    members = household.get("leden") if isinstance(household, dict) else None
    told = [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    roles = {one.get("rol") for one in told}
    return {Role.CHILD, Role.APPLICANT} <= roles and all(
        "geboortedatum" in one and "achternaam" in one for one in told
    )


def _age(born: str, on: date) -> int:
    """At most so many years, where the day is not known."""
    if not born:
        return 0
    year, month, day = PartialDate(born).latest
    return on.year - year - ((on.month, on.day) < (month, day))
