"""OKT, GGZ and DWI as they send their own formats to a running gateway, and what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from lxml import etree

from gateway.cli.registration import ensure_sandbox_partner
from gateway.store.partners import NewPartner
from tests.support.messages import fresh_reference
from tests.support.pulling import XML, deliver, outcomes, pull_all, worked_off
from tests.support.running_gateway import RunningGateway

OKT = NewPartner("okt", "OKT (proefpartij)", "00000099000000002900", "okt")
GGZ = NewPartner("ggz", "GGZ (proefpartij)", "00000099000000005000", "ggz")
FHIR = "application/fhir+json"


@dataclass(frozen=True)
class Answered:
    """What became of one delivery: its report, the outcome of its record, and the retour."""

    report: dict[str, Any]
    record: dict[str, Any] | None
    retour: bytes | None

    @property
    def codes(self) -> list[str | None]:
        if self.retour is None:
            return []
        return [element.text for element in etree.fromstring(self.retour).iter("{*}RetourCode")]

    @property
    def told(self) -> tuple[str, str | None]:
        """State and rule: `niet-leesbaar` and its place for a file, else decision and rule."""
        if self.record is None:
            return self.report["status"], self.report["fout"]
        return self.record["besluit"], self.record["regelcode"]


@asynccontextmanager
async def joined(gateway: RunningGateway, party: NewPartner) -> AsyncIterator[httpx.AsyncClient]:
    """A partner with a token, registered where it was not."""
    await ensure_sandbox_partner(gateway.engine, party, gateway.home, gateway.base_url)
    for attempt in range(60):  # the directory follows within a second
        try:
            async with gateway.partner(party.id) as http:
                yield http
                return
        except AssertionError:
            if attempt == 59:
                raise
            await asyncio.sleep(0.1)


async def sent(http: httpx.AsyncClient, body: bytes, media_type: str = XML) -> Answered:
    """One delivery of one message, worked off."""
    taken = await deliver(http, body, media_type)
    assert taken.status_code in (200, 202), taken.text
    delivery = str(taken.json()["leveringId"])
    report = await worked_off(http, delivery)
    told = await outcomes(http, delivery)
    address = f"/v1/leveringen/{delivery}/uitkomsten"
    retour = await http.get(address, headers={"Accept": media_type})
    is_there = retour.status_code == 200 and retour.headers["content-type"] == media_type
    return Answered(report, told[0] if told else None, retour.content if is_there else None)


async def handed_down(
    casebook: httpx.AsyncClient, okt: httpx.AsyncClient, bsn: str
) -> tuple[str, str]:
    """A family that the team hands over to OKT: the exchange that OKT pulled, and the reference."""
    message = {
        "kenmerk": fresh_reference("WT"),
        "aangemeldOp": "2026-02-02",
        "grondslag": "jeugdwet",
        "ontvanger": "okt",
        "doel": "overdracht-jeugdteam",
        "huishouden": {
            "leden": [
                {
                    "rol": "aanmelder",
                    "burgerservicenummer": bsn,
                    "achternaam": "Voorbeeld",
                    "geboortedatum": "1984-03-02",
                    "instemming": {"gegeven": True, "op": "2026-02-01"},
                }
            ]
        },
    }
    answer = await casebook.post("/v1/aanmeldingen", content=json.dumps(message), headers=_JSON)
    assert answer.status_code == 202, answer.text
    exchange = str(answer.json()["uitwisselingId"])
    assert exchange in {event["id"] for event in await pull_all(okt)}
    return exchange, str(message["kenmerk"])


_JSON = {"Content-Type": "application/json"}
