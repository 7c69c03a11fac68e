"""Every official sample of every format, through the running gateway: in and out, or refused.

One table over `../shared/standards` (SOURCES.md says where each comes from): what is valid goes in
and its answer is valid by the official schema; what is not is refused with its code, and leaves the
entry of its refusal and nothing else. Files are found by their folders, so that a sample that is
added is looked at or fails. Skipped, loudly, without ../shared.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from lxml import etree

from adapters.okt.ijw_types import RETOUR_OF
from tests.adapters.ggz.fhir_xml import resource_of
from tests.adapters.ggz.written import (
    CONSENT,
    PATIENT,
    REQUEST,
    TASK,
    Json,
    bundle,
    consent,
    entry,
    patient,
    service_request,
    task,
)
from tests.adapters.okt.test_envelope import schema as ggk_schema
from tests.adapters.okt.written import enveloped, linked, request
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import fresh_bsn, fresh_reference, lines_of
from tests.support.own_formats import FHIR, GGZ, OKT, Answered, handed_down, joined, sent
from tests.support.pulling import NDJSON, XML, deliver, pull_all, worked_off
from tests.support.running_gateway import RunningGateway, running_gateway

STANDARDS = Path(__file__).parents[3] / "shared" / "standards"
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not STANDARDS.is_dir(), reason="../shared is not there: NO official sample was sent"
    ),
]
REFUSED = ("geweigerd", "niet-leesbaar")
NO_FILE = "niet-leesbaar"
NO_MESSAGE = "bestand (nodig is een JW301, JW305, JW307 of JW315): ongeldig"
NO_ANSWER = "bestand (nodig is een suwiLevering): ongeldig"
ELSEWHERE = (b"0384", b"0363")
"""Two of the iJw samples are another municipality's; they are sent as this one's too."""


class Case(NamedTuple):
    """One sample as it is sent, and what becomes of it; `codes` are those of its retour."""

    path: str
    told: tuple[str, str]
    codes: tuple[str, ...] = ()
    wrapper: str = ""
    mended: tuple[bytes, bytes] = (b"", b"")

    @property
    def name(self) -> str:
        return "-".join(filter(None, (Path(self.path).stem, self.wrapper, *self.codes)))


IJW = [
    *(Case(f"ijw32/JW{kind}.xml", ("toegelaten", "toegelaten"), ("0200",), "linked")
      for kind in ("301", "305", "307")),
    *(Case(f"ijw32/JW{kind}.xml", ("toegelaten", "toegelaten"), ("0200",), "linked in an envelope")
      for kind in ("301", "305", "307")),
    Case("ijw32/JW301.xml", REFUSED, ("9379",)),
    Case("ijw32/JW305.xml", REFUSED, ("9019",)),
    Case("ijw32/JW307.xml", REFUSED, ("9019",)),
    Case("ijw32/JW315.xml", REFUSED, ("0001",)),
    Case("ijw32/JW301.xml", REFUSED, ("S300",), "linked"),
    Case("ijw32/JW315.xml", REFUSED, ("S300",), "", (b"2027-06-31", b"2027-06-30")),
    Case("ijw32/JW315.xml", ("aangehouden", "instemming-onvolledig"), ("0200",), "",
         (b"2027-06-31", b"2027-06-30")),
    *(Case(f"ijw32/JW{kind}.xml", (NO_FILE, NO_MESSAGE)) for kind in ("302", "306", "308")),
    *(Case(f"iwmo32/WMO{kind}.xml", (NO_FILE, NO_MESSAGE))
      for kind in ("301", "305", "307", "315")),
    # Their payload is the standard's placeholder, and one of them is not well-formed.
    Case("ggk/ggk_Di01.xml", (NO_FILE, "bestand (geen leesbare XML): afgebroken")),
    Case("ggk/envelopHeenbericht-ggk_Di01_v21.xml",
         (NO_FILE, "bestand (geen leesbare XML): afgebroken")),
    Case("ggk/ggk_Du01.xml", (NO_FILE, NO_MESSAGE)),
    Case("ggk/envelopRetourbericht-ggk_Du01-v21.xml",
         (NO_FILE, "bestand (geen leesbare XML): afgebroken")),
]  # fmt: skip
SUWI = [
    # A valid answer, which says that the source had a fault: nothing is known of anybody.
    Case("suwinet/responses/Bijstandsregelingen_BijstandsregelingenInfo_999999990.xml",
         REFUSED, (), "suwi"),
    Case("suwinet/responses/Bijstandsregelingen_BijstandsregelingenInfo_111111110.xml",
         REFUSED, (), "suwi"),
    *(Case(f"suwinet/requests/{name}.xml", (NO_FILE, NO_ANSWER)) for name in (
        "BRPDossierPersoonGSD_AanvraagPersoon_999991425",
        "BRPDossierPersoonGSD_AanvraagPersoon_999999990",
        "Bijstandsregelingen_BijstandsregelingenInfo_111111110",
    )),
]  # fmt: skip
COUNTED: Counter[tuple[str, str]] = Counter()
"""Samples by format and by what became of them, told at the end."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    """A gateway that holds what comes in to the official XSDs as well."""
    strict: dict[str, Any] = {
        "ijw_schemas": STANDARDS / "ijw32",
        "suwi_schemas": STANDARDS / "suwinet" / "Bijstandsregelingen",
    }
    async with running_gateway(postgres, **strict) as running:
        yield running
        await assert_log_tells_all(running)
    for (form, told), number in sorted(COUNTED.items()):
        print(f"samples: {form:8} {told:13} {number:4}")  # noqa: T201  # the count is the proof


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def okt(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with joined(gateway, OKT) as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ggz(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with joined(gateway, GGZ) as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dwi(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("dwi") as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def casebook(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("casebook") as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(casebook: httpx.AsyncClient, okt: httpx.AsyncClient) -> str:
    """What the iJw samples of a provider are about here."""
    pulled, _ = await handed_down(casebook, okt, fresh_bsn())
    return pulled


def count(form: str, told: str) -> None:
    COUNTED[form, told] += 1


async def refusal_alone(gateway: RunningGateway, before: dict[str, int], *, is_file: bool) -> None:
    """A refused record leaves its exchange and its entry; a file that is none, not even those."""
    now = await gateway.remains()
    grown = {table: now[table] - before[table] for table in now if now[table] != before[table]}
    kept = {name: grown.pop(name, 0) for name in ("delivery", "delivery_chunk", "delivery_outcome")}
    assert kept["delivery"] == 1
    assert grown == ({} if is_file else {"exchange": 1, "log_leaf": 1})


@pytest.mark.parametrize("case", IJW, ids=lambda case: case.name)
async def test_an_ijw_or_ggk_sample(
    gateway: RunningGateway, okt: httpx.AsyncClient, exchange: str, case: Case
) -> None:
    sample = (STANDARDS / case.path).read_bytes().replace(*case.mended)
    if case.codes != ("S300",):
        sample = sample.replace(*ELSEWHERE)
    # Another message under the sample's number is another matter, further on.
    sample = sample.replace(b"123456789012", fresh_reference()[-12:].encode())
    kind = Path(case.path).stem.removeprefix("JW")
    if case.wrapper:
        sample = linked(sample, exchange)
    in_envelope = case.wrapper.endswith("envelope")
    if in_envelope:
        sample = enveloped(sample, f"JW{kind}")
        assert ggk_schema(STANDARDS.parent).validate(etree.fromstring(sample))
    before = await gateway.remains()

    answered = await sent(okt, sample)

    assert answered.told == case.told
    assert in_envelope or tuple(answered.codes) == case.codes
    valid_out(answered, kind, in_envelope=in_envelope)
    if case.told[0] in (NO_FILE, "geweigerd"):
        await refusal_alone(gateway, before, is_file=case.told[0] == NO_FILE)
    count(case.path.partition("/")[0], case.told[0])


def valid_out(answered: Answered, kind: str, *, in_envelope: bool) -> None:
    """The retour is what the official XSDs say, and repeats nobody."""
    if answered.retour is None:
        assert answered.told[0] == NO_FILE
        return
    root = etree.fromstring(answered.retour)
    if in_envelope:
        assert ggk_schema(STANDARDS.parent).validate(root)
        root = etree.fromstring(base64.b64decode(next(root.iter("{*}bericht")).text or ""))
        assert [code.text for code in root.iter("{*}RetourCode")] == ["0200"]
    by = etree.XMLSchema(etree.parse(str(STANDARDS / "ijw32" / f"JW{RETOUR_OF[kind]}.xsd")))
    assert by.validate(root)
    assert not list(root.iter("{*}Client"))


@pytest.mark.parametrize("case", SUWI, ids=lambda case: Path(case.path).stem)
async def test_a_suwi_sample(gateway: RunningGateway, dwi: httpx.AsyncClient, case: Case) -> None:
    sample = (STANDARDS / case.path).read_text(encoding="utf-8").strip()
    if case.wrapper:
        sample = (
            '<s:suwiLevering xmlns:s="urn:sluis:dwi:suwi-levering:1">'
            f'<s:aanmelding kenmerk="{fresh_reference()}" aangemeldOp="2026-02-02">{sample}'
            "</s:aanmelding></s:suwiLevering>"
        )
    before = await gateway.remains()
    answered = await sent(dwi, sample.encode())
    assert answered.told == case.told
    await refusal_alone(gateway, before, is_file=case.told[0] == NO_FILE)
    count("suwinet", case.told[0])


EXAMPLES = sorted(path.stem for path in (STANDARDS / "fhir" / "nl-core-examples").glob("*.xml"))


def around(resource: Json) -> Json:
    """A Bundle as GGZ sends it, with this resource in the place of its own kind, or beside."""
    kind = resource["resourceType"]
    person = resource if kind == "Patient" else patient(fresh_bsn())
    said = consent() if kind != "Consent" else {**resource, "patient": {"reference": PATIENT}}
    asked = task(identifier=[{"value": fresh_reference("GGZ")}])
    entries = [
        entry(PATIENT, person),
        entry(REQUEST, service_request()),
        entry(TASK, asked),
        entry(CONSENT, said),
    ]
    if kind not in ("Patient", "Consent"):
        entries.append(entry("urn:uuid:4d1b6d9e-0c5e-4a5e-9a3e-000000000009", resource))
    return bundle(*entries)


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_sample_of_nl_core(
    gateway: RunningGateway, ggz: httpx.AsyncClient, name: str
) -> None:
    path = STANDARDS / "fhir" / "nl-core-examples" / f"{name}.xml"
    resource: Json = resource_of(path.read_bytes())
    before = await gateway.remains()
    body = json.dumps(around(resource)).encode()
    answer = await ggz.post("/v1/eigen-formaat", content=body, headers={"Content-Type": FHIR})
    told = answer.json()
    if resource["resourceType"] == "Patient":
        assert answer.status_code == 200, answer.text
        assert [one["resource"]["status"] for one in told["entry"] if "resource" in one]
        count("fhir", "gelezen")
        return
    assert (answer.status_code, told["resourceType"]) == (400, "OperationOutcome")
    now = await gateway.remains()
    grown = {table: now[table] - before[table] for table in now if now[table] != before[table]}
    assert grown == {"exchange": 1, "log_leaf": 1}
    count("fhir", "geweigerd")


async def test_the_official_test_persons_by_canonical_json(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    """All 544, each by itself: who is grown up says yes for themselves, others wait."""
    known = json.loads((STANDARDS / "brp" / "test-persons.json").read_text(encoding="utf-8"))
    lines = lines_of(
        {
            "kenmerk": f"BRP-{number}",
            "aangemeldOp": "2026-02-02",
            "grondslag": "participatiewet",
            "huishouden": {
                "postcode": person.get("verblijfplaats", {}).get("postcode"),
                "leden": [
                    {
                        "rol": "aanmelder",
                        "burgerservicenummer": person["burgerservicenummer"],
                        "achternaam": person.get("naam", {}).get("geslachtsnaam"),
                        **born(person),
                        "instemming": {"gegeven": True, "op": "2026-02-01"},
                    }
                ],
            },
        }
        for number, person in enumerate(known)
    )
    taken = await deliver(dwi, lines, NDJSON)
    report = await worked_off(dwi, taken.json()["leveringId"])
    assert report["records"] == len(known)
    assert report["toegelaten"] + report["aangehouden"] == len(known)
    for told in ("toegelaten", "aangehouden"):
        assert report[told] > 20
        COUNTED["brp", told] += report[told]


def born(person: Json) -> dict[str, str]:
    """The birth date as far as it is known: what is unknown is left out, never guessed at."""
    raw = person.get("geboorte", {}).get("datum", "")
    known = [part for part in (raw[:4], raw[4:6], raw[6:]) if part.strip("0")]
    return {"geboortedatum": "-".join(known)} if known else {}


async def test_nothing_in_the_folders_was_passed_over() -> None:
    sent_paths = {case.path for case in (*IJW, *SUWI)}
    for folder in ("ijw32", "iwmo32", "ggk", "suwinet/requests", "suwinet/responses"):
        found = {str(path.relative_to(STANDARDS)) for path in (STANDARDS / folder).glob("*.xml")}
        assert found <= sent_paths, found - sent_paths


async def test_every_retour_code_is_the_answer_to_a_real_message(okt: httpx.AsyncClient) -> None:
    reference, number = fresh_reference("R"), fresh_reference()[-12:]
    valid = request(reference=reference, number=number, dated="2026-02-02")
    given = {
        "0001": valid.replace(b"<m:Geslacht>2", b"<m:Geslacht>7"),
        "0200": valid,
        "8848": valid.replace(b"2026-02-02", b"2999-02-02"),
        "9056": valid.replace(reference.encode(), b"R-ANDERS"),
        "9374": valid.replace(b"2026-02-02", b"2026-02-01").replace(number.encode(), b"N-ANDERS"),
        "S300": valid.replace(b"0363", b"0384"),
    }
    order = ("0001", "0200", "8848", "9056", "9374", "S300")
    assert [(await sent(okt, given[code], XML)).codes for code in order] == [
        [code] for code in order
    ]


async def test_nobody_was_handed_a_sample_that_was_refused(casebook: httpx.AsyncClient) -> None:
    """What the casebook got of all this is what was let through: statuses, and persons."""
    kinds = Counter(event["type"] for event in await pull_all(casebook))
    assert set(kinds) <= {"nl.sluis.statusbericht", "nl.sluis.aanmelding"}
