"""Invariant 3: nothing that names a person stands in clear where it may not.

Persons with unmistakable particulars are sent down the whole road, errors included: bad records,
refusals, holds, conflicts, forged tokens, oversized bodies, errors of the database. Then every
place where something could have stayed behind is read as bytes. Identity may be in what the
casebook pulled and in what the sender itself holds, and nowhere else.

A scan that finds nothing proves nothing unless it can find: for each place a leak is planted, the
way a mistake would make it, and must be found.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.cli.evidence import export_log
from gateway.client import AsyncSluis
from gateway.client.credentials import load
from gateway.telemetry import Telemetry
from tests.support.canary import Canary, Ear, Found, Heard, Net, files_under
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import (
    HEADER,
    bsn,
    changed,
    csv_of,
    csv_row,
    lines_of,
    member,
    referral,
    status_of,
)
from tests.support.pulling import (
    CSV,
    NDJSON,
    XML,
    acknowledge,
    deliver,
    outcomes,
    pull,
    refer,
    report_status,
    worked_off,
)
from tests.support.running_gateway import RunningGateway, embedded_gateway, reachable_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDENTITY = (
    Canary("BSN", bsn(900_001)),
    Canary("BSN of the partner", bsn(900_002)),
    Canary("surname", "Zwaluwstaart-Kwikstaartjes"),
    Canary("initials", "Q.X.Y.W."),
    Canary("birth date", "1953-07-14"),
    Canary("street", "Wielewaalnestkastkade"),
    Canary("suffix", "bis-zwrt7"),
    Canary("phone", "020-5319537"),
)
"""What the casebook is told, and nobody else."""
NEVER = (
    Canary("free text", "De buurvrouw zag een ijsvogel op het dak"),
    Canary("evidence", "BEWIJS-KOEKOEK-77"),
    Canary("birth date, Dutch", "14-07-1953"),
    Canary("birth date, digits", "19530714"),
    Canary("unknown field", "ijsvogelnestje"),
    Canary("in an address", "roodborsttapuit"),
    Canary("in a header", "goudhaantjesveer"),
)
"""What nobody is told."""
REFERENCES = (Canary("reference", "KANARIE-KM-"), Canary("status reference", "KANARIE-ST-"))
"""A sender's own keys: they go back to that sender alone."""
KEY = {canary.name: canary.value for canary in (*IDENTITY, *NEVER)}


@dataclass
class Nest:
    """A gateway that canaries went through, and everything that was heard and kept of it."""

    gateway: RunningGateway
    place: Path
    spans: InMemorySpanExporter
    telemetry: Telemetry
    ear: Ear
    library_log: io.StringIO
    _references: int = 0

    def reference(self) -> str:
        self._references += 1
        return f"KANARIE-KM-{self._references}"

    def household(self, **changes: object) -> dict[str, Any]:
        """Two persons, with everything that names them."""
        first = member(
            KEY["BSN"],
            voorletters=KEY["initials"],
            achternaam=KEY["surname"],
            geboortedatum=KEY["birth date"],
        )
        first["instemming"]["bewijs"] = KEY["evidence"]
        second = member(
            KEY["BSN of the partner"],
            rol="partner",
            achternaam=KEY["surname"],
            geboortedatum=KEY["birth date"],
        )
        message = referral(first, second, reference=self.reference(), **changes)
        message["huishouden"] |= {
            "straatnaam": KEY["street"],
            "huisnummertoevoeging": KEY["suffix"],
            "telefoonnummer": KEY["phone"],
        }
        message["toelichting"] = KEY["free text"]
        return message

    def held(self) -> dict[str, Any]:
        """The same, with a child of whom nobody said anything."""
        message = self.household()
        child = member(agreed=None, rol="kind", achternaam=KEY["surname"])
        message["huishouden"]["leden"].append(child)
        return message

    def row(self, **cells: str) -> str:
        """The same person as a row of DWI's file."""
        return csv_row(
            **{
                "kenmerk": self.reference(),
                "bsn": KEY["BSN"],
                "voorletters": KEY["initials"],
                "achternaam": KEY["surname"],
                "geboortedatum": KEY["birth date, Dutch"],
                "straatnaam": KEY["street"],
                "telefoon": KEY["phone"],
                "toelichting": KEY["free text"],
                **cells,
            }
        )

    def places(self) -> dict[str, Callable[[], Iterator[tuple[str, bytes]]]]:
        """Where nothing may be found at all, by name."""
        data = self.gateway.home / "data"
        return {
            "gateway log": lambda: iter([("", self.gateway.log.getvalue().encode())]),
            "libraries' logs": lambda: iter([("", self.library_log.getvalue().encode())]),
            "spans": self._spans,
            "metrics": lambda: iter([("", self.telemetry.metrics().encode())]),
            "database": lambda: files_under(data / "postgresql" / "base"),
            "write-ahead log": lambda: files_under(data / "postgresql" / "pg_wal"),
            "database's own log": lambda: files_under_named(data, "postgresql.log*"),
            "the rest of the data folder": lambda: (
                (name, content)
                for name, content in files_under(data)
                if "/base/" not in name and "/pg_wal/" not in name
            ),
            "exported log": lambda: files_under(self.place / "exported"),
            "spooled files": lambda: files_under(self.place / "tmp"),
        }

    def _spans(self) -> Iterator[tuple[str, bytes]]:
        for span in self.spans.get_finished_spans():
            yield span.name, span.to_json().encode()

    def scan(self, *names: str) -> list[Found]:
        """Every canary in the places of these names; in all of them where none is named."""
        net = Net([*IDENTITY, *NEVER, *REFERENCES])
        places = self.places()
        return [
            found
            for name in names or places
            for inner, content in places[name]()
            for found in net.search(f"{name}: {inner}", content)
        ]

    def scan_answers(self) -> list[Found]:
        """Every canary in an answer to somebody who may not have it."""
        return [found for heard in self.ear.heard for found in _misplaced(heard)]


def files_under_named(folder: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    for path in folder.glob(pattern):
        yield path.name, path.read_bytes()


def _misplaced(heard: Heard) -> Iterator[Found]:
    wrong = [*IDENTITY, *NEVER, *REFERENCES]
    if heard.status == 200 and heard.path == "/v1/postvak" and heard.partner == "casebook":
        wrong = [*NEVER, *REFERENCES]
    if heard.status == 200 and heard.partner == "dwi":
        # Its own keys come back to it: in statuses, and in the outcomes of its own file.
        is_own = heard.path == "/v1/postvak" or heard.path.endswith("/uitkomsten")
        wrong = [*IDENTITY, *NEVER, REFERENCES[1]] if is_own else wrong
    place = f"{heard.method} {heard.path} {heard.status} to {heard.partner}"
    yield from Net(wrong).search(place, heard.content)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nest() -> AsyncIterator[Nest]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    library_log = io.StringIO()
    listening = logging.StreamHandler(library_log)
    logging.getLogger().addHandler(listening)
    with reachable_folder() as place:
        (place / "home").mkdir(mode=0o711)
        (place / "tmp").mkdir()
        kept, tempfile.tempdir = tempfile.tempdir, str(place / "tmp")
        try:
            async with embedded_gateway(
                place / "home", provider.get_tracer("canary"), max_message=64 * 1024
            ) as gateway:
                ear = Ear()
                made = Nest(gateway, place, spans, gateway.telemetry, ear, library_log)
                async with (
                    gateway.partner("dwi") as dwi,
                    gateway.partner("casebook") as casebook,
                    gateway.partner("toezicht") as supervisor,
                    gateway.stranger() as stranger,
                ):
                    for http, name in (
                        (dwi, "dwi"),
                        (casebook, "casebook"),
                        (supervisor, "toezicht"),
                        (stranger, "nobody"),
                    ):
                        ear.listen(http, name)
                    await walk_the_road(made, dwi, casebook)
                    await go_wrong(made, dwi, casebook, stranger)
                    await look_around(made, dwi, casebook, supervisor)
                credentials = load(gateway.home / "partners" / "toezicht")
                async with AsyncSluis(credentials) as client:
                    await export_log(client, place / "exported")
                await gateway.pool.execute("checkpoint")
                yield made
                await assert_log_tells_all(gateway)
        finally:
            tempfile.tempdir = kept
            logging.getLogger().removeHandler(listening)


async def walk_the_road(nest: Nest, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient) -> None:
    """Accepted, held, refused; by message and by file; pulled, acknowledged, reported on."""
    assert (await refer(dwi, nest.household())).status_code == 202
    assert (await refer(dwi, nest.held())).json()["besluit"] == "aangehouden"
    assert (await refer(dwi, nest.household(grondslag="geen"))).status_code == 403
    for body, media_type in (
        (csv_of([nest.row(), nest.row(bsn="", instemming="")]), CSV),
        (lines_of([nest.household(), nest.household()]), NDJSON),
        (json.dumps([nest.household()]).encode(), "application/json"),
    ):
        answer = await deliver(dwi, body, media_type)
        assert (await worked_off(dwi, answer.json()["leveringId"]))["toegelaten"] >= 1
        await outcomes(dwi, answer.json()["leveringId"])
    page = (await pull(casebook)).json()
    assert KEY["surname"] in json.dumps(page), "the casebook is told who it is about"
    await acknowledge(casebook, page["volgende"])
    for number, event in enumerate(page["berichten"]):
        status = status_of(event["id"], f"KANARIE-ST-{number}")
        assert (await report_status(casebook, status)).status_code == 202
    statuses = await dwi.get("/v1/postvak", headers={"Accept": "text/csv"})
    assert "KANARIE-KM-1" in statuses.text, "the sender is told under its own reference"
    assert (await pull(dwi)).status_code == 200


async def go_wrong(
    nest: Nest, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    """Whatever can be wrong with a request, with somebody's particulars in it."""
    good = nest.household()
    lid = "huishouden.leden.0"
    wrong = [
        {**good, KEY["unknown field"]: KEY["surname"]},
        changed(good, f"{lid}.{KEY['unknown field']}", KEY["BSN"]),
        changed(good, f"{lid}.burgerservicenummer", KEY["surname"]),
        changed(good, f"{lid}.burgerservicenummer", int(KEY["BSN"])),
        changed(good, f"{lid}.geboortedatum", KEY["birth date, Dutch"]),
        changed(good, f"{lid}.rol", KEY["surname"]),
        changed(good, f"{lid}.achternaam", KEY["surname"] + "\x00"),
        changed(good, "huishouden.postcode", KEY["street"]),
        changed(good, "huishouden.huisnummer", KEY["suffix"]),
        {**good, "kenmerk": f"KANARIE-KM- {KEY['surname']}"},
        {**good, "toelichting": KEY["free text"] * 3000},
        [KEY["surname"]],
    ]
    for message in wrong:
        assert (await refer(dwi, message)).status_code in (400, 413)
    assert (await refer(dwi, good)).status_code == 202
    assert (await refer(dwi, {**good, "grondslag": "wgs"})).status_code == 409
    raw = json.dumps(good).encode()
    json_body = {"Content-Type": "application/json"}
    for body in (raw[:-2], raw + raw, raw.replace(b'"', b"'"), raw.decode().encode("utf-16")):
        await dwi.post("/v1/aanmeldingen", content=body, headers=json_body)
    await dwi.post("/v1/aanmeldingen", content=raw, headers={"Content-Type": KEY["in a header"]})
    for path in (
        "/v1/aanmeldingen",
        "/v1/toestemmingen",
        "/v1/postvak/ontvangst",
        "/v1/leveringen",
    ):
        await stranger.post(path, content=raw, headers=json_body)
        await stranger.post(
            path,
            content=raw,
            headers={**json_body, "Authorization": f"Bearer {KEY['surname']}"},
        )
    token = {"grant_type": KEY["surname"], "client_assertion": KEY["BSN"]}
    await stranger.post("/oauth/token", data=token)
    for path in (
        f"/v1/{KEY['in an address']}",
        f"/v1/leveringen/{KEY['in an address']}",
        f"/v1/postvak?na={KEY['in an address']}&aantal={KEY['BSN']}",
        f"/v1/logboek/verwerkingen/tile/{KEY['in an address']}",
        f"/v1/logboek/verwerkingen/bewijs?bladhash={KEY['in an address']}",
        f"/oauth/token?wie={KEY['in an address']}",
    ):
        for method in ("GET", "POST", "DELETE"):
            await dwi.request(method, path, headers={"X-Wie": KEY["in a header"]})
    files = (
        (csv_of([nest.row(bsn=KEY["surname"]), nest.row(geboortedatum=KEY["street"])]), CSV),
        (csv_of([f'"{KEY["surname"]};{KEY["BSN"]}', nest.row()]), CSV),
        (f"{HEADER};{KEY['unknown field']}\n{nest.row()};x\n".encode(), CSV),
        (f"{KEY['surname']};{KEY['BSN']}\n".encode(), CSV),
        (raw + b"\n" + raw[:50] + b"\n{}\n" + json.dumps([good]).encode(), NDJSON),
        (raw, "application/json"),
        (f"<a naam='{KEY['surname']}'><b>{KEY['BSN']}</b></a>".encode(), XML),
        (f"<!DOCTYPE a [<!ENTITY b '{KEY['surname']}'>]><a>&b;</a>".encode(), XML),
    )
    for body, media_type in files:
        answer = await deliver(dwi, body, media_type)
        await worked_off(dwi, answer.json()["leveringId"])
        await outcomes(dwi, answer.json()["leveringId"])
    await deliver(dwi, csv_of([nest.row()]), KEY["in a header"])
    digest = f"sha-256=:{KEY['in a header']}:"
    await deliver(dwi, csv_of([nest.row()]), CSV, Content_Digest=digest)
    await consents_go_wrong(dwi)
    await the_database_goes_wrong(nest, dwi, casebook)


async def consents_go_wrong(dwi: httpx.AsyncClient) -> None:
    record = {
        "burgerservicenummer": KEY["BSN of the partner"],
        "doel": "toeleiding-wijkteam",
        "ontvanger": "casebook",
        "gegeven": True,
        "op": "2014-01-01T12:00:00+01:00",
        "bewijs": KEY["evidence"],
    }
    made = await dwi.post("/v1/toestemmingen", json=record)
    assert made.status_code == 201, made.text
    for wrong in (
        {**record, "doel": "ijsvogel"},
        {**record, "ontvanger": "ijsvogel"},
        {**record, "burgerservicenummer": KEY["surname"]},
        {**record, KEY["unknown field"]: KEY["surname"]},
    ):
        await dwi.post("/v1/toestemmingen", json=wrong)
    await dwi.post(f"/v1/toestemmingen/{made.json()['toestemmingId']}/intrekking", json={})


async def the_database_goes_wrong(
    nest: Nest, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    """PostgreSQL quotes the row that it refuses, and we hold what it says."""
    pool = nest.gateway.pool
    for table in ("part", "subject", "consent_event", "fingerprint", "log_leaf", "delivery"):
        await pool.execute(f"alter table {table} add constraint geen check (false) not valid")
        try:
            await refer(dwi, nest.household())
            await deliver(dwi, csv_of([nest.row()]), CSV)
            await pull(casebook)
        finally:
            await pool.execute(f"alter table {table} drop constraint geen")
    await pool.execute("alter table held rename to held_elders")
    await refer(dwi, nest.held())
    await pool.execute("alter table held_elders rename to held")
    # Sessions that end in the middle write to the database's own log.
    await pool.execute(
        """select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'sluis' and pid <> pg_backend_pid()"""
    )
    await refer(dwi, nest.household())


async def look_around(
    nest: Nest, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient, supervisor: httpx.AsyncClient
) -> None:
    """What anybody can ask: rules, log, health, figures; and a supervisor's empty mailbox."""
    for path in (
        "/v1/protocol",
        "/v1/openapi.json",
        "/v1/postvak",
        "/v1/logboek/sleutels",
        "/v1/logboek/verwerkingen/checkpoint",
        "/v1/logboek/verwerkingen/tile/entries/000.p/1",
        "/health/ready",
        "/metrics",
    ):
        for http in (supervisor, casebook):
            await http.get(path)
    size = await nest.gateway.pool.fetchval("select max(size) from log_checkpoint where log = 1")
    width = min(256, size)
    part = "" if width == 256 else f".p/{width}"
    assert (
        await supervisor.get(f"/v1/logboek/verwerkingen/tile/entries/000{part}")
    ).status_code == 200
    await worked_off_all(nest)


async def worked_off_all(nest: Nest) -> None:
    """Deliveries that waited while the database went wrong are done by now."""
    async with asyncio.timeout(20):
        while await nest.gateway.count("delivery", "state = 'in-verwerking'"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_invariant_03_nothing_that_names_a_person_stayed_behind(nest: Nest) -> None:
    assert nest.scan() == []


async def test_invariant_03_nobody_was_told_what_is_not_for_them(nest: Nest) -> None:
    statuses = {heard.status for heard in nest.ear.heard}
    assert {200, 201, 202, 400, 401, 403, 404, 405, 409, 413, 415} <= statuses
    assert nest.scan_answers() == []


async def test_invariant_03_what_was_scanned_was_there(nest: Nest) -> None:
    """Each place holds what a road like this must have left."""
    sizes = {
        name: sum(len(content) for _, content in read()) for name, read in nest.places().items()
    }
    assert sizes["gateway log"] > 1000
    assert sizes["spans"] > 1000
    assert sizes["metrics"] > 200
    assert sizes["database"] > 1_000_000
    assert sizes["write-ahead log"] > 1_000_000
    assert sizes["database's own log"] > 100
    assert sizes["exported log"] > 10_000
    spans = {span.name for span in nest.spans.get_finished_spans()}
    assert {"commit-group", "release", "acknowledge", "delivery"} <= spans


async def leak_to_database(nest: Nest, value: str) -> None:
    await nest.gateway.pool.execute("create table if not exists lek (waarde text)")
    await nest.gateway.pool.execute("insert into lek values ($1)", value)
    await nest.gateway.pool.execute("checkpoint")


async def leak_to_wal(nest: Nest, value: str) -> None:
    """Written and removed again: gone from the table, and still in the log of changes."""
    async with nest.gateway.pool.acquire() as connection, connection.transaction():
        await connection.execute("create table weer_weg (waarde text)")
        await connection.execute("insert into weer_weg values ($1)", value)
        await connection.execute("drop table weer_weg")


async def leak_to_database_log(nest: Nest, value: str) -> None:
    """An error of a statement, as a less careful configuration would log it."""
    with (nest.gateway.home / "data" / "postgresql.log").open("a") as log:
        log.write(f"ERROR:  Failing row contains ({value}).\n")


async def leak_to_gateway_log(nest: Nest, value: str) -> None:
    nest.telemetry.log("leak", reason=value)


async def leak_to_library_log(nest: Nest, value: str) -> None:
    logging.getLogger("elders").warning("cannot read %s", value)


async def leak_to_span(nest: Nest, value: str) -> None:
    with nest.telemetry.span("leak", reason=value):
        pass


async def leak_to_metrics(nest: Nest, value: str) -> None:
    nest.telemetry.count("leak", partner=value)


async def leak_to_export(nest: Nest, value: str) -> None:
    (nest.place / "exported" / "lek").write_text(value)


async def leak_to_spool(nest: Nest, value: str) -> None:
    with tempfile.NamedTemporaryFile("w", delete=False) as spool:
        spool.write(value)


async def leak_to_data_folder(nest: Nest, value: str) -> None:
    (nest.gateway.home / "data" / "kern.dump").write_text(value)


LEAKS = {
    "gateway log": leak_to_gateway_log,
    "libraries' logs": leak_to_library_log,
    "spans": leak_to_span,
    "metrics": leak_to_metrics,
    "database": leak_to_database,
    "write-ahead log": leak_to_wal,
    "database's own log": leak_to_database_log,
    "the rest of the data folder": leak_to_data_folder,
    "exported log": leak_to_export,
    "spooled files": leak_to_spool,
}


async def test_every_place_has_its_seeded_leak(nest: Nest) -> None:
    assert nest.places().keys() == LEAKS.keys()


@pytest.mark.parametrize("place", LEAKS)
async def test_a_seeded_leak_is_found(nest: Nest, place: str) -> None:
    seeded = Canary("seeded", f"leeuwerik-{list(LEAKS).index(place)}")
    await LEAKS[place](nest, seeded.value)

    found = [
        one
        for inner, content in nest.places()[place]()
        for one in Net([seeded]).search(inner, content)
    ]

    assert {one.canary for one in found} == {"seeded"}


FORMS = {name: form for canary in IDENTITY[2:3] for name, form in canary.forms()}


@pytest.mark.parametrize("form", FORMS)
async def test_a_canary_is_found_in_every_form(nest: Nest, form: str) -> None:
    around = b"\x00\x01abc" + FORMS[form] + b"xyz\xff"

    found = list(Net(IDENTITY).search("", around))

    assert {one.canary for one in found} == {"surname"}


@pytest.mark.parametrize(
    "heard",
    [
        Heard("dwi", "POST", "/v1/aanmeldingen", 400, KEY["surname"].encode()),
        Heard("dwi", "GET", "/v1/postvak", 200, KEY["BSN"].encode()),
        Heard("casebook", "GET", "/v1/postvak", 200, b"KANARIE-KM-1"),
        Heard("casebook", "GET", "/v1/postvak", 200, KEY["free text"].encode()),
        Heard("casebook", "GET", "/v1/postvak", 500, KEY["surname"].encode()),
        Heard("toezicht", "GET", "/v1/postvak", 200, KEY["street"].encode()),
        Heard("nobody", "GET", "/metrics", 200, KEY["phone"].upper().encode()),
        Heard("dwi", "GET", "/v1/postvak", 200, b"KANARIE-ST-1"),
    ],
)
async def test_an_answer_to_the_wrong_party_is_found(nest: Nest, heard: Heard) -> None:
    assert list(_misplaced(heard))
    assert not list(_misplaced(heard._replace(content=b"{}")))


async def test_a_key_that_is_not_of_the_list_cannot_be_logged(nest: Nest) -> None:
    with pytest.raises(ValueError, match="surname"):
        nest.telemetry.log("leak", surname=KEY["surname"])
