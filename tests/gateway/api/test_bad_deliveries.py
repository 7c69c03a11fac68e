"""Files that are not as they should be, as a whole or in one record, and files that stop half-way.

A file that is not taken leaves nothing: no delivery, no piece of it, no exchange, no entry.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.messages import (
    HEADER,
    changed,
    csv_of,
    csv_row,
    fresh_reference,
    lines_of,
    referral,
    refused_referral,
)
from tests.support.pulling import CSV, NDJSON, XML, deliver, outcomes, pull_all, worked_off
from tests.support.refusals import ECHO, assert_headers, assert_no_echo, assert_problem
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_DELIVERY = 2 * 1024 * 1024
LONG = 300 * 1024
"""More than one stored piece."""


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    return {"max_delivery": MAX_DELIVERY}


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def pieces_of(body: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("media_type", ["", "text/plain", f"text/{ECHO}", "multipart/form-data"])
@pytest.mark.usefixtures("nothing_recorded")
async def test_another_content_type_is_415_with_those_that_would_do(
    dwi: httpx.AsyncClient, media_type: str
) -> None:
    problem = assert_problem(await deliver(dwi, csv_of([csv_row()]), media_type), 415)

    assert problem["toegestaan"] == [
        "application/json",
        "application/x-ndjson",
        "application/xml",
        "text/csv",
    ]


@pytest.mark.usefixtures("nothing_recorded")
async def test_a_format_of_another_partner_is_415(casebook: httpx.AsyncClient) -> None:
    assert_problem(await deliver(casebook, csv_of([csv_row()]), CSV), 415)


@pytest.mark.usefixtures("nothing_recorded")
async def test_a_file_above_the_bound_is_413_announced_or_not(dwi: httpx.AsyncClient) -> None:
    body = csv_of([csv_row(toelichting=ECHO)]) + b" " * MAX_DELIVERY

    announced = await deliver(dwi, body, CSV)
    chunked = await deliver(dwi, pieces_of(body), CSV)

    assert_problem(announced, 413)
    assert_problem(chunked, 413)


@pytest.mark.usefixtures("nothing_recorded")
async def test_a_file_that_is_not_the_one_of_its_digest_is_400(dwi: httpx.AsyncClient) -> None:
    body = csv_of([csv_row(toelichting=ECHO)])

    for other in (digest(body + b"x"), digest(b""), "sha-256=:AAAA:"):
        assert_problem(await deliver(dwi, body, CSV, Content_Digest=other), 400)


@pytest.mark.parametrize(
    "given", ["", ECHO, "sha-256", "sha-256=abc", f"sha-256=:{ECHO}~:", f"sha-512=:{ECHO}=:"]
)
@pytest.mark.usefixtures("nothing_recorded")
async def test_a_digest_that_cannot_be_read_is_400(dwi: httpx.AsyncClient, given: str) -> None:
    assert_problem(await deliver(dwi, csv_of([csv_row()]), CSV, Content_Digest=given), 400)


async def test_a_file_with_its_own_digest_is_taken(dwi: httpx.AsyncClient) -> None:
    body = csv_of([csv_row()])
    given = f"sha-512=:AAAA:, {digest(body)}"

    answer = await deliver(dwi, pieces_of(body, 10), CSV, Content_Digest=given)

    assert answer.status_code == 202
    report = await worked_off(dwi, answer.json()["leveringId"])
    assert (report["status"], report["toegelaten"]) == ("verwerkt", 1)


@pytest.mark.usefixtures("nothing_recorded")
async def test_without_a_token_not_a_byte_of_a_file_is_kept(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        assert_problem(await deliver(http, csv_of([csv_row()]), CSV), 401)


def head_of(http: httpx.AsyncClient, body_headers: str) -> bytes:
    return (
        f"POST /v1/leveringen HTTP/1.1\r\nHost: {http.base_url.netloc.decode()}\r\n"
        f"Authorization: {http.headers['Authorization']}\r\nContent-Type: text/csv\r\n"
        f"{body_headers}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("how", ["announced", "chunked"])
@pytest.mark.usefixtures("nothing_recorded")
async def test_an_upload_that_stops_half_way_leaves_nothing(
    gateway: RunningGateway, dwi: httpx.AsyncClient, how: str
) -> None:
    body = csv_of([csv_row(toelichting=ECHO)]) + b"\n" * LONG
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.served.settings.port)
    if how == "announced":
        writer.write(head_of(dwi, f"Content-Length: {2 * len(body)}") + body)
    else:
        writer.write(head_of(dwi, "Transfer-Encoding: chunked"))
        writer.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    await writer.drain()
    # A piece of it is in the database by now, and goes when the sender does.
    async with asyncio.timeout(5):
        while not await gateway.count("delivery_chunk"):  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)

    writer.close()
    await writer.wait_closed()

    async with asyncio.timeout(5):
        while await gateway.count("delivery_chunk"):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


async def test_invariant_07_the_same_file_again_has_the_same_answer_and_no_effect(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = csv_of([csv_row(), csv_row(instemming=""), csv_row(grondslag="geen"), csv_row(bsn="1")])
    first = await deliver(dwi, body, CSV)
    done = await worked_off(dwi, first.json()["leveringId"])
    before = await gateway.remains()

    again = await deliver(dwi, body, CSV)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["location"] == first.headers["location"]
    assert again.json() == {**done, "isHerhaling": True}
    assert again.json()["records"] == 4
    assert await gateway.remains() == before


async def test_invariant_07_the_same_file_at_the_same_moment_is_one_delivery(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = csv_of([csv_row() for _ in range(3)])
    before = await gateway.count("delivery")

    answers = await asyncio.gather(*(deliver(dwi, body, CSV) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 202]
    (delivery,) = {answer.json()["leveringId"] for answer in answers}
    assert (await worked_off(dwi, delivery))["toegelaten"] == 3
    assert await gateway.count("delivery") == before + 1
    assert await gateway.count("delivery_chunk") == 0


async def test_invariant_07_records_of_another_file_are_known_again(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    rows = [csv_row() for _ in range(3)]
    first = await deliver(dwi, csv_of(rows), CSV)
    await worked_off(dwi, first.json()["leveringId"])
    mailbox = await gateway.count("mailbox")
    known = {
        one["kenmerk"]: one["uitwisselingId"]
        for one in await outcomes(dwi, first.json()["leveringId"])
    }

    second = await deliver(dwi, csv_of([*rows, csv_row()]), CSV)
    report = await worked_off(dwi, second.json()["leveringId"])

    assert (report["dubbel"], report["toegelaten"]) == (3, 1)
    assert await gateway.count("mailbox") == mailbox + 1
    for one in (await outcomes(dwi, second.json()["leveringId"]))[:3]:
        assert one["regelcode"] == "dubbel"
        assert one["uitwisselingId"] == known[one["kenmerk"]]


BROKEN_FILES: dict[str, tuple[str, bytes]] = {
    "CSV without our columns": (CSV, f"{ECHO};{ECHO}\n1;2\n".encode()),
    "CSV with a strange column": (CSV, f"{HEADER};{ECHO}\n".encode()),
    "CSV without a required column": (CSV, b"kenmerk;bsn\nA;1\n"),
    "nothing as CSV": (CSV, b""),
    "JSON as CSV": (CSV, json.dumps([{"kenmerk": ECHO}]).encode()),
    "XML as CSV": (CSV, f"<?xml version='1.0'?><x>{ECHO}</x>".encode()),
    "a ZIP as CSV": (CSV, b"PK\x03\x04" + b"\x00" * 100),
    "text as JSON": ("application/json", ECHO.encode()),
    "an object as JSON": ("application/json", json.dumps({"kenmerk": ECHO}).encode()),
    "CSV as XML": (XML, csv_of([])),
    "another XML": (XML, f"<{ECHO}/>".encode()),
    "XML that breaks off": (XML, b"<?xml version='1.0'?><"),
}

XML_TRICKS: dict[str, str] = {
    "a file of ours": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "a road out": "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'> %x;]><a/>",
    "laughter without end": (
        "<!DOCTYPE a [<!ENTITY a 'haha'>"
        + "".join(f"<!ENTITY a{n} '{(f'&a{n - 1};' if n else '&a;') * 10}'>" for n in range(12))
        + "]><a>&a11;</a>"
    ),
    "a default from a DTD": f"<!DOCTYPE a [<!ATTLIST a x CDATA '{ECHO}'>]><a/>",
    "a DTD elsewhere": "<!DOCTYPE a SYSTEM 'file:///etc/hosts'><a/>",
    "inclusion": (
        "<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
        "<xi:include href='file:///etc/passwd' parse='text'/></a>"
    ),
    "nested without end": "<a>" * 100_000,
    "an attribute without end": f"<a x='{'y' * 1_500_000}'/>",
    "a style sheet": "<?xml-stylesheet href='file:///etc/passwd'?><a/>",
}


@pytest.mark.parametrize("name", [*BROKEN_FILES, *XML_TRICKS])
async def test_a_file_of_another_kind_is_told_so_and_gives_no_record(
    gateway: RunningGateway, dwi: httpx.AsyncClient, name: str
) -> None:
    if name in BROKEN_FILES:
        media_type, body = BROKEN_FILES[name]
    else:
        media_type, body = XML, XML_TRICKS[name].encode()
    exchanges = await gateway.count("exchange")

    answer = await deliver(dwi, body, media_type)
    assert answer.status_code in (200, 202), answer.text
    told = await worked_off(dwi, answer.json()["leveringId"])

    assert told["status"] == "niet-leesbaar"
    assert told["fout"]
    assert told["records"] == 0
    assert ECHO.lower() not in json.dumps(told).lower()
    assert "root:" not in json.dumps(told)
    assert await gateway.count("exchange") == exchanges
    assert await gateway.count("delivery_chunk") == 0


async def test_invariant_08_a_bad_record_is_refused_by_itself(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(casebook)
    good = [csv_row() for _ in range(4)]
    bad = {
        "eleven-test": csv_row(bsn="123456789", toelichting=ECHO),
        "future": csv_row(aangemeld_op="2999-01-01"),
        "unknown code": csv_row(grondslag=ECHO),
        "cells too few": f"{ECHO};2013-12-31",
        "cells too many": csv_row() + f";{ECHO};{ECHO}",
        "reference": csv_row(kenmerk="=CMD()"),
        "refused by the protocol": csv_row(grondslag="jeugdwet"),
        "a stray quote": csv_row(achternaam=f'"{ECHO}'),
    }
    body = csv_of([good[0], *bad.values(), *good[1:]])

    answer = await deliver(dwi, body, CSV)
    report = await worked_off(dwi, answer.json()["leveringId"])
    told = await outcomes(dwi, answer.json()["leveringId"])

    assert report["toegelaten"] == len(good)
    assert sum(report["geweigerd"].values()) == len(bad)
    assert len(told) == len(good) + len(bad)
    assert {one["besluit"] for one in (told[0], *told[-3:])} == {"toegelaten"}
    assert {one["besluit"] for one in told[1:-3]} == {"geweigerd"}
    assert ECHO.lower() not in json.dumps([told, report]).lower()
    assert len(await pull_all(casebook)) == len(good)


async def test_invariant_08_a_bad_line_of_json_is_refused_by_itself(
    dwi: httpx.AsyncClient,
) -> None:
    good = [referral(), referral()]
    bad = [
        b"{",
        ECHO.encode(),
        b"[]",
        b'{"kenmerk":"A","kenmerk":"B"}',
        json.dumps(changed(referral(), "huishouden.leden.0.burgerservicenummer", "1")).encode(),
        json.dumps({**referral(), ECHO: ECHO}).encode(),
        b"\xff\xfe" + ECHO.encode(),
        json.dumps(refused_referral()).encode(),
    ]
    body = b"\n".join([lines_of(good[:1]).strip(), *bad, lines_of(good[1:]).strip()])

    answer = await deliver(dwi, body, NDJSON)
    report = await worked_off(dwi, answer.json()["leveringId"])
    told = await outcomes(dwi, answer.json()["leveringId"])

    assert [one["besluit"] for one in told] == ["toegelaten", *["geweigerd"] * 8, "toegelaten"]
    assert report["toegelaten"] == 2
    assert ECHO.lower() not in json.dumps([told, report]).lower()


async def test_a_reference_twice_in_a_file_is_one_message_and_one_refusal(
    dwi: httpx.AsyncClient,
) -> None:
    reference = fresh_reference()
    message = referral(reference=reference)
    other = {**message, "aangemeldOp": "2013-12-30"}

    answer = await deliver(dwi, lines_of([message, other, message]))
    report = await worked_off(dwi, answer.json()["leveringId"])
    told = await outcomes(dwi, answer.json()["leveringId"])

    assert [one["regelcode"] for one in told] == ["toegelaten", "kenmerk-hergebruikt", "dubbel"]
    assert (report["toegelaten"], report["dubbel"]) == (1, 1)
    assert report["geweigerd"] == {"kenmerk-hergebruikt": 1}


async def test_a_delivery_of_somebody_else_is_as_one_that_does_not_exist(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    mine = (await deliver(dwi, csv_of([csv_row()]), CSV)).json()["leveringId"]
    nowhere = "0192f0c1-2345-7abc-8def-0123456789ab"

    for road in ("", "/uitkomsten"):
        theirs = await casebook.get(f"/v1/leveringen/{mine}{road}")
        none = await casebook.get(f"/v1/leveringen/{nowhere}{road}")
        assert assert_problem(theirs, 404, mine) == assert_problem(none, 404, nowhere)
    assert (await dwi.get(f"/v1/leveringen/{mine}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/leveringen/{ECHO}",
        "/v1/leveringen/{id}/uitkomsten?na=-1",
        f"/v1/leveringen/{{id}}/uitkomsten?na={ECHO}",
        "/v1/leveringen/{id}/uitkomsten?aantal=0",
        "/v1/leveringen/{id}/uitkomsten?aantal=1001",
        "/v1/leveringen/{id}/uitkomsten?na=99999999999999999999",
    ],
)
async def test_a_parameter_out_of_bounds_is_400(dwi: httpx.AsyncClient, path: str) -> None:
    delivery = (await deliver(dwi, csv_of([csv_row()]), CSV)).json()["leveringId"]

    assert_problem(await dwi.get(path.replace("{id}", delivery)), 400)


async def test_outcomes_come_in_pages(dwi: httpx.AsyncClient) -> None:
    body = csv_of([csv_row() for _ in range(600)])
    delivery = (await deliver(dwi, body, CSV)).json()["leveringId"]
    await worked_off(dwi, delivery)

    seen: list[int] = []
    has_more = True
    while has_more:
        after = seen[-1] if seen else 0
        answer = await dwi.get(f"/v1/leveringen/{delivery}/uitkomsten?na={after}&aantal=250")
        assert_headers(answer)
        assert_no_echo(answer)
        page = answer.json()
        seen += [one["record"] for one in page["uitkomsten"]]
        has_more = page["meer"]

    assert seen == list(range(1, 601))
