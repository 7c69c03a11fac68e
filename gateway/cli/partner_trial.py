"""Driving the conformance script as a partner: at the gateway, or at the partner itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from gateway.cli.failures import NOT_DONE, Failure
from gateway.cli.output import Output
from gateway.client import AsyncSluis, Credentials, Retrying
from gateway.client import credentials as client_credentials
from gateway.sandbox.conformance import Check, Checked, begin, run_checks
from gateway.sandbox.conformance_push import Knock
from gateway.sandbox.conformance_report import ConformanceReport, report_of
from gateway.sandbox.conformance_table import checks_for, push_checks


class Tried(NamedTuple):
    """Who is tried, and what is known of it where its gateway's register is at hand."""

    credentials: Credentials
    adapter: str
    is_testing: bool = False
    knock: Knock | None = None
    partners: Path | None = None
    """Where other parties' credentials may stand: whoever receives can answer then."""


async def driven(output: Output, tried: Tried) -> ConformanceReport:
    """Every check, as the partner. Raises `Failure` where nothing may be tried."""
    mine = tried.credentials
    async with AsyncExitStack() as closing:
        retrying = Retrying(attempts=2)
        client = AsyncSluis(mine, retrying=retrying, keeps=False)
        await closing.enter_async_context(client)
        http = httpx.AsyncClient(
            base_url=mine.base_url, timeout=20, trust_env=not mine.is_local, verify=mine.tls
        )
        await closing.enter_async_context(http)
        now = datetime.now(UTC)
        trial = await begin(mine, client, http, tried.adapter, now.date())
        if trial.is_live and not tried.is_testing:
            raise Failure(
                f"{trial.log} is no gateway for trying out, and people depend on it",
                "name another with --url, or have its operator mark the partner:"
                f" sluis partner testing {mine.partner}",
                NOT_DONE,
            )
        if trial.flow is not None and not trial.is_live and tried.partners is not None:
            place = tried.partners / trial.flow.recipient
            if (place / client_credentials.SETTINGS_FILE).exists():
                theirs = replace(client_credentials.load(place), base_url=mine.base_url)
                other = AsyncSluis(theirs, retrying=retrying, keeps=False)
                trial.counterpart = await closing.enter_async_context(other)
        checks: Sequence[Check] = checks_for(tried.adapter)
        if tried.knock is not None:
            checks = (*checks, *push_checks(tried.knock))
        done = await run_checks(trial, checks, lambda one: _tell(output, one))
    return report_of(trial, done, now)


def _tell(output: Output, one: Checked) -> None:
    output.aside(f"{one.outcome.verdict}: {one.check.id}")
