"""The conformance script passes a gateway that keeps its word, and finds one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey

from gateway.cli.partner_knock import knocking
from gateway.cli.setup import read_protocol
from gateway.client import AsyncSluis, Credentials, Retrying, credentials
from gateway.client.webhooks import NotGenuine, keys_of, verify
from gateway.identity.signatures import RequestSigner
from gateway.sandbox import conformance_admission as admission
from gateway.sandbox.conformance import (
    PASSED,
    Check,
    Checked,
    Outcome,
    Trial,
    Verdict,
    begin,
    run_checks,
)
from gateway.sandbox.conformance_flow import TriedFlow, tried_flow
from gateway.sandbox.conformance_ijw import looked_at
from gateway.sandbox.conformance_push import Knocked, Wrong
from gateway.sandbox.conformance_report import report_of, report_text
from gateway.sandbox.conformance_samples import Sample, household, sample
from gateway.sandbox.conformance_table import CHECKS, checks_for, push_checks
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

TODAY = datetime.now(UTC).date()
EXAMPLE = read_protocol(None).text
FLOW = TriedFlow("proef", "casebook", "toeleiding-wijkteam", "participatiewet", True, True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


@asynccontextmanager
async def trial_of(
    gateway: RunningGateway, partner: str, adapter: str, *, counterpart: bool = True
) -> AsyncIterator[Trial]:
    async with AsyncExitStack() as closing:
        retrying = Retrying(attempts=2)
        mine = credentials.load(gateway.home / "partners" / partner)
        client = await closing.enter_async_context(AsyncSluis(mine, retrying=retrying, keeps=False))
        http = httpx.AsyncClient(base_url=mine.base_url, trust_env=False)
        await closing.enter_async_context(http)
        other: AsyncSluis | None = None
        if counterpart:
            theirs = credentials.load(gateway.home / "partners" / "casebook")
            other = AsyncSluis(theirs, retrying=retrying, keeps=False)
            await closing.enter_async_context(other)
        yield await begin(mine, client, http, adapter, TODAY, other)


def _as_the_proxy(request: httpx.Request) -> httpx.Response:
    """What deploy/nginx.conf lets through, as far as this check may see it."""
    is_the_operators = request.url.path.startswith(("/metrics", "/health/"))
    return httpx.Response(404 if is_the_operators else 200, json={})


async def test_the_road_is_looked_at_where_the_proxy_lets_a_partner_through() -> None:
    mine = Credentials("dwi", "https://sluis.test", "k", ECKey.generate_key("P-256"))
    road = httpx.MockTransport(_as_the_proxy)
    async with (
        AsyncSluis(mine, keeps=False) as client,
        httpx.AsyncClient(base_url=mine.base_url, transport=road) as http,
    ):
        trial = Trial(mine, client, http, "dwi", "1", "00", "sluis.test/log", None)
        assert await admission.safe_road(trial) == PASSED


def told(done: list[Checked]) -> dict[str, str]:
    return {one.check.id: one.outcome.verdict.value for one in done}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("partner", "adapter"),
    [("okt", "okt"), ("ggz", "ggz")],
)
async def test_our_own_gateway_passes_in_every_format(
    gateway: RunningGateway, partner: str, adapter: str
) -> None:
    async with trial_of(gateway, partner, adapter) as trial:
        done = await run_checks(trial, checks_for(adapter))
    verdicts = told(done)
    assert ("ijw-aangehouden" in verdicts) is (adapter == "okt")
    assert verdicts.pop("tls") == "niet-van-toepassing"
    assert set(verdicts.values()) == {"geslaagd"}, [
        one for one in done if one.outcome.verdict is not Verdict.PASSED
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_partner_alone_passes_what_it_can_do_alone(gateway: RunningGateway) -> None:
    async with trial_of(gateway, "dwzs", "professional", counterpart=False) as trial:
        done = told(await run_checks(trial, CHECKS))
    assert done["status"] == "niet-van-toepassing"
    assert done["vreemde-cursor"] == done["aanmelding"] == "geslaagd"
    assert "niet-geslaagd" not in done.values()


@pytest.mark.asyncio(loop_scope="module")
async def test_against_a_gateway_that_people_depend_on_nothing_is_left_with_anybody(
    gateway: RunningGateway,
) -> None:
    before = await gateway.effects()
    async with trial_of(gateway, "dwi", "dwi") as trial:
        trial.log = "sluis/00000001823288444000/verwerkingen/2026"
        done = await run_checks(trial, CHECKS)
    assert trial.is_live
    assert {one.check.leaves for one in done if one.outcome.verdict is Verdict.PASSED} == {False}
    after = await gateway.effects()
    assert after[:2] == before[:2]  # no exchange, and nothing in a mailbox


@pytest.mark.asyncio(loop_scope="module")
async def test_a_suspended_partner_fails_at_the_door(gateway: RunningGateway) -> None:
    async with trial_of(gateway, "dwi", "dwi") as trial:
        stranger = replace(trial.credentials, key_id="bestaat-niet")
        trial.credentials = stranger
        done = await run_checks(trial, CHECKS[1:3])
    assert told(done) == {"token": "niet-geslaagd", "token-andere-sleutel": "geslaagd"}
    assert done[0].outcome.remedy


def lying(request: httpx.Request) -> httpx.Response:
    """A gateway that lets everybody in."""
    return httpx.Response(200, json={"access_token": "x", "expires_in": 60})


async def test_a_gateway_that_takes_everything_fails_every_check_of_its_door(
    tmp_path: Path,
) -> None:
    credentials.create(tmp_path / "dwi", partner="dwi", base_url="http://127.0.0.1:1")
    mine = credentials.load(tmp_path / "dwi")
    async with (
        AsyncSluis(mine, keeps=False) as client,
        httpx.AsyncClient(base_url=mine.base_url, transport=httpx.MockTransport(lying)) as http,
    ):
        trial = Trial(mine, client, http, "dwi", "1", "00", "sluis/00000099/x", FLOW)
        doors = [one for one in CHECKS if one.look.__module__ == admission.__name__]
        done = told(await run_checks(trial, doors))
    assert done.pop("tls") == "niet-van-toepassing"
    assert done.pop("token") == "geslaagd"
    assert set(done.values()) == {"niet-geslaagd"}


async def test_a_check_that_breaks_off_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    credentials.create(tmp_path / "dwi", partner="dwi", base_url="http://127.0.0.1:1")
    mine = credentials.load(tmp_path / "dwi")

    async def away(_: Trial) -> Outcome:
        raise httpx.ConnectError("weg")

    async def slow(_: Trial) -> Outcome:
        raise TimeoutError

    async with AsyncSluis(mine, keeps=False) as client, httpx.AsyncClient() as http:
        trial = Trial(mine, client, http, "dwi", "1", "00", "sluis/00000099/x", None)
        done = await run_checks(trial, [Check("a", "A", away), Check("b", "B", slow)])
        told_ = report_of(trial, done, datetime.now(UTC))
    assert {one.outcome.verdict for one in done} == {Verdict.FAILED}
    assert not told_.is_passed
    assert "Wat te doen: kijk of de gateway bereikbaar is." in report_text(told_)


def test_a_retour_is_held_to_its_kind_its_message_and_its_code() -> None:
    sent = Sample(b"<m:Identificatie>A1</m:Identificatie>", "application/xml")
    home = 'xmlns:jw316="http://www.istandaarden.nl/ijw/3_2/jw316/schema"'

    def retour(code: str = "0200", number: str = "A1", kind: str = "447", names: str = home) -> str:
        return (
            f"<jw316:Bericht {names}><jw316:BerichtCode>{kind}</jw316:BerichtCode>"
            f"<ijw:Identificatie>{number}</ijw:Identificatie>"
            f"<jw316:RetourCode>{code}</jw316:RetourCode></jw316:Bericht>"
        )

    assert looked_at(retour(), sent, "0200") is PASSED
    for wrong in (retour("0001"), retour(number="A2"), retour(kind="441"), retour(names=""), ""):
        assert looked_at(wrong, sent, "0200").verdict is Verdict.FAILED


def test_every_check_has_a_name_of_its_own_and_nothing_that_is_live_leaves_a_message() -> None:
    async def knock(_: bytes, __: str, ___: Wrong) -> Knocked:
        return Knocked(True, True)

    every = checks_for("okt")
    ids = [one.id for one in (*every, *push_checks(knock))]
    assert len(ids) == len(set(ids))
    messages = ("_messages", "_ijw")
    from_messages = [one for one in every if one.look.__module__.endswith(messages)]
    assert all(one.leaves for one in from_messages)


def test_the_flow_that_is_tried_is_open_today_and_hides_nothing() -> None:
    found = tried_flow(EXAMPLE, "madi", date(2026, 3, 2))
    assert found is not None
    assert (found.id, found.recipient, found.gives_status) == ("madi-aanmelding", "casebook", True)
    assert tried_flow(EXAMPLE, "madi", date(2031, 1, 1)) is None
    assert tried_flow(EXAMPLE, "niemand", date(2026, 3, 2)) is None
    # All that these two send is protected by rule.
    assert tried_flow(EXAMPLE, "veilig-thuis", date(2026, 3, 2)) is None


def test_a_sample_is_labelled_and_holds_nobody() -> None:
    one = household("PROEF-1a2b3c4d-1", "999990019", FLOW, TODAY)
    for adapter in ("dwi", "professional", "okt", "ggz", "generic"):
        made = sample(adapter, [one])
        assert b"PROEF-1a2b3c4d-1" in made.content
        assert b"Proefpersoon" in made.content


@asynccontextmanager
async def endpoint(signer: RequestSigner, *, careless: bool = False) -> AsyncIterator[str]:
    """A partner's endpoint, which verifies as our own client does, or takes everything."""
    keys = keys_of({"keys": [signer.jwk()]})
    where: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = dict(line.split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["Content-Length"]))
        status = "204 No Content"
        try:
            if not careless:
                verify("POST", where[0], headers, body, keys)
        except NotGenuine:
            status = "401 Unauthorized"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        where.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/berichten")
        yield where[0]


async def test_an_endpoint_that_verifies_passes_and_a_careless_one_does_not(
    tmp_path: Path,
) -> None:
    credentials.create(tmp_path / "dwi", partner="dwi", base_url="http://127.0.0.1:1")
    mine = credentials.load(tmp_path / "dwi")
    signer = RequestSigner(Ed25519PrivateKey.generate())
    async with AsyncSluis(mine, keeps=False) as client, httpx.AsyncClient() as http:
        trial = Trial(mine, client, http, "dwi", "1", "00", "sluis/00000099/x", None)

        async def tried(url: str) -> list[Checked]:
            knock = knocking(url, signer, may_be_private=True)
            return await run_checks(trial, push_checks(knock))

        async with endpoint(signer) as url:
            good = await tried(url)
        async with endpoint(signer, careless=True) as url:
            careless = await tried(url)
        nobody = await tried(url)
    assert {one.outcome for one in good} == {PASSED}
    assert [one.outcome.verdict for one in careless] == [Verdict.PASSED, *[Verdict.FAILED] * 3]
    assert {one.outcome.verdict for one in nobody} == {Verdict.FAILED}
    assert sum("niet-bereikbaar" in one.outcome.told for one in nobody) == 4
