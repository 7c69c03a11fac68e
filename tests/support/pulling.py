"""Asking the gateway over plain HTTP: post and pull as a partner's own script would."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

NDJSON = "application/x-ndjson"
CSV = "text/csv"
XML = "application/xml"


async def refer(http: httpx.AsyncClient, message: Any) -> httpx.Response:
    return await http.post("/v1/aanmeldingen", json=message)


async def report_status(http: httpx.AsyncClient, message: Any) -> httpx.Response:
    return await http.post("/v1/statusberichten", json=message)


async def pull(http: httpx.AsyncClient, **query: Any) -> httpx.Response:
    return await http.get("/v1/postvak", params=query)


async def acknowledge(http: httpx.AsyncClient, cursor: str) -> httpx.Response:
    return await http.post("/v1/postvak/ontvangst", json={"totEnMet": cursor})


async def pull_all(http: httpx.AsyncClient, *, acknowledged: bool = True) -> list[dict[str, Any]]:
    """Every message that waits, in order; acknowledged page by page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = await pull(http, **after)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["berichten"]
        if acknowledged and page["berichten"]:
            assert (await acknowledge(http, page["volgende"])).status_code == 200
        if not page["meer"]:
            return found
        after = {"na": page["volgende"]}


async def deliver(
    http: httpx.AsyncClient, body: Any, media_type: str = NDJSON, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post(
        "/v1/leveringen", content=body, headers={"Content-Type": media_type, **named}
    )


async def worked_off(
    http: httpx.AsyncClient, delivery: str, patience: float = 20.0
) -> dict[str, Any]:
    """The report of a delivery once it is done."""
    deadline = time.monotonic() + patience
    while True:
        report: dict[str, Any] = (await http.get(f"/v1/leveringen/{delivery}")).json()
        if report["status"] != "in-verwerking":
            return report
        assert time.monotonic() < deadline, "the delivery was not worked off"
        await asyncio.sleep(0.05)


async def outcomes(http: httpx.AsyncClient, delivery: str) -> list[dict[str, Any]]:
    """The outcome of each record of a delivery."""
    answer = await http.get(f"/v1/leveringen/{delivery}/uitkomsten")
    found: list[dict[str, Any]] = answer.json()["uitkomsten"]
    return found
