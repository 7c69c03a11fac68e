"""The description says what the gateway does, in the form that the NL GOV rules ask."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator

from adapters.registry import ADAPTERS
from gateway.api.consents import EXAMPLE_CONSENT
from gateway.api.messages import EXAMPLE_REFERRAL, EXAMPLE_STATUS
from gateway.api.wording import WORDING
from tests.gateway.api.in_process import PUBLIC, Inside, gateway_inside
from tests.support.database import TestServer
from tests.support.messages import held_referral, lines_of, referral, refused_referral, status_of
from tests.support.pulling import acknowledge, deliver, pull, refer, report_status, worked_off
from tests.support.refusals import assert_headers, assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
OPEN_TO_ALL = {"/logboek/sleutels"}
PROBLEM = "application/problem+json"
OWN = {"application/fhir+json", "application/xml"}
SOME_ID = "0192f0c1-2345-7abc-8def-0123456789ab"
SPECTRAL = "@stoplight/spectral-cli@6.16.3"
PATIENCE = 120.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[Inside]:
    async with gateway_inside(postgres) as inside:
        yield inside


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(gateway: Inside) -> Json:
    async with gateway.stranger() as http:
        described: Json = (await http.get("/v1/openapi.json")).json()
    return described


async def test_every_format_of_every_connection_is_listed(document: Json) -> None:
    """A partner's own format is found where it is sent, and where its answer is fetched."""
    paths = document["paths"]
    taken = paths["/leveringen"]["post"]["requestBody"]["content"].keys()
    outcomes = paths["/leveringen/{levering_id}/uitkomsten"]["get"]["responses"]["200"]["content"]
    mailbox = paths["/postvak"]["get"]["responses"]["200"]["content"]
    at_once = paths["/eigen-formaat"]["post"]
    for adapter in ADAPTERS.values():
        assert adapter.readers.keys() <= taken
        assert adapter.answer_writers.keys() <= outcomes.keys()
        assert adapter.status_writers.keys() <= mailbox.keys()
        assert adapter.answer_writers.keys() <= at_once["requestBody"]["content"].keys()
        assert adapter.answer_writers.keys() <= at_once["responses"]["200"]["content"].keys()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Every body that is described, with where."""
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{where} {media_type}", content
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                yield f"{where} {status} {media_type}", content


def validator(document: Json, schema: Json) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema, "components": document["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


def assert_described(document: Json, method: str, path: str, answer: httpx.Response) -> None:
    """This answer is one that the description has, headers and all."""
    operation = document["paths"][path][method]
    described = operation["responses"][str(answer.status_code)]
    media_type = answer.headers["content-type"].partition(";")[0]
    content = described["content"][media_type]
    if media_type.endswith("json") and not media_type.endswith("ndjson"):
        validator(document, content["schema"]).validate(answer.json())
    for name in described["headers"]:
        assert name in answer.headers, (method, path, name)


def assert_not_let_in(method: str, answer: httpx.Response) -> None:
    """401, as a problem where there is a body to hold one."""
    assert answer.status_code == 401
    if method != "head":
        assert_problem(answer, 401)


async def test_anybody_may_read_it_also_a_page_of_another_origin(gateway: Inside) -> None:
    async with gateway.stranger() as http:
        answer = await http.get("/v1/openapi.json", headers={"Origin": "https://elders.nl"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert_headers(answer)


async def test_it_says_whose_it_is_and_where_it_is_served(document: Json) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["version"] == "1.0.0"
    assert {"name", "email", "url"} <= document["info"]["contact"].keys()
    assert document["servers"] == [{"url": f"{PUBLIC}/v1"}]
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["clientCredentials"]["tokenUrl"] == f"{PUBLIC}/oauth/token"


async def test_every_operation_is_told_in_full(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names) >= 14
    for path, _, operation in operations(document):
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", operation["operationId"])
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert set(operation["tags"]) <= tags
        assert ("security" in operation) is (path not in OPEN_TO_ALL)
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])


async def test_names_are_written_as_the_rules_ask(document: Json) -> None:
    for path, _, operation in operations(document):
        assert not path.endswith("/")
        for step in path.strip("/").split("/"):
            assert re.fullmatch(r"[a-z][a-z-]*|\{[a-z_]+\}", step), path
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                assert re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"([A-Z][a-z]+)+", name)
        for field in schema.get("properties", {}):
            # Logboek Dataverwerkingen names its attributes with dots and underscores.
            is_standard = field.startswith("dpl.core.")
            assert is_standard or re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", field), (name, field)


async def test_every_error_is_a_problem_and_none_is_422(document: Json) -> None:
    for path, method, operation in operations(document):
        answers = operation["responses"]
        assert "422" not in answers
        expected = {"500"}
        if path not in OPEN_TO_ALL:
            expected |= {"401", "503"}
        if operation.get("parameters"):
            expected |= {"400"}
        if "{" in path:
            expected |= {"404"}
        if method == "post":
            expected |= {"400", "408", "413", "415"}
        assert expected <= answers.keys(), (method, path)
        for status, answer in answers.items():
            assert "API-Version" in answer["headers"]
            if status.startswith(("4", "5")):
                # What was recorded as refused is told in the partner's own format (FHIR).
                own = OWN if path == "/eigen-formaat" and status in ("400", "403", "409") else set()
                assert answer["content"].keys() == {PROBLEM} | own
                schema = answer["content"][PROBLEM]["schema"]
                assert schema == {"$ref": "#/components/schemas/Probleem"}
        for status, header in (("401", "WWW-Authenticate"), ("503", "Retry-After")):
            assert status not in answers or header in answers[status]["headers"]


async def test_every_place_that_is_referred_to_is_there(document: Json) -> None:
    for place in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        at: Any = document
        for step in place.removeprefix("#/").split("/"):
            at = at[step]
        assert at


async def test_every_schema_is_a_sound_one_and_used(document: Json) -> None:
    text = json.dumps(document)
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        # A mailbox's own data are as the protocol has them, so nothing refers to their schema.
        assert f'"#/components/schemas/{name}"' in text or name == "EigenStatus", name


async def test_what_partners_read_is_dutch(document: Json) -> None:
    assert document["components"]["schemas"].keys() == {word.name for word in WORDING.values()}
    english = re.compile(r"\b(the|of a|which|its|is not)\b", re.IGNORECASE)
    for text in re.findall(r'"(?:description|summary)": "([^"]+)"', json.dumps(document)):
        assert not english.search(text), text
    for word in WORDING.values():
        fields = document["components"]["schemas"][word.name].get("properties", {})
        assert word.fields.keys() <= fields.keys(), word.name


async def test_every_example_holds_to_its_schema(document: Json) -> None:
    told = [(where, content) for where, content in contents(document) if "example" in content]
    assert len(told) > 50
    for where, content in told:
        found = list(validator(document, content["schema"]).iter_errors(content["example"]))
        assert found == [], where
    for where, content in contents(document):
        is_json = "$ref" in content["schema"]
        assert is_json is ("example" in content), where


async def test_held_up_for_seconds_the_gateway_knows_partners_again_soon(gateway: Inside) -> None:
    """Looking the description over, as above, kept its loop from reading who they are."""
    headers = {"Authorization": "Bearer x.y.z"}
    async with gateway.stranger() as http, asyncio.timeout(20):
        while (await http.get("/v1/protocol", headers=headers)).status_code == 503:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.05)


async def test_the_examples_work(dwi: httpx.AsyncClient, casebook: httpx.AsyncClient) -> None:
    answer = await refer(dwi, EXAMPLE_REFERRAL)
    assert answer.status_code == 202, answer.text
    await acknowledge(casebook, (await pull(casebook)).json()["volgende"])
    status = {**EXAMPLE_STATUS, "uitwisselingId": answer.json()["uitwisselingId"]}
    assert (await report_status(casebook, status)).status_code == 202
    assert (await dwi.post("/v1/toestemmingen", json=EXAMPLE_CONSENT)).status_code == 201


async def test_real_answers_are_as_described(
    document: Json, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    taken = await refer(dwi, referral())
    for answer in (taken, await refer(dwi, held_referral()), await refer(dwi, refused_referral())):
        assert_described(document, "post", "/aanmeldingen", answer)
    assert_described(document, "post", "/aanmeldingen", await dwi.post("/v1/aanmeldingen"))
    page = await pull(casebook)
    assert_described(document, "get", "/postvak", page)
    assert_described(document, "get", "/postvak", await pull(casebook, na="onbekend"))
    for accept in ("application/x-ndjson", "image/png"):
        answer = await casebook.get("/v1/postvak", headers={"Accept": accept})
        assert_described(document, "get", "/postvak", answer)
    received = await acknowledge(casebook, page.json()["volgende"])
    assert_described(document, "post", "/postvak/ontvangst", received)
    told = await report_status(casebook, status_of(taken.json()["uitwisselingId"]))
    assert_described(document, "post", "/statusberichten", told)
    statuses = await dwi.get("/v1/postvak", headers={"Accept": "text/csv"})
    assert_described(document, "get", "/postvak", statuses)
    own = validator(document, {"$ref": "#/components/schemas/EigenStatus"})
    for event in (await pull(dwi)).json()["berichten"]:
        own.validate(event["data"])
    given = await dwi.post("/v1/toestemmingen", json=EXAMPLE_CONSENT)
    assert_described(document, "post", "/toestemmingen", given)
    path = "/toestemmingen/{toestemming_id}/intrekking"
    for consent in (given.json()["toestemmingId"], SOME_ID):
        answer = await dwi.post(f"/v1/toestemmingen/{consent}/intrekking", json={})
        assert_described(document, "post", path, answer)
    assert_described(document, "get", "/protocol", await dwi.get("/v1/protocol"))


async def test_real_deliveries_are_as_described(document: Json, dwi: httpx.AsyncClient) -> None:
    body = lines_of([referral(), held_referral(), refused_referral(), {"kenmerk": "X"}])
    for _ in range(2):
        received = await deliver(dwi, body)
        assert_described(document, "post", "/leveringen", received)
    delivery = received.json()["leveringId"]
    await worked_off(dwi, delivery)
    for named in (delivery, SOME_ID, "geen-id"):
        report = await dwi.get(f"/v1/leveringen/{named}")
        assert_described(document, "get", "/leveringen/{levering_id}", report)
        outcomes = await dwi.get(f"/v1/leveringen/{named}/uitkomsten")
        assert_described(document, "get", "/leveringen/{levering_id}/uitkomsten", outcomes)


async def test_the_real_log_is_as_described(document: Json, dwi: httpx.AsyncClient) -> None:
    receipt = (await refer(dwi, referral())).json()["ontvangstbewijs"]
    leaf = receipt["bladhash"].rstrip("=").replace("+", "-").replace("/", "_")
    asked = f"/v1/logboek/verwerkingen/bewijs?bladhash={leaf}"
    async with asyncio.timeout(10):
        while (await dwi.get(asked)).status_code == 404:  # noqa: ASYNC110 - it is told by no event
            await asyncio.sleep(0.05)
    for path, query in (
        ("bewijs", f"?bladhash={leaf}"),
        ("bewijs", f"?bladhash={leaf[::-1]}"),
        ("bewijs", ""),
        ("checkpoint", ""),
    ):
        answer = await dwi.get(f"/v1/logboek/verwerkingen/{path}{query}")
        assert_described(document, "get", f"/logboek/verwerkingen/{path}", answer)
    for place in ("0/000.p/1", "entries/000.p/1", "0/999"):
        answer = await dwi.get(f"/v1/logboek/verwerkingen/tile/{place}")
        assert_described(document, "get", "/logboek/verwerkingen/tile/{plaats}", answer)
    keys = await dwi.get("/v1/logboek/sleutels")
    assert_described(document, "get", "/logboek/sleutels", keys)


async def test_every_route_but_those_described_as_open_asks_for_a_token(
    gateway: Inside, document: Json
) -> None:
    async with gateway.stranger() as http:
        for path, method, _ in operations(document):
            address = f"/v1{re.sub('{[^}]+}', SOME_ID, path)}"
            for authorization in (None, "Bearer", "Bearer x.y.z", "Basic ZHdpOng="):
                headers = {} if authorization is None else {"Authorization": authorization}
                answer = await http.request(method.upper(), address, headers=headers)
                if path in OPEN_TO_ALL:
                    assert answer.status_code == 200
                    continue
                assert_not_let_in(method, answer)
                assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_who_asks_is_looked_at_before_what_is_asked(gateway: Inside, document: Json) -> None:
    """A stranger learns nothing of what a body or a parameter should be."""
    async with gateway.stranger() as http:
        for path, method, _ in operations(document):
            if path in OPEN_TO_ALL:
                continue
            address = f"/v1{re.sub('{[^}]+}', 'geen-id', path)}?aantal=veel&na=&bladhash=x"
            for body, media_type in ((b"{", "application/json"), (b"\xff", "image/png")):
                headers = {"Content-Type": media_type}
                answer = await http.request(method, address, content=body, headers=headers)
                assert_not_let_in(method, answer)


async def test_nothing_answers_that_is_not_described(gateway: Inside, document: Json) -> None:
    """Beside the API's version stand only who comes in, the operator's probes and this."""
    beside = {
        "/oauth/token",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/v1/openapi.json",
    }
    app: Any = gateway.app
    served = {route.path_format for route in iter_route_contexts(app._app.routes)}
    assert served == {f"/v1{path}" for path in document["paths"]} | beside


@pytest.mark.e2e
async def test_the_linter_of_the_design_rules_finds_nothing(
    document: Json, shared: Path, tmp_path: Path
) -> None:
    linter = shutil.which("spectral") or await installed(tmp_path)
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(document), encoding="utf-8")
    rules = shared / "standards/api/adr-linter.spectral.json"

    status, told = await run(
        linter, "lint", str(described), "--ruleset", str(rules), "--fail-severity", "warn"
    )

    assert status == 0, told
    # It can find something: the description without its contact is refused.
    described.write_text(json.dumps({**document, "info": {"title": "Sluis", "version": "1"}}))
    status, told = await run(linter, "lint", str(described), "--ruleset", str(rules))
    assert status == 1
    assert "info-contact" in told
    assert "nlgov:semver" in told


async def installed(folder: Path) -> str:
    """The linter, in a folder that goes with the test."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("NOT LINTED: there is no `spectral` and no `npm` to fetch it with")
    arguments = ("install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    try:
        status, _ = await run(npm, *arguments, "--prefix", str(folder), SPECTRAL)
    except TimeoutError:
        status = -1
    if status != 0:
        pytest.skip(f"NOT LINTED: npm could not install {SPECTRAL}")
    return str(folder / "node_modules/.bin/spectral")


async def run(*command: str) -> tuple[int, str]:
    """Status and output of a command that has its time."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            told, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, told.decode()
