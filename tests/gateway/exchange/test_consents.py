"""Recording agreement: who may, what is left behind, and what happens when two do it at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from gateway.exchange.deciding import NotAPartyError
from gateway.store.groups import PURGED, WAITING
from tests.gateway.exchange.road import PURPOSE, Road, open_road, protocol
from tests.support.messages import fresh_bsn, member, referral

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]


async def registered(road: Road, bsn: str) -> list[tuple[bool, str]]:
    rows = await road.pool.fetch(
        "select given, category from consent_event where subject = $1 order by recorded_at",
        await road.subject(bsn),
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("category", ["*", "zrm"])
async def test_each_event_leaves_exactly_one_entry_that_names_nobody(
    road: Road, given: bool, category: str
) -> None:
    ann = fresh_bsn()
    before = await road.last_index()

    receipt = await road.say(ann, given, category, partner="casebook")

    (entry,) = await road.entries(before)
    assert entry.entry["id"] == str(receipt.entry_id)
    assert entry.event == "instemming"
    assert entry.entry["exchange"] is None
    assert entry.entry["flow"] is None
    told = {name: entry.entry[name] for name in ("given", "category", "purpose", "recipient")}
    assert told == {
        "given": given,
        "category": category,
        "purpose": PURPOSE,
        "recipient": "casebook",
    }
    assert entry.entry["sender"] == "casebook"
    assert len(entry.entry["subjects"]) == 1
    assert entry.subjects == [await road.subject(ann)]
    written = str(entry.entry)
    for name in (ann, str(entry.subjects[0]), "FORMULIER-7"):
        assert name not in written
    assert await registered(road, ann) == [(given, category)]


async def test_the_same_consent_twice_is_two_events(road: Road) -> None:
    ann, at = fresh_bsn(), road.now()
    before = await road.last_index()

    first, second = [await road.say(ann, True, at=at) for _ in range(2)]

    assert first.consent_id != second.consent_id
    assert await registered(road, ann) == [(True, "*"), (True, "*")]
    assert [one.event for one in await road.entries(before)] == ["instemming"] * 2


async def test_evidence_lies_sealed(road: Road) -> None:
    receipt = await road.say(fresh_bsn(), True)

    sealed = await road.pool.fetchval(
        "select evidence from consent_event where id = $1", receipt.consent_id
    )

    assert sealed is not None
    assert b"FORMULIER" not in sealed


async def test_what_was_recorded_first_counts_for_a_referral_that_says_nothing(road: Road) -> None:
    ann = fresh_bsn()
    await road.say(ann, True)

    answer = await road.refer(referral(member(ann, agreed=None)))

    assert answer["besluit"] == "toegelaten"


async def test_people_who_are_recorded_at_once_by_two_partners_are_one_person(road: Road) -> None:
    for _ in range(10):
        ann = fresh_bsn()
        await asyncio.gather(
            road.say(ann, True),
            road.say(ann, True, partner="casebook"),
            road.refer(referral(member(ann))),
        )
        assert len(await registered(road, ann)) == 3
    assert await road.pool.fetchval("select count(*) from subject where handle is null") == 0


# Who may speak.


@pytest.mark.parametrize(
    ("partner", "purpose", "recipient"),
    [
        ("okt", PURPOSE, "casebook"),
        ("toezicht", PURPOSE, "casebook"),
        ("dwi", PURPOSE, "dwi"),
        ("dwi", PURPOSE, "okt"),
        ("dwi", "terugkoppeling", "casebook"),
        ("dwi", "iets-anders", "casebook"),
        ("niemand", PURPOSE, "casebook"),
    ],
)
async def test_a_partner_speaks_for_its_own_flows_only(
    road: Road, partner: str, purpose: str, recipient: str
) -> None:
    ann = fresh_bsn()
    before = await road.last_index()

    with pytest.raises(NotAPartyError):
        await road.say(ann, True, partner=partner, purpose=purpose, recipient=recipient)

    assert await road.last_index() == before
    assert await road.subject(ann) is None


@pytest.mark.parametrize("partner", ["dwi", "casebook"])
async def test_both_parties_to_a_flow_may_speak(road: Road, partner: str) -> None:
    ann = fresh_bsn()
    await road.say(ann, True, partner=partner)
    assert await registered(road, ann) == [(True, "*")]


# Withdrawing by id.


async def test_withdrawing_takes_a_waiting_message_back_and_names_what_it_withdraws(
    road: Road,
) -> None:
    ann = fresh_bsn()
    given = await road.say(ann, True)
    answer = await road.refer(referral(member(ann, agreed=None)))
    assert await road.state(answer) == WAITING

    receipt = await road.withdraw(given.consent_id)

    assert await road.state(answer) == PURGED
    assert await road.boxes(answer) == 0
    assert await registered(road, ann) == [(True, "*"), (False, "*")]
    row = await road.pool.fetchrow(
        "select supersedes, recorded_for from consent_event where id = $1", receipt.consent_id
    )
    assert row is not None
    assert tuple(row) == (given.consent_id, "dwi")
    assert [one["type"] for one in await road.pull()] == ["nl.sluis.vervallen"]
    assert (await road.refer(referral(member(ann, agreed=None))))["besluit"] == "aangehouden"


async def test_a_category_is_withdrawn_as_a_category(road: Road) -> None:
    ann = fresh_bsn()
    part = await road.say(ann, True, "zrm")
    await road.say(ann, True)

    await road.withdraw(part.consent_id)

    assert await registered(road, ann) == [(True, "zrm"), (True, "*"), (False, "zrm")]


@pytest.mark.parametrize("partner", ["okt", "toezicht"])
async def test_anothers_consent_is_as_one_that_does_not_exist(road: Road, partner: str) -> None:
    ann = fresh_bsn()
    given = await road.say(ann, True)
    before = await road.last_index()

    told = []
    for consent in (given.consent_id, uuid4()):
        with pytest.raises(NotAPartyError) as raised:
            await road.withdraw(consent, partner)
        told.append(raised.type)

    assert len(set(told)) == 1
    assert await road.last_index() == before
    assert await registered(road, ann) == [(True, "*")]


async def test_the_casebook_may_take_back_what_dwi_recorded(road: Road) -> None:
    """People withdraw where they are; both sides of a flow listen."""
    ann = fresh_bsn()
    given = await road.say(ann, True)
    await road.withdraw(given.consent_id, "casebook")
    assert await registered(road, ann) == [(True, "*"), (False, "*")]


async def test_who_recorded_it_can_withdraw_it_also_when_the_protocol_has_moved_on(
    database: str,
) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        given = await road.say(ann, True)
        text = protocol("hernoemd")
        await road.put_in_force(text.replace(f'"{PURPOSE}"', '"ander-doel"'))
        with pytest.raises(NotAPartyError):
            await road.withdraw(given.consent_id, "casebook")

        await road.withdraw(given.consent_id)

        # Were the purpose to come back, the old yes would not.
        await road.put_in_force(protocol("terug", ("voorbeeld, te", "voorbeeld te")))
        answer = await road.refer(referral(member(ann, agreed=None)))
        assert answer["besluit"] == "aangehouden"


# When it goes wrong.


async def test_invariant_12_where_the_log_cannot_be_written_nothing_is_recorded(
    database: str,
) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        answer = await road.refer(referral(member(ann)))
        await road.pool.execute(
            """create function refuse() returns trigger language plpgsql as
                 $$ begin raise exception 'disk full' using errcode = '53100'; end $$;
               create trigger refuse before insert on log_leaf execute function refuse()"""
        )

        with pytest.raises(asyncpg.DiskFullError):
            await road.say(ann, False)

        await road.pool.execute("drop trigger refuse on log_leaf")
        assert await registered(road, ann) == [(True, "*")]
        assert await road.state(answer) == WAITING
        assert len(await road.pull()) == 1


async def test_a_deadlock_is_tried_again(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    subject = await road.subject(ann)
    async with road.pool.acquire() as other:
        # It holds the exchange that the withdrawal needs, and then wants whom that one holds.
        rival = other.transaction()
        await rival.start()
        await other.execute(
            "select 1 from exchange where id = $1 for update", UUID(answer["uitwisselingId"])
        )
        said = asyncio.create_task(road.say(ann, False))
        await waits_for_a_lock(road)
        # Who waits longest looks for a deadlock first, and is the one that gives way.
        await asyncio.sleep(0.8)
        await other.execute("select 1 from subject where id = $1 for update", subject)
        await rival.commit()

    await said

    assert await road.state(answer) == PURGED
    assert await registered(road, ann) == [(True, "*"), (False, "*")]
    await until(road, "select deadlocks from pg_stat_database where datname = current_database()")


async def until(road: Road, query: str) -> None:
    """Return when the query's number is no longer zero."""
    async with asyncio.timeout(10):
        while not await road.pool.fetchval(query):  # noqa: ASYNC110 - it is told by no event
            await asyncio.sleep(0.005)


async def waits_for_a_lock(road: Road) -> None:
    """Return when somebody in this database does."""
    await until(
        road,
        """select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'""",
    )


async def test_a_cancelled_recording_leaves_nothing_and_no_lock(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    async with road.pool.acquire() as other, other.transaction():
        await other.execute(
            "select 1 from exchange where id = $1 for update", UUID(answer["uitwisselingId"])
        )
        said = asyncio.create_task(road.say(ann, False))
        await waits_for_a_lock(road)
        said.cancel()
        with pytest.raises(asyncio.CancelledError):
            await said

    assert await registered(road, ann) == [(True, "*")]
    await road.say(ann, False, at=road.now() + timedelta(seconds=1))
    assert await road.state(answer) == PURGED
