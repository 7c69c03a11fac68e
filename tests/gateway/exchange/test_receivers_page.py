"""docs/partners/receivers.md: what it shows is what the road hands over, on its day."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from gateway.api.mailbox import MailboxEvent
from schemas.casework import CaseStatus
from tests.gateway.exchange.road import Road, open_road
from tests.support.messages import Json, member, referral

PAGE = (Path(__file__).parents[3] / "docs/partners/receivers.md").read_text(encoding="utf-8")
BLOCKS = {
    name: json.loads(text)
    for name, text in re.findall(r"^```json (\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
}
ZRM = {"gemetenOp": "2026-06-10", "scores": {"dagbesteding": 2, "gezinsrelaties": 3}}
# What the casebook alone is told, or tells.
NOT_THEIRS = {"nl.sluis.statusbericht", "nl.sluis.partnerbericht", "nl.sluis.overdracht",
              "nl.sluis.signaal"}  # fmt: skip


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
        opened.ahead = datetime(2026, 7, 1, 12, tzinfo=UTC) - datetime.now(UTC)
        yield opened


def onward(**changes: object) -> Json:
    child = {
        "rol": "kind",
        "burgerservicenummer": "999990019",
        "achternaam": "Proefpersoon",
        "geboortedatum": "2009-02-01",
        "zrm": ZRM,
        "instemming": {"gegeven": True, "op": "2026-06-29"},
    }
    return {
        "kenmerk": "RIS-2026-0311",
        "aangemeldOp": "2026-06-30",
        "grondslag": "jeugdwet",
        "ontvanger": "altra",
        "huishouden": {"postcode": "1102AB", "huisnummer": 7, "leden": [child]},
        **changes,
    }


async def account(road: Road, exchange: str, recipient: str) -> Json:
    said = {**BLOCKS["Verantwoording"], "uitwisselingId": exchange, "ontvanger": recipient}
    said["kenmerk"] += f"-{recipient}"
    headers = [(b"partner", b"casebook"), (b"content-type", b"application/json")]
    _, _, body = await road.door.account(headers, json.dumps(said).encode())
    told: Json = json.loads(body)
    return told


def unnamed(data: Json) -> Json:
    """Without the pseudonyms, which differ from gateway to gateway."""
    copy: Json = json.loads(json.dumps(data))
    for one in copy["huishouden"]["leden"] if "huishouden" in copy else [copy]:
        assert len(one.pop("pseudoniem")) == 43
    return copy


async def test_a_family_comes_and_its_status_goes_back_as_the_page_shows(road: Road) -> None:
    answer = await road.refer(onward(), "casebook")
    (event,) = await road.pull("altra")
    assert unnamed(event["data"]) == unnamed(BLOCKS["Doorverwijzing"])

    status = {**BLOCKS["Statusbericht"], "uitwisselingId": answer["uitwisselingId"]}
    assert (await road.report_status(status, "altra"))["regel"] == "toegelaten"
    (back,) = await road.pull("casebook")
    assert back["data"] == BLOCKS["Stand"]


async def test_an_account_is_as_coarse_as_the_page_shows(road: Road) -> None:
    answer = await road.refer(referral(member()))
    await road.acknowledge()
    for recipient, shown in (("sra", "SRA"), ("altra", "Instelling"), ("spirit", "Instelling")):
        told = await account(road, answer["uitwisselingId"], recipient)
        assert told["besluit"] == "toegelaten"
        (event,) = await road.pull(recipient)
        assert unnamed(event["data"]) == unnamed(BLOCKS[shown])


@pytest.mark.parametrize(("party", "purpose"), [
    ("gi", "uitvoering-kinderbescherming"), ("veilig-thuis", "melding-veiligheid"),
])  # fmt: skip
async def test_a_report_for_safety_comes_and_nothing_goes_back(
    road: Road, party: str, purpose: str
) -> None:
    note = BLOCKS["Melding"]["aanmelding"]["toelichting"]
    message = onward(ontvanger=party, doel=purpose, toelichting=note)
    answer = await road.refer(message, "casebook")
    (event,) = await road.pull(party)
    assert unnamed(event["data"]) == unnamed(BLOCKS["Melding"])

    status = {**BLOCKS["Statusbericht"], "uitwisselingId": answer["uitwisselingId"]}
    refused = await road.report_status(status, party)
    assert (refused["besluit"], refused["regel"]) == ("geweigerd", "geen-gegevensstroom")


def test_every_status_and_every_type_stands_on_the_page() -> None:
    assert [status for status in CaseStatus if f"`{status.value}`" not in PAGE] == []
    types = set(get_args(MailboxEvent.model_fields["type"].annotation))
    assert (types - NOT_THEIRS) | {"nl.sluis.proef"} == set(re.findall(r"`(nl\.sluis\.\w+)`", PAGE))
