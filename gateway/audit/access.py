"""The entries of the access log (*toegang*): who looked at, changed or approved what, and why.

Rules: NEN 7513 (which event, when, which user, on whose responsibility, about whom) in the terms of
Logboek Dataverwerkingen and its NEN 7513 extension; `docs/log-standards.md` has both side by side.
The user stands here and nowhere in the processing log; trace and span lead from one to the other.
A person who was looked at is a commitment, as everywhere; a user is a key or an account of the
organisation, and who that is only its own register says. Reasons are codes with a case number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import Event, Trace
from gateway.audit.entry import encode_entry
from gateway.audit.merkle import leaf_hash
from gateway.store.groups import TOEGANG, TOEGANG_BESCHERMD, Leaf
from gateway.store.ids import new_id

VERSION = 1
ACCESS_ACTIVITY = "urn:sluis:toegang"
"""The processing activity of keeping account of access (NEN 7513)."""


class Action(StrEnum):
    """What was done (NEN 7513 event action, as DICOM codes it)."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class ActorKind(StrEnum):
    """In which capacity somebody acted."""

    PARTNER = "ketenpartner"
    OFFICER = "functionaris"
    OPERATOR = "beheerder"
    UNKNOWN = "onbekend"


class Actor(NamedTuple):
    """Who acted: a partner, an officer or an account, with the key that showed it."""

    kind: ActorKind
    id: str
    key: str | None = None


class Target(NamedTuple):
    """What the act was about: a kind of ours (`partner`, `protocol`, `exchange`) and its id."""

    kind: str
    id: str


class Reason(NamedTuple):
    """Why, as a code, with the number of the case that it belongs to."""

    code: str
    case: str | None = None


NOBODY = Actor(ActorKind.UNKNOWN, "")


@dataclass(frozen=True, slots=True)
class Act:
    """One act as the access log holds it.

    `operation` is the API's operation id or the command's name; `outcome` a problem's slug, an HTTP
    status or our own word; times are milliseconds since 1970; `count` says for how many refused
    attempts of unknown callers the entry stands.
    """

    operation: str
    action: Action
    actor: Actor
    trace: Trace
    started: int
    ended: int
    is_error: bool = False
    outcome: str | None = None
    target: Target | None = None
    reason: Reason | None = None
    is_protected: bool = False
    count: int = 1

    def failed(self, outcome: str) -> Act:
        """The same act, not carried out."""
        return replace(self, is_error=True, outcome=outcome)

    def ending(self, moment: int) -> Act:
        """The same act, which ended at a moment."""
        return replace(self, ended=moment)


_RUNNING: ContextVar[Trace | None] = ContextVar("running_trace", default=None)


@contextmanager
def running_trace() -> Iterator[Trace]:
    """A new trace, which all that is recorded inside belongs to."""
    trace = new_trace()
    token = _RUNNING.set(trace)
    try:
        yield trace
    finally:
        _RUNNING.reset(token)


def new_trace() -> Trace:
    """A span of its own: in the trace that runs, if an act does, or else in one of its own."""
    random = os.urandom(24).hex()
    running = _RUNNING.get()
    return Trace(random[:32] if running is None else running.trace_id, random[32:])


def access_leaf(
    act: Act, subjects: Sequence[tuple[UUID, str]] = (), id_: UUID | None = None
) -> Leaf:
    """The entry, for the series that it belongs to.

    `subjects` are the persons with their commitments in this entry, made for its id (`id_`).
    """
    entry = encode_entry(
        {
            "action": act.action,
            "actor": {"id": act.actor.id, "key": act.actor.key, "kind": act.actor.kind},
            "attributes": {"dpl.core.processing_activity_id": ACCESS_ACTIVITY},
            "count": act.count,
            "endTime": act.ended,
            "event": Event.ACCESS,
            "id": str(id_ or new_id()),
            "operation": act.operation,
            "outcome": act.outcome,
            **({} if act.trace.caller_span is None else {"parentSpanId": act.trace.caller_span}),
            "reason": None
            if act.reason is None
            else {"case": act.reason.case, "code": act.reason.code},
            "spanId": act.trace.span_id,
            "startTime": act.started,
            "status": "Error" if act.is_error else "Ok",
            "subjects": [commitment for _, commitment in subjects],
            "target": None
            if act.target is None
            else {"id": act.target.id, "kind": act.target.kind},
            "traceId": act.trace.trace_id,
            "v": VERSION,
        }
    )
    series = TOEGANG_BESCHERMD if act.is_protected else TOEGANG
    return Leaf(leaf_hash(entry), entry, [subject for subject, _ in subjects], series)
