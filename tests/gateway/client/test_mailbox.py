from __future__ import annotations

import json
from uuid import UUID, uuid4

import httpx
import pytest

from gateway.client import AsyncSluis, Garbled, PageForm, Unacceptable
from gateway.client.mailbox import Event, raw_page
from schemas.casework import SenderStatus
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator

PULL = ("GET", "/v1/postvak")
# As the API's description gives it, with one attribute more (traceparent), as CloudEvents allows.
REFERRAL = """{
  "specversion": "1.0",
  "id": "6f4f3b0e-9d4c-4a94-8a30-5b8c4b3f2a11",
  "source": "urn:nld:oin:00000099000000001000:systeem:sluis",
  "type": "nl.sluis.aanmelding",
  "subject": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
  "time": "2013-12-31T12:00:00.123Z",
  "sequence": "00000000000000000042",
  "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "datacontenttype": "application/json",
  "data": {"aanmelding": {"aangemeldOp": "2013-12-30"},
           "huishouden": {"postcode": "1011AB", "leden": [{"rol": "aanmelder",
           "zrm": {"gemetenOp": "2013-12-01", "inkomen": 3}}]}}
}"""


def _fill(simulator: GatewaySimulator, count: int, partner: str = "casebook") -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    for exchange in ids:
        simulator.put(partner, "aanmelding", exchange, {"huishouden": {"leden": []}})
    return ids


def test_an_event_is_read_as_the_api_writes_it() -> None:
    event = Event.model_validate_json(REFERRAL)

    assert event.position == 42
    assert event.is_referral
    assert not event.is_tombstone
    assert event.own_status() is None
    household = event.data["huishouden"]
    assert isinstance(household, dict)
    assert household["postcode"] == "1011AB"


def test_a_status_that_comes_back_is_typed() -> None:
    raw = json.loads(REFERRAL) | {
        "type": "nl.sluis.statusbericht",
        "subject": None,
        "data": {"kenmerk": "DWI-1", "status": "in-behandeling", "peildatum": "2013-12-31"},
    }

    status = Event.model_validate(raw).own_status()

    assert status is not None
    assert (status.reference, status.status) == ("DWI-1", SenderStatus.IN_PROGRESS)


def test_a_status_that_is_none_is_garbled_without_its_value() -> None:
    raw = json.loads(REFERRAL) | {"type": "nl.sluis.statusbericht", "data": {"kenmerk": "GEHEIM?"}}

    with pytest.raises(Garbled) as caught:
        Event.model_validate(raw).own_status()

    assert "GEHEIM" not in str(caught.value)


@pytest.mark.parametrize("form", [PageForm.JSON, PageForm.LINES])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
async def test_pages_give_all_messages_once_in_order(
    casebook: AsyncSluis, simulator: GatewaySimulator, form: PageForm, count: int
) -> None:
    ids = _fill(simulator, count)

    pages = [page async for page in casebook.pages(size=10, form=form)]

    events = [event for page in pages for event in page.events]
    assert [event.id for event in events] == ids
    assert [event.position for event in events] == list(range(1, count + 1))
    assert all(len(page.events) <= 10 for page in pages)


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("fault", [Fault.DROP, Fault.UNAVAILABLE, Fault.TRUNCATE])
async def test_a_page_that_broke_off_is_pulled_again_whole(
    casebook: AsyncSluis, simulator: GatewaySimulator, fault: Fault, after_effect: bool
) -> None:
    ids = _fill(simulator, 5)
    simulator.network.plan(*PULL, Planned(fault, after_effect))

    page = await casebook.page()

    assert [event.id for event in page.events] == ids


async def test_acknowledging_moves_the_start_and_twice_counts_nothing(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    ids = _fill(simulator, 5)
    page = await casebook.page(size=3)

    assert await casebook.acknowledge(page.next_cursor) == 3
    assert await casebook.acknowledge(page.next_cursor) == 0

    assert [event.id for event in (await casebook.page()).events] == ids[3:]


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_lost_acknowledgement_is_sent_again(
    casebook: AsyncSluis, simulator: GatewaySimulator, after_effect: bool
) -> None:
    _fill(simulator, 5)
    page = await casebook.page()
    simulator.network.plan("POST", "/v1/postvak/ontvangst", Planned(Fault.DROP, after_effect))

    # Which of the two it was, the count tells; the effect is the same.
    assert await casebook.acknowledge(page.next_cursor) == (0 if after_effect else 5)
    assert simulator.mailboxes["casebook"].acknowledged == 5


async def test_a_cursor_of_another_partner_is_unacceptable(
    dwi: AsyncSluis, casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _fill(simulator, 2)
    page = await casebook.page()

    with pytest.raises(Unacceptable):
        await dwi.page(page.next_cursor)


async def test_the_status_file_comes_as_bytes_with_its_cursor(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    data = {"kenmerk": "DWI-1", "status": "ontvangen", "peildatum": "2013-12-31"}
    simulator.put("dwi", "statusbericht", uuid4(), data)

    page = await dwi.status_file()

    assert page.content == b"kenmerk;status;peildatum\r\nDWI-1;ontvangen;2013-12-31\r\n"
    assert page.lines() == [b"kenmerk;status;peildatum", b"DWI-1;ontvangen;2013-12-31"]
    assert await dwi.acknowledge(page.next_cursor) == 1


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sluis-Meer": "ja"}, {"Sluis-Volgende": "x"}, {"Sluis-Volgende": "x", "Sluis-Meer": "?"}],
)
def test_a_page_without_its_cursor_is_garbled(headers: dict[str, str]) -> None:
    with pytest.raises(Garbled, match="Sluis-Volgende"):
        raw_page(httpx.Response(200, content=b"", headers=headers))


def test_a_line_may_hold_what_unicode_takes_for_a_line_end() -> None:
    # U+2028 and U+0085 stand unescaped in JSON; only \n ends a line of NDJSON.
    line = json.dumps({"a": "x\u2028y\u0085z"}, ensure_ascii=False).encode()
    told = {"Sluis-Volgende": "c", "Sluis-Meer": "nee"}

    page = raw_page(httpx.Response(200, content=line + b"\n", headers=told))

    assert page.lines() == [line]
