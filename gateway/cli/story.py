"""The main job, told by outside parties over real HTTP: DWI, the casebook, and the supervisor.

Each step says what it did and whether that is what it should; `sluis demo` ends with status 0 only
if every claim held.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.app import Gateway
from gateway.audit.folder import FolderReader
from gateway.audit.tiles import split_bundle
from gateway.audit.verify import VerifiedLog, verify_folder
from gateway.audit.walk import all_bundles
from gateway.cli.evidence import export_log
from gateway.cli.evidence_story import VERIFIER, OfficersDesk
from gateway.cli.output import Output, Steps, amount, size
from gateway.cli.overtaking import (
    RECIPIENT,
    Applicant,
    WatchedDossiers,
    recalled,
    refer_two,
    withdraw,
)
from gateway.client import AsyncSluis
from gateway.client import credentials as client_credentials
from gateway.sandbox.casebook import Tally, work_mailbox
from gateway.sandbox.casework import seeded_casework
from gateway.sandbox.dossiers import FolderDossiers
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
SETTLE_SECONDS = 5.0


@dataclass(slots=True)
class Story:
    """What was claimed and whether it held, and how long each step took."""

    claims: list[tuple[str, bool]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether every claim held."""
        return bool(self.claims) and all(holds for _, holds in self.claims)

    def claim(self, told: str, holds: bool) -> None:
        """Note a claim about what was just seen from outside."""
        self.claims.append((told, holds))


class Telling:
    """Tells the story of one run in a home folder that `prepare_sandbox` made ready."""

    def __init__(self, home: Path, gateway: Gateway, output: Output) -> None:
        self._home = home
        self._vkeys = tuple(gateway.vkeys.values())
        self._vkey = gateway.vkey
        self._output = output
        self._story = Story()
        self._is_repeat = False

    async def tell(self) -> Story:
        """Every step in order; raises what the client raises."""
        file = await self._write_delivery()
        async with self._as("dwi") as dwi, self._as("casebook") as casebook:
            await self._deliver(dwi, file)
            earlier, later = await self._withdraw_early(dwi)
            tally = await self._work_casebook(casebook)
            await self._fetch_statuses(dwi, tally)
            await self._withdraw_late(dwi, casebook, earlier, later)
        async with self._as("toezicht") as supervisor:
            log = await self._verify_log(supervisor)
        desk = OfficersDesk(self._home)
        await self._answer(desk, later)
        await self._erase(desk, earlier, log)
        await self._review(desk)
        return self._story

    def _as(self, partner: str) -> AsyncSluis:
        folder = self._home / "partners" / partner
        return AsyncSluis(client_credentials.load(folder))

    @contextmanager
    def _step(self, number: int, title: str) -> Iterator[Steps]:
        self._output.say()
        self._output.say(f"{number}. {title}", style="bold")
        begun = time.monotonic()
        with self._output.progress() as steps:
            yield steps
        self._story.seconds[title] = round(time.monotonic() - begun, 2)

    async def _write_delivery(self) -> Path:
        """DWI's own export: synthetic persons after the programme's figures of 2013."""
        folder = self._home / "partners" / "dwi"
        path = folder / FILE_NAME
        referrals = dwi_delivery(SEED, REFERRALS, with_errors=True)
        # Of last year: agreements age, and whoever was nine in 2013 is nine no longer.
        recent = years_later(referrals, years_until(datetime.now(UTC).date()))
        content = b"".join(as_csv(recent))
        await asyncio.to_thread(path.write_bytes, content)
        return path

    async def _deliver(self, dwi: AsyncSluis, file: Path) -> None:
        with self._step(1, "DWI sends its delivery") as steps:

            def show(step: Sending | DeliveryReport) -> None:
                if isinstance(step, Sending):
                    steps.move("Sending", step.done, step.total, size(step.total))
                else:
                    steps.move("Processing", step.records, None, f"{amount(step.records)} records")

            delivered = await deliver_file(dwi, file, show)
        self._show_report(delivered)
        report = delivered.report
        refused = sum(report.refused.values())
        total = report.accepted + report.held + refused + report.duplicates
        claim = self._story.claim
        claim("the delivery was processed whole", report.state is DeliveryState.DONE)
        claim("every record got an outcome", total == report.records == REFERRALS + len(Flaw))
        claim("some were accepted", report.accepted > 0)
        claim("some wait for agreement", report.held > 0)
        claim("each bad record was refused by itself", refused == len(Flaw))
        if report.is_repeat:
            self._output.say("This home sent the same file before: nothing is done a second time.")
        self._is_repeat = report.is_repeat
        self._story.counted |= {
            "accepted": report.accepted,
            "held": report.held,
            "refused": refused,
        }

    async def _withdraw_early(self, dwi: AsyncSluis) -> tuple[Applicant, Applicant]:
        """A message that waits is overtaken by a withdrawal; another one goes its way."""
        with self._step(2, "Somebody withdraws while their referral waits to be fetched"):
            early, late = await refer_two(dwi)
            await withdraw(dwi, early)
        claim = self._story.claim
        both = {early.answer.decision, late.answer.decision}
        claim("two persons who agreed were accepted", both == {Outcome.ACCEPTED})
        self._output.say(f"accepted, then withdrawn before it was fetched: {early.exchange}")
        return early, late

    async def _withdraw_late(
        self, dwi: AsyncSluis, casebook: AsyncSluis, early: Applicant, late: Applicant
    ) -> None:
        """A withdrawal reaches who received the message: its use stops, and they say so."""
        with self._step(5, "Somebody withdraws after their referral was received"):
            receipt = await withdraw(dwi, late)
            store = WatchedDossiers(self._home / "partners" / "casebook" / "dossiers")
            tally = await work_mailbox(casebook, store, seeded_casework(SEED))
            report = await recalled(dwi, receipt)
        recalls = [event for event in store.fresh if event.type == "nl.sluis.intrekking"]
        self._output.say(f"recalled: {late.exchange}; acknowledged by {RECIPIENT}")
        claim = self._story.claim
        kept = store.kept([early.exchange])[early.exchange]
        claim("the withdrawn referral never reached the casebook", kept.is_tombstone)
        claim("the casebook stopped the use of what it had received", tally.obeyed == 1)
        is_told = any(str(late.exchange) in str(event.data) for event in recalls)
        claim("the casebook was told which use stops", is_told)
        claim("it was not told who withdrew, or why", all(_is_neutral(e.data) for e in recalls))
        claim("its acknowledgement is on record", report.is_done and bool(report.recipients))

    def _show_report(self, delivered: Delivered) -> None:
        report = delivered.report
        rows = [("accepted", "", amount(report.accepted)), ("held", "", amount(report.held))]
        rows += [("refused", rule, amount(n)) for rule, n in sorted(report.refused.items())]
        if report.duplicates:
            rows.append(("repeated", "", amount(report.duplicates)))
        self._output.table(("Outcome", "Rule", "Records#"), rows)
        missing = sorted(report.missing.items(), key=lambda item: -item[1])
        self._output.table(
            ("Missing, reported back", "Findings#"), [(k, amount(n)) for k, n in missing]
        )

    async def _work_casebook(self, casebook: AsyncSluis) -> Tally:
        with self._step(3, "The casebook pulls, acknowledges, and reports on its cases") as steps:

            def show(tally: Tally) -> None:
                done = sum(tally.statuses.values())
                told = f"{amount(tally.acknowledged)} received, {amount(done)} statuses sent"
                steps.move("Casework", done, None, told)

            store = FolderDossiers(self._home / "partners" / "casebook" / "dossiers")
            tally = await work_mailbox(casebook, store, seeded_casework(SEED), on_progress=show)
        # One more than the delivery's: who withdraws later is received as anybody else.
        received = tally.received["nl.sluis.aanmelding"] - 1
        sent = sum(tally.statuses.values())
        self._output.say(
            f"{amount(received)} referrals received in order, {amount(sent)} statuses sent back"
        )
        claim, accepted = self._story.claim, self._story.counted["accepted"]
        if self._is_repeat:
            # An earlier run may have been stopped half-way; what it left undone is done now.
            claim("the casebook received nothing twice", received < accepted and not tally.repeats)
        else:
            claim("the casebook received exactly what was accepted", received == accepted)
        claim("no status was refused", not tally.refused)
        self._story.counted |= {"received": received, "statuses": sent}
        return tally

    async def _fetch_statuses(self, dwi: AsyncSluis, tally: Tally) -> None:
        folder = self._home / "partners" / "dwi" / "statussen"
        with self._step(4, "DWI fetches its status file"):
            written = await StatusFiles(folder).fetch(dwi)
        lines = [
            line
            for path in written
            for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]
        ]
        by_status = Counter(line.split(";")[1] for line in lines)
        self._output.table(
            ("Status, under DWI's own key", "Lines#"),
            [(status, amount(n)) for status, n in sorted(by_status.items())],
        )
        for path in written:
            self._output.say(f"  {path}", style="dim")
        claim = self._story.claim
        claim("every status came back", len(lines) == sum(tally.statuses.values()))
        told = {"ontvangen", "in-behandeling", "beeindigd"}
        claim("statuses say received, in progress or ended only", set(by_status) <= told)
        reasons = {reason.value for reason in CloseReason}
        is_silent = not any(reason in line for line in lines for reason in reasons)
        claim("no close reason reached DWI", is_silent)

    async def _verify_log(self, supervisor: AsyncSluis) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = self._home / "partners" / "toezicht" / f"logboek-{stamp}"
        expected = self._story.counted["accepted"] + self._story.counted["statuses"] + 2
        with self._step(6, "The supervisor exports the log and verifies it offline"):
            await self._wait_for_log(supervisor)
            await export_log(supervisor, folder)
            verified = await asyncio.to_thread(verify_folder, folder, [self._vkey])
        decided, removed = await asyncio.to_thread(_read_entries, folder, verified)
        self._output.table(
            ("Decision", "Rule", "Entries#"),
            [(what, rule, amount(n)) for (what, rule), n in sorted(decided.items())],
        )
        self._output.table(
            ("Removed by minimisation", "Messages#"),
            [(path, amount(n)) for path, n in removed.most_common()],
        )
        self._output.say(f"log of {amount(verified.size)} entries, root {verified.root.hex()}")
        self._output.say(f"  {folder}", style="dim")
        self._output.say(
            "Verified against the key of this very gateway: that shows that nothing was changed"
            " since, not that its operator is honest. For that, a witness must keep checkpoints.",
            style="dim",
        )
        permits = sum(n for (what, _), n in decided.items() if what == Outcome.ACCEPTED)
        claim = self._story.claim
        claim("the log verifies offline", verified.size > 0)
        # In a home that was used before, the log holds what earlier runs had accepted too.
        is_exact = permits == expected or (self._is_repeat and permits > expected)
        claim("every accepted message has exactly one entry", is_exact)
        self._story.counted |= {"entries": verified.size}
        return folder

    async def _answer(self, desk: OfficersDesk, later: Applicant) -> None:
        """A person asks what was shared about them (GDPR article 15)."""
        with self._step(7, "A person asks what was shared; an officer answers, with proofs"):
            await desk.open()
            answer = await desk.answer(later.bsn, self._vkeys)
        told, checked = answer["draft"], answer["checked"]
        self._output.say(f"{told['exchanges']} messages told of, in plain Dutch, as HTML and PDF")
        self._output.say(f"  {answer['folder']}", style="dim")
        claim = self._story.claim
        claim("the dossier tells what was shared about the person", told["exchanges"] > 0)
        claim("its proofs verify offline", bool(checked["verified"]))

    async def _erase(self, desk: OfficersDesk, earlier: Applicant, log: Path) -> None:
        """Somebody who withdrew is erased, and what was proven before stays proven."""
        with self._step(8, "Somebody is erased by a decision of two; older proofs still verify"):
            done = await desk.erase(earlier.bsn)
            verified = await asyncio.to_thread(verify_folder, log, [self._vkey])
            audited = await desk.audit(log, self._vkey) if VERIFIER.is_file() else None
        self._output.say(f"erased; unreadable in backups from {done['backupsUntil'][:10]} on")
        claim = self._story.claim
        claim("the person was erased", bool(done["erasedAt"]))
        claim("the log that was exported before still verifies", verified.size > 0)
        if audited is not None:
            claim("an auditor's own verifier accepts it, and not with one byte changed", audited)

    async def _review(self, desk: OfficersDesk) -> None:
        """What an officer looks at each month, and an exercise in telling of a breach."""
        with self._step(9, "An officer looks through the month, and practises a breach"):
            seen = await desk.review()
        breach, month = seen["breach"], seen["month"]
        self._output.table(
            ("To look at this month", "Lines#"),
            [(one["title"], amount(len(one["rows"]))) for one in month["findings"]],
        )
        self._output.say(
            f"had the casebook leaked today: {amount(breach['persons'])} persons,"
            f" {amount(breach['handOvers'])} hand-overs; the notification is in"
        )
        self._output.say(f"  {seen['folder']}", style="dim")
        claim, counted = self._story.claim, self._story.counted
        claim("the access log knows what was done here", month["entries"] > 0)
        is_whole = breach["exchanges"] >= counted["received"]
        claim("a breach pack counts everything that the casebook received", is_whole)

    async def _wait_for_log(self, supervisor: AsyncSluis) -> None:
        """Until the checkpoint stops growing: all that was committed is in it within a second."""
        before, deadline = b"", time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            now = await supervisor.checkpoint()
            if now == before:
                return
            before = now
            await asyncio.sleep(0.6)


def _is_neutral(data: object) -> bool:
    """Whether a recall names exchange, purpose and category, and nothing else."""
    told = {"uitwisselingId", "doel", "categorie"}
    return isinstance(data, dict) and set(data) <= told


def _read_entries(
    folder: Path, verified: VerifiedLog
) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Counts of decisions by rule, and of fields removed, from the verified entries."""
    reader = FolderReader(folder)
    decided: Counter[tuple[str, str]] = Counter()
    removed: Counter[str] = Counter()
    for bundle in all_bundles(verified.size):
        for raw in split_bundle(reader.read(bundle), bundle):
            entry = orjson.loads(raw)
            if "decision" in entry:
                decided[(entry["decision"], entry["rule"])] += 1
                removed.update(entry["removed"])
    return decided, removed
