"""One group of arrivals, decided and recorded in one transaction (stages 4 to 8).

Everything a group leaves behind, the answers' promise included, is committed together: a success
answer therefore never precedes the message, its entry and its queue row (invariant 1), and a log
that cannot be written stops the message too (invariant 12).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from consent.register import CATEGORY_ALL, amsterdam_day
from consent.representation import PersonFacts
from gateway.audit.promise import promise, repeat_promise
from gateway.exchange import narrowing, referral, status
from gateway.exchange.arrivals import Arrival, Recorded, SubjectRef, UnreadableRecord
from gateway.exchange.exceptions import record_exception
from gateway.exchange.freeing import free_held
from gateway.exchange.persons import Person, seal_births, with_register
from gateway.exchange.placing import hidden_of, write_routes
from gateway.exchange.recall import Scope
from gateway.exchange.recording import (
    OUTCOMES,
    REFERRAL,
    UNREADABLE,
    Filed,
    Verdict,
    file_entry,
)
from gateway.exchange.referral import PseudonymisedReferral, register_flow
from gateway.exchange.rules import RuleBook
from gateway.exchange.status import ArrivedStatus
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import reduce_waiting
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.store.consents import NewConsent, raise_gate, waited_for, write_freed
from gateway.store.groups import (
    Claim,
    Connection,
    Earlier,
    ErasedMeanwhileError,
    GroupRows,
    Leaf,
    NewSubject,
    Original,
    admit_subjects,
    claim_references,
    close_gate,
    earlier_messages,
    exchanges_by_reference,
    meet_subjects,
    originals,
    release_references,
    write_heads,
    write_rows,
)
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, Nonces, Vault
from gateway.vault.keys import epoch_of
from schemas.decisions import Refuse, Rule, outcome_of
from schemas.deliveries import NUMBER_FIELD

Message = PseudonymisedReferral | ArrivedStatus | UnreadableRecord
REUSED = Refuse(None, Rule.REFERENCE_REUSED, "kenmerk")
NUMBER_REUSED = Refuse(None, Rule.REFERENCE_REUSED, NUMBER_FIELD)
UNREADABLE_RECORD = Refuse(None, Rule.UNREADABLE)
_GIVEN = NewConsent._fields.index("given")


class StandsAloneError(Exception):
    """A group holds messages that each form a group of their own; nothing was done.

    A promise is signed over a group's tree and tells its size: in one with others, a protected
    exchange would be counted in their receipts.
    """

    def __init__(self, exchanges: frozenset[UUID]) -> None:
        super().__init__("protected exchanges are committed alone")
        self.exchanges = exchanges


class Draft(NamedTuple):
    """A group worked out, not yet written."""

    rows: GroupRows
    filed: list[tuple[Arrival, Filed]]
    repeats: list[tuple[Arrival, Earlier]]
    is_protected: bool


async def record_group(
    connection: Connection,
    messages: Sequence[Message],
    book: RuleBook,
    tools: GroupTools,
    group: UUID,
) -> list[Recorded]:
    """Decide and write a group inside the open transaction; the caller commits.

    Gives one `Recorded` a message, in order. Raises what the database raises, or
    `StandsAloneError` before anything was written.
    """
    draft = await _work_out(connection, messages, book, tools, group)
    recorded: dict[UUID, Recorded] = {}
    if draft.filed:
        leaf_hashes = [leaf.hash for leaf in draft.rows.leaves]
        origin, key = tools.origin, tools.promise_key
        if draft.is_protected:
            origin, key, _ = tools.protected
        promised = promise(origin, leaf_hashes, key)
        await _keep_refusals(connection, draft, tools)
        await write_rows(connection, draft.rows, group, origin, promised.signature)
        await write_routes(connection, draft.rows, tools)
        draft.rows.leaves += await _take_back_agreement(connection, draft, book, tools)
        await _set_free(connection, draft, book, tools)
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
                origin,
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
    messages = await _with_cases(connection, messages)
    statuses = [m for m in messages if isinstance(m, ArrivedStatus)]
    answered = await originals(connection, [m.about for m in statuses])
    alone = frozenset(m.arrival.exchange for m in messages if _stands_apart(m, answered, book))
    if alone and len(messages) > 1:
        raise StandsAloneError(alone)
    repeats, refused = await _set_repeats_apart(connection, messages)
    repeated = {arrival.exchange for arrival, _ in repeats}
    fresh = [m for m in messages if _arrival(m).exchange not in repeated]
    answered = {
        m.about: answered[m.about]
        for m in fresh
        if isinstance(m, ArrivedStatus) and m.about in answered
    }
    now = tools.clock()
    nonces = Nonces()
    found = await _persons(
        connection, fresh, answered, refused, book, tools, nonces, now, is_protected=bool(alone)
    )
    persons, holders, owners = found
    placed = [m.about for m in fresh if status.may_tell_place(m)]
    hidden = await hidden_of(connection, tools.protected.handles, placed)
    filed: list[tuple[Arrival, Filed]] = []
    for message in fresh:
        arrival = _arrival(message)
        if isinstance(message, UnreadableRecord):
            verdict = Verdict(UNREADABLE_RECORD)
            one = file_entry(arrival, UNREADABLE, verdict, [], book, group, rows, now)
        elif arrival.exchange in refused:
            kind = message.kind if isinstance(message, ArrivedStatus) else REFERRAL
            one = file_entry(
                arrival,
                kind,
                Verdict(refused[arrival.exchange]),
                [],
                book,
                group,
                rows,
                now,
                is_protected=bool(alone),
            )
        elif isinstance(message, PseudonymisedReferral):
            own = persons[arrival.exchange]
            one = referral.walk(message, own, holders, book, tools.routes, group, rows, nonces, now)
            record_exception(message, one.decision, book, tools.vault, rows, nonces, now)
        else:
            original = answered.get(message.about)
            original = book.successions.as_told_by(arrival.sender, original, amsterdam_day(now))
            owner = _owner(original, owners)
            told = status.without_place(message, hidden)
            one = status.walk(told, original, owner, book, group, rows, nonces, now)
            if status.tells_of_contact(told, original):
                rows.contacted[told.about] = told.closes
        filed.append((arrival, one))
    return Draft(rows, filed, repeats, bool(alone))


async def _with_cases(connection: Connection, messages: Sequence[Message]) -> list[Message]:
    """The messages, those that name a case by their sender's own key with the exchange that it is.

    A key is remembered for thirty days; what is not found is nobody's case.
    """
    cases = [
        (one.arrival.sender, one.case)
        for one in messages
        if isinstance(one, ArrivedStatus) and one.case is not None
    ]
    if not cases:
        return list(messages)
    found = await exchanges_by_reference(connection, cases)

    def named(one: Message) -> Message:
        if not isinstance(one, ArrivedStatus) or one.case is None:
            return one
        about = found.get((one.arrival.sender, one.case))
        return one._replace(message=one.message.model_copy(update={"exchange_id": about}))

    return [named(one) for one in messages]


def _stands_apart(message: Message, answered: Mapping[UUID, Original], book: RuleBook) -> bool:
    """Whether a message is committed alone, into the log of its own (ADR 0014)."""
    match message:
        case PseudonymisedReferral():
            return referral.stands_apart(message, book)
        case ArrivedStatus():
            return status.stands_apart(message, answered.get(message.about))
        case _:
            return False


async def _keep_refusals(connection: Connection, draft: Draft, tools: GroupTools) -> None:
    """Who says no in a message must not be forgotten with a backup that is put back.

    One sync for the group, before the heads are held; none where everybody agrees. Raises
    `JournalUnavailableError`.
    """
    refusals = [NewConsent._make(row) for row in draft.rows.consents if not row[_GIVEN]]
    if refusals:
        await tools.journal.write(await narrowing.said_no(connection, refusals, tools.clock()))


async def _take_back_agreement(
    connection: Connection, draft: Draft, book: RuleBook, tools: GroupTools
) -> list[Leaf]:
    """A "no" that came with a message works on earlier messages as any withdrawal does.

    Earlier ones may stand in this very group: a delivery can name a person twice. Gives the
    entries of what was taken out. Looked for of those too whom nobody knew: how long a "no" takes
    must not tell whether there was anything to take back.
    """
    leaves: list[Leaf] = []
    for subject, purpose, recipient in sorted(set(draft.rows.refusals)):
        await raise_gate(connection, subject)
        scope = Scope(purpose, recipient, CATEGORY_ALL)
        trace = draft.filed[0][0].trace
        leaves += await reduce_waiting(
            connection, subject, scope, book, tools.vault, trace, tools.clock(), draft.rows
        )
    return leaves


async def _set_free(
    connection: Connection, draft: Draft, book: RuleBook, tools: GroupTools
) -> None:
    """A "yes" that came with a message sets free what waited for it, as one by itself does.

    So does a statement of who may say it.

    What is set free is queued and logged with the group's own rows, heads last.
    """
    trace, agreed = draft.filed[0][0].trace, draft.rows.agreed
    scopes = {scope for _, scope in agreed}
    flows = [
        one.flow.id
        for one in book.flows.values()
        if (one.flow.purpose, one.flow.recipient) in scopes
    ]
    for subject in await waited_for(connection, {subject for subject, _ in agreed}, flows):
        rows, freed = await free_held(connection, subject, book, tools, trace, tools.clock())
        await write_freed(connection, rows, freed)
        draft.rows.leaves += rows.leaves
        for recipient, exchanges in rows.mailbox.items():
            draft.rows.mailbox.setdefault(recipient, []).extend(exchanges)


async def _set_repeats_apart(
    connection: Connection, messages: Sequence[Message]
) -> tuple[list[tuple[Arrival, Earlier]], dict[UUID, Refuse]]:
    """Repeats with what they led to, and messages that took another one's reference or number."""
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
    refused = await _claim_numbers(connection, messages, taken)
    known = [_arrival(m) for m in messages if _is_known(m, claims, taken)]
    if not known and not late:
        return [], refused
    earlier = await earlier_messages(
        connection, [(arrival.sender, arrival.reference) for arrival in known]
    )
    repeats: list[tuple[Arrival, Earlier]] = []
    for arrival in known:
        before = earlier.get((arrival.sender, arrival.reference))
        if before is not None and before.body == arrival.body:
            repeats.append((arrival, before))
        else:
            refused[arrival.exchange] = REUSED
    # The same reference twice within one group: the second waits for the next group, see committer.
    refused.update((arrival.exchange, REUSED) for arrival in late)
    return repeats, refused


async def _claim_numbers(
    connection: Connection, messages: Sequence[Message], taken: set[UUID]
) -> dict[UUID, Refuse]:
    """Take the second keys of those who got their first; gives the refusal of whoever came late.

    Whose reference was known has its answer already, and takes nothing.
    """
    arrivals = [_arrival(message) for message in messages]
    claims = [
        Claim(one.sender, one.number, one.body, one.exchange)
        for one in arrivals
        if one.number is not None and one.exchange in taken
    ]
    got = await claim_references(connection, claims)
    late = [claim.exchange for claim in claims if claim.exchange not in got]
    # Sent anew under a number of its own it is the first of its reference, and not a repeat.
    await release_references(connection, late)
    return dict.fromkeys(late, NUMBER_REUSED)


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
    refused: Collection[UUID],
    book: RuleBook,
    tools: GroupTools,
    nonces: Nonces,
    now: datetime,
    *,
    is_protected: bool,
) -> tuple[dict[UUID, list[Person]], dict[bytes, Person], dict[UUID, Person]]:
    """Every data subject of the group: registered, locked at the gate, with key and agreements.

    Gives the members of each referral in order, everyone by handle, and everyone who has a handle
    or whose status comes by subject id.
    """
    epoch, vault = epoch_of(now), tools.vault
    persons: dict[UUID, list[Person]] = {}
    by_handle: dict[bytes, Person] = {}
    new: dict[bytes, NewSubject] = {}
    nameless: list[NewSubject] = []
    refusing: set[bytes] = set()
    for message in fresh:
        if not isinstance(message, PseudonymisedReferral) or message.arrival.exchange in refused:
            continue
        own = persons[message.arrival.exchange] = []
        is_kept = register_flow(message, book) is not None
        members: Sequence[SubjectRef] = message.members
        if is_protected:
            members = [_apart(member, tools.protected.handles) for member in members]
        outside = [SubjectRef(handle) for handle in message.holder_handles] if is_kept else []
        if is_kept:
            refusing |= _refusing(message)
        for n, member in enumerate([*members, *outside]):
            person = None if member.handle is None else by_handle.get(member.handle)
            if person is None:
                subject = new_id()
                key, wrapped = vault.new_key(subject, CONTENT, epoch)
                person = Person(subject, key)
                sealed = None
                if is_kept and member.birth is not None:
                    births = (member.birth,)
                    person.facts = PersonFacts(births)
                    sealed = seal_births(subject, key, births, nonces.take())
                row = NewSubject(subject, *wrapped, sealed)
                if member.handle is None:
                    nameless.append(row)
                else:
                    new[member.handle] = row
                    by_handle[member.handle] = person
            if n < len(message.members):
                own.append(person)
    owners = [o.owner for o in answered.values() if o.owner is not None]
    await admit_subjects(connection, new, nameless)
    await close_gate(connection, list(refusing))
    return persons, by_handle, await _meet(connection, by_handle, owners, vault)


async def _meet(
    connection: Connection,
    by_handle: dict[bytes, Person],
    owners: Sequence[UUID],
    vault: Vault,
) -> dict[UUID, Person]:
    """Pass everybody's gate, and make each person who they are behind it; all by subject id."""
    met = await meet_subjects(connection, list(by_handle), owners)
    made = {person.id: person for person in by_handle.values()}
    ring = await with_register(connection, [one.key for one in met], vault, fresh=made)
    for handle, (subject, *_) in met:
        found, person = ring[subject], None if handle is None else by_handle.get(handle)
        if person is not None and person is not found:
            # Whoever registered this person first: theirs are the id, key and agreements.
            person.id, person.key, person.gate = found.id, found.key, found.gate
            person.facts, person.consents = found.facts, found.consents
            person.barred = found.barred
            ring[subject] = person
    if not by_handle.keys() <= {handle for handle, _ in met}:
        # Neither their old id nor their new one has a row and a key: nothing could open the
        # message. Tried again, it registers them anew.
        raise ErasedMeanwhileError
    return ring


def _apart(member: SubjectRef, handles: ProtectedHandles) -> SubjectRef:
    handle = None if member.handle is None else handles.of(member.handle)
    return SubjectRef(handle, member.birth)


def _refusing(message: PseudonymisedReferral) -> set[bytes]:
    """Who says no in a message, by handle; of whom none is known nothing can wait."""
    return {
        ref.handle
        for ref, agreements in zip(message.members, message.agreements, strict=True)
        if ref.handle is not None and any(not agreement.given for agreement in agreements)
    }


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
        earlier.key_name,
        is_repeat=True,
    )
