"""The casebook over a running gateway: opening load, doubles, updates, onward referral, rewinding.

Spoken by the product's own client and commands; what nobody else may see is looked for in what they
get.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.client import AsyncSluis, Event, NotAdmitted, Refused, credentials
from schemas.casework import CaseStatus, StatusMessage
from schemas.partner_update import PartnerUpdate, newest
from schemas.referral import Referral
from schemas.registrations import Registration
from tests.support.database import TestServer
from tests.support.messages import Json, fresh_bsn, fresh_reference, member, referral
from tests.support.parties import SLUIS
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
YOUTH = {"grondslag": "jeugdwet", "aangemeldOp": "2026-02-10"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


def party(gateway: RunningGateway, name: str) -> AsyncSluis:
    return AsyncSluis(credentials.load(gateway.home / "partners" / name), keeps=False)


async def mail(client: AsyncSluis) -> list[Event]:
    """Everything that waits, acknowledged."""
    found: list[Event] = []
    async for page in client.pages():
        found += page.events
        if page.events:
            await client.acknowledge(page.next_cursor)
    return found


def sent(*members: Json, **changes: Any) -> Referral:
    return Referral.model_validate(referral(*members, **changes))


def known_of(event: Event) -> list[bool]:
    data: Any = event.data
    return [one["reedsBekend"] for one in data["huishouden"]["leden"]]


async def run(*command: str) -> tuple[int, str]:
    done = await asyncio.to_thread(
        subprocess.run, [*SLUIS, *command], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("provider", ["altra", "spirit"])
async def test_a_household_is_referred_onward_and_its_status_comes_back(
    gateway: RunningGateway, provider: str
) -> None:
    async with party(gateway, "casebook") as casebook, party(gateway, provider) as institution:
        await mail(casebook)
        person = fresh_bsn()
        onward = sent(
            member(person, rol="overig", instemming={"gegeven": True, "op": "2026-02-09"}),
            ontvanger=provider,
            **YOUTH,
        )
        answer = await casebook.refer(onward)
        (event,) = await mail(institution)
        assert (event.type, event.id) == ("nl.sluis.aanmelding", answer.exchange_id)
        assert event.data is not None
        told = json.dumps(event.data)
        # Neither the casebook's key nor what only the casebook may know.
        assert onward.reference not in told
        assert "reedsBekend" not in told
        assert "wijkteam" not in told

        await institution.send_status(
            StatusMessage(
                reference=fresh_reference("ST"),
                exchange_id=event.id,
                status=CaseStatus.ACTIVE,
                as_of="2026-02-20",  # type: ignore[arg-type]  # as JSON has it
            )
        )
        (back,) = await mail(casebook)
        status = back.own_status()
        assert status is not None
        assert (status.reference, status.status) == (onward.reference, CaseStatus.ACTIVE)
        # Two recipients call one person by two names (invariant 6).
        assert back.subject != event.subject

        # Without a flow of its own an institution tells nothing more than statuses.
        with pytest.raises(Refused) as refused:
            await institution.send_update(
                PartnerUpdate.model_validate(
                    {
                        "kenmerk": fresh_reference("PB"),
                        "uitwisselingId": str(event.id),
                        "soort": "hulp-gestart",
                        "peildatum": "2026-02-20",
                    }
                )
            )
        assert refused.value.answer.rule == "geen-gegevensstroom"


async def test_the_opening_load_shows_doubles_on_day_one_to_the_casebook_alone(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    known, unknown = fresh_bsn(), fresh_bsn()
    load = tmp_path / "bekenden.csv"
    load.write_text(f"burgerservicenummer;kenmerk\n{known};RIS-1\n123456789;RIS-2\n;RIS-3\n")
    names = tmp_path / "namen.ndjson"
    home = ("--home", str(gateway.home))
    status, told = await run(
        "register", str(load), "--as", "casebook", "--out", str(names), "--json", *home
    )
    assert status == 1, told
    summary = json.loads(told.splitlines()[0])
    assert summary["outcomes"] == {"geregistreerd": 1, "geweigerd": 2}
    assert [one["nummer"] for one in summary["refused"]] == [2, 3]
    first, *_ = [json.loads(line) for line in names.read_text().splitlines()]
    assert first["kenmerk"] == "RIS-1"
    assert names.stat().st_mode & 0o777 == 0o600
    assert known not in told + names.read_text()

    async with party(gateway, "casebook") as casebook, party(gateway, "dwi") as dwi:
        await mail(casebook)
        answer = await dwi.refer(sent(member(known), member(unknown, rol="partner")))
        plain = await dwi.refer(sent(member(), member(rol="partner")))
        events = await mail(casebook)
        assert events[0].subject == first["pseudoniem"]
        flags = [known_of(event) for event in events]
        assert flags == [[True, False], [False, False]]
        # The referrer's two answers differ in nothing but identifiers.
        assert answer.findings == plain.findings
        assert (answer.decision, answer.rule) == (plain.decision, plain.rule)

        ended = await casebook.end_registrations(
            [Registration.model_validate({"burgerservicenummer": known, "kenmerk": "RIS-1"})]
        )
        assert [one.result for one in ended] == ["beeindigd"]
        with pytest.raises(NotAdmitted):
            await dwi.register(
                [Registration.model_validate({"burgerservicenummer": known, "kenmerk": "X"})]
            )


async def test_partner_messages_end_alike_in_whatever_order_they_come(
    gateway: RunningGateway,
) -> None:
    async with party(gateway, "casebook") as casebook, party(gateway, "dwi") as dwi:
        await mail(casebook)
        referred = [sent(member()) for _ in range(2)]
        cases = [(await dwi.refer(one)).exchange_id for one in referred]
        updates = [
            ("hulp-gestart", "2026-01-10", {}),
            ("nieuwe-afspraak", "2026-01-12", {"afspraakOp": "2026-02-01"}),
            ("hulp-gestopt", "2026-01-20", {}),
            ("nieuwe-afspraak", "2026-01-15", {"afspraakOp": "2026-02-09"}),
        ]
        for one, order in zip(referred, (updates, updates[::-1]), strict=True):
            for number, (kind, day, more) in enumerate(order):
                message = {
                    "kenmerk": fresh_reference(f"PB{number}"),
                    "aanmeldingKenmerk": one.reference,
                    "soort": kind,
                    "peildatum": day,
                    **more,
                }
                await dwi.send_update(PartnerUpdate.model_validate(message))
        told = [one for one in await mail(casebook) if one.type == "nl.sluis.partnerbericht"]
        assert len(told) == 8
        ends = []
        for case in cases:
            read = [
                PartnerUpdate.model_validate(
                    {"kenmerk": str(one.id)}
                    | {"uitwisselingId": one.data["aanmelding"]}
                    | {k: v for k, v in one.data.items() if k != "aanmelding"}
                )
                for one in told
                if isinstance(one.data, dict) and one.data["aanmelding"] == str(case)
            ]
            ends.append(
                {kind: (u.kind, u.as_of, u.appointment_on) for kind, u in newest(read).items()}
            )
        assert ends[0] == ends[1]
        assert sorted(str(one[0]) for one in ends[0].values()) == [
            "hulp-gestopt",
            "nieuwe-afspraak",
        ]


async def test_a_casebook_that_lost_its_store_pulls_again_from_an_older_cursor(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    async with party(gateway, "casebook") as casebook, party(gateway, "dwi") as dwi:
        await mail(casebook)
        before = (await casebook.page()).next_cursor
        for _ in range(3):
            await dwi.refer(sent(member()))
        first = await mail(casebook)
        entries = len(await gateway.entries())
    out = tmp_path / "weer.ndjson"
    status, told = await run(
        *("pull", "--as", "casebook", "--from", before, "--out", str(out), "--no-ack"),
        *("--home", str(gateway.home)),
    )
    assert status == 0, told
    again = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["id"] for one in again] == [str(one.id) for one in first]
    assert [one["data"] for one in again] == [one.data for one in first]
    added = (await gateway.entries())[entries:]
    assert [one["event"] for one in added] == ["verstrekking"] * 3


async def test_following_shows_mail_as_it_comes(gateway: RunningGateway, tmp_path: Path) -> None:
    async with party(gateway, "casebook") as casebook, party(gateway, "dwi") as dwi:
        await mail(casebook)
        out = tmp_path / "post.ndjson"
        process = await asyncio.create_subprocess_exec(
            *(*SLUIS, "pull", "--as", "casebook", "--follow", "--out", str(out)),
            *("--every", "60", "--home", str(gateway.home)),
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            await asyncio.sleep(3)
            answer = await dwi.refer(sent(member()))
            async with asyncio.timeout(10):
                wanted = str(answer.exchange_id)
                while not (out.exists() and wanted in out.read_text()):  # noqa: ASYNC110  # a file
                    await asyncio.sleep(0.1)
        finally:
            process.terminate()
            await process.wait()


async def test_pages_that_wait_end_when_nothing_came(gateway: RunningGateway) -> None:
    async with party(gateway, "casebook") as casebook, party(gateway, "dwi") as dwi:
        await mail(casebook)
        await dwi.refer(sent(member()))
        sizes = [len(page.events) async for page in casebook.pages(wait=1)]
        assert sizes == [1, 0]
