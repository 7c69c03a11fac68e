"""Every MUST of Logboek Dataverwerkingen and of its extension *lezen*, each with its test.

The text is the standard's (sections/specificaties.md and, for the read API, "Technische
specificatie"), in short; beside it the section. Each is tried on a gateway that runs and sends its
lines to a collector that listens on a real port. What code cannot show stands in `NOT_BY_CODE`;
docs/log-standards.md has both tables and says why, and the last tests hold it to this file.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from consent.protocol import load as load_protocol
from gateway.cli.setup import read_protocol
from gateway.client import AsyncSluis
from gateway.client.credentials import load
from gateway.reports.projections.lines import span_of
from gateway.reports.projections.receiving import InsecureReceiverError, require_secure
from gateway.store.groups import TOEGANG, VERWERKINGEN
from gateway.store.protocols import put_in_force
from tests.gateway.reports.projections.collector import (
    OK,
    Collector,
    Json,
    all_spans,
    collecting,
)
from tests.support.database import TestServer
from tests.support.messages import fresh_bsn, member, referral, refused_referral
from tests.support.pulling import pull_all, refer
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[4] / "docs" / "log-standards.md"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "b7ad6b7169203331"
ALONE = "0af7651916cd43dd8448eb211c80319c"
CORE = "dpl.core."


@dataclass
class Scene:
    """What was done, and what came of it at the collector."""

    gateway: RunningGateway
    collector: Collector
    anne: str
    spans: list[Json] = field(default_factory=list)
    acts: list[Json] = field(default_factory=list)

    def of_trace(self, trace: str) -> list[Json]:
        return [one for one in self.spans if one["traceId"] == trace]

    @property
    def by_span(self) -> dict[str, Json]:
        return {one["spanId"]: one for one in self.spans}


class Must(NamedTuple):
    section: str
    text: str
    check: Callable[[Scene], Awaitable[None]]


MUSTS: list[Must] = []
NOT_BY_CODE = (
    ("Logboek, gedrag", "TLS volgens de binnen de organisatie gangbare standaard"),
    ("Persoonsdata", "Elke verwerking is opgenomen in het register van de organisatie zelf"),
    ("Attributes", "Extensies moeten vastgesteld zijn voordat hun attributen worden gebruikt"),
    ("Lezen, architectuur", "Per logboek is er één lezen-API"),
    ("Lezen, schrijven", "`dpl.read.externalReadAPI_id` heeft een specifieke waarde"),
)
"""What no test of ours can show; the page says why of each, and what does hold."""


def must(
    section: str, text: str
) -> Callable[[Callable[[Scene], Awaitable[None]]], Callable[[Scene], Awaitable[None]]]:
    """This function tests that sentence."""

    def registered(check: Callable[[Scene], Awaitable[None]]) -> Callable[[Scene], Awaitable[None]]:
        MUSTS.append(Must(section, text, check))
        return check

    return registered


def attributes(span: Json) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span.get("attributes", [])}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(postgres: TestServer) -> AsyncIterator[Scene]:
    """Referrals of one, two and three persons, one refused, one pulled; all at a collector."""
    async with (
        collecting(behave=lambda *_: OK) as collector,
        running_gateway(
            postgres, collector=collector.address, access_collector=f"{collector.address}/toegang"
        ) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        anne = fresh_bsn()
        caller = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        two = referral(member(anne), member(rol="partner"))
        answer = await dwi.post("/v1/aanmeldingen", json=two, headers=caller)
        assert answer.status_code == 202, answer.text
        await refer(dwi, referral(member()))
        await refer(dwi, referral(member(), member(), member()))
        assert (await refer(dwi, refused_referral())).status_code == 403
        alone = {"traceparent": f"00-{ALONE}-{SPAN}-01"}
        await casebook.get("/v1/postvak", headers=alone)
        await pull_all(casebook)
        made = Scene(gateway, collector, anne)
        await arrived(made)
        yield made


async def arrived(scene: Scene) -> None:
    """Until every entry was confirmed by the collector."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = await scene.gateway.pool.fetch(
            """select series, (select sum(size) from log_head h where h.series = p.series)
                      - next_index from projection p where kind = 'otlp'"""
        )
        rows = {row[0]: int(row[1]) for row in found}
        if rows.get(VERWERKINGEN) == 0 and TOEGANG in rows:
            break
        await asyncio.sleep(0.1)
    scene.spans = [
        span
        for body in scene.collector.bodies
        for span in all_spans(body)
        if not any("nen7513" in one["key"] for one in span["attributes"])
    ]
    scene.acts = [
        span
        for body in scene.collector.bodies
        for span in all_spans(body)
        if any("nen7513" in one["key"] for one in span["attributes"])
    ]


@must("Protocollen", "Over HTTP MOET gebruik worden gemaakt van W3C Trace Context")
async def trace_context_over_http(scene: Scene) -> None:
    assert scene.of_trace(TRACE)


@must("Logboek, gedrag", "Het Logboek MOET TLS afdwingen op connecties")
async def tls_is_enforced(scene: Scene) -> None:
    """Outwards: no line crosses a network in clear. Inwards: who came by TLS is held to it."""
    with pytest.raises(InsecureReceiverError):
        require_secure("http://collector.voorbeeld.nl:4318")
    async with scene.gateway.stranger() as http:
        answer = await http.get("/v1/openapi.json")
    assert "max-age" in answer.headers["strict-transport-security"]


@must("Logboek, gedrag", "Het Logboek MOET het wegschrijven van elke logregel bevestigen")
async def every_write_is_confirmed(scene: Scene) -> None:
    """A success names the entry that is committed; the cursor says what the collector confirmed."""
    async with scene.gateway.partner("dwi") as dwi:
        receipt = (await refer(dwi, referral(member()))).json()["ontvangstbewijs"]
    entries = {one["id"] for one in await scene.gateway.entries()}
    assert receipt["logregelId"] in entries
    await arrived(scene)
    confirmed = await scene.gateway.pool.fetchval(
        "select next_index from projection where name = 'collector'"
    )
    assert confirmed == len(await scene.gateway.entries())


@must("Logboek, interface", "De interface MOET de voorgeschreven velden implementeren")
async def fields_are_there(scene: Scene) -> None:
    for span in scene.spans:
        assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert span["status"]["code"] in {0, 1, 2}
        assert span["name"]
        # OTLP has nanoseconds; the standard's milliseconds are whole in them.
        assert span["startTimeUnixNano"].endswith("000000")
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert span["attributes"]


@must("Logboek, attributes", "De velden in de naamruimte `dpl.core` zijn vereist")
async def core_attributes(scene: Scene) -> None:
    allowed = {
        "dpl.core.processing_activity_id", "dpl.core.data_subject_id",
        "dpl.core.data_subject_id_type", "dpl.core.foreign_operation.processor",
        "exception.message", "exception.type", "exception.stacktrace",
    }  # fmt: skip
    for span in scene.spans:
        assert attributes(span).keys() <= allowed
        assert "dpl.core.processing_activity_id" in attributes(span)


@must("Applicatie", "Een nieuwe Trace met een uniek `trace_id` voor iedere nieuwe Dataverwerking")
async def a_trace_of_its_own(scene: Scene) -> None:
    async with scene.gateway.partner("dwi") as dwi:
        for _ in range(3):
            await refer(dwi, referral(member()))
    entries = [one for one in await scene.gateway.entries() if one["event"] == "besluit"]
    own = {one["traceId"] for one in entries[-3:]}
    assert len(own) == 3
    assert own.isdisjoint(one["traceId"] for one in entries[:-3])


@must("Applicatie", "Voor iedere nieuwe actie een unieke `span_id`")
async def spans_are_unique(scene: Scene) -> None:
    spans = [(one["traceId"], one["spanId"]) for one in scene.spans]
    assert len(set(spans)) == len(spans)


@must("Applicatie", "Een gestarte actie neemt `trace_id` ongewijzigd over, met `parent_span_id`")
async def parents_are_of_the_same_trace(scene: Scene) -> None:
    by_span = scene.by_span
    children = [one for one in scene.spans if one.get("parentSpanId") in by_span]
    assert children
    for one in children:
        assert by_span[one["parentSpanId"]]["traceId"] == one["traceId"]


@must("Applicatie", "Voor iedere Betrokkene een aparte logregel; een regel verwijst naar 0 of 1")
async def one_subject_a_line(scene: Scene) -> None:
    people = [
        attributes(one)["dpl.core.data_subject_id"]
        for one in scene.of_trace(TRACE)
        if "dpl.core.data_subject_id" in attributes(one)
    ]
    assert len(set(people)) == len(people) == 2
    for one in scene.spans:
        keys = [a["key"] for a in one["attributes"]]
        assert keys.count("dpl.core.data_subject_id") <= 1


@must("Applicatie", "Voor iedere actie (`span_id`) een logregel wegschrijven")
async def a_line_for_every_entry(scene: Scene) -> None:
    await arrived(scene)
    known = {one["spanId"] for one in scene.spans}
    for entry in await scene.gateway.entries():
        assert span_of(UUID(entry["id"])) in known, entry["event"]


@must("Applicatie", "Bijhouden of een actie geslaagd of mislukt is, als `status`")
async def status_is_kept(scene: Scene) -> None:
    """Refused, and handled without a fault of ours: `Unset`, as the standard has it."""
    named = defaultdict(set)
    for one in scene.spans:
        named[one["name"].split(" (")[0]].add(one["status"]["code"])
    assert named["Besluit over een bericht: toegelaten"] == {1}
    assert named["Besluit over een bericht: geweigerd"] == {0}


@must(
    "Applicatie", "Een verzoek van een andere Applicatie: W3C Trace Context verwerken en gebruiken"
)
async def trace_context_in(scene: Scene) -> None:
    first = next(one for one in scene.of_trace(TRACE) if one.get("parentSpanId") == SPAN)
    assert first["traceId"] == TRACE
    async with scene.gateway.partner("dwi") as dwi:
        for bad in (f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", "rommel"):
            answer = await dwi.post(
                "/v1/aanmeldingen", json=referral(member()), headers={"traceparent": bad}
            )
            assert answer.status_code == 202
    newest = (await scene.gateway.entries())[-3:]
    assert all(one["traceId"] != "0" * 32 and "parentSpanId" not in one for one in newest)


@must("Applicatie", "Metadata uit Trace Context in velden `dpl.core.foreign_operation`")
async def foreign_operation(scene: Scene) -> None:
    called = [one for one in scene.spans if one.get("parentSpanId") == SPAN]
    assert {one["traceId"] for one in called} >= {TRACE, ALONE}  # a message, and a page pulled
    for one in called:
        processor = attributes(one)["dpl.core.foreign_operation.processor"]
        assert processor.startswith(f"{scene.gateway.base_url}/v1/register/entities/")
    own = next(one for one in called if one["traceId"] == TRACE)
    path = attributes(own)["dpl.core.foreign_operation.processor"].removeprefix(
        scene.gateway.base_url
    )
    async with scene.gateway.partner("toezicht") as http:
        assert (await http.get(path)).json()["sluis"]["partner"] == "dwi"


@must("Applicatie", "Een verzoek aan een andere Applicatie: W3C Trace Context meegeven")
async def trace_context_out(scene: Scene) -> None:
    """Our client is what calls other applications; the gateway itself calls none but receivers."""
    async with AsyncSluis(load(scene.gateway.home / "partners" / "toezicht")) as client:
        await client.checkpoint()
        sent: list[str] = []
        road = client._transport._http  # what leaves, as it leaves
        road.event_hooks["request"].append(_keep(sent))
        await client.checkpoint()
    assert sent
    for parent in sent:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", parent)


def _keep(sent: list[str]) -> Callable[[httpx.Request], Awaitable[None]]:
    async def keep(request: httpx.Request) -> None:
        if request.url.path.startswith("/v1/"):
            sent.append(request.headers.get("traceparent", ""))

    return keep


@must("Applicatie", "De Applicatie MAG NIET gebruik maken van Log Sampling")
async def no_sampling(scene: Scene) -> None:
    """A caller that says "not sampled" is logged like any other."""
    trace = "11112222333344445555666677778888"
    async with scene.gateway.partner("dwi") as dwi:
        for _ in range(20):
            answer = await dwi.post(
                "/v1/aanmeldingen",
                json=referral(member()),
                headers={"traceparent": f"00-{trace}-{SPAN}-00"},
            )
            assert answer.status_code == 202
    await arrived(scene)
    assert len({one["spanId"] for one in scene.of_trace(trace)}) == 20


@must("Persoonsdata", "`data_subject_id` met zijn soort in `data_subject_id_type`")
async def subjects_are_codes(scene: Scene) -> None:
    for one in scene.spans:
        told = attributes(one)
        assert ("dpl.core.data_subject_id" in told) is ("dpl.core.data_subject_id_type" in told)
        assert scene.anne not in json.dumps(one)
    named = [one for one in scene.spans if "dpl.core.data_subject_id" in attributes(one)]
    assert {attributes(one)["dpl.core.data_subject_id_type"] for one in named} == {
        "urn:sluis:pseudoniem:ldv"
    }


@must("Persoonsdata", "Meer Betrokkenen: een nieuwe actie elk, onder de reeds bekende actie")
async def children_of_the_known_action(scene: Scene) -> None:
    first = next(one for one in scene.of_trace(TRACE) if one.get("parentSpanId") == SPAN)
    children = [one for one in scene.of_trace(TRACE) if one.get("parentSpanId") == first["spanId"]]
    assert len(children) == 2
    assert "dpl.core.data_subject_id" not in attributes(first)


@must("Persoonsdata", "Een verwijzing naar de juiste Verwerkingsactiviteit in het Register")
async def the_link_resolves(scene: Scene) -> None:
    links = {attributes(one)["dpl.core.processing_activity_id"] for one in scene.spans}
    async with scene.gateway.partner("toezicht") as http:
        for link in links:
            answer = await http.get(link.removeprefix(scene.gateway.base_url))
            assert answer.status_code == 200, link
            newest = answer.json()["latestVersion"]
            told = await http.get(f"{link.removeprefix(scene.gateway.base_url)}/versions/{newest}")
            assert told.json()["purpose"]


@must("Register", "Iedere relevante wijziging een nieuwe versie met tijdstip")
async def versions_are_kept(scene: Scene) -> None:
    link = next(
        attributes(one)["dpl.core.processing_activity_id"] for one in scene.of_trace(TRACE)
    ).removeprefix(scene.gateway.base_url)
    text = read_protocol(None).text
    changed = text.replace("2026.1-voorbeeld", "2026.2-proef", 1).replace(
        'omschrijving = "', 'omschrijving = "Nader: ', 1
    )
    async with scene.gateway.partner("toezicht") as http:
        before = (await http.get(link)).json()["latestVersion"]
        old = (await http.get(f"{link}/versions/{before}")).json()
        digest = load_protocol(changed).digest
        await put_in_force(scene.gateway.engine, "2026.2-proef", digest, changed)
        after = (await http.get(link)).json()["latestVersion"]
        assert after == before + 1
        kept = (await http.get(f"{link}/versions/{before}")).json()
        assert kept["purpose"] == old["purpose"]
        new = (await http.get(f"{link}/versions/{after}")).json()
        assert new["purpose"] != old["purpose"]
        assert new["validFrom"] > kept["validFrom"]


@must("Lezen, werking", "Ten minste `traceId`, activiteit of betrokkene, anders 400")
async def reading_needs_a_question(scene: Scene) -> None:
    async with scene.gateway.partner("toezicht") as http:
        for empty in ({}, {"startTime": 0}, {"dpl.core.data_subject_id_type": "BSN"}):
            answer = await http.post("/v1/processing-activities", json=empty)
            assert answer.status_code == 400
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["api-version"]
        answer = await http.post("/v1/processing-activities", json={"traceId": TRACE})
        assert answer.status_code == 200
        assert answer.headers["api-version"]
        told = answer.json()["processingActivities"]
    assert {one["spanId"] for one in told} == {one["spanId"] for one in scene.of_trace(TRACE)}


@must("Lezen, schrijven", "Zonder aanroep van een andere API geen `dpl.read.externalReadAPI_id`")
async def no_external_read_api(scene: Scene) -> None:
    assert not any("dpl.read" in key for one in scene.spans for key in attributes(one))


@pytest.mark.parametrize("one", MUSTS, ids=lambda one: one.check.__name__)
async def test_the_gateway_does_what_the_standard_says(one: Must, scene: Scene) -> None:
    await one.check(scene)


def _table(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[2:]]


async def test_the_page_has_every_must_with_its_test() -> None:
    told = [(row[0], row[1], row[2].strip("`")) for row in _table("The MUSTs, each with its test")]
    assert told == [(one.section, one.text, one.check.__name__) for one in MUSTS]


async def test_the_page_says_what_no_test_can_show() -> None:
    told = [(row[0], row[1]) for row in _table("What no test can show")]
    assert told == list(NOT_BY_CODE)
