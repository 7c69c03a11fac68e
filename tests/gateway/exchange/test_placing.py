"""What waits for a person: listed once it was handed over, and placed once, with an entry."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import pytest

from gateway.app import Books
from gateway.exchange.placing import (
    AlreadyPlacedError,
    PlacementCursorError,
    Placements,
    PlacementWatch,
    UnknownPlacementError,
    UnknownTeamError,
)
from gateway.exchange.routing import BUNDLED, bundled_routes, load_routes
from gateway.store import placing as store
from gateway.store.groups import BESCHERMD, TOEGANG_BESCHERMD, VERWERKINGEN, Connection
from gateway.store.ids import new_id
from gateway.telemetry import Telemetry
from schemas.casework import Placement, PlacementReceipt, WaitingPlacement, WaitReason
from tests.gateway.exchange.road import KEYS, Road, trace
from tests.support.messages import Json, fresh_bsn, member, referral, status_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]


Row = TypeVar("Row")


def placements(road: Road) -> Placements:
    return Placements(road.pool, Books(KEYS).of, road.tools, KEYS.secret("cursor"))


def at(postcode: str | None, *members: Json, **changes: object) -> Json:
    message = referral(*members)
    if postcode is None:
        del message["huishouden"]["postcode"]
    else:
        message["huishouden"]["postcode"] = postcode
    message["huishouden"] |= changes
    return message


async def handed_over(road: Road, message: Json, sender: str = "dwi") -> UUID:
    answer = await road.refer(message, sender)
    assert answer["besluit"] == "toegelaten", answer
    await road.pull()
    return UUID(answer["uitwisselingId"])


async def listed(road: Road, recipient: str = "casebook") -> dict[UUID, WaitingPlacement]:
    page = await placements(road).page(recipient, None, 1000)
    return {one.exchange_id: one for one in page.waiting}


async def at_operators(
    road: Road, look: Callable[[Connection, int], Awaitable[list[Row]]]
) -> list[Row]:
    """What a command for operators reads."""
    async with road.pool.acquire() as connection:
        return await look(connection, 1000)


async def put(
    road: Road, exchange: UUID, team: str = "zuidoost", partner: str = "casebook"
) -> PlacementReceipt:
    return await placements(road).place(
        partner, Placement(exchange_id=exchange, team=team), trace()
    )


@pytest.mark.parametrize(
    ("postcode", "reason"),
    [
        (None, WaitReason.NO_POSTCODE),
        ("1058AB", WaitReason.BORDER),
        ("1020AB", WaitReason.PO_BOX),
        ("1041AB", WaitReason.NO_TEAM),
        ("9711AB", WaitReason.UNKNOWN),
    ],
)
async def test_invariant_9_what_no_table_decides_goes_to_the_desk_and_waits_for_a_person(
    road: Road, postcode: str | None, reason: WaitReason
) -> None:
    exchange = await handed_over(road, at(postcode))
    (event,) = [one for one in await road.pull() if one["id"] == str(exchange)]
    assert event["data"]["aanmelding"]["wijkteam"] == "stedelijke-balie"
    assert (await listed(road))[exchange].reason is reason


async def test_what_a_table_decides_waits_for_nobody(road: Road) -> None:
    assert await handed_over(road, at("1104AB")) not in await listed(road)


async def test_nothing_is_listed_before_it_is_handed_over(road: Road) -> None:
    answer = await road.refer(at("1058AB"))
    assert UUID(answer["uitwisselingId"]) not in await listed(road)
    await road.pull()
    assert UUID(answer["uitwisselingId"]) in await listed(road)


async def test_what_was_held_waits_from_the_day_on_which_it_goes(road: Road) -> None:
    partner = fresh_bsn()
    message = at("1058AB", member(), member(partner, agreed=None, rol="partner"))
    answer = await road.refer(message)
    assert answer["besluit"] == "aangehouden"
    await road.say(partner, True)
    await road.pull()
    assert (await listed(road))[UUID(answer["uitwisselingId"])].reason is WaitReason.BORDER


async def test_placed_it_waits_no_more_and_its_entry_says_who_and_not_where(road: Road) -> None:
    exchange = await handed_over(road, at("1058AB"))
    receipt = await put(road, exchange)
    assert exchange not in await listed(road)
    (entry,) = [one for one in await road.entries() if one.entry["id"] == str(receipt.entry_id)]
    assert (entry.event, entry.entry["sender"]) == ("toedeling", "casebook")
    assert entry.entry["exchange"] == str(exchange)
    assert len(entry.subjects) == len(entry.entry["subjects"]) == 1
    assert "zuidoost" not in str(entry.entry)


async def test_operators_see_what_waits_and_who_placed_what(road: Road) -> None:
    exchange = await handed_over(road, at("1058AB"))
    assert exchange in {one.exchange for one in await at_operators(road, store.all_waiting)}
    receipt = await put(road, exchange)
    assert exchange not in {one.exchange for one in await at_operators(road, store.all_waiting)}
    newest = (await at_operators(road, store.recently_placed))[0]
    assert (newest.exchange, newest.recipient, newest.entry) == (
        exchange,
        "casebook",
        receipt.entry_id,
    )


async def test_placed_again_has_the_same_answer_and_elsewhere_none(road: Road) -> None:
    exchange = await handed_over(road, at("1058AB"))
    assert await put(road, exchange) == await put(road, exchange)
    with pytest.raises(AlreadyPlacedError):
        await put(road, exchange, "west")
    events = [one for one in await road.entries() if one.entry["exchange"] == str(exchange)]
    assert [one.event for one in events].count("toedeling") == 1


async def test_invariant_7_placed_again_after_its_team_closed_it_has_the_same_answer(
    road: Road,
) -> None:
    exchange = await handed_over(road, at("1058AB"))
    later = await handed_over(road, at("1058AB"))
    receipt = await put(road, exchange)
    text = BUNDLED.read_text(encoding="utf-8")
    text = text.replace('id = "zuidoost"', 'id = "zuidoost"\ntot = 2026-01-02')
    closed = replace(road.tools, routes=load_routes(text))
    made = Placements(road.pool, Books(KEYS).of, closed, KEYS.secret("cursor"))
    again = Placement(exchange_id=exchange, team="zuidoost")
    assert await made.place("casebook", again, trace()) == receipt
    with pytest.raises(UnknownTeamError):
        await made.place("casebook", again.model_copy(update={"exchange_id": later}), trace())


async def test_nobody_else_and_nothing_that_does_not_wait_can_be_placed(road: Road) -> None:
    exchange = await handed_over(road, at("1058AB"))
    decided = await handed_over(road, at("1104AB"))
    for partner, one in (("dwi", exchange), ("casebook", decided), ("casebook", new_id())):
        with pytest.raises(UnknownPlacementError):
            await put(road, one, partner=partner)
    for team in ("stedelijke-balie", "balie-geheim-adres", "nergens"):
        with pytest.raises(UnknownTeamError):
            await put(road, exchange, team)
    assert await listed(road, "dwi") == {}


async def test_pages_follow_each_other_and_a_cursor_is_its_recipients(road: Road) -> None:
    there = {await handed_over(road, at("1058AB")) for _ in range(3)}
    found, cursor = [], None
    while True:
        page = await placements(road).page("casebook", cursor, 2)
        found += [one.exchange_id for one in page.waiting]
        cursor = page.cursor
        if cursor is None:
            break
        with pytest.raises(PlacementCursorError):
            await placements(road).page("dwi", cursor, 2)
    assert there <= set(found)
    assert found == sorted(set(found))


async def test_what_is_withdrawn_annulled_or_closed_waits_no_more(road: Road) -> None:
    bsn = fresh_bsn()
    withdrawn = await road.refer(at("1058AB", member(bsn)))
    closed = await handed_over(road, at("1058AB"))
    await road.say(bsn, False)
    await road.pull()
    await road.report_status(status_of(closed, status="afgesloten-bereikt"))
    there = await listed(road)
    assert UUID(withdrawn["uitwisselingId"]) not in there
    assert closed not in there


async def test_what_was_recalled_after_its_receipt_waits_no_more(road: Road) -> None:
    bsn = fresh_bsn()
    placed = await handed_over(road, at("1058AB", member(bsn)))
    receipt = await put(road, placed)
    exchange = await handed_over(road, at("1058AB", member(bsn)))
    await road.acknowledge()
    await road.say(bsn, False)
    assert exchange not in await listed(road)
    assert exchange not in {one.exchange for one in await at_operators(road, store.all_waiting)}
    with pytest.raises(UnknownPlacementError):
        await put(road, exchange)
    assert await put(road, placed) == receipt


async def test_who_waits_too_long_is_counted_and_told_of_once(road: Road) -> None:
    exchange = await handed_over(road, at("1058AB"))
    log = io.StringIO()
    telemetry = Telemetry(log)
    watch = PlacementWatch(road.pool, bundled_routes(), road.now, telemetry)
    before = await watch.look()
    road.ahead += timedelta(days=4)
    try:
        assert await watch.look() > before
        assert await watch.look() == telemetry.gauges["placements_overdue"]
        assert (await listed(road))[exchange].is_overdue
    finally:
        road.ahead -= timedelta(days=4)
    assert log.getvalue().count("placement-overdue") == 1
    assert str(exchange) not in log.getvalue()


async def test_invariant_14_a_protected_one_is_seen_by_its_recipient_and_in_no_figure(
    road: Road,
) -> None:
    telemetry = Telemetry(io.StringIO())
    watch = PlacementWatch(road.pool, bundled_routes(), road.now, telemetry)
    await watch.look()
    before = await road.entries(log=VERWERKINGEN), dict(telemetry.gauges)
    message = at("1058AB", member(agreed=None))
    message["grondslag"] = "jeugdwet"
    message["bescherming"] = {
        "professional": {"naam": "P. Rofessional", "functie": "jeugdarts"},
        "reden": "veiligheid-kind",
    }
    exchange = await handed_over(road, message, "okt")
    assert exchange in await listed(road)
    assert exchange not in {one.exchange for one in await at_operators(road, store.all_waiting)}
    receipt = await put(road, exchange)
    await watch.look()
    assert exchange not in {one.exchange for one in await at_operators(road, store.recently_placed)}
    after = await road.entries(log=VERWERKINGEN), dict(telemetry.gauges)
    assert after == before
    apart = await road.entries(log=BESCHERMD)
    assert str(receipt.entry_id) in {one.entry["id"] for one in apart}
    assert not await road.entries(log=TOEGANG_BESCHERMD), "no access was given to record"
    told: list[str] = []
    for partner in ("casebook", "dwi"):
        elsewhere = Placement(exchange_id=exchange, team="noord")
        with pytest.raises((AlreadyPlacedError, UnknownPlacementError)):
            await placements(road).place(
                partner, elsewhere, trace(), None, partial(told.append, partner)
            )
    assert told == ["casebook"]


async def test_a_gap_in_the_table_is_told_of_once_a_day(road: Road) -> None:
    text = BUNDLED.read_text(encoding="utf-8")
    ends = (road.now() + timedelta(days=1)).date()
    text = text.replace('codes = ["1101-1109"]', f'codes = ["1101-1109"]\ntot = {ends}')
    log = io.StringIO()
    watch = PlacementWatch(road.pool, load_routes(text), road.now, Telemetry(log))
    for _ in range(2):
        await watch.turn()
    road.ahead += timedelta(days=1)
    try:
        await watch.turn()
    finally:
        road.ahead -= timedelta(days=1)
    lines = [json.loads(one) for one in log.getvalue().splitlines()]
    assert [(one["count"], one["reason"]) for one in lines if one["event"] == "route-gap"] == [
        (9, "later"),
        (9, "vandaag"),
    ]
