"""The report (verslag) of the conformance script: as data, and for people to read.

It names protocol, digest, adapter and moment, so that a later reader knows what was tried against
what; it holds no person, not even a made-up one. Who runs the script may sign it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Literal

from pydantic import AwareDatetime, Field

from gateway.sandbox.conformance import Checked, Trial, Verdict
from schemas.referral import Wire


class CheckResult(Wire):
    """One check and what came of it (proef)."""

    id: str
    title: str = Field(alias="titel")
    verdict: Verdict = Field(alias="uitkomst")
    told: str = Field(alias="toelichting", default="")
    remedy: str = Field(alias="watTeDoen", default="")


class ConformanceReport(Wire):
    """Everything that was tried (toetsverslag)."""

    form: Literal["sluis-toetsverslag-1"] = Field(alias="vorm", default="sluis-toetsverslag-1")
    partner: str
    adapter: str
    adapter_version: str = Field(alias="adapterVersie")
    gateway: str
    log: str = Field(alias="logboek")
    protocol_version: str = Field(alias="protocolVersie")
    protocol_digest: str = Field(alias="protocolDigest")
    flow: str | None = Field(alias="gegevensstroom", default=None)
    run: str = Field(alias="ronde")
    made_at: AwareDatetime = Field(alias="opgesteldOp")
    checks: list[CheckResult] = Field(alias="proeven")

    @property
    def is_passed(self) -> bool:
        """Whether nothing failed, and something was tried."""
        verdicts = Counter(one.verdict for one in self.checks)
        return not verdicts[Verdict.FAILED] and verdicts[Verdict.PASSED] > 0


def report_of(trial: Trial, done: Sequence[Checked], now: datetime) -> ConformanceReport:
    """The report of one run."""
    return ConformanceReport(
        partner=trial.credentials.partner,
        adapter=trial.adapter,
        adapter_version=version("sluis"),
        gateway=trial.credentials.base_url,
        log=trial.log,
        protocol_version=trial.protocol_version,
        protocol_digest=trial.protocol_digest,
        flow=None if trial.flow is None else trial.flow.id,
        run=trial.run,
        made_at=now,
        checks=[
            CheckResult(
                id=check.id,
                title=check.title,
                verdict=outcome.verdict,
                told=outcome.told,
                remedy=outcome.remedy,
            )
            for check, outcome in done
        ],
    )


def report_text(report: ConformanceReport) -> str:
    """The report as people read it, in Dutch."""
    counted = Counter(one.verdict for one in report.checks)
    lines = [
        f"# Toetsverslag van {report.partner}",
        "",
        f"Opgesteld op {report.made_at:%Y-%m-%d %H:%M} UTC, ronde {report.run}, met verzonnen"
        " personen.",
        "",
        f"- gateway: {report.gateway}, logboek {report.log}",
        f"- privacyprotocol {report.protocol_version}, digest {report.protocol_digest}",
        f"- formaat {report.adapter}, versie {report.adapter_version}",
        f"- gegevensstroom: {report.flow or 'geen'}",
        f"- {counted[Verdict.PASSED]} geslaagd, {counted[Verdict.FAILED]} niet geslaagd,"
        f" {counted[Verdict.NOT_ASKED]} niet van toepassing",
        "",
    ]
    for one in report.checks:
        told = f": {one.told}" if one.told else ""
        lines.append(f"- **{one.verdict}** {one.title}{told}")
        if one.remedy:
            lines.append(f"  - Wat te doen: {one.remedy}.")
    return "\n".join(lines) + "\n"
