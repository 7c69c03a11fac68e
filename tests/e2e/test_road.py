"""The whole road from outside: what each event leaves, who is called what, what never blocks."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.fields import Treatment
from schemas.referral import Referral
from tests.support.database import TestServer
from tests.support.log_oracle import Entry, assert_log_tells_all
from tests.support.messages import (
    csv_of,
    csv_row,
    fresh_bsn,
    fresh_reference,
    held_referral,
    member,
    referral,
    refused_referral,
    status_of,
)
from tests.support.pulling import (
    CSV,
    acknowledge,
    deliver,
    pull,
    pull_all,
    refer,
    report_status,
    worked_off,
)
from tests.support.refusals import values_in
from tests.support.running_gateway import RunningGateway, reachable_folder, running_gateway
from tests.support.strategies import PREAMBLE, flow_toml, referrals, unhurried

pytestmark = pytest.mark.asyncio(loop_scope="module")


class World(NamedTuple):
    gateway: RunningGateway
    dwi: httpx.AsyncClient
    casebook: httpx.AsyncClient


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres: TestServer) -> AsyncIterator[World]:
    async with (
        running_gateway(postgres) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        yield World(gateway, dwi, casebook)
        await assert_log_tells_all(gateway)


async def entries_since(world: World, size: int) -> list[Entry]:
    return (await world.gateway.entries())[size:]


async def test_invariant_05_each_event_leaves_exactly_one_entry(world: World) -> None:
    await pull_all(world.casebook)
    size = len(await world.gateway.entries())
    household = referral(member(), member(rol="partner"), member(rol="kind"))
    events: list[tuple[str, str | None, int]] = []

    accepted = (await refer(world.dwi, household)).json()["uitwisselingId"]
    events.append(("besluit", "toegelaten", 3))
    await refer(world.dwi, household)  # a repeat is no event
    await refer(world.dwi, held_referral())
    events.append(("besluit", "aangehouden", 2))
    await refer(world.dwi, refused_referral())
    events.append(("besluit", "geweigerd", 1))
    await refer(world.dwi, {**household, "aangemeldOp": "2013-01-01"})  # the reference, reused
    events.append(("besluit", "geweigerd", 0))
    await refer(world.dwi, {**household, "kenmerk": "!"})  # not ours to record: it has no form
    rows = [csv_row(), csv_row(bsn="123456789"), csv_row(grondslag="geen")]
    delivery = (await deliver(world.dwi, csv_of(rows), CSV)).json()["leveringId"]
    await worked_off(world.dwi, delivery)
    events += [
        ("besluit", "toegelaten", 1),
        ("weigering-onleesbaar", "geweigerd", 0),
        ("besluit", "geweigerd", 1),
    ]
    await pull(world.casebook)
    cursor = (await pull(world.casebook)).json()["volgende"]
    events += [("verstrekking", None, 3), ("verstrekking", None, 1)] * 2
    await acknowledge(world.casebook, cursor)
    await acknowledge(world.casebook, cursor)
    events += [("ontvangst", None, 3), ("ontvangst", None, 1)]
    await report_status(world.casebook, status_of(accepted))
    events.append(("besluit", "toegelaten", 1))
    await report_status(world.casebook, status_of("0192f0c1-2345-7abc-8def-0123456789ab"))
    events.append(("besluit", "geweigerd", 0))

    written = [
        (entry["event"], entry.get("decision"), len(entry["subjects"]))
        for entry in await entries_since(world, size)
    ]
    assert Counter(written) == Counter(events)


async def test_invariant_05_an_entry_says_flow_protocol_rule_locks_and_fields(
    world: World,
) -> None:
    message = referral(member(participatietrede=3), toelichting="Iets over de buren")

    await refer(world.dwi, message)

    entry = (await world.gateway.entries())[-1]
    protocol = (await world.dwi.get("/v1/protocol")).json()
    assert entry["flow"] == "dwi-aanmelding"
    assert entry["protocol"] == {"digest": protocol["digest"], "version": protocol["versie"]}
    assert (entry["decision"], entry["rule"]) == ("toegelaten", "toegelaten")
    assert {"grondslag", "bsn", "instemming"} <= entry["locks"].keys()
    assert {"lid.burgerservicenummer", "lid.participatietrede"} <= set(entry["released"])
    assert {"aanmelding.toelichting", "aanmelding.grondslag"} <= set(entry["removed"])
    assert not set(entry["released"]) & set(entry["removed"])
    personal = [*values_in(message["huishouden"]), message["toelichting"], message["kenmerk"]]
    assert not [value for value in personal if value in json.dumps(entry)]


async def test_invariant_04_only_named_fields_leave(world: World) -> None:
    await pull_all(world.casebook)
    scores = {"inkomen": 2, "verslaving": 1, "justitie": 1, "geestelijkeGezondheid": 2}
    message = referral(
        member(
            zrm={"gemetenOp": "2013-11-01", "scores": scores},
            ontvangtUitkering=True,
            participatietrede=2,
        ),
        toelichting="Iets over de buren",
    )
    await refer(world.dwi, message)

    (event,) = (await pull(world.casebook)).json()["berichten"]

    (person,) = event["data"]["huishouden"]["leden"]
    assert person.keys() == {
        "pseudoniem",
        "rol",
        "burgerservicenummer",
        "voorletters",
        "achternaam",
        "geboortedatum",
        "geslacht",
        "participatietrede",
        "reedsBekend",
        "zrm",
    }
    assert person["zrm"] == {"gemetenOp": "2013-11-01", "inkomen": 2}
    assert event["data"]["aanmelding"].keys() == {"aangemeldOp", "wijkteam", "aantalLeden"}
    assert message["kenmerk"] not in json.dumps(event)


async def test_a_status_goes_back_to_the_referrer_alone_under_its_own_reference(
    world: World,
) -> None:
    await pull_all(world.dwi)
    message = referral()
    exchange = (await refer(world.dwi, message)).json()["uitwisselingId"]
    await pull_all(world.casebook)
    closed = {"status": "afgesloten-niet-bereikt", "afsluitreden": "wil-geen-contact"}
    await report_status(world.casebook, status_of(exchange, **closed))

    (event,) = await pull_all(world.dwi)

    assert event["type"] == "nl.sluis.statusbericht"
    assert event["data"] == {
        "kenmerk": message["kenmerk"],
        "status": "beeindigd",
        "peildatum": "2014-01-31",
    }
    assert await pull_all(world.casebook) == []


BOTH_WAYS: dict[str, Treatment] = {
    "lid.pseudoniem": Treatment.PSEUDONYMISE,
    "lid.rol": Treatment.KEEP,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_recipients(postgres: TestServer) -> AsyncIterator[World]:
    """A protocol in which DWI and the casebook refer to each other, by pseudonym only."""
    flows = [
        flow_toml(fields=BOTH_WAYS, sender=sender, recipient=recipient, is_agreement_asked=False)
        for sender, recipient in (("dwi", "casebook"), ("casebook", "dwi"))
    ]
    with reachable_folder() as place:
        path = place / "protocol.toml"
        path.write_text(PREAMBLE + "".join(flows), encoding="utf-8")
        async with (
            running_gateway(postgres, protocol=path) as gateway,
            gateway.partner("dwi") as dwi,
            gateway.partner("casebook") as casebook,
        ):
            yield World(gateway, dwi, casebook)
            await assert_log_tells_all(gateway)


async def pseudonyms(http: httpx.AsyncClient) -> list[list[str]]:
    return [
        [person["pseudoniem"] for person in event["data"]["huishouden"]["leden"]]
        for event in await pull_all(http)
    ]


async def test_invariant_06_one_recipient_knows_a_person_again_and_two_cannot_compare(
    two_recipients: World,
) -> None:
    _, dwi, casebook = two_recipients
    first, second = fresh_bsn(), fresh_bsn()
    household = [member(first), member(second, rol="partner")]
    for http in (dwi, casebook):
        assert (await refer(http, referral(*household))).status_code == 202
        assert (await refer(http, referral(member(first)))).status_code == 202

    at_casebook, at_dwi = await pseudonyms(casebook), await pseudonyms(dwi)

    for seen in (at_casebook, at_dwi):
        assert seen[0][0] == seen[1][0]
        assert seen[0][0] != seen[0][1]
    everything = {name for seen in (at_casebook, at_dwi) for page in seen for name in page}
    assert len(everything) == 4
    # Nor by any beginning or end of it.
    assert len({name[:6] for name in everything}) == 4
    assert len({name[-6:] for name in everything}) == 4


async def test_invariant_06_persons_without_a_number_are_never_taken_for_one_another(
    two_recipients: World,
) -> None:
    _, dwi, casebook = two_recipients
    nameless = {name: value for name, value in member().items() if name != "burgerservicenummer"}
    for _ in range(2):
        assert (await refer(dwi, referral(nameless))).status_code == 202

    (one,), (other,) = await pseudonyms(casebook)

    assert one != other


async def test_invariant_08_a_damaged_message_does_not_block_its_recipient(
    world: World,
) -> None:
    await pull_all(world.casebook)
    sent = [(await refer(world.dwi, referral())).json()["uitwisselingId"] for _ in range(3)]
    await world.gateway.pool.execute(
        "update part set box = $2 where exchange = $1::text::uuid", sent[1], os.urandom(200)
    )
    try:
        answer = await pull(world.casebook)
        assert answer.status_code == 200
        readable = [event["id"] for event in answer.json()["berichten"] if "data" in event]
        assert readable == [sent[0], sent[2]]
        acknowledged = await acknowledge(world.casebook, answer.json()["volgende"])
        assert acknowledged.json() == {"bevestigd": 2}
    finally:
        await world.gateway.pool.execute(
            "update exchange set state = 5 where id = $1::text::uuid", sent[1]
        )
        await world.gateway.pool.execute(
            "delete from part where exchange = $1::text::uuid", sent[1]
        )


async def test_a_withdrawn_agreement_over_http_works_at_once(world: World) -> None:
    await pull_all(world.casebook)
    number = fresh_bsn()
    exchange = (await refer(world.dwi, referral(member(number)))).json()["uitwisselingId"]
    record: dict[str, Any] = {
        "burgerservicenummer": number,
        "doel": "toeleiding-wijkteam",
        "ontvanger": "casebook",
        "gegeven": False,
        "op": datetime.now(UTC).isoformat(),
    }
    assert (await world.dwi.post("/v1/toestemmingen", json=record)).status_code == 201

    (event,) = (await pull(world.casebook)).json()["berichten"]

    assert (event["id"], event["type"]) == (exchange, "nl.sluis.vervallen")
    assert "data" not in event


@settings(unhurried, max_examples=30)
@given(st.lists(referrals(), min_size=1, max_size=6))
async def test_invariant_08_whatever_the_border_lets_in_is_decided_and_handed_over(
    world: World, drawn: list[Referral]
) -> None:
    """Odd names, half-known dates, the oldest days: none of them is a fault of ours."""
    bodies = [
        one.model_copy(update={"reference": fresh_reference("FZ")}).model_dump_json(
            by_alias=True, exclude_none=True
        )
        for one in drawn
    ]
    headers = {"Content-Type": "application/json"}
    answers = await asyncio.gather(
        *(world.dwi.post("/v1/aanmeldingen", content=body, headers=headers) for body in bodies)
    )
    assert {answer.status_code for answer in answers} <= {202, 400, 403}
    for answer in answers:
        if answer.status_code == 400:
            assert {fault["regel"] for fault in answer.json()["fouten"]} == {"datum-in-toekomst"}
    for event in await pull_all(world.casebook):
        assert event["type"] in ("nl.sluis.aanmelding", "nl.sluis.vervallen")
