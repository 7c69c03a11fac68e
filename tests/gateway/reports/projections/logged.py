"""Entries of every kind in a database, signed by a checkpoint, as a projection finds them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.access import Act, Action, Actor, ActorKind, Reason, Target, access_leaf
from gateway.audit.entries import EntryHead, Event, RuleFacts, Trace, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.audit.signing import CheckpointSigner
from gateway.reports.projections.ldv import FlowFacts, Read, Source, lines_of, read_leaf
from gateway.reports.projections.lines import Line
from gateway.reports.projections.nen7513 import access_lines
from gateway.reports.projections.receiving import Projected
from gateway.reports.projections.source import source_of
from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.lease import give_up_lease, take_lease
from gateway.store.log import open_volume
from gateway.store.projections import SourceLeaf
from gateway.vault.keys import EnvironmentKeys

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
OIN = "00000099000000001000"
BASE = "https://sluis.voorbeeld.nl"
SOURCE: Source = source_of(KEYS, OIN, BASE)
DIGEST = bytes(range(32))
URI = "https://register.voorbeeld.nl/verwerkingsactiviteiten/dwi-aanmelding"
FLOWS = {
    (DIGEST.hex(), "dwi-aanmelding"): FlowFacts(
        "dwi", "casebook", "Hulp voor huishoudens", "B en W"
    )
}
RULE = RuleFacts(
    flow="dwi-aanmelding",
    activity=URI,
    protocol_version="2026.1",
    protocol_digest=DIGEST,
    locks={},
)
NO_FLOW = RuleFacts(
    flow=None,
    activity="urn:sluis:geen-gegevensstroom",
    protocol_version="2026.1",
    protocol_digest=DIGEST,
    locks={},
)
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331")
ENTRY = UUID("0199c0de-0000-7000-8000-00000000000a")
ANNE = UUID("0199c0de-0000-7000-8000-0000000000a1")
BRAM = UUID("0199c0de-0000-7000-8000-0000000000b2")


def leaf(
    event: Event = Event.DECISION,
    subjects: Sequence[UUID] = (),
    *,
    entry_id: UUID | None = None,
    rule: RuleFacts = RULE,
    trace: Trace = TRACE,
    at: int = 1764068470669,
    is_error: bool = False,
    **details: object,
) -> Leaf:
    """An entry as the writers make it; commitments are stand-ins."""
    head = EntryHead(entry_id or new_id(), event, trace, None, at, at + 7, is_error=is_error)
    told = {"sender": "dwi", **details}
    if event is Event.DECISION:
        told = {"decision": "toegelaten", "rule": "toegelaten", **told}
    entry = write_entry(head, rule, ["A" * 44 for _ in subjects], told)
    return Leaf(leaf_hash(entry), entry, list(subjects))


def access(
    action: Action = Action.READ,
    actor: Actor = Actor(ActorKind.OFFICER, "fg", "sleutel-1"),  # noqa: B008  # an immutable value
    subjects: Sequence[UUID] = (),
    *,
    is_error: bool = False,
    trace: Trace = TRACE,
) -> Leaf:
    act = Act(
        "log.search",
        action,
        actor,
        trace,
        1764068470669,
        1764068470676,
        is_error=is_error,
        outcome="403" if is_error else None,
        target=Target("partner", "dwi"),
        reason=Reason("klacht", "2026-17"),
    )
    return access_leaf(act, [(one, "A" * 44) for one in subjects], ENTRY)


def read(made: Leaf, position: int = 0, log: int = 1) -> Read:
    source = SourceLeaf(log, position, made.entry, made.subjects, log)
    return read_leaf(source, FLOWS)


def lines(made: Leaf, known: Sequence[UUID] = (ANNE, BRAM)) -> list[Line]:
    found = read(made)
    make = access_lines if found.event == Event.ACCESS else lines_of
    return make(found, set(known), SOURCE)


def projected(made: Leaf, position: int = 0) -> Projected:
    return Projected(read(made, position), lines(made))


async def log_all(pool: asyncpg.Pool, leaves: Sequence[Leaf], series: int = VERWERKINGEN) -> None:
    """Commit leaves, and a checkpoint that states them."""
    async with pool.acquire() as connection:
        async with connection.transaction():
            await append_leaves(connection, series, leaves)
        await sign(connection, series)


async def sign(connection: asyncpg.pool.PoolConnectionProxy, series: int = VERWERKINGEN) -> None:
    volume = await open_volume(connection, series)
    lease = await take_lease(connection, f"publisher/{series}", new_id(), 60.0)
    assert lease is not None
    signer = CheckpointSigner(volume.log, "sluis/proef", KEY)
    while await signer.extend(connection, lease):
        pass
    await give_up_lease(connection, lease)
