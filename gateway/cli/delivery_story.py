"""The demo's steps with DWI: a delivery, two withdrawals, and the statuses that come back."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.output import amount, size
from gateway.cli.overtaking import (
    RECIPIENT,
    Applicant,
    WatchedDossiers,
    recalled,
    refer_two,
    withdraw,
)
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis
from gateway.sandbox.casebook import work_mailbox
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.dwi import Delivered, Sending, deliver_file
from gateway.sandbox.population.delivery import (
    FILE_NAME,
    Flaw,
    dwi_delivery,
    years_later,
    years_until,
)
from gateway.sandbox.population.written import as_csv
from gateway.sandbox.status_files import StatusFiles
from schemas.casework import CloseReason
from schemas.decisions import Outcome
from schemas.deliveries import DeliveryReport, DeliveryState

SEED = 20131231
REFERRALS = 2200


async def deliver(stage: Stage, dwi: AsyncSluis, referrals: int) -> None:
    """DWI's own export: synthetic persons after the programme's figures of 2013."""
    file = await asyncio.to_thread(_write_delivery, stage.folder("dwi") / FILE_NAME, referrals)
    with stage.step("DWI sends its delivery") as steps:

        def show(step: Sending | DeliveryReport) -> None:
            if isinstance(step, Sending):
                steps.move("Sending", step.done, step.total, size(step.total))
            else:
                steps.move("Processing", step.records, None, f"{amount(step.records)} records")

        delivered = await deliver_file(dwi, file, show)
    _show_report(stage, delivered)
    report, claim = delivered.report, stage.claim
    refused = sum(report.refused.values())
    total = report.accepted + report.held + refused + report.duplicates
    claim("the delivery was processed whole", report.state is DeliveryState.DONE)
    claim("every record got an outcome", total == report.records == referrals + len(Flaw))
    claim("some were accepted", report.accepted > 0)
    claim("some wait for agreement", report.held > 0)
    claim("each bad record was refused by itself", refused == len(Flaw))
    if report.is_repeat:
        stage.say("This home sent the same file before: nothing is done a second time.")
    stage.is_repeat = report.is_repeat
    stage.count("accepted", report.accepted)
    stage.count("held", report.held)
    stage.count("refused", refused)


async def withdraw_early(stage: Stage, dwi: AsyncSluis) -> tuple[Applicant, Applicant]:
    """A message that waits is overtaken by a withdrawal; another one goes its way."""
    with stage.step("Somebody withdraws while their referral waits to be fetched"):
        early, late = await refer_two(dwi)
        await withdraw(dwi, early)
    both = {early.answer.decision, late.answer.decision}
    stage.claim("two persons who agreed were accepted", both == {Outcome.ACCEPTED})
    stage.count("accepted", 2)
    stage.count("withdrawn", 1)
    stage.say(f"accepted, then withdrawn before it was fetched: {early.exchange}")
    return early, late


async def withdraw_late(
    stage: Stage,
    dwi: AsyncSluis,
    casebook: AsyncSluis,
    both: tuple[Applicant, Applicant],
    decide_status: DecideStatus,
) -> None:
    """A withdrawal reaches who received the message: its use stops, and they say so."""
    early, late = both
    with stage.step("Somebody withdraws after their referral was received"):
        receipt = await withdraw(dwi, late)
        store = WatchedDossiers(stage.folder("casebook") / "dossiers")
        tally = await work_mailbox(casebook, store, decide_status)
        report = await recalled(dwi, receipt)
    recalls = [event for event in store.fresh if event.type == "nl.sluis.intrekking"]
    stage.say(f"recalled: {late.exchange}; acknowledged by {RECIPIENT}")
    claim = stage.claim
    kept = store.kept([early.exchange])[early.exchange]
    claim("the withdrawn referral never reached the casebook", kept.is_tombstone)
    claim("the casebook stopped the use of what it had received", tally.obeyed == 1)
    is_told = any(str(late.exchange) in str(event.data) for event in recalls)
    claim("the casebook was told which use stops", is_told)
    claim("it was not told who withdrew, or why", all(_is_neutral(e.data) for e in recalls))
    claim("its acknowledgement is on record", report.is_done and bool(report.recipients))


async def fetch_statuses(stage: Stage, dwi: AsyncSluis, expected: int) -> None:
    """What came of DWI's referrals, in a file that its own system reads; `expected` lines."""
    with stage.step("DWI fetches its status file"):
        written = await StatusFiles(stage.folder("dwi") / "statussen").fetch(dwi)
    lines = [
        line for path in written for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]
    ]
    by_status = Counter(line.split(";")[1] for line in lines)
    stage.table(
        ("Status, under DWI's own key", "Lines#"),
        [(status, amount(n)) for status, n in sorted(by_status.items())],
    )
    for path in written:
        stage.say(f"  {path}", style="dim")
    claim = stage.claim
    claim("every status came back", len(lines) == expected)
    told = {"ontvangen", "in-behandeling", "beeindigd"}
    claim("statuses say received, in progress or ended only", set(by_status) <= told)
    reasons = {reason.value for reason in CloseReason}
    is_silent = not any(reason in line for line in lines for reason in reasons)
    claim("no close reason reached DWI", is_silent)


def _write_delivery(path: Path, referrals: int) -> Path:
    made = dwi_delivery(SEED, referrals, with_errors=True)
    # Of last year: agreements age, and whoever was nine in 2013 is nine no longer.
    recent = years_later(made, years_until(datetime.now(UTC).date()))
    path.write_bytes(b"".join(as_csv(recent)))
    return path


def _show_report(stage: Stage, delivered: Delivered) -> None:
    report = delivered.report
    rows = [("accepted", "", amount(report.accepted)), ("held", "", amount(report.held))]
    rows += [("refused", rule, amount(n)) for rule, n in sorted(report.refused.items())]
    if report.duplicates:
        rows.append(("repeated", "", amount(report.duplicates)))
    stage.table(("Outcome", "Rule", "Records#"), rows)
    missing = sorted(report.missing.items(), key=lambda item: -item[1])
    stage.table(("Missing, reported back", "Findings#"), [(k, amount(n)) for k, n in missing])


def _is_neutral(data: object) -> bool:
    """Whether a recall names exchange, purpose and category, and nothing else."""
    told = {"uitwisselingId", "doel", "categorie"}
    return isinstance(data, dict) and set(data) <= told
