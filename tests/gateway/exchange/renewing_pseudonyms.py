"""Two officers, a recipient with a key of its own, and what it makes of its mailbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.jwk import ECKey

from gateway.app import Books
from gateway.exchange.deciding import deciding
from gateway.exchange.pseudonym_epochs import PseudonymEpochs
from gateway.exchange.rules import RuleBook
from gateway.identity.encryption import encryption_key
from gateway.store.endpoints import Endpoint, set_endpoint
from gateway.store.groups import Connection
from gateway.store.history import driver_of
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.rules import changing_rules, join_deciding, raise_generation
from tests.gateway.exchange.road import KEYS, Road, trace
from tests.support.messages import Json

MAPPING = "nl.sluis.pseudoniemwissel"


@dataclass
class Renewal:
    """Renewing pseudonyms on a road."""

    road: Road
    signing: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    opening: dict[str, ECKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        opened = partial(deciding, self.road.pool, self.road.consents._load_book)
        self.epochs = PseudonymEpochs(opened, self._switching, self.road.now)

    @asynccontextmanager
    async def _switching(self) -> AsyncIterator[tuple[Connection, RuleBook]]:
        async with changing_rules(self.road.engine) as connection:
            raw = await driver_of(connection)
            book = await Books(KEYS).of(raw, await join_deciding(raw))
            await raise_generation(connection)
            yield raw, book

    async def set_up(self, *recipients: str) -> None:
        """Officers, and recipients with an encryption key."""
        for officer, role in (
            ("po", "privacyfunctionaris"),
            ("po-twee", "privacyfunctionaris"),
            ("eigenaar", "proceseigenaar"),
            ("fg", "fg"),
        ):
            key = self.signing[officer] = Ed25519PrivateKey.generate()
            raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            mandate = ("M-1", date(2099, 1, 1)) if role == "privacyfunctionaris" else (None, None)
            await add_officer(
                self.road.engine, NewOfficer(officer, officer, role, uuid4().hex, raw, *mandate)
            )
        for recipient in recipients:
            await self.set_key(recipient)

    async def set_key(self, recipient: str, url: str | None = None) -> None:
        key = self.opening[recipient] = ECKey.generate_key("P-256")
        public = encryption_key(key.as_dict(private=False))
        await set_endpoint(self.road.engine, recipient, Endpoint(url, public.jwk))

    async def announce(self, recipient: str = "casebook") -> None:
        await self.epochs.prepare(recipient, "Z-1", "po", self.signing["po"].sign)
        await self.epochs.confirm(recipient, "eigenaar", self.signing["eigenaar"].sign)

    async def renew(self, recipient: str = "casebook") -> dict[str, str]:
        """All of it; gives the mapping that the recipient got before the switch and with it."""
        await self.announce(recipient)
        before = await self.take(recipient)
        await self.epochs.switch(recipient)
        after = [one for one in await self.take(recipient) if one["type"] == MAPPING]
        return dict(pair for one in [*before, *after] for pair in one["data"].get("paren", ()))

    async def pull(self, recipient: str = "casebook") -> list[Json]:
        """One page, opened with the recipient's key."""
        return [self.opened(recipient, event) for event in await self.road.pull(recipient)]

    async def take(self, recipient: str = "casebook") -> list[Json]:
        """Everything, acknowledged page by page."""
        taken: list[Json] = []
        while (page := await self.road.page(recipient)).messages:
            await self.road.mailbox.acknowledge(recipient, page.cursor, trace())
            taken += [self.opened(recipient, json.loads(one.event)) for one in page.messages]
        return taken

    def opened(self, recipient: str, event: Json) -> Json:
        if event.get("datacontenttype") != "application/jose":
            return event
        key = self.opening[recipient]
        algorithms = ["ECDH-ES+A256KW", "A256GCM"]
        opened = jwe.decrypt_compact(event["data"], key, algorithms=algorithms).plaintext
        return {**event, "data": json.loads(opened or b"")}


def mappings(events: list[Json]) -> list[Json]:
    """The data of the parts among these events."""
    return [event["data"] for event in events if event["type"] == MAPPING]


def names(event: Json) -> set[str]:
    """Every pseudonym in an event: its subject, and its members."""
    members = event.get("data", {}).get("huishouden", {}).get("leden", [])
    found = {one["pseudoniem"] for one in members if "pseudoniem" in one}
    return found | ({event["subject"]} if event.get("subject") else set())
