"""Whoever was handed a message before a withdrawal is told which use stops, and nothing else."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.exchange.deciding import NotAPartyError
from tests.gateway.exchange.road import (
    PURPOSE,
    Road,
    notices,
    open_road,
    protocol,
    trace,
    without_envelope,
)
from tests.support.messages import fresh_bsn, member, referral

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]

NO = {"gegeven": False, "op": "2013-12-01"}
ZRM = {"gemetenOp": "2013-11-01", "scores": {"inkomen": 2}}


async def test_a_recall_follows_what_was_received(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.acknowledge()
    before = await road.last_index()

    receipt = await road.say(ben, False)

    said, told = await road.entries(before)
    assert (said.event, told.event) == ("instemming", "kennisgeving")
    (event,) = await road.pull()
    assert event["type"] == "nl.sluis.intrekking"
    assert "subject" not in event
    assert event["data"] == {
        "uitwisselingId": answer["uitwisselingId"],
        "doel": PURPOSE,
        "categorie": "*",
    }
    # Nobody who reads the entry or the mailbox learns who it was.
    assert told.subjects == [await road.subject(ann), await road.subject(ben)]
    assert len(told.entry["subjects"]) == 2
    assert told.entry["about"] == answer["uitwisselingId"]
    assert receipt.open_releases == []


async def test_a_recall_is_the_same_whoever_of_the_household_withdrew(road: Road) -> None:
    told = []
    for number in range(3):
        people = [fresh_bsn() for _ in range(3)]
        await road.refer(referral(*(member(one) for one in people)))
        await road.acknowledge()
        await road.say(people[number], False)
        (event,) = await road.pull()
        await road.acknowledge()
        data = event["data"]
        told.append((sorted(event), {**data, "uitwisselingId": ""}))
    assert told[0] == told[1] == told[2]


async def test_where_a_message_may_be_reduced_the_recall_names_whose_part_goes(
    reducing: Road,
) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await reducing.refer(referral(member(ann), member(ben, rol="partner")))
    (event,) = await reducing.pull()
    pseudonyms = [one["pseudoniem"] for one in event["data"]["huishouden"]["leden"]]
    await reducing.acknowledge()

    await reducing.say(ben, False)

    (recall,) = notices(await reducing.pull())
    assert recall == {
        "uitwisselingId": answer["uitwisselingId"],
        "doel": PURPOSE,
        "categorie": "*",
        "lid": pseudonyms[1],
    }


async def test_with_the_applicant_the_whole_goes(reducing: Road) -> None:
    ann = fresh_bsn()
    await reducing.refer(referral(member(ann), member(rol="partner")))
    await reducing.acknowledge()

    await reducing.say(ann, False)

    (recall,) = notices(await reducing.pull())
    assert "lid" not in recall


@pytest.mark.parametrize(("category", "names"), [("zrm", True), ("adres", False)])
async def test_a_category_is_recalled_as_a_category(
    reducing: Road, category: str, names: bool
) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    await reducing.refer(referral(member(ann), member(ben, zrm=ZRM, rol="kind")))
    await reducing.acknowledge()

    await reducing.say(ben, False, category)

    (recall,) = notices(await reducing.pull())
    assert recall["categorie"] == category
    assert ("lid" in recall) is names


async def test_a_category_that_was_not_there_is_not_recalled(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()

    await road.say(ann, False, "zrm")
    await road.say(ann, False, "casusstatus")

    assert await road.pull() == []


async def test_what_was_recalled_is_not_recalled_again(road: Road) -> None:
    """A second recall would tell that a second member withdrew."""
    people = [fresh_bsn(), fresh_bsn()]
    await road.refer(referral(*(member(one) for one in people)))
    await road.acknowledge()

    for one in people:
        await road.say(one, False)

    assert len(notices(await road.pull())) == 1


async def test_members_who_withdraw_at_once_are_recalled_once(road: Road) -> None:
    for _ in range(10):
        people = [fresh_bsn() for _ in range(4)]
        await road.refer(referral(*(member(one) for one in people)))
        await road.acknowledge()
        await asyncio.gather(*(road.say(one, False) for one in people))
        assert len(notices(await road.pull())) == 1
        await road.acknowledge()


async def test_what_was_never_handed_over_is_not_recalled(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.refer(referral(member(ann), member(agreed=None)))

    await road.say(ann, False)

    assert [one["type"] for one in await road.pull()] == ["nl.sluis.vervallen"]


async def test_a_recall_reaches_what_was_cleared_long_ago(database: str) -> None:
    async with open_road(database) as road:
        ann, ben = fresh_bsn(), fresh_bsn()
        answer = await road.refer(referral(member(ann), member(ben)))
        await road.acknowledge()
        road.ahead = timedelta(days=20)
        await road.retention.pass_once()
        assert await road.boxes(answer) == 0

        await road.say(ben, False)

        (recall,) = notices(await road.pull())
        assert recall["uitwisselingId"] == answer["uitwisselingId"]


async def test_a_recall_reaches_what_a_later_protocol_has_for_another_purpose(
    database: str,
) -> None:
    async with open_road(database) as road:
        person = fresh_bsn()
        yes = await road.say(person, True)
        answer = await road.refer(referral(member(person, agreed=None)))
        await road.acknowledge()
        renamed = protocol("hernoemd").replace(PURPOSE, "naar-het-wijkteam")
        await road.put_in_force(renamed)

        await road.withdraw(yes.consent_id)

        (told,) = notices(await road.pull())
        assert told["uitwisselingId"] == answer["uitwisselingId"]


async def test_a_recall_reaches_what_a_later_protocol_has_no_flow_for(database: str) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        given = await road.say(ann, True)
        await road.refer(referral(member(ann, agreed=None)))
        await road.acknowledge()
        await road.put_in_force(protocol("weg", ('id = "dwi-aanmelding"', 'id = "dwi-anders"')))

        await road.withdraw(given.consent_id)

        (recall,) = notices(await road.pull())
        assert "lid" not in recall


async def test_a_no_that_comes_with_a_referral_recalls_too(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()

    await road.refer(referral(member(ann, instemming=NO)))

    (recall,) = notices(await road.pull())
    assert recall["uitwisselingId"] == answer["uitwisselingId"]


async def test_an_older_no_recalls_nothing(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    await road.say(ann, False, at=road.now().replace(year=2013, month=10))
    assert await road.pull() == []


# What the answer says.


async def test_the_answer_lists_releases_that_are_still_open(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.refer(referral(member(ben)))
    await road.pull()

    receipt = await road.say(ann, False)

    (late,) = receipt.open_releases
    assert str(late.exchange_id) == answer["uitwisselingId"]
    assert late.recipient == "casebook"
    assert late.lapses_at - late.released_at == timedelta(seconds=10)
    assert receipt.recorded_at < late.lapses_at


@pytest.mark.parametrize("later", ["acknowledged", "lapsed"])
async def test_what_is_received_or_lapsed_is_not_open(road: Road, later: str) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.pull()
    if later == "acknowledged":
        await road.acknowledge()
    else:
        await road.pool.execute(
            "update mailbox set released_at = now() - interval '11 s' where exchange = $1",
            UUID(answer["uitwisselingId"]),
        )
    assert (await road.say(ann, False)).open_releases == []


async def test_who_is_told_and_who_acknowledged_is_visible_to_who_recorded_it(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    receipt = await road.say(ann, False)

    waiting = await road.consents.recalled("dwi", receipt.consent_id)
    await road.acknowledge()
    done = await road.consents.recalled("dwi", receipt.consent_id)

    (one,) = waiting.recipients
    assert (one.recipient, str(one.exchange_id)) == ("casebook", answer["uitwisselingId"])
    assert (waiting.is_done, one.acknowledged_at) == (False, None)
    assert done.is_done
    assert done.recipients[0].acknowledged_at is not None
    for other in ("casebook", "okt"):
        with pytest.raises(NotAPartyError):
            await road.consents.recalled(other, receipt.consent_id)


# The road of a notice.


async def test_a_notice_is_sealed_and_released_with_an_entry_like_any_message(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    await road.say(ann, False)
    rows = await road.pool.fetch(
        "select p.box from part p join notice n using (exchange) where n.about = $1",
        UUID(answer["uitwisselingId"]),
    )
    before = await road.last_index()

    await road.pull()
    await road.acknowledge()

    assert len(rows) == 1
    assert answer["uitwisselingId"].encode() not in rows[0][0]
    events = [one.event for one in await road.entries(before)]
    assert events == ["verstrekking", "verstrekking", "ontvangst"]


async def test_a_withdrawal_and_an_acknowledgement_never_wait_for_each_other(road: Road) -> None:
    for _ in range(15):
        people = [fresh_bsn() for _ in range(5)]
        for one in people:
            await road.refer(referral(member(one)))
        await road.pull()
        page = await road.page()

        await asyncio.gather(
            *(road.say(one, False) for one in people),
            road.mailbox.acknowledge("casebook", page.cursor, trace()),
        )
        recalls = notices(await road.pull())
        assert len(recalls) == 5
        await road.acknowledge()
    found = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await road.pool.fetchval(found) == 0


async def test_invariant_02_a_suspended_recipient_gets_its_notice_afterwards(
    database: str,
) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        await road.refer(referral(member(ann)))
        await road.acknowledge()
        await road.say(ann, False)
        await _suspend(road, "casebook", True)
        assert await road.pull() == []

        await _suspend(road, "casebook", False)

        assert len(notices(await road.pull())) == 1


async def _suspend(road: Road, partner: str, is_suspended: bool) -> None:
    await road.pool.execute(
        "update partner set is_suspended = $2 where id = $1", partner, is_suspended
    )
    await road.pool.execute("update rules_generation set number = number + 1")


async def test_a_recall_comes_after_the_message_that_it_is_about(road: Road) -> None:
    for _ in range(10):
        ann = fresh_bsn()
        await road.refer(referral(member(ann)))
        pulled, _ = await asyncio.gather(road.pull(), road.say(ann, False))
        later = await road.pull()
        handed = {one["id"] for one in pulled if "data" in one}
        recalled = {one["uitwisselingId"] for one in notices(later)}
        assert handed - {one["id"] for one in pulled if one["type"].endswith("intrekking")} == (
            recalled
        )
        assert without_envelope(later) == []
        await road.acknowledge()
        assert json.dumps(later)
