"""One message or file as a party's own system makes it, and sending it as that system would.

What was sent stays in the party's folder with the answer in the party's own format beside it, so
that whoever builds a connection sees both. A file is on disk before it is sent: an attempt that
failed is repeated with the same bytes, and the gateway knows those.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from gateway.client import AsyncSluis, Conflict, Declined
from gateway.sandbox.durable import durably
from gateway.sandbox.dwi import deliver_file
from schemas.consents import AuthorityRecord, ConsentRecord
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryState
from schemas.referral import Referral

FHIR, XML = "application/fhir+json", "application/xml"


class Door(StrEnum):
    """Where a message goes in."""

    DELIVERY = "levering"
    AT_ONCE = "eigen-formaat"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message or file; `referrals` is what it says, and the rest what is recorded with it.

    Agreements are recorded apart where the format has no place for them.
    """

    name: str
    content: bytes
    media_type: str
    referrals: tuple[Referral, ...] = ()
    door: Door = Door.DELIVERY
    authority: tuple[AuthorityRecord, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()


@dataclass(slots=True)
class Sent:
    """What became of messages that were sent, by decision and rule; `answer` is of the last one."""

    outcomes: Counter[tuple[Outcome, Rule]] = field(default_factory=Counter)
    files: int = 0
    unreadable: int = 0
    answer: bytes = b""

    def count(self, outcome: Outcome) -> int:
        """How many messages had this outcome."""
        return sum(n for (one, _), n in self.outcomes.items() if one is outcome)

    def add(self, other: Sent) -> None:
        """Count these as well."""
        self.outcomes.update(other.outcomes)
        self.files += other.files
        self.unreadable += other.unreadable
        self.answer = other.answer or self.answer


async def send(client: AsyncSluis, outgoing: Outgoing, folder: Path | None = None) -> Sent:
    """Send one, after what is recorded with it; raise what the client raises.

    Without a folder nothing is left behind.
    """
    for statement in outgoing.authority:
        await client.state_authority(statement)
    for record in outgoing.consents:
        await client.record_consent(record)
    if folder is not None:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        return await _send_from(client, outgoing, folder)
    with TemporaryDirectory(prefix="sluis-sandbox-") as passing:
        return await _send_from(client, outgoing, Path(passing))


async def _send_from(client: AsyncSluis, outgoing: Outgoing, folder: Path) -> Sent:
    path = folder / outgoing.name
    await asyncio.to_thread(_keep, path, outgoing.content)
    if outgoing.door is Door.AT_ONCE:
        sent = await _tell(client, outgoing)
    else:
        sent = await _deliver(client, path, outgoing.media_type)
    if sent.answer:
        await asyncio.to_thread(_keep, path.with_suffix(f".antwoord{path.suffix}"), sent.answer)
    return sent


async def _tell(client: AsyncSluis, outgoing: Outgoing) -> Sent:
    try:
        told = await client.tell(outgoing.content, outgoing.media_type)
    except Conflict:
        return Sent(Counter([(Outcome.REFUSED, Rule.REFERENCE_REUSED)]), 1)
    if told.answer is None:
        return Sent(Counter([(Outcome.REFUSED, Rule.UNREADABLE)]), 1, answer=told.content)
    return Sent(Counter([(told.answer.decision, told.answer.rule)]), 1, answer=told.content)


async def _deliver(client: AsyncSluis, path: Path, media_type: str) -> Sent:
    delivered = await deliver_file(client, path, media_type=media_type)
    report = delivered.report
    if report.state is not DeliveryState.DONE:
        return Sent(files=1, unreadable=1)
    answer = await _retour(client, report.delivery_id) if media_type == XML else b""
    return Sent(Counter(delivered.summary.by_rule), 1, answer=answer)


async def _retour(client: AsyncSluis, delivery: UUID) -> bytes:
    try:
        return await client.own_outcome(delivery, XML)
    except Declined:
        return b""  # of a message whose header could not be read, none can be made


def _keep(path: Path, content: bytes) -> None:
    with durably(path, 0o600) as file:
        file.write(content)


def written(outgoing: Iterator[Outgoing], folder: Path) -> Iterator[Path]:
    """Only write them down, for who has no gateway yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in outgoing:
        _keep(folder / one.name, one.content)
        yield folder / one.name
