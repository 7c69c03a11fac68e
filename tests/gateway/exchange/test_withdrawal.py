"""A no takes back what waits, whole or in part, in the transaction that records it."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.store.groups import DONE, PURGED, WAITING
from schemas.fields import CATEGORIES
from tests.gateway.exchange.road import (
    REDUCED,
    WITH_NOTE,
    Road,
    protocol,
    without_envelope,
)
from tests.support.messages import Json, fresh_bsn, member, referral

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]

NO = {"gegeven": False, "op": "2013-12-01"}
# Of whom no age is known, more is asked than their own yes.
ADULT = {"geboortedatum": "1980-05-01"}
LAPSED, RECALL = "nl.sluis.vervallen", "nl.sluis.intrekking"
ZRM = {"gemetenOp": "2013-11-01", "scores": {"inkomen": 2, "huisvesting": 4}}
REDUCIBLE = protocol("beperkt", REDUCED, WITH_NOTE, ('"lid.zrm.verslaving" = "weglaten"\n', ""))


@pytest.fixture(scope="module")
def reducing_rules() -> str:
    """Who does not agree is left out, and free text goes along."""
    return REDUCIBLE


# Where everybody must agree.


async def test_a_no_takes_the_whole_message_back(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    other = await road.refer(referral(member()))
    before = await road.last_index()

    receipt = await road.say(ben, False)

    # All of it in one transaction: nobody can look between the event and its effect.
    assert (await road.state(answer), await road.boxes(answer)) == (PURGED, 0)
    said, purged = await road.entries(before)
    assert said.entry["id"] == str(receipt.entry_id)
    assert (purged.event, purged.entry["exchange"]) == ("verwijdering", answer["uitwisselingId"])
    gone, stays = await road.pull()
    assert (gone["id"], gone["type"]) == (answer["uitwisselingId"], LAPSED)
    assert "data" not in gone
    assert "subject" not in gone
    assert stays["id"] == other["uitwisselingId"]


async def test_an_entry_does_not_tell_who_said_no(road: Road) -> None:
    people = [fresh_bsn() for _ in range(3)]
    await road.refer(referral(*(member(one) for one in people)))
    before = await road.last_index()

    await road.say(people[1], False)

    _, purged = await road.entries(before)
    assert purged.subjects == [await road.subject(one) for one in people]
    assert len(purged.entry["subjects"]) == 3
    assert purged.entry["reason"] == "niet-meer-toegelaten"
    for name in (*people, *(str(subject) for subject in purged.subjects)):
        assert name not in str(purged.entry)


async def test_a_no_takes_back_every_waiting_message_that_the_person_is_in(road: Road) -> None:
    ann = fresh_bsn()
    answers = [await road.refer(referral(member(), member(ann, rol="kind"))) for _ in range(3)]

    await road.say(ann, False)

    assert [await road.state(answer) for answer in answers] == [PURGED] * 3
    assert {one["type"] for one in await road.pull()} == {LAPSED}


@pytest.mark.parametrize(
    "said",
    [
        {"given": True},
        {"given": False, "purpose": "terugkoppeling", "recipient": "dwi"},
        {"given": False, "category": "zrm"},
        {"given": False, "category": "casusstatus"},
    ],
    ids=["a yes", "another purpose", "a category that is not there", "one of another message"],
)
async def test_what_does_not_concern_a_message_leaves_it_as_it_is(
    road: Road, said: dict[str, Any]
) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    whole = without_envelope(await road.pull())
    before = await road.last_index()

    await road.say(ann, **said)

    assert await road.state(answer) == WAITING
    assert [one.event for one in await road.entries(before)] == ["instemming"]
    assert without_envelope(await road.pull()) == whole


async def test_an_older_no_that_is_recorded_late_takes_nothing_from_a_later_yes(
    road: Road,
) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))

    await road.say(ann, False, at=road.now().replace(year=2013, month=10))

    assert await road.state(answer) == WAITING
    assert len(without_envelope(await road.pull())) == 1


async def test_what_was_received_is_not_taken_back(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    before = await road.last_index()

    await road.say(ann, False)

    # It is recalled instead: see test_recall.py.
    assert await road.state(answer) == DONE
    assert [one.event for one in await road.entries(before)] == ["instemming", "kennisgeving"]


async def test_what_was_pulled_and_not_yet_received_is_taken_back(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.pull()

    await road.say(ann, False)

    assert await road.state(answer) == PURGED
    assert [one["type"] for one in await road.pull()] == [LAPSED, RECALL]


# A no that comes with a later message.


async def test_a_no_in_a_later_referral_works_on_earlier_ones(road: Road) -> None:
    ann = fresh_bsn()
    earlier = await road.refer(referral(member(ann)))

    later = await road.refer(referral(member(ann, instemming=NO)))

    assert later["besluit"] == "aangehouden"
    assert await road.state(earlier) == PURGED
    assert [one["type"] for one in await road.pull()] == [LAPSED]


async def test_a_no_in_a_later_delivery_works_on_earlier_messages(road: Road) -> None:
    people = [fresh_bsn() for _ in range(5)]
    earlier = [await road.refer(referral(member(one))) for one in people]

    told = await road.deliver(*(referral(member(one, instemming=NO)) for one in people[1:]))

    assert {one["besluit"] for one in told} == {"aangehouden"}
    assert [await road.state(one) for one in earlier] == [WAITING, *[PURGED] * 4]


async def test_a_no_in_a_later_referral_that_is_older_than_the_yes_has_no_effect(
    road: Road,
) -> None:
    ann = fresh_bsn()
    earlier = await road.refer(referral(member(ann)))

    later = await road.refer(
        referral(member(ann, instemming={"gegeven": False, "op": "2013-10-01"}))
    )

    assert later["besluit"] == "toegelaten"
    assert await road.state(earlier) == WAITING
    assert len(without_envelope(await road.pull())) == 2


async def test_a_no_works_on_an_earlier_message_of_the_same_delivery(road: Road) -> None:
    """Also of somebody whom the gateway meets for the first time: one transaction, one person."""
    ann = fresh_bsn()

    told = await road.deliver(referral(member(ann)), referral(member(ann, instemming=NO)))

    assert [one["besluit"] for one in told] == ["toegelaten", "aangehouden"]
    assert await road.state(told[0]) == PURGED
    assert [one["type"] for one in await road.pull()] == [LAPSED]


async def test_a_no_that_comes_with_a_message_and_a_pull_never_wait_for_each_other(
    road: Road,
) -> None:
    for _ in range(15):
        people = [fresh_bsn() for _ in range(6)]
        for one in people:
            await road.refer(referral(member(one)))
        first, *others = people
        refusals = [referral(member(first, instemming=NO))]
        refusals += [referral(member(one, instemming=NO), member(first)) for one in others]

        await asyncio.gather(
            road.page(), *(road.refer(refusal) for refusal in refusals), road.page()
        )

        assert without_envelope(await road.pull()) == []
        await road.acknowledge()
    assert "group-retried" not in road.log.getvalue()


# Where a household may be reduced.


async def test_a_no_takes_the_members_own_part(reducing: Road) -> None:
    ann, ben, cas = member(zrm=ZRM), member(rol="partner", zrm=ZRM), member(rol="kind")
    answer = await reducing.refer(referral(ann, ben, cas, toelichting="Ben kan niet lezen."))
    before = await reducing.last_index()

    await reducing.say(ben["burgerservicenummer"], False)

    assert (await reducing.state(answer), await reducing.boxes(answer)) == (WAITING, 2)
    _, reduced = await reducing.entries(before)
    assert (reduced.event, len(reduced.subjects)) == ("verwijdering", 3)
    (event,) = await reducing.pull()
    assert [one["rol"] for one in event["data"]["huishouden"]["leden"]] == ["aanmelder", "kind"]
    assert event["data"]["aanmelding"]["aantalLeden"] == 2
    assert "toelichting" not in event["data"]["aanmelding"]
    disclosed = (await reducing.entries())[-1]
    assert (disclosed.event, len(disclosed.subjects)) == ("verstrekking", 2)
    # A second pull is the same message: what was reduced stays reduced.
    assert without_envelope(await reducing.pull()) == without_envelope([event])


async def test_the_applicants_no_takes_the_whole_message_back(reducing: Road) -> None:
    ann = fresh_bsn()
    answer = await reducing.refer(referral(member(ann), member(rol="partner")))

    await reducing.say(ann, False)

    assert (await reducing.state(answer), await reducing.boxes(answer)) == (PURGED, 0)


async def test_members_who_say_no_at_the_same_moment_are_both_left_out(reducing: Road) -> None:
    for _ in range(15):
        ann, ben, cas, dirk = member(), member(rol="partner"), member(rol="kind"), member()
        whole = referral(ann, ben, cas, dirk)
        await reducing.refer(whole)
        leaving = [one["burgerservicenummer"] for one in (ben, cas)]

        await asyncio.gather(*(reducing.say(one, False) for one in leaving), reducing.page())

        await reducing.refer(referral(ann, dirk))
        reduced, without = without_envelope(await reducing.pull())
        assert reduced == without
        await reducing.acknowledge()


async def test_a_no_in_a_referral_reduces_an_earlier_one(reducing: Road) -> None:
    ann, ben = member(), member(rol="partner")
    await reducing.refer(referral(ann, ben))

    await reducing.refer(referral(ann, {**ben, "instemming": NO}))

    reduced, later = without_envelope(await reducing.pull())
    assert reduced == later
    assert len(reduced["huishouden"]["leden"]) == 1


@pytest.mark.parametrize("category", ["*", "zrm"])
async def test_a_damaged_box_of_somebody_else_keeps_no_one_from_saying_no(
    reducing: Road, category: str
) -> None:
    ann, ben = member(zrm=ZRM), member(rol="partner", zrm=ZRM)
    damaged = await reducing.refer(referral(ann, ben))
    sound = await reducing.refer(referral(member(), ben))
    await reducing.pool.execute(
        """update part set box = set_byte(box, 20, 255 - get_byte(box, 20))
            where exchange = $1 and member = 0""",
        damaged["uitwisselingId"],
    )

    await reducing.say(ben["burgerservicenummer"], False, category)

    # What cannot be worked over goes as a whole.
    assert [await reducing.state(one) for one in (damaged, sound)] == [PURGED, WAITING]
    gone, stays = await reducing.pull()
    assert gone["type"] == LAPSED
    assert "zrm" not in stays["data"]["huishouden"]["leden"][-1]


# A narrower no.


@pytest.mark.parametrize("category", ["zrm", "zrm.inkomen", "identiteit", "samenstelling"])
async def test_a_narrower_no_takes_the_category_out_of_the_members_part(
    road: Road, category: str
) -> None:
    ann, ben = member(zrm=ZRM), member(rol="partner", zrm=ZRM)
    answer = await road.refer(referral(ann, ben))

    await road.say(ben["burgerservicenummer"], False, category)

    assert (await road.state(answer), await road.boxes(answer)) == (WAITING, 2)
    await road.refer(referral(ann, ben))
    reduced, sent_after = without_envelope(await road.pull())
    assert reduced == sent_after
    first, second = reduced["huishouden"]["leden"]
    gone = {
        "zrm": set(second).isdisjoint({"zrm"}),
        "zrm.inkomen": second.get("zrm") == {"gemetenOp": "2013-11-01", "huisvesting": 4},
        "identiteit": set(second) == {"pseudoniem", "rol", "zrm"},
        "samenstelling": {"pseudoniem", "rol"}.isdisjoint(second),
    }
    assert gone[category]
    assert first["zrm"]["inkomen"] == 2
    assert first["achternaam"] == "Voorbeeld"


async def test_a_date_of_measurement_goes_with_the_last_score(road: Road) -> None:
    ann = member(zrm={"gemetenOp": "2013-11-01", "scores": {"inkomen": 2}})
    await road.refer(referral(ann))

    await road.say(ann["burgerservicenummer"], False, "zrm.inkomen")

    (data,) = without_envelope(await road.pull())
    assert "zrm" not in data["huishouden"]["leden"][0]


@pytest.mark.parametrize("category", ["adres", "contact", "aanmelding"])
async def test_what_belongs_to_no_member_alone_goes_when_any_of_them_refuses_it(
    road: Road, category: str
) -> None:
    ann, ben = member(), member(rol="partner")
    message = referral(ann, ben)
    message["huishouden"]["telefoonnummer"] = "020 5550100"
    await road.refer(message)
    before = await road.last_index()

    await road.say(ben["burgerservicenummer"], False, category)

    assert [one.event for one in await road.entries(before)] == ["instemming", "verwijdering"]
    await road.refer({**message, "kenmerk": f"{message['kenmerk']}-2"})
    reduced, sent_after = without_envelope(await road.pull())
    assert reduced == sent_after
    left = {
        "adres": {"telefoonnummer", "leden"},
        "contact": {"postcode", "straatnaam", "huisnummer", "leden"},
        "aanmelding": {"postcode", "straatnaam", "huisnummer", "telefoonnummer", "leden"},
    }
    assert set(reduced["huishouden"]) == left[category]
    assert (reduced["aanmelding"] == {}) is (category == "aanmelding")


async def test_a_refused_category_is_out_of_the_sealed_parts_at_once(road: Road) -> None:
    """Not only out of what is handed over: the content itself is gone from the database."""
    ann, ben = member(zrm=ZRM), member(rol="partner", zrm=ZRM)
    answer = await road.refer(referral(ann, ben))
    sizes = "select length(box) from part where exchange = $1 order by member"
    exchange = answer["uitwisselingId"]
    before = [row[0] for row in await road.pool.fetch(sizes, exchange)]

    await road.say(ben["burgerservicenummer"], False, "adres")
    await road.say(ben["burgerservicenummer"], False, "zrm")

    after = [row[0] for row in await road.pool.fetch(sizes, exchange)]
    assert after[0] < before[0]
    assert after[1] < before[1]


# Invariant 13, for households of every kind.

PEOPLE = st.fixed_dictionaries(
    {"rol": st.sampled_from(["aanmelder", "partner", "kind", "overig"])},
    optional={
        "achternaam": st.sampled_from(["Jansen", 'de "Wit"', "Özdemir"]),
        "geboortedatum": st.sampled_from(["1980", "1980-05", "1981-02-03"]),
        "participatietrede": st.integers(1, 6),
        "zrm": st.just(ZRM) | st.just({"gemetenOp": "2013-11-02", "scores": {"justitie": 1}}),
    },
)
HOMES = st.fixed_dictionaries(
    {},
    optional={
        "postcode": st.sampled_from(["1012AB", "1102XX"]),
        "straatnaam": st.just("Voorbeeldstraat"),
        "telefoonnummer": st.just("020 5550100"),
        "geheimhouding": st.booleans(),
    },
)
thoroughly = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def household(home: Json, people: list[Json], **changes: Any) -> Json:
    return referral(huishouden={**home, "leden": people}, **changes)


@thoroughly
@given(data=st.data())
async def test_invariant_13_reduced_by_a_no_it_equals_the_one_without_that_member(
    reducing: Road, data: st.DataObject
) -> None:
    given = {"gegeven": True, "op": "2013-11-01"}
    everyone: list[Json] = [
        {**ADULT, **person, "burgerservicenummer": fresh_bsn(), "instemming": given}
        for person in data.draw(st.lists(PEOPLE, min_size=2, max_size=5))
    ]
    roles = [person["rol"] for person in everyone]
    applicant = roles.index("aanmelder") if "aanmelder" in roles else 0
    leaving = data.draw(st.sets(st.integers(0, len(everyone) - 1), min_size=1))
    staying = [person for n, person in enumerate(everyone) if n not in leaving]
    # Without the applicant the message goes as a whole; and somebody applies for who is left.
    assume(applicant not in leaving)
    assume("aanmelder" in roles or applicant == 0)
    home, note = data.draw(HOMES), data.draw(st.none() | st.just("Over iedereen."))
    extra = {} if note is None else {"toelichting": note}

    await reducing.acknowledge()  # what an example left that was given up
    await reducing.refer(household(home, everyone, **extra))
    for number in data.draw(st.permutations(sorted(leaving))):
        bsn = everyone[number]["burgerservicenummer"]
        match data.draw(st.sampled_from(["recorded", "recorded after a pull", "in a referral"])):
            case "recorded":
                await reducing.say(bsn, False)
            case "recorded after a pull":
                await reducing.pull()
                await reducing.say(bsn, False)
            case _:
                await reducing.refer(referral(member(bsn, instemming=NO)))
    await reducing.refer(household(home, staying))

    first, second, *_ = without_envelope(await reducing.pull())
    again, *_ = without_envelope(await reducing.pull())
    assert first == second == again


@thoroughly
@given(data=st.data())
async def test_invariant_13_a_category_refused_afterwards_equals_one_refused_before(
    road: Road, data: st.DataObject
) -> None:
    given = {"gegeven": True, "op": "2013-11-01"}
    everyone: list[Json] = [
        {**ADULT, **person, "burgerservicenummer": fresh_bsn(), "instemming": given}
        for person in data.draw(st.lists(PEOPLE, min_size=1, max_size=4))
    ]
    home = data.draw(HOMES)
    refusals = st.tuples(st.integers(0, len(everyone) - 1), st.sampled_from(sorted(CATEGORIES)))

    await road.acknowledge()  # what an example left that was given up
    await road.refer(household(home, everyone))
    for number, category in data.draw(st.lists(refusals, min_size=1, max_size=3)):
        await road.say(everyone[number]["burgerservicenummer"], False, category)
    await road.refer(household(home, everyone))

    first, second = without_envelope(await road.pull())
    assert first == second


# Invariant 2, against the clock.


@pytest.mark.parametrize("rule", ["allen", "beperken"])
async def test_invariant_02_no_hand_over_of_a_person_commits_after_their_withdrawal(
    road: Road, reducing: Road, rule: str
) -> None:
    under_test = road if rule == "allen" else reducing
    chance = random.Random(13)  # noqa: S311 - waits, not secrets
    raced = 0
    for _ in range(25):
        ann = fresh_bsn()
        given = await under_test.say(ann, True)
        before = await under_test.last_index()
        for _ in range(4):
            people = [member(), member(ann, agreed=None, rol="partner")]
            await under_test.refer(referral(*people))
        waits = [chance.uniform(0, 0.008) for _ in range(4)]

        async def later(wait: float, what: Any, *arguments: Any) -> Any:
            await asyncio.sleep(wait)
            return await what(*arguments)

        await asyncio.gather(
            later(waits[0], under_test.withdraw, given.consent_id),
            later(waits[1], under_test.page),
            later(waits[2], under_test.page, "casebook", 2),
            later(waits[3], under_test.say, ann, False, "zrm"),
        )

        subject = await under_test.subject(ann)
        entries = await under_test.entries(before)
        withdrawn = next(
            one.index
            for one in entries
            if one.event == "instemming" and one.entry["category"] == "*"
        )
        handed = [
            one.index for one in entries if one.event == "verstrekking" and subject in one.subjects
        ]
        assert all(index < withdrawn for index in handed)
        raced += bool(handed)
        left = without_envelope(await under_test.pull())
        assert len(left) == (0 if rule == "allen" else 4)
        assert all(len(one["huishouden"]["leden"]) == 1 for one in left)
        await under_test.acknowledge()
    # The race was one: sometimes the pull came first.
    assert 0 < raced < 25


async def test_a_later_yes_does_not_bring_back_what_was_taken_back(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.say(ann, False)

    await road.say(ann, True, at=road.now() + timedelta(seconds=1))

    assert await road.state(answer) == PURGED
    assert [one["type"] for one in await road.pull()] == [LAPSED]
