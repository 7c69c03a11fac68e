"""Partners at work on a gateway that may die at any moment, and what each of them remembers.

A sender keeps every answer, and sends what was not answered again, byte for byte, until it is; a
recipient keeps every message by its place and acknowledges only what it has kept. Whatever the
gateway does meanwhile, at the end their books must agree.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.gateway_process import GatewayProcess
from tests.support.messages import (
    csv_of,
    csv_row,
    held_referral,
    member,
    referral,
    refused_referral,
    status_of,
)

RECORDS = 300
"""Records of a delivery: more than one group."""
AGAIN = (500, 502, 503, 504, 408, 429)
PAUSE = 0.05


@dataclass
class Books:
    """What the partners remember."""

    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The answer to each message, by its reference."""
    deliveries: dict[str, bytes] = field(default_factory=dict)
    """The file of each delivery, by the id that was answered."""
    places: dict[str, dict[int, dict[str, Any]]] = field(
        default_factory=lambda: {"casebook": {}, "dwi": {}}
    )
    """The message at each place of each mailbox, as it was first pulled."""
    acknowledged: dict[str, int] = field(default_factory=lambda: {"casebook": 0, "dwi": 0})
    retried: int = 0
    unlike: list[str] = field(default_factory=list)
    """Whatever was told otherwise the second time: must stay empty."""

    def accepted(self, prefix: str) -> set[str]:
        """The exchanges of the messages that were let through."""
        return {
            answer["uitwisselingId"]
            for reference, answer in self.answered.items()
            if reference.startswith(prefix) and answer["besluit"] == "toegelaten"
        }


@dataclass
class Load:
    """Several clients at once on one gateway."""

    gateway: GatewayProcess
    chance: random.Random
    books: Books = field(default_factory=Books)
    is_over: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Load the gateway while the context lasts; then let everybody finish what they began."""
        async with self.gateway.partner("dwi") as dwi, self.gateway.partner("casebook") as casebook:
            at_work = [
                *(asyncio.create_task(self._send(dwi)) for _ in range(6)),
                asyncio.create_task(self._deliver(dwi)),
                *(asyncio.create_task(self._receive(casebook, "casebook")) for _ in range(1)),
                asyncio.create_task(self._receive(dwi, "dwi")),
                asyncio.create_task(self._report(casebook)),
            ]
            try:
                yield self
                self.is_over = True
                await asyncio.gather(*at_work)
            finally:
                for task in at_work:
                    task.cancel()
                await asyncio.gather(*at_work, return_exceptions=True)

    async def _answer(self, http: httpx.AsyncClient, method: str, path: str, **how: Any) -> Any:
        """Ask until there is an answer, however often the gateway dies."""
        attempts = 0
        while True:
            attempts += 1
            try:
                answer = await http.request(method, path, **how)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in AGAIN:
                self.books.retried += attempts - 1
                return answer
            await asyncio.sleep(PAUSE)

    async def _tell(self, http: httpx.AsyncClient, path: str, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        headers = {"Content-Type": "application/json"}
        answer = await self._answer(http, "POST", path, content=body, headers=headers)
        told = answer.json()
        self._note(message["kenmerk"], told.get("antwoord", told))

    def _note(self, reference: str, answer: dict[str, Any]) -> None:
        known = self.books.answered.setdefault(reference, answer)
        if known != answer:
            self.books.unlike.append(f"the answer to {reference}")

    async def _send(self, http: httpx.AsyncClient) -> None:
        sent: list[dict[str, Any]] = []
        while not self.is_over:
            if sent and self.chance.random() < 0.1:
                message = self.chance.choice(sent)
            else:
                message = self._message()
                sent.append(message)
            await self._tell(http, "/v1/aanmeldingen", message)

    def _message(self) -> dict[str, Any]:
        kind = self.chance.random()
        if kind < 0.1:
            return held_referral()
        if kind < 0.2:
            return refused_referral()
        return referral(member(), member(rol="partner"))

    async def _deliver(self, http: httpx.AsyncClient) -> None:
        while not self.is_over:
            body = csv_of(csv_row() for _ in range(RECORDS))
            headers = {"Content-Type": "text/csv"}
            answer = await self._answer(
                http, "POST", "/v1/leveringen", content=body, headers=headers
            )
            self.books.deliveries[answer.json()["leveringId"]] = body
            await asyncio.sleep(0.2)

    async def _receive(self, http: httpx.AsyncClient, partner: str) -> None:
        places = self.books.places[partner]
        while True:
            is_last_round = self.is_over
            page = (await self._answer(http, "GET", "/v1/postvak", params={"aantal": 200})).json()
            for event in page["berichten"]:
                known = places.setdefault(int(event["sequence"]), event)
                if known != event:
                    self.books.unlike.append(f"place {event['sequence']} of {partner}")
            if page["berichten"] and self.chance.random() < 0.8:
                receipt = {"totEnMet": page["volgende"]}
                answer = await self._answer(http, "POST", "/v1/postvak/ontvangst", json=receipt)
                self.books.acknowledged[partner] += answer.json()["bevestigd"]
            if is_last_round and not page["berichten"]:
                return
            await asyncio.sleep(0.02)

    async def _report(self, http: httpx.AsyncClient) -> None:
        reported: set[int] = set()
        places = self.books.places["casebook"]
        while not self.is_over:
            waiting = [place for place in places if place not in reported]
            for place in waiting[:5]:
                reported.add(place)
                await self._tell(http, "/v1/statusberichten", status_of(places[place]["id"]))
            await asyncio.sleep(0.02)
