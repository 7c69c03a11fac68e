"""One POST to a receiver: bounded in time and in what is read of the answer, and never a surprise.

Nothing that a receiver says is kept or shown but its status, whether it asked for a pause, and a
bounded body: what it wrote may quote what it was sent. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from gateway.reports.projections.receiving import Later

MAX_ANSWER = 1024 * 1024
_LONGEST_PAUSE = 600.0


class Answer(NamedTuple):
    """What came back. `after` is the Retry-After, in seconds."""

    status: int
    body: bytes
    after: float | None


class Poster:
    """The connections to one receiver. `patience` bounds each attempt as a whole, in seconds."""

    def __init__(self, patience: float = 15.0, *, road: httpx.AsyncBaseTransport | None = None):
        """`road` replaces the network."""
        self._patience = patience
        self._http = httpx.AsyncClient(
            timeout=patience,
            transport=road,
            # The system's own authorities, or those that SSL_CERT_FILE names.
            verify=ssl.create_default_context(),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
            # Whoever sets a proxy for log lines sets up a collector instead.
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer | Later:
        """The answer; `Later` where none came that can be read."""
        try:
            async with (
                # httpx bounds each wait; who sends a byte now and then would hold us for ever.
                asyncio.timeout(self._patience),
                self._http.stream("POST", url, content=body, headers=headers) as answer,
            ):
                read = bytearray()
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > MAX_ANSWER:
                        return Later("answer-too-long")
                return Answer(answer.status_code, bytes(read), _pause(answer))
        except (TimeoutError, httpx.TimeoutException):
            return Later("timeout")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Later("address-unusable")
        except (httpx.TransportError, httpx.DecodingError):
            return Later("unreachable")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def host_of(url: str) -> str:
    """Where a receiver is, as far as may be shown: an address may hold a key in its query."""
    return urlsplit(url).hostname or "?"


def _pause(answer: httpx.Response) -> float | None:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), _LONGEST_PAUSE) if told.isascii() and told.isdigit() else None
