"""What a "yes" does to messages that wait for agreement, in the transaction that records it.

Each message that the person is in is opened and decided anew, by the protocol and the register as
they are now; what may go is minimised, sealed and queued as if it had arrived today, with an entry
of its own. What may not go yet stays as it is, without a word: its sender was told what it waits
for. The answer to a repeat stays the one that was given on arrival (invariant 7).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from gateway.audit.entries import Event, Trace
from gateway.exchange import referral
from gateway.exchange.arrivals import Arrival
from gateway.exchange.persons import Person, read_persons
from gateway.exchange.placing import write_routes
from gateway.exchange.recording import bound_held, entry_of
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import Handles
from gateway.store.consents import Freed, HeldMessage, held_with
from gateway.store.groups import Connection, GroupRows, pass_gate
from gateway.vault.boxes import Nonces, SealBrokenError, Vault
from schemas.decisions import Permit
from schemas.referral import Referral


async def free_held(
    connection: Connection,
    subject: UUID,
    book: RuleBook,
    tools: GroupTools,
    trace: Trace,
    now: datetime,
) -> tuple[GroupRows, list[Freed]]:
    """Decide anew on what waits for this person; the caller holds their gate, and commits.

    Gives what is to be written of the messages that may go now; their routes are written here.
    """
    rows = GroupRows()
    freed: list[Freed] = []
    for held in await held_with(connection, subject):
        try:
            persons = await _members(connection, held, tools.vault)
            if persons is None:
                continue
            message = _reopened(held, persons, tools.handles, trace, now)
        except (SealBrokenError, ValidationError):
            # What is damaged, or of a form that is read no longer, stays where it is, and must not
            # keep a yes from being recorded.
            continue
        own = GroupRows()
        verdict = referral.settle(message, persons, book, tools.routes, own, Nonces(), now)
        decision = verdict.decision
        if not isinstance(decision, Permit) or verdict.recipient is None:
            continue
        if decision.is_protected:
            # It came as any other message and is known as such: it cannot be hidden afterwards.
            continue
        rows.parts += own.parts
        rows.placements += own.placements
        rows.hidden += own.hidden
        rows.mailbox.setdefault(verdict.recipient, []).append(held.exchange)
        _, leaf = entry_of(message.arrival, Event.DECISION, verdict, persons, book, now)
        rows.leaves.append(leaf)
        # The parts were made by today's rules: a release must compare them with these.
        expires_at, digest = now + verdict.keeps, book.protocol.digest
        freed.append(Freed(held.exchange, decision.flow, verdict.recipient, digest, expires_at))
    await write_routes(connection, rows, tools)
    return rows, freed


async def _members(connection: Connection, held: HeldMessage, vault: Vault) -> list[Person] | None:
    """The members of a held message behind the gate, in its order; None if one was erased."""
    await pass_gate(connection, held.subjects)
    ring = await read_persons(connection, held.subjects, vault)
    if any(subject not in ring for subject in held.subjects):
        return None
    return [ring[subject] for subject in held.subjects]


def _reopened(
    held: HeldMessage, persons: list[Person], handles: Handles, trace: Trace, now: datetime
) -> referral.PseudonymisedReferral:
    owner = next(person for person in persons if person.id == held.owner)
    whole = owner.key.open(held.sealed, bound_held(held.exchange.bytes))
    # What was sent is bound in the entry of its arrival, under a salt that is the sender's.
    arrival = Arrival(held.exchange, held.sender, b"", b"", "", now, trace, (), 0)
    translated = referral.TranslatedReferral(arrival, Referral.model_validate_json(whole))
    return referral.pseudonymise(translated, handles)
