"""Bringing mail on a test's road: endpoints on this machine that can be down, slow or hostile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.app import Books
from gateway.client.webhooks import keys_of
from gateway.exchange.pushing import Pushing
from gateway.exchange.pushing_lane import LaneTools
from gateway.exchange.pushing_mail import PushMail
from gateway.exchange.pushing_outcome import Pace
from gateway.exchange.pushing_road import Limits
from gateway.exchange.release import MailboxTools
from gateway.identity.signatures import RequestSigner
from gateway.sandbox.receiver import Arrived, Mailroom, Receiver, Reply
from gateway.store.endpoints import Endpoint, set_endpoint
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from tests.gateway.exchange.road import KEYS, Road

SIGNER = RequestSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VERIFY_KEYS = keys_of({"keys": [SIGNER.jwk()]})
AT_ONCE = Pace(first=0.0, longest=0.0)
"""Everything may be tried again in the next turn."""


@dataclass
class House:
    """A recipient's endpoint; `answer` may say what comes instead of taking."""

    recipient: str
    answer: Callable[[Arrived], Reply | None] = lambda _: None
    slow: float = 0.0
    room: Mailroom = field(default_factory=lambda: Mailroom(VERIFY_KEYS))
    came: list[Arrived] = field(default_factory=list)
    door: Receiver = field(init=False)

    def __post_init__(self) -> None:
        self.door = Receiver(self.take)

    async def take(self, arrived: Arrived) -> Reply:
        self.came.append(arrived)
        if self.slow:
            await asyncio.sleep(self.slow)
        return self.answer(arrived) or await self.room.take(arrived)

    @property
    def ids(self) -> list[str]:
        """The exchanges that it stored, in the order in which they came."""
        return [str(event.id) for event in self.room.stored]

    @property
    def sequence(self) -> list[int]:
        return [event.position for event in self.room.stored]


def pushing(
    road: Road,
    *,
    pace: Pace = AT_ONCE,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    clock: Callable[[], datetime] | None = None,
    may_be_private: bool = True,
    most: int = 512,
    lapse: float = 10.0,
    is_shut: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Pushing:
    now = clock or road.now
    tools = MailboxTools(Vault(KEYS), b"urn:sluis:proef", KEYS.secret("cursor"), now, lapse)
    mail = PushMail(road.pool, Books(KEYS).of, tools)
    return Pushing(
        LaneTools(
            mail,
            SIGNER,
            now,
            Telemetry(road.log),
            asyncio.Semaphore(4),
            httpx.create_ssl_context(),
            may_be_private=may_be_private,
            pace=pace,
            limits=limits,
            **changes,
        ),
        most=most,
        every=0.02,
        is_shut=is_shut,
    )


@asynccontextmanager
async def house(road: Road, recipient: str = "casebook", **changes: Any) -> AsyncIterator[House]:
    """A recipient that registered an endpoint, which stands open."""
    made = House(recipient, **changes)
    async with made.door:
        made.room.url = made.door.url
        await set_endpoint(road.engine, recipient, Endpoint(made.door.url))
        yield made
    await road.pool.execute("delete from dead_letter where recipient = $1", recipient)
    await road.pool.execute("delete from endpoint where partner = $1", recipient)


async def until(claim: Callable[[], bool], patience: float = 10.0) -> None:
    """Wait for what another task does."""
    async with asyncio.timeout(patience):
        while not claim():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def lane(road: Road, recipient: str = "casebook") -> dict[str, Any]:
    row = await road.pool.fetchrow("select * from push_lane where partner = $1", recipient)
    assert row is not None
    return dict(row)


def told(road: Road, event: str) -> list[dict[str, Any]]:
    """What the gateway's own log says of it."""
    lines = [json.loads(line) for line in road.log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == event]
