"""Rights and corrections: what waits, what is held, and who was told before."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from gateway.exchange.corrections import (
    NotTheSenderError,
    ReferenceTakenError,
    UnknownCorrectionError,
    UnknownExchangeError,
    UnknownMemberError,
)
from gateway.exchange.persons import read_persons
from gateway.exchange.rectifying import NotRectifiableError
from gateway.store.groups import CLEARED, HELD, PURGED, WAITING
from gateway.store.notices import restricted
from tests.gateway.exchange.road import (
    REDUCED,
    WITH_NOTE,
    Road,
    notices,
    open_road,
    protocol,
    trace,
    without_envelope,
)
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral, status_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]

ZRM = {"gemetenOp": "2013-11-01", "scores": {"inkomen": 2, "huisvesting": 4}}


@pytest.fixture(scope="module")
def rules() -> str:
    """Every member must agree, and free text goes along."""
    return protocol("met-tekst", WITH_NOTE)


def of(answer: Json, kind: str, **more: object) -> Json:
    return {"soort": kind, "uitwisselingId": answer["uitwisselingId"], **more}


def person(bsn: str) -> Json:
    return {"burgerservicenummer": bsn}


async def corrections_in(road: Road) -> list[Json]:
    return notices(await road.pull(), "correctie")


# Annulment.


async def test_annulled_what_waits_becomes_a_tombstone(road: Road) -> None:
    answer = await road.refer(referral())
    before = await road.last_index()

    receipt = await road.correct(of(answer, "annulering"))

    assert (await road.state(answer), await road.boxes(answer)) == (PURGED, 0)
    said, purged = await road.entries(before)
    assert said.entry["id"] == str(receipt.entry_id)
    assert (said.event, said.entry["correction"]) == ("correctie", "annulering")
    assert (purged.event, purged.entry["reason"]) == ("verwijdering", "annulering")
    assert [one["type"] for one in await road.pull()] == ["nl.sluis.vervallen"]


async def test_annulled_what_is_held_is_gone(road: Road) -> None:
    ben = fresh_bsn()
    answer = await road.refer(referral(member(), member(ben, agreed=None)))

    await road.correct(of(answer, "annulering"))
    await road.say(ben, True)

    assert await road.state(answer) == PURGED
    assert await road.pull() == []


async def test_annulled_what_was_received_is_told_and_acknowledged(road: Road) -> None:
    message = referral()
    answer = await road.refer(message)
    await road.acknowledge()

    receipt = await road.correct({"soort": "annulering", "berichtKenmerk": message["kenmerk"]})

    waiting = await road.corrections.report("dwi", receipt.correction_id)
    (told,) = await corrections_in(road)
    await road.acknowledge()
    done = await road.corrections.report("dwi", receipt.correction_id)
    assert told["uitwisselingId"] == answer["uitwisselingId"]
    assert (told["soort"], told["correctieId"]) == ("annulering", str(receipt.correction_id))
    assert "lid" not in told
    assert not waiting.is_done
    assert done.is_done
    assert [one.recipient for one in done.recipients] == ["casebook"]
    assert await road.boxes(answer) == 0
    late = await road.report_status(status_of(answer["uitwisselingId"]))
    assert late["regel"] == "uitwisseling-onbekend"


async def test_annulled_by_reference_two_hundred_and_seventy_at_once(road: Road) -> None:
    messages = [referral() for _ in range(27)]
    answers = [await road.refer(one) for one in messages]
    await road.acknowledge()

    await asyncio.gather(
        *(
            road.correct({"soort": "annulering", "berichtKenmerk": one["kenmerk"]})
            for one in messages
        )
    )

    told = {one["uitwisselingId"] for one in await corrections_in(road)}
    assert told == {one["uitwisselingId"] for one in answers}


async def test_a_withdrawal_after_an_annulment_recalls_nothing_more(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    await road.correct(of(answer, "annulering"))
    await road.acknowledge()
    await road.say(ann, False)
    assert await road.pull() == []


# Who may, and once.


async def test_a_repeat_has_the_same_answer_and_no_second_effect(road: Road) -> None:
    answer = await road.refer(referral())
    await road.acknowledge()
    message = {"kenmerk": fresh_reference("C"), **of(answer, "annulering")}
    first = await road.correct(message)
    before = await road.last_index()

    again = await asyncio.gather(*(road.correct(message) for _ in range(3)))

    assert all(one == first for one in again)
    assert await road.last_index() == before
    assert len(await corrections_in(road)) == 1


async def test_the_same_correction_at_once_is_one(road: Road) -> None:
    answer = await road.refer(referral())
    await road.acknowledge()
    message = {"kenmerk": fresh_reference("C"), **of(answer, "annulering")}
    receipts = await asyncio.gather(*(road.correct(message) for _ in range(4)))
    assert len({one.correction_id for one in receipts}) == 1
    assert len(await corrections_in(road)) == 1


async def test_another_correction_under_the_same_reference_is_refused(road: Road) -> None:
    answers = [await road.refer(referral()) for _ in range(2)]
    reference = fresh_reference("C")
    await road.correct({"kenmerk": reference, **of(answers[0], "annulering")})
    with pytest.raises(ReferenceTakenError):
        await road.correct({"kenmerk": reference, **of(answers[1], "annulering")})
    assert await road.state(answers[1]) == WAITING


@pytest.mark.parametrize("partner", ["okt", "toezicht", "casebook"])
async def test_what_was_never_anothers_does_not_exist_for_them(road: Road, partner: str) -> None:
    """Also for a recipient that was not handed it yet."""
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    for one in (answer, {"uitwisselingId": str(uuid4())}):
        with pytest.raises(UnknownExchangeError):
            await road.correct(of(one, "bezwaar", lid=person(ann)), partner)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("annulering", {}), ("rectificatie", {"waarden": {"huishouden.straatnaam": "Nieuwstraat"}})],
)
async def test_only_the_sender_annuls_and_rectifies(road: Road, kind: str, more: Json) -> None:
    answer = await road.refer(referral())
    await road.acknowledge()
    with pytest.raises(NotTheSenderError):
        await road.correct(of(answer, kind, **more), "casebook")


async def test_a_refused_message_has_nothing_to_correct(road: Road) -> None:
    answer = await road.refer(referral(grondslag="geen"))
    with pytest.raises(UnknownExchangeError):
        await road.correct(of(answer, "annulering"))


async def test_somebody_of_another_household_is_not_in_it(road: Road) -> None:
    ann = fresh_bsn()
    await road.refer(referral(member(ann)))
    answer = await road.refer(referral())
    for name in (person(ann), person(fresh_bsn()), {"plaats": 7}, {"pseudoniem": "A" * 43}):
        with pytest.raises(UnknownMemberError):
            await road.correct(of(answer, "bezwaar", lid=name))


async def test_anothers_correction_is_not_shown(road: Road) -> None:
    receipt = await road.correct(of(await road.refer(referral()), "annulering"))
    for partner, correction in (("casebook", receipt.correction_id), ("dwi", uuid4())):
        with pytest.raises(UnknownCorrectionError):
            await road.corrections.report(partner, correction)


async def test_what_fails_leaves_its_reference_free(road: Road) -> None:
    answer, reference = await road.refer(referral()), fresh_reference("C")
    with pytest.raises(UnknownExchangeError):
        await road.correct(
            {"kenmerk": reference, **of({"uitwisselingId": str(uuid4())}, "annulering")}
        )
    await road.correct({"kenmerk": reference, **of(answer, "annulering")})
    assert await road.state(answer) == PURGED


# A member who left.


async def test_without_who_left_it_equals_the_one_without_them(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    text = {"toelichting": "Ben helpt mee."}
    answer = await road.refer(referral(member(ann), member(ben, rol="partner", zrm=ZRM), **text))
    await road.refer(referral(member(ann)))

    await road.correct(of(answer, "lid-vertrokken", lid={"plaats": 1}))

    first, second = without_envelope(await road.pull())
    assert first == second


async def test_who_left_is_named_to_who_received_it(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    (event,) = await road.pull()
    names = [one["pseudoniem"] for one in event["data"]["huishouden"]["leden"]]
    await road.acknowledge()

    await road.correct(of(answer, "lid-vertrokken", lid=person(ben)))

    (told,) = await corrections_in(road)
    assert (told["soort"], told["lid"]) == ("lid-vertrokken", names[1])


async def test_a_held_message_goes_without_who_left(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, agreed=None, rol="kind")))
    assert await road.state(answer) == HELD
    await road.refer(referral(member(ann)))

    await road.correct(of(answer, "lid-vertrokken", lid=person(ben)))

    assert await road.state(answer) == WAITING
    first, second = without_envelope(await road.pull())
    assert first == second


async def test_without_the_applicant_nothing_is_left(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann), member(rol="partner")))
    await road.correct(of(answer, "lid-vertrokken", lid=person(ann)))
    assert await road.state(answer) == PURGED


# Restriction and objection.


@pytest.mark.parametrize("kind", ["beperking", "bezwaar"])
async def test_restricted_what_waits_is_taken_back_and_who_has_it_is_told(
    road: Road, kind: str
) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    received = await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.acknowledge()
    waiting = await road.refer(referral(member(ben), member(rol="partner")))

    receipt = await road.correct(of(received, kind, lid=person(ben)))

    assert await road.state(waiting) == PURGED
    (told,) = await corrections_in(road)
    assert (told["soort"], told["uitwisselingId"]) == (kind, received["uitwisselingId"])
    assert told["doel"] == "toeleiding-wijkteam"
    async with road.pool.acquire() as connection:
        found = await restricted(connection, [await road.subject(ann), await road.subject(ben)])
    assert found == {await road.subject(ben): frozenset({"toeleiding-wijkteam"})}
    (entry, *_) = [one for one in await road.entries() if one.event == "correctie"][-1:]
    assert entry.entry["id"] == str(receipt.entry_id)
    assert entry.subjects == [await road.subject(ben)]


async def test_where_it_may_be_reduced_only_their_part_goes(reducing: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await reducing.refer(referral(member(ann), member(ben, rol="partner")))
    await reducing.refer(referral(member(ann)))

    await reducing.correct(of(answer, "beperking", lid=person(ben)))

    first, second = without_envelope(await reducing.pull())
    assert first == second


async def test_invariant_02_a_restriction_holds_at_the_release(road: Road) -> None:
    """Also of a message that was decided before, by whomever it was sent."""
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    subject = await road.subject(ann)
    await road.pool.execute(
        """insert into restriction (subject, purpose, correction, is_lifted, recorded_at)
           values ($1, 'toeleiding-wijkteam', $1, false, now())""",
        subject,
    )
    await road.pool.execute("update subject set gate = gate + 1 where id = $1", subject)

    assert [one["type"] for one in await road.pull()] == ["nl.sluis.vervallen"]
    assert await road.state(answer) == PURGED


async def test_lifted_it_is_as_before(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    await road.correct(of(answer, "beperking", lid=person(ann)))
    await road.acknowledge()

    await road.correct(of(answer, "opheffing-beperking", lid=person(ann)))

    (told,) = await corrections_in(road)
    assert told["soort"] == "opheffing-beperking"
    async with road.pool.acquire() as connection:
        assert await restricted(connection, [await road.subject(ann)]) == {}
    assert (await road.refer(referral(member(ann))))["besluit"] == "toegelaten"


async def test_the_recipient_passes_on_what_somebody_asked_of_it(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    (event,) = await road.pull()
    await road.acknowledge()
    waiting = await road.refer(referral(member(ann)))

    name = {"pseudoniem": event["subject"]}
    await road.correct(of(answer, "bezwaar", lid=name), "casebook")

    assert await road.state(waiting) == PURGED
    # Who said it is not told of it.
    assert await corrections_in(road) == []


async def test_a_restriction_of_long_ago_reaches_what_was_cleared(database: str) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        answer = await road.refer(referral(member(ann)))
        await road.acknowledge()
        road.ahead = timedelta(days=20)
        await road.retention.pass_once()
        assert await road.state(answer) == CLEARED

        await road.correct(of(answer, "beperking", lid=person(ann)))

        assert len(await corrections_in(road)) == 1


@pytest.mark.parametrize("kind", ["beperking", "annulering", "lid-vertrokken"])
async def test_invariant_02_no_hand_over_commits_after_a_correction_that_forbids_it(
    road: Road, kind: str
) -> None:
    """Pulls, acknowledgements, withdrawals and corrections at once: in order, and none waits."""
    raced = 0
    for _ in range(12):
        ann, ben = fresh_bsn(), fresh_bsn()
        answers = [
            await road.refer(referral(member(ann), member(ben, rol="partner"))) for _ in range(3)
        ]
        before = await road.last_index()
        lid = {} if kind == "annulering" else {"lid": person(ann)}
        page = await road.page()

        await asyncio.gather(
            *(road.correct(of(one, kind, **lid)) for one in answers),
            road.page(),
            road.mailbox.acknowledge("casebook", page.cursor, trace()),
            road.page(),
            road.say(ben, False),
        )

        entries, who = await road.entries(before), await road.subject(ann)
        for one in answers:
            own = [e for e in entries if e.entry["exchange"] == one["uitwisselingId"]]
            corrected = next(e.index for e in own if e.event == "correctie")
            # What is handed over without the member who left may follow it.
            handed = [e.index for e in own if e.event == "verstrekking" and who in e.subjects]
            assert all(index < corrected for index in handed)
            raced += bool(handed)
        await road.acknowledge()
    assert raced
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await road.pool.fetchval(deadlocks) == 0


async def test_invariant_02_who_left_a_message_while_a_page_of_it_waited_is_not_in_the_page(
    road: Road,
) -> None:
    """It was received between being looked up and being opened, and then somebody left it."""
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    page = await road.page()

    async def blocked(number: int) -> None:
        waiting = """select count(*) from pg_stat_activity
                      where datname = current_database() and wait_event_type = 'Lock'"""
        async with asyncio.timeout(10):
            while True:
                if await road.pool.fetchval(waiting) >= number:
                    break
                await asyncio.sleep(0.01)

    async with road.pool.acquire() as gate, gate.transaction():
        subject = await road.subject(ann)
        await gate.execute("select 1 from subject where id = $1 for update", subject)
        leaves = asyncio.create_task(road.correct(of(answer, "lid-vertrokken", lid=person(ben))))
        await blocked(1)
        again = asyncio.create_task(road.page())
        await blocked(2)
        await road.mailbox.acknowledge("casebook", page.cursor, trace())
    await leaves
    events = [json.loads(one.event) for one in (await again).messages]
    assert [one for one in events if one["id"] == answer["uitwisselingId"] and "data" in one] == []


# Rectification.


async def test_rectified_what_waits_says_the_new(road: Road) -> None:
    ann, ben = member(), member(rol="partner", zrm=ZRM, achternaam="Fout")
    answer = await road.refer(referral(ann, ben))
    values = {
        "lid.achternaam": "Goed",
        "lid.geboortedatum": "1981-02",
        "lid.zrm.inkomen": 5,
        "huishouden.postcode": "1102AB",
    }
    right = {
        **ben,
        "achternaam": "Goed",
        "geboortedatum": "1981-02",
        "zrm": {"gemetenOp": "2013-11-01", "scores": {"inkomen": 5, "huisvesting": 4}},
    }
    whole = referral(ann, right)
    whole["huishouden"]["postcode"] = "1102AB"
    await road.refer(whole)

    await road.correct(of(answer, "rectificatie", lid={"plaats": 1}, waarden=values))

    first, second = without_envelope(await road.pull())
    assert first == second


async def test_rectified_what_was_received_is_told_with_the_new_values(road: Road) -> None:
    answer = await road.refer(referral(member(), member(rol="partner", achternaam="Fout")))
    (event,) = await road.pull()
    names = [one["pseudoniem"] for one in event["data"]["huishouden"]["leden"]]
    await road.acknowledge()

    values = {"lid.achternaam": "Goed", "lid.zrm.verslaving": 3, "huishouden.straatnaam": "Dam"}
    await road.correct(of(answer, "rectificatie", lid={"plaats": 1}, waarden=values))

    (told,) = await corrections_in(road)
    assert told["lid"] == names[1]
    # What the flow drops is not even named.
    assert told["velden"] == ["huishouden.straatnaam", "lid.achternaam"]
    assert told["waarden"] == {
        "huishouden": {"straatnaam": "Dam", "leden": [{"achternaam": "Goed"}]}
    }


async def test_rectification_adds_nothing_that_was_not_there(road: Road) -> None:
    """What is missing may be withheld, or hidden with a secret address."""
    secret = referral()
    secret["huishouden"]["geheimhouding"] = True
    answer = await road.refer(secret)
    before = without_envelope(await road.pull())

    values = {"huishouden.telefoonnummer": "0201234567", "huishouden.straatnaam": "Dam"}
    await road.correct(of(answer, "rectificatie", waarden=values))

    events = await road.pull()
    assert without_envelope(events) == before
    (told,) = notices(events, "correctie")
    assert "waarden" not in told


async def test_an_address_that_becomes_secret_takes_the_address_away(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann), toelichting="Woont op de Dam."))
    secret = referral(member(ann), toelichting="Woont op de Dam.")
    secret["huishouden"]["geheimhouding"] = True
    await road.refer(secret)

    await road.correct(of(answer, "rectificatie", waarden={"huishouden.geheimhouding": True}))

    first, second = without_envelope(await road.pull())
    assert first == second
    assert "straatnaam" not in first["huishouden"]


async def test_a_held_message_is_rectified_whole(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann, achternaam="Fout"), member(ben, agreed=None)))

    await road.correct(
        of(answer, "rectificatie", lid={"plaats": 0}, waarden={"lid.achternaam": "Goed"})
    )
    await road.say(ben, True)

    (data,) = without_envelope(await road.pull())
    assert data["huishouden"]["leden"][0]["achternaam"] == "Goed"


async def test_values_go_no_further_than_the_agreement_does(road: Road) -> None:
    """A withdrawal that overtakes the notice takes the values out of it, and leaves the rest."""
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.acknowledge()
    await road.correct(
        of(answer, "rectificatie", lid=person(ann), waarden={"lid.achternaam": "Anders"})
    )

    await road.say(ben, False)

    (told,) = await corrections_in(road)
    assert told["velden"] == ["lid.achternaam"]
    assert "waarden" not in told


async def test_invariant_03_new_values_lie_sealed(road: Road) -> None:
    answer = await road.refer(referral())
    await road.acknowledge()
    await road.correct(
        of(answer, "rectificatie", lid={"plaats": 0}, waarden={"lid.achternaam": "Zwaluwstaart"})
    )
    dumped = b""
    for table in ("part", "notice", "correction", "exchange", "log_leaf"):
        for row in await road.pool.fetch(f"select * from {table}"):  # noqa: S608 - our own names
            dumped += str(tuple(row)).encode()
    assert b"Zwaluwstaart" not in dumped


@pytest.mark.parametrize(
    "values",
    [
        {"lid.burgerservicenummer": "999990019"},
        {"lid.pseudoniem": "A"},
        {"lid.rol": "partner"},
        {"aanmelding.aantalLeden": 3},
        {"aanmelding.grondslag": "wgs"},
        {"statusbericht.status": "instroom"},
        {"lid.onbekend": 1},
    ],
)
async def test_what_a_message_was_decided_by_is_not_rectified(road: Road, values: Json) -> None:
    answer = await road.refer(referral())
    needs = {"lid": {"plaats": 0}} if any(path.startswith("lid.") for path in values) else {}
    with pytest.raises(NotRectifiableError):
        await road.correct(of(answer, "rectificatie", waarden=values, **needs))


async def test_a_value_that_cannot_be_is_refused_by_the_messages_own_schema(road: Road) -> None:
    answer = await road.refer(referral())
    for path, value in (("huishouden.postcode", "1012"), ("huishouden.huisnummer", "12")):
        with pytest.raises(ValidationError):
            await road.correct(of(answer, "rectificatie", waarden={path: value}))
    assert await road.state(answer) == WAITING
    assert UUID(answer["uitwisselingId"]).version == 7


@pytest.mark.parametrize("kind", ["beperking", "bezwaar"])
async def test_invariant_02_a_new_referral_about_who_objected_waits_until_it_is_lifted(
    road: Road, kind: str
) -> None:
    ann = member()
    answer = await road.refer(referral(ann))
    await road.correct(of(answer, kind, lid=person(ann["burgerservicenummer"])))

    told = await road.refer(referral(ann))

    assert (told["besluit"], told["regel"]) == ("aangehouden", "instemming-onvolledig")
    await road.correct(of(told, "opheffing-beperking", lid=person(ann["burgerservicenummer"])))
    assert told["uitwisselingId"] in {one["id"] for one in await road.pull()}


async def test_invariant_02_it_waits_also_where_nobody_is_asked(database: str) -> None:
    not_asked = ('vereist = true, huishouden = "allen"', 'vereist = false, huishouden = "allen"')
    async with open_road(database, protocol("v1", not_asked)) as road:
        ann = member(agreed=None)
        answer = await road.refer(referral(ann))
        await road.correct(of(answer, "beperking", lid=person(ann["burgerservicenummer"])))

        told = await road.refer(referral(ann))

        assert (told["besluit"], told["regel"]) == ("aangehouden", "instemming-onvolledig")


async def test_what_one_partner_restricted_no_other_lifts_nor_learns_of(road: Road) -> None:
    ann = member()
    answer = await road.refer(referral(ann))
    await road.acknowledge()
    bsn = ann["burgerservicenummer"]
    await road.correct(of(answer, "bezwaar", lid=person(bsn)), partner="casebook")
    waits = await road.refer(referral(ann))
    assert waits["besluit"] == "aangehouden"

    told = await road.correct(of(waits, "opheffing-beperking", lid=person(bsn)))

    assert told.kind == "opheffing-beperking", "the answer is as if it were the sender's own"
    assert await road.state(waits) == HELD
    await road.correct(of(answer, "opheffing-beperking", lid=person(bsn)), partner="casebook")
    assert await road.state(waits) == WAITING


async def test_who_got_pseudonyms_only_cannot_try_numbers_on_them(database: str) -> None:
    hidden = (
        '"lid.burgerservicenummer" = "identificeren"',
        '"lid.burgerservicenummer" = "weglaten"',
    )
    no_ground = ('bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n', "")
    async with open_road(database, protocol("v1", hidden, no_ground)) as road:
        ann = member()
        answer = await road.refer(referral(ann))
        await road.acknowledge()
        for text in (None, protocol("v2")):
            if text is not None:
                # That one gives the number: of what comes, and not of what came.
                await road.put_in_force(text)
            for bsn in (ann["burgerservicenummer"], fresh_bsn()):
                with pytest.raises(UnknownMemberError):
                    await road.correct(of(answer, "bezwaar", lid=person(bsn)), partner="casebook")


async def test_a_rectified_birth_date_bears_on_who_decides(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    subject = await road.subject(ann)

    await road.correct(
        of(
            answer,
            "rectificatie",
            lid=person(ann),
            waarden={"lid.geboortedatum": "2016-03-01"},
        )
    )

    async with road.pool.acquire() as connection:
        known = (await read_persons(connection, [subject], road.vault))[subject]
    # Beside the first: nobody makes somebody an adult, or a child, by correcting a date.
    assert [born.reveal() for born in known.facts.births] == ["1980-05-01", "2016-03-01"]
    later = await road.refer(referral(member(ann)))
    assert later["besluit"] == "aangehouden"


async def test_invariant_06_who_has_it_is_told_no_name_of_another_recipients(
    database: str,
) -> None:
    """A version gave the flow's id to another recipient."""
    async with open_road(database, protocol("beperkt", REDUCED)) as road:
        person = fresh_bsn()
        answer = await road.refer(referral(member(), member(person, rol="partner")))
        await road.acknowledge()
        parties = 'id = "dwi-aanmelding"\nverzender = "dwi"\nontvanger = '
        away = (f'{parties}"casebook"', f'{parties}"dwzs"')
        await road.put_in_force(protocol("weg", REDUCED, away))
        await road.correct(
            {
                "soort": "beperking",
                "uitwisselingId": answer["uitwisselingId"],
                "lid": {"burgerservicenummer": person},
            }
        )
        (restricted,) = notices(await road.pull(), "correctie")
        assert "lid" not in restricted
        await road.acknowledge()
        await road.say(person, False, partner="casebook")
        (recall,) = notices(await road.pull())
        assert "lid" not in recall
