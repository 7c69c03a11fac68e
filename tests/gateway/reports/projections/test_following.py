"""Projections beside the gateway: each by itself, and an index that lets a trace be found."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entries import Trace
from gateway.reports.projections.answers import Poster
from gateway.reports.projections.collecting import (
    ACCESS_COLLECTOR,
    COLLECTOR,
    HeaderFileError,
    Origin,
    collectors,
    read_headers,
)
from gateway.reports.projections.fhir import FhirReceiver, Place
from gateway.reports.projections.following import (
    LONGEST_PAUSE,
    Followers,
    pause_after,
    trace_indexes,
)
from gateway.reports.projections.otlp import OtlpReceiver
from gateway.reports.projections.reading import Query, read_lines
from gateway.reports.projections.receiving import Confirmed, InsecureReceiverError, Later, Rejected
from gateway.reports.projections.replay import Replay
from gateway.reports.projections.source import projector_of
from gateway.store.groups import VERWERKINGEN, append_leaves
from gateway.store.projections import TRACE_INDEX, cursor_of
from gateway.telemetry import Telemetry
from tests.gateway.reports.projections.collector import Collector, Json, collecting
from tests.gateway.reports.projections.logged import (
    ANNE,
    BASE,
    KEYS,
    OIN,
    SOURCE,
    leaf,
    log_all,
    projected,
)


def replay(pool: asyncpg.Pool, collector: Collector, name: str) -> Replay:
    receiver = OtlpReceiver(collector.address, {}, Poster(5.0))
    projector = projector_of(VERWERKINGEN, SOURCE)
    return Replay(pool.acquire, name, VERWERKINGEN, receiver, projector)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.02)


async def test_a_dead_receiver_holds_up_no_other_and_is_told_seldom(pool: asyncpg.Pool) -> None:
    log = io.StringIO()
    async with collecting(behave=lambda *_: (503, b"")) as dead, collecting() as well:
        followers = Followers(
            [replay(pool, dead, "dood"), replay(pool, well, "goed")],
            Telemetry(log),
            every=0.05,
            counted=frozenset({"goed"}),
        )
        followers.start()
        for _ in range(3):
            await log_all(pool, [leaf() for _ in range(5)])
        await until(lambda: len(well.taken) == 15)
        await until(lambda: dead.requests >= 2)
        await followers.stop()
    told = [json.loads(one) for one in log.getvalue().splitlines()]
    waits = [one for one in told if one["event"] == "projection-waits"]
    assert {one["route"] for one in waits} == {"dood"}
    assert {one["reason"] for one in waits} == {"status-503"}
    assert "127.0.0.1" not in log.getvalue()  # an address may hold a key


async def test_two_replicas_send_each_entry_once(pool: asyncpg.Pool) -> None:
    async with collecting() as collector:
        both = [
            Followers([replay(pool, collector, "een")], Telemetry(io.StringIO()), every=0.05)
            for _ in range(2)
        ]
        for one in both:
            one.start()
        await log_all(pool, [leaf() for _ in range(600)])
        await until(lambda: len(collector.taken) == 600)
        for one in both:
            await one.stop()
    assert sum(collector.taken.values()) == 600


@given(st.integers(0, 100_000), st.floats(0, 1), st.none() | st.floats(0, 600))
def test_a_pause_grows_to_a_minute_and_is_never_shorter_than_asked(
    failures: int, uniform: float, asked: float | None
) -> None:
    pause = pause_after(failures, asked, uniform)
    assert 0 < pause <= max(LONGEST_PAUSE, asked or 0.0)
    assert pause >= (asked or 0.0)


async def test_a_trace_is_found_before_and_after_it_is_indexed(pool: asyncpg.Pool) -> None:
    trace, other = uuid4().hex, uuid4().hex
    same_key = trace[:16] + other[16:]  # another trace that shares the first eight bytes
    made = [leaf(trace=Trace(one, "00f067aa0ba902b7")) for one in (trace, same_key, other, trace)]
    projectors = {VERWERKINGEN: projector_of(VERWERKINGEN, SOURCE)}

    async def found() -> list[str]:
        async with pool.acquire() as connection:
            page = await read_lines(connection, Query(trace_id=trace), projectors, {})
        return [one.span_id for one in page.lines]

    async with pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, VERWERKINGEN, made)
    before = await found()
    assert len(before) == 2
    await log_all(pool, [leaf()])
    index = trace_indexes(pool.acquire)[0]
    while not (await index.turn()).is_idle:
        pass
    await index.close()
    async with pool.acquire() as connection:
        cursor = await cursor_of(connection, f"{TRACE_INDEX}/1")
    assert cursor is not None
    assert cursor.next_index == 5
    assert await found() == before


async def test_a_fhir_server_gets_each_event_by_its_own_id() -> None:
    def answer(body: Json, _: int) -> tuple[int, bytes]:
        parts = [{"response": {"status": "201 Created"}} for _ in body["entry"]]
        return 201, json.dumps({"resourceType": "Bundle", "entry": parts}).encode()

    kept: list[Json] = []

    def keep(body: Json, number: int) -> tuple[int, bytes]:
        kept.append(body)
        return answer(body, number)

    async with collecting(behave=keep) as server:
        receiver = FhirReceiver(server.address, {}, Poster(5.0), Place(OIN, BASE, {}))
        verdict = await receiver.deliver([projected(leaf(subjects=[ANNE])), projected(leaf())])
        assert verdict == Confirmed()
        server.behave = lambda *_: (422, b"")
        assert await receiver.deliver([projected(leaf())]) == Rejected("status-422")
        server.behave = lambda *_: None
        assert await receiver.deliver([projected(leaf())]) == Later("unreachable")
        assert server.headers[0]["content-type"] == "application/fhir+json"
        await receiver.close()
    (bundle,) = kept
    assert bundle["type"] == "batch"
    for entry in bundle["entry"]:
        url = f"AuditEvent/{entry['resource']['id']}"
        assert entry["request"] == {"method": "PUT", "url": url}


async def test_collectors_are_what_the_settings_name(pool: asyncpg.Pool, tmp_path: Path) -> None:
    origin = Origin(OIN, BASE, KEYS)
    assert collectors(pool.acquire, origin, {COLLECTOR: None}, None) == []
    named = {COLLECTOR: "https://a.nl", ACCESS_COLLECTOR: "https://b.nl"}
    made = collectors(pool.acquire, origin, named, None)
    assert [(one.name, one.series) for one in made] == [("collector", 1), ("access-collector", 3)]
    for one in made:
        await one.close()
    with pytest.raises(InsecureReceiverError):
        collectors(pool.acquire, origin, {COLLECTOR: "http://a.nl"}, None)


@pytest.mark.parametrize("bad", ["zonder dubbele punt", ": x", "A: b\x00c", "A\tB: c"])
def test_a_bad_header_is_named_by_its_line_and_not_shown(bad: str, tmp_path: Path) -> None:
    path = tmp_path / "koppen"
    path.write_text(f"Good: one\n\n{bad}\n")
    path.chmod(0o600)
    with pytest.raises(HeaderFileError) as told:
        read_headers(path)
    assert "line 3" in str(told.value)
    assert bad not in str(told.value)
