"""Which statements of two transactions can be told apart by their order, and which commute.

At READ COMMITTED a statement sees what was committed before it began, and waits for locks. So the
order of two statements of different transactions can only matter if

- both take locks on the same thing, of kinds that exclude each other; or
- one is a COMMIT or ROLLBACK, and the other reads what that transaction wrote, or wants what it
  has locked; or
- both are a COMMIT of something: no answer tells their order, and yet "after" means after it.

All others commute: exchanging two neighbours changes no answer and no state. "The same thing" is a
whole table here, and a statement that cannot be read counts as meeting everything, so that more
orders are told apart than can be, never fewer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TABLE = r"(?:only\s+)?([a-z_]+)"
_READS = re.compile(rf"\b(?:from|join|using)\s+{_TABLE}")
_INSERTS = re.compile(rf"\binsert\s+into\s+{_TABLE}")
_CHANGES = re.compile(rf"\b(?:update\s+{_TABLE}\s+(?:[a-z]+\s+)?set|delete\s+from\s+{_TABLE})")
_ROW_LOCK = re.compile(r"\bfor\s+(?:no\s+key\s+)?(update|(?:key\s+)?share)\b")
_ADVISORY = re.compile(r"pg_advisory_xact_lock(_shared)?")
_NO_TABLES = {"unnest", "set", "lateral", "head", "received", "done", "gone", "k"}
_UNIQUE = {"fingerprint", "subject", "partner", "protocol_version", "delivery", "disclosure"}
"""Tables whose inserts can meet: their keys come from outside. All others' keys are fresh."""
ONLY_ONE = {"advisory", "log_head"}
"""What has but one thing to lock, as long as no exchange is protected: those have a log apart."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement: what it reads, writes and locks; an end also lets go and makes visible."""

    text: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    locks: frozenset[tuple[str, str]] = frozenset()
    is_end: bool = False
    is_opaque: bool = False


def step_of(query: str, so_far: Sequence[Step]) -> Step:
    """What a statement does, `so_far` being those of its transaction before it."""
    text = " ".join(query.split()).lower()
    if text.startswith(("commit", "rollback")):
        is_kept = text.startswith("commit")
        written = frozenset[str]().union(*(s.writes for s in so_far))
        held = frozenset[tuple[str, str]]().union(*(s.locks for s in so_far))
        return Step(text, writes=written if is_kept else frozenset(), locks=held, is_end=True)
    reads = set(_READS.findall(text)) - _NO_TABLES
    locks: set[tuple[str, str]] = set()
    writes = set(_INSERTS.findall(text))
    locks |= {(table, "insert") for table in writes}
    for pair in _CHANGES.findall(text):
        table = pair[0] or pair[1]
        writes.add(table)
        reads.add(table)
        locks.add((table, "change"))
    if found := _ROW_LOCK.search(text):
        kind = "share" if "share" in found.group(1) else "lock"
        locks |= {(table, kind) for table in reads}
    if found := _ADVISORY.search(text):
        locks.add(("advisory", "share" if found.group(1) else "lock"))
    is_known = bool(reads or locks) or text.startswith(("begin", "set local"))
    # A transaction of its own in one message is not taken apart.
    is_known &= not text.endswith("commit")
    return Step(text, frozenset(reads), frozenset(writes), frozenset(locks), is_opaque=not is_known)


def copy_into(table: str) -> Step:
    """A COPY of fresh rows."""
    return Step(f"copy {table}", frozenset(), frozenset({table}), frozenset({(table, "insert")}))


def exclude(one: tuple[str, str], other: tuple[str, str]) -> bool:
    if one[0] != other[0]:
        return False
    kinds = {one[1], other[1]}
    if kinds == {"share"} or kinds in ({"share", "insert"}, {"lock", "insert"}):
        return False
    return kinds not in ({"insert"}, {"insert", "change"}) or one[0] in _UNIQUE


def commute(one: Step, other: Step) -> bool:
    """Whether the order of two neighbours can make no difference."""
    if one.is_opaque or other.is_opaque:
        return False
    if one.is_end and other.is_end:
        return not (one.writes and other.writes)
    if any(exclude(a, b) for a in one.locks for b in other.locks):
        return False
    if one.is_end and one.writes & other.reads:
        return False
    return not (other.is_end and other.writes & one.reads)


class Repertoire:
    """What an operation was ever seen to do: all its statements as if they were one, and its end.

    Whatever meets any of its statements meets this.
    """

    def __init__(self) -> None:
        self.within = Step("any statement")
        self.end = Step("the end", is_end=True)

    def learn(self, step: Step) -> bool:
        """Add a statement; whether it was anything new."""
        known = self.end if step.is_end else self.within
        grown = Step(
            known.text,
            known.reads | step.reads,
            known.writes | step.writes,
            known.locks | step.locks,
            known.is_end,
            known.is_opaque or step.is_opaque,
        )
        if step.is_end:
            self.end = grown
        else:
            self.within = grown
        return grown != known

    def may_meet(self, step: Step) -> bool:
        """Whether the order of a statement and any of its own may matter."""
        return not (commute(step, self.within) and commute(step, self.end))
