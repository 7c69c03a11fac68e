"""Past decisions read back: which, in which order, and from where in the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from consent.simulation import Recorded
from gateway.audit.decisions import decisions_between
from gateway.audit.entries import EntryHead, Event, RuleFacts, Trace, field_names, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.history import entries_of, first_at
from gateway.store.ids import new_id

START = datetime(2026, 3, 1, tzinfo=UTC)
FACTS = RuleFacts(
    flow="dwi-aanmelding",
    activity="https://register.voorbeeld.nl/a",
    protocol_version="1.0",
    protocol_digest=b"d" * 32,
    locks={},
)


def leaf(minute: int, event: Event = Event.DECISION) -> Leaf:
    moment = int((START + timedelta(minutes=minute)).timestamp() * 1000)
    head = EntryHead(new_id(), event, Trace("0" * 32, "0" * 16), new_id(), moment, moment)
    details: dict[str, object] = {
        "body": "",
        "decision": "toegelaten",
        "field": None,
        "recipient": "casebook",
        "released": field_names(("lid.achternaam",)),
        "removed": field_names(()),
        "rule": "toegelaten",
        "sender": f"partij-{minute}",
    }
    entry = write_entry(head, FACTS, [], details if event is Event.DECISION else {"sender": "dwi"})
    return Leaf(leaf_hash(entry), entry, [])


async def fill(pool: asyncpg.Pool, leaves: list[Leaf]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, VERWERKINGEN, leaves)


async def senders(pool: asyncpg.Pool, since: int, until: int, page: int = 2_000) -> list[str]:
    found: list[Recorded] = []
    async with pool.acquire() as connection:
        begin, end = START + timedelta(minutes=since), START + timedelta(minutes=until)
        async for one in decisions_between(connection, begin, end, page=page):
            found += one.decisions
            assert 0 < one.read <= one.of
    return [recorded.sender for recorded in found]


@pytest.mark.parametrize("page", [1, 7, 2_000])
async def test_the_decisions_of_a_period_are_read_in_order(pool: asyncpg.Pool, page: int) -> None:
    await fill(pool, [leaf(minute) for minute in range(0, 600, 10)])

    assert await senders(pool, 100, 130, page) == ["partij-100", "partij-110", "partij-120"]
    assert await senders(pool, -500, 15, page) == ["partij-0", "partij-10"]
    assert await senders(pool, 581, 9_000, page) == ["partij-590"]
    assert await senders(pool, 9_000, 9_100, page) == []


async def test_entries_that_are_out_of_order_by_less_than_the_slack_are_found(
    pool: asyncpg.Pool,
) -> None:
    await fill(pool, [leaf(minute) for minute in (0, 200, 180, 240, 210, 400)])
    assert sorted(await senders(pool, 190, 215)) == ["partij-200", "partij-210"]


async def test_other_events_are_no_decisions(pool: asyncpg.Pool) -> None:
    await fill(pool, [leaf(0), leaf(1, Event.DISCLOSURE), leaf(2)])
    assert await senders(pool, 0, 10) == ["partij-0", "partij-2"]


async def test_an_empty_log_holds_nothing(pool: asyncpg.Pool) -> None:
    assert await senders(pool, 0, 10) == []
    async with pool.acquire() as connection:
        assert await first_at(connection, VERWERKINGEN, 0) == 0
        assert await entries_of(connection, UUID(int=1)) == []
