"""That somebody was named: an act in the access log, under each person whom it named."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from gateway.audit.access import (
    Act,
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    new_trace,
)
from gateway.audit.entries import commitment
from gateway.reports.breach.order import Order, Tools
from gateway.store.groups import (
    TOEGANG,
    TOEGANG_BESCHERMD,
    Connection,
    append_leaves,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredOfficer
from gateway.store.log import now_millis
from gateway.vault.boxes import CONTENT, SealBrokenError, WrappedKey
from gateway.vault.keys import KeyUnavailableError

NAMED_AT_ONCE = 500
"""Persons under one entry: an entry holds 65,535 bytes at most, a commitment takes 47."""
PROVEN = 50
"""Hand-overs with a proof of their own, at either end; the others are found by `regels.csv`."""


async def record_named(
    raw: Connection,
    tools: Tools,
    order: Order,
    officer: StoredOfficer,
    pack: UUID,
    subjects: Sequence[UUID],
) -> None:
    """That somebody was named stands under them in the access log: it is in their own dossier."""
    leaves = []
    keys = await stored_keys(raw, subjects)
    now = await now_millis(raw)
    for first in range(0, len(keys), NAMED_AT_ONCE):
        entry, committed = new_id(), []
        for one in keys[first : first + NAMED_AT_ONCE]:
            with suppress(SealBrokenError, KeyUnavailableError):
                wrapped = WrappedKey(one.epoch, one.wrapped)
                key = tools.vault.unwrap(one.subject, CONTENT, wrapped)
                committed.append((one.subject, commitment(key, entry, one.subject)))
        act = Act(
            "dossier.breach.names",
            Action.READ,
            Actor(ActorKind.OFFICER, officer.id, officer.key_id),
            new_trace(),
            now,
            now,
            target=Target("breach", str(pack)),
            reason=Reason(f"{order.reason or 'datalek'}+namen", order.case),
            is_protected=order.is_protected,
        )
        leaves.append(access_leaf(act, committed, entry))
    await append_leaves(raw, TOEGANG_BESCHERMD if order.is_protected else TOEGANG, leaves)
