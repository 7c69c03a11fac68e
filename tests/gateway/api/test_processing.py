"""Reading log lines over HTTP: who may, what comes, and what is left of the question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from gateway.audit.entries import Event, Trace
from gateway.cli.serving import key_provider
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.pseudonyms.projections import ProjectedPseudonyms
from gateway.store.groups import BESCHERMD, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.partners import NewPartner, register_partner
from gateway.vault.boxes import CONTENT, Vault
from gateway.vault.keys import epoch_of
from schemas.identifiers import Bsn
from tests.gateway.reports.projections.logged import leaf
from tests.support.database import TestServer
from tests.support.messages import fresh_bsn, member, referral, refused_referral
from tests.support.pulling import pull_all, refer
from tests.support.refusals import ECHO, assert_headers, assert_problem, faults
from tests.support.registered import Party
from tests.support.running_gateway import RunningGateway, bearer_of, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
PATH = "/v1/processing-activities"
SUBJECT, KIND = "dpl.core.data_subject_id", "dpl.core.data_subject_id_type"
ACTIVITY = "dpl.core.processing_activity_id"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    """One whose log these tests write into themselves, so that it tells of no real exchanges."""
    async with running_gateway(postgres) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def supervisor(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("toezicht") as http:
        yield http


@asynccontextmanager
async def overseer(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    """Who supervises protected exchanges."""
    party = Party(f"toezicht-{new_id().hex[:8]}")
    kind = "toezicht-beschermd"
    oin = f"000000990000000{new_id().int % 90000 + 10000}"
    new = NewPartner(party.id, "Toezicht (proef)", oin, "generic", kind)
    await register_partner(gateway.engine, new, [party.stored()])
    async with gateway.stranger() as http:
        async with asyncio.timeout(10):
            while True:
                try:
                    http.headers["Authorization"] = await bearer_of(http, party, gateway.base_url)
                except AssertionError:
                    await asyncio.sleep(0.1)  # the directory has not seen it yet
                else:
                    break
        yield http


async def read(http: httpx.AsyncClient, **asked: Any) -> list[Json]:
    found: list[Json] = []
    while True:
        answer = await http.post(PATH, json=asked)
        assert answer.status_code == 200, answer.text
        assert_headers(answer)
        page = answer.json()
        found += page["processingActivities"]
        if "next" not in page:
            return found
        asked = {**asked, "cursor": page["next"]}


def by_bsn(number: str) -> Json:
    return {SUBJECT: number, KIND: "BSN"}


async def acts(gateway: RunningGateway) -> list[Json]:
    rows = await gateway.pool.fetch(
        """select l.entry, l.subjects, h.series from log_leaf l join log_head h using (log)
            where h.series >= 3 order by l.index"""
    )
    told = [(json.loads(row[0]), row[1], row[2]) for row in rows]
    return [
        {**entry, "ids": ids, "series": series}
        for entry, ids, series in told
        if entry["operation"] == "zoekVerwerkingen"
    ]


async def test_what_happened_to_a_person_is_read_by_bsn_and_by_code(
    gateway: RunningGateway,
    dwi: httpx.AsyncClient,
    casebook: httpx.AsyncClient,
    supervisor: httpx.AsyncClient,
) -> None:
    anne = fresh_bsn()
    await refer(dwi, referral(member(anne), member(rol="partner")))
    await refer(dwi, referral(member()))
    await pull_all(casebook)

    found = await read(supervisor, **by_bsn(anne))
    assert [one["name"].split(" (")[0] for one in found] == [
        "Ontvangst bevestigd", "Verstrekking aan de ontvanger",
        "Besluit over een bericht: toegelaten",
    ]  # fmt: skip
    codes = {one["attributes"][SUBJECT] for one in found}
    assert len(codes) == 1  # of the other member there is no line
    for one in found:
        assert UUID(one["traceId"])
        assert anne not in json.dumps(one)
        assert one["attributes"][KIND] == "urn:sluis:pseudoniem:ldv"

    assert await read(supervisor, **{SUBJECT: codes.pop()}) == found
    moment = found[-1]["startTime"]
    assert await read(supervisor, **by_bsn(anne), endTime=moment - 1) == []
    assert await read(supervisor, **by_bsn(anne), startTime=moment) == found


async def test_each_question_about_a_person_is_recorded_with_them_before_it_is_answered(
    gateway: RunningGateway, dwi: httpx.AsyncClient, supervisor: httpx.AsyncClient
) -> None:
    anne = fresh_bsn()
    await refer(dwi, referral(member(anne)))
    before = await acts(gateway)
    await read(supervisor, **by_bsn(anne))
    (act,) = (await acts(gateway))[len(before) :]
    assert act["actor"]["id"] == "toezicht"
    assert len(act["subjects"]) == 1  # a commitment, and not the person
    assert act["series"] == 3
    handles = Handles(key_provider(gateway.served.settings))
    subject = await gateway.pool.fetchval(
        "select id from subject where handle = $1", handles.of(Bsn(anne))
    )
    assert act["ids"] == [subject]

    await read(supervisor, traceId="0" * 31 + "1")
    assert (await supervisor.post(PATH, json={})).status_code == 400
    general = (await acts(gateway))[len(before) + 1 :]
    assert [one["outcome"] for one in general] == ["200", "400"]


async def test_by_activity_come_the_lines_of_its_flows_newest_first(
    dwi: httpx.AsyncClient, supervisor: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await refer(dwi, referral(member()))
    uri = "https://register.voorbeeld.nl/verwerkingsactiviteiten/dwi-aanmelding"
    found = await read(supervisor, **{ACTIVITY: uri})
    assert len(found) >= 3
    ends = [one["endTime"] for one in found]
    assert ends == sorted(ends, reverse=True)
    link = found[0]["attributes"][ACTIVITY]
    assert {one["attributes"][ACTIVITY] for one in found} == {link}
    assert await read(supervisor, **{ACTIVITY: link}) == found
    assert await read(supervisor, **{ACTIVITY: "https://elders.nl/x"}) == []


async def test_what_no_flow_admitted_falls_under_an_activity_of_our_own(
    dwi: httpx.AsyncClient, supervisor: httpx.AsyncClient
) -> None:
    assert (await refer(dwi, refused_referral())).status_code == 403
    found = await read(supervisor, **{ACTIVITY: "urn:sluis:verwerking:ontvangst"})
    for one in found:
        assert one["status"] == "Unset"


async def test_pages_go_on_where_they_ended_and_give_each_line_once(
    gateway: RunningGateway, supervisor: httpx.AsyncClient
) -> None:
    trace = new_id().hex
    made = [leaf(trace=_trace(trace)) for _ in range(620)]
    await _append(gateway, made)
    found = await read(supervisor, traceId=trace)
    assert len(found) == 620
    assert len({one["spanId"] for one in found}) == 620
    assert found == await read(supervisor, traceId=str(UUID(trace)))


def _trace(trace: str) -> Trace:
    return Trace(trace, "00f067aa0ba902b7")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({SUBJECT: ECHO, KIND: "BSN"}, (SUBJECT, "elfproef")),
        ({"traceId": ECHO}, ("body.traceId", "string-pattern-mismatch")),
        ({"traceId": "0" * 31 + "1", "cursor": ECHO}, ("cursor", "onbekende-cursor")),
        ({"traceId": "0" * 31 + "1", "cursor": "1.2.3"}, ("cursor", "onbekende-cursor")),
        ({"traceId": "0" * 31 + "1", ECHO: 1}, ("body.?", "onbekend-veld")),
        ({"startTime": -1}, ("body.startTime", "greater-than-equal")),
    ],
)
async def test_a_bad_question_is_told_by_field_and_rule(
    supervisor: httpx.AsyncClient, asked: Json, fault: tuple[str, str]
) -> None:
    problem = assert_problem(await supervisor.post(PATH, json=asked), 400)
    assert fault in faults(problem)


async def test_a_question_about_everything_is_none(supervisor: httpx.AsyncClient) -> None:
    problem = assert_problem(await supervisor.post(PATH, json={"startTime": 1}), 400)
    assert problem["type"] == "urn:sluis:probleem:zoekvraag-te-ruim"


async def test_a_code_that_nobody_gave_finds_nobody(supervisor: httpx.AsyncClient) -> None:
    for code in ("A" * 43, "x", fresh_bsn()):
        assert await read(supervisor, **{SUBJECT: code}) == []
    assert await read(supervisor, **by_bsn(fresh_bsn())) == []


async def test_it_is_for_supervisors(dwi: httpx.AsyncClient, gateway: RunningGateway) -> None:
    assert_problem(await dwi.post(PATH, json={"traceId": "0" * 31 + "1"}), 403)
    async with gateway.stranger() as http:
        assert_problem(await http.post(PATH, json={"traceId": "0" * 31 + "1"}), 401)


async def test_protected_lines_are_for_who_supervises_these(
    gateway: RunningGateway, supervisor: httpx.AsyncClient
) -> None:
    keys = key_provider(gateway.served.settings)
    number, trace = fresh_bsn(), new_id().hex
    subject = await _protected_person(gateway, number)
    made = leaf(Event.DISCLOSURE, [subject], trace=_trace(trace))
    await _append(gateway, [made], BESCHERMD)
    code = ProjectedPseudonyms(keys, "ldv-beschermd").of(subject)
    questions: list[Json] = [{"traceId": trace}, by_bsn(number), {SUBJECT: code}]

    for question in questions:
        assert await read(supervisor, **question) == []
    before = await acts(gateway)
    async with overseer(gateway) as http:
        for question in questions:
            (line,) = await read(http, **question)
            assert line["attributes"][SUBJECT] == code
            assert line["attributes"][KIND] == "urn:sluis:pseudoniem:ldv-beschermd"
    told = [one for one in await acts(gateway) if one not in before]
    # Who was asked about stands in the access log of protected exchanges, and in no other.
    assert [(one["series"], one["ids"]) for one in told if one["ids"]] == [(4, [subject])] * 2


async def _protected_person(gateway: RunningGateway, number: str) -> UUID:
    keys = key_provider(gateway.served.settings)
    subject = new_id()
    handle = ProtectedHandles(keys).of(Handles(keys).of(Bsn(number)))
    _, wrapped = Vault(keys).new_key(subject, CONTENT, epoch_of(datetime.now(UTC)))
    await gateway.pool.execute(
        "insert into subject (handle, id, kek_epoch, wrapped) values ($1, $2, $3, $4)",
        handle,
        subject,
        wrapped.epoch,
        wrapped.wrapped,
    )
    return subject


async def _append(gateway: RunningGateway, made: list[Leaf], series: int = 1) -> None:
    async with gateway.pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, series, made)
