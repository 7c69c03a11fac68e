"""Asking again, and what a notice does where nobody is left to tell of."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.app import Books
from gateway.exchange.deciding import deciding
from gateway.exchange.notices import Lapsed, ask_again
from gateway.store.notices import NoticeRows, write_notice_heads, write_notices
from tests.gateway.exchange.road import KEYS, PURPOSE, Road, notices, open_road, trace
from tests.support.messages import fresh_bsn, member, referral


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        yield road


async def asked(road: Road, bsn: str, purpose: str = PURPOSE) -> int:
    """What the daily pass does when somebody has a birthday."""
    async with deciding(road.pool, Books(KEYS).of) as (connection, book):
        rows = NoticeRows()
        lapsed = [Lapsed(await road.subject(bsn), purpose, "casebook")]
        made = await ask_again(connection, rows, lapsed, book, road.vault, trace(), road.now())
        await write_notices(connection, rows)
        await write_notice_heads(connection, rows)
    return made


async def test_who_coordinates_is_asked_to_ask_again(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    await road.refer(referral(member(ann), member(ben, rol="kind")))
    await road.acknowledge()
    answer = await road.refer(referral(member(ann), member(ben, rol="kind")))
    (event,) = await road.pull()
    await road.acknowledge()

    assert await asked(road, ben) == 1

    (told,) = notices(await road.pull(), "kennisgeving")
    assert told == {
        "regel": "opnieuw-vragen",
        "uitwisselingId": answer["uitwisselingId"],
        "doel": PURPOSE,
        "lid": event["data"]["huishouden"]["leden"][1]["pseudoniem"],
    }


async def test_of_whom_it_was_never_handed_anything_a_recipient_hears_nothing(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann), member(agreed=None)))
    await road.refer(referral(member(ann)))
    assert await asked(road, ann) == 0
    await road.acknowledge()
    assert await asked(road, ann, "terugkoppeling") == 0


async def test_invariant_08_a_notice_of_who_was_erased_blocks_nothing(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    await road.say(ann, False)
    later = await road.refer(referral())
    await road.pool.execute("delete from part where subject = $1", await road.subject(ann))

    gone, stays = await road.pull()

    assert gone["type"] == "nl.sluis.vervallen"
    assert stays["id"] == later["uitwisselingId"]
