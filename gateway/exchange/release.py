"""Stage 9 of one page: each message's Permit looked at again, opened, recorded, put together.

Runs inside the release transaction, behind the gate; nothing here has left yet (invariant 2). A
message that may not go any more becomes a tombstone and its content is removed (invariant 13: a
message that lost a member equals the one that would have been sent without them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from consent.decide import closed_by, decide_on_agreement, permit_protected
from consent.minimise import reduce_stored
from consent.protocol import Flow
from consent.register import amsterdam_day
from gateway.audit.entries import EntryHead, Event, Trace, commitment, field_names, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.boxes import (
    categories_of,
    pack,
    referral_data,
    status_data,
    unpack,
    with_known,
)
from gateway.exchange.notices import VALUES
from gateway.exchange.payload import JOSE, JSON, event, notice, tombstone
from gateway.exchange.persons import Person, standings_of
from gateway.exchange.recall import NO
from gateway.exchange.recording import NOTICE, REFERRAL, bound_to
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.exchange.status import may_tell_of
from gateway.identity.encryption import EncryptionKey
from gateway.store.groups import BESCHERMD, DONE, WAITING, Leaf
from gateway.store.ids import new_id
from gateway.store.mailbox import (
    Queued,
    StoredPart,
)
from gateway.store.registrations import Known
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from schemas.decisions import Permit, Rule

NOBODY_KNOWN: Mapping[UUID, Known] = MappingProxyType({})
STANDING = Permit("", Rule.PERMITTED, ())
"""The Permit given on arrival, looked at again and found unchanged for every member."""


class Released(NamedTuple):
    """One position as it leaves; `data` is None for a tombstone."""

    position: int
    exchange: UUID
    data: bytes | None
    event: bytes


@dataclass(frozen=True, slots=True)
class MailboxTools:
    """What releasing takes besides the database."""

    vault: Vault
    source: bytes
    cursor_key: bytes
    clock: Callable[[], datetime]
    lapse_seconds: float


class Release:
    """One page in the making."""

    def __init__(
        self,
        book: RuleBook,
        tools: MailboxTools,
        trace: Trace,
        persons: dict[UUID, Person],
        restricted: Mapping[UUID, frozenset[str]],
        sealing: EncryptionKey | None = None,
        known: Mapping[UUID, Known] = NOBODY_KNOWN,
        *,
        recipient: str,
    ) -> None:
        """`sealing` is the recipient's own key, where it has one: `data` leaves as a JWE."""
        self._recipient = recipient
        self._sealing = sealing
        self._known = known
        self._handed: dict[UUID, int] = {}
        self._book = book
        self._tools = tools
        self._trace = trace
        self._persons = persons
        self._restricted = restricted
        self._now = tools.clock()
        self._millis = int(self._now.timestamp() * 1000)
        self.leaves: list[Leaf] = []
        self.taken_out: dict[UUID, Leaf] = {}
        """The entry of each message taken out: for whoever of two pages does it."""
        self.forbidden: list[UUID] = []
        self.damaged: list[UUID] = []
        self.positions: list[int] = []
        self.dropped: list[tuple[UUID, int]] = []
        self._open: dict[str, bool] = {}

    def one(self, row: Queued, parts: Sequence[StoredPart]) -> Released:
        """The message at one position: handed over, or a tombstone where it may not be.

        A box that does not open must not block what stands behind it (invariant 8): its place gets
        a tombstone and an entry, and its content stays for whoever looks into the damage.
        """
        if not parts or row.owner is None:
            return self._tombstone(row)
        try:
            if row.kind == NOTICE:
                return self._notice(row, parts)
            return self._looked_at(row, parts, row.owner)
        except SealBrokenError:
            self.damaged.append(row.exchange)
            self._log(Event.DAMAGED, row, [], {})
            return self._tombstone(row)

    def _notice(self, row: Queued, parts: Sequence[StoredPart]) -> Released:
        """A notice goes whatever anybody agrees to; the values that it may bring do not."""
        persons = [(part.subject, self._key(part)) for part in parts]
        place = bound_to(row.exchange.bytes, parts[0].member)
        data, _, values = persons[0][1].open(parts[0].box, place).partition(VALUES)
        if not data:
            # Whoever it was sealed for is not there any more, nor is what it said.
            self.forbidden.append(row.exchange)
            self._log(Event.PURGE, row, persons, {"reason": "niet-meer-toegelaten"})
            return self._tombstone(row)
        if values and self._may_bring_values(row, parts):
            data = b'%b,"waarden":%b}' % (data[:-1], values)
        self.positions.append(row.position)
        self._log(Event.DISCLOSURE, row, persons, {"categories": [], "notice": row.rule})
        message = notice(
            self._tools.source,
            row.exchange,
            row.rule,
            row.position,
            row.received_at,
            *self._sealed(data),
        )
        return Released(row.position, row.exchange, data, message)

    def _may_bring_values(self, row: Queued, parts: Sequence[StoredPart]) -> bool:
        """Whether a message with these values might go now, whole, by the rules that made them."""
        flow = self._flow_of(row)
        is_today = row.protocol == self._book.protocol.digest
        if flow is None or row.owner is None or not is_today or not self._is_open(flow):
            return False
        permit = self._permit(flow, parts, row, row.owner)
        if permit is None or permit is STANDING:
            return permit is STANDING
        return len(permit.members) == len(parts) and not any(permit.withheld)

    def _looked_at(self, row: Queued, parts: Sequence[StoredPart], owner: UUID) -> Released:
        flow = self._flow_of(row)
        permit: Permit | None = None
        if flow is not None and self._is_open(flow) and _admits_ground(flow.flow, row):
            permit = self._permit(flow, parts, row, owner)
        if flow is None or permit is None:
            self.forbidden.append(row.exchange)
            persons = [(part.subject, self._key(part)) for part in parts]
            self._log(Event.PURGE, row, persons, {"reason": "niet-meer-toegelaten"})
            return self._tombstone(row)
        if permit is not STANDING:
            stays = set(permit.members)
            # What was received before stays as it is for as long as it is kept.
            self.dropped += [
                (row.exchange, p.member)
                for n, p in enumerate(parts)
                if n not in stays and row.state == WAITING
            ]
        return self._hand_over(row, flow, parts, permit)

    def _hand_over(
        self, row: Queued, flow: CompiledFlow, parts: Sequence[StoredPart], permit: Permit
    ) -> Released:
        is_shorter = False
        if permit is not STANDING:
            # Whoever left before, or takes something back, leaves the parts of their message stale.
            is_shorter = not all(part.is_current or part.is_timed for part in parts)
            is_shorter |= len(permit.members) < len(parts)
            parts = [parts[n] for n in permit.members]
        persons: list[tuple[UUID, DataKey]] = []
        contents: list[bytes] = []
        place = row.exchange.bytes
        for part in parts:
            key = self._key(part)
            persons.append((part.subject, key))
            contents.append(key.open(part.box, bound_to(place, part.member)))
        if permit is not STANDING or row.protocol != self._book.protocol.digest:
            contents = self._reworked(row, flow, parts, contents, permit, is_shorter=is_shorter)
        if row.kind == REFERRAL:
            contents = [
                with_known(content, self._is_known(row, part.subject))
                for content, part in zip(contents, parts, strict=True)
            ]
        data = referral_data(contents) if row.kind == REFERRAL else status_data(contents)
        self.positions.append(row.position)
        names = field_names(categories_of(contents))
        self._log(Event.DISCLOSURE, row, persons, {"categories": names})
        message = event(
            self._tools.source,
            row.exchange,
            row.kind,
            row.position,
            row.received_at,
            flow.lineage.at(row.position).pseudonym(row.owner) if row.owner is not None else "",
            *self._sealed(data),
        )
        return Released(row.position, row.exchange, data, message)

    def _is_known(self, row: Queued, subject: UUID) -> bool | None:
        """Whether the recipient knew the person before this message; None where none can tell.

        The position counts, and not the moment: handed over again, a message says the same.
        """
        found = self._known.get(subject)
        if row.is_protected or row.usable_until is not None or found is None:
            return None
        before = self._handed.setdefault(subject, row.position)
        is_handed = found.handed_from is not None and found.handed_from < row.position
        return found.is_registered or is_handed or before < row.position

    def _sealed(self, data: bytes) -> tuple[bytes, bytes]:
        """The data as the recipient gets it, with its media type: after the Permit, never before.

        At rest it stays in parts under the members' keys: what waits must still be narrowed.
        """
        if self._sealing is None:
            return data, JSON
        return b'"%b"' % self._sealing.seal(data), JOSE

    def _flow_of(self, row: Queued) -> CompiledFlow | None:
        """The flow that it was decided by, where that is one between the same two parties today.

        A version may give its id to another: what it says of them, it says of nobody else.
        """
        flow = self._book.flow_to(self._recipient, row.flow)
        if flow is None or row.kind == NOTICE:
            return flow
        return flow if flow.flow.sender == row.sender else None

    def _is_open(self, flow: CompiledFlow) -> bool:
        """Whether the flow as a whole is open today; the same for every message of a page."""
        is_open = self._open.get(flow.flow.id)
        if is_open is None:
            today, suspended = amsterdam_day(self._now), self._book.suspended
            is_open = closed_by(self._book.table, flow.flow, suspended, today) is None
            self._open[flow.flow.id] = is_open
        return is_open

    def _permit(
        self, flow: CompiledFlow, parts: Sequence[StoredPart], row: Queued, owner: UUID
    ) -> Permit | None:
        """The Permit as it is now; `STANDING` where nothing changed since it was given.

        None where the message may not go at all. What an older protocol did not ask, today's may.
        """
        rule = flow.flow
        is_today = row.protocol == self._book.protocol.digest
        if row.usable_until is not None:
            return self._emergency_permit(flow, row)
        if row.is_protected:
            # No objection reaches what the household must not learn of.
            return self._protected_permit(flow, parts, row, owner)
        purposes = self._purposes(rule, row)
        barred = {
            n
            for n, part in enumerate(parts)
            if not purposes.isdisjoint(self._restricted.get(part.subject, ()))
        }
        if not rule.locks.agreement.required:
            return None if barred else STANDING
        if is_today and all(part.is_current for part in parts):
            return STANDING
        known = [self._persons.get(part.subject) for part in parts]
        persons = [person for person in known if person is not None]
        if len(persons) < len(parts):
            raise SealBrokenError("a member's data key does not unwrap")
        standings = standings_of(persons, rule, self._book.protocol, self._now)
        standings = [NO if n in barred else one for n, one in enumerate(standings)]
        holder = next((n for n, part in enumerate(parts) if part.subject == owner), None)
        if holder is None:
            return None
        decision = decide_on_agreement(self._book.table, rule, standings, holder)
        return decision if isinstance(decision, Permit) else None

    def _purposes(self, rule: Flow, row: Queued) -> set[str]:
        """For which a restriction or objection stops a message: its own, and those of its case.

        Its own also as the version named it by which it came.

        What waited on such a case was taken out when it was recorded (`correcting.py`); what was
        received before is not handed over once more.
        """
        purposes = {rule.purpose}
        older = self._book.older.get((row.protocol, rule.id))
        if older is not None:
            purposes.add(older.flow.purpose)
        if row.state == DONE and row.kind != REFERRAL:
            today = amsterdam_day(self._now)
            purposes |= {
                case.purpose
                for case in self._book.protocol.flows
                if may_tell_of(row.kind, row.sender, self._recipient, case, self._book, today)
            }
        return purposes

    def _emergency_permit(self, flow: CompiledFlow, row: Queued) -> Permit | None:
        """An emergency rests on nobody's agreement, and lasts until its moment and no longer."""
        if flow.emergency is None or row.usable_until is None or self._now >= row.usable_until:
            return None
        # One that the household must not learn of goes by a flow that still says so.
        return None if row.is_protected and flow.flow.protection is None else STANDING

    def _protected_permit(
        self, flow: CompiledFlow, parts: Sequence[StoredPart], row: Queued, owner: UUID
    ) -> Permit | None:
        """A protected exchange goes while its flow still protects it; nobody is asked."""
        if row.kind == REFERRAL and flow.flow.protection is None:
            return None
        if row.kind != REFERRAL or row.protocol == self._book.protocol.digest:
            return STANDING
        holder = next((n for n, part in enumerate(parts) if part.subject == owner), None)
        if holder is None:
            return None
        return permit_protected(self._book.table, flow.flow, len(parts), holder)

    def _reworked(
        self,
        row: Queued,
        flow: CompiledFlow,
        parts: Sequence[StoredPart],
        contents: Sequence[bytes],
        permit: Permit,
        *,
        is_shorter: bool,
    ) -> list[bytes]:
        """The boxes' contents as today's rules and consents have them."""
        opened = [
            piece
            for part, content in zip(parts, contents, strict=True)
            for piece in unpack(part.member, content)
        ]
        members = [part.member for part in parts]
        withheld = dict(zip(members, permit.withheld, strict=False))
        opened = reduce_stored(opened, len(parts), withheld, is_shorter=is_shorter)
        if row.protocol != self._book.protocol.digest:
            plan, plans = flow.plan, self._book.older
            if row.usable_until is not None and flow.emergency is not None:
                plan, plans = flow.emergency, self._book.older_emergency
            older = plans.get((row.protocol, flow.flow.id))
            # A version that is not known admits nothing.
            opened = plan.narrow_all(opened, older) if older is not None else []
        return [pack(piece for piece in opened if piece.member == member) for member in members]

    def _tombstone(self, row: Queued) -> Released:
        message = tombstone(self._tools.source, row.exchange, row.position, row.received_at)
        return Released(row.position, row.exchange, None, message)

    def _key(self, part: StoredPart) -> DataKey:
        stored = WrappedKey(part.epoch, part.wrapped)
        return self._tools.vault.unwrap(part.subject, CONTENT, stored)

    def _log(
        self,
        event_: Event,
        row: Queued,
        persons: Sequence[tuple[UUID, DataKey]],
        details: dict[str, object],
    ) -> None:
        leaf = event_entry(event_, row, persons, self._book, self._trace, self._millis, details)
        if event_ is Event.DISCLOSURE:
            self.leaves.append(leaf)
        else:
            self.taken_out[row.exchange] = leaf


def _admits_ground(flow: Flow, row: Queued) -> bool:
    """Whether the flow admits today the law that the message came under.

    Of what came before that was kept, nobody can tell.
    """
    return row.ground is None or not flow.admitted_grounds or row.ground in flow.admitted_grounds


def event_entry(
    event_: Event,
    row: Queued,
    persons: Sequence[tuple[UUID, DataKey]],
    book: RuleBook,
    trace: Trace,
    now: int,
    details: dict[str, object],
) -> Leaf:
    entry_id = new_id()
    entry = write_entry(
        EntryHead(entry_id, event_, trace, row.exchange, now, now),
        book.facts(
            row.flow if row.flow in book.flows else None,
            is_protected=row.is_protected,
            is_emergency=row.usable_until is not None,
        ),
        [commitment(key, entry_id, subject) for subject, key in persons],
        {"sender": row.sender, **details},
    )
    # What is about a protected exchange stands in the log of its own: its reading too.
    log = BESCHERMD if row.is_protected else None
    return Leaf(leaf_hash(entry), entry, [subject for subject, _ in persons], log)
