"""Invariant 10, in service: whoever is erased is in nothing that opens, from the commit on."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.audit.entries import commitment
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.erasure import BACKUP_TERM, Erased, Erasure
from gateway.store.groups import CLEARED, HELD, PURGED, WAITING
from gateway.vault.boxes import CONTENT, DataKey, WrappedKey
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import (
    REDUCED,
    WITH_NOTE,
    Road,
    protocol,
    trace,
    without_envelope,
)
from tests.support.messages import fresh_bsn, member, referral, status_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]

NOTE = {"toelichting": "over allebei"}


@pytest.fixture(scope="module")
def reducing_rules() -> str:
    """Who does not agree is left out, and free text goes along."""
    return protocol("beperkt", REDUCED, WITH_NOTE)


async def erase(road: Road, number: str) -> Erased | None:
    own = road.consents
    erasure = Erasure(road.pool, own._load_book, road.handles, own._tools)
    return await erasure.erase(Bsn(number), trace())


async def key_of(road: Road, subject: UUID) -> DataKey:
    row = await road.pool.fetchrow("select kek_epoch, wrapped from subject where id = $1", subject)
    assert row is not None
    return road.vault.unwrap(subject, CONTENT, WrappedKey(row["kek_epoch"], row["wrapped"]))


async def test_invariant_10_what_waits_for_everybody_goes_with_one_of_them(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    gone = await road.refer(referral(member(ann), member(ben, rol="partner")))
    stays = await road.refer(referral(member(ann)))
    subject, before = await road.subject(ben), await road.last_index()
    key = await key_of(road, subject)

    erased = await erase(road, ben)

    assert erased is not None
    assert (await road.state(gone), await road.boxes(gone)) == (PURGED, 0)
    assert (await road.state(stays), await road.boxes(stays)) == (WAITING, 1)
    purged, said = await road.entries(before)
    assert (purged.event, purged.entry["exchange"]) == ("verwijdering", gone["uitwisselingId"])
    # The entry of the message names everybody in it: not who is gone.
    assert len(purged.entry["subjects"]) == 2
    assert (said.event, said.entry["id"]) == ("vernietiging", str(erased.entry_id))
    assert said.entry["exchange"] is None
    assert said.entry["subjects"] == [commitment(key, erased.entry_id, subject)]
    tombstone, event = await road.pull()
    assert "data" not in tombstone
    assert event["id"] == stays["uitwisselingId"]


async def test_invariant_10_the_entry_states_both_moments(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    before = await road.last_index()

    erased = await erase(road, ann)

    assert erased is not None
    said = (await road.entries(before))[-1].entry
    assert erased.backups_until - erased.erased_at == BACKUP_TERM == timedelta(days=30)
    assert said["unreadableFrom"] == int(erased.erased_at.timestamp() * 1000)
    assert said["backupsUntil"] - said["unreadableFrom"] == 30 * 24 * 3600 * 1000


async def test_invariant_10_no_row_leads_to_the_person_and_no_key_opens(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.refer(referral(member(ben), member(ann, agreed=None, rol="partner")))
    await road.say(ann, True, category="zrm")
    subject = await road.subject(ann)

    await erase(road, ann)

    found: dict[str, int] = {
        table: await road.pool.fetchval(f"select count(*) from {table} where {column} = $1", who)  # noqa: S608  # words of this test
        for table, column, who in (
            ("subject", "id", subject),
            ("subject", "handle", road.handles.of(Bsn(ann))),
            ("part", "subject", subject),
            ("disclosure", "subject", subject),
            ("authority_statement", "subject", subject),
        )
    }
    assert set(found.values()) == {0}, found
    held = "select count(*) from held where subjects @> array[$1::uuid]"
    assert await road.pool.fetchval(held, subject) == 0
    # What proves that she agreed stays until its date, under an id that leads nowhere.
    kept = "select count(*) from consent_event where subject = $1"
    assert await road.pool.fetchval(kept, subject) == 2


async def test_invariant_13_a_message_without_the_erased_equals_one_that_they_were_never_in(
    reducing: Road,
) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    await reducing.refer(referral(member(ann), member(ben, rol="partner"), **NOTE))
    await erase(reducing, ben)
    await reducing.refer(referral(member(ann)))

    shortened, alone = without_envelope(await reducing.pull())

    assert shortened == alone
    assert ben not in json.dumps(shortened)


async def test_with_the_applicant_the_whole_message_goes(reducing: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await reducing.refer(referral(member(ann), member(ben, rol="partner")))

    await erase(reducing, ann)

    assert (await reducing.state(answer), await reducing.boxes(answer)) == (PURGED, 0)
    (tombstone,) = await reducing.pull()
    assert "data" not in tombstone


async def test_invariant_13_a_held_message_goes_on_as_if_the_erased_had_never_been_in_it(
    reducing: Road,
) -> None:
    ann, ben, child = fresh_bsn(), fresh_bsn(), fresh_bsn()
    waits = await reducing.refer(
        referral(
            member(ann, agreed=None),
            member(ben, rol="partner"),
            member(child, rol="overig"),
            **NOTE,
        )
    )
    assert await reducing.state(waits) == HELD

    await erase(reducing, ben)
    assert await reducing.state(waits) == HELD
    await reducing.say(ann, True)

    assert await reducing.state(waits) == WAITING
    await reducing.refer(referral(member(ann), member(child, rol="overig")))
    freed, alone = without_envelope(await reducing.pull())
    assert freed == alone
    assert len(freed["huishouden"]["leden"]) == 2


async def test_a_held_message_that_needs_everybody_is_destroyed(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    waits = await road.refer(referral(member(ann), member(ben, agreed=None, rol="partner")))
    before = await road.last_index()

    await erase(road, ben)
    await road.say(ben, True)

    assert (await road.state(waits), await road.boxes(waits)) == (PURGED, 0)
    assert await road.pool.fetchval(
        "select not exists (select from held where exchange = $1)", UUID(waits["uitwisselingId"])
    )
    events = [one.event for one in await road.entries(before)]
    assert events == ["verwijdering", "vernietiging", "instemming"]


async def test_what_was_received_is_cleared_and_its_case_goes_on(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.acknowledge()

    await erase(road, ben)

    assert (await road.state(answer), await road.boxes(answer)) == (CLEARED, 0)
    told = await road.report_status(status_of(answer["uitwisselingId"]))
    assert told["besluit"] == "toegelaten"


async def test_a_case_of_somebody_who_was_erased_is_unknown(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    waits = await road.report_status(status_of(answer["uitwisselingId"]))

    await erase(road, ann)

    late = await road.report_status(status_of(answer["uitwisselingId"]))
    assert late["regel"] == "uitwisseling-onbekend"
    assert (await road.state(waits), await road.boxes(waits)) == (PURGED, 0)


async def test_a_message_after_the_erasure_begins_a_new_person(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    earlier = await road.subject(ann)
    await road.say(ann, False)

    await erase(road, ann)
    answer = await road.refer(referral(member(ann)))

    # What the erased person said is not known of them any more.
    assert answer["besluit"] == "toegelaten"
    assert await road.subject(ann) != earlier


async def test_a_second_erasure_finds_nobody_and_says_nothing(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    await erase(road, ann)
    before = await road.last_index()

    assert await erase(road, ann) is None
    assert await erase(road, fresh_bsn()) is None

    assert await road.last_index() == before


async def test_an_agreement_of_somebody_who_was_erased_is_nobodys(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    receipt = await road.say(ann, True, category="zrm")

    await erase(road, ann)

    with pytest.raises(NotAPartyError):
        await road.withdraw(receipt.consent_id)


@pytest.mark.parametrize("column", ["part.box", "held.sealed", "subject.wrapped"])
async def test_what_is_damaged_keeps_nobody_from_being_erased(reducing: Road, column: str) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    waits = await reducing.refer(referral(member(ann), member(ben, rol="partner")))
    held = await reducing.refer(
        referral(member(fresh_bsn(), agreed=None), member(ben, rol="partner"))
    )
    ids = [UUID(one["uitwisselingId"]) for one in (waits, held)]
    table, _, name = column.partition(".")
    where = "id = $1" if table == "subject" else "exchange = any($1)"
    which = await reducing.subject(ben) if table == "subject" else ids
    damage = f"update {table} set {name} = set_byte({name}, 20, get_byte({name}, 20) # 1)"  # noqa: S608  # words of this test
    await reducing.pool.execute(f"{damage} where {where}", which)

    erased = await erase(reducing, ben)

    assert erased is not None
    assert await reducing.subject(ben) is None
    # What could not be worked over has gone as a whole.
    for one in (waits, held):
        left = "select count(*) from part p, subject s where p.exchange = $1 and p.subject = s.id"
        boxes = await reducing.pool.fetchval(left, UUID(one["uitwisselingId"]))
        assert boxes <= 1
    await reducing.pull()
