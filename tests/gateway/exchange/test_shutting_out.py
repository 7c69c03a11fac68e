"""A partner is shut out at once: with a line that a recovery goes by, or without if need be."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from gateway.exchange.narrowing import Narrowing, Resumed, Suspended, read_line, that_stand
from gateway.exchange.shutting_out import Done, ShuttingOut
from gateway.store.partners import UnknownPartnerError, list_partners
from gateway.vault.journal_reading import read_journal
from tests.gateway.exchange.road import KEYS, Road, open_road


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
        yield opened


def kept(road: Road) -> list[Narrowing]:
    return [read_line(line.content) for line in read_journal(road.journal_folder, KEYS).lines]


async def is_suspended(road: Road, partner: str) -> bool:
    (found,) = [one for one in await list_partners(road.engine) if one.id == partner]
    return found.is_suspended


async def test_a_suspension_is_said_again_where_it_stood_already(road: Road) -> None:
    assert await ShuttingOut(None).suspend(road.engine, "okt") == Done(True, False)
    shutting = ShuttingOut(road.tools.journal)
    assert await shutting.suspend(road.engine, "okt") == Done(False, True)
    assert [type(one) for one in kept(road)] == [Suspended]


async def test_who_must_be_stopped_is_stopped_though_the_journal_is_gone(road: Road) -> None:
    shutting = ShuttingOut(road.tools.journal)
    shutil.rmtree(road.journal_folder)
    assert await shutting.suspend(road.engine, "okt") == Done(True, False)
    assert await is_suspended(road, "okt")


async def test_who_is_no_partner_leaves_no_line(road: Road) -> None:
    shutting = ShuttingOut(road.tools.journal)
    for act in (shutting.suspend, shutting.resume):
        with pytest.raises(UnknownPartnerError):
            await act(road.engine, "niemand")
    assert kept(road) == []


def test_a_resumption_ends_what_came_before_it_and_of_its_partner_alone() -> None:
    first, later = Suspended(at=1, partner="okt"), Suspended(at=4, partner="okt")
    other, end = Suspended(at=2, partner="dwi"), Resumed(at=3, partner="okt")
    assert that_stand([first, other, end, later]) == [other, later]
    assert that_stand([first, other]) == [first, other]
