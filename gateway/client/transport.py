"""One request to the gateway: with a time limit, and repeated a bounded number of times.

Every call may be repeated, also each POST: a referral and a status are known by their reference
and content, a delivery by its bytes, an acknowledgement by its cursor, and a token is asked for
with a new assertion in each attempt. (A page pulled twice is released, and logged, twice.) So a
lost answer is no reason to stop. The exception is an upload from an iterator, which cannot be
read again.

Waits grow exponentially with full jitter (uniform between nothing and the bound), so that many
clients do not come back together; a Retry-After is waited out first.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from types import TracebackType
from typing import Protocol, Self

import httpx

from gateway.client.answers import PASSING, problem_of, read, retry_after_of, succeeded
from gateway.client.credentials import Credentials
from gateway.client.errors import Misconfigured, Unavailable, Unreachable
from gateway.client.tokens import TokenAnswer, TokenSource
from gateway.client.tracing import new_trace_id, traceparent

Content = bytes | Callable[[], AsyncIterator[bytes]]
"""A body as bytes, or what opens it anew for each attempt."""

_LOST = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
)
"""The road failed, or the answer broke off: nothing is known of the effect."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often, and how long to wait at most before each next attempt (seconds)."""

    attempts: int = 6
    first: float = 0.2
    longest: float = 10.0
    patience: float = 60.0
    """A Retry-After longer than this is left to the caller."""

    def bound(self, failures: int) -> float:
        """The upper bound of the wait after so many failures in a row."""
        return min(self.longest, self.first * 2.0 ** (failures - 1))


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `answer_within` bounds each wait for the server, where the usual will not do."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content | None = None
    answer_within: float | None = None
    is_repeatable: bool = True


LOG_HEADER = "Sluis-Checkpoint"
"""The header in which answers bear the newest checkpoint of the processing log."""


NARROWING = (
    "/v1/toestemmingen",
    "/v1/correcties",
    "/v1/postvak/ontvangst",
    "/v1/registraties/beeindiging",
)
"""What may narrow somebody's data goes out whatever is the matter with the log."""


class Watches(Protocol):
    """What looks at the log that answers tell of."""

    async def before_call(self) -> None:
        """Raise what is wrong with it, before anything more is sent."""

    def heard(self, header: str | None) -> None:
        """Take what an answer says; raises nothing."""


class Transport:
    """The connections of one partner to one gateway; `watches` may be set once it is made."""

    watches: Watches | None = None

    def __init__(
        self,
        credentials: Credentials,
        *,
        retrying: Retrying | None = None,
        road: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        connections: int = 8,
        answer_within: float = 60.0,
    ) -> None:
        """`road` replaces the network (an application in the same process, for instance).

        `answer_within` bounds, in seconds, each wait for the server, not the call as a whole: a
        long delivery that moves is no reason to stop. More `connections` are slower, since httpx
        looks at all of them at each call (measured: 720 calls/s over 8, 370 over 16).
        """
        self._base_url = credentials.base_url
        self._retrying = retrying or Retrying()
        self._answer_within = answer_within
        self._sleep = sleep
        self._uniform = uniform
        self._tokens = TokenSource(credentials, self._ask_token)
        self._http = httpx.AsyncClient(
            base_url=credentials.base_url,
            transport=road,
            headers={"User-Agent": f"sluis-client/{version('sluis')}"},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # A proxy from the environment has nothing to do with a gateway on this machine.
            trust_env=not credentials.is_local,
            verify=credentials.tls,
        )

    async def access_token(self) -> str:
        """A token that the gateway takes now, for a call that something else makes."""
        return await self._tokens.token()

    async def send(self, call: Call) -> httpx.Response:
        """The whole answer, if it is a success; else raise `Declined`, `Unreachable`, `Garbled`.

        Raises `Contradicted` before anything is sent, where the gateway's log showed itself untrue.
        """
        if self.watches is not None and not call.path.startswith(NARROWING):
            await self.watches.before_call()
        return await self.send_unwatched(call)

    async def ask(self, call: Call) -> httpx.Response:
        """The whole answer whatever its status, for who reads refusals in a format of their own."""
        if self.watches is not None:
            await self.watches.before_call()
        return await self._answer(call)

    async def send_unwatched(self, call: Call) -> httpx.Response:
        """The same, for the calls by which the log itself is looked at."""
        return succeeded(await self._answer(call))

    async def _answer(self, call: Call) -> httpx.Response:
        token, trace = await self._tokens.token(), new_trace_id()
        answer = await self._repeat(call, lambda: self._attempt(call, token, trace))
        if answer.status_code == httpx.codes.UNAUTHORIZED and call.is_repeatable:
            # Revoked, or signed with a key that the gateway replaced: ask once more, then believe.
            self._tokens.forget(token)
            renewed = await self._tokens.token()
            answer = await self._repeat(call, lambda: self._attempt(call, renewed, trace))
        return answer

    async def pause(self, failures: int, error: Exception) -> None:
        """Wait before the next attempt, for a caller that repeats by itself.

        Raises the `error` that came of the last one where none may follow.
        """
        told = error.retry_after if isinstance(error, Unavailable) else None
        if not await self._may_follow(failures, self._retrying.attempts, told):
            raise error

    async def _may_follow(self, failures: int, limit: int, told: float | None) -> bool:
        """Wait before the next attempt; False, at once, where none may follow."""
        if failures >= limit or (told or 0.0) > self._retrying.patience:
            return False
        # Full jitter on top of what was asked, or all who were told the same return as one.
        await self._sleep((told or 0.0) + self._uniform(0.0, self._retrying.bound(failures)))
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _attempt(self, call: Call, token: str, trace: str) -> httpx.Response:
        content = call.content() if callable(call.content) else call.content
        answer = await self._http.request(
            call.method,
            call.path,
            params=dict(call.parameters),
            headers={
                "traceparent": traceparent(trace),
                **call.headers,
                "Authorization": f"Bearer {token}",
            },
            content=content,
            timeout=self._limits(call),
        )
        if self.watches is not None:
            self.watches.heard(answer.headers.get(LOG_HEADER))
        return answer

    async def _ask_token(self, form: Callable[[], dict[str, str]]) -> TokenAnswer:
        call = Call("POST", "/oauth/token")
        limits = self._limits(call)
        answer = await self._repeat(
            call, lambda: self._http.post(call.path, data=form(), timeout=limits)
        )
        return read(TokenAnswer, succeeded(answer).content)

    async def _repeat(
        self, call: Call, attempt: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        """The first answer that says something else than "not now"."""
        limit = self._retrying.attempts if call.is_repeatable else 1
        for failures in range(1, limit + 1):
            try:
                answer = await attempt()
            except _LOST as error:
                if not await self._may_follow(failures, limit, None):
                    raise self._unreachable(limit, error) from None
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
                raise Misconfigured(f"{self._base_url} cannot be called", "correct it") from error
            else:
                if answer.status_code not in PASSING:
                    return answer
                if not await self._may_follow(failures, limit, retry_after_of(answer)):
                    raise problem_of(answer)
        raise AssertionError("the last attempt returns or raises")

    def _limits(self, call: Call) -> httpx.Timeout:
        return httpx.Timeout(call.answer_within or self._answer_within, connect=5.0)

    def _unreachable(self, attempts: int, error: Exception) -> Unreachable:
        times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        what = "its certificate does not verify" if _is_untrusted(error) else type(error).__name__
        return Unreachable(f"no answer from {self._base_url} after {times} (last: {what})")


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether the road ended at the gateway's certificate: neither repeating nor waiting helps."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
