"""Races by chance: processes that send, pull, say no and erase at once on one database.

Each process runs the product's own parts and writes down what it saw: whom it was answered, what it
began to send and when, and when a "no" was answered. It may be killed at any moment, and begun
again it goes on with what it had not finished; or be stopped for longer than a release is good
for. `tests/e2e/test_races.py` conducts them and holds their books against the log.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.erasure import Erasure
from gateway.exchange.mailbox import Mailbox, NotReleasedError, Page, ReleaseLapsedError
from gateway.exchange.release import MailboxTools
from gateway.store.database import open_pool
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import KEYS, Road, trace
from tests.support.contested import NOTE, REDUCED, WHOLE, Household
from tests.support.messages import Json, bsn

AT_ONCE = 24
"""Households of one process that are under way together."""
PAGE = 64
AGAIN_SECONDS = 0.02
FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended while its process was stopped
    OSError,
    TimeoutError,
)
"""What a gateway would answer with "not now"."""


@dataclass(frozen=True)
class Field:
    """Where the races are run."""

    url: str
    households: int
    slots: int
    seed: int
    lapse: float
    folder: str

    def journal(self, slot: int) -> Path:
        """What the process of this slot writes down, over all its lives."""
        return Path(self.folder) / f"{slot}.jsonl"


@dataclass(frozen=True)
class Plan:
    """What is to happen with one household: the same however often it is begun again."""

    number: int
    sender: str
    deeds: tuple[str, ...]
    """What is done to it, each after its delay; none for those that must go."""
    delays: tuple[float, ...]
    is_at_once: bool
    """Done while the message is being decided, and not after its answer."""

    @staticmethod
    def of(field: Field, number: int) -> Plan:
        chance = random.Random(f"{field.seed}/{number}")  # noqa: S311  # for repeatability
        deeds = chance.choices(
            [(), ("no-partner",), ("no-applicant",), ("erase",), ("no-partner", "erase")],
            [20, 40, 10, 20, 10],
        )[0]
        longest = chance.choice([0.0, 0.005, 0.03, 0.15])
        return Plan(
            number,
            chance.choices([WHOLE, REDUCED], [2, 1])[0],
            deeds,
            tuple(chance.uniform(0, longest) for _ in deeds),
            chance.random() < 0.3,
        )

    @property
    def household(self) -> Household:
        return Household(bsn(2 * self.number), bsn(2 * self.number + 1))

    def message(self) -> Json:
        return {**self.household.referral(), "kenmerk": f"R{self.number}", "toelichting": NOTE}


def lines_in(journal: Path) -> Iterator[Json]:
    """What was written down so far."""
    if journal.exists():
        for line in journal.read_bytes().splitlines():
            yield json.loads(line)


class Racer:
    """One process at work on its share of the households."""

    def __init__(self, field: Field, slot: int, pool: asyncpg.Pool, road: Road) -> None:
        self._field = field
        self._slot = slot
        self._road = road
        own = road.consents
        tools = MailboxTools(
            road.vault, b"urn:sluis:proef", KEYS.secret("cursor"), road.now, field.lapse
        )
        self._mailbox = Mailbox(pool, own._load_book, tools)
        self._erasure = Erasure(pool, own._load_book, road.handles, own._tools)
        self._book = os.open(field.journal(slot), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._chance = random.Random()  # noqa: S311  # each life is another one
        self._is_over = False

    def _note(self, **what: object) -> None:
        # One write: a kill leaves a line whole or not at all.
        os.write(self._book, json.dumps(what).encode() + b"\n")

    async def run(self) -> None:
        """All that this slot has not finished yet."""
        done = {one["n"] for one in lines_in(self._field.journal(self._slot)) if "done" in one}
        own = range(self._slot, self._field.households, self._field.slots)
        room = asyncio.Semaphore(AT_ONCE)
        pulling = asyncio.create_task(self._pull())

        async def one(number: int) -> None:
            async with room:
                await self._play(Plan.of(self._field, number))

        await asyncio.gather(*(one(number) for number in own if number not in done))
        self._is_over = True
        await pulling

    # Who sends, says no, erases.

    async def _play(self, plan: Plan) -> None:
        deeds = [self._do(plan, *both) for both in zip(plan.deeds, plan.delays, strict=True)]
        if plan.is_at_once:
            await asyncio.gather(self._send(plan), *deeds)
        else:
            await self._send(plan)
            await asyncio.gather(*deeds)
        self._note(done=True, n=plan.number)

    async def _send(self, plan: Plan) -> None:
        message = plan.message()
        while True:
            answer = await self._road.refer(message, plan.sender)
            if "uitwisselingId" in answer:
                break
            await asyncio.sleep(AGAIN_SECONDS)
        self._note(n=plan.number, exchange=answer["uitwisselingId"], decision=answer["besluit"])

    async def _do(self, plan: Plan, deed: str, delay: float) -> None:
        await asyncio.sleep(delay)
        household = plan.household
        while True:
            begun = time.monotonic()
            try:
                if deed == "erase":
                    await self._erasure.erase(Bsn(household.partner), trace())
                else:
                    whom = household.partner if deed == "no-partner" else household.applicant
                    await self._road.say(whom, False, partner=plan.sender)
                break
            except (*FAULTS, NotAPartyError) as error:
                # Erased while it was being said: said again, to whoever they are now.
                self._note(n=plan.number, fault=type(error).__name__, at=deed)
                await asyncio.sleep(AGAIN_SECONDS)
        self._note(n=plan.number, deed=deed, asked=begun, answered=time.monotonic())

    # Who pulls.

    async def _pull(self) -> None:
        cursor: str | None = None
        pages = 0
        while not self._is_over:
            try:
                page = await self._mailbox.page("casebook", cursor, PAGE, trace())
                pages += bool(page.messages)
                # What lies between in a gateway: other requests, and now and then too many.
                is_slow = page.messages and pages % 50 == 5
                between = self._chance.uniform(0, 0.01)
                await asyncio.sleep(1.2 * self._field.lapse if is_slow else between)
                await self._mailbox.check_fresh(page, trace())
                started = time.monotonic()
                self._note_sent(page, started)
                if page.messages and self._chance.random() < 0.5:
                    await self._mailbox.acknowledge("casebook", page.cursor, trace())
            except ReleaseLapsedError:
                self._note(lapsed=True)
                continue
            except (*FAULTS, NotReleasedError) as error:
                self._note(fault=type(error).__name__, at="pull")
                continue
            cursor = page.cursor if page.has_more else None
            if not page.has_more:
                await asyncio.sleep(self._chance.uniform(0, 0.01))

    def _note_sent(self, page: Page, started: float) -> None:
        shown = []
        for message in page.messages:
            data = json.loads(message.event).get("data", {})
            # Tombstones bring nothing, and what the gateway itself has to say is no disclosure.
            if "huishouden" in data:
                shown.append([str(message.exchange), _shown(data)])
        if shown:
            self._note(sent=shown, started=started, released=page.released_at)


def _shown(data: Json) -> list[int]:
    """How many members left, how many the message counts, and whether the free text went along."""
    whole = data["aanmelding"]
    return [len(data["huishouden"]["leden"]), whole["aantalLeden"], int("toelichting" in whole)]


def work(field: Field, slot: int) -> None:
    """One process, to be killed and begun again."""
    asyncio.run(_work(field, slot))


async def _work(field: Field, slot: int) -> None:
    engine = create_async_engine("postgresql+asyncpg" + field.url.removeprefix("postgresql"))
    async with open_pool(field.url, 12) as pool:
        road = Road(pool, engine)
        road.committer.start()
        try:
            await Racer(field, slot, pool, road).run()
        finally:
            await road.committer.stop()
            await engine.dispose()
