"""Reading a mailbox page by page over one connection, holding one page at a time.

Blocking, on the standard library's HTTP client: a reader has nothing else to do while it waits,
and this one costs the processors that it shares with the server next to nothing.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from gateway.bench.processes import BenchFailed

ANSWER_SECONDS = 120.0
_A_MESSAGE = b'"specversion":"1.0"'
"""Stands once in each message: they are counted without being read."""


@dataclass(slots=True)
class Page:
    """One page: its bytes, the messages in it, and how long it took (seconds)."""

    content: bytes
    messages: int
    took: float
    headers: Mapping[str, str]


@dataclass(slots=True)
class Tally:
    """What was read so far."""

    messages: int = 0
    bytes: int = 0
    latencies: list[float] = field(default_factory=list)

    def add(self, page: Page) -> None:
        """Count a page, and let go of it."""
        self.messages += page.messages
        self.bytes += len(page.content)
        self.latencies.append(page.took)


class Reader:
    """One connection to one server."""

    def __init__(self, address: str, token: str) -> None:
        place = urlsplit(address)
        self._http = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=ANSWER_SECONDS
        )
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/x-ndjson"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def page(self, path: str) -> Page:
        """One page. Raises `BenchFailed` unless it is given."""
        begun = time.perf_counter()
        self._http.request("GET", path, headers=self._headers)
        content, headers = self._answer()
        took = time.perf_counter() - begun
        return Page(content, content.count(_A_MESSAGE), took, headers)

    def acknowledge(self, cursor: str) -> int:
        """Acknowledge up to a cursor of our gateway's; how many that newly covers."""
        body = json.dumps({"totEnMet": cursor}).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        self._http.request("POST", "/v1/postvak/ontvangst", body, headers)
        return int(json.loads(self._answer()[0])["bevestigd"])

    def _answer(self) -> tuple[bytes, Mapping[str, str]]:
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise BenchFailed(f"a page was answered with status {answer.status}")
        return content, {name.lower(): value for name, value in answer.getheaders()}


def next_path(page: Page) -> str | None:
    """Where our gateway's next page is; None after the last one."""
    if page.headers["sluis-meer"] != "ja":
        return None
    return f"/v1/postvak?na={page.headers['sluis-volgende']}"
