"""The conformance script: what a partner and a gateway must do alike, check by check.

It knows the client and the schemas alone, so that a partner can run the very same script by itself.
Every person in it is made up, every reference begins with `PROEF-`, and where the gateway is one
that people depend on (its log bears no test OIN) no check that leaves a message with anybody is
run. What is not asked of a partner is told as such; a fault of ours is a failure, never a crash.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import httpx

from gateway.client import AsyncSluis, Credentials, Misconfigured, SluisError
from gateway.sandbox.conformance_flow import TriedFlow, tried_flow
from gateway.sandbox.population.bsn import BsnSeries
from schemas.deliveries import RecordOutcome

PATIENCE_SECONDS = 30.0
"""Longest that one check may take."""
TEST_PREFIX = "00000099"
"""OINs for test begin with it (Logius)."""


class Verdict(StrEnum):
    """What came of a check."""

    PASSED = "geslaagd"
    FAILED = "niet-geslaagd"
    NOT_ASKED = "niet-van-toepassing"


class Outcome(NamedTuple):
    """What came of a check, and what to do about it."""

    verdict: Verdict
    told: str = ""
    remedy: str = ""


PASSED = Outcome(Verdict.PASSED)


def failed(told: str, remedy: str) -> Outcome:
    """It is not as it should be."""
    return Outcome(Verdict.FAILED, told, remedy)


def not_asked(told: str) -> Outcome:
    """This is not asked here."""
    return Outcome(Verdict.NOT_ASKED, told)


@dataclass(slots=True)
class Trial:
    """One run: who is tried, against which gateway, and what was seen so far.

    `counterpart` is whoever receives this partner's referrals, where its key is at hand too.
    """

    credentials: Credentials
    client: AsyncSluis
    http: httpx.AsyncClient
    adapter: str
    protocol_version: str
    protocol_digest: str
    log: str
    flow: TriedFlow | None
    counterpart: AsyncSluis | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    accepted: RecordOutcome | None = None
    sample: bytes = b""
    waiting: str | None = None
    """The exchange of a status that was sent back, and must lie in the mailbox."""

    @property
    def is_live(self) -> bool:
        """Whether people depend on this gateway: its log's origin bears no OIN for test."""
        return f"/{TEST_PREFIX}" not in self.log

    def reference(self, number: int) -> str:
        """A reference of this run, labelled as a trial."""
        return f"PROEF-{self.run}-{number}"

    def bsn(self, number: int) -> str:
        """A made-up number that passes the eleven-test; the same one in this run."""
        return BsnSeries(int(self.run, 16)).at(number)


Look = Callable[[Trial], Awaitable[Outcome]]


class Check(NamedTuple):
    """One check. `leaves`: it leaves a message with somebody, so never with a live gateway."""

    id: str
    title: str
    look: Look
    leaves: bool = False


class Checked(NamedTuple):
    """A check that was done."""

    check: Check
    outcome: Outcome


Told = Callable[[Checked], None]


async def begin(
    credentials: Credentials,
    client: AsyncSluis,
    http: httpx.AsyncClient,
    adapter: str,
    today: date,
    counterpart: AsyncSluis | None = None,
) -> Trial:
    """A trial, with what the gateway itself says of its protocol and log. Raises `SluisError`."""
    protocol, keys = await client.protocol(), await client.log_keys()
    return Trial(
        credentials,
        client,
        http,
        adapter,
        protocol.version,
        protocol.digest,
        keys.processing.partition("+")[0],
        tried_flow(protocol.text, credentials.partner, today),
        counterpart,
    )


async def run_checks(
    trial: Trial, checks: Sequence[Check], told: Told = lambda _: None
) -> list[Checked]:
    """Every check in order; one that fails keeps no other from being done."""
    done: list[Checked] = []
    for check in checks:
        checked = Checked(check, await _done(trial, check))
        done.append(checked)
        told(checked)
    return done


async def _done(trial: Trial, check: Check) -> Outcome:
    if check.leaves and trial.is_live:
        return not_asked("het leidt tot een bericht, en dit is geen proefgateway")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await check.look(trial)
    except TimeoutError:
        return failed(
            f"geen einde binnen {PATIENCE_SECONDS:.0f} s", "kijk of de gateway en het net het doen"
        )
    except Misconfigured as error:
        return failed(str(error), error.remedy)
    except SluisError as error:
        # The client's errors name rule and field, never a value.
        return failed(str(error), "zie docs/problems.md bij deze titel")
    except httpx.HTTPError as error:
        return failed(f"geen antwoord ({type(error).__name__})", "kijk of de gateway bereikbaar is")
