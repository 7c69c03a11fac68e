"""What every step of a decision to erase rests on: its row, its signatures, its entry.

Each signature is looked at again, from the registered keys, before anything is done on it: what an
officer signed is the whole decision, so that a row that was changed since carries nothing out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.deciding import MAX_TRIES
from gateway.exchange.persons import Person, read_persons
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import Act, MayNotActError, is_genuine_act
from gateway.pseudonyms.domains import ProofHandles
from gateway.store import erasing as store
from gateway.store.erasing import StoredDecision
from gateway.store.groups import Connection, ErasedMeanwhileError, Leaf
from gateway.store.ids import new_id
from gateway.vault.boxes import DataKey, Vault

_SIGNED_BY = (Act.ERASE, Act.ERASE_TOO)
_Result = TypeVar("_Result")

Opened = Callable[[], AbstractAsyncContextManager[tuple[Connection, RuleBook]]]
"""Opens a deciding transaction, which commits when its block ends well."""
JournalLine = Callable[[UUID, datetime], Awaitable[None]]
"""Puts an erasure on disk outside the database; raises where it cannot."""
About = Callable[[Sequence[tuple[UUID, DataKey]]], None]
"""Names to the access log whom an act is about, before it commits."""


class UnknownDecisionError(Exception):
    """There is no such decision."""


class WrongStepError(Exception):
    """The decision is not at this step; the message says where it is."""


def unheard(_: Sequence[tuple[UUID, DataKey]]) -> None:
    """Nobody keeps account of whom an act is about: the gateway itself acts."""


@dataclass(frozen=True, slots=True)
class ErasureTools:
    """What erasing takes besides the database."""

    vault: Vault
    proofs: ProofHandles
    clock: Callable[[], datetime]
    backup_term: timedelta
    journal: JournalLine
    about: About = unheard


async def in_turns(
    opened: Opened, work: Callable[[Connection, RuleBook], Awaitable[_Result]]
) -> _Result:
    """Do one piece of work and commit it, tried again a bounded number of times."""
    for attempt in range(1, MAX_TRIES + 1):
        try:
            async with opened() as (connection, book):
                return await work(connection, book)
        except (asyncpg.DeadlockDetectedError, ErasedMeanwhileError):
            if attempt == MAX_TRIES:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


async def at_step(
    connection: Connection, decision: UUID, *, is_ordered: bool = True
) -> StoredDecision:
    """A decision that can go on, locked; not ordered yet unless `is_ordered`."""
    found = await store.lock_decision(connection, decision)
    if found is None:
        raise UnknownDecisionError("there is no decision with this id")
    if found.withdrawn_at is not None:
        raise WrongStepError("the decision was withdrawn")
    if found.carried_out_at is not None:
        raise WrongStepError("the decision was carried out")
    if found.ordered_at is not None and not is_ordered:
        raise WrongStepError("recipients were told already")
    return found


def signed_of(decision: StoredDecision) -> dict[str, str]:
    """What every signature of a decision is on."""
    return {
        "capacity": decision.capacity,
        "case": decision.case,
        "classes": ",".join(decision.classes),
        "ground": decision.ground,
        "request": hashlib.sha256(decision.request).hexdigest(),
        "subject": str(decision.subject),
    }


async def check_signatures(connection: Connection, decision: StoredDecision) -> None:
    """Look at every signature again. Raises `MayNotActError`."""
    signatures = await store.signatures_of(connection, decision.id)
    if len(signatures) < decision.signatures:
        raise MayNotActError(
            f"the decision has {len(signatures)} of {decision.signatures} signatures"
        )
    for one in signatures:
        officer = await store.officer_of(connection, one.officer)
        assert officer is not None  # noqa: S101  # the signature refers to their row
        moment, act = one.signed_at, Act(one.act)
        signed = signed_of(decision)
        is_genuine = is_genuine_act(officer, act, decision.id, moment, signed, one.signature)
        if act not in _SIGNED_BY or not is_genuine:
            raise MayNotActError(f"the signature of {one.officer} does not verify")


async def about_person(connection: Connection, tools: ErasureTools, subject: UUID) -> Person | None:
    """The person of an act, named to the access log; None where erased, or their key is damaged."""
    persons = await read_persons(connection, [subject], tools.vault, skips_damaged=True)
    person = persons.get(subject)
    if person is not None:
        tools.about([(subject, person.key)])
    return person


async def step_leaf(
    connection: Connection,
    tools: ErasureTools,
    book: RuleBook,
    decision: StoredDecision,
    step: str,
    now: datetime,
    entry_id: UUID | None = None,
) -> Leaf:
    """The entry of a step; who took it stands in the access log."""
    subject, number = decision.subject, entry_id or new_id()
    person = await about_person(connection, tools, subject)
    committed = [] if person is None else [commitment(person.key, number, subject)]
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(number, Event.ERASURE_DECISION, new_trace(), None, millis, millis),
        book.no_flow,
        committed,
        {
            "capacity": decision.capacity,
            "decision": str(decision.id),
            "ground": decision.ground,
            "step": step,
        },
    )
    return Leaf(leaf_hash(entry), entry, [subject])
