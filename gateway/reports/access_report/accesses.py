"""The entries of the access log as a report reads them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from gateway.audit.access import ActorKind
from gateway.audit.entries import Event
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.store.reports import FoundLeaf

PERSONS_OF_FLESH = (ActorKind.OFFICER, ActorKind.OPERATOR)
"""Who acts by hand: partners' machines work day and night, and are looked at by their numbers."""


class Access(NamedTuple):
    """One act; `at` is milliseconds since 1970, `times` for how many attempts it stands."""

    at: int
    operation: str
    action: str
    kind: str
    actor: str
    key: str | None
    is_error: bool
    outcome: str | None
    target_kind: str | None
    target: str | None
    reason: str | None
    case: str | None
    times: int
    subjects: list[UUID]

    @property
    def is_by_hand(self) -> bool:
        """Whether a person did it."""
        return self.kind in PERSONS_OF_FLESH

    @property
    def moment(self) -> datetime:
        """When it ended, in Amsterdam."""
        return datetime.fromtimestamp(self.at / 1000, AMSTERDAM)


def read_access(leaf: FoundLeaf) -> Access | None:
    """An entry's act; None for the entries that keep the log itself."""
    entry = orjson.loads(leaf.entry)
    if entry["event"] != Event.ACCESS:
        return None
    target, reason, actor = entry["target"] or {}, entry["reason"] or {}, entry["actor"]
    return Access(
        entry["endTime"],
        entry["operation"],
        entry["action"],
        actor["kind"],
        actor["id"],
        actor["key"],
        entry["status"] == "Error",
        entry["outcome"],
        target.get("kind"),
        target.get("id"),
        reason.get("code"),
        reason.get("case"),
        entry["count"],
        leaf.subjects,
    )
