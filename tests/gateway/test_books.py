"""The rule book of a generation is read once, however many ask for it, and never a stale one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.app import Books
from gateway.exchange.deciding import deciding
from gateway.exchange.rules import RuleBook
from gateway.store.partners import suspend_partner
from tests.gateway.exchange.road import KEYS, Road, open_road, protocol


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
        yield opened


async def seen(road: Road, books: Books) -> RuleBook:
    async with deciding(road.pool, books.of) as (_, book):
        return book


async def test_many_who_ask_at_once_share_one_reading(road: Road) -> None:
    books = Books(KEYS)
    first, *others = await asyncio.gather(*(seen(road, books) for _ in range(4)))
    assert all(one is first for one in others)


async def test_a_suspension_is_seen_and_reads_no_protocol_again(road: Road) -> None:
    books = Books(KEYS)
    before = await seen(road, books)
    await suspend_partner(road.engine, "okt")
    after = await seen(road, books)
    assert "okt" in after.suspended - before.suspended
    assert after.protocol is before.protocol


async def test_another_version_is_read_and_the_one_before_stays_known(road: Road) -> None:
    books = Books(KEYS)
    before = await seen(road, books)
    await road.put_in_force(protocol("2026.2"))
    after = await seen(road, books)
    assert after.protocol.version == "2026.2"
    assert before.protocol.digest in {digest for digest, _ in after.older}
