"""Invariant 10, in service: whoever is erased is in nothing that opens, from the commit on."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.audit.entries import commitment
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.deliveries import outcomes_of
from gateway.exchange.erasure import BACKUP_TERM, Erased, Erasure
from gateway.exchange.persons import open_births
from gateway.exchange.recording import bound_held, bound_to
from gateway.exchange.renewing import bound_evidence
from gateway.exchange.workoff import outcome_place
from gateway.store.deliveries import by_id
from gateway.store.groups import CLEARED, HELD, PURGED, WAITING
from gateway.vault.boxes import CONTENT, PROOF, DataKey, SealBrokenError, WrappedKey
from gateway.vault.keys import epoch_ends, epoch_of
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
    # The week's key is used until the week is over; a day later all are moved; then the term runs.
    week_over = epoch_ends(epoch_of(erased.erased_at))
    assert erased.backups_until == week_over + timedelta(days=1) + BACKUP_TERM
    assert timedelta(days=31) < erased.backups_until - erased.erased_at <= timedelta(days=38)
    assert said["unreadableFrom"] == int(erased.erased_at.timestamp() * 1000)
    assert said["backupsUntil"] == int(erased.backups_until.timestamp() * 1000)


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


# What stood in somebody else's box.


async def boxes_of(road: Road, subject: UUID) -> list[tuple[UUID, int, bytes]]:
    rows = await road.pool.fetch(
        "select exchange, member, box from part where subject = $1", subject
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def test_invariant_10_what_stood_of_them_in_anothers_box_opens_under_no_key_that_is_left(
    reducing: Road,
) -> None:
    ann, ben, cas = fresh_bsn(), fresh_bsn(), fresh_bsn()
    sent = await reducing.refer(referral(member(ann), member(ben, rol="partner"), **NOTE))
    held = await reducing.refer(referral(member(cas, agreed=None), member(ben, rol="partner")))
    owners = [await reducing.subject(bsn) for bsn in (ann, cas)]
    before = [await key_of(reducing, owner) for owner in owners]
    (box,) = await boxes_of(reducing, owners[0])
    exchange, select = UUID(held["uitwisselingId"]), "select sealed from held where exchange = $1"
    whole = await reducing.pool.fetchval(select, exchange)
    places = bound_to(box[0].bytes, box[1]), bound_held(exchange.bytes)
    assert b"over allebei" in before[0].open(box[2], places[0])
    assert ben.encode() in before[1].open(whole, places[1])

    await erase(reducing, ben)

    after = [await key_of(reducing, owner) for owner in owners]
    for key in (*after, *(DataKey(one.commitments) for one in after)):
        for old, place in zip((box[2], whole), places, strict=True):
            with pytest.raises(SealBrokenError):
                key.open(old, place)
    # What is in service opens as before, and says nothing of who is gone.
    now = after[1].open(await reducing.pool.fetchval(select, exchange), places[1])
    assert cas.encode() in now
    assert ben.encode() not in now
    (event,) = [one for one in await reducing.pull() if one["id"] == sent["uitwisselingId"]]
    assert len(event["data"]["huishouden"]["leden"]) == 1


async def test_who_stays_keeps_births_references_evidence_and_commitments(reducing: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    sent = await reducing.refer(
        referral(member(ann), member(ben, rol="partner"), reference="KM-BLIJFT")
    )
    await reducing.say(ann, True, category="zrm")
    await reducing.acknowledge()
    subject, before = await reducing.subject(ann), (await reducing.entries())[-1]
    old = await key_of(reducing, subject)

    await erase(reducing, ben)

    new = await key_of(reducing, subject)
    assert new.material != old.material
    entry = UUID(before.entry["id"])
    assert commitment(new, entry, subject) == commitment(old, entry, subject)
    facts = await reducing.pool.fetchval("select facts from subject where id = $1", subject)
    assert [born.reveal() for born in open_births(subject, new, facts)] == ["1980-05-01"]
    rows = await reducing.pool.fetch(
        "select id, evidence from consent_event where subject = $1 and evidence is not null",
        subject,
    )
    assert [new.open(row[1], bound_evidence(row[0].bytes)) for row in rows] == [b"FORMULIER-7"]
    status = await reducing.report_status(status_of(sent["uitwisselingId"]))
    assert status["besluit"] == "toegelaten"
    (told,) = await reducing.pull("dwi")
    assert "KM-BLIJFT" in json.dumps(told)


async def test_the_senders_reference_goes_from_the_report_of_its_delivery(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    outcomes = await road.deliver(
        referral(member(ann), reference="KM-GAAT"), referral(member(ben), reference="KM-BLIJFT-2")
    )
    assert [one["kenmerk"] for one in outcomes] == ["KM-GAAT", "KM-BLIJFT-2"]
    row = await road.pool.fetchrow(
        """select d.id, o.sealed from delivery d join delivery_outcome o on o.delivery = d.id
            order by d.received_at desc limit 1"""
    )
    assert row is not None
    delivery, old = row
    key = await delivery_key(road, delivery)

    await erase(road, ann)

    stored = await by_id(road.pool, "dwi", delivery)
    assert stored is not None
    left = await outcomes_of(road.pool, road.vault, stored, 0, 10)
    assert [one["kenmerk"] for one in left] == [None, "KM-BLIJFT-2"]
    assert [one["uitwisselingId"] for one in left] == [one["uitwisselingId"] for one in outcomes]
    with pytest.raises(SealBrokenError):
        (await delivery_key(road, delivery)).open(old, outcome_place(delivery, 1))
    assert b"KM-GAAT" in key.open(old, outcome_place(delivery, 1))


async def delivery_key(road: Road, delivery: UUID) -> DataKey:
    row = await road.pool.fetchrow(
        "select kek_epoch, wrapped from delivery where id = $1", delivery
    )
    assert row is not None
    return road.vault.unwrap(delivery, CONTENT, WrappedKey(row["kek_epoch"], row["wrapped"]))


async def test_evidence_of_consent_moves_to_a_key_of_its_own_until_its_date(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    receipt = await road.say(ann, True, category="zrm")
    subject = await road.subject(ann)
    own = await key_of(road, subject)

    erased = await erase(road, ann)

    assert erased is not None
    (kept,) = erased.kept
    assert kept.name == "instemmingsbewijs"
    assert kept.until.year == erased.erased_at.year + 5
    box = await road.pool.fetchval(
        "select evidence from consent_event where id = $1", receipt.consent_id
    )
    place = bound_evidence(receipt.consent_id.bytes)
    with pytest.raises(SealBrokenError):
        own.open(box, place)
    row = await road.pool.fetchrow(
        "select kek_epoch, wrapped from kept where subject = $1", subject
    )
    assert row is not None
    proof = road.vault.unwrap(subject, PROOF, WrappedKey(*row))
    assert proof.open(box, place) == b"FORMULIER-7"


async def test_to_whom_they_were_disclosed_stays_without_content(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.pull()  # handed over, and not acknowledged
    subject = await road.subject(ann)

    erased = await erase(road, ann)

    assert erased is not None
    assert [one.name for one in erased.kept] == ["instemmingsbewijs", "lekbereik"]
    rows = await road.pool.fetch("select exchange from disclosure where subject = $1", subject)
    assert [row[0] for row in rows] == [UUID(answer["uitwisselingId"])]
    assert await road.boxes(answer) == 0
