"""A canary in every field that says where a household is: with a secret address none comes out.

Looked for in what the casebook and an institution are handed, in every row of the database (as
text and as bytes), in the entries, the log and the lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import pytest

from gateway.app import Books
from gateway.exchange.arrivals import Prints
from gateway.exchange.moves import Moves
from gateway.exchange.placing import Placements
from gateway.store.partners import AlreadyRegisteredError, NewPartner, register_partner
from schemas.casework import Move, MoveOutcome
from tests.gateway.exchange.road import EXAMPLE, KEYS, Road, notices, open_road, protocol, trace
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral, status_of

PLACE = {
    "postcode": "1109QZ",
    "straatnaam": "Kanariepietstraat",
    "huisnummer": 48721,
    "huisnummertoevoeging": "KNR",
    "telefoonnummer": "020-5557913",
}
CANARIES = ("1109QZ", "Kanariepietstraat", "48721", "KNR", "5557913", "zuidoost", "Zuidoost")
ALTRA = NewPartner("altra", "Altra (proefpartij)", "00000099000000007000", "generic")
UNTOLD = protocol(
    "geheim-blijft-ongezegd",
    ('"huishouden.geheimhouding" = "behouden"', '"huishouden.geheimhouding" = "weglaten"'),
)
REASONED = protocol(
    "met-afsluitreden",
    ('"statusbericht.afsluitreden" = "weglaten"', '"statusbericht.afsluitreden" = "behouden"'),
)
ADMITTED = protocol(
    "geheim-mag", ('id = "dwi-aanmelding"', 'id = "dwi-aanmelding"\ngeheimAdresToegelaten = true')
)


@pytest.fixture
def text() -> str:
    return EXAMPLE


@pytest.fixture
async def road(database: str, text: str) -> AsyncIterator[Road]:
    async with open_road(database, text) as road:
        with suppress(AlreadyRegisteredError):  # where the sandbox has one of its own
            await register_partner(road.engine, ALTRA)
        yield road


def secret(**changes: object) -> Json:
    message = referral(member())
    message["huishouden"] |= {**PLACE, "geheimhouding": True, **changes}
    return message


async def handed_over(road: Road, message: Json) -> UUID:
    answer = await road.refer(message)
    assert answer["besluit"] == "toegelaten"
    await road.pull()
    return UUID(answer["uitwisselingId"])


async def stored(road: Road) -> AsyncIterator[str]:
    tables = await road.pool.fetch("select tablename from pg_tables where schemaname = 'public'")
    for (table,) in tables:
        if table not in ("protocol_version", "protocol_draft"):
            for row in await road.pool.fetch(f"select t::text from {table} t"):  # noqa: S608  # our own tables
                yield f"{table}: {row[0]}"


async def found(road: Road, *texts: object) -> list[str]:
    """Every place in which a canary sings, but for what the texts say of themselves."""
    # Alone, as text; as bytes long enough that no random ones are taken for it, and no part of a
    # longer number, such as a moment.
    words = [rf"(?<![0-9A-Za-z]){canary}(?![0-9A-Za-z])" for canary in CANARIES]
    sealed = [(one if len(one) > 4 else f'"{one}"').encode().hex() for one in CANARIES]
    words += [f"(?<!3[0-9]){one}(?!3[0-9])" for one in sealed]
    sung = re.compile("|".join(words))
    places = [one async for one in stored(road)] + [road.log.getvalue()]
    places += [json.dumps(text, default=str) for text in texts]
    return [place[:200] for place in places if sung.search(place)]


async def waiting(road: Road) -> list[UUID]:
    made = Placements(road.pool, Books(KEYS).of, road.tools, KEYS.secret("cursor"))
    return [x.exchange_id for x in (await made.page("casebook", None, 1000)).waiting]


async def move(road: Road, exchange: UUID, **told: object) -> MoveOutcome:
    given = {"kenmerk": fresh_reference("VH"), "uitwisselingId": str(exchange), **told}
    made = Moves(road.pool, Books(KEYS).of, Prints(KEYS), road.tools, road.committer)
    return (await made.within("casebook", Move.model_validate(given), trace())).outcome


async def rectify(road: Road, exchange: UUID, values: Json) -> None:
    given = {"soort": "rectificatie", "uitwisselingId": str(exchange), "waarden": values}
    await road.correct(given)


async def tell_phone(road: Road, exchange: UUID) -> None:
    told = {
        "kenmerk": fresh_reference("PB"),
        "uitwisselingId": str(exchange),
        "soort": "contactgegevens-gewijzigd",
        "peildatum": "2026-02-01",
        "telefoonnummer": PLACE["telefoonnummer"],
    }
    headers = [(b"partner", b"dwi"), (b"content-type", b"application/json")]
    _, _, body = await road.door.update(headers, json.dumps(told).encode())
    assert json.loads(body)["besluit"] == "toegelaten"


async def account(road: Road, exchange: UUID) -> Json:
    await tell_account(road, exchange)
    (event,) = await road.pull("altra")
    data: Json = event["data"]
    return data


async def tell_account(road: Road, exchange: UUID) -> None:
    statement = {
        "kenmerk": fresh_reference("VA"),
        "uitwisselingId": str(exchange),
        "ontvanger": "altra",
        "status": "in-beheer-actief",
        "gestartOp": "2026-01-15",
        "stadsdeel": "Zuidoost",
        "aantalLeden": 1,
    }
    headers = [(b"partner", b"casebook"), (b"content-type", b"application/json")]
    await road.door.account(headers, json.dumps(statement).encode())


async def test_the_canary_is_heard_where_nothing_is_secret(road: Road) -> None:
    """So that its silence below means something."""
    exchange = await handed_over(road, secret(geheimhouding=False))
    assert await found(road, await road.pull())
    assert (await account(road, exchange))["stadsdeel"] == "Zuidoost"


async def test_nothing_of_the_place_leaves_or_is_stored(road: Road) -> None:
    exchange = await handed_over(road, secret())
    events = await road.pull()
    assert events[0]["data"]["huishouden"]["geheimhouding"] is True
    assert "wijkteam" not in events[0]["data"]["aanmelding"]
    entries = [one.entry for one in await road.entries()]
    assert await found(road, events, entries) == []
    assert exchange not in await waiting(road)


async def test_of_the_fact_itself_no_row_says_which_exchange_it_is(road: Road) -> None:
    exchange = await handed_over(road, secret())
    (print_,) = [row[0] for row in await road.pool.fetch("select print from hidden_place")]
    assert len(print_) == 32
    assert exchange.bytes not in print_


@pytest.mark.parametrize("postcode", [None, "1058AB", "9711AA"])
async def test_without_a_postcode_that_decides_it_waits_for_nobody_and_lacks_nothing(
    road: Road, postcode: str | None
) -> None:
    message = secret(postcode=postcode)
    if postcode is None:
        del message["huishouden"]["postcode"]
    answer = await road.refer(message)
    await road.pull()
    assert await waiting(road) == []
    assert "huishouden.postcode" not in answer.get("bevindingen", [])


async def test_no_partner_tells_the_phone_number_of_it_afterwards(road: Road) -> None:
    exchange = await handed_over(road, secret())
    await tell_phone(road, exchange)
    *_, event = await road.pull()
    assert event["data"]["soort"] == "contactgegevens-gewijzigd"
    assert await found(road, event) == []
    (entry,) = [x.entry for x in await road.entries() if x.entry["exchange"] == event["id"]][:1]
    assert "partnerbericht.telefoonnummer" in entry["removed"]


@pytest.mark.parametrize("text", [REASONED])
async def test_nobody_hears_that_it_left_the_city(road: Road) -> None:
    for is_secret in (True, False):
        exchange = await handed_over(road, secret(geheimhouding=is_secret))
        status = status_of(exchange, status="afgesloten-bereikt")
        status["afsluitreden"] = "verhuisd-buiten-amsterdam"
        await road.report_status(status)
        told = (await road.pull("dwi"))[-1]["data"]
        assert told.get("afsluitreden") == (None if is_secret else "verhuisd-buiten-amsterdam")


@pytest.mark.parametrize("text", [REASONED])
async def test_nor_of_who_left_it_for_a_secret_address(road: Road) -> None:
    exchange = await handed_over(road, referral(member()))
    await rectify(road, exchange, {"huishouden.postcode": "1109QZ"})
    told = {"buitenGemeente": True, "geheimhouding": True, "isBereikt": True}
    given = {"kenmerk": fresh_reference("VH"), "uitwisselingId": str(exchange), **told}
    made = Moves(road.pool, Books(KEYS).of, Prints(KEYS), road.tools, road.committer)
    receipt = await made.outside("casebook", Move.model_validate(given), trace())
    assert receipt.outcome is MoveOutcome.CLOSED
    assert await made.outside("casebook", Move.model_validate(given), trace()) == receipt
    (status,) = await road.pull("dwi")
    assert "afsluitreden" not in status["data"]
    assert notices(await road.pull(), "overdracht") == []
    assert "stadsdeel" not in await account(road, exchange)


async def test_an_account_of_it_has_no_district(road: Road) -> None:
    exchange = await handed_over(road, secret())
    told = await account(road, exchange)
    assert "stadsdeel" not in told
    assert await found(road, told) == []


async def test_a_move_of_it_goes_to_its_desk_and_names_no_team(road: Road) -> None:
    exchange = await handed_over(road, secret())
    assert await move(road, exchange, postcode="1109QZ") is MoveOutcome.TO_DESK
    (told,) = notices(await road.pull(), "overdracht")
    assert told["naarTeam"] == "balie-geheim-adres"
    assert not {"vanTeam", "reden"} & set(told)
    assert await found(road, told) == []
    assert await waiting(road) == []


async def test_what_becomes_secret_by_a_move_is_so_from_then_on(road: Road) -> None:
    exchange = await handed_over(road, referral(member()))
    assert await move(road, exchange, geheimhouding=True) is MoveOutcome.TO_DESK
    assert await move(road, exchange, postcode="1109QZ") is MoveOutcome.TO_DESK
    assert "stadsdeel" not in await account(road, exchange)


async def test_what_becomes_secret_by_a_correction_leaves_the_queue_and_every_list(
    road: Road,
) -> None:
    message = secret(postcode="1058AB")
    del message["huishouden"]["geheimhouding"]
    exchange = await handed_over(road, message)
    assert await waiting(road) == [exchange]
    values: Json = {"huishouden.geheimhouding": True}
    await road.correct(
        {"soort": "rectificatie", "uitwisselingId": str(exchange), "waarden": values}
    )
    assert await waiting(road) == []
    assert "stadsdeel" not in await account(road, exchange)
    values = {"huishouden.postcode": "1109QZ"}
    await road.correct(
        {"soort": "rectificatie", "uitwisselingId": str(exchange), "waarden": values}
    )
    assert notices(await road.pull(), "overdracht") == []
    assert await waiting(road) == []


@pytest.mark.parametrize("text", [ADMITTED])
async def test_where_the_protocol_lets_the_address_go_it_goes_to_the_desk_and_no_team(
    road: Road,
) -> None:
    exchange = await handed_over(road, secret())
    (event,) = await road.pull()
    assert event["data"]["huishouden"]["postcode"] == PLACE["postcode"]
    assert event["data"]["aanmelding"]["wijkteam"] == "balie-geheim-adres"
    values = {"huishouden.postcode": "1104AA"}
    await road.correct(
        {"soort": "rectificatie", "uitwisselingId": str(exchange), "waarden": values}
    )
    event, *told = await road.pull()
    assert event["data"]["huishouden"]["postcode"] == "1104AA"
    assert event["data"]["aanmelding"]["wijkteam"] == "balie-geheim-adres"
    assert [one["type"] for one in told] == ["nl.sluis.correctie"]
    assert told[0]["data"]["waarden"] == {"huishouden": {"postcode": "1104AA"}}


@pytest.mark.parametrize("text", [ADMITTED])
async def test_made_secret_there_the_team_gives_way_to_the_desk(road: Road) -> None:
    exchange = await handed_over(road, secret(geheimhouding=False))
    values = {"huishouden.geheimhouding": True}
    await road.correct(
        {"soort": "rectificatie", "uitwisselingId": str(exchange), "waarden": values}
    )
    event, *_ = await road.pull()
    assert event["data"]["aanmelding"]["wijkteam"] == "balie-geheim-adres"


async def test_what_was_held_is_hidden_from_the_day_on_which_it_goes(road: Road) -> None:
    partner = fresh_bsn()
    message = secret()
    message["huishouden"]["leden"].append(member(partner, agreed=None, rol="partner"))
    answer = await road.refer(message)
    assert answer["besluit"] == "aangehouden"
    await road.say(partner, True)
    await road.pull()
    told = await account(road, UUID(answer["uitwisselingId"]))
    assert "stadsdeel" not in told
    assert await found(road, told, await road.pull()) == []


async def test_after_a_move_made_it_secret_its_sender_brings_no_place_back(road: Road) -> None:
    exchange = await handed_over(road, referral(member()))
    await move(road, exchange, geheimhouding=True)
    await rectify(road, exchange, {f"huishouden.{name}": value for name, value in PLACE.items()})
    events = await road.pull()
    assert "wijkteam" not in events[0]["data"]["aanmelding"]
    assert notices(events, "correctie")[0].keys().isdisjoint({"waarden"})
    assert await found(road, events) == []


@pytest.mark.parametrize("text", [UNTOLD])
async def test_a_flow_that_drops_secrecy_still_loses_the_place_by_it(road: Road) -> None:
    answer = await road.refer(secret(geheimhouding=False))
    await rectify(road, UUID(answer["uitwisselingId"]), {"huishouden.geheimhouding": True})
    events = await road.pull()
    assert [one["type"] for one in events] == ["nl.sluis.aanmelding"]
    assert await found(road, events) == []


async def test_what_was_said_of_the_place_before_it_is_said_no_more(road: Road) -> None:
    """A correction, a hand-over, an account and a partner's message that nobody has fetched yet."""
    exchange = await handed_over(road, referral(member()))
    await road.acknowledge()
    values = {"huishouden.postcode": "1109QZ", "aanmelding.aangemeldOp": "2013-12-30"}
    await rectify(road, exchange, values)
    await tell_phone(road, exchange)
    await tell_account(road, exchange)
    await rectify(road, exchange, {"huishouden.geheimhouding": True})
    events, accounts = await road.pull(), await road.pull("altra")
    assert await found(road, events, accounts) == []
    assert [one["type"].removeprefix("nl.sluis.") for one in events] == [
        "vervallen", "correctie", "partnerbericht", "correctie",
    ]  # fmt: skip
    assert events[1]["data"]["waarden"] == {"aanmelding": {"aangemeldOp": "2013-12-30"}}
    assert events[3]["data"]["waarden"] == {"huishouden": {"geheimhouding": True}}
    taken = [x for x in await road.entries() if x.entry["exchange"] == events[0]["id"]]
    assert [one.event for one in taken] == ["kennisgeving", "verwijdering"]


async def test_what_a_move_makes_secret_is_not_handed_over_again_either(road: Road) -> None:
    exchange = await handed_over(road, referral(member()))
    await rectify(road, exchange, {"huishouden.postcode": "1109QZ"})
    await road.acknowledge()
    await move(road, exchange, postcode="1058AB")
    await move(road, exchange, geheimhouding=True)
    handovers = notices(await road.pull(), "overdracht")
    assert [one["naarTeam"] for one in handovers] == ["balie-geheim-adres"]


async def test_secrecy_is_told_also_of_a_household_that_told_no_address(road: Road) -> None:
    """It waited at the desk, and leaves that list: without a word nobody would have it."""
    message = referral(member())
    for name in ("postcode", "straatnaam", "huisnummer"):
        del message["huishouden"][name]
    exchange = await handed_over(road, message)
    await rectify(road, exchange, {"huishouden.geheimhouding": True})
    events = await road.pull()
    assert events[0]["data"]["huishouden"]["geheimhouding"] is True
    (told,) = notices(events, "correctie")
    assert told["waarden"] == {"huishouden": {"geheimhouding": True}}


async def test_who_refuses_the_address_is_not_told_of_to_have_a_secret_one(road: Road) -> None:
    number = fresh_bsn()
    exchange = await handed_over(road, referral(member(number)))
    await road.say(number, False, "adres")
    await rectify(road, exchange, {"huishouden.geheimhouding": True})
    events = await road.pull()
    assert "geheimhouding" not in events[0]["data"]["huishouden"]
    assert all("waarden" not in one for one in notices(events, "correctie"))
