"""Uploads that break off and go on, as any client of the IETF's draft would make them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from gateway.exchange.deliveries import CHUNK_BYTES
from gateway.store.groups import TOEGANG
from gateway.store.partners import resume_partner, suspend_partner
from tests.support.messages import csv_of, csv_row
from tests.support.pulling import CSV, deliver, outcomes, worked_off
from tests.support.refusals import ECHO, assert_headers, assert_problem
from tests.support.running_gateway import RunningGateway, another_like

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARTIAL = "application/partial-upload"
ROAD = "/v1/leveringen"
MAX_DELIVERY = 2 * 1024 * 1024


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    return {"max_delivery": MAX_DELIVERY, "uploads_per_partner": 3, "request_timeout": 2.0}


def file_of(rows: int = 3, size: int = 0) -> bytes:
    """A delivery of so many households, with blank lines up to a size."""
    body = csv_of([csv_row() for _ in range(rows)])
    return body + b"\r\n" * ((size - len(body)) // 2)


def digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def begin(http: httpx.AsyncClient, body: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post(
        ROAD,
        content=body,
        headers={"Content-Type": CSV, "Upload-Complete": "?0", **named},
    )


async def begun(http: httpx.AsyncClient, whole: bytes | None = None, **headers: str) -> str:
    if whole is not None:
        headers["Upload_Length"] = str(len(whole))
    answer = await begin(http, b"", **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def append(
    http: httpx.AsyncClient, place: str, offset: int, body: Any, *, last: bool, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.patch(
        place,
        content=body,
        headers={
            "Content-Type": PARTIAL,
            "Upload-Offset": str(offset),
            "Upload-Complete": "?1" if last else "?0",
            **named,
        },
    )


async def offset_of(http: httpx.AsyncClient, place: str) -> int:
    answer = await http.head(place)
    assert answer.status_code == 204
    assert_headers(answer)
    return int(answer.headers["upload-offset"])


async def broken(body: bytes) -> AsyncIterator[bytes]:
    """A body whose line breaks after these bytes."""
    yield body
    await asyncio.sleep(0.1)
    raise httpx.WriteError("the line broke")


async def left_of(gateway: RunningGateway, place: str) -> tuple[int, int]:
    upload = place.rpartition("/")[2]
    return (
        await gateway.count("upload", "id = $1::text::uuid", upload),
        await gateway.count("delivery_chunk", "delivery = $1::text::uuid", upload),
    )


async def test_a_file_in_three_requests_is_one_delivery(dwi: httpx.AsyncClient) -> None:
    body = file_of(4, CHUNK_BYTES + 1000)

    first = await begin(dwi, body[:70], Upload_Length=str(len(body)), Repr_Digest=digest_of(body))
    place = first.headers["location"]
    second = await append(dwi, place, 70, body[70 : CHUNK_BYTES + 5], last=False)
    third = await append(dwi, place, CHUNK_BYTES + 5, body[CHUNK_BYTES + 5 :], last=True)

    assert (first.status_code, first.headers["upload-offset"]) == (201, "70")
    assert first.headers["upload-complete"] == second.headers["upload-complete"] == "?0"
    assert first.headers["upload-limit"].startswith(f"max-size={MAX_DELIVERY}, max-age=")
    assert (second.status_code, second.headers["upload-offset"]) == (204, str(CHUNK_BYTES + 5))
    assert (third.status_code, third.headers["upload-complete"]) == (202, "?1")
    delivery = third.json()["leveringId"]
    assert third.headers["location"] == f"{ROAD}/{delivery}"
    report = await worked_off(dwi, delivery)
    assert (report["bytes"], report["records"], report["toegelaten"]) == (len(body), 4, 4)


async def test_what_a_broken_line_brought_counts(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = file_of(3, 2 * CHUNK_BYTES)
    place = await begun(dwi, body)
    arrived = CHUNK_BYTES + 777

    with pytest.raises(httpx.WriteError):
        await append(dwi, place, 0, broken(body[:arrived]), last=True)
    async with asyncio.timeout(5):
        while await offset_of(dwi, place) == 0:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.02)
    offset = await offset_of(dwi, place)

    assert 0 < offset <= arrived
    done = await append(dwi, place, offset, body[offset:], last=True)
    assert done.status_code == 202
    assert (await worked_off(dwi, done.json()["leveringId"]))["toegelaten"] == 3
    assert await left_of(gateway, place) == (0, 0)


async def test_another_offset_is_409_with_the_right_one(dwi: httpx.AsyncClient) -> None:
    body = file_of()
    place = await begun(dwi, body)
    await append(dwi, place, 0, body[:50], last=False)

    for offset in (0, 49, 51, 10**14):
        answer = await append(dwi, place, offset, body[50:], last=True)
        problem = assert_problem(answer, 409)
        assert (answer.headers["upload-offset"], answer.headers["upload-complete"]) == ("50", "?0")
        assert (problem["verwacht"], problem["gegeven"]) == (50, offset)

    assert (await append(dwi, place, 50, body[50:], last=True)).status_code == 202


async def test_of_two_writers_the_older_loses_and_the_file_is_whole(
    dwi: httpx.AsyncClient,
) -> None:
    body = file_of(2, CHUNK_BYTES)
    place = await begun(dwi, body)
    hangs = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"#" * (CHUNK_BYTES // 2)
        await hangs.wait()
        yield b"#" * CHUNK_BYTES

    older = asyncio.create_task(append(dwi, place, 0, slow(), last=False))
    await asyncio.sleep(0.2)
    offset = await offset_of(dwi, place)
    newer = await append(dwi, place, offset, body[offset:], last=True)
    hangs.set()

    assert offset == 0  # less than a piece, which the older may never store now
    assert newer.status_code == 202
    assert (await older).status_code in (400, 404, 409)
    assert (await worked_off(dwi, newer.json()["leveringId"]))["toegelaten"] == 2


async def test_an_answer_that_was_lost_is_given_again(dwi: httpx.AsyncClient) -> None:
    body = file_of()
    place = await begun(dwi, body)
    first = await append(dwi, place, 0, body, last=True)

    stands = await dwi.head(place)
    again = await append(dwi, place, len(body), b"", last=True)

    assert (stands.headers["upload-complete"], stands.headers["upload-offset"]) == (
        "?1",
        str(len(body)),
    )
    assert (again.status_code, again.json()["leveringId"]) == (202, first.json()["leveringId"])
    assert_problem(await append(dwi, place, len(body), b"x", last=False), 409)


async def test_invariant_07_the_same_file_sent_whole_before_is_the_same_delivery(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = file_of()
    whole = await deliver(dwi, body, CSV)
    await worked_off(dwi, whole.json()["leveringId"])
    before = await gateway.effects()
    place = await begun(dwi, body)
    await append(dwi, place, 0, body[:99], last=False)

    answer = await append(dwi, place, 99, body[99:], last=True)
    replayed = await append(dwi, place, len(body), b"", last=True)

    for one in (answer, replayed):
        assert one.status_code == 200
        assert one.json()["isHerhaling"] is True
        assert one.json()["leveringId"] == whole.json()["leveringId"]
    assert await gateway.effects() == before
    assert await left_of(gateway, place) == (0, 0)


async def test_an_upload_in_one_request_is_answered_as_ever(dwi: httpx.AsyncClient) -> None:
    answer = await deliver(dwi, file_of(), CSV, Upload_Complete="?1")

    assert (answer.status_code, answer.headers["upload-complete"]) == (202, "?1")
    assert "upload-complete" not in (await deliver(dwi, file_of(), CSV)).headers


@pytest.mark.parametrize("given_when", ["begun", "completed", "of a part"])
async def test_a_file_that_is_not_the_one_of_its_digest_is_given_up(
    gateway: RunningGateway, dwi: httpx.AsyncClient, given_when: str
) -> None:
    body, other = file_of(), digest_of(b"another")
    at_begin = {"Repr_Digest": other} if given_when == "begun" else {}
    at_end = {"completed": {"Repr_Digest": other}, "of a part": {"Content_Digest": other}}
    place = await begun(dwi, body, **at_begin)
    deliveries = await gateway.count("delivery")

    answer = await append(dwi, place, 0, body, last=True, **at_end.get(given_when, {}))

    assert_problem(answer, 400)
    assert answer.headers["upload-complete"] == "?1"
    assert (await dwi.head(place)).status_code == 404
    assert await left_of(gateway, place) == (0, 0)
    assert await gateway.count("delivery") == deliveries


async def test_a_length_that_does_not_hold_is_400(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = file_of()
    place = await begun(dwi, body)

    async def short() -> AsyncIterator[bytes]:
        yield body[:20]

    for answer in (
        await append(dwi, place, 0, body[:-1], last=True),
        await append(dwi, place, 0, body, last=False, Upload_Length="3"),
        await append(dwi, place, 0, short(), last=True),  # its length shows at the end alone
    ):
        assert_problem(answer, 400)
        assert answer.headers["upload-complete"] == "?0"
    assert await offset_of(dwi, place) == 20
    assert_problem(await append(dwi, place, 20, body + b"x", last=False), 400)
    assert await left_of(gateway, place) == (0, 0)


async def test_a_file_above_the_bound_is_413_with_the_bound(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    announced = await begin(dwi, Upload_Length=str(MAX_DELIVERY + 1))
    place = await begun(dwi)

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (MAX_DELIVERY // 20)

    for answer in (announced, await append(dwi, place, 0, flood(), last=False)):
        assert_problem(answer, 413)
        assert answer.headers["upload-limit"] == f"max-size={MAX_DELIVERY}"
    assert await left_of(gateway, place) == (0, 0)


async def test_so_many_are_open_at_once_and_one_request_always_works(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    places = [await begun(dwi) for _ in range(3)]

    assert_problem(await begin(dwi), 429)
    assert (await begin(casebook, Content_Type="application/json")).status_code == 201
    assert (await deliver(dwi, file_of(), CSV)).status_code == 202
    for place in places:
        assert (await dwi.delete(place)).status_code == 204
        assert (await dwi.head(place)).status_code == 404
        assert_problem(await dwi.delete(place), 404)
    assert (await dwi.delete(await begun(dwi))).status_code == 204


async def test_an_upload_of_somebody_else_is_as_one_that_does_not_exist(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    place = await begun(dwi)
    nowhere = f"{ROAD}/uploads/0192f0c1-2345-7abc-8def-0123456789ab"

    for road in (place, nowhere):
        assert (await casebook.head(road)).status_code == 404
        assert_problem(await append(casebook, road, 0, b"x", last=True), 404)
        assert_problem(await casebook.delete(road), 404)
    assert await offset_of(dwi, place) == 0
    await dwi.delete(place)


async def test_what_is_not_a_part_is_refused(dwi: httpx.AsyncClient) -> None:
    place = await begun(dwi)

    wrong = await append(dwi, place, 0, b"x", last=False, Content_Type="text/csv")
    assert assert_problem(wrong, 415)["toegestaan"] == [PARTIAL]
    for headers in (
        {"Upload_Offset": ECHO},
        {"Upload_Offset": "-1"},
        {"Upload_Complete": "ja"},
        {"Repr_Digest": ECHO},
        {"Content_Digest": f"sha-256=:{ECHO}~:"},
    ):
        assert_problem(await append(dwi, place, 0, b"x", last=False, **headers), 400)
    assert_problem(await dwi.patch(f"{ROAD}/uploads/{ECHO}"), 400)
    assert_problem(await begin(dwi, Content_Type="text/plain"), 415)
    assert await offset_of(dwi, place) == 0
    await dwi.delete(place)


async def test_the_bounds_can_be_asked(dwi: httpx.AsyncClient) -> None:
    answer = await dwi.options(ROAD)

    assert answer.status_code == 204
    assert answer.headers["upload-limit"] == f"max-size={MAX_DELIVERY}"


async def test_two_processes_go_on_with_one_upload(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    body = file_of(5, CHUNK_BYTES + 10)
    place = await begun(dwi, body)
    async with another_like(gateway) as other, other.partner("dwi") as there:
        steps = [0, 60, CHUNK_BYTES - 1, CHUNK_BYTES + 2]
        for number, (start, end) in enumerate(pairwise(steps)):
            http = (dwi, there)[number % 2]
            assert await offset_of(http, place) == start
            assert (await append(http, place, start, body[start:end], last=False)).is_success
        done = await append(there, place, steps[-1], body[steps[-1] :], last=True)
        assert done.status_code == 202
        report = await worked_off(there, done.json()["leveringId"])

    assert report["toegelaten"] == 5


async def test_who_is_suspended_meanwhile_goes_on_only_when_that_is_over(
    gateway: RunningGateway,
) -> None:
    body = file_of()
    async with gateway.partner("dwi") as http:
        place = await begun(http, body)
        await append(http, place, 0, body[:60], last=False)
        await suspend_partner(gateway.engine, "dwi")
        async with asyncio.timeout(5):
            while (await http.head(place)).status_code != 401:  # noqa: ASYNC110  # the book is read
                await asyncio.sleep(0.05)
        assert_problem(await append(http, place, 60, body[60:], last=True), 401)
        assert_problem(await http.delete(place), 401)
        await resume_partner(gateway.engine, "dwi")
        async with asyncio.timeout(5):
            while (await http.head(place)).status_code != 204:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.05)
        done = await append(http, place, 60, body[60:], last=True)
        assert done.status_code == 202
        assert (await worked_off(http, done.json()["leveringId"]))["toegelaten"] == 3


async def test_every_act_stands_in_the_access_log(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    place = await begun(dwi)
    upload = place.rpartition("/")[2]
    await offset_of(dwi, place)
    await append(dwi, place, 0, b"x", last=False)
    await dwi.delete(place)

    rows = await gateway.pool.fetch("select entry from log_leaf where log = $1", TOEGANG)
    told = [row[0].decode() for row in rows if upload.encode() in row[0]]
    for operation in ("leesUploadstand", "vulUploadAan", "annuleerUpload"):
        assert any(operation in one for one in told), operation


async def test_the_records_go_on_in_the_trace_of_the_request(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    traces = ["4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736"]
    span = "00f067aa0ba902b7"
    plain = await deliver(dwi, file_of(2), CSV, traceparent=f"00-{traces[0]}-{span}-01")
    body = file_of(2)
    place = await begun(dwi, body)
    headers = {"traceparent": f"00-{traces[1]}-{span}-01"}
    done = await append(dwi, place, 0, body, last=True, **headers)
    for answer in (plain, done):
        await worked_off(dwi, answer.json()["leveringId"])
        assert len(await outcomes(dwi, answer.json()["leveringId"])) == 2

    entries = await gateway.entries()
    for trace in traces:
        found = [one for one in entries if one["traceId"] == trace]
        assert len(found) == 2
        assert all(one["spanId"] != span for one in found)
