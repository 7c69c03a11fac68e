"""One record's outcome: what the partner wrote becomes a referral, or a refusal that says why.

Every format ends here, so that the same household is judged alike whichever way it came. A record
is refused by itself (invariant 8), and what is told of it names fields and rules only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from pydantic import ValidationError

from adapters.quality import examine
from adapters.violations import MAX_FINDINGS, findings_of
from schemas.deliveries import Finding, Problem, Record, Translated, Unreadable
from schemas.referral import Referral

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_EIGHT_DIGITS = re.compile(r"(?:[0-9][^0-9]*){8}")
_NOT_A_DIGIT = re.compile(r"[^0-9]+")


@dataclass(slots=True)
class Reading:
    """A record under way: `lines` holds each member's line, the first being the record's.

    `bsns` are the cells as they came, valid or not; `noted` is what was left out, `wrong` what
    refuses the record.
    """

    lines: tuple[int, ...]
    reference: str
    bsns: list[str]
    noted: list[Finding] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)


def settle(reading: Reading, outcome: Referral | ValidationError, today: date) -> Record:
    """The record's outcome. `outcome` is what validating what was read came to."""
    lines = reading.lines
    if isinstance(outcome, ValidationError):
        return refuse(reading, findings_of(outcome, lines))
    wrong, missing = examine(outcome, lines, today)
    # The reference stays in clear for its sender: with a BSN in it, so would the BSN.
    if holds_bsn(reading.reference, reading.bsns):
        wrong.append(Finding(lines[0], "aanmelding.kenmerk", Problem.INVALID))
    if wrong or reading.wrong:
        return refuse(reading, wrong)
    if reading.noted:
        missing = _one_per_field([*reading.noted, *missing])
    return Translated(lines[0], outcome, tuple(missing))


def refuse(reading: Reading, wrong: Iterable[Finding] = ()) -> Unreadable:
    """The record refused for what it had already and for `wrong`."""
    findings = _one_per_field([*reading.wrong, *wrong])
    reference: str | None = reading.reference
    if not _REFERENCE.fullmatch(reading.reference) or holds_bsn(reading.reference, reading.bsns):
        reference = None
    return Unreadable(reading.lines[0], tuple(findings[:MAX_FINDINGS]), reference)


def holds_bsn(reference: str, bsns: Iterable[str]) -> bool:
    """Whether a reference holds one of these numbers, with or without its leading zero."""
    if not _EIGHT_DIGITS.search(reference):
        return False
    digits = _NOT_A_DIGIT.sub("", reference)
    return any(bsn.removeprefix("0") in digits for bsn in bsns if len(bsn) >= 8)


def _one_per_field(findings: list[Finding]) -> list[Finding]:
    """The first finding on each field of each line: what follows from it says nothing new."""
    seen: dict[tuple[int, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.line, finding.field), finding)
    return list(seen.values())
