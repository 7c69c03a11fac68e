"""Messages that the gateway itself puts into a mailbox: recalls, advice, corrections.

A notice is an exchange of its own kind, with its own entry, and its content sealed under the key of
a person whom it concerns, so that it goes when they do. It is queued in the transaction of its
cause, after the message that it is about, so that its recipient reads them in that order. Nobody's
agreement is asked for it; the values that a rectification brings along are the exception, and go
only where the message itself still might (`release.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.recording import NOTICE, bound_reference, bound_to
from gateway.exchange.rules import RuleBook
from gateway.store.groups import BESCHERMD, WAITING, Connection, Leaf
from gateway.store.ids import new_id
from gateway.store.notices import NewNotice, NoticeRows, lock_told, persons_concerned, with_mailbox
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, Vault, WrappedKey
from schemas.notices import Advice, AdviceRule, NoticeKind
from schemas.referral import Wire

GATEWAY = "sluis"
"""Who sends a notice, in its row and its entry."""
UNCLAIMED = timedelta(days=365)
"""How long a notice waits to be fetched: longer than any message that it could be about."""
VALUES = b"\x1f"
"""Parts a notice from the values that it brings along; JSON cannot hold it unescaped."""
ALL = "*"


class Whom(NamedTuple):
    """A person of an exchange, with the key that seals and commits."""

    member: int
    subject: UUID
    key: DataKey
    gate: int


class Topic(NamedTuple):
    """What a notice is about, and whom it is for."""

    kind: NoticeKind
    about: UUID
    recipient: str
    flow: str | None
    cause: UUID | None = None
    category: str | None = None
    member: int | None = None
    is_protected: bool = False


class Lapsed(NamedTuple):
    """A person whose agreement lapsed with age, for one purpose and recipient."""

    subject: UUID
    purpose: str
    recipient: str


async def whom_of(
    connection: Connection, exchanges: Collection[UUID], vault: Vault
) -> dict[UUID, list[Whom]]:
    """Everybody whom these exchanges concern, or concerned, members in order.

    A damaged key opens nothing; its person is left out.
    """
    found: dict[UUID, list[Whom]] = {}
    for one in await persons_concerned(connection, exchanges):
        with suppress(SealBrokenError):
            key = vault.unwrap(one.subject, CONTENT, WrappedKey(one.epoch, one.wrapped))
            found.setdefault(one.exchange, []).append(Whom(one.member, one.subject, key, one.gate))
    return found


def add_notice(
    rows: NoticeRows,
    topic: Topic,
    told: Wire,
    whom: Sequence[Whom],
    book: RuleBook,
    trace: Trace,
    now: datetime,
    *,
    holder: UUID | None = None,
    keeper: Whom | None = None,
    values: bytes = b"",
) -> None:
    """One notice into `rows`. `whom` are all whom it concerns, so that nobody is pointed at.

    Sealed under the key of `holder`, or of the first; of a `keeper`, who is nobody, where it must
    outlive the persons. With `values` everybody gets a box, for then a release must pass
    everybody's gate. Where nobody is left there is nothing to tell of.
    """
    if not whom:
        return
    exchange, entry_id, nonces = new_id(), new_id(), Nonces()
    ordered = sorted(whom, key=lambda one: one.subject != holder)
    if keeper is not None:
        ordered = [keeper]
    content = told.model_dump_json(by_alias=True, exclude_none=True).encode()
    if values:
        content += VALUES + values
    for number, one in enumerate(ordered if values else ordered[:1]):
        box = one.key.seal(
            b"" if number else content, bound_to(exchange.bytes, number), nonces.take()
        )
        rows.parts.append((exchange, number, one.subject, one.gate, box))
    leaf = _entry(exchange, entry_id, topic, whom, book, trace, now)
    rows.leaves.append(leaf)
    rows.entries[exchange] = leaf
    rows.exchanges.append(
        (
            exchange,
            NOTICE,
            WAITING,
            GATEWAY,
            topic.recipient,
            topic.flow,
            0,
            topic.kind.value,
            None,
            book.protocol.digest,
            now,
            entry_id,
            new_id(),
            0,
            (),
            ordered[0].subject,
            None,
            now + UNCLAIMED,
            topic.is_protected,
        )
    )
    rows.notices.append(
        NewNotice(
            exchange,
            topic.about,
            topic.recipient,
            topic.kind.value,
            topic.cause,
            topic.category,
            topic.member,
        )
    )
    rows.mailbox.setdefault(topic.recipient, []).append(exchange)


def _entry(
    exchange: UUID,
    entry_id: UUID,
    topic: Topic,
    whom: Sequence[Whom],
    book: RuleBook,
    trace: Trace,
    now: datetime,
) -> Leaf:
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.NOTICE, trace, exchange, millis, millis),
        book.facts(topic.flow if topic.flow in book.flows else None),
        [commitment(one.key, entry_id, one.subject) for one in whom],
        {
            "about": str(topic.about),
            "notice": topic.kind.value,
            "recipient": topic.recipient,
            "sender": GATEWAY,
        },
    )
    log = BESCHERMD if topic.is_protected else None
    return Leaf(leaf_hash(entry), entry, [one.subject for one in whom], log)


def reference_of(
    exchange: UUID, owner: UUID | None, sealed: bytes | None, whom: Sequence[Whom]
) -> str | None:
    """The sender's own key of an exchange, which goes back to that sender alone."""
    for one in whom:
        if one.subject == owner and sealed is not None:
            with suppress(SealBrokenError):
                return one.key.open(sealed, bound_reference(exchange.bytes)).decode("ascii")
    return None


class EndedHold(NamedTuple):
    """A held message that is destroyed since its time is over."""

    exchange: UUID
    flow: str | None
    sender: str
    owner: UUID | None
    sealed_reference: bytes | None


async def hold_ended(
    connection: Connection,
    rows: NoticeRows,
    ended: Sequence[EndedHold],
    whom: dict[UUID, list[Whom]],
    book: RuleBook,
    trace: Trace,
    now: datetime,
) -> None:
    """Tell each sender that what it held is gone, without why agreement never came."""
    reachable = await with_mailbox(connection, {one.sender for one in ended})
    for one in ended:
        persons = whom.get(one.exchange, [])
        if one.sender not in reachable:
            continue
        reference = reference_of(one.exchange, one.owner, one.sealed_reference, persons)
        told = Advice(rule=AdviceRule.HOLD_ENDED, exchange_id=one.exchange, reference=reference)
        topic = Topic(NoticeKind.ADVICE, one.exchange, one.sender, one.flow)
        add_notice(rows, topic, told, persons, book, trace, now, holder=one.owner)


async def ask_again(
    connection: Connection,
    rows: NoticeRows,
    lapsed: Sequence[Lapsed],
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
) -> int:
    """Ask who coordinates (the recipient) for agreement anew; gives how many notices were made.

    Call behind the persons' gate. Only who was handed something of a person is asked about them:
    that somebody waits to be referred is no news for a recipient. Write `rows` afterwards with
    `write_notices`, and at the very end `write_notice_heads`.
    """
    before = len(rows.notices)
    for one in lapsed:
        newest = None
        for told in await lock_told(connection, one.subject, one.recipient):
            flow = book.flow_to(told.recipient, told.flow)
            if (
                told.is_emergency
                or told.released_at is None
                or flow is None
                or flow.flow.purpose != one.purpose
            ):
                continue
            newest = told, flow
        if newest is None:
            continue
        told, flow = newest
        whom = (await whom_of(connection, [told.exchange], vault)).get(told.exchange, [])
        advice = Advice(
            rule=AdviceRule.ASK_AGAIN,
            exchange_id=told.exchange,
            purpose=one.purpose,
            member=flow.domain.pseudonym(one.subject),
        )
        own = [person for person in whom if person.subject == one.subject]
        topic = Topic(NoticeKind.ADVICE, told.exchange, one.recipient, told.flow, None, None)
        add_notice(rows, topic, advice, own, book, trace, now, holder=one.subject)
    return len(rows.notices) - before
