"""OP080 through the running gateway: in whichever order iJw messages come, they end alike.

A hand-over to OKT gets its JW301, JW305 and JW307, and a JW315 is sent beside them. Each message's
retour, and where the casebook stands once it has pulled, are the same for every order; what is sent
twice changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import permutations

import httpx
import pytest
import pytest_asyncio

from schemas.casework import SenderStatus
from tests.adapters.okt.written import PERSON, linked, message, request, started, stopped
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import fresh_bsn, fresh_reference
from tests.support.own_formats import OKT, handed_down, joined, sent
from tests.support.pulling import pull_all
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = "2026-02-02"
KINDS = ("301", "305", "307", "315")
ORDERS = [*[order for order in permutations(KINDS) if order[0] < order[-1]][::4], KINDS[::-1]]
"""A few that are not one another's mirror image, and the one that is all the wrong way."""
STEPS = tuple(SenderStatus)
"""What the protocol leaves of OKT's statuses on their way to the casebook."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running
        await assert_log_tells_all(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def okt(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with joined(gateway, OKT) as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def casebook(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("casebook") as http:
        yield http


def assigned(bsn: str, number: str) -> bytes:
    """A JW301 of the first of February."""
    person = PERSON.format(bsn=bsn).replace(
        "</i:Geslachtsnaam></m:Naam>",
        "</i:Geslachtsnaam><i:NaamGebruik>1</i:NaamGebruik></m:Naam>",
    )
    product = (
        "<m:Contactgegevens><m:Contact><m:Soort>01</m:Soort></m:Contact></m:Contactgegevens>"
        "<m:ToegewezenProducten><m:ToegewezenProduct><m:ToewijzingNummer>7</m:ToewijzingNummer>"
        "<m:Toewijzingsdatum>2026-02-01</m:Toewijzingsdatum>"
        "<m:Toewijzingstijd>09:30:00</m:Toewijzingstijd>"
        "<m:Ingangsdatum>2026-02-01</m:Ingangsdatum></m:ToegewezenProduct></m:ToegewezenProducten>"
    )
    return message("301", person + product, number=number, dated=DAY)


def story(exchange: str) -> dict[str, bytes]:
    """The four messages about one hand-over."""
    numbers = {kind: fresh_reference()[-12:] for kind in KINDS}
    bsn = fresh_bsn()
    return {
        "301": linked(assigned(bsn, numbers["301"]), exchange),
        "305": linked(started("2026-02-02", number=numbers["305"], dated=DAY), exchange),
        "307": linked(stopped("31", day="2026-02-02", number=numbers["307"], dated=DAY), exchange),
        "315": request(bsn=bsn, reference=fresh_reference("R"), number=numbers["315"], dated=DAY),
    }


async def standing(
    casebook: httpx.AsyncClient, reference: str
) -> tuple[str, frozenset[tuple[str, str]]]:
    """Where the casebook stands, as docs/partners/okt.md tells it to order what it was told."""
    told = {
        (event["data"]["peildatum"], event["data"]["status"])
        for event in await pull_all(casebook)
        if event["type"] == "nl.sluis.statusbericht" and event["data"]["kenmerk"] == reference
    }
    newest = max(told, key=lambda one: (one[0], STEPS.index(SenderStatus(one[1]))))
    return newest[1], frozenset(told)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_every_order_ends_alike(
    okt: httpx.AsyncClient, casebook: httpx.AsyncClient, order: tuple[str, ...]
) -> None:
    exchange, reference = await handed_down(casebook, okt, fresh_bsn())
    messages = story(exchange)
    told: dict[str, str] = {}
    codes: dict[str, list[str | None]] = {}
    for kind in order:
        answered = await sent(okt, messages[kind])
        told[kind], codes[kind] = answered.told[0], answered.codes
    again = await sent(okt, b"\n" + messages[order[0]])
    assert (again.told[1], again.codes) == ("dubbel", codes[order[0]])
    assert told == {kind: "aangehouden" if kind == "315" else "toegelaten" for kind in KINDS}
    assert all(given == ["0200"] for given in codes.values())
    status, all_of_them = await standing(casebook, reference)
    assert status == "beeindigd"
    assert all_of_them == {
        ("2026-02-01", "ontvangen"),
        ("2026-02-02", "in-behandeling"),
        ("2026-02-02", "beeindigd"),
    }
