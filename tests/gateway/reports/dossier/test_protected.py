"""Invariant 14 in dossiers: what is withheld leaves no trace in counts, numbers, sizes or timing.

On one gateway, before and after OKT reported the person to Veilig Thuis, who read it, answered and
said whom never to notify: every file of the dossier has the same bytes. On two gateways, one of
which holds such reports: the same, ids, moments and hashes apart. The same statements are issued,
and it takes as long (Mann-Whitney). What an officer decides may be told of is told, without a place
in a log, and no longer once that is decided otherwise.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import time
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from consent.labels import Language
from gateway.app import Books
from gateway.cli.dossier import files_of
from gateway.exchange.oversight import Disclosure, decide_disclosure
from gateway.exchange.routing import bundled_routes
from gateway.exchange.safe_contacts import SafeContacts
from gateway.exchange.tools import GroupTools
from gateway.identity.acts import MayNotActError
from gateway.reports.dossier.contents import Lock, What, Written
from gateway.reports.dossier.drafting import StaleDossierError
from gateway.reports.dossier.gathering import gather
from gateway.store.groups import TOEGANG_BESCHERMD
from schemas.identifiers import Bsn
from schemas.protection import SafeContactRequest
from tests.e2e.test_protected import two_sided
from tests.gateway.exchange.road import KEYS, ORIGIN, PROTECTED, Road, open_road, trace
from tests.support import protected
from tests.support.database import TestServer
from tests.support.dossiers import Desk
from tests.support.journals import fresh_journal
from tests.support.messages import fresh_bsn, member, referral, status_of
from tests.support.protected import report

TEXT = protected.protocol("1.0")
LATER = date(2099, 1, 1)
LANGUAGES = list(Language)


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


@pytest.fixture
async def desk(road: Road) -> Desk:
    return await Desk(road).open()


async def reported(road: Road, person: str, *never: str) -> UUID:
    """A report about somebody, read, answered, and kept from them; gives its id."""
    answer = await road.refer(report(member(person, agreed=None), member(agreed=None)), "okt")
    assert answer["besluit"] == "toegelaten"
    exchange = UUID(answer["uitwisselingId"])
    await road.acknowledge("veilig-thuis")
    await road.report_status(status_of(exchange), "veilig-thuis")
    await road.acknowledge("okt")
    tools = GroupTools(
        road.vault, bundled_routes(), ORIGIN, PROTECTED.promise_key, road.now, road.handles,
        PROTECTED, fresh_journal(KEYS),
    )  # fmt: skip
    kept = SafeContactRequest.model_validate(
        {
            "uitwisselingId": exchange,
            "burgerservicenummer": person,
            "nietInlichten": ["betrokkene", "huisgenoten", *never],
            "herzienOp": LATER,
        }
    )
    await SafeContacts(road.pool, Books(KEYS).of, road.handles, tools).record("okt", kept, trace())
    return exchange


async def an_ordinary_life(road: Road, person: str) -> None:
    await road.refer(referral(member(person), member(rol="partner")))
    await road.refer(referral(member(person)))
    await road.acknowledge()
    await road.refer(referral(member(person), member(rol="partner", agreed=None)))
    await road.say(person, False)


async def decide(desk: Desk, exchange: UUID, *, is_disclosed: bool) -> None:
    disclosure = Disclosure(is_disclosed, "Het gevaar is geweken.", LATER)
    await decide_disclosure(
        desk.road.engine, desk.road.vault, exchange, "pf", disclosure, desk.keys["pf"].sign
    )


async def test_invariant_14_a_report_changes_no_byte_of_any_file(road: Road, desk: Desk) -> None:
    person = fresh_bsn()
    async with desk.publishing():
        await an_ordinary_life(road, person)
    before = files_of(await desk.composed(person), LANGUAGES)
    exchange = await reported(road, person)
    assert files_of(await desk.composed(person), LANGUAGES) == before
    await decide(desk, exchange, is_disclosed=False)
    assert files_of(await desk.composed(person), LANGUAGES) == before
    assert len(before) == 5
    assert len(json.loads(before["dossier.json"])["dossier"]["uitwisselingen"]) == 3


async def test_invariant_14_whoever_is_known_by_a_report_alone_is_as_a_stranger(
    road: Road, desk: Desk
) -> None:
    person = fresh_bsn()
    before = files_of(await desk.composed(person), LANGUAGES)
    await reported(road, person)
    assert files_of(await desk.composed(person), LANGUAGES) == before
    assert files_of(await desk.composed(fresh_bsn()), LANGUAGES) == before


async def test_the_comparison_sees_one_ordinary_message(road: Road, desk: Desk) -> None:
    """A comparison that finds nothing proves nothing unless it can find."""
    person = fresh_bsn()
    await an_ordinary_life(road, person)
    before = files_of(await desk.composed(person), LANGUAGES)
    await road.refer(referral(member(person)))
    after = files_of(await desk.composed(person), LANGUAGES)
    assert all(after[name] != before[name] for name in before)


async def _told(postgres: TestServer, *, with_reports: bool) -> Written:
    name = await postgres.fresh()
    person = "999990019"
    try:
        async with open_road(postgres.url(name), TEXT) as road:
            desk = await Desk(road).open()
            if with_reports:
                await reported(road, person)
            async with desk.publishing():
                await an_ordinary_life(road, person)
                if with_reports:
                    await reported(road, person)
                    await reported(road, fresh_bsn())
            draft = await desk.draft(person)
            await desk.release(draft.dossier.id)
            return await desk.composed(person)
    finally:
        await postgres.drop(name)


async def test_invariant_14_two_gateways_tell_the_same_in_as_many_bytes(
    postgres: TestServer,
) -> None:
    without = await _told(postgres, with_reports=False)
    with_ = await _told(postgres, with_reports=True)
    files = [files_of(one, LANGUAGES) for one in (without, with_)]
    assert _named(files[0]["dossier.json"]) == _named(files[1]["dossier.json"])
    for name in ("dossier.html", "dossier.en.html"):
        assert _named(files[0][name]) == _named(files[1][name])
        assert len(files[0][name]) == len(files[1][name])
    assert len(without.dossier.looks) == 2
    # Numbers in a path of proof and a size are the same; a hash is as long as another.
    sizes = [len(_same_years(one["dossier.json"])) for one in files]
    assert sizes[0] == sizes[1]


def _named(data: bytes) -> str:
    """The text with every id, moment and hash under a name of its own."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return names.setdefault(found.group(), f"name {len(names)}")

    return _same_years(data, name)


def _same_years(data: bytes, name: Any = "id") -> str:
    text = data.decode()
    text = re.sub(r"[A-Za-z0-9+/]{141,}={0,2}", lambda one: f"entry of {len(one[0])}", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name, text)
    text = re.sub(r"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+00:00)", "moment", text)
    text = re.sub(r"\d{1,2} [a-z]+ 20\d\d, \d\d:\d\d", "moment", text, flags=re.IGNORECASE)
    return re.sub(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{42,140}={0,2}", "hash", text)


async def test_invariant_14_the_same_is_asked_of_the_database(road: Road, desk: Desk) -> None:
    plain, hidden = fresh_bsn(), fresh_bsn()
    for person in (plain, hidden):
        await an_ordinary_life(road, person)
        while await road.acknowledge():
            pass
    await reported(road, hidden)
    issued: list[list[str]] = []
    for person in (plain, hidden, plain):
        asked: list[str] = []
        async with road.pool.acquire() as connection:
            with connection.query_logger(lambda one, asked=asked: asked.append(one.query)):
                await _gathered(connection, desk, person)
        issued.append(asked)
    assert issued[1] == issued[2]
    assert len(issued[1]) > 12


async def _gathered(connection: Any, desk: Desk, person: str) -> None:
    tools, handle = desk.tools(), desk.road.handles.of(Bsn(person))
    apart = tools.protected.of(handle)
    await gather(connection, handle, apart, desk.road.vault, tools.opening)


async def test_invariant_14_it_takes_as_long_with_a_report_as_without(
    road: Road, desk: Desk
) -> None:
    """Interleaved on one gateway; at 1 in 1,000 chance alone would fail this."""
    rounds = 60
    persons = [fresh_bsn(), fresh_bsn()]
    for person in persons:
        await an_ordinary_life(road, person)
        while await road.acknowledge():
            pass
    for _ in range(3):
        await reported(road, persons[1])
    took: tuple[list[float], list[float]] = ([], [])
    order = [0, 1] * rounds
    random.Random(14).shuffle(order)  # noqa: S311  # reproducible
    async with road.pool.acquire() as connection:
        for person in persons * 5:
            await _gathered(connection, desk, person)
        for which in order:
            begun = time.perf_counter()
            await _gathered(connection, desk, persons[which])
            took[which].append(time.perf_counter() - begun)
    medians = [statistics.median(one) * 1000 for one in took]
    p = two_sided(*took)
    assert p > 0.001, f"{medians[0]:.2f} ms without, {medians[1]:.2f} ms with, p = {p:.5f}"


async def test_invariant_14_who_may_never_be_notified_leaves_no_gap(road: Road, desk: Desk) -> None:
    """The casebook is told that use stops, or never is: the dossier of who withdrew is the same."""
    told = []
    for is_kept_from in (False, True):
        person = fresh_bsn()
        await road.refer(referral(member(person)))
        await road.acknowledge()
        if is_kept_from:
            await reported(road, person, "casebook")
        before = await road.pool.fetchval("select count(*) from notice")
        await road.say(person, False)
        sent = await road.pool.fetchval("select count(*) from notice") - before
        assert sent == (0 if is_kept_from else 1)
        await road.acknowledge()
        files = files_of(await desk.composed(person), LANGUAGES)
        told.append({name: files[name] for name in files if not name.endswith(".pdf")})
    digits = re.compile(r"\*\*\*\d{3}|(op|in) \d{3} \(")
    for name in told[0]:
        without, with_ = (digits.sub("", _named(one[name])) for one in told)
        assert without == with_, name


async def test_what_may_be_told_is_told_without_a_place_in_a_log(road: Road, desk: Desk) -> None:
    person = fresh_bsn()
    await an_ordinary_life(road, person)
    before = await desk.composed(person)
    exchange = await reported(road, person)
    await decide(desk, exchange, is_disclosed=True)
    written = await desk.composed(person)
    told = {one.exchange for one in written.dossier.sharings} - {
        one.exchange for one in before.dossier.sharings
    }
    assert told == {exchange}
    (one,) = [x for x in written.dossier.sharings if x.exchange == exchange]
    assert one.recipient == "veilig-thuis"
    # Not who may never be notified, nor that officers looked or decided.
    assert [x.what for x in one.happenings] == [
        What.ARRIVED,
        What.DECIDED,
        What.FETCHED,
        What.CONFIRMED,
    ]
    assert Lock.PROTECTION in {ground.lock for ground in one.grounds}
    assert {"lid.achternaam", "lid.burgerservicenummer"} <= {v.path for v in one.copy_}
    assert written.proofs == before.proofs
    assert written.dossier.keys == before.dossier.keys


async def test_what_may_be_told_of_one_is_told_to_nobody_else_in_it(road: Road, desk: Desk) -> None:
    """Nor to the person, where only another report of theirs may be told of."""
    person, other = fresh_bsn(), fresh_bsn()
    exchange = await reported(road, person)
    await reported(road, person)
    await decide(desk, exchange, is_disclosed=True)
    assert [x.exchange for x in (await desk.composed(person)).dossier.sharings] == [exchange]
    assert (await desk.composed(other)).dossier.sharings == []


async def test_what_was_hidden_takes_two_officers_and_stands_in_the_log_of_its_own(
    road: Road, desk: Desk
) -> None:
    person = fresh_bsn()
    await road.refer(referral(member(person)))
    exchange = await reported(road, person)
    await decide(desk, exchange, is_disclosed=True)
    draft = await desk.draft(person)
    with pytest.raises(MayNotActError, match="another privacy officer"):
        await desk.release(draft.dossier.id, "pf")
    assert (await desk.release(draft.dossier.id, "pf-twee")).release is not None
    rows = await road.pool.fetch(
        """select l.subjects from log_leaf l join log_head h on h.log = l.log
            where h.series = $1""",
        TOEGANG_BESCHERMD,
    )
    assert [len(row[0]) for row in rows] == [1]
    assert rows[0][0] != [await road.subject(person)]


async def test_what_may_no_longer_be_told_stops_the_release(road: Road, desk: Desk) -> None:
    person = fresh_bsn()
    await road.refer(referral(member(person)))
    exchange = await reported(road, person)
    await decide(desk, exchange, is_disclosed=True)
    draft = await desk.draft(person)
    await decide(desk, exchange, is_disclosed=False)
    with pytest.raises(StaleDossierError, match="may not be told"):
        await desk.release(draft.dossier.id, "pf-twee")
