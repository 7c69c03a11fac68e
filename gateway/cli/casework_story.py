"""The demo's steps at the casebook: it works its cases, and refers families onward and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.cli.output import amount
from gateway.cli.overtaking import WatchedDossiers
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis, Event
from gateway.sandbox.casebook import Tally, work_mailbox
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.onward import ALTRA, SCALE_DOWN, Destination, referred_onward
from gateway.sandbox.simulation import Manner, Simulation
from gateway.sandbox.wire import as_dict
from schemas.casework import OwnStatus
from schemas.decisions import Outcome
from schemas.referral import Referral

REFERRAL, STATUS = "nl.sluis.aanmelding", "nl.sluis.statusbericht"


async def work(
    stage: Stage, casebook: AsyncSluis, decide_status: DecideStatus
) -> tuple[Tally, list[Event]]:
    """Everything that waits is pulled, kept, acknowledged and reported on; gives what was new."""
    with stage.step("The casebook pulls, acknowledges, and reports on its cases") as steps:

        def show(tally: Tally) -> None:
            done = sum(tally.statuses.values())
            told = f"{amount(tally.acknowledged)} received, {amount(done)} statuses sent"
            steps.move("Casework", done, None, told)

        store = WatchedDossiers(stage.folder("casebook") / "dossiers")
        tally = await work_mailbox(casebook, store, decide_status, on_progress=show)
    received, sent = tally.received[REFERRAL], sum(tally.statuses.values())
    stage.say(f"{amount(received)} referrals received in order, {amount(sent)} statuses sent back")
    accepted = stage.story.counted["accepted"] - stage.story.counted["withdrawn"]
    if stage.is_repeat:
        # An earlier run may have been stopped half-way; what it left undone is done now.
        is_once = received < accepted and not tally.repeats
        stage.claim("the casebook received nothing twice", is_once)
    else:
        stage.claim("the casebook received exactly what was accepted", received == accepted)
    stage.claim("no status was refused", not tally.refused)
    stage.count("received", received)
    stage.count("statuses", sent)
    return tally, store.fresh


async def refer_onward(
    stage: Stage, casebook: AsyncSluis, family: Event | None, decide_status: DecideStatus
) -> None:
    """A family goes to specialist youth help, which answers."""
    with stage.step("The casebook refers a family onward to Altra, which takes it"):
        referral = await _hand_on(stage, casebook, family, ALTRA)
        async with stage.party("altra") as client:
            store = WatchedDossiers(stage.folder("altra") / "dossiers")
            done = await _play(stage, client, store)
        answers = await _answers(stage, casebook, referral, decide_status)
    got = next((event for event in store.fresh if event.type == REFERRAL), None)
    fields = _fields(got)
    stage.say(f"What Altra gets of its members: {', '.join(fields) or 'nothing'}")
    stage.say(f"Altra's answer, under the casebook's own key: {_words(answers)}")
    claim = stage.claim
    claim("Altra got the family, with the new agreement", bool(fields))
    claim("Altra got no score on health", not {one for one in fields if "ezondheid" in one})
    is_other = family is not None and got is not None and got.subject != family.subject
    claim("Altra knows the person by another pseudonym than the casebook does", is_other)
    claim("the casebook reads that Altra took it", bool(answers))
    stage.count("statuses", sum(done.statuses.values()))


async def scale_down(
    stage: Stage, casebook: AsyncSluis, family: Event | None, decide_status: DecideStatus
) -> None:
    """A family that manages again goes back to OKT, which answers in iJw."""
    with stage.step("The casebook scales a family down to OKT, which answers in iJw (JW305)"):
        referral = await _hand_on(stage, casebook, family, SCALE_DOWN)
        async with stage.party("okt") as client:
            store = WatchedDossiers(stage.folder("okt") / "dossiers")
            done = await _play(stage, client, store)
        answers = await _answers(stage, casebook, referral, decide_status)
    got = [event for event in store.fresh if event.type == REFERRAL]
    stage.say(f"answers in iJw: {amount(done.own)}; the casebook reads: {_words(answers)}")
    stage.claim("OKT got the family back", len(got) == 1)
    stage.claim("the casebook reads in its own form what OKT said in iJw", bool(answers))
    stage.count("statuses", done.own)


async def _hand_on(
    stage: Stage, casebook: AsyncSluis, family: Event | None, to: Destination
) -> Referral | None:
    referral = None if family is None else referred_onward(family, to)
    if referral is None:
        return None
    answer = await casebook.refer(referral)
    stage.count(_NAMES[answer.decision], 1)
    return referral


_NAMES = {Outcome.ACCEPTED: "accepted", Outcome.HELD: "held", Outcome.REFUSED: "refused"}


async def _play(stage: Stage, client: AsyncSluis, store: WatchedDossiers) -> Tally:
    """The recipient's simulator works its mailbox once."""
    folder = stage.folder(client.partner)
    return (await Simulation(client, folder, Manner(count=0), store=store).round()).tally


async def _answers(
    stage: Stage, casebook: AsyncSluis, referral: Referral | None, decide_status: DecideStatus
) -> list[OwnStatus]:
    """What the casebook now reads of a family that it handed on."""
    store = WatchedDossiers(stage.folder("casebook") / "dossiers")
    await work_mailbox(casebook, store, decide_status)
    told = [status for event in store.fresh if (status := event.own_status()) is not None]
    return [one for one in told if referral is not None and one.reference == referral.reference]


def of_family(events: list[Event], referral: Referral) -> Event | None:
    """The message by which the casebook got this family: it reads who they are."""
    wanted = _number(as_dict(referral))
    return next((event for event in events if _number(event.data) == wanted), None)


def _number(message: Mapping[str, Any]) -> object:
    members = message.get("huishouden", {}).get("leden", [])
    return members[0].get("burgerservicenummer") if members else None


def _fields(event: Event | None) -> list[str]:
    household = event.data.get("huishouden") if event is not None else None
    members = household.get("leden") if isinstance(household, dict) else None
    told = {
        name
        for one in (members if isinstance(members, list) else [])
        if isinstance(one, dict)
        for field, value in one.items()
        for name in (value if isinstance(value, dict) else [field])
    }
    return sorted(told)


def _words(answers: list[OwnStatus]) -> str:
    return ", ".join(one.status for one in answers) or "nothing"
