"""What the journal holds is done again in a database that was put back, once and on the same road.

A backup is a copy of the database at a moment; what happens in the original afterwards is what the
copy forgot.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from gateway.app import Books
from gateway.exchange import narrowing
from gateway.exchange.arrivals import Prints
from gateway.exchange.deciding import deciding
from gateway.exchange.erasure import Erasure
from gateway.exchange.mailbox import CursorError
from gateway.exchange.moves import Moves
from gateway.exchange.narrowing import ENDED_AT_ONCE, Narrowing, read_line
from gateway.exchange.placing import hidden_of
from gateway.exchange.recovery import Recovery
from gateway.exchange.registrations import Registrations
from gateway.exchange.shutting_out import Done, ShuttingOut
from gateway.store.groups import CLEARED, PURGED, TOEGANG, WAITING
from gateway.store.ids import new_id
from gateway.store.notices import restricted
from gateway.store.partners import (
    PartnerKey,
    add_key,
    list_partners,
    resume_partner,
    suspend_partner,
)
from gateway.vault.journal_folder import JournalUnavailableError
from gateway.vault.journal_reading import read_journal
from schemas.casework import Move
from schemas.consents import AuthorityRecord
from schemas.decisions import Refuse
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import KEYS, Road, notices, open_road, trace
from tests.support.database import TestServer
from tests.support.messages import Json, fresh_bsn, member, referral

CHILD = "2019-05-01"
FAR = datetime(2035, 1, 1, tzinfo=UTC)


@dataclass
class Story:
    """A gateway that goes on after its backup was made, and what the backup becomes."""

    postgres: TestServer
    name: str
    road: Road
    backups: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def put_back(self) -> AsyncIterator[tuple[Road, Recovery]]:
        """The newest backup in use, with a recovery on it."""
        async with open_road(self.postgres.url(self.backups[-1]), is_new=False) as road:
            yield road, Recovery(road.pool, Books(KEYS).of, road.tools)

    async def back_up(self) -> None:
        name = f"backup_{new_id().hex}"
        await self.road.committer.stop()
        await self.road.deliveries.stop()
        await self.road.pool.expire_connections()
        await self.road.engine.dispose()
        connection = await asyncpg.connect(self.postgres.server.dsn)
        try:
            async with asyncio.timeout(30):
                while True:
                    await connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                        self.name,
                    )
                    try:
                        await connection.execute(f"create database {name} template {self.name}")
                        break
                    except asyncpg.ObjectInUseError:  # somebody is just going
                        await asyncio.sleep(0.1)
        finally:
            await connection.close()
        self.backups.append(name)
        self.road.committer.start()
        self.road.deliveries.start()

    def acts(self) -> list[Narrowing]:
        """What the journal holds."""
        read = read_journal(self.road.journal_folder, KEYS)
        assert read.faults == []
        return [read_line(line.content) for line in read.lines]


@pytest.fixture
async def story(postgres: TestServer) -> AsyncIterator[Story]:
    name = await postgres.fresh()
    async with open_road(postgres.url(name)) as road:
        told = Story(postgres, name, road)
        yield told
    for each in (name, *told.backups):
        await postgres.drop(each)


async def erase(road: Road, number: str) -> None:
    """As `sluis erase` does: the line first, then the deed."""
    subject = await road.subject(number)
    await road.tools.journal.write([narrowing.erased(subject, road.now())])
    erasure = Erasure(road.pool, road.consents._load_book, road.handles, road.tools)
    assert await erasure.erase(Bsn(number), trace()) is not None


async def said(road: Road, number: str) -> list[Json]:
    """The decisions of one person, oldest first."""
    rows = await road.pool.fetch(
        """select c.given, c.decided_by, c.decider from consent_event c
             join subject s on s.id = c.subject where s.handle = $1 order by c.id""",
        road.handles.of(Bsn(number)),
    )
    return [dict(row) for row in rows]


async def test_invariant_02_a_withdrawal_is_done_again_with_all_that_follows(story: Story) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    agreed = await story.road.say(ann, True)
    waits = await story.road.refer(referral(member(ann), member(ben, rol="partner")))
    went = await story.road.refer(referral(member(ann)))
    await story.road.page(limit=2)
    await story.back_up()
    await story.road.withdraw(agreed.consent_id)

    async with story.put_back() as (road, recovery):
        before = await road.last_index()
        assert await recovery.missing(story.acts()) == {"nee": 1}
        assert await recovery.replay(story.acts()) == {"nee": 1}

        assert await road.state(waits) == PURGED
        assert [one["given"] for one in await said(road, ann)][-1] is False
        consent, *rest = await road.entries(before)
        assert consent.event == "instemming"
        assert UUID(consent.entry["replays"])
        assert {one.event for one in rest} == {"verwijdering", "kennisgeving"}
        # Who was handed it is told again: whether they were told before, nobody can know.
        told = notices(await road.pull())
        assert {one["uitwisselingId"] for one in told} == {
            waits["uitwisselingId"],
            went["uitwisselingId"],
        }

        assert await recovery.missing(story.acts()) == {}
        index = await road.last_index()
        assert await recovery.replay(story.acts()) == {}
        assert await road.last_index() == index


async def test_a_refusal_in_a_message_is_kept_and_its_person_met_again(story: Story) -> None:
    ann = fresh_bsn()
    await story.back_up()
    await story.road.refer(referral(member(ann, agreed=False)))
    subject = await story.road.subject(ann)

    async with story.put_back() as (road, recovery):
        assert await road.subject(ann) is None
        assert await recovery.replay(story.acts()) == {"nee": 1}

        # The same random id, so that recipients know the person by the same pseudonym.
        assert await road.subject(ann) == subject
        answer = await road.refer(referral(member(ann, agreed=None)))
        assert answer["besluit"] == "aangehouden"


async def test_a_message_in_which_all_agree_leaves_no_line(story: Story) -> None:
    await story.road.refer(referral(member(), member(rol="partner")))
    await story.road.say(fresh_bsn(), True)

    assert list(story.road.journal_folder.glob("*.journal")) == []


async def test_invariant_10_the_erased_stay_erased(story: Story) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    waits = await story.road.refer(referral(member(ann)))
    await story.back_up()
    await erase(story.road, ann)
    await story.road.refer(referral(member(ben, agreed=False)))
    await erase(story.road, ben)

    async with story.put_back() as (road, recovery):
        before = await road.last_index()
        # Who was registered and erased since is not registered only to be erased.
        assert await recovery.replay(story.acts()) == {"vernietiging": 1}

        assert await road.subject(ann) is None
        assert await road.subject(ben) is None
        assert await road.state(waits) == PURGED
        assert [one.event for one in await road.entries(before)][-1] == "vernietiging"
        assert await recovery.replay(story.acts()) == {}


async def test_somebody_registered_anew_after_their_erasure_keeps_what_they_said_then(
    story: Story,
) -> None:
    ann = fresh_bsn()
    await story.road.refer(referral(member(ann)))
    await story.back_up()
    await erase(story.road, ann)
    await story.road.say(ann, False)
    subject = await story.road.subject(ann)

    async with story.put_back() as (road, recovery):
        assert await recovery.replay(story.acts()) == {"nee": 1, "vernietiging": 1}

        assert await road.subject(ann) == subject
        assert [one["given"] for one in await said(road, ann)] == [False]


async def test_rules_that_were_read_before_are_not_taken_for_those_of_a_recovered_database(
    story: Story,
) -> None:
    books = Books(KEYS)  # of a gateway that runs on, whatever becomes of its database
    await story.back_up()
    await suspend_partner(story.road.engine, "okt")
    await resume_partner(story.road.engine, "okt")
    async with deciding(story.road.pool, books.of) as (_, book):
        assert "okt" not in book.suspended

    async with story.put_back() as (road, recovery):
        await recovery.replay(story.acts())
        await suspend_partner(road.engine, "dwi")
        await suspend_partner(road.engine, "okt")
        async with deciding(road.pool, books.of) as (_, book):
            assert book.suspended >= {"dwi", "okt"}


async def states(road: Road) -> dict[str, bool]:
    """Whether each partner is suspended."""
    return {one.id: one.is_suspended for one in await list_partners(road.engine)}


async def test_invariant_02_who_was_shut_out_stays_so_and_who_was_let_in_again_too(
    story: Story,
) -> None:
    stolen = PartnerKey("k1", {"kty": "EC", "crv": "P-256", "x": "aA", "y": "bB"}, FAR)
    other = PartnerKey("k3", {"kty": "EC", "crv": "P-256", "x": "eB", "y": "eC"}, FAR)
    await add_key(story.road.engine, "dwi", stolen)
    await add_key(story.road.engine, "dwi", other)
    await story.back_up()
    await add_key(story.road.engine, "dwi", replace(stolen, kid="k2"))
    shutting = ShuttingOut(story.road.tools.journal)
    await shutting.end_key(story.road.engine, "dwi", "k2")
    for partner in ("okt", "casebook"):
        assert await shutting.suspend(story.road.engine, partner) == Done(True, True)
    assert await shutting.resume(story.road.engine, "casebook") == Done(True, True)

    async with story.put_back() as (road, recovery):
        before = await road.last_index(TOEGANG)
        missing = {"schorsing": 1, "sleutel-beeindigd": 1}
        assert await recovery.missing(story.acts()) == missing
        assert await recovery.replay(story.acts()) == missing

        suspended = await states(road)
        assert (suspended["okt"], suspended["casebook"]) == (True, False)
        (dwi,) = [one for one in await list_partners(road.engine) if one.id == "dwi"]
        ended = {one.kid: one.is_ended for one in dwi.keys}
        assert (ended["k1"], ended["k3"]) == (True, False)
        told = [one.entry["operation"] for one in await road.entries(before, TOEGANG)]
        assert told == ["partner.key", "partner.suspend"]

        assert await recovery.missing(story.acts()) == {}
        assert await recovery.replay(story.acts()) == {}
        # Let in again afterwards, it is not shut out by the next recovery.
        await ShuttingOut(story.road.tools.journal).resume(road.engine, "okt")
        assert await recovery.replay(story.acts()) == {}


@pytest.mark.parametrize("kind", ["bezwaar", "beperking"])
async def test_an_objection_stands_again_and_its_partner_can_lift_it(
    story: Story, kind: str
) -> None:
    ann = fresh_bsn()
    went = await story.road.refer(referral(member(ann)))
    await story.road.acknowledge()
    waits = await story.road.refer(referral(member(ann)))
    await story.back_up()
    named = {"uitwisselingId": went["uitwisselingId"], "lid": {"burgerservicenummer": ann}}
    await story.road.correct({"soort": kind, **named})

    async with story.put_back() as (road, recovery):
        before = await road.last_index()
        assert await recovery.replay(story.acts()) == {"correctie": 1}

        assert await road.state(waits) == PURGED
        subject = await road.subject(ann)
        async with road.pool.acquire() as connection:
            assert await restricted(connection, [subject])
        (entry, *_) = await road.entries(before)
        assert (entry.event, entry.entry["correction"]) == ("correctie", kind)
        assert UUID(entry.entry["replays"])
        assert await recovery.replay(story.acts()) == {}
        await road.correct({"soort": "opheffing-beperking", **named})
        async with road.pool.acquire() as connection:
            assert await restricted(connection, [subject]) == {}


async def test_an_objection_holds_where_its_message_is_gone(story: Story) -> None:
    ann = fresh_bsn()
    await story.back_up()
    waits = await story.road.refer(referral(member(ann)))
    await story.road.correct(
        {"soort": "bezwaar", "uitwisselingId": waits["uitwisselingId"], "lid": {"plaats": 0}}
    )

    async with story.put_back() as (road, recovery):
        assert await recovery.replay(story.acts()) == {"correctie": 1}

        answer = await road.refer(referral(member(ann)))
        assert answer["besluit"] == "aangehouden"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("annulering", {}),
        ("rectificatie", {"waarden": {"lid.achternaam": "Andersen"}, "lid": {"plaats": 0}}),
        ("lid-vertrokken", {"lid": {"plaats": 0}}),
    ],
)
async def test_a_message_that_was_changed_does_not_go_as_it_was(
    story: Story, kind: str, more: Json
) -> None:
    waits = await story.road.refer(referral(member(), member(rol="partner")))
    await story.back_up()
    await story.road.correct({"soort": kind, "uitwisselingId": waits["uitwisselingId"], **more})

    async with story.put_back() as (road, recovery):
        await recovery.replay(story.acts())

        assert await road.state(waits) == PURGED
        assert [event for event in await road.pull() if "data" in event] == []
        index = await road.last_index()
        await recovery.replay(story.acts())
        assert await road.last_index() == index


async def test_an_address_that_became_secret_is_so_again(story: Story) -> None:
    went = await story.road.refer(referral(member()))
    exchange = went["uitwisselingId"]
    await story.road.pull()
    await story.back_up()
    made = Moves(
        story.road.pool, Books(KEYS).of, Prints(KEYS), story.road.tools, story.road.committer
    )
    told = {"kenmerk": "VH-1", "uitwisselingId": exchange, "geheimhouding": True}
    await made.within("casebook", Move.model_validate(told), trace())

    async with story.put_back() as (road, recovery):
        assert "1012AB" in str(await road.pull())
        assert await recovery.missing(story.acts()) == {"geheim-adres": 1}
        assert await recovery.replay(story.acts()) == {"geheim-adres": 1}

        (event,) = await road.pull()
        assert not {"1012AB", "centrum"} & set(json.dumps(event).split('"'))
        async with road.pool.acquire() as connection:
            hidden = await hidden_of(connection, road.tools.protected.handles, [UUID(exchange)])
        assert hidden == {UUID(exchange)}
        assert await recovery.missing(story.acts()) == {}


async def test_a_restriction_that_is_lifted_leaves_no_line(story: Story) -> None:
    went = await story.road.refer(referral(member()))
    await story.road.acknowledge()
    named = {"uitwisselingId": went["uitwisselingId"], "lid": {"plaats": 0}}
    await story.road.correct({"soort": "beperking", **named})
    await story.road.correct({"soort": "opheffing-beperking", **named})

    assert [act.kind for act in story.acts()] == ["correctie"]


async def test_a_statement_on_authority_stands_again(story: Story) -> None:
    child, mother, father = fresh_bsn(), fresh_bsn(), fresh_bsn()
    await story.back_up()
    record = AuthorityRecord.model_validate(
        {
            "burgerservicenummer": child,
            "soort": "gezag",
            "houders": [mother, father],
            "bron": "gezagsregister",
            "peildatum": "2026-01-01",
        }
    )
    await story.road.authorities.record("dwi", record, trace())

    async with story.put_back() as (road, recovery):
        assert await recovery.replay(story.acts()) == {"gezag": 1}

        row = await road.pool.fetchrow("select holders, source from authority_statement")
        assert row is not None
        assert set(row[0]) == {await road.subject(mother), await road.subject(father)}
        assert row[1] == "gezagsregister"
        assert await recovery.replay(story.acts()) == {}


async def test_a_recovery_that_broke_off_goes_on(story: Story) -> None:
    persons = [fresh_bsn() for _ in range(5)]
    waits = [await story.road.refer(referral(member(person))) for person in persons]
    await story.back_up()
    for person in persons:
        await story.road.say(person, False)

    async with story.put_back() as (road, recovery):
        half = asyncio.Event()

        def stop_half_way(done: int, total: int) -> None:
            if done == 2:
                half.set()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await recovery.replay(story.acts(), stop_half_way)
        assert half.is_set()

        assert await recovery.replay(story.acts()) == {"nee": 3}
        assert {await road.state(one) for one in waits} == {PURGED}
        consents = [e for e in await road.entries() if e.event == "instemming"]
        assert len([e for e in consents if "replays" in e.entry]) == 5


async def test_what_is_in_the_backup_is_not_done_twice(story: Story) -> None:
    ann = fresh_bsn()
    await story.road.refer(referral(member(ann)))
    await story.road.say(ann, False)
    await story.road.say(ann, True)
    await story.back_up()

    async with story.put_back() as (road, recovery):
        assert await recovery.replay(story.acts()) == {}
        assert [one["given"] for one in await said(road, ann)][-1] is True


async def test_without_the_journal_a_withdrawal_is_refused_and_nothing_is_committed(
    story: Story,
) -> None:
    ann, road = fresh_bsn(), story.road
    agreed = await road.say(ann, True)
    waits = await road.refer(referral(member(ann)))
    before = await road.last_index()
    road.journal_folder.rename(road.journal_folder.with_name(f"{road.journal_folder.name}-weg"))
    try:
        with pytest.raises(JournalUnavailableError):
            await road.withdraw(agreed.consent_id)
        with pytest.raises(JournalUnavailableError):
            await road.correct({"soort": "annulering", "uitwisselingId": waits["uitwisselingId"]})
        assert await road.last_index() == before
        assert await road.state(waits) == WAITING

        # Others go on, also those who came together with one who says no.
        answers = await asyncio.gather(
            *(road.refer(referral(member(agreed=n != 3))) for n in range(8))
        )
        assert sorted(str(a.get("besluit", a.get("title"))) for a in answers) == [
            "Even niet beschikbaar",
            *["toegelaten"] * 7,
        ]
        assert await road.say(fresh_bsn(), True)
    finally:
        gone = road.journal_folder.with_name(f"{road.journal_folder.name}-weg")
        gone.rename(road.journal_folder)
    await road.withdraw(agreed.consent_id)
    assert await road.state(waits) == PURGED
    assert "journal-unavailable" in road.log.getvalue()


async def test_the_line_stands_before_the_commit(story: Story) -> None:
    """A crash between the two leaves a line too many, and never one too few."""
    ann, road = fresh_bsn(), story.road
    async with road.pool.acquire() as holder:
        await holder.execute("begin; select 1 from log_head where series = 1 for update")
        asked = asyncio.create_task(road.say(ann, False))
        async with asyncio.timeout(10):
            while not story.acts():  # noqa: ASYNC110  # a file has no event
                await asyncio.sleep(0.01)
        assert not asked.done()
        assert [act.kind for act in story.acts()] == ["nee"]
        assert await road.pool.fetchval("select count(*) from consent_event") == 0
        await holder.execute("rollback")
    await asked


async def test_no_identifier_stands_in_a_line(story: Story) -> None:
    ann = fresh_bsn()
    answer = await story.road.refer(referral(member(ann), reference="KENMERK-GEHEIM"))
    await story.road.say(ann, False)
    await story.road.correct({"soort": "annulering", "uitwisselingId": answer["uitwisselingId"]})
    await erase(story.road, ann)

    inside = json.dumps([act.model_dump(mode="json") for act in story.acts()])

    for secret in (ann, "KENMERK-GEHEIM", "Voorbeeld", "FORMULIER-7", "1980-05-01"):
        assert secret not in inside


async def test_a_received_message_whose_person_withdrew_stays_received(story: Story) -> None:
    ann = fresh_bsn()
    agreed = await story.road.say(ann, True)
    went = await story.road.refer(referral(member(ann)))
    await story.road.acknowledge()
    await story.back_up()
    await story.road.withdraw(agreed.consent_id)

    async with story.put_back() as (road, recovery):
        await recovery.replay(story.acts())
        assert await road.state(went) not in (PURGED, CLEARED)
        assert len(notices(await road.pull())) == 1


async def test_a_cursor_from_before_does_not_acknowledge_what_comes_later(story: Story) -> None:
    """Else what takes those places would never be given to anybody."""
    await story.road.refer(referral(member()))
    await story.road.acknowledge()
    await story.back_up()
    for _ in range(3):
        await story.road.refer(referral(member()))
    lost = (await story.road.page()).cursor

    async with story.put_back() as (road, _):
        with pytest.raises(CursorError):
            await road.mailbox.acknowledge("casebook", lost, trace())
        with pytest.raises(CursorError):
            await road.mailbox.page("casebook", lost, 1000, trace())
        sent = [await road.refer(referral(member())) for _ in range(3)]
        assert [one["id"] for one in await road.pull()] == [one["uitwisselingId"] for one in sent]


def registrations(road: Road) -> Registrations:
    return Registrations(road.pool, Books(KEYS).of, road.tools)


async def register(road: Road, *numbers: str) -> list[bytes]:
    handles = [road.handles.of(Bsn(number)) for number in numbers]
    told = await registrations(road).register("casebook", handles, trace())
    assert not isinstance(told, Refuse)
    return handles


async def known(road: Road) -> set[UUID]:
    return {row[0] for row in await road.pool.fetch("select subject from registration")}


async def test_whom_a_recipient_knows_no_longer_is_not_known_again(story: Story) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    handles = await register(story.road, ann, ben)
    await story.back_up()
    await registrations(story.road).end("casebook", handles[:1], trace())
    # Who was met after the backup is not there to be ended, and nobody is made of them.
    await registrations(story.road).end(
        "casebook", await register(story.road, fresh_bsn()), trace()
    )

    async with story.put_back() as (road, recovery):
        before = await road.last_index()
        assert await recovery.missing(story.acts()) == {"registratie-beeindigd": 1}
        assert await recovery.replay(story.acts()) == {"registratie-beeindigd": 1}
        (entry,) = await road.entries(before)
        assert (entry.event, entry.entry["act"]) == ("registratie", "beeindigd")
        assert UUID(entry.entry["replays"])
        assert entry.subjects == [await road.subject(ann)]
        assert await known(road) == {await road.subject(ben)}
        assert await road.pool.fetchval("select count(*) from subject") == 2

        # Said anew it stands, whatever the journal still holds.
        await register(road, ann)
        assert await recovery.missing(story.acts()) == {}
        assert await recovery.replay(story.acts()) == {}
        assert len(await known(road)) == 2


async def test_very_many_registrations_end_in_few_lines(story: Story) -> None:
    numbers = [fresh_bsn() for _ in range(ENDED_AT_ONCE + 1)]
    handles = await register(story.road, *numbers)
    await story.back_up()
    await registrations(story.road).end("casebook", handles, trace())

    async with story.put_back() as (road, recovery):
        before = await road.last_index()
        assert await recovery.replay(story.acts()) == {"registratie-beeindigd": 2}
        assert await known(road) == set()
        entries = await road.entries(before)
        assert {len(one.subjects) for one in entries} == {1}
        assert len(entries) == len(numbers)


async def test_without_the_journal_no_registration_ends(story: Story) -> None:
    road = story.road
    handles = await register(road, fresh_bsn())
    aside = road.journal_folder.with_name(f"{road.journal_folder.name}-weg")
    road.journal_folder.rename(aside)
    try:
        with pytest.raises(JournalUnavailableError):
            await registrations(road).end("casebook", handles, trace())
        assert len(await known(road)) == 1
        # Where nothing ends there is nothing to write.
        await registrations(road).end("okt", handles, trace())
    finally:
        aside.rename(road.journal_folder)
