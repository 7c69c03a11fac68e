"""What a receiver is to a projection, and how lines are handed to it so that none is lost.

A receiver confirms, asks for later, or refuses. Later means: everything again, after a pause that
grows; the cursor stays. A refusal is looked into, since one line that a receiver cannot take must
not keep it from the rest, and must not be dropped either: the batch is halved until the entries at
fault are named. Those are set apart ("parked") by name, with the reason, and only when the same
receiver takes other entries: one that refuses all is broken, not right, and is waited for.

OTLP asks a client not to repeat what was answered with a partial success, since it does not say
which lines were rejected. We do repeat, in halves, exactly to learn which; every repeat bears the
same trace and span ids.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from gateway.reports.projections.ldv import Read
from gateway.reports.projections.lines import Line

_PROBES = 8
"""How many entries in a row are refused one by one before a receiver counts as refusing all."""
_FALTERING = (0.1, 0.4, 1.6, 0.0)
"""Pauses in seconds between attempts while a refusal is looked into."""


@dataclass(frozen=True, slots=True)
class Projected:
    """One entry with its lines, as it is handed over."""

    read: Read
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The receiver has all of it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now. `reason` is a code; `after` the seconds that the receiver asked for."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not these: entries by their place in the batch, or None where it did not say which."""

    reason: str
    which: frozenset[int] | None = None


Verdict = Confirmed | Later | Rejected


class Receiver(Protocol):
    """Somewhere that lines go. `kind` and `target` say where, for the cursor to be bound to."""

    kind: str
    target: str

    async def begin(self, confirmed: int) -> None:
        """Go on after what was confirmed: of a file, so many bytes."""

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        """Hand over a batch; the answer is only `Confirmed` when it is safe with the receiver."""

    @property
    def size(self) -> int:
        """Bytes that a file holds by now; 0 for what is no file."""

    async def close(self) -> None:
        """Let go of connections and files."""


class AwayError(Exception):
    """The receiver does not take anything now; nothing is lost, and the cursor stays."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class InsecureReceiverError(Exception):
    """Log lines do not cross a network in clear."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An entry that the receiver refused while it took others."""

    entry: Projected
    reason: str


async def settle(
    receiver: Receiver,
    batch: Sequence[Projected],
    before_each: Callable[[], Awaitable[None]] | None = None,
) -> list[Parked]:
    """Hand over a batch until each entry is confirmed or named as refused.

    `before_each` runs before each attempt, and may end it all by raising. Raises `AwayError`: then
    some of it may have been taken, and all of it is handed over again.
    """
    settling = _Settling(receiver, before_each)
    parked = await settling.settle(batch)
    if len(parked) == len(batch):
        raise AwayError(parked[0].reason)
    return parked


class _Settling:
    def __init__(
        self, receiver: Receiver, before_each: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._receiver = receiver
        self._before_each = before_each
        self._is_looking = False
        self._has_confirmed = False
        self._refused = 0

    async def settle(self, batch: Sequence[Projected]) -> list[Parked]:
        match await self._deliver(batch):
            case Confirmed():
                self._has_confirmed = True
                return []
            case Later(reason, after):
                raise AwayError(reason, after)
            case Rejected(reason, which):
                return await self._look_into(batch, reason, which)

    async def _deliver(self, batch: Sequence[Projected]) -> Verdict:
        """One delivery. While a refusal is looked into, a receiver that falters is asked again:
        else one that often does would never be done with it."""
        for pause in _FALTERING:
            if self._before_each is not None:
                await self._before_each()
            verdict = await self._receiver.deliver(batch)
            if not self._is_looking or not isinstance(verdict, Later):
                return verdict
            await asyncio.sleep(pause)
        return verdict

    async def _look_into(
        self, batch: Sequence[Projected], reason: str, which: frozenset[int] | None
    ) -> list[Parked]:
        if which is not None:
            self._has_confirmed |= len(which) < len(batch)
            return [Parked(batch[place], reason) for place in sorted(which)]
        if len(batch) == 1:
            self._refused += 1
            if self._refused >= _PROBES and not self._has_confirmed:
                raise AwayError(reason)
            return [Parked(batch[0], reason)]
        self._is_looking = True
        middle = len(batch) // 2
        return [*await self.settle(batch[:middle]), *await self.settle(batch[middle:])]


def require_secure(address: str) -> str:
    """The address, if it is HTTPS or this machine's own. Raises `InsecureReceiverError`."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address
        raise InsecureReceiverError("this is no address") from None
    if parts.username or parts.password:
        raise InsecureReceiverError("an address with a password in it ends up where it is shown")
    if parts.scheme == "https" and parts.hostname:
        return address
    if parts.scheme == "http" and parts.hostname and _is_here(parts.hostname):
        return address
    raise InsecureReceiverError("log lines go over HTTPS, or stay on this machine")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
