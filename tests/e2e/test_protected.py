"""Invariant 14: a protected exchange leaves no trace that the household or an outsider can see.

The same story is told on two fresh gateways. On one of them OKT reports to Veilig Thuis about a
member of the household that DWI referred, Veilig Thuis pulls it, answers, and says who may not be
notified, at several moments of the story. All that DWI, the casebook, another partner, a supervisor
and a stranger can obtain is compared: answers, mailboxes, cursors, notices, holds, corrections, the
log with its sizes and entries, and the counters.

Timing is compared on one gateway, by what statements are issued (which must be the same, one by
one) and by how long answers take (Mann-Whitney).
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.audit.merkle import leaf_hash
from gateway.audit.tiles import Bundle, split_bundle
from gateway.cli.registration import ensure_sandbox_partner
from gateway.store.partners import NewPartner
from tests.gateway.exchange.road import Road, open_road
from tests.support import protected
from tests.support.database import TestServer
from tests.support.messages import Json, bsn, fresh_bsn, lines_of, member, referral, status_of
from tests.support.outside_view import View, metrics_of
from tests.support.protected import OKT, OVERSEER, VEILIG_THUIS, report
from tests.support.pulling import deliver, worked_off
from tests.support.running_gateway import RunningGateway, reachable_folder, running_gateway

TEXT = protected.protocol("1.0")
OUTSIDER = NewPartner("altra", "Altra (proef)", "00000099000000008000", "generic")
MOTHER, FATHER, CHILD = bsn(91), bsn(92), bsn(93)
LATE = "2099-01-01"

Aside = Callable[[str], Awaitable[None]]
"""What happens unseen at a moment of the story, or nothing."""


class Cast(NamedTuple):
    """Everybody with a token, and a stranger."""

    gateway: RunningGateway
    dwi: httpx.AsyncClient
    casebook: httpx.AsyncClient
    altra: httpx.AsyncClient
    toezicht: httpx.AsyncClient
    okt: httpx.AsyncClient
    veilig_thuis: httpx.AsyncClient
    overseer: httpx.AsyncClient
    stranger: httpx.AsyncClient


@asynccontextmanager
async def cast(postgres: TestServer) -> AsyncIterator[Cast]:
    async with AsyncExitStack() as stack:
        place = stack.enter_context(reachable_folder())
        file = Path(place) / "protocol.toml"
        await asyncio.to_thread(file.write_text, TEXT, encoding="utf-8")
        gateway = await stack.enter_async_context(running_gateway(postgres, protocol=file))
        for partner in (OKT, VEILIG_THUIS, OVERSEER, OUTSIDER):
            await ensure_sandbox_partner(gateway.engine, partner, gateway.home, gateway.base_url)
        await asyncio.sleep(1.2)  # partners are read anew within a second
        names = ("dwi", "casebook", "altra", "toezicht", "okt", "veilig-thuis", "overzicht")
        clients = [await stack.enter_async_context(gateway.partner(name)) for name in names]
        stranger = await stack.enter_async_context(gateway.stranger())
        yield Cast._make([gateway, *clients, stranger])


async def tell(postgres: TestServer, *, with_report: bool) -> tuple[View, int]:
    """The story, with or without what nobody may see; gives also how much was not seen."""
    async with cast(postgres) as whole:
        done = 0

        async def aside(moment: str) -> None:
            nonlocal done
            if with_report:
                done += await UNSEEN[moment](whole)

        view = View()
        await _story(whole, view, aside)
        return view, done


async def _story(whole: Cast, view: View, aside: Aside) -> None:
    dwi, casebook = whole.dwi, whole.casebook
    await aside("before anybody is known")
    household = [member(MOTHER), member(FATHER, rol="partner"), member(CHILD, rol="kind")]
    first = view.answer("dwi refers", await _refer(dwi, referral(*household, reference="R-1")))
    held = referral(member(MOTHER), member(agreed=None), reference="R-2")
    view.answer("dwi refers, held", await _refer(dwi, held))
    await aside("while it waits")
    view.answer("dwi looks at holds", await dwi.get("/v1/aangehouden"))
    # One record: ids that are made in the same millisecond stand in no order.
    messages = [referral(member(MOTHER), reference="D-0")]
    taken = await deliver(dwi, lines_of(messages))
    report_ = await worked_off(dwi, taken.json()["leveringId"])
    view.note("dwi's delivery", {key: report_[key] for key in sorted(report_) if key != "bytes"})
    page = view.answer("casebook pulls", await casebook.get("/v1/postvak"))
    cursor = {"totEnMet": page["volgende"]}
    view.answer("casebook receives", await casebook.post("/v1/postvak/ontvangst", json=cursor))
    exchange = first["uitwisselingId"]
    told = status_of(exchange, reference="S-1")
    view.answer("casebook reports", await casebook.post("/v1/statusberichten", json=told))
    await aside("after it was received")
    view.answer("dwi pulls", await dwi.get("/v1/postvak"))
    said = {
        "burgerservicenummer": MOTHER,
        "doel": "toeleiding-wijkteam",
        "ontvanger": "casebook",
        "categorie": "*",
        "gegeven": False,
        "op": "2026-01-02T10:00:00+01:00",
        "door": "betrokkene",
    }
    receipt = view.answer("the mother says no", await dwi.post("/v1/toestemmingen", json=said))
    consent = receipt["toestemmingId"]
    view.answer("recall", await dwi.get(f"/v1/toestemmingen/{consent}/terugroep"))
    for who, http in (("dwi", dwi), ("casebook", casebook), ("altra", whole.altra)):
        for person in (MOTHER, FATHER, CHILD):
            asked = {"burgerservicenummer": person}
            answer = await http.post("/v1/toestemmingen/opvraging", json=asked)
            view.answer(f"{who} asks what it recorded", answer)
    correction = {
        "kenmerk": "C-1",
        "soort": "rectificatie",
        "uitwisselingId": exchange,
        "lid": {"burgerservicenummer": CHILD},
        "waarden": {"lid.achternaam": "Anders"},
    }
    made = view.answer("dwi corrects", await dwi.post("/v1/correcties", json=correction))
    view.answer("how far", await dwi.get(f"/v1/correcties/{made.get('correctieId', 'x')}"))
    view.answer("casebook hears", await casebook.get("/v1/postvak"))
    await aside("at the end")
    view.answer("dwi refers again", await _refer(dwi, referral(member(CHILD), reference="R-3")))
    await _look_around(whole, view, first)


async def _look_around(whole: Cast, view: View, first: Json) -> None:
    """What everybody can ask for, without having taken part in anything."""
    await _until_signed(whole.gateway)
    size = int(await whole.gateway.pool.fetchval("select size from log_head where log = 1"))
    leaf = first["ontvangstbewijs"]["bladhash"].rstrip("=").replace("+", "-").replace("/", "_")
    names = ("dwi", "casebook", "altra", "toezicht", "stranger")
    asked = (
        "/v1/logboek/sleutels",
        "/v1/logboek/verwerkingen/checkpoint",
        f"/v1/logboek/verwerkingen/tile/0/000.p/{size}",
        f"/v1/logboek/verwerkingen/tile/0/000.p/{size + 1}",
        f"/v1/logboek/verwerkingen/tile/entries/000.p/{size}",
        f"/v1/logboek/verwerkingen/tile/entries/000.p/{size + 1}",
        f"/v1/logboek/verwerkingen/bewijs?bladhash={leaf}",
        "/v1/logboek/beschermd/checkpoint",
        "/v1/logboek/beschermd/tile/0/000.p/1",
        "/v1/logboek/beschermd/tile/entries/000.p/1",
        f"/v1/logboek/beschermd/bewijs?bladhash={leaf}",
        "/v1/postvak",
        "/v1/aangehouden",
        "/v1/protocol",
    )
    clients = (whole.dwi, whole.casebook, whole.altra, whole.toezicht, whole.stranger)
    for name, http in zip(names, clients, strict=True):
        # Whoever looked before may have been handed something, which is in the log by now.
        await _until_signed(whole.gateway)
        for path in asked:
            view.answer(f"{name} gets {path.partition(chr(63))[0]}", await http.get(path))
        contact = {
            "uitwisselingId": first["uitwisselingId"],
            "burgerservicenummer": MOTHER,
            "nietInlichten": ["dwi"],
            "herzienOp": LATE,
        }
        answer = await http.post("/v1/veilig-contact", json=contact)
        view.answer(f"{name} tries safe contact", answer)
    view.note("metrics", metrics_of((await whole.stranger.get("/metrics")).text))


async def _until_signed(gateway: RunningGateway) -> None:
    async with asyncio.timeout(10):
        while await gateway.pool.fetchval(  # noqa: ASYNC110  # no event tells
            """select exists (select from log_head h where h.size > coalesce(
                   (select max(size) from log_checkpoint where log = h.log), 0))"""
        ):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)  # counters follow the checkpoint


async def _refer(http: httpx.AsyncClient, message: Json) -> httpx.Response:
    return await http.post("/v1/aanmeldingen", json=message)


async def _report_early(whole: Cast) -> int:
    answer = await _refer(whole.okt, report(member(MOTHER, agreed=None), reference="V-1"))
    assert answer.status_code == 202
    return 1


async def _report_and_read(whole: Cast) -> int:
    answer = await _refer(
        whole.okt, report(member(MOTHER, agreed=None), member(CHILD, agreed=None), reference="V-2")
    )
    assert answer.status_code == 202
    page = (await whole.veilig_thuis.get("/v1/postvak")).json()
    assert len(page["berichten"]) == 2
    cursor = {"totEnMet": page["volgende"]}
    received = await whole.veilig_thuis.post("/v1/postvak/ontvangst", json=cursor)
    assert received.status_code == 200
    for number, event in enumerate(page["berichten"]):
        told = status_of(event["id"], reference=f"VS-{number}")
        sent = await whole.veilig_thuis.post("/v1/statusberichten", json=told)
        assert sent.status_code == 202
    return 2


async def _keep_quiet(whole: Cast) -> int:
    """Nobody may be told of the mother; here of one whom nobody would have told anyway."""
    answer = await _refer(whole.okt, report(member(MOTHER, agreed=None), reference="V-3"))
    contact = {
        "uitwisselingId": answer.json()["uitwisselingId"],
        "burgerservicenummer": MOTHER,
        "nietInlichten": ["betrokkene", "altra"],
        "herzienOp": LATE,
    }
    kept = await whole.okt.post("/v1/veilig-contact", json=contact)
    assert kept.status_code == 201
    assert len((await whole.okt.get("/v1/postvak")).json()["berichten"]) == 2
    return 1


async def _correct_it(whole: Cast) -> int:
    answer = await _refer(whole.okt, report(member(FATHER, agreed=None), reference="V-4"))
    exchange = answer.json()["uitwisselingId"]
    assert len((await whole.veilig_thuis.get("/v1/postvak")).json()["berichten"]) == 2
    correction = {"kenmerk": "VC-1", "soort": "annulering", "uitwisselingId": exchange}
    assert (await whole.okt.post("/v1/correcties", json=correction)).status_code == 201
    outcome = await deliver(
        whole.okt,
        lines_of([report(member(CHILD, agreed=None), reference=f"VD-{n}") for n in range(2)]),
    )
    assert (await worked_off(whole.okt, outcome.json()["leveringId"]))["records"] == 2
    return 3


UNSEEN: dict[str, Callable[[Cast], Awaitable[int]]] = {
    "before anybody is known": _report_early,
    "while it waits": _report_and_read,
    "after it was received": _keep_quiet,
    "at the end": _correct_it,
}


async def test_invariant_14_nothing_that_an_outsider_obtains_differs(postgres: TestServer) -> None:
    without, none = await tell(postgres, with_report=False)
    with_, some = await tell(postgres, with_report=True)
    assert (none, some) == (0, 7)
    assert [what for what, _ in with_.seen] == [what for what, _ in without.seen]
    for (what, seen), (_, expected) in zip(with_.seen, without.seen, strict=True):
        assert seen == expected, what
    assert len(without.seen) > 80


async def test_invariant_14_the_comparison_sees_one_ordinary_exchange(
    postgres: TestServer,
) -> None:
    """A comparison that finds nothing proves nothing unless it can find."""
    without, _ = await tell(postgres, with_report=False)
    async with cast(postgres) as whole:

        async def aside(moment: str) -> None:
            if moment == "while it waits":
                message = referral(member(MOTHER), ontvanger="casebook")
                assert (await _refer(whole.okt, message)).status_code == 202

        view = View()
        await _story(whole, view, aside)
    differs = [
        what
        for (what, seen), (_, expected) in zip(view.seen, without.seen, strict=True)
        if seen != expected
    ]
    assert any("checkpoint" in what for what in differs)
    assert "metrics" in differs
    assert "casebook pulls" in differs


async def test_the_overseer_reads_and_proves_what_nobody_else_does(postgres: TestServer) -> None:
    async with cast(postgres) as whole:
        sent = await _refer(whole.okt, report(member(MOTHER, agreed=None)))
        await _until_signed(whole.gateway)
        named = sent.json()["ontvangstbewijs"]["bladhash"].rstrip("=")
        leaf = named.replace("+", "-").replace("/", "_")
        path = "/v1/logboek/beschermd"
        for http, status in ((whole.okt, 403), (whole.toezicht, 403), (whole.overseer, 200)):
            assert (await http.get(f"{path}/checkpoint")).status_code == status
            proof = await http.get(f"{path}/bewijs", params={"bladhash": leaf})
            assert proof.status_code == status
            assert (await http.get(f"{path}/tile/entries/000.p/1")).status_code == status


async def test_invariant_14_the_open_access_log_names_no_act_about_a_protected_exchange(
    postgres: TestServer,
) -> None:
    async with cast(postgres) as whole:
        okt, veilig_thuis = whole.okt, whole.veilig_thuis
        sent = await _refer(okt, report(member(MOTHER, agreed=None), reference="V-1"))
        about = {"uitwisselingId": sent.json()["uitwisselingId"]}
        assert len((await veilig_thuis.get("/v1/postvak")).json()["berichten"]) == 1
        left = {"kenmerk": "VC-1", "soort": "lid-vertrokken", **about}
        nobody = left | {"lid": {"burgerservicenummer": FATHER}}
        annulled = {"kenmerk": "VC-1", "soort": "annulering", **about}
        statuses = [
            (await http.post("/v1/correcties", json=one)).status_code
            for http, one in (
                (veilig_thuis, annulled), (okt, nobody), (okt, annulled), (okt, annulled),
                (okt, annulled | {"soort": "lid-vertrokken", "lid": {"plaats": 0}}),
            )
        ]  # fmt: skip
        assert statuses == [403, 404, 201, 201, 409]
        made = await okt.post("/v1/correcties", json=annulled)
        place = f"/v1/correcties/{made.json()['correctieId']}"
        assert (await okt.get(place)).status_code == 200
        await _until_signed(whole.gateway)
        parties = {"okt", "veilig-thuis"}
        acts = [
            one
            for one in await _entries(whole.toezicht, "toegang")
            if one.get("actor", {}).get("id") in parties
        ]
        assert {one["operation"] for one in acts} == {"vraagToken"}
        apart = [
            one["operation"]
            for one in await _entries(whole.overseer, "toegang-beschermd")
            if one.get("actor", {}).get("id") in parties
        ]
        assert (apart.count("corrigeer"), apart.count("volgCorrectie")) == (6, 1)


async def test_invariant_14_ids_of_a_protected_exchange_are_answered_as_those_of_nothing(
    postgres: TestServer,
) -> None:
    """By every route that takes one, for everybody outside; and recorded alike."""
    async with cast(postgres) as whole:
        real = await _ids_of_a_report(whole)
        nothing = {name: _of_nothing(told) for name, told in real.items()}
        named = ("dwi", "casebook", "altra", "toezicht")
        outside = (whole.dwi, whole.casebook, whole.altra, whole.toezicht)
        for name, http in zip(named, outside, strict=True):
            seen: list[list[tuple[str, Any]]] = []
            for mark, ids in (("A", real), ("B", nothing)):
                view = View()
                await _until_signed(whole.gateway)
                before = len(await _entries(whole.overseer, "verwerkingen"))
                for what, method, path, body in _probes(f"{mark}-{name}", ids):
                    view.answer(what, await http.request(method, path, json=body))
                await _until_signed(whole.gateway)
                left = (await _entries(whole.overseer, "verwerkingen"))[before:]
                view.note("entries", left)
                seen.append(view.seen)
            for (what, told), (_, expected) in zip(*seen, strict=True):
                assert told == expected, (name, what)
            # What was not read at all would be answered alike whatever it named.
            bad = {what for what, told in seen[0][:-1] if told["status"] == 400}
            assert bad == {"pulls", "receives"}, (name, bad)


async def _ids_of_a_report(whole: Cast) -> dict[str, str]:
    """Everything by which a report to Veilig Thuis, and what followed on it, can be named."""
    sent = (await _refer(whole.okt, report(member(MOTHER, agreed=None), reference="V-1"))).json()
    page = (await whole.veilig_thuis.get("/v1/postvak")).json()
    cursor = {"totEnMet": page["volgende"]}
    await whole.veilig_thuis.post("/v1/postvak/ontvangst", json=cursor)
    about = {"uitwisselingId": sent["uitwisselingId"]}
    told = {"kenmerk": "VC-1", "soort": "annulering", **about}
    made = (await whole.okt.post("/v1/correcties", json=told)).json()
    taken = await deliver(whole.okt, lines_of([report(member(), reference="V-2")]))
    leaf = sent["ontvangstbewijs"]["bladhash"].rstrip("=")
    (entry,) = [
        one
        for one in await _signed_entries(whole, "beschermd")
        if one["event"] == "besluit" and one["exchange"] == about["uitwisselingId"]
    ]
    return {
        "exchange": sent["uitwisselingId"],
        "correction": made["correctieId"],
        "delivery": taken.json()["leveringId"],
        "leaf": leaf.replace("+", "-").replace("/", "_"),
        "cursor": page["volgende"],
        "trace": entry["traceId"],
        "pseudonym": page["berichten"][0]["subject"],
    }


async def _signed_entries(whole: Cast, series: str) -> list[Json]:
    await _until_signed(whole.gateway)
    return await _entries(whole.overseer, series)


def _of_nothing(told: str) -> str:
    """An id of the same form that nothing has."""
    return told[:-12] + told[-12:-2][::-1] + told[-2:]


def _probes(mark: str, ids: dict[str, str]) -> list[tuple[str, str, str, Json | None]]:
    """Each route that takes an id, with this one."""
    about = {"uitwisselingId": ids["exchange"]}
    person = {"lid": {"burgerservicenummer": MOTHER}}
    alias = {"lid": {"pseudoniem": ids["pseudonym"]}}
    case = status_of(ids["exchange"], reference=f"S-{mark}")
    account = {
        **about, "kenmerk": f"K-{mark}", "ontvanger": "altra", "status": "instroom",
        "gestartOp": "2026-01-01", "aantalLeden": 1,
    }  # fmt: skip
    update = {**about, "soort": "hulp-gestopt", "peildatum": "2026-01-01"}
    corrections: list[Json] = [
        {"soort": "annulering"},
        {"soort": "rectificatie", **person, "waarden": {"lid.achternaam": "Anders"}},
        {"soort": "bezwaar", **person},
        {"soort": "beperking", **alias},
        {"soort": "lid-vertrokken", "lid": {"plaats": 0}},
    ]
    moves: list[Json] = [{"postcode": "1102AB"}, {"buitenGemeente": True}]
    contact = {"burgerservicenummer": MOTHER, "nietInlichten": ["dwi"], "herzienOp": LATE}
    return [
        *(
            (
                f"corrects, {n}",
                "POST",
                "/v1/correcties",
                {"kenmerk": f"C{n}-{mark}", **about, **one},
            )
            for n, one in enumerate(corrections)
        ),
        ("follows it", "GET", f"/v1/correcties/{ids['correction']}", None),
        ("reports", "POST", "/v1/statusberichten", case),
        ("accounts", "POST", "/v1/verantwoordingen", account),
        ("tells", "POST", "/v1/partnerberichten", update | {"kenmerk": f"P-{mark}"}),
        ("places", "POST", "/v1/toedelingen", {**about, "team": "zuidoost"}),
        *(
            ("moves", "POST", "/v1/verhuizingen", {**about, "kenmerk": f"V{n}-{mark}", **one})
            for n, one in enumerate(moves)
        ),
        ("keeps away", "POST", "/v1/veilig-contact", {**about, **contact}),
        ("recall of", "GET", f"/v1/toestemmingen/{ids['exchange']}/terugroep", None),
        ("delivery", "GET", f"/v1/leveringen/{ids['delivery']}", None),
        ("outcomes", "GET", f"/v1/leveringen/{ids['delivery']}/uitkomsten", None),
        ("upload", "DELETE", f"/v1/leveringen/uploads/{ids['delivery']}", None),
        *(
            ("proof", "GET", f"/v1/logboek/{log}/bewijs?bladhash={ids['leaf']}", None)
            for log in ("verwerkingen", "toegang", "beschermd", "toegang-beschermd")
        ),
        ("pulls", "GET", f"/v1/postvak?na={ids['cursor']}", None),
        ("receives", "POST", "/v1/postvak/ontvangst", {"totEnMet": ids["cursor"]}),
        ("reads", "POST", "/v1/processing-activities", {"traceId": ids["trace"]}),
    ]


async def _entries(http: httpx.AsyncClient, series: str) -> list[Json]:
    """Every entry of a log, as a supervisor reads it."""
    path = f"/v1/logboek/{series}"
    size = int((await http.get(f"{path}/checkpoint")).text.split("\n")[1])
    if size == 0:
        return []
    bundle = await http.get(f"{path}/tile/entries/000.p/{size}")
    return [json.loads(raw) for raw in split_bundle(bundle.content, Bundle(0, size))]


# Timing, on one gateway.


async def _statements(database: str, work: Callable[[Road], Awaitable[object]]) -> list[str]:
    """The statements that the road issues for one piece of work, in order."""
    issued: list[str] = []

    async def listen(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda query: issued.append(query.query))

    engine = create_async_engine("postgresql+asyncpg" + database.removeprefix("postgresql"))
    async with asyncpg.create_pool(database, min_size=1, max_size=2, init=listen) as pool:
        road = Road(pool, engine)
        road.committer.start()
        try:
            await work(road)  # reads the rules, and prepares what it will say
            issued.clear()
            await work(road)
            return list(issued)
        finally:
            await road.committer.stop()
            await engine.dispose()


class Known(NamedTuple):
    """Persons of each kind, fresh each time one is asked for."""

    by_nobody: Callable[[], str]
    protected: Callable[[], str]
    by_another: Callable[[], str]


@asynccontextmanager
async def known(database: str, each: int) -> AsyncIterator[tuple[Road, Known]]:
    """A road on which some persons are known by a report, and some by another's referral."""
    async with open_road(database, TEXT) as road:
        reported, referred = ([fresh_bsn() for _ in range(each)] for _ in range(2))
        for person in reported:
            answer = await road.refer(report(member(person, agreed=None)), "okt")
            assert answer["besluit"] == "toegelaten"
        for person in referred:
            await road.refer(referral(member(person), ontvanger="casebook"), "okt")
        yield road, Known(fresh_bsn, reported.pop, referred.pop)


@pytest.mark.parametrize("agreed", [True, False, None])
async def test_invariant_14_known_or_not_the_same_statements_are_issued(
    database: str, agreed: bool | None
) -> None:
    """Whom another referred in the open may have agreed, or wait, and a yes sets that free."""
    async with known(database, 2) as (_, persons):
        whom = (persons.by_nobody, persons.protected)
        issued = [await _statements(database, _referring(one, agreed)) for one in whom]
    assert all(one == issued[0] for one in issued)
    assert len(issued[0]) >= 8


def _referring(whom: Callable[[], str], agreed: bool | None) -> Callable[[Road], Awaitable[object]]:
    return lambda road: road.refer(referral(member(whom(), agreed=agreed)), "dwi")


def two_sided(first: Sequence[float], second: Sequence[float]) -> float:
    """The p-value of Mann-Whitney's U by its normal approximation, with the tie correction."""
    n, m = len(first), len(second)
    ranked = sorted(
        (value, group) for group, values in enumerate((first, second)) for value in values
    )
    ranks, ties, at = 0.0, 0.0, 0
    while at < n + m:
        end = at
        while end < n + m and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += sum((at + end + 1) / 2 for _, group in ranked[at:end] if group == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    u = ranks - n * (n + 1) / 2
    spread = math.sqrt(n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1))))
    return math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2))


def test_mann_whitney_finds_a_shift_and_nothing_where_there_is_none() -> None:
    # Worked out by hand: U = 0 of 9, mean 4.5, variance 5.25, z = 1.964.
    assert two_sided([1, 2, 3], [4, 5, 6]) == pytest.approx(0.0495, abs=0.0002)
    chance = random.Random(14)  # noqa: S311  # reproducible
    one, other = ([chance.lognormvariate(0, 0.3) for _ in range(200)] for _ in range(2))
    assert two_sided(one, other) > 0.01
    assert two_sided(one, [value * 1.15 for value in other]) < 0.001


async def test_invariant_14_an_answer_takes_as_long_with_an_earlier_report_as_without(
    database: str,
) -> None:
    """Interleaved on one gateway; at 1 in 1,000 chance alone would fail this."""
    rounds = 150
    took: tuple[list[float], list[float]] = ([], [])
    async with known(database, rounds) as (road, persons):
        for _ in range(30):
            await road.refer(referral(member()), "dwi")
        order = [0, 1] * rounds
        random.Random(7).shuffle(order)  # noqa: S311  # reproducible
        for which in order:
            person = persons[which]()
            message = referral(member(person))
            begun = time.perf_counter()
            await road.refer(message, "dwi")
            took[which].append(time.perf_counter() - begun)
    p = two_sided(*took)
    medians = [statistics.median(one) * 1e6 for one in took]
    assert p > 0.001, f"{medians[0]:.0f} us without, {medians[1]:.0f} us with, p = {p:.5f}"


async def test_a_promise_of_an_ordinary_group_counts_ordinary_messages_alone(
    database: str,
) -> None:
    async with known(database, 0) as (road, _):
        answers: list[Any] = await asyncio.gather(
            *(
                road.refer(referral(), "dwi") if n % 4 else road.refer(report(member()), "okt")
                for n in range(80)
            )
        )
        entries = {one.entry["id"]: one for one in await road.entries()}
        hashes = await road.pool.fetch("select hash, entry from log_leaf where log = 1")
        assert all(leaf_hash(row["entry"]) == row["hash"] for row in hashes)
        groups: dict[str, int] = {}
        for answer in answers:
            receipt = answer["ontvangstbewijs"]
            if receipt["logregelId"] in entries:
                promised = receipt["toezegging"]
                groups[promised["wortel"]] = promised["omvang"]
        assert sum(groups.values()) == 60
