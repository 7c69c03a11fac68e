"""One group of arrivals, decided and recorded in one transaction (stages 4 to 8).

Everything a group leaves behind, the answers' promise included, is committed together: a success
answer therefore never precedes the message, its entry and its queue row (invariant 1), and a log
that cannot be written stops the message too (invariant 12).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.register import CATEGORY_ALL, ConsentEvent
from gateway.audit.promise import promise, repeat_promise
from gateway.exchange import referral, status
from gateway.exchange.arrivals import Arrival, Recorded, UnreadableRecord
from gateway.exchange.recording import (
    OUTCOMES,
    REFERRAL,
    STATUS,
    UNREADABLE,
    Filed,
    Person,
    Verdict,
    file_entry,
)
from gateway.exchange.referral import PseudonymisedReferral
from gateway.exchange.routing import Routes
from gateway.exchange.rules import RuleBook
from gateway.exchange.status import ArrivedStatus
from gateway.exchange.withdrawal import Scope, reduce_waiting
from gateway.store.consents import raise_gate
from gateway.store.groups import (
    Claim,
    Connection,
    Earlier,
    GroupRows,
    Leaf,
    NewSubject,
    Original,
    admit_subjects,
    claim_references,
    close_gate,
    earlier_messages,
    originals,
    pass_gate,
    stored_consents,
    stored_keys,
    write_heads,
    write_rows,
)
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.decisions import Refuse, Rule, outcome_of

Message = PseudonymisedReferral | ArrivedStatus | UnreadableRecord
NO_KEY = DataKey(bytes(32))
"""Stands in until the stored key is read behind the gate; nothing is sealed under it."""
REUSED = Refuse(None, Rule.REFERENCE_REUSED, "kenmerk")
UNREADABLE_RECORD = Refuse(None, Rule.UNREADABLE)


@dataclass(frozen=True, slots=True)
class GroupTools:
    """What deciding a group takes besides its messages."""

    vault: Vault
    routes: Routes
    origin: str
    promise_key: Ed25519PrivateKey
    clock: Callable[[], datetime]


class Draft(NamedTuple):
    """A group worked out, not yet written; `met` are the persons known from before."""

    rows: GroupRows
    met: frozenset[UUID]
    filed: list[tuple[Arrival, Filed]]
    repeats: list[tuple[Arrival, Earlier]]


async def record_group(
    connection: Connection,
    messages: Sequence[Message],
    book: RuleBook,
    tools: GroupTools,
    group: UUID,
) -> list[Recorded]:
    """Decide and write a group inside the open transaction; the caller commits.

    Gives one `Recorded` a message, in order. Raises what the database raises.
    """
    draft = await _work_out(connection, messages, book, tools, group)
    recorded: dict[UUID, Recorded] = {}
    if draft.filed:
        leaf_hashes = [leaf.hash for leaf in draft.rows.leaves]
        promised = promise(tools.origin, leaf_hashes, tools.promise_key)
        await write_rows(connection, draft.rows, group, tools.origin, promised.signature)
        draft.rows.leaves += await _take_back_agreement(connection, draft, book, tools)
        await write_heads(connection, draft.rows)
        for arrival, filed in draft.filed:
            decision = filed.decision
            recorded[arrival.exchange] = Recorded(
                arrival,
                arrival.exchange,
                outcome_of(decision),
                Rule(decision.rule),
                decision.field if isinstance(decision, Refuse) else None,
                arrival.received_at,
                arrival.findings,
                filed.entry,
                filed.leaf_hash,
                filed.group_index,
                promised,
            )
    for arrival, earlier in draft.repeats:
        recorded[arrival.exchange] = _repeat(arrival, earlier)
    return [recorded[_arrival(message).exchange] for message in messages]


async def _work_out(
    connection: Connection,
    messages: Sequence[Message],
    book: RuleBook,
    tools: GroupTools,
    group: UUID,
) -> Draft:
    rows = GroupRows()
    repeats, refused = await _set_repeats_apart(connection, messages)
    apart = {arrival.exchange for arrival, _ in repeats}
    fresh = [m for m in messages if _arrival(m).exchange not in apart]
    statuses = [m for m in fresh if isinstance(m, ArrivedStatus)]
    answered = await originals(connection, [m.message.exchange_id for m in statuses])
    now = tools.clock()
    persons, owners = await _persons(connection, fresh, answered, refused, tools, now)
    nonces = Nonces()
    filed: list[tuple[Arrival, Filed]] = []
    for message in fresh:
        arrival = _arrival(message)
        if isinstance(message, UnreadableRecord):
            verdict = Verdict(UNREADABLE_RECORD)
            one = file_entry(arrival, UNREADABLE, verdict, [], book, group, rows, now)
        elif arrival.exchange in refused:
            kind = STATUS if isinstance(message, ArrivedStatus) else REFERRAL
            one = file_entry(arrival, kind, Verdict(REUSED), [], book, group, rows, now)
        elif isinstance(message, PseudonymisedReferral):
            own = persons[arrival.exchange]
            one = referral.walk(message, own, book, tools.routes, group, rows, nonces, now)
        else:
            original = answered.get(message.message.exchange_id)
            owner = _owner(original, owners)
            one = status.walk(message, original, owner, book, group, rows, nonces, now)
        filed.append((arrival, one))
    return Draft(rows, frozenset(owners), filed, repeats)


async def _take_back_agreement(
    connection: Connection, draft: Draft, book: RuleBook, tools: GroupTools
) -> list[Leaf]:
    """A "no" that came with a message works on earlier messages as any withdrawal does.

    Earlier ones may stand in this very group: a delivery can name a person twice. Gives the
    entries of what was taken out.
    """
    concerned = draft.met | {subject for _, _, subject, _, _ in draft.rows.parts}
    leaves: list[Leaf] = []
    for subject, purpose, recipient in sorted(set(draft.rows.refusals)):
        if subject not in concerned:
            continue
        await raise_gate(connection, subject)
        scope = Scope(purpose, recipient, CATEGORY_ALL)
        trace = draft.filed[0][0].trace
        leaves += await reduce_waiting(
            connection, subject, scope, book, tools.vault, trace, tools.clock()
        )
    return leaves


async def _set_repeats_apart(
    connection: Connection, messages: Sequence[Message]
) -> tuple[list[tuple[Arrival, Earlier]], set[UUID]]:
    """Repeats with what they led to, and messages that took another one's reference."""
    claims: dict[tuple[str, bytes], Claim] = {}
    late: list[Arrival] = []
    for message in messages:
        arrival = _arrival(message)
        if isinstance(message, UnreadableRecord):
            continue
        key = (arrival.sender, arrival.reference)
        if key in claims:
            late.append(arrival)
        else:
            claims[key] = Claim(*key, arrival.body, arrival.exchange)
    taken = await claim_references(connection, list(claims.values()))
    known = [_arrival(m) for m in messages if _is_known(m, claims, taken)]
    if not known and not late:
        return [], set()
    earlier = await earlier_messages(
        connection, [(arrival.sender, arrival.reference) for arrival in known]
    )
    repeats: list[tuple[Arrival, Earlier]] = []
    refused: set[UUID] = set()
    for arrival in known:
        before = earlier.get((arrival.sender, arrival.reference))
        if before is not None and before.body == arrival.body:
            repeats.append((arrival, before))
        else:
            refused.add(arrival.exchange)
    # The same reference twice within one group: the second waits for the next group, see committer.
    refused.update(arrival.exchange for arrival in late)
    return repeats, refused


def _is_known(message: Message, claims: dict[tuple[str, bytes], Claim], taken: set[UUID]) -> bool:
    arrival = _arrival(message)
    claim = claims.get((arrival.sender, arrival.reference))
    return (
        not isinstance(message, UnreadableRecord)
        and claim is not None
        and claim.exchange == arrival.exchange
        and arrival.exchange not in taken
    )


async def _persons(
    connection: Connection,
    fresh: Sequence[Message],
    answered: dict[UUID, Original],
    refused: set[UUID],
    tools: GroupTools,
    now: datetime,
) -> tuple[dict[UUID, list[Person]], dict[UUID, Person]]:
    """Every data subject of the group: registered, locked at the gate, with key and agreements.

    Gives the members of each referral in order, and everyone by subject id.
    """
    epoch, vault = epoch_of(now), tools.vault
    persons: dict[UUID, list[Person]] = {}
    by_handle: dict[bytes, Person] = {}
    new: dict[bytes, NewSubject] = {}
    nameless: list[NewSubject] = []
    for message in fresh:
        if not isinstance(message, PseudonymisedReferral) or message.arrival.exchange in refused:
            continue
        own = persons[message.arrival.exchange] = []
        for member in message.members:
            person = None if member.handle is None else by_handle.get(member.handle)
            if person is None:
                subject = new_id()
                key, wrapped = vault.new_key(subject, CONTENT, epoch)
                person = Person(subject, key)
                row = NewSubject(subject, *wrapped)
                if member.handle is None:
                    nameless.append(row)
                else:
                    new[member.handle] = row
                    by_handle[member.handle] = person
            own.append(person)
    ring: dict[UUID, Person] = {}
    known = await admit_subjects(connection, new, nameless)
    for met in known:
        # Somebody else registered this person first: theirs are the id, key and agreements.
        by_handle[met.handle].id = met.id
        ring[met.id] = by_handle[met.handle]
    for original in answered.values():
        if original.owner is not None and original.owner not in ring:
            ring[original.owner] = Person(original.owner, NO_KEY)
    refusing = {
        person.id
        for message in fresh
        if isinstance(message, PseudonymisedReferral)
        for agreement, person in zip(
            message.agreements, persons.get(message.arrival.exchange, ()), strict=False
        )
        if agreement is not None and not agreement.given and person.id in ring
    }
    await close_gate(connection, list(refusing))
    await pass_gate(connection, [subject for subject in ring if subject not in refusing])
    await _open_keys(connection, ring, vault)
    return persons, ring


async def _open_keys(connection: Connection, ring: dict[UUID, Person], vault: Vault) -> None:
    """Give everyone met before their key and agreements, as they are behind the gate.

    A person who was erased in the meantime keeps no key: nothing of them can be opened.
    """
    found = set()
    for stored in await stored_keys(connection, list(ring)):
        person = ring[stored.subject]
        wrapped = WrappedKey(stored.epoch, stored.wrapped)
        person.key = vault.unwrap(stored.subject, CONTENT, wrapped)
        person.gate = stored.gate
        found.add(stored.subject)
    for event in await stored_consents(connection, list(ring)):
        ring[event.subject].consents.append(
            ConsentEvent(
                event.id,
                event.purpose,
                event.recipient,
                event.category,
                event.given,
                event.decided_at,
            )
        )
    for gone in set(ring) - found:
        del ring[gone]


def _owner(original: Original | None, ring: dict[UUID, Person]) -> Person | None:
    return None if original is None or original.owner is None else ring.get(original.owner)


def _arrival(message: Message) -> Arrival:
    return message.arrival


def _repeat(arrival: Arrival, earlier: Earlier) -> Recorded:
    promised = repeat_promise(earlier.leaf_hashes, earlier.signature)
    at = earlier.group_index * 32
    return Recorded(
        arrival,
        earlier.exchange,
        OUTCOMES[earlier.decision],
        Rule(earlier.rule),
        earlier.field,
        earlier.received_at.astimezone(UTC),
        tuple(earlier.findings),
        earlier.entry,
        earlier.leaf_hashes[at : at + 32],
        earlier.group_index,
        promised,
        is_repeat=True,
    )
