"""A recipient's pseudonyms renewed (invariants 6, 11 and 14): who decides, who gets what, when."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product

import pytest

from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.erasure import Erasure
from gateway.exchange.mapping_parts import HALF, divided
from gateway.exchange.pseudonym_epochs import (
    NoKeyError,
    NothingPreparedError,
    NotReadyError,
    PreparedError,
)
from gateway.identity.acts import MayNotActError
from gateway.reports.projections.activities import PSEUDONYMS, events_of
from gateway.reports.projections.lines import ACTIVITY
from gateway.sandbox.receiver import Reply
from gateway.store.endpoints import remove_endpoint
from gateway.store.groups import BESCHERMD, CLEARED
from gateway.store.ids import new_id
from gateway.store.mapping import Known
from gateway.vault.boxes import CONTENT
from gateway.vault.keys import epoch_of
from schemas.identifiers import Bsn
from tests.gateway.exchange.bringing import house, pushing
from tests.gateway.exchange.renewing_pseudonyms import MAPPING, Renewal, mappings, names
from tests.gateway.exchange.road import Road, open_road, trace
from tests.support import protected
from tests.support.messages import Json, bsn, member, referral
from tests.support.protected import asked

TEXT = protected.protocol("1.0")
ANNE, BRAM = bsn(930_001), bsn(930_002)


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


@pytest.fixture
async def renewal(road: Road) -> Renewal:
    made = Renewal(road)
    await made.set_up("casebook", "veilig-thuis")
    return made


async def refer(road: Road, *numbers: str, sender: str = "dwi") -> Json:
    members = [
        member(number, rol="aanmelder" if n == 0 else "partner") for n, number in enumerate(numbers)
    ]
    choice = {} if sender == "dwi" else {"ontvanger": "casebook"}
    answer = await road.refer(referral(*members, **choice), sender)
    assert answer["besluit"] == "toegelaten"
    return answer


# Who decides (invariant 11).


async def test_without_a_key_there_is_no_renewal(renewal: Renewal) -> None:
    await remove_endpoint(renewal.road.engine, "casebook")
    with pytest.raises(NoKeyError):
        await renewal.epochs.prepare("casebook", "Z-1", "po", renewal.signing["po"].sign)
    with pytest.raises(NotAPartyError):
        await renewal.epochs.prepare("niemand", "Z-1", "po", renewal.signing["po"].sign)


async def test_invariant_11_it_takes_two_persons_one_a_privacy_officer(renewal: Renewal) -> None:
    sign = {name: key.sign for name, key in renewal.signing.items()}
    for officer in ("eigenaar", "fg", "onbekend"):
        with pytest.raises(MayNotActError):
            await renewal.epochs.prepare("casebook", "Z-1", officer, sign["po"])
    with pytest.raises(MayNotActError, match="not the key"):
        await renewal.epochs.prepare("casebook", "Z-1", "po", sign["po-twee"])
    await renewal.epochs.prepare("casebook", "Z-1", "po", sign["po"])
    with pytest.raises(PreparedError):
        await renewal.epochs.prepare("casebook", "Z-1", "po", sign["po"])
    with pytest.raises(MayNotActError, match="did not sign"):
        await renewal.epochs.switch("casebook")
    for officer in ("po", "fg"):
        with pytest.raises(MayNotActError):
            await renewal.epochs.confirm("casebook", officer, sign[officer])
    await renewal.epochs.confirm("casebook", "po-twee", sign["po-twee"])
    with pytest.raises(NotReadyError):
        await renewal.epochs.confirm("casebook", "eigenaar", sign["eigenaar"])


async def test_a_decision_that_was_changed_since_is_not_carried_out(renewal: Renewal) -> None:
    await renewal.announce()
    await renewal.take()
    await renewal.road.pool.execute("update pseudonym_epoch set epoch = 9")
    with pytest.raises(MayNotActError, match="does not verify"):
        await renewal.epochs.switch("casebook")


async def test_each_step_has_its_entry_and_names_nobody(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.renew()
    steps = [one for one in await renewal.road.entries() if one.event == "pseudoniemwissel"]
    assert [one.entry["step"] for one in steps] == ["besloten", "aangekondigd", "gewisseld"]
    assert all(not one.subjects and one.entry["subjects"] == [] for one in steps)
    others = [one for one in await renewal.road.entries() if one.entry.get("notice") == MAPPING[9:]]
    activities = {one.entry["attributes"][ACTIVITY] for one in [*steps, *others]}
    assert activities == {PSEUDONYMS.uri}
    assert {one.event for one in [*steps, *others]} <= events_of(PSEUDONYMS.uri)


# What the recipient gets, and when.


async def test_invariant_06_the_mapping_leads_from_each_old_pseudonym_to_the_new_one(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE, BRAM)
    (before,) = await renewal.take()
    mapping = await renewal.renew()
    await refer(renewal.road, ANNE, BRAM)
    (after,) = await renewal.take()
    assert len(names(before)) == 2
    assert mapping.keys() == names(before)
    assert set(mapping.values()) == names(after)
    assert mapping[before["subject"]] == after["subject"]
    assert not names(before) & names(after)


async def test_what_was_queued_before_bears_the_old_names_however_late_it_is_fetched(
    renewal: Renewal,
) -> None:
    await renewal.announce()
    await renewal.take()
    await refer(renewal.road, ANNE, BRAM)
    (waiting,) = await renewal.pull()
    await renewal.epochs.switch("casebook")
    await refer(renewal.road, ANNE, BRAM)
    (again,) = await renewal.pull()
    assert names(again) == names(waiting)
    old, closing, new = await renewal.take()
    assert old["subject"] == waiting["subject"]
    assert closing["data"]["sluit"] is True
    pairs = dict(closing["data"]["paren"])
    assert {pairs[name] for name in names(old)} == names(new)
    assert not names(old) & names(new)


async def test_whoever_appears_between_is_in_the_part_that_closes_and_nobody_twice(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE)
    await renewal.announce()
    (_, part) = await renewal.take()
    assert len(part["data"]["paren"]) == 1
    assert part["data"]["sluit"] is False
    await refer(renewal.road, ANNE, BRAM)
    await renewal.take()
    await renewal.epochs.switch("casebook")
    (closing,) = await renewal.take()
    assert (closing["data"]["deel"], len(closing["data"]["paren"])) == (2, 1)
    assert (closing["data"]["van"], closing["data"]["naar"]) == (1, 2)


async def test_the_switch_waits_for_every_part(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.take()
    await renewal.announce()
    with pytest.raises(NotReadyError, match="1 of 1"):
        await renewal.epochs.switch("casebook")
    assert len(mappings(await renewal.pull())) == 1
    with pytest.raises(NotReadyError, match="1 of 1"):
        await renewal.epochs.switch("casebook")
    await renewal.road.acknowledge()
    await renewal.epochs.switch("casebook")
    with pytest.raises(NothingPreparedError):
        await renewal.epochs.switch("casebook")


async def test_a_part_makes_a_page_of_its_own_and_stops_nobody(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.announce()
    await refer(renewal.road, BRAM)
    pages = []
    while page := await renewal.pull():
        pages.append([event["type"] for event in page])
        await renewal.road.acknowledge()
    assert pages == [["nl.sluis.aanmelding"], [MAPPING], ["nl.sluis.aanmelding"]]


async def test_a_part_leaves_sealed_for_the_recipients_key_alone(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.announce()
    await renewal.take()
    await renewal.epochs.switch("casebook")
    (event,) = await renewal.road.pull()
    assert event["datacontenttype"] == "application/jose"
    assert isinstance(event["data"], str)
    assert "subject" not in event


async def test_without_its_key_a_part_is_taken_out_and_the_mailbox_goes_on(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE)
    await renewal.take()
    await renewal.announce()
    await remove_endpoint(renewal.road.engine, "casebook")
    await refer(renewal.road, ANNE)
    gone, still = await renewal.take()
    assert (gone["type"], still["type"]) == ("nl.sluis.vervallen", "nl.sluis.aanmelding")
    with pytest.raises(NoKeyError):
        await renewal.epochs.switch("casebook")
    await renewal.set_key("casebook")
    with pytest.raises(NotReadyError, match="taken out"):
        await renewal.epochs.switch("casebook")


async def test_a_part_that_was_received_can_be_had_again_for_some_days(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.take()
    await renewal.announce()
    start = await renewal.road.page()
    before = mappings(await renewal.take())
    await renewal.epochs.switch("casebook")
    await renewal.take()

    async def again() -> list[Json]:
        cursor = renewal.road.mailbox._cursor("casebook", start.messages[0].position - 1, "")
        page = await renewal.road.mailbox.page("casebook", cursor, 10, trace())
        return [renewal.opened("casebook", json.loads(one.event)) for one in page.messages]

    assert mappings(await again()) == before
    renewal.road.ahead = timedelta(days=15)
    await renewal.road.retention.pass_once()
    assert {event["type"] for event in await again()} == {"nl.sluis.vervallen"}


async def test_a_withdrawn_renewal_changes_nothing_and_its_number_is_not_used_again(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE)
    await renewal.announce()
    await renewal.epochs.withdraw("casebook", "po", renewal.signing["po"].sign)
    first, gone = await renewal.take()
    assert gone["type"] == "nl.sluis.vervallen"
    await refer(renewal.road, ANNE)
    (second,) = await renewal.take()
    assert second["subject"] == first["subject"]
    assert await renewal.road.pool.fetchval("select count(*) from pseudonym_pair") == 0
    await renewal.announce()
    (part,) = mappings(await renewal.take())
    assert (part["van"], part["naar"]) == (1, 3)


async def test_pseudonyms_can_be_renewed_again_and_again(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    (first,) = await renewal.take()
    one, two = await renewal.renew(), await renewal.renew()
    await refer(renewal.road, ANNE)
    (last,) = await renewal.take()
    assert two[one[first["subject"]]] == last["subject"]
    assert {one.epoch for one in await renewal.epochs.shown()} == {3}


async def test_a_correction_may_name_somebody_by_an_older_pseudonym(renewal: Renewal) -> None:
    answer = await refer(renewal.road, ANNE, BRAM)
    (event,) = await renewal.take()
    (name,) = names(event) - {event["subject"]}
    await renewal.renew()
    receipt = await renewal.road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": answer["uitwisselingId"],
            "lid": {"pseudoniem": name},
        },
        "casebook",
    )
    assert receipt


async def test_who_waits_for_agreement_is_in_no_mapping_until_the_casebook_registers_them(
    renewal: Renewal,
) -> None:
    road = renewal.road
    held = await road.refer(referral(member(ANNE), member(BRAM, agreed=None, rol="partner")))
    assert held["besluit"] == "aangehouden"
    await renewal.announce()
    assert await renewal.take() == []
    await road.pool.execute(
        """insert into registration (recipient, subject, registered_at, expires_at, entry)
           values ('casebook', $1, now(), now() + interval '1 year', $2)""",
        await road.subject(ANNE),
        new_id(),
    )
    await renewal.epochs.switch("casebook")
    (closing,) = mappings(await renewal.take())
    assert len(closing["paren"]) == 1


# Who never gets it.


async def test_invariant_06_two_recipients_cannot_link_before_or_after(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.road.refer(protected.report(member(ANNE, agreed=None)), "okt")
    ours, theirs = await renewal.take(), await renewal.take("veilig-thuis")
    mine, others = await renewal.renew(), await renewal.renew("veilig-thuis")
    seen = [*mine, *mine.values(), *others, *others.values()]
    assert len(mine) == len(others) == 1
    assert len(set(seen)) == 4
    assert {ours[0]["subject"], theirs[0]["subject"]} == {*mine, *others}
    assert "casebook" not in {one["data"].get("ontvanger") for one in theirs}


async def test_an_erased_person_stands_in_no_mapping(renewal: Renewal) -> None:
    road = renewal.road
    await refer(road, ANNE)
    await refer(road, BRAM)
    first, second = await renewal.take()
    await renewal.announce()
    erasure = Erasure(road.pool, road.consents._load_book, road.handles, road.tools)
    assert await erasure.erase(Bsn(ANNE), trace()) is not None
    assert await road.pool.fetchval("select count(*) from pseudonym_pair") == 1
    (part,) = mappings(await renewal.take())
    assert [pair[0] for pair in part["paren"]] == [second["subject"]]
    assert first["subject"] != second["subject"]


async def test_nothing_in_the_database_leads_from_an_old_pseudonym_to_a_new_one(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE, BRAM)
    await renewal.take()
    mapping = await renewal.renew()
    tables = await renewal.road.pool.fetch(
        "select tablename from pg_tables where schemaname = 'public'"
    )
    for (table,) in tables:
        rows = await renewal.road.pool.fetch(f"select t::text from {table} t")  # noqa: S608  # the schema's own names
        text = " ".join(row[0] for row in rows)
        for old, new in mapping.items():
            assert old not in text, table
            assert new not in text, table


# Protected exchanges (invariant 14).


async def test_invariant_14_persons_of_protected_exchanges_are_among_the_others(
    renewal: Renewal,
) -> None:
    await refer(renewal.road, ANNE)
    await renewal.road.refer(asked(member(ANNE, agreed=None)), "okt")
    known = {event["subject"] for event in await renewal.take()}
    assert len(known) == 2
    before = {log: len(await renewal.road.entries(log=log)) for log in (1, BESCHERMD)}
    await renewal.announce()
    (part,) = mappings(await renewal.take())
    assert {pair[0] for pair in part["paren"]} == known
    ordinary = (await renewal.road.entries())[before[1] :]
    hidden = (await renewal.road.entries(log=BESCHERMD))[before[BESCHERMD] :]
    assert [(one.event, len(one.entry["subjects"])) for one in ordinary] == [
        ("pseudoniemwissel", 0),
        ("kennisgeving", 0),
        ("pseudoniemwissel", 0),
        ("verstrekking", 1),
        ("ontvangst", 1),
    ]
    assert [(one.event, len(one.entry["subjects"])) for one in hidden] == [
        ("verstrekking", 1),
        ("ontvangst", 1),
    ]


async def test_invariant_14_the_open_log_is_as_it_would_have_been_without_them(
    renewal: Renewal, database: str
) -> None:
    """Of a recipient whom only protected exchanges concern nothing but the officers' act shows."""
    await renewal.road.refer(protected.report(member(ANNE, agreed=None)), "okt")
    await renewal.take("veilig-thuis")
    await renewal.renew("veilig-thuis")
    ordinary = [(one.event, one.subjects) for one in await renewal.road.entries()]
    assert ordinary == [
        ("pseudoniemwissel", []),
        ("pseudoniemwissel", []),
        ("kennisgeving", []),
        ("pseudoniemwissel", []),
        ("verstrekking", []),
        ("ontvangst", []),
    ]


def test_invariant_14_parts_of_ordinary_persons_are_as_many_and_as_large_without_the_others() -> (
    None
):
    ordinary, hidden = (0, 1, HALF, HALF + 1, 3 * HALF), (0, 1, HALF, 4 * HALF)
    for open_, secret, closes in product(ordinary, hidden, (False, True)):
        persons = [Known(new_id(), "casus", n >= open_) for n in range(open_ + secret)]
        alone = divided(persons[:open_], closes=closes)
        mixed = divided(persons, closes=closes)
        seen = [[one for one in part if not one.is_protected] for part in mixed]
        extra = len(mixed) - len(alone)
        assert all(part == [] for part in seen[:extra])
        assert [len(part) for part in seen[extra:]] == [len(part) for part in alone]
        assert sorted(one for part in mixed for one in part) == sorted(persons)
        assert all(len(part) <= 2 * HALF for part in mixed)


# Others at the same time, and other ways.


async def test_a_mapping_is_brought_like_any_mail_where_mail_is_brought(renewal: Renewal) -> None:
    async with house(renewal.road) as home:
        await renewal.set_key("casebook", home.door.url)
        home.answer = lambda _: Reply(204)
        await refer(renewal.road, ANNE)
        await renewal.announce()
        await pushing(renewal.road).pass_once()
        await renewal.epochs.switch("casebook")
        await refer(renewal.road, ANNE)
        await pushing(renewal.road).pass_once()
        events = [renewal.opened("casebook", json.loads(one.body)) for one in home.came]
    first, part, closing, last = events
    assert (part["data"]["sluit"], closing["data"]["sluit"]) == (False, True)
    assert dict(part["data"]["paren"])[first["subject"]] == last["subject"]


async def test_messages_that_arrive_while_it_switches_bear_one_name_or_the_other_by_their_place(
    renewal: Renewal,
) -> None:
    road = renewal.road
    await refer(road, ANNE)
    await renewal.announce()
    (first, *_) = await renewal.take()

    async def referring() -> None:
        for _ in range(30):
            await refer(road, ANNE)

    work = asyncio.create_task(referring())
    await asyncio.sleep(0.05)
    await renewal.epochs.switch("casebook")
    await work
    events = await renewal.take()
    place = next(n for n, event in enumerate(events) if event["type"] == MAPPING)
    assert {name for event in events[:place] for name in names(event)} <= {first["subject"]}
    after = {name for event in events[place + 1 :] for name in names(event)}
    assert len(after) == 1
    assert first["subject"] not in after


async def test_a_part_that_nobody_fetches_goes_in_time(renewal: Renewal) -> None:
    await refer(renewal.road, ANNE)
    await renewal.take()
    await renewal.announce()
    renewal.road.ahead = timedelta(days=366)
    await renewal.road.retention.pass_once()
    (standing,) = await renewal.epochs.shown()
    assert standing.progress is not None
    assert standing.progress.lost == 1


@pytest.mark.proof
async def test_a_city_of_persons_is_renewed_in_bounded_parts(
    renewal: Renewal, capsys: pytest.CaptureFixture[str]
) -> None:
    road, count = renewal.road, 30_000
    await refer(road, ANNE)
    (template,) = await road.pool.fetch("select * from exchange limit 1")
    subjects, exchanges, disclosures = [], [], []
    for _ in range(count):
        subject, exchange = new_id(), new_id()
        _, wrapped = road.vault.new_key(subject, CONTENT, epoch_of(road.now()))
        subjects.append((subject, subject.bytes, *wrapped))
        exchanges.append(tuple({**dict(template), "id": exchange, "state": CLEARED}.values()))
        disclosures.append((subject, exchange, 0, road.now()))
    await road.pool.copy_records_to_table(
        "subject", records=subjects, columns=("id", "handle", "kek_epoch", "wrapped")
    )
    columns = list(template.keys())
    await road.pool.copy_records_to_table("exchange", records=exchanges, columns=columns)
    await road.pool.copy_records_to_table(
        "disclosure", records=disclosures, columns=("subject", "exchange", "member", "released_at")
    )
    began = time.monotonic()
    await renewal.announce()
    announced = time.monotonic() - began
    sizes, pages = [], []
    while True:
        began = time.monotonic()
        page = await road.page()
        pages.append(time.monotonic() - began)
        if not page.messages:
            break
        sizes.append(max(len(one.event) for one in page.messages))
        await road.mailbox.acknowledge("casebook", page.cursor, trace())
    began = time.monotonic()
    await renewal.epochs.switch("casebook")
    switched = time.monotonic() - began
    assert len(sizes) == 1 + count // HALF + 1
    largest = await road.pool.fetchval("select max(length(entry)) from log_leaf")
    assert largest < 65_536
    with capsys.disabled():
        print(  # noqa: T201  # the figures of the proof
            f"\n{count} persons: announced in {announced:.1f} s, {len(sizes) - 1} parts of at most"
            f" {max(sizes)} bytes, a page {sorted(pages)[len(pages) // 2] * 1000:.0f} ms, switched"
            f" in {switched:.2f} s; the largest entry {largest} bytes"
        )
