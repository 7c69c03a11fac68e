"""Already known: told to the recipient alone, of whom it was handed or registered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.app import Books
from gateway.exchange.boxes import KNOWN, with_known
from gateway.exchange.mailbox import NotReleasedError, ReleaseLapsedError
from gateway.exchange.registrations import Registrations
from gateway.store.erasure import delete_subject
from gateway.store.registrations import registered_of
from schemas.decisions import Refuse, Rule
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import EXAMPLE, KEYS, REDUCED, Road, open_road, protocol, trace
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, protocol("bekend", REDUCED)) as opened:
        yield opened


@pytest.fixture
def registrations(road: Road) -> Registrations:
    return Registrations(road.pool, Books(KEYS).of, road.tools)


async def registered(registrations: Registrations, road: Road, *numbers: str) -> list[str | None]:
    handles = [road.handles.of(Bsn(number)) for number in numbers]
    named = await registrations.register("casebook", handles, trace())
    assert not isinstance(named, Refuse)
    return [one.pseudonym for one in named]


def known_of(event: Json) -> list[object]:
    return [one.get("reedsBekend", "-") for one in event["data"]["huishouden"]["leden"]]


async def refer(road: Road, *members: Json) -> Json:
    answer = await road.refer(referral(*members))
    assert answer["besluit"] == "toegelaten", answer
    return answer


async def test_the_second_message_about_somebody_says_that_they_are_known(road: Road) -> None:
    twice, once = fresh_bsn(), fresh_bsn()
    await refer(road, member(twice))
    await refer(road, member(twice), member(once, rol="partner"))
    first, second = await road.pull()
    assert known_of(first) == [False]
    assert known_of(second) == [True, False]
    # One name for one person, and the same words at every pull.
    assert first["subject"] == second["subject"]
    assert await road.pull() == [first, second]


async def test_who_was_received_and_cleared_long_ago_is_known_still(road: Road) -> None:
    person = fresh_bsn()
    await refer(road, member(person))
    await road.acknowledge()
    road.ahead = timedelta(days=40)
    while (await road.retention.pass_once()).exchanges:
        pass
    await refer(road, member(person))
    (event,) = await road.pull()
    assert known_of(event) == [True]


async def test_what_was_never_handed_over_makes_nobody_known(road: Road) -> None:
    person = fresh_bsn()
    await refer(road, member(person))
    await road.say(person, False)
    await road.say(person, True)
    await refer(road, member(person))
    tombstone, event = await road.pull()
    assert "data" not in tombstone
    assert known_of(event) == [False]


async def test_what_was_taken_back_before_it_was_sent_was_not_handed_over(road: Road) -> None:
    person = fresh_bsn()
    await refer(road, member(person))
    page = await road.page()
    late = page._replace(released_at=page.released_at - 11)
    with pytest.raises(ReleaseLapsedError):
        await road.mailbox.check_fresh(late, trace())
    # So nothing of it is confirmed, or recalled, or known.
    with pytest.raises(NotReleasedError):
        await road.mailbox.acknowledge("casebook", page.cursor, trace())
    await road.say(person, False)
    await road.say(person, True)
    await refer(road, member(person))
    tombstone, event = await road.pull()
    assert "data" not in tombstone
    assert known_of(event) == [False]
    assert await road.pool.fetchval("select count(*) from disclosure") == 0


async def test_what_was_sent_once_stays_handed_over_where_a_repeat_is_taken_back(
    road: Road,
) -> None:
    person = fresh_bsn()
    await refer(road, member(person))
    await road.pull()
    page = await road.page()
    with pytest.raises(ReleaseLapsedError):
        await road.mailbox.check_fresh(page._replace(released_at=0.0), trace())
    assert await road.mailbox.acknowledge("casebook", page.cursor, trace()) == 1
    await refer(road, member(person))
    (event,) = await road.pull()
    assert known_of(event) == [True]


async def test_without_a_number_nobody_can_tell(road: Road) -> None:
    nameless = member()
    del nameless["burgerservicenummer"]
    await refer(road, member(), nameless)
    (event,) = await road.pull()
    assert known_of(event) == [False, "-"]


async def test_an_opening_load_shows_a_double_on_the_first_day(
    road: Road, registrations: Registrations
) -> None:
    person, other = fresh_bsn(), fresh_bsn()
    before = await road.last_index()
    (name,) = await registered(registrations, road, person)
    (entry,) = await road.entries(before)
    assert (entry.event, entry.entry["act"]) == ("registratie", "geregistreerd")
    assert entry.entry["flow"] == "casebook-registratie"
    assert len(entry.entry["subjects"]) == 1
    assert person not in json.dumps(entry.entry)

    answer = await refer(road, member(person), member(other, rol="partner"))
    (event,) = await road.pull()
    assert known_of(event) == [True, False]
    # The name that was given is the one that messages bear.
    assert event["subject"] == name
    # The referrer hears nothing of it.
    assert "reedsBekend" not in json.dumps(answer)
    assert answer["bevindingen"] == (await refer(road, member()))["bevindingen"]


async def test_registering_again_is_answered_the_same_and_changes_nothing(
    road: Road, registrations: Registrations
) -> None:
    numbers = [fresh_bsn() for _ in range(5)]
    names = await registered(registrations, road, *numbers, numbers[0])
    assert names[0] == names[5]
    assert len(set(names)) == 5
    last = await road.last_index()
    assert await registered(registrations, road, *reversed(numbers)) == list(reversed(names[:5]))
    assert await road.entries(last) == []
    async with road.pool.acquire() as connection:
        assert await registered_of(connection, "casebook") == 5


async def test_what_is_ended_is_not_known_any_more(
    road: Road, registrations: Registrations
) -> None:
    person, never = fresh_bsn(), fresh_bsn()
    await registered(registrations, road, person)
    handles = [road.handles.of(Bsn(number)) for number in (person, never)]
    last = await road.last_index()
    await registrations.end("casebook", handles, trace())
    await registrations.end("casebook", handles, trace())
    (entry,) = await road.entries(last)
    assert entry.entry["act"] == "beeindigd"
    await refer(road, member(person))
    (event,) = await road.pull()
    assert known_of(event) == [False]
    # Asking to end it made no row of who was never met.
    assert await road.subject(never) is None


async def test_a_registration_lapses_and_can_be_made_anew(
    road: Road, registrations: Registrations
) -> None:
    person = fresh_bsn()
    await registered(registrations, road, person)
    road.ahead = timedelta(days=366)
    await refer(road, member(person))
    (event,) = await road.pull()
    assert known_of(event) == [False]
    last = await road.last_index()
    await registered(registrations, road, person)
    assert [one.entry["act"] for one in await road.entries(last)] == ["geregistreerd"]
    road.ahead = timedelta(days=2 * 366)
    await road.retention.pass_once()
    async with road.pool.acquire() as connection:
        assert await registered_of(connection, "casebook") == 0


async def test_who_objected_to_the_purpose_is_not_registered(
    road: Road, registrations: Registrations
) -> None:
    person = fresh_bsn()
    await refer(road, member(person))
    await road.pool.execute(
        """insert into restriction (subject, purpose, correction, is_lifted, recorded_at)
           values ($1, 'ontdubbelen', gen_random_uuid(), false, now())""",
        await road.subject(person),
    )
    barred, other = await registered(registrations, road, person, fresh_bsn())
    assert barred is None
    assert other is not None


async def test_a_registration_that_could_not_be_made_today_is_not_told_of(
    road: Road, registrations: Registrations
) -> None:
    objects, other = fresh_bsn(), fresh_bsn()
    await registered(registrations, road, objects, other)
    await road.pool.execute(
        """insert into restriction (subject, purpose, correction, is_lifted, recorded_at)
           values ($1, 'ontdubbelen', gen_random_uuid(), false, now())""",
        await road.subject(objects),
    )
    await refer(road, member(objects), member(other, rol="partner"))
    (event,) = await road.pull()
    assert known_of(event) == [False, True]

    flow = EXAMPLE[EXAMPLE.index('[[gegevensstroom]]\nid = "casebook-registratie"') :]
    await road.put_in_force(protocol("zonder", REDUCED, (flow, "")))
    (event,) = await road.pull()
    assert known_of(event) == [False, False]
    # Whom it was handed it knows still.
    await refer(road, member(other))
    assert known_of((await road.pull())[-1]) == [True]


async def test_who_the_protocol_does_not_name_registers_nobody_and_leaves_an_entry(
    road: Road, registrations: Registrations
) -> None:
    handle = road.handles.of(Bsn(fresh_bsn()))
    last = await road.last_index()
    told = await registrations.register("dwi", [handle], trace())
    assert isinstance(told, Refuse)
    assert told.rule is Rule.NO_FLOW
    (entry,) = await road.entries(last)
    assert (entry.entry["act"], entry.subjects) == ("geweigerd", [])
    assert await road.pool.fetchval("select count(*) from subject") == 0


async def test_invariant_14_a_protected_exchange_makes_nobody_known_and_is_told_nothing(
    road: Road, registrations: Registrations
) -> None:
    person = fresh_bsn()
    protection = {
        "reden": "veiligheid-partner",
        "professional": {"naam": "P. Professional", "functie": "maatschappelijk werker"},
    }
    hidden = await road.refer(
        referral(
            member(person),
            grondslag="wmo2015",
            bescherming=protection,
        ),
        sender="madi",
    )
    assert hidden["besluit"] == "toegelaten", hidden
    await road.acknowledge()
    await refer(road, member(person))
    (event,) = await road.pull()
    assert known_of(event) == [False]
    # Nor the other way round: the protected side of a person is a row of its own, and finding
    # the one from the other is what ADR 0014 keeps from everybody.
    await registered(registrations, road, person)
    again = await road.refer(
        referral(
            member(person),
            reference=fresh_reference(),
            grondslag="wmo2015",
            bescherming=protection,
        ),
        sender="madi",
    )
    assert again["besluit"] == "toegelaten"
    *_, last = await road.pull()
    assert last["id"] == again["uitwisselingId"]
    assert known_of(last) == ["-"]


async def test_invariant_10_erasing_a_person_takes_the_registration_along(
    road: Road, registrations: Registrations
) -> None:
    person = fresh_bsn()
    await registered(registrations, road, person)
    subject = await road.subject(person)
    async with road.pool.acquire() as connection:
        await delete_subject(connection, subject)
    assert await road.pool.fetchval("select count(*) from registration") == 0
    (name,) = await registered(registrations, road, person)
    assert name is not None
    assert await road.subject(person) != subject


def test_what_no_one_can_tell_leaves_neither_field_nor_category() -> None:
    content = b"\x1f".join(
        [b"samenstelling\x1ebekendheid", b'"rol":"kind"\x1e' + KNOWN, b"", b"", b""]
    )
    assert with_known(content, None) == b"samenstelling\x1f" + b'"rol":"kind"\x1f\x1f\x1f'
    assert b'"reedsBekend":true' in with_known(content, True)
    assert b'"reedsBekend":false' in with_known(content, False)
    # A value that looks like it is text, and text is escaped.
    text = b"identiteit\x1f" + json.dumps({"achternaam": KNOWN.decode()}).encode()[1:-1]
    assert with_known(text + b"\x1f\x1f\x1f", True) == text + b"\x1f\x1f\x1f"
