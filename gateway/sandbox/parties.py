"""Every party of the programme, made up: what each sends in its own format, and how it answers.

One table, from which the command line, the demo and the long counts draw the same parties. Whom
each stands for: docs/partners/. Households come from one population, divided between the parties
that refer, so that no two of them put the same family forward unless they are told to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path

from gateway.client import AsyncSluis, Event
from gateway.sandbox import ggz, okt, professional
from gateway.sandbox.casebook import Tally, Then, nothing_more
from gateway.sandbox.casework import DecideStatus, seeded_casework
from gateway.sandbox.onward import accounting, handing_on, seeded_onward
from gateway.sandbox.outgoing import Outgoing, send
from gateway.sandbox.population.delivery import dwi_delivery, years_later, years_until
from gateway.sandbox.population.generate import DEFAULT_SEED
from gateway.sandbox.population.put_forward import put_forward
from gateway.sandbox.population.written import as_csv, as_referrals
from schemas.casework import CaseStatus, StatusMessage


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of a party's messages are wanted: so many, after so many others, as of a day."""

    count: int
    today: date
    seed: int = DEFAULT_SEED
    skip: int = 0


Writes = Callable[[Asked], Iterator[Outgoing]]
"""The messages that a party makes."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one party does. `answers` and `then` follow on each referral that it receives."""

    party: str
    told: str
    writes: Writes | None = None
    answers: Callable[[int], DecideStatus] = lambda _: _says_nothing
    then: Callable[[int, Path | None], Then] = lambda _, __: nothing_more
    reads_files: bool = False
    """Whether it fetches its statuses as files of its own, and keeps no dossiers."""


def _says_nothing(_: Event) -> list[StatusMessage]:
    return []


def seeded_help(seed: int) -> DecideStatus:
    """A provider takes every family that is referred to it, and completes one in three."""

    def decide(event: Event) -> list[StatusMessage]:
        chance = random.Random(f"{seed}/help/{event.position}")  # noqa: S311 - made-up casework
        steps = [CaseStatus.ACTIVE]
        if not chance.randrange(3):
            steps.append(CaseStatus.CLOSED_REACHED)
        return [
            StatusMessage(
                reference=f"hulp-{event.id.hex}-{number}",
                exchange_id=event.id,
                status=step,
                as_of=event.time.date(),
            )
            for number, step in enumerate(steps, 1)
        ]

    return decide


def _dwi(asked: Asked) -> Iterator[Outgoing]:
    """One CSV delivery."""
    # The generator checks its total at the end, so it is asked for one more than is taken.
    whole = dwi_delivery(asked.seed, asked.skip + asked.count + 1)
    moved = years_later(whole, years_until(asked.today))
    taken = [
        replace(one, reference=f"{one.reference}-{asked.today:%y%m%d}")
        for one in islice(moved, asked.skip, asked.skip + asked.count)
    ]
    name = f"dwi-{asked.today:%Y%m%d}-{asked.seed}-{asked.skip}.csv"
    yield Outgoing(name, b"".join(as_csv(taken)), "text/csv", tuple(as_referrals(taken)))


def _okt(asked: Asked) -> Iterator[Outgoing]:
    """A child in iJw; every third time the whole family in JSON, which iJw cannot carry."""
    families = put_forward("okt", asked.today, asked.seed, skip=asked.skip)
    for number, family in enumerate(islice(families, asked.count), asked.skip):
        yield okt.as_json(family) if number % 3 == 2 else okt.as_jw315(family)


def _ggz(asked: Asked) -> Iterator[Outgoing]:
    patients = put_forward("ggz", asked.today, asked.seed, skip=asked.skip)
    return map(ggz.as_bundle, islice(patients, asked.count))


def _workbook(party: str) -> Writes:
    def write(asked: Asked) -> Iterator[Outgoing]:
        clients = put_forward(party, asked.today, asked.seed, skip=asked.skip)
        name = f"{party}-{asked.today:%Y%m%d}-{asked.seed}-{asked.skip}"
        yield professional.as_workbook(name, list(islice(clients, asked.count)))

    return write


def _casebook_then(seed: int, _: Path | None) -> Then:
    decide = seeded_casework(seed)
    hand_on, account = handing_on(seeded_onward(seed, decide)), accounting(decide)

    async def then(client: AsyncSluis, event: Event, tally: Tally) -> None:
        await hand_on(client, event, tally)
        await account(client, event, tally)

    return then


def _okt_then(seed: int, folder: Path | None) -> Then:
    """OKT answers on a family that was handed over in iJw: help began, and of some ended."""

    async def then(client: AsyncSluis, event: Event, tally: Tally) -> None:
        on = event.time.date()
        chance = random.Random(f"{seed}/okt/{event.position}")  # noqa: S311 - made-up casework
        said = list(okt.taken_over(event, on))
        if not chance.randrange(3):
            said += okt.ended(event, on)
        for message in said:
            sent = await send(client, message, folder)
            tally.own += sent.files

    return then


PARTS = {
    part.party: part
    for part in (
        Part("dwi", "DWI: a CSV delivery; fetches status files", _dwi, reads_files=True),
        Part(
            "okt",
            "OKT: scales up in iJw (JW315) and JSON; answers scale-downs (JW305, JW307)",
            _okt,
            then=_okt_then,
        ),
        Part("ggz", "GGZ: FHIR Bundles with the patient's Consent", _ggz),
        Part("madi", "MADI: a workbook filled in by hand", _workbook("madi")),
        Part("dwzs", "DWZS: a workbook filled in by hand", _workbook("dwzs")),
        Part(
            "casebook",
            "casebook: pulls, keeps, reports on its cases, refers onward, accounts to the SRA",
            answers=seeded_casework,
            then=_casebook_then,
        ),
        Part("altra", "Altra: takes families referred onward, and reports", answers=seeded_help),
        Part("spirit", "Spirit: takes families referred onward, and reports", answers=seeded_help),
        Part("gi", "certified institution: receives, always protected; answers outside Sluis"),
        Part("veilig-thuis", "Veilig Thuis: receives, always protected; answers outside Sluis"),
        Part("sra", "SRA: receives accountability reports"),
    )
}
"""What each party does, by its name in the example protocol."""
