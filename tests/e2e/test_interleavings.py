"""Invariant 2, in every order: whatever meets whatever, the outcome is that of a row of commits.

Two and three of {decide, release, withdraw, suspend, erase, protocol change} run at once, statement
by statement, on PostgreSQL; see `tests/support/interleaving.py` for which orders are told apart.
Afterwards everything must be as `Model` has it, given only the order in which they committed: what
each page showed and what a last pull shows, each decision, the number of entries of each event, and
a log without holes. So nothing is released after what forbids it, and nothing that should go is
lost.

`make test` runs every schedule of two, and of three as many as fit, chosen from all over the tree;
`make proof` runs every schedule of three.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from gateway.cli.setup import SANDBOX
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.erasure import Erasure
from gateway.exchange.mailbox import Page
from gateway.store.partners import register_partner, resume_partner, suspend_partner
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import OKT, Road, trace
from tests.support.contested import (
    NEWER,
    OLDER,
    PARTNER,
    REDUCED,
    WHOLE,
    Household,
    Model,
    seen,
)
from tests.support.database import TestServer
from tests.support.interleaving import (
    SEAT,
    May,
    Schedule,
    Scheduler,
    Script,
    Seat,
    State,
    Tally,
    explore,
    stepped,
)
from tests.support.messages import Json

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = ("decide", "release", "withdraw", "suspend", "erase", "protocol")
TWINS = ("decide", "release", "withdraw", "erase")
"""What can also meet its like."""
PAIRS = [
    *itertools.combinations(KINDS, 2),
    *((kind, kind) for kind in TWINS),
    *(("refuse", kind) for kind in TWINS),
]
"""To refuse is to say no by name, and not by what was said before: whoever is new is registered."""
TRIPLES = [*itertools.combinations(KINDS, 3), ("release", "release", "suspend")]
A_TASTE = 16
"""Schedules of each three in `make test`."""


@dataclass
class Stage:
    """One gateway, whose operations can be stepped."""

    road: Road
    deciders: list[Road]
    erasure: Erasure
    observer: asyncpg.Connection
    seats: dict[str, Seat]
    may: May = field(default_factory=dict)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(postgres: TestServer) -> AsyncIterator[Stage]:
    name = await postgres.fresh()
    url = postgres.url(name)
    observer = await asyncpg.connect(url)
    async with stepped(url) as (pool, engine):
        road, deciders = Road(pool, engine), [Road(pool, engine) for _ in range(2)]
        await road.put_in_force(OLDER)
        for partner in {one.id: one for one in (*SANDBOX, OKT)}.values():
            await register_partner(engine, partner)
        seats = {f"{kind}-{n}": Seat() for kind in (*KINDS, "refuse") for n in (0, 1)}
        for n, decider in enumerate(deciders):
            context = copy_context()
            context.run(SEAT.set, seats[f"decide-{n}"])
            context.run(decider.committer.start)
        consents = road.consents
        erasure = Erasure(pool, consents._load_book, road.handles, consents._tools)
        yield Stage(road, deciders, erasure, observer, seats)
        await road.verify_log()
        for decider in deciders:
            await decider.committer.stop()
    await observer.close()
    await postgres.drop(name)


class Race:
    """One schedule: a household with two messages that wait, and what is done to it."""

    def __init__(self, stage: Stage, kinds: Sequence[str]) -> None:
        self.stage = stage
        self.road = stage.road
        counts: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        for kind in kinds:
            self.names[f"{kind}-{counts[kind]}"] = kind
            counts[kind] += 1
        self.household = Household()
        self.model = Model()
        self.exchanges: dict[str, str] = {}
        self.base = 0
        self.consent: UUID | None = None

    async def run(self, may: May, prefix: Sequence[str], sleeping: frozenset[str]) -> Schedule:
        """Set up, run the schedule, hold everything against the model, and clean up."""
        await self._set_up()
        stir = asyncio.Event()
        scripts = {name: Script(kind, stir) for name, kind in self.names.items()}
        tasks = [self._start(name, script) for name, script in scripts.items()]
        schedule = Schedule(scripts)
        try:
            scheduler = Scheduler(self.stage.observer, scripts, may, prefix, sleeping)
            schedule = scheduler.schedule
            await scheduler.run()
            for name in scripts:
                self.stage.seats[name].script = None
            await asyncio.gather(*tasks)
            if not schedule.is_redundant and not schedule.is_astray:
                await self._hold_against_model(scripts)
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{error}\nin this order:\n{schedule}") from error
        finally:
            for name in scripts:
                self.stage.seats[name].script = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._clean_up()
        return schedule

    async def _set_up(self) -> None:
        self.base = await self.road.last_index() + 1
        await self._decide(self.stage.deciders[0], "waiting")
        self._note_decided("waiting")
        subject = await self.road.subject(self.household.partner)
        self.consent = await self.road.pool.fetchval(
            "select id from consent_event where subject = $1 limit 1", subject
        )

    def _start(self, name: str, script: Script) -> asyncio.Task[None]:
        seat = self.stage.seats[name]
        seat.script = script
        context = copy_context()
        context.run(SEAT.set, seat)
        return asyncio.create_task(self._act(name, script), context=context)

    async def _act(self, name: str, script: Script) -> None:
        deeds: dict[str, Callable[[], Awaitable[object]]] = {
            "decide": lambda: self._decide(self.stage.deciders[int(name[-1])], name),
            "release": self.road.page,
            "withdraw": self._withdraw,
            "refuse": lambda: self.road.say(self.household.partner, False),
            "suspend": lambda: suspend_partner(self.road.engine, WHOLE),
            "erase": lambda: self.stage.erasure.erase(Bsn(self.household.partner), trace()),
            "protocol": lambda: self.road.put_in_force(NEWER),
        }
        try:
            script.outcome = await deeds[script.kind]()
        except Exception as error:  # noqa: BLE001  # looked at when the schedule is over
            script.outcome = error
        script.state = State.OVER
        script.stir.set()

    async def _decide(self, decider: Road, name: str) -> None:
        """Two messages in one group."""
        both = [decider.refer(self.household.referral(), sender) for sender in (WHOLE, REDUCED)]
        answers: list[Json] = await asyncio.gather(*both)
        for sender, answer in zip((WHOLE, REDUCED), answers, strict=True):
            assert "uitwisselingId" in answer, answer
            self.exchanges[f"{name}/{sender}"] = answer["uitwisselingId"]

    async def _withdraw(self) -> object:
        assert self.consent is not None
        return await self.road.withdraw(self.consent)

    # Afterwards.

    async def _hold_against_model(self, scripts: dict[str, Script]) -> None:
        for name, script in sorted(scripts.items(), key=lambda item: item[1].committed):
            outcome, model = script.outcome, self.model
            if isinstance(outcome, NotAPartyError) and script.kind == "withdraw":
                # Who was erased has nothing left to take back.
                assert scripts.keys() & {"erase-0", "erase-1"}
                assert model.lives[PARTNER] or not script.committed
                continue
            if isinstance(outcome, BaseException):
                raise AssertionError(f"{name} failed: {outcome!r}") from outcome
            match script.kind:
                case "decide":
                    self._note_decided(name)
                case "release":
                    assert isinstance(outcome, Page)
                    self._compare_page(outcome, script, scripts)
                case "withdraw":
                    assert model.withdraw(PARTNER, 0), f"{name} found somebody who was erased"
                case "refuse":
                    assert model.withdraw(PARTNER, model.lives[PARTNER])
                case "suspend":
                    model.is_suspended = True
                case "erase":
                    if outcome is not None:
                        model.erase(PARTNER)
                case "protocol":
                    model.has_surname = False
        last = await self.road.page()
        self._compare_page(last, None, scripts)
        await self._compare_log()

    def _note_decided(self, name: str) -> None:
        for sender in (WHOLE, REDUCED):
            self.model.decide(f"{name}/{sender}", sender)

    def _compare_page(self, page: Page, reader: Script | None, scripts: dict[str, Script]) -> None:
        """What a page shows of each message that it must show, or may."""
        shown = {str(message.exchange): message for message in page.messages}
        for name, message in self.model.messages.items():
            released = shown.pop(self.exchanges[name], None)
            if not message.is_queued:
                assert released is None, f"{name} stands in the mailbox"
                continue
            if released is None:
                decided = scripts.get(name.partition("/")[0])
                # What was committed after a page was begun may be missing from it.
                assert reader is not None, f"{name} is not in the last page"
                assert decided is not None, f"{name} is not in the page"
                assert decided.committed > reader.begun, f"{name} is not in the page"
                continue
            data = None if released.data is None else seen(_data(released.event))
            expected = self.model.release(name)
            assert data == expected, f"{name} left as {data}, and should as {expected}"
        assert not shown.keys() & set(self.exchanges.values()), "shown before it was decided"

    async def _compare_log(self) -> None:
        entries = await self.road.entries(self.base - 1)
        assert [e.index for e in entries] == list(range(self.base, self.base + len(entries)))
        by_exchange: dict[str, Counter[str]] = {}
        versions: dict[str, str] = {}
        for entry in entries:
            by_exchange.setdefault(str(entry.entry["exchange"]), Counter())[entry.event] += 1
            if entry.event == "besluit":
                versions[str(entry.entry["exchange"])] = entry.entry["protocol"]["version"]
        for name, message in self.model.messages.items():
            found = by_exchange.get(self.exchanges[name], Counter())
            assert found == +message.expected, f"the log has {found} of {name}"
            version = "proef-2" if message.is_newer else "proef-1"
            assert versions[self.exchanges[name]] == version, f"{name} is not by {version}"
        of_nobody = by_exchange.get("None", Counter())
        assert of_nobody["instemming"] == self.model.consents
        assert of_nobody["vernietiging"] == self.model.erasures

    async def _clean_up(self) -> None:
        """The rules as they were, and an empty mailbox."""
        kinds = self.names.values()
        if "suspend" in kinds:
            await resume_partner(self.road.engine, WHOLE)
        if "protocol" in kinds:
            pool = self.road.pool
            await pool.execute("delete from protocol_version where version = 'proef-2'")
            await pool.execute("update rules_generation set number = number + 1")
        # Everybody has read the rules when the next schedule begins: what it does is the same
        # each time.
        for one in self.stage.deciders:
            await one.pull()
        await self.road.acknowledge()


def _data(event: bytes) -> Json:
    data: Json = json.loads(event)["data"]
    return data


async def run_all(stage: Stage, kinds: Sequence[str], limit: int) -> Tally:
    """Every schedule of these operations, or as many as the limit lets."""

    async def run(may: May, prefix: Sequence[str], sleeping: frozenset[str]) -> Schedule:
        return await Race(stage, kinds).run(may, prefix, sleeping)

    chance = random.Random("/".join(kinds))  # noqa: S311  # for repeatability
    return await explore(kinds, run, stage.may, limit, chance)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
async def test_invariant_02_every_order_of_two_comes_to_a_row_of_commits(
    stage: Stage, kinds: tuple[str, ...]
) -> None:
    tally = await run_all(stage, kinds, limit=100_000)

    assert tally.is_whole


@pytest.mark.parametrize("kinds", TRIPLES, ids="-".join)
async def test_invariant_02_orders_of_three_come_to_a_row_of_commits(
    stage: Stage, kinds: tuple[str, ...]
) -> None:
    tally = await run_all(stage, kinds, limit=A_TASTE)

    assert tally.complete == A_TASTE or tally.is_whole


@pytest.mark.proof
async def test_invariant_02_every_order_of_three_comes_to_a_row_of_commits(stage: Stage) -> None:
    whole = Tally()
    for kinds in TRIPLES:
        tally = await run_all(stage, kinds, limit=1_000_000)
        print(f"{' + '.join(kinds)}: {tally}")  # noqa: T201  # the proof is these figures
        assert tally.is_whole
        whole.complete += tally.complete
        whole.waited += tally.waited
    print(f"{whole.complete} schedules of three, {whole.waited} with waiting; violations 0")  # noqa: T201
