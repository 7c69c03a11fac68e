"""The road inside one process, composed as the composition root does, on a clock of the test's own.

No HTTP stands between: what is tested is what the transactions leave behind. Everything that a
deliverer or recipient could do is one method; what lies behind their backs is read from the tables.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.registry import ADAPTERS
from consent.protocol import load
from gateway.api.messages import MessageDoor
from gateway.api.problems import Problem
from gateway.app import Books
from gateway.audit.entries import Trace
from gateway.audit.merkle import leaf_hash
from gateway.audit.series import Logbooks
from gateway.audit.verify import VerifiedLog, verify_folder
from gateway.cli.setup import SANDBOX, read_protocol
from gateway.exchange.arrivals import Prints, Sender
from gateway.exchange.authority import Authorities
from gateway.exchange.birthdays import Birthdays
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.consents import Consents
from gateway.exchange.corrections import Corrections
from gateway.exchange.deliveries import Deliveries, outcomes_of
from gateway.exchange.holds import Holds
from gateway.exchange.mailbox import Mailbox, Page
from gateway.exchange.release import MailboxTools
from gateway.exchange.retention import Retention
from gateway.exchange.routing import bundled_routes
from gateway.exchange.tools import GroupTools, ProtectedSide
from gateway.exchange.workoff import DeliveryTools
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.store.deliveries import by_id
from gateway.store.groups import BESCHERMD, VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.partners import NewPartner, register_partner
from gateway.store.protocols import put_in_force
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from gateway.vault.keys import EnvironmentKeys
from schemas.consents import ConsentReceipt, ConsentRecord, ConsentWithdrawal
from schemas.corrections import Correction, CorrectionReceipt
from schemas.identifiers import Bsn
from tests.gateway.audit.logs import Log
from tests.support.journals import fresh_folder, fresh_journal
from tests.support.messages import Json, fresh_reference, lines_of

ORIGIN = "sluis/proef/verwerkingen"
KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()})
LOGBOOKS = Logbooks("proef", KEYS)
PROTECTED = ProtectedSide("sluis/proef/beschermd", LOGBOOKS.key(BESCHERMD), ProtectedHandles(KEYS))
PURPOSE = "toeleiding-wijkteam"
EXAMPLE = read_protocol(None).text
OKT = NewPartner("okt", "Ouder- en Kindteam (proefpartij)", "00000099000000005000", "generic")


def protocol(version: str, *changes: tuple[str, str]) -> str:
    """The example with changes, each of which must be one; under a version of its own."""
    text = EXAMPLE
    for old, new in (("2026.1-voorbeeld", version), *changes):
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


NOTICES = ("nl.sluis.intrekking", "nl.sluis.kennisgeving", "nl.sluis.correctie")
REDUCED = ('huishouden = "allen"', 'huishouden = "beperken"')
WITH_NOTE = ('"aanmelding.toelichting" = "weglaten"', '"aanmelding.toelichting" = "identificeren"')


def trace() -> Trace:
    return Trace(new_id().hex, new_id().hex[16:])


@dataclass
class Logged:
    """An entry as it stands in the log, with the subjects that its row names."""

    index: int
    entry: Json
    subjects: list[UUID]

    @property
    def event(self) -> str:
        return str(self.entry["event"])


class Road:
    """One gateway's parts on one database."""

    def __init__(self, pool: asyncpg.Pool, engine: AsyncEngine) -> None:
        self.pool = pool
        self.engine = engine
        self.ahead = timedelta()
        self.log = io.StringIO()
        telemetry = Telemetry(self.log)
        vault, handles, prints = Vault(KEYS), Handles(KEYS), Prints(KEYS)
        self.handles = handles
        self.vault = vault
        books = Books(KEYS)
        key = LOGBOOKS.key(VERWERKINGEN)
        self.journal_folder = fresh_folder()
        journal = fresh_journal(KEYS, self.journal_folder, self.now)
        tools = GroupTools(
            vault, bundled_routes(), ORIGIN, key, self.now, handles, PROTECTED, journal
        )
        self.tools = tools
        self.committer = GroupCommitter(
            pool,
            books.of,
            tools,
            telemetry,
            writers=2,
            group_size=256,
            bytes_per_sender=1024 * 1024,
        )
        self.door = MessageDoor(
            lambda headers: Caller(dict(headers)[b"partner"].decode(), "generic", "keten"),
            self.committer,
            handles,
            prints,
            self.now,
        )
        self.deliveries = Deliveries(
            pool,
            self.committer,
            DeliveryTools(ADAPTERS, vault, handles, prints, self.now, telemetry, 1024 * 1024),
        )
        self.consents = Consents(pool, books.of, handles, tools)
        self.corrections = Corrections(pool, books.of, handles, prints, tools)
        self.holds = Holds(pool, vault, KEYS.secret("cursor"))
        self.mailbox = Mailbox(
            pool,
            books.of,
            MailboxTools(vault, b"urn:sluis:proef", KEYS.secret("cursor"), self.now, 10.0),
        )
        self.retention = Retention(pool, books.of, vault, self.now, telemetry)
        self.authorities = Authorities(pool, books.of, handles, tools)
        self.birthdays = Birthdays(pool, books.of, vault, self.now, telemetry)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def put_in_force(self, text: str) -> None:
        made = load(text)
        await put_in_force(self.engine, made.version, made.digest, text)

    # What a sender does.

    async def refer(self, message: Json, sender: str = "dwi") -> Json:
        """The answer to a referral, a refusal's too."""
        return await self._post(self.door.refer, message, sender)

    async def report_status(self, message: Json, sender: str = "casebook") -> Json:
        return await self._post(self.door.report_status, message, sender)

    async def _post(self, deliver: Any, message: Json, sender: str) -> Json:
        headers = [(b"partner", sender.encode()), (b"content-type", b"application/json")]
        try:
            _, _, body = await deliver(headers, json.dumps(message).encode())
        except Problem as problem:
            body = problem.body()
        told: Json = json.loads(body)
        answer: Json = told.get("antwoord", told)
        return answer

    async def deliver(self, *messages: Json, sender: str = "dwi") -> list[Json]:
        """The outcomes of a delivery; up to 256 records are one transaction."""
        body = lines_of(messages)

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        whom = Sender(sender, "dwi")
        received = await self.deliveries.receive(whom, "application/x-ndjson", pieces(), None)
        async with asyncio.timeout(10):
            while True:
                stored = await by_id(self.pool, sender, received.delivery.id)
                assert stored is not None
                if stored.state != "in-verwerking":
                    break
                await asyncio.sleep(0.02)
        return await outcomes_of(self.pool, self.vault, stored, 0, 1000)

    # What is said of agreement.

    async def say(
        self,
        bsn: str,
        given: bool,
        category: str = "*",
        *,
        at: datetime | None = None,
        partner: str = "dwi",
        purpose: str = PURPOSE,
        recipient: str = "casebook",
    ) -> ConsentReceipt:
        record = ConsentRecord.model_validate(
            {
                "burgerservicenummer": bsn,
                "doel": purpose,
                "ontvanger": recipient,
                "categorie": category,
                "gegeven": given,
                "op": at or self.now(),
                "bewijs": "FORMULIER-7",
            }
        )
        return await self.consents.record(partner, record, trace())

    async def withdraw(self, consent: UUID, partner: str = "dwi") -> ConsentReceipt:
        return await self.consents.withdraw(partner, consent, ConsentWithdrawal(), trace())

    async def correct(self, message: Json, partner: str = "dwi") -> CorrectionReceipt:
        """Send a correction; a `kenmerk` is made up where it has none."""
        given = {"kenmerk": fresh_reference("C"), **message}
        correction = Correction.model_validate_json(json.dumps(given))
        return (await self.corrections.correct(partner, correction, trace())).receipt

    # What a recipient does.

    async def page(self, recipient: str = "casebook", limit: int = 1000) -> Page:
        return await self.mailbox.page(recipient, None, limit, trace())

    async def pull(self, recipient: str = "casebook") -> list[Json]:
        """The events from the first that was not acknowledged."""
        return [json.loads(m.event) for m in (await self.page(recipient)).messages]

    async def acknowledge(self, recipient: str = "casebook") -> int:
        """Pull what waits, and say that it was received."""
        page = await self.page(recipient)
        return await self.mailbox.acknowledge(recipient, page.cursor, trace())

    # What lies behind their backs.

    async def subject(self, bsn: str) -> UUID:
        handle = self.handles.of(Bsn(bsn))
        found: UUID = await self.pool.fetchval("select id from subject where handle = $1", handle)
        return found

    async def state(self, answer: Json) -> int:
        exchange = UUID(answer["uitwisselingId"])
        return int(await self.pool.fetchval("select state from exchange where id = $1", exchange))

    async def boxes(self, answer: Json) -> int:
        """How many members' parts of an exchange are left."""
        exchange = UUID(answer["uitwisselingId"])
        rows = "select count(*) from part where exchange = $1"
        return int(await self.pool.fetchval(rows, exchange))

    async def entries(self, after: int = -1, log: int = VERWERKINGEN) -> list[Logged]:
        rows = await self.pool.fetch(
            """select index, entry, subjects from log_leaf
                where index > $1 and log = $2 order by index""",
            after,
            log,
        )
        return [Logged(row[0], json.loads(row[1]), list(row[2])) for row in rows]

    async def last_index(self, log: int = VERWERKINGEN) -> int:
        return int(await self.pool.fetchval("select size from log_head where log = $1", log)) - 1

    async def verify_log(self) -> VerifiedLog:
        """Both logs, exported and checked by whoever has only the keys; gives the ordinary one."""
        await self._verify(BESCHERMD, PROTECTED.origin, PROTECTED.promise_key)
        return await self._verify(VERWERKINGEN, ORIGIN, LOGBOOKS.key(VERWERKINGEN))

    async def _verify(self, number: int, origin: str, key: Ed25519PrivateKey) -> VerifiedLog:
        rows = await self.pool.fetch(
            "select index, hash, entry from log_leaf where log = $1 order by index", number
        )
        assert [row[0] for row in rows] == list(range(len(rows)))
        assert all(row[1] == leaf_hash(row[2]) for row in rows)
        log = Log([row[2] for row in rows], origin, key)
        with tempfile.TemporaryDirectory() as folder:
            return verify_folder(log.export(Path(folder) / "log"), [log.vkey])


@asynccontextmanager
async def open_road(url: str, *protocols: str, is_new: bool = True) -> AsyncIterator[Road]:
    """A road with the sandbox partners and a fourth that is no party to anything.

    When it ends its whole log is checked.
    """
    engine = create_async_engine("postgresql+asyncpg" + url.removeprefix("postgresql"))
    async with asyncpg.create_pool(url, min_size=1, max_size=8) as pool:
        road = Road(pool, engine)
        for text in (protocols or (EXAMPLE,)) if is_new else ():
            await road.put_in_force(text)
        # The stand-ins of the sandbox and OKT, who is one of them too.
        for partner in {one.id: one for one in (OKT, *SANDBOX)}.values() if is_new else ():
            await register_partner(engine, partner)
        road.committer.start()
        road.deliveries.start()
        try:
            yield road
            await road.verify_log()
        finally:
            await road.deliveries.stop()
            await road.committer.stop()
            await engine.dispose()


def without_envelope(events: Sequence[Json]) -> list[Json]:
    """What was handed over, without that which differs between any two messages, and notices.

    Whether a member was known before tells a second message from a first by the same person.
    """
    return [
        without_known(event["data"])
        for event in events
        if "data" in event and event["type"] not in NOTICES
    ]


def without_known(data: Json) -> Json:
    """A message's data, without whether its members were known before it."""
    household = data.get("huishouden", {})
    if "leden" not in household:
        return data
    members = [
        {name: value for name, value in one.items() if name != "reedsBekend"}
        for one in household["leden"]
    ]
    return {**data, "huishouden": {**household, "leden": members}}


def notices(events: Sequence[Json], kind: str = "intrekking") -> list[Json]:
    """What the gateway itself says in these events."""
    return [event["data"] for event in events if event["type"] == f"nl.sluis.{kind}"]
