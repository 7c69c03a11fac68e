"""A partner's message on a running case: to the other party alone, for as long as the case runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.store.groups import BESCHERMD, PURGED
from tests.gateway.exchange.road import REDUCED, Road, notices, open_road, protocol
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral

UNKNOWN = ("geweigerd", "uitwisseling-onbekend")
ALLOWED = ("toegelaten", "toegelaten")
WITHOUT_YES = ("geweigerd", "instemming-onvolledig")


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, protocol("berichten", REDUCED)) as opened:
        yield opened


async def tell(road: Road, sender: str = "dwi", **changes: object) -> Json:
    message: Json = {
        "kenmerk": fresh_reference("PB"),
        "soort": "nieuwe-afspraak",
        "peildatum": "2026-01-20",
        "afspraakOp": "2026-02-01",
        **changes,
    }
    headers = [(b"partner", sender.encode()), (b"content-type", b"application/json")]
    _, _, body = await road.door.update(headers, json.dumps(message).encode())
    told: Json = json.loads(body)
    answer: Json = told.get("antwoord", told)
    return answer


def outcome(answer: Json) -> tuple[object, object]:
    return answer["besluit"], answer["regel"]


async def referred(road: Road, person: str, *others: Json) -> tuple[str, str]:
    """The exchange of a referral that the casebook has, and the referrer's own key of it."""
    sent = referral(member(person), *others)
    answer = await road.refer(sent)
    assert answer["besluit"] == "toegelaten"
    await road.acknowledge()
    return str(answer["uitwisselingId"]), str(sent["kenmerk"])


async def test_the_casebook_reads_it_under_its_own_name_of_the_person(road: Road) -> None:
    person = fresh_bsn()
    (first,) = [await road.refer(referral(member(person)))]
    (case,) = await road.pull()
    await road.acknowledge()

    answer = await tell(
        road,
        uitwisselingId=first["uitwisselingId"],
        soort="contactgegevens-gewijzigd",
        afspraakOp=None,
        telefoonnummer="020 555 0001",
        toelichting="Een verhaal dat het protocol niet noemt.",
    )
    assert outcome(answer) == ALLOWED
    (event,) = await road.pull()
    assert (event["type"], event["subject"]) == ("nl.sluis.partnerbericht", case["subject"])
    assert event["data"] == {
        "aanmelding": case["id"],
        "soort": "contactgegevens-gewijzigd",
        "peildatum": "2026-01-20",
        "telefoonnummer": "020 555 0001",
    }


async def test_a_case_is_named_by_ones_own_key_for_as_long_as_that_is_known(road: Road) -> None:
    exchange, key = await referred(road, fresh_bsn())
    assert outcome(await tell(road, aanmeldingKenmerk=key)) == ALLOWED
    (event,) = await road.pull()
    assert event["data"]["aanmelding"] == exchange
    # The same key of another sender is another's.
    assert outcome(await tell(road, "okt", aanmeldingKenmerk=key)) == UNKNOWN
    road.ahead = timedelta(days=31)
    while any(await road.retention.pass_once()):
        pass
    late = await tell(road, aanmeldingKenmerk=key)
    assert (outcome(late), late["veld"]) == (UNKNOWN, "partnerbericht.aanmeldingKenmerk")
    assert outcome(await tell(road, uitwisselingId=exchange)) == ALLOWED


async def test_a_repeat_has_the_same_answer_and_no_second_effect(road: Road) -> None:
    exchange, _ = await referred(road, fresh_bsn())
    key = fresh_reference("PB")
    first = await tell(road, uitwisselingId=exchange, kenmerk=key)
    last = await road.last_index()
    assert await tell(road, uitwisselingId=exchange, kenmerk=key) == first
    assert await road.last_index() == last
    assert len(await road.pull()) == 1


@pytest.mark.parametrize("sender", ["okt", "toezicht"])
async def test_who_was_no_party_to_the_case_does_not_find_it(road: Road, sender: str) -> None:
    exchange, _ = await referred(road, fresh_bsn())
    answer = await tell(road, sender, uitwisselingId=exchange)
    assert (outcome(answer), answer["veld"]) == (UNKNOWN, "partnerbericht.uitwisselingId")


async def test_a_message_on_a_case_is_no_case_itself(road: Road) -> None:
    exchange, key = await referred(road, fresh_bsn())
    own = fresh_reference("PB")
    told = await tell(road, uitwisselingId=exchange, kenmerk=own)
    status = await road.report_status(
        {
            "kenmerk": fresh_reference("ST"),
            "uitwisselingId": exchange,
            "status": "regiecheck",
            "peildatum": "2026-01-20",
        }
    )
    for other in (told, status):
        answer = await tell(road, uitwisselingId=other["uitwisselingId"])
        assert (outcome(answer), answer["veld"]) == (UNKNOWN, "partnerbericht.uitwisselingId")
    assert outcome(await tell(road, aanmeldingKenmerk=own)) == UNKNOWN
    assert outcome(await tell(road, aanmeldingKenmerk=key)) == ALLOWED
    assert {one["data"]["aanmelding"] for one in await road.pull()} == {exchange}


async def test_who_was_handed_it_needs_a_flow_of_its_own(road: Road) -> None:
    exchange, _ = await referred(road, fresh_bsn())
    told = await tell(road, "casebook", uitwisselingId=exchange)
    assert outcome(told) == ("geweigerd", "geen-gegevensstroom")


async def test_invariant_02_withdrawal_stops_it_before_and_after_it_came(road: Road) -> None:
    person = fresh_bsn()
    exchange, _ = await referred(road, person)
    waits = await tell(road, uitwisselingId=exchange)
    await road.say(person, False)
    assert await road.state(waits) == PURGED
    assert outcome(await tell(road, uitwisselingId=exchange)) == WITHOUT_YES
    assert [one["type"] for one in await road.pull()] == [
        "nl.sluis.vervallen",
        "nl.sluis.intrekking",
    ]
    await road.say(person, True)
    assert outcome(await tell(road, uitwisselingId=exchange)) == ALLOWED


async def test_who_lets_no_phone_number_go_lets_no_new_one_go(road: Road) -> None:
    person = fresh_bsn()
    exchange, _ = await referred(road, person)
    moved: Json = {
        "uitwisselingId": exchange,
        "soort": "contactgegevens-gewijzigd",
        "afspraakOp": None,
        "telefoonnummer": "020 555 0001",
    }
    assert outcome(await tell(road, **moved)) == ALLOWED
    await road.say(person, False, "contact")
    assert outcome(await tell(road, **moved)) == ALLOWED
    told = [one["data"] for one in await road.pull() if one["type"] == "nl.sluis.partnerbericht"]
    assert [one["soort"] for one in told] == ["contactgegevens-gewijzigd"] * 2
    assert all("telefoonnummer" not in one for one in told)


async def test_what_was_handed_over_of_it_is_recalled_too(road: Road) -> None:
    person = fresh_bsn()
    exchange, _ = await referred(road, person)
    told = await tell(road, uitwisselingId=exchange)
    await road.acknowledge()
    await road.say(person, False)
    recalled = {one["uitwisselingId"] for one in notices(await road.pull())}
    assert recalled == {exchange, told["uitwisselingId"]}


async def test_a_restriction_stops_it_and_takes_it_back(road: Road) -> None:
    person = fresh_bsn()
    exchange, _ = await referred(road, person)
    waits = await tell(road, uitwisselingId=exchange)
    await road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": exchange,
            "lid": {"burgerservicenummer": person},
        }
    )
    assert await road.state(waits) == PURGED
    assert outcome(await tell(road, uitwisselingId=exchange)) == WITHOUT_YES


async def test_a_restriction_on_the_case_stops_what_is_told_for_another_purpose(
    database: str,
) -> None:
    before, flow, after = protocol("ander-doel").partition('id = "dwi-partnerbericht"')
    after = after.replace('doel = "toeleiding-wijkteam"', 'doel = "terugkoppeling"', 1)
    after = after.replace("vereist = true", "vereist = false", 1)
    async with open_road(database, before + flow + after) as road:
        person = fresh_bsn()
        exchange, _ = await referred(road, person)
        assert outcome(await tell(road, uitwisselingId=exchange)) == ALLOWED
        await road.correct(
            {
                "soort": "beperking",
                "uitwisselingId": exchange,
                "lid": {"burgerservicenummer": person},
            }
        )
        assert outcome(await tell(road, uitwisselingId=exchange)) == WITHOUT_YES
        assert [one["type"] for one in await road.pull()] == [
            "nl.sluis.vervallen",
            "nl.sluis.correctie",
        ]


async def test_a_case_that_waits_for_agreement_or_was_taken_out_does_not_run(road: Road) -> None:
    held = await road.refer(referral(member(agreed=None)))
    assert held["besluit"] == "aangehouden"
    assert outcome(await tell(road, uitwisselingId=held["uitwisselingId"])) == UNKNOWN
    person = fresh_bsn()
    sent = await road.refer(referral(member(person)))
    await road.say(person, False)
    await road.say(person, True)
    assert await road.state(sent) == PURGED
    assert outcome(await tell(road, uitwisselingId=sent["uitwisselingId"])) == UNKNOWN


async def test_invariant_14_of_a_protected_case_nothing_can_be_told_and_nobody_learns_why(
    road: Road,
) -> None:
    sent = referral(
        member(),
        grondslag="wmo2015",
        bescherming={
            "reden": "veiligheid-partner",
            "professional": {"naam": "P. Professional", "functie": "maatschappelijk werker"},
        },
    )
    hidden = await road.refer(sent, sender="madi")
    assert hidden["besluit"] == "toegelaten"
    ordinary, protected = await road.last_index(), len(await road.entries(log=BESCHERMD))
    own = await tell(road, "madi", uitwisselingId=hidden["uitwisselingId"])
    assert outcome(own) == UNKNOWN
    # Its own sender's attempt stands apart; a stranger's stands where any wrong guess does.
    assert await road.last_index() == ordinary
    assert len(await road.entries(log=BESCHERMD)) == protected + 1
    other = await tell(road, "dwi", uitwisselingId=hidden["uitwisselingId"])
    assert outcome(other) == UNKNOWN
    assert await road.last_index() == ordinary + 1
    assert len(await road.entries(log=BESCHERMD)) == protected + 1
    guess = await tell(road, "dwi", uitwisselingId="4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e")
    assert {*other} == {*guess}


async def test_invariant_03_nothing_of_a_message_stands_in_clear(road: Road) -> None:
    exchange, _ = await referred(road, fresh_bsn())
    await tell(
        road,
        uitwisselingId=exchange,
        soort="contactgegevens-gewijzigd",
        afspraakOp=None,
        telefoonnummer="020 733 1199",
    )
    for table in ("exchange", "part", "log_leaf", "mailbox"):
        rows = await road.pool.fetch(f"select t::text from {table} t")  # noqa: S608  # own words
        assert not any("733" in row[0] and "1199" in row[0] for row in rows)
        hexed = b"020 733 1199".hex()
        assert not any(hexed in row[0] for row in rows)
