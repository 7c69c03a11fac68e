"""Protected exchanges (beschermde uitwisseling): kept apart in rows, groups, log and handles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.store.groups import BESCHERMD
from gateway.store.observed import seen_of
from tests.gateway.exchange.road import PROTECTED, Road, open_road, without_envelope
from tests.support import protected
from tests.support.messages import bsn, member, referral, status_of
from tests.support.protected import asked, report

TEXT = protected.protocol("1.0")


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


async def counts(road: Road) -> dict[str, int]:
    """Rows that an ordinary exchange about the same persons would have raised."""
    tables = ("consent_event", "authority_statement", "held", "notice", "disclosure", "restriction")
    return {
        table: int(await road.pool.fetchval(f"select count(*) from {table}"))  # noqa: S608
        for table in tables
    }


async def test_invariant_14_a_report_is_handed_over_and_leaves_nothing_in_the_ordinary_log(
    road: Road,
) -> None:
    answer = await road.refer(report(member(agreed=None), member(agreed=None)), "okt")
    assert (answer["besluit"], answer["regel"]) == ("toegelaten", "toegelaten")
    (event,) = await road.pull("veilig-thuis")
    assert len(event["data"]["huishouden"]["leden"]) == 2
    assert await road.acknowledge("veilig-thuis") == 1
    assert await road.entries() == []
    events = [one.event for one in await road.entries(log=BESCHERMD)]
    assert events == ["besluit", "verstrekking", "verstrekking", "ontvangst"]


async def test_its_receipt_names_the_log_of_its_own_and_promises_it_alone(road: Road) -> None:
    first, *others = await asyncio.gather(
        *(road.refer(report(member(agreed=None)), "okt") for _ in range(6)),
        *(road.refer(referral(), "dwi") for _ in range(6)),
    )
    receipt = first["ontvangstbewijs"]
    assert receipt["logboek"] == receipt["toezegging"]["sleutel"] == PROTECTED.origin
    for answer in (first, *others):
        promised = answer["ontvangstbewijs"]["toezegging"]
        if promised["sleutel"] == PROTECTED.origin:
            assert (promised["omvang"], promised["pad"]) == (1, [])
    assert len(await road.entries()) == 6
    assert len(await road.entries(log=BESCHERMD)) == 6


async def test_a_repeat_of_it_has_the_same_receipt(road: Road) -> None:
    message = report(member(agreed=None))
    first = await road.refer(message, "okt")
    assert await road.refer(message, "okt") == first
    assert len(await road.entries(log=BESCHERMD)) == 1


async def test_a_reference_reused_for_it_is_refused_where_nobody_looks(road: Road) -> None:
    message = report(member(agreed=None))
    await road.refer(message, "okt")
    again = await road.refer({**message, "aangemeldOp": "2014-01-01"}, "okt")
    assert again["regel"] == "kenmerk-hergebruikt"
    assert await road.entries() == []


async def test_invariant_14_its_persons_are_known_to_nothing_else(road: Road) -> None:
    """The same person has two rows: who looks for the one does not meet the other."""
    person = bsn(71)
    await road.refer(report(member(person, agreed=None)), "okt")
    assert await road.subject(person) is None
    await road.refer(referral(member(person)), "dwi")
    ordinary = await road.subject(person)
    subjects = {one.subjects[0] for one in await road.entries(log=BESCHERMD)}
    assert ordinary not in subjects
    receipt = await road.say(person, False)
    assert receipt.consent_id is not None
    (event,) = await road.pull("veilig-thuis")
    assert "data" in event, "a no elsewhere has nothing to take back here"


@pytest.mark.parametrize("given", [True, False])
async def test_what_it_says_of_agreement_birth_and_authority_enters_no_register(
    road: Road, given: bool
) -> None:
    parent = member(bsn(72))
    authority = {
        "soort": "gezag",
        "houders": [{"lid": 0}, {"burgerservicenummer": bsn(73)}],
        "bron": "gezagsregister",
        "peildatum": "2026-01-01",
    }
    child = member(bsn(74), agreed=given, rol="kind", geboortedatum="2020-03-01", gezag=[authority])
    answer = await road.refer(asked(parent, child), "okt")
    assert answer["besluit"] == "toegelaten"
    assert set((await counts(road)).values()) == {0}
    rows = await road.pool.fetch("select facts from subject")
    assert [row[0] for row in rows] == [None, None], "the holder outside is not registered at all"


async def test_a_professional_may_ask_it_only_where_the_flow_says_so(road: Road) -> None:
    request = asked(member())["bescherming"]
    answer = await road.refer(referral(bescherming=request), "dwi")
    assert answer["regel"] == "bescherming-niet-toegelaten"
    assert answer["veld"] == "aanmelding.bescherming"
    assert answer["ontvangstbewijs"]["logboek"] == PROTECTED.origin
    assert await road.entries() == [], "that it was asked is for nobody else either"


async def test_the_professional_stands_sealed_and_nowhere_in_clear(road: Road) -> None:
    answer = await road.refer(asked(member()), "okt")
    (row,) = await road.pool.fetch("select * from protected_request")
    assert str(row["exchange"]) == answer["uitwisselingId"]
    assert row["reason"] == "veiligheid-kind"
    assert b"Nachtegaal" not in row["professional"]


async def test_nobodys_agreement_is_asked_where_a_professional_protects_it(road: Road) -> None:
    message = asked(member(agreed=None), member(agreed=False))
    assert (await road.refer(message, "okt"))["besluit"] == "toegelaten"
    (event,) = await road.pull()
    assert len(event["data"]["huishouden"]["leden"]) == 2


async def test_a_delivery_with_protected_records_keeps_its_order_and_its_groups_apart(
    road: Road,
) -> None:
    messages: list[dict[str, Any]] = []
    for n in range(6):
        messages.append(referral(ontvanger="casebook") if n % 3 else report(member(agreed=None)))
    outcomes = await road.deliver(*messages, sender="okt")
    assert [one["record"] for one in outcomes] == list(range(1, 7))
    assert [one["kenmerk"] for one in outcomes] == [m["kenmerk"] for m in messages]
    assert {one["besluit"] for one in outcomes} == {"toegelaten"}
    assert len(await road.entries()) == 4
    assert len(await road.entries(log=BESCHERMD)) == 2
    sizes = await road.pool.fetch("select length(leaf_hashes) / 32 from commit_group")
    assert sorted(row[0] for row in sizes) == [1, 1, 2, 2]


async def test_invariant_14_what_a_partner_was_seen_to_do_counts_no_protected_record(
    road: Road,
) -> None:
    """A conformance report that saw a mixed delivery, and nothing accepted, would tell of one."""
    since = road.now() - timedelta(hours=1)
    unreadable = {"kenmerk": "R-9"}
    await road.deliver(report(member(agreed=None)), unreadable, sender="okt")
    async with road.pool.acquire() as connection:
        seen = await seen_of(connection, "okt", since)
    assert (seen.accepted, seen.unreadable, seen.mixed_deliveries, seen.deliveries) == (0, 1, 0, 1)
    await road.deliver(referral(ontvanger="casebook"), unreadable, sender="okt")
    async with road.pool.acquire() as connection:
        seen = await seen_of(connection, "okt", since)
    assert (seen.accepted, seen.unreadable, seen.mixed_deliveries, seen.deliveries) == (1, 2, 1, 2)


async def test_a_status_on_it_stays_as_unseen_as_it_is(road: Road) -> None:
    await road.refer(report(member(agreed=None)), "okt")
    (event,) = await road.pull("veilig-thuis")
    answer = await road.report_status(status_of(event["id"]), "veilig-thuis")
    assert answer["besluit"] == "toegelaten"
    assert answer["ontvangstbewijs"]["logboek"] == PROTECTED.origin
    assert len(await road.pull("okt")) == 1
    assert await road.entries() == []


async def test_invariant_14_an_outsider_who_names_it_is_answered_as_about_nothing(
    road: Road,
) -> None:
    """Recorded where any such answer is: a log that does not grow would tell that it exists."""
    sent = await road.refer(report(member(agreed=None)), "okt")
    answers = []
    for named in (sent["uitwisselingId"], str(UUID(int=7))):
        before = len(await road.entries())
        answer = await road.report_status(status_of(named), "casebook")
        answers.append((answer["besluit"], answer["regel"], answer["veld"]))
        assert answer["ontvangstbewijs"]["logboek"] != PROTECTED.origin
        assert len(await road.entries()) == before + 1
    assert answers[0] == answers[1]


async def test_a_flow_that_protects_no_more_hands_nothing_over(road: Road) -> None:
    await road.refer(report(member(agreed=None)), "okt")
    opened = protected.REPORT.replace(protected.ALWAYS, "")
    await road.put_in_force(
        protected.protocol("2.0", protected.DWI, opened, protected.REFER, protected.BACK)
    )
    (event,) = await road.pull("veilig-thuis")
    assert "data" not in event
    assert [one.event for one in await road.entries(log=BESCHERMD)] == ["besluit", "verwijdering"]
    assert await road.entries() == []


async def test_a_newer_version_narrows_it_without_asking_anybody(road: Road) -> None:
    await road.refer(asked(member(agreed=None)), "okt")
    narrower = protected.REFER.replace('"lid.achternaam" = "identificeren"\n', "").replace(
        'velden = ["lid.achternaam", ', "velden = ["
    )
    await road.put_in_force(
        protected.protocol("2.0", protected.DWI, protected.REPORT, narrower, protected.BACK)
    )
    (data,) = without_envelope(await road.pull())
    (one,) = data["huishouden"]["leden"]
    assert "achternaam" not in one
    assert one["burgerservicenummer"]


async def test_what_nobody_fetched_goes_with_an_entry_in_its_own_log(road: Road) -> None:
    await road.refer(report(member(agreed=None)), "okt")
    road.ahead = timedelta(days=29)
    await road.retention.pass_once()
    assert [one.event for one in await road.entries(log=BESCHERMD)] == ["besluit", "verwijdering"]
    assert await road.entries() == []


async def test_messages_about_one_household_meanwhile_are_never_in_its_group(road: Road) -> None:
    person = bsn(75)
    await asyncio.gather(
        *(road.refer(referral(member(person)), "dwi") for _ in range(20)),
        *(road.refer(report(member(person, agreed=None)), "okt") for _ in range(5)),
    )
    rows = await road.pool.fetch(
        """select count(*) filter (where is_protected) as apart, count(*) as whole
             from exchange group by commit_group"""
    )
    assert all(row["apart"] in (0, row["whole"]) and (not row["apart"] or row["whole"] == 1)
               for row in rows)  # fmt: skip
