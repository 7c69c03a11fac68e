"""A move leads to the team of the new postcode, to the desk, or out of the city; kept nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.app import Books
from gateway.audit.access import NOBODY, Act, Action, access_leaf
from gateway.exchange.arrivals import Prints
from gateway.exchange.moves import (
    MoveReferenceTakenError,
    Moves,
    UnknownCaseMovedError,
)
from gateway.exchange.placing import Placements
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, VERWERKINGEN
from gateway.store.ids import new_id
from schemas.casework import Move, MoveOutcome, MoveReceipt, Placement
from tests.gateway.exchange.road import KEYS, Road, notices, trace
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]
OUTSIDE: dict[str, Any] = {"buitenGemeente": True}


def moves(road: Road) -> Moves:
    return Moves(road.pool, Books(KEYS).of, Prints(KEYS), road.tools, road.committer)


async def tell(
    road: Road, exchange: UUID, partner: str = "casebook", **told: object
) -> MoveReceipt:
    given = {"kenmerk": fresh_reference("VH"), "uitwisselingId": str(exchange), **told}
    move = Move.model_validate(given)
    if move.outside:
        return await moves(road).outside(partner, move, trace())
    return await moves(road).within(partner, move, trace())


async def handed_over(road: Road, postcode: str = "1012AB", **changes: object) -> UUID:
    message = referral(member())
    message["huishouden"] |= {"postcode": postcode, **changes}
    answer = await road.refer(message)
    await road.pull()
    return UUID(answer["uitwisselingId"])


async def handovers(road: Road) -> list[Json]:
    return notices(await road.pull(), "overdracht")


async def waits(road: Road, exchange: UUID) -> str | None:
    made = Placements(road.pool, Books(KEYS).of, road.tools, KEYS.secret("cursor"))
    page = await made.page("casebook", None, 1000)
    return next((x.reason.value for x in page.waiting if x.exchange_id == exchange), None)


async def rows_of(pool: asyncpg.Pool) -> AsyncIterator[str]:
    tables = await pool.fetch("select tablename from pg_tables where schemaname = 'public'")
    for (table,) in tables:
        for row in await pool.fetch(f"select t::text from {table} t"):  # noqa: S608  # our own tables
            yield str(row[0])


async def test_within_the_city_the_other_team_gets_it_with_the_new_date(road: Road) -> None:
    exchange = await handed_over(road)
    receipt = await tell(road, exchange, postcode="1104XY", peildatum="2026-11-30")
    assert receipt.outcome is MoveOutcome.HANDED_OVER
    (told,) = await handovers(road)
    assert told == {
        "uitwisselingId": str(exchange),
        "vanTeam": "centrum",
        "naarTeam": "zuidoost",
        "peildatum": "2026-11-30",
    }


async def test_invariant_3_the_new_postcode_stands_nowhere(road: Road) -> None:
    exchange = await handed_over(road)
    await tell(road, exchange, postcode="1109QZ")
    words = [word for one in ("1109QZ", "zuidoost") for word in (one, one.encode().hex())]
    assert not [row async for row in rows_of(road.pool) if any(word in row for word in words)]
    assert "1109QZ" not in road.log.getvalue()


async def test_within_its_own_team_nothing_is_handed_over(road: Road) -> None:
    exchange = await handed_over(road)
    receipt = await tell(road, exchange, postcode="1011ZZ")
    assert receipt.outcome is MoveOutcome.SAME_TEAM
    assert await handovers(road) == []


async def test_back_again_it_goes_back_to_the_team_that_it_came_from(road: Road) -> None:
    exchange = await handed_over(road)
    there = await tell(road, exchange, postcode="1104AA")
    stays = await tell(road, exchange, postcode="1105ZZ")
    back = await tell(road, exchange, postcode="1012AB")
    assert [one.outcome for one in (there, stays, back)] == [
        MoveOutcome.HANDED_OVER,
        MoveOutcome.SAME_TEAM,
        MoveOutcome.HANDED_OVER,
    ]
    assert [(one["vanTeam"], one["naarTeam"]) for one in await handovers(road)] == [
        ("centrum", "zuidoost"),
        ("zuidoost", "centrum"),
    ]


async def test_who_was_placed_by_a_person_and_moves_comes_from_no_team_that_is_known(
    road: Road,
) -> None:
    exchange = await handed_over(road, "1058AB")
    made = Placements(road.pool, Books(KEYS).of, road.tools, KEYS.secret("cursor"))
    await made.place("casebook", Placement(exchange_id=exchange, team="west"), trace())
    receipt = await tell(road, exchange, postcode="1058ZZ")
    assert receipt.outcome is MoveOutcome.TO_DESK, "the team that has it must hear so"
    (told,) = await handovers(road)
    assert "vanTeam" not in told
    assert await waits(road, exchange) == "grensgeval"
    await tell(road, exchange, postcode="1104AA")
    assert (await handovers(road))[-1]["vanTeam"] == "stedelijke-balie"


async def test_what_no_table_decides_goes_to_the_desk_and_waits_there(road: Road) -> None:
    exchange = await handed_over(road)
    receipt = await tell(road, exchange, postcode="1058ZZ")
    assert receipt.outcome is MoveOutcome.TO_DESK
    (told,) = await handovers(road)
    assert (told["naarTeam"], told["reden"]) == ("stedelijke-balie", "grensgeval")
    assert await waits(road, exchange) == "grensgeval"
    await tell(road, exchange, postcode="1104ZZ")
    assert await waits(road, exchange) is None


async def test_after_its_content_is_gone_the_casebook_says_where_it_was(road: Road) -> None:
    exchange = await handed_over(road)
    await road.acknowledge()
    await road.pool.execute("delete from part where exchange = $1", exchange)
    await road.pool.execute(
        """insert into disclosure (subject, exchange, member, released_at)
           select owner, id, 0, now() from exchange where id = $1""",
        exchange,
    )
    await tell(road, exchange, postcode="1104AA")
    await tell(road, exchange, postcode="1104AA", team="west")
    first, second = await handovers(road)
    assert "vanTeam" not in first
    assert (second["vanTeam"], second["naarTeam"]) == ("west", "zuidoost")


async def test_its_entry_names_who_said_so_and_no_place(road: Road) -> None:
    exchange = await handed_over(road)
    receipt = await tell(road, exchange, postcode="1104AA")
    (entry,) = [one for one in await road.entries() if one.entry["id"] == str(receipt.entry_id)]
    assert (entry.event, entry.entry["sender"]) == ("verhuizing", "casebook")
    assert entry.entry["outcome"] == "overgedragen"
    assert "zuidoost" not in str(entry.entry)


async def test_invariant_7_told_again_it_has_the_same_answer_and_no_second_effect(
    road: Road,
) -> None:
    exchange = await handed_over(road)
    first = await tell(road, exchange, kenmerk="VH-TWEEMAAL", postcode="1104AA")
    assert await tell(road, exchange, kenmerk="VH-TWEEMAAL", postcode="1104AA") == first
    assert len(await handovers(road)) == 1
    with pytest.raises(MoveReferenceTakenError):
        await tell(road, exchange, kenmerk="VH-TWEEMAAL", postcode="1104AB")


async def test_out_of_the_city_the_case_is_closed_and_the_sender_hears_it_ended(
    road: Road,
) -> None:
    await road.acknowledge("dwi")
    exchange = await handed_over(road, "1058AB")
    assert await waits(road, exchange) == "grensgeval"
    receipt = await tell(road, exchange, **OUTSIDE, peildatum="2026-11-01")
    assert receipt.outcome is MoveOutcome.CLOSED
    (event,) = await road.pull("dwi")
    assert event["type"] == "nl.sluis.statusbericht"
    assert event["data"]["status"] == "beeindigd"
    assert "afsluitreden" not in event["data"], "the protocol drops it for this sender"
    assert await waits(road, exchange) is None
    events = [one.event for one in await road.entries() if one.entry["id"] == str(receipt.entry_id)]
    assert events == ["besluit"]


async def test_closed_again_has_the_same_answer(road: Road) -> None:
    exchange = await handed_over(road)
    first = await tell(road, exchange, kenmerk="VH-WEG", **OUTSIDE)
    assert await tell(road, exchange, kenmerk="VH-WEG", **OUTSIDE) == first
    with pytest.raises(MoveReferenceTakenError):
        await tell(road, exchange, kenmerk="VH-WEG", **OUTSIDE, isBereikt=True)


@pytest.mark.parametrize("first", [{"postcode": "1104AA"}, OUTSIDE])
async def test_a_reference_is_of_one_move_whichever_way_it_went(
    road: Road, first: dict[str, Any]
) -> None:
    exchange = await handed_over(road)
    (second,) = [way for way in ({"postcode": "1104AA"}, OUTSIDE) if way != first]
    reference = fresh_reference("VH")
    await tell(road, exchange, kenmerk=reference, **first)
    with pytest.raises(MoveReferenceTakenError):
        await tell(road, exchange, kenmerk=reference, **second)


@pytest.mark.parametrize("told", [{"postcode": "1104AA"}, OUTSIDE])
async def test_only_who_was_handed_a_case_tells_of_a_move(road: Road, told: dict[str, Any]) -> None:
    exchange = await handed_over(road)
    answer = await road.refer(referral(member()))
    for partner, one in (
        ("dwi", exchange),
        ("okt", exchange),
        ("casebook", new_id()),
    ):
        with pytest.raises(UnknownCaseMovedError):
            await tell(road, one, partner, **told)
    if "postcode" in told:
        with pytest.raises(UnknownCaseMovedError):
            await tell(road, UUID(answer["uitwisselingId"]), **told)


async def test_a_move_to_come_is_routed_by_its_own_day(road: Road) -> None:
    exchange = await handed_over(road)
    day = (road.now() + timedelta(days=30)).date()
    await tell(road, exchange, postcode="1104AA", peildatum=str(day))
    (told,) = await handovers(road)
    assert told["peildatum"] == str(day)


async def test_a_postcode_that_the_sender_puts_right_hands_the_case_over(road: Road) -> None:
    exchange = await handed_over(road)
    await road.correct(
        {
            "soort": "rectificatie",
            "uitwisselingId": str(exchange),
            "waarden": {"huishouden.postcode": "1104AA"},
        }
    )
    (told,) = await handovers(road)
    assert (told["vanTeam"], told["naarTeam"]) == ("centrum", "zuidoost")


async def test_put_right_before_it_was_fetched_it_goes_to_its_team_at_once(road: Road) -> None:
    message = referral(member())
    message["huishouden"]["postcode"] = "1058AB"
    answer = await road.refer(message)
    exchange = UUID(answer["uitwisselingId"])
    await road.correct(
        {
            "soort": "rectificatie",
            "uitwisselingId": str(exchange),
            "waarden": {"huishouden.postcode": "1104AA"},
        }
    )
    events = await road.pull()
    assert [one["type"] for one in events] == ["nl.sluis.aanmelding"]
    assert events[0]["data"]["aanmelding"]["wijkteam"] == "zuidoost"
    assert await waits(road, exchange) is None


async def test_put_right_to_a_border_it_waits_for_a_person(road: Road) -> None:
    exchange = await handed_over(road)
    await road.correct(
        {
            "soort": "rectificatie",
            "uitwisselingId": str(exchange),
            "waarden": {"huishouden.postcode": "1061AA"},
        }
    )
    assert await waits(road, exchange) == "grensgeval"


async def test_of_who_was_forgotten_nobody_is_told_a_move(road: Road) -> None:
    message = referral(member(fresh_bsn()))
    answer = await road.refer(message)
    await road.pull()
    exchange = UUID(answer["uitwisselingId"])
    await road.pool.execute(
        "delete from subject where id = (select owner from exchange where id = $1)", exchange
    )
    with pytest.raises(UnknownCaseMovedError):
        await tell(road, exchange, postcode="1104AA")


async def test_invariant_14_a_protected_case_moves_within_the_logs_of_its_own(road: Road) -> None:
    message = referral(member(agreed=None), grondslag="jeugdwet")
    message["bescherming"] = {
        "professional": {"naam": "P. Rofessional", "functie": "jeugdarts"},
        "reden": "veiligheid-kind",
    }
    answer = await road.refer(message, "okt")
    await road.pull()
    exchange = UUID(answer["uitwisselingId"])
    series = (VERWERKINGEN, TOEGANG, BESCHERMD, TOEGANG_BESCHERMD)
    before = [len(await road.entries(log=one)) for one in series]
    access = access_leaf(Act("meldVerhuizing", Action.CREATE, NOBODY, trace(), 0, 0))
    told = {"kenmerk": fresh_reference("VH"), "uitwisselingId": exchange, "postcode": "1058AA"}
    await moves(road).within("casebook", Move.model_validate(told), trace(), access)
    after = [len(await road.entries(log=one)) for one in series]
    assert [one - other for one, other in zip(after, before, strict=True)] == [0, 0, 2, 1]
    (handover,) = await handovers(road)
    assert handover["naarTeam"] == "stedelijke-balie"


async def test_invariant_14_what_is_refused_of_a_protected_case_is_told_apart(road: Road) -> None:
    message = referral(member(agreed=None), grondslag="jeugdwet")
    message["bescherming"] = {
        "professional": {"naam": "P. Rofessional", "functie": "jeugdarts"},
        "reden": "veiligheid-kind",
    }
    exchange = (await road.refer(message, "okt"))["uitwisselingId"]
    await road.pull()
    told = {"kenmerk": fresh_reference("VH"), "uitwisselingId": exchange, "postcode": "1058AA"}
    apart: list[str] = []
    first = Move.model_validate(told)
    await moves(road).within("casebook", first, trace(), None, lambda: apart.append("moved"))
    for partner, postcode in (("casebook", "1102AB"), ("dwi", "1058AA")):
        other = Move.model_validate(told | {"postcode": postcode})
        with pytest.raises((MoveReferenceTakenError, UnknownCaseMovedError)):
            await moves(road).within(partner, other, trace(), None, partial(apart.append, partner))
    away = Move.model_validate(
        {"kenmerk": told["kenmerk"], "uitwisselingId": exchange, "buitenGemeente": True}
    )
    with pytest.raises(MoveReferenceTakenError):
        await moves(road).outside("casebook", away, trace(), lambda: apart.append("left"))
    assert sorted(set(apart)) == ["casebook", "left", "moved"]
