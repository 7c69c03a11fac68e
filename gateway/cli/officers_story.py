"""The demo's last steps: the log is verified, a person answered, one erased, a month reviewed.

The supervisor needs nothing but the key of the log; an officer types commands (evidence_story.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.audit.folder import FolderReader
from gateway.audit.tiles import split_bundle
from gateway.audit.verify import VerifiedLog, verify_folder
from gateway.audit.walk import all_bundles
from gateway.cli.evidence import export_log
from gateway.cli.evidence_story import VERIFIER, OfficersDesk
from gateway.cli.output import amount
from gateway.cli.overtaking import Applicant
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis
from schemas.decisions import Outcome

SETTLE_SECONDS = 5.0


async def verify_log(stage: Stage, supervisor: AsyncSluis, vkey: str) -> Path:
    """Export the log and check it offline; gives the folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = stage.folder("toezicht") / f"logboek-{stamp}"
    counted = stage.story.counted
    expected = counted["accepted"] + counted["statuses"] + counted["accounts"]
    with stage.step("The supervisor exports the log and verifies it offline"):
        await _wait_for_log(supervisor)
        await export_log(supervisor, folder)
        verified = await asyncio.to_thread(verify_folder, folder, [vkey])
    decided, removed = await asyncio.to_thread(_read_entries, folder, verified)
    stage.table(
        ("Decision", "Rule", "Entries#"),
        [(what, rule, amount(n)) for (what, rule), n in sorted(decided.items())],
    )
    stage.table(
        ("Removed by minimisation", "Messages#"),
        [(path, amount(n)) for path, n in removed.most_common()],
    )
    stage.say(f"log of {amount(verified.size)} entries, root {verified.root.hex()}")
    stage.say(f"  {folder}", style="dim")
    stage.say(
        "Verified against the key of this very gateway: that shows that nothing was changed"
        " since, not that its operator is honest. For that, a witness must keep checkpoints.",
        style="dim",
    )
    permits = sum(n for (what, _), n in decided.items() if what == Outcome.ACCEPTED)
    stage.claim("the log verifies offline", verified.size > 0)
    # In a home that was used before, the log holds what earlier runs had accepted too.
    is_exact = permits == expected or (stage.is_repeat and permits > expected)
    stage.claim("every accepted message has exactly one entry", is_exact)
    stage.count("entries", verified.size)
    return folder


async def answer(stage: Stage, desk: OfficersDesk, later: Applicant) -> None:
    """A person asks what was shared about them (GDPR article 15)."""
    with stage.step("A person asks what was shared; an officer answers, with proofs"):
        await desk.open()
        found = await desk.answer(later.bsn, stage.vkeys)
    told, checked = found["draft"], found["checked"]
    stage.say(f"{told['exchanges']} messages told of, in plain Dutch, as HTML and PDF")
    stage.say(f"  {found['folder']}", style="dim")
    stage.claim("the dossier tells what was shared about the person", told["exchanges"] > 0)
    stage.claim("its proofs verify offline", bool(checked["verified"]))


async def erase(stage: Stage, desk: OfficersDesk, earlier: Applicant, log: Path, vkey: str) -> None:
    """Somebody who withdrew is erased, and what was proven before stays proven."""
    with stage.step("Somebody is erased by a decision of two; older proofs still verify"):
        done = await desk.erase(earlier.bsn)
        verified = await asyncio.to_thread(verify_folder, log, [vkey])
        audited = await desk.audit(log, vkey) if VERIFIER.is_file() else None
    stage.say(f"erased; unreadable in backups from {done['backupsUntil'][:10]} on")
    stage.claim("the person was erased", bool(done["erasedAt"]))
    stage.claim("the log that was exported before still verifies", verified.size > 0)
    if audited is not None:
        told = "an auditor's own verifier accepts it, and not with one byte changed"
        stage.claim(told, audited)


async def review(stage: Stage, desk: OfficersDesk) -> None:
    """What an officer looks at each month, and an exercise in telling of a breach."""
    with stage.step("An officer looks through the month, and practises a breach"):
        seen = await desk.review()
    breach, month = seen["breach"], seen["month"]
    stage.table(
        ("To look at this month", "Lines#"),
        [(one["title"], amount(len(one["rows"]))) for one in month["findings"]],
    )
    stage.say(
        f"had the casebook leaked today: {amount(breach['persons'])} persons,"
        f" {amount(breach['handOvers'])} hand-overs; the notification is in"
    )
    stage.say(f"  {seen['folder']}", style="dim")
    stage.claim("the access log knows what was done here", month["entries"] > 0)
    is_whole = breach["exchanges"] >= stage.story.counted["received"]
    stage.claim("a breach pack counts everything that the casebook received", is_whole)


async def _wait_for_log(supervisor: AsyncSluis) -> None:
    """Until the checkpoint stops growing: all that was committed is in it within a second."""
    before, deadline = b"", time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        now = await supervisor.checkpoint()
        if now == before:
            return
        before = now
        await asyncio.sleep(0.6)


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
