"""Seven parties at work over a bad network, and what each of them remembers.

Four refer, the casebook pulls, reports back and refers onward, and two providers are pushed to and
report back. Each sends what was not answered again, byte for byte, until it is; each keeps every
message by its place. Whatever network and gateway do meanwhile, at the end their books must agree.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.client import AsyncSluis, Event, Garbled, Page, Retrying, Unreachable, credentials
from gateway.client.errors import Declined
from gateway.client.webhooks import NotGenuine, verify
from gateway.sandbox.receiver import Arrived, Receiver, Reply
from schemas.casework import CaseStatus, StatusMessage
from schemas.decisions import Outcome
from schemas.receipts import Answer
from schemas.referral import Referral
from tests.support.bad_network import BadRoad, Weather
from tests.support.messages import Json, member, referral

SENDERS = {"dwi": "participatiewet", "okt": "jeugdwet", "ggz": None, "madi": "wmo2015"}
"""Who refers, and under which law."""
CASEBOOK = "casebook"
PROVIDERS = ("altra", "spirit")
PARTIES = (*SENDERS, CASEBOOK, *PROVIDERS)
ONWARD_EVERY = 9
"""Of so many households one is referred onward."""
AT_ONCE = 12
"""Messages that a party sends at once."""
STUBBORN = Retrying(attempts=8, first=0.05, longest=1.0)
PAUSE = 0.1
_T = TypeVar("_T")


@dataclass
class Inbox:
    """What came to one party, by place, and whether it came in order."""

    places: dict[int, Event] = field(default_factory=dict)
    repeats: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, event: Event) -> bool:
        """Keep a message; whether it is new."""
        known = self.places.get(event.position)
        if known is not None:
            self.repeats += 1
            if known.id != event.id:
                self.faults.append(f"place {event.position} held another message before")
            return False
        if event.position != len(self.places) + 1:
            self.faults.append(f"place {event.position} came after {len(self.places)}")
        self.places[event.position] = event
        return True


@dataclass
class Party:
    """One party: its way to the gateway, what it still has to send, and what it knows."""

    name: str
    client: AsyncSluis
    weather: Weather
    endpoint: Receiver | None = None
    inbox: Inbox = field(default_factory=Inbox)
    waiting: asyncio.Queue[Referral | StatusMessage] = field(default_factory=asyncio.Queue)
    answers: dict[str, Answer] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)
    """Whatever was told otherwise the second time: must stay empty."""
    under_way: int = 0

    async def cut_off(self) -> None:
        """It reaches nobody, and nobody reaches it."""
        self.weather.is_down = True
        if self.endpoint is not None:
            await self.endpoint.stop()

    async def connect(self) -> None:
        """Again."""
        if self.endpoint is not None:
            await self.endpoint.start()
        self.weather.is_down = False

    @property
    def is_idle(self) -> bool:
        return self.waiting.empty() and self.under_way == 0

    async def send(self) -> None:
        """Send what waits, for ever; a few messages twice."""
        while True:
            message = await self.waiting.get()
            self.under_way += 1
            try:
                await self._answered(message)
                if self.weather.strikes("repeated", 0.02):
                    await self._answered(message)
            finally:
                self.under_way -= 1

    async def _answered(self, message: Referral | StatusMessage) -> None:
        asked = (
            partial(self.client.refer, message)
            if isinstance(message, Referral)
            else partial(self.client.send_status, message)
        )
        answer = await until_answered(asked)
        known = self.answers.setdefault(message.reference, answer)
        if (known.exchange_id, known.decision) != (answer.exchange_id, answer.decision):
            self.unlike.append(message.reference)

    async def pull(self, heed: Callable[[Event], None]) -> None:
        """Pull and acknowledge, for ever."""
        while True:
            page: Page = await until_answered(partial(self.client.page, size=200))
            for event in page.events:
                if self.inbox.take(event):
                    heed(event)
            if page.events:
                await until_answered(partial(self.client.acknowledge, page.next_cursor))
            else:
                await asyncio.sleep(PAUSE)


async def until_answered(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask until there is an answer, however often network or gateway fail."""
    while True:
        try:
            return await ask()
        except (Unreachable, Garbled):
            pass
        except Declined as declined:
            if declined.status < 500:
                raise
        await asyncio.sleep(PAUSE)


@dataclass
class Town:
    """All parties, at work."""

    parties: dict[str, Party]
    chance: random.Random
    asked: int
    """How many households are referred in all."""
    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    """What the gateway signs its pushes with."""
    _known: dict[UUID, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Party:
        return self.parties[name]

    @property
    def messages(self) -> int:
        """How many messages were answered."""
        return sum(len(party.answers) for party in self.parties.values())

    @property
    def happened(self) -> Counter[str]:
        """What went wrong on the network."""
        return sum((party.weather.happened for party in self.parties.values()), Counter[str]())

    async def refer(self) -> None:
        """The senders get something to send, as fast as it goes."""
        for number in range(self.asked):
            name = self.chance.choice(list(SENDERS))
            await self[name].waiting.put(household(f"{name}-{number}", SENDERS[name]))

    def at_casebook(self, event: Event) -> None:
        """Each household is reported on, and some are referred onward."""
        if not event.is_referral:
            return
        casebook = self[CASEBOOK]
        casebook.waiting.put_nowait(status_on(event, "casebook"))
        if event.position % ONWARD_EVERY == 0:
            provider = PROVIDERS[event.position // ONWARD_EVERY % len(PROVIDERS)]
            casebook.waiting.put_nowait(
                household(
                    f"onward-{event.position}", "jeugdwet", ontvanger=provider, doel="jeugdhulp"
                )
            )

    def at_provider(self, name: str, event: Event) -> None:
        """Each family is reported on."""
        if event.is_referral:
            self[name].waiting.put_nowait(status_on(event, name))

    async def take(self, name: str, arrived: Arrived) -> Reply:
        """A push: known again by its place, whatever came of the answer to it."""
        party = self[name]
        await party.weather.hold_up()
        if party.weather.strikes("answered 503", party.weather.lost):
            return Reply(503)
        assert party.endpoint is not None
        try:
            brought = verify(
                arrived.method, party.endpoint.url, arrived.headers, arrived.body, self.keys
            )
        except NotGenuine:
            party.inbox.faults.append("a push was not signed by the gateway")
            return Reply(401)
        if brought.event is not None and party.inbox.take(brought.event):
            self.at_provider(name, brought.event)
        await party.weather.hold_up()
        if party.weather.strikes("answer lost", party.weather.lost):
            return Reply(502)
        return Reply()

    async def bad_weather(self, longest: float) -> None:
        """One party after another is cut off for a while."""
        while True:
            await asyncio.sleep(self.chance.uniform(0.3, 2.0))
            party = self.chance.choice(list(self.parties.values()))
            await party.cut_off()
            await asyncio.sleep(self.chance.uniform(0.2, longest))
            await party.connect()

    def expected(self, recipient: str) -> set[UUID]:
        """The exchanges that must have come to a party, by the answers that senders got."""
        found: set[UUID] = set()
        for party in self.parties.values():
            for reference, answer in party.answers.items():
                is_due = answer.decision is Outcome.ACCEPTED
                if is_due and self._recipient(party.name, reference) == recipient:
                    found.add(answer.exchange_id)
        return found

    def _recipient(self, sender: str, reference: str) -> str:
        if sender != CASEBOOK:
            return CASEBOOK
        if reference.startswith("onward-"):
            return PROVIDERS[int(reference.removeprefix("onward-")) // ONWARD_EVERY % 2]
        about = self[CASEBOOK].inbox.places[int(reference.rpartition("-")[2])]
        return self._senders()[about.id]

    def _senders(self) -> dict[UUID, str]:
        if len(self._known) < sum(len(self[name].answers) for name in SENDERS):
            self._known = {
                answer.exchange_id: name
                for name in SENDERS
                for answer in self[name].answers.values()
            }
        return self._known

    async def mostly_done(self) -> None:
        """Until nine of ten households were reported on."""
        while sum(len(self[name].inbox.places) for name in SENDERS) < 0.9 * self.asked:  # noqa: ASYNC110  # many books, no one event
            await asyncio.sleep(PAUSE)

    async def settled(self, patience: float) -> None:
        """Until nothing is under way any more."""
        async with asyncio.timeout(patience):
            quiet = 0
            while quiet < 5:
                await asyncio.sleep(PAUSE * 3)
                is_done = all(party.is_idle for party in self.parties.values()) and all(
                    len(self[name].inbox.places) >= len(self.expected(name)) for name in PARTIES
                )
                quiet = quiet + 1 if is_done else 0


@asynccontextmanager
async def town(home: Path, asked: int, seed: int) -> AsyncIterator[Town]:
    """The parties whose credentials stand in `home`, each with its own road."""
    chance = random.Random(seed)  # noqa: S311  # for repeatability
    async with AsyncExitStack() as closing:
        parties: dict[str, Party] = {}
        for name in PARTIES:
            weather = Weather(random.Random(f"{seed}/{name}"))  # noqa: S311  # as above
            client = AsyncSluis(
                credentials.load(home / "partners" / name),
                retrying=STUBBORN,
                road=BadRoad(weather),
                answer_within=15.0,
                keeps=False,
            )
            parties[name] = Party(name, await closing.enter_async_context(client), weather)
            if name in SENDERS:
                parties[name].waiting = asyncio.Queue(100)
        yield Town(parties, chance, asked)


@asynccontextmanager
async def receivers(here: Town, keys: Mapping[str, Ed25519PublicKey]) -> AsyncIterator[None]:
    """The providers' endpoints, which take what is signed with one of these keys."""
    here.keys = keys
    async with AsyncExitStack() as closing:
        for name in PROVIDERS:
            receiver = Receiver(partial(here.take, name))
            here[name].endpoint = await closing.enter_async_context(receiver)
        yield


@asynccontextmanager
async def at_work(here: Town, longest_outage: float) -> AsyncIterator[None]:
    """Everybody works while the context lasts."""

    def ignore(_: Event) -> None:
        """A sender keeps its statuses, and does nothing about them."""

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(party.send())
            for party in here.parties.values()
            for _ in range(AT_ONCE)
        ]
        tasks += [group.create_task(here[name].pull(ignore)) for name in SENDERS]
        tasks.append(group.create_task(here[CASEBOOK].pull(here.at_casebook)))
        tasks.append(group.create_task(here.bad_weather(longest_outage)))
        tasks.append(group.create_task(here.refer()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def household(reference: str, ground: str | None, **changes: Any) -> Referral:
    """A household that the example protocol lets pass."""
    made: Json = referral(member(), member(rol="partner"), reference=reference, **changes)
    made["grondslag"] = ground
    return Referral.model_validate({name: one for name, one in made.items() if one is not None})


def status_on(event: Event, name: str) -> StatusMessage:
    """What a party reports of a message that it got."""
    return StatusMessage(
        reference=f"status-{name}-{event.position}",
        exchange_id=event.id,
        status=CaseStatus.ACTIVE,
        as_of=date(2014, 1, 31),
    )
