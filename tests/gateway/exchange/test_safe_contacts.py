"""Who may never be notified of a person, and what becomes of notices that would tell them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.app import Books
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.oversight import (
    Disclosure,
    ReviewOutcome,
    UnknownCaseError,
    decide_disclosure,
    end_contact,
    list_contacts,
    list_protected,
    review_emergency,
)
from gateway.exchange.routing import bundled_routes
from gateway.exchange.safe_contacts import SafeContacts
from gateway.exchange.tools import GroupTools
from gateway.identity.acts import Act, MayNotActError, act_bytes
from gateway.store.groups import BESCHERMD
from gateway.store.ids import new_id
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.protected import may_disclose, may_notify
from schemas.protection import SafeContactRequest
from tests.gateway.exchange.road import KEYS, ORIGIN, PROTECTED, Road, open_road, trace
from tests.support import protected
from tests.support.journals import fresh_journal
from tests.support.messages import bsn, member, referral
from tests.support.protected import asked, report

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PERSON, OTHER = bsn(61), bsn(62)
DAY = date(2099, 1, 1)


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, protected.protocol("1.0")) as road:
        raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        ends = (datetime.now(UTC) + timedelta(days=30)).date()
        pf = NewOfficer("pf", "P. F.", "privacyfunctionaris", "kid-pf", raw, "besluit 7", ends)
        await add_officer(road.engine, pf)
        yield road


async def keep_from(
    road: Road, exchange: str, *contacts: str, partner: str = "okt", person: str = PERSON
) -> Any:
    key = PROTECTED.promise_key
    tools = GroupTools(
        road.vault, bundled_routes(), ORIGIN, key, road.now, road.handles, PROTECTED,
        fresh_journal(KEYS),
    )  # fmt: skip
    request = {
        "uitwisselingId": exchange,
        "burgerservicenummer": person,
        "nietInlichten": list(contacts),
        "herzienOp": DAY,
    }
    return await SafeContacts(road.pool, Books(KEYS).of, road.handles, tools).record(
        partner, SafeContactRequest.model_validate(request), trace()
    )


async def notices(road: Road, recipient: str) -> list[str]:
    return [
        event["type"].rpartition(".")[2]
        for event in await road.pull(recipient)
        if event["type"].endswith(("intrekking", "kennisgeving", "correctie"))
    ]


async def test_a_listed_partner_hears_nothing_about_the_person(road: Road) -> None:
    for person in (PERSON, OTHER):
        await road.refer(referral(member(person)), "dwi")
    assert await road.acknowledge() == 2
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    await keep_from(road, sent["uitwisselingId"], "casebook", "betrokkene")
    entries = len(await road.entries())
    await road.say(PERSON, False)
    assert await notices(road, "casebook") == []
    assert [one.event for one in (await road.entries())[entries:]] == ["instemming"]
    await road.say(OTHER, False)
    assert await notices(road, "casebook") == ["intrekking"]


async def test_the_list_works_before_the_person_is_known_elsewhere(road: Road) -> None:
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    await keep_from(road, sent["uitwisselingId"], "casebook")
    assert await road.subject(PERSON) is None
    await road.refer(referral(member(PERSON)), "dwi")
    async with road.pool.acquire() as connection:
        subject = await road.subject(PERSON)
        assert not await may_notify(connection, subject, "casebook")
        assert await may_notify(connection, subject, "dwi")


@pytest.mark.parametrize(
    ("partner", "person"),
    [("dwi", PERSON), ("casebook", PERSON), ("okt", OTHER), ("veilig-thuis", PERSON)],
)
async def test_who_is_no_party_names_nobody(road: Road, partner: str, person: str) -> None:
    """Veilig Thuis has not fetched it yet, and so knows nothing of it."""
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    with pytest.raises(NotAPartyError):
        await keep_from(road, sent["uitwisselingId"], "dwi", partner=partner, person=person)
    assert await road.pool.fetchval("select count(*) from safe_contact") == 0


async def test_an_ordinary_exchange_has_no_safe_contacts(road: Road) -> None:
    sent = await road.refer(referral(member(PERSON)), "dwi")
    with pytest.raises(NotAPartyError):
        await keep_from(road, sent["uitwisselingId"], "casebook", partner="dwi")


async def test_the_recipient_may_say_it_once_it_was_handed_over(road: Road) -> None:
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    await road.acknowledge("veilig-thuis")
    await keep_from(road, sent["uitwisselingId"], "dwi", partner="veilig-thuis")
    assert [one.event for one in await road.entries(log=BESCHERMD)][-1] == "veilig-contact"
    assert await road.entries() == []


async def test_an_officer_sees_the_list_and_ends_it_and_each_look_is_logged(road: Road) -> None:
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    await keep_from(road, sent["uitwisselingId"], "dwi")
    (one,) = await list_contacts(road.engine, "pf", KEY.sign)
    assert (one.contact, one.review_on, one.recorded_for) == ("dwi", DAY, "okt")
    await end_contact(road.engine, one.id, "pf", KEY.sign)
    assert await list_contacts(road.engine, "pf", KEY.sign) == []
    with pytest.raises(UnknownCaseError):
        await end_contact(road.engine, one.id, "pf", KEY.sign)
    looks = [e.entry for e in await road.entries(log=BESCHERMD) if e.event == "inzage"]
    assert not any("key" in look for look in looks)


async def test_protected_exchanges_are_listed_for_an_officer_and_the_look_is_logged(
    road: Road,
) -> None:
    await road.refer(report(member(agreed=None)), "okt")
    await road.refer(asked(member()), "okt")
    found = await list_protected(road.engine, road.vault, "pf", KEY.sign)
    (by_hand, who), (by_rule, nobody) = found
    assert (by_hand.reason, by_rule.reason, nobody) == ("veiligheid-kind", None, None)
    assert who is not None
    assert who.name == "J. Zwijgzaam-Nachtegaal"
    assert [e.event for e in await road.entries(log=BESCHERMD)][-1] == "inzage"
    with pytest.raises(MayNotActError):
        await list_protected(road.engine, road.vault, "pf", Ed25519PrivateKey.generate().sign)


async def test_it_is_told_of_only_by_a_recorded_decision_with_ground_and_date(road: Road) -> None:
    sent = await road.refer(report(member(agreed=None)), "okt")
    exchange = UUID(sent["uitwisselingId"])

    async def is_told() -> bool:
        async with road.pool.acquire() as connection:
            return await may_disclose(connection, exchange)

    assert not await is_told()
    for is_disclosed in (True, False):
        disclosure = Disclosure(is_disclosed, "Veilig Thuis heeft het zelf verteld", DAY)
        await decide_disclosure(road.engine, road.vault, exchange, "pf", disclosure, KEY.sign)
        assert await is_told() is is_disclosed
    rows = await road.pool.fetch("select * from protected_decision order by number")
    assert [row["officer"] for row in rows] == ["pf", "pf"]
    assert not any(b"Veilig Thuis" in row["ground"] for row in rows)
    last = (await road.entries(log=BESCHERMD))[-1].entry
    assert (last["event"], last["disclosed"], last["review"]) == (
        "inzagebesluit",
        False,
        "2099-01-01",
    )


async def test_a_decision_needs_a_protected_exchange_and_a_date_ahead(road: Road) -> None:
    ordinary = await road.refer(referral(), "dwi")
    sent = await road.refer(report(member(agreed=None)), "okt")
    past = Disclosure(True, "grond", date(2020, 1, 1))
    for exchange, disclosure, error in (
        (ordinary["uitwisselingId"], Disclosure(True, "grond", DAY), UnknownCaseError),
        (str(new_id()), Disclosure(True, "grond", DAY), UnknownCaseError),
        (sent["uitwisselingId"], past, MayNotActError),
    ):
        with pytest.raises(error):
            await decide_disclosure(
                road.engine, road.vault, UUID(exchange), "pf", disclosure, KEY.sign
            )
    assert await road.pool.fetchval("select count(*) from protected_decision") == 0


def test_an_officer_signs_these_very_bytes() -> None:
    """Written out by hand; the digest is what `printf '{"outcome":"terecht"}' | sha256sum` says."""
    moment = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    signed = act_bytes(Act.REVIEW, UUID(int=7), moment, {"outcome": "terecht"})
    assert signed[:-32] == (
        b"sluis-officer-act-v1\x00noodverstrekking-beoordelen\x00"
        + bytes(15)
        + b"\x072026-11-02T09:30:00Z"
    )
    assert signed[-32:].hex() == (
        "6c3c4b6783183ce87e5f4dc60700463616eecc242a152a15d6bdfa3b6bc99470"
    )


async def test_invariant_03_nothing_that_names_anybody_stands_in_clear(road: Road) -> None:
    """Professionals, grounds, remarks and numbers, in every table, as text and as bytes."""
    sent = await road.refer(report(member(PERSON, agreed=None)), "okt")
    await road.refer(asked(member(PERSON)), "okt")
    urgent = await road.refer(protected.emergency(member(PERSON)), "okt")
    await keep_from(road, sent["uitwisselingId"], "dwi")
    ground, remark = "De buurvrouw Ijsvogel vroeg het", "Gebeld met Roodborst"
    await decide_disclosure(
        road.engine,
        road.vault,
        UUID(sent["uitwisselingId"]),
        "pf",
        Disclosure(True, ground, DAY),
        KEY.sign,
    )
    await review_emergency(
        road.engine,
        road.vault,
        UUID(urgent["uitwisselingId"]),
        "pf",
        ReviewOutcome.JUSTIFIED,
        remark,
        KEY.sign,
    )
    tables = await road.pool.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    assert len(tables) > 20
    for (table,) in tables:
        for row in await road.pool.fetch(f'select t::text from "{table}" t'):  # noqa: S608
            for word in (PERSON, "Nachtegaal", "jeugdconsulent", "Ijsvogel", "Roodborst"):
                assert word not in row[0], table
                assert word.encode().hex() not in row[0], table
