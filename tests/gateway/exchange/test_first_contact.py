"""Nobody falls between two stools: without a first contact in the term, those concerned hear it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.app import Books
from gateway.exchange.first_contact import SIGNALS_MOST, FirstContacts
from gateway.store import first_contact as store
from gateway.store.groups import BESCHERMD, VERWERKINGEN
from gateway.telemetry import Telemetry
from tests.gateway.exchange.road import EXAMPLE, KEYS, Road, notices, open_road
from tests.support.messages import Json, fresh_bsn, member, referral, status_of

TERM = timedelta(days=14)
"""That of DWI's flow in the example protocol."""


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        yield road


class Watched:
    """The watch, and what an operator sees of it."""

    def __init__(self, road: Road) -> None:
        self.log = io.StringIO()
        self.telemetry = Telemetry(self.log)
        books = Books(KEYS)
        self.watch = FirstContacts(road.pool, books.of, road.vault, road.now, self.telemetry)

    async def look(self) -> None:
        while await self.watch.turn():
            pass


async def at_operators(road: Road) -> list[store.Overdue]:
    """What `sluis routes overdue` reads."""
    async with road.pool.acquire() as connection:
        return await store.signalled(connection, 1000)


@contextmanager
def later(road: Road, by: timedelta) -> Iterator[None]:
    road.ahead += by
    try:
        yield
    finally:
        road.ahead -= by


async def referred(road: Road, watched: Watched, *members: Json) -> tuple[UUID, str]:
    """A referral that its recipient pulled, and that the watch knows of."""
    message = referral(*(members or (member(),)))
    answer = await road.refer(message)
    await road.pull()
    await watched.look()
    return UUID(answer["uitwisselingId"]), message["kenmerk"]


async def signals(road: Road, recipient: str) -> list[Json]:
    return notices(await road.pull(recipient), "signaal")


async def test_within_the_term_nobody_hears_anything(road: Road) -> None:
    watched = Watched(road)
    await referred(road, watched)
    with later(road, TERM - timedelta(hours=1)):
        await watched.look()
    assert await signals(road, "dwi") == await signals(road, "casebook") == []
    assert watched.telemetry.gauges["first_contacts_overdue"] == 0


async def test_after_it_sender_and_casebook_hear_and_only_the_sender_its_own_reference(
    road: Road,
) -> None:
    watched = Watched(road)
    exchange, reference = await referred(road, watched)
    with later(road, TERM):
        await watched.look()
        await watched.look()
    told = {
        "regel": "eerste-contact-uitgebleven",
        "uitwisselingId": str(exchange),
        "nummer": 1,
        "termijnDagen": 14,
    }
    assert await signals(road, "casebook") == [told]
    assert await signals(road, "dwi") == [told | {"kenmerk": reference}]
    assert watched.telemetry.gauges["first_contacts_overdue"] == 1
    assert watched.log.getvalue().count("first-contact-overdue") == 1
    assert str(exchange) not in watched.log.getvalue()


async def test_it_is_told_again_after_each_term_and_then_no_more(road: Road) -> None:
    watched = Watched(road)
    await referred(road, watched)
    for terms in range(1, SIGNALS_MOST + 3):
        with later(road, TERM * terms):
            await watched.look()
    assert [one["nummer"] for one in await signals(road, "dwi")] == [1, 2, 3]
    assert watched.telemetry.gauges["first_contacts_overdue"] == 1, "it stays in the list"
    assert [one.signals for one in await at_operators(road)] == [SIGNALS_MOST]


async def test_the_term_does_not_begin_anew_where_the_watch_was_away(road: Road) -> None:
    """What was set free on the way counts from when it was seen: no moment is kept of that."""
    watched = Watched(road)
    message = referral(member())
    await road.refer(message)
    held = fresh_bsn()
    freed = await road.refer(referral(member(), member(held, agreed=None, rol="partner")))
    assert freed["besluit"] == "aangehouden"
    with later(road, TERM - timedelta(days=1)):
        await road.say(held, True)
        await watched.look()
    with later(road, TERM):
        await watched.look()
    assert [one["kenmerk"] for one in await signals(road, "dwi")] == [message["kenmerk"]]


@pytest.mark.parametrize(
    ("status", "number"),
    [("instroom", 1), ("regiecheck", 0), ("in-beheer-actief", 0), ("afgesloten-niet-bereikt", 0)],
)
async def test_any_status_beyond_instroom_ends_it(road: Road, status: str, number: int) -> None:
    watched = Watched(road)
    exchange, _ = await referred(road, watched)
    await road.report_status(status_of(exchange, status=status))
    with later(road, TERM):
        await watched.look()
    assert len(await signals(road, "casebook")) == number


async def test_a_status_before_the_watch_came_by_counts_too(road: Road) -> None:
    watched = Watched(road)
    answer = await road.refer(referral(member()))
    await road.pull()
    await road.report_status(status_of(answer["uitwisselingId"], status="regiecheck"))
    await watched.look()
    with later(road, TERM):
        await watched.look()
    assert await signals(road, "dwi") == []


async def test_a_stranger_s_status_ends_nothing(road: Road) -> None:
    watched = Watched(road)
    exchange, _ = await referred(road, watched)
    answer = await road.report_status(status_of(exchange, status="regiecheck"), "ggz")
    assert answer["regel"] == "uitwisseling-onbekend"
    with later(road, TERM):
        await watched.look()
    assert len(await signals(road, "dwi")) == 1


async def test_what_nobody_fetched_has_no_contact_either_and_only_its_sender_hears(
    road: Road,
) -> None:
    watched = Watched(road)
    await road.refer(referral(member()))
    await watched.look()
    with later(road, TERM):
        await watched.look()
    assert len(await signals(road, "dwi")) == 1
    assert await signals(road, "casebook") == []


async def test_what_was_taken_out_or_whose_person_is_gone_is_let_go(road: Road) -> None:
    watched = Watched(road)
    bsn = fresh_bsn()
    await road.refer(referral(member(bsn)))
    exchange, _ = await referred(road, watched)
    await road.say(bsn, False)
    await road.pool.execute(
        "delete from subject where id = (select owner from exchange where id = $1)", exchange
    )
    with later(road, TERM):
        await watched.look()
    assert await signals(road, "dwi") == await signals(road, "casebook") == []
    assert watched.telemetry.gauges["first_contacts_overdue"] == 0


async def test_what_was_recalled_after_its_receipt_is_let_go(road: Road) -> None:
    watched = Watched(road)
    bsn = fresh_bsn()
    await referred(road, watched, member(bsn))
    with later(road, TERM):
        await watched.look()
    await road.acknowledge()
    await road.acknowledge("dwi")
    await road.say(bsn, False)
    assert await at_operators(road) == []
    with later(road, TERM * 2):
        await watched.look()
    assert await signals(road, "dwi") == await signals(road, "casebook") == []
    assert watched.telemetry.gauges["first_contacts_overdue"] == 0


@pytest.mark.parametrize(("place", "number"), [(0, 0), (1, 1)])
async def test_without_whom_it_is_about_first_nobody_is_waited_for(
    road: Road, place: int, number: int
) -> None:
    watched = Watched(road)
    exchange, _ = await referred(road, watched, member(), member(rol="partner"))
    await road.acknowledge()
    await road.correct(
        {"soort": "lid-vertrokken", "uitwisselingId": str(exchange), "lid": {"plaats": place}}
    )
    with later(road, TERM):
        await watched.look()
    assert len(await signals(road, "dwi")) == len(await signals(road, "casebook")) == number


async def test_who_objected_is_told_of_no_more(road: Road) -> None:
    watched = Watched(road)
    bsn = fresh_bsn()
    exchange, _ = await referred(road, watched, member(bsn))
    await road.correct(
        {
            "soort": "bezwaar",
            "uitwisselingId": str(exchange),
            "lid": {"burgerservicenummer": bsn},
        }
    )
    with later(road, TERM):
        await watched.look()
    assert await signals(road, "dwi") == await signals(road, "casebook") == []


async def test_without_a_status_in_the_protocol_the_sender_is_told_nothing(
    database: str,
) -> None:
    text = EXAMPLE.replace(
        'verzender = "casebook"\nontvanger = "dwi"\nbericht = "statusbericht"',
        'verzender = "casebook"\nontvanger = "sra"\nbericht = "statusbericht"',
    )
    text = text.replace(
        'partijen = ["dwi", "casebook", "madi", "dwzs"]',
        'partijen = ["dwi", "casebook", "madi", "dwzs", "sra"]',
    )
    assert text != EXAMPLE
    async with open_road(database, text.replace("2026.1-voorbeeld", "zonder-terug")) as road:
        watched = Watched(road)
        await referred(road, watched)
        with later(road, TERM):
            await watched.look()
        assert await signals(road, "dwi") == []
        assert len(await signals(road, "casebook")) == 1


async def test_invariant_14_of_a_protected_exchange_nobody_outside_hears_and_nothing_counts(
    road: Road,
) -> None:
    watched = Watched(road)
    message = referral(member(agreed=None), grondslag="jeugdwet")
    message["bescherming"] = {
        "professional": {"naam": "P. Rofessional", "functie": "jeugdarts"},
        "reden": "veiligheid-kind",
    }
    answer = await road.refer(message, "okt")
    assert answer["besluit"] == "toegelaten"
    await road.pull()
    await watched.look()
    before = await road.entries(log=VERWERKINGEN)
    with later(road, TERM):
        await watched.look()
    assert await road.entries(log=VERWERKINGEN) == before
    assert watched.telemetry.gauges["first_contacts_overdue"] == 0
    assert watched.log.getvalue() == ""
    assert await at_operators(road) == []
    assert await signals(road, "dwi") == []
    assert [one["kenmerk"] for one in await signals(road, "okt")] == [message["kenmerk"]]
    assert len(await signals(road, "casebook")) == 1
    assert "kennisgeving" in [one.event for one in await road.entries(log=BESCHERMD)]


async def test_two_replicas_signal_once(road: Road) -> None:
    both = Watched(road), Watched(road)
    for _ in range(4):
        await road.refer(referral(member()))
    await road.pull()
    await asyncio.gather(*(one.look() for one in both))
    with later(road, TERM):
        await asyncio.gather(*(one.look() for one in both))
    told = [one["uitwisselingId"] for one in await signals(road, "dwi")]
    assert len(told) == len(set(told)) == 4
    assert len(await signals(road, "casebook")) == 4
