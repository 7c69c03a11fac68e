"""The programme's day, told by outside parties over real HTTP: every referrer, the casebook, Altra.

Each act stands in a module of its own (`*_story.py`). Each step says what it did and whether that
is what it should; `sluis demo` ends with status 0 only if every claim held.
"""

from __future__ import annotations

from pathlib import Path

from gateway.app import Gateway
from gateway.cli import (
    casework_story,
    delivery_story,
    doubles_story,
    officers_story,
    partners_story,
    places_story,
    push_story,
)
from gateway.cli.evidence_story import OfficersDesk
from gateway.cli.output import Output
from gateway.cli.overtaking import Applicant
from gateway.cli.stage import Stage, Story
from gateway.sandbox.casework import seeded_casework


async def tell(home: Path, gateway: Gateway, output: Output) -> Story:
    """Every step in order, in a home folder that `prepare_sandbox` made ready.

    Raises what the client raises.
    """
    stage = Stage(home, tuple(gateway.vkeys.values()), output)
    both = await exchange(stage)
    await account_for(stage, both, gateway.vkey)
    return stage.story


async def exchange(
    stage: Stage, referrals: int = delivery_story.REFERRALS
) -> tuple[Applicant, Applicant]:
    """Households go to the casebook and from there onward, and word of them goes back.

    Gives the two who withdrew, before and after they were received.
    """
    decide = seeded_casework(delivery_story.SEED)
    async with stage.party("dwi") as dwi, stage.party("casebook") as casebook:
        await delivery_story.deliver(stage, dwi, referrals)
        onward, back = await partners_story.scale_up(stage)
        patients = partners_story.patients(stage)
        await doubles_story.register_known(stage, casebook, patients[0])
        await partners_story.refer_in_fhir(stage, patients)
        stranger = await partners_story.send_workbook(stage, onward)
        both = await delivery_story.withdraw_early(stage, dwi)
        tally, received = await casework_story.work(stage, casebook, decide)
        doubles_story.recognise(stage, received, *patients[:2])
        doubles_story.propose(stage, received, onward, stranger)
        told = await partners_story.fetch_statuses(stage)
        await delivery_story.fetch_statuses(stage, dwi, sum(tally.statuses.values()) - told)
        await delivery_story.withdraw_late(stage, dwi, casebook, both, decide)
        family = casework_story.of_family(received, onward)
        await casework_story.refer_onward(stage, casebook, family, decide)
        family = casework_story.of_family(received, back)
        await casework_story.scale_down(stage, casebook, family, decide)
        await places_story.place(stage, casebook, received, decide)
        await push_story.account(stage, casebook, received, decide)
    return both


async def account_for(stage: Stage, both: tuple[Applicant, Applicant], vkey: str) -> None:
    """The log is checked by an outsider, and persons are answered by it."""
    earlier, later = both
    async with stage.party("toezicht") as supervisor:
        log = await officers_story.verify_log(stage, supervisor, vkey)
    desk = OfficersDesk(stage.home)
    await officers_story.answer(stage, desk, later)
    await officers_story.erase(stage, desk, earlier, log, vkey)
    await officers_story.review(stage, desk)
