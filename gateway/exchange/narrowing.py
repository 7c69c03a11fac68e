"""What narrows what may pass, as the journal keeps it: just enough to do it again.

Each act has a line of its kind, written before the heads of the log are taken and before its
commit. Persons stand in it by their random id and keyed handle, so that somebody who was registered
after the backup is met again under the same id, and with that under the same pseudonyms; nobody's
number, name or words stand there. What widens (an agreement, a restriction lifted) has no line:
after a recovery it has to be said again. A partner that is resumed has one all the same, since its
suspensions have no id by which a later look could tell that they are over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from gateway.store.consents import NewConsent
from gateway.store.corrections import NewCorrection
from gateway.store.groups import Connection
from gateway.store.recovery import handles_of
from schemas.corrections import CorrectionKind

Line = dict[str, object]
ENDED_AT_ONCE = 250
"""Registrations in one line: a partner may end very many, and a journal's file has its bound."""


class _Narrowing(BaseModel):
    """`at` are milliseconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: int


class Known(BaseModel):
    """A person: the random id, and the handle in hexadecimal where they have one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    handle: str | None = None


class SaidNo(_Narrowing):
    """A refusal, or a withdrawal of what was agreed."""

    kind: Literal["nee"] = "nee"
    person: Known
    decider: Known | None = None
    event: UUID
    purpose: str
    recipient: str
    category: str
    decided_by: str
    decided_at: datetime
    recorded_for: str
    supersedes: UUID | None = None


class Corrected(_Narrowing):
    """A restriction or objection; or a message that was annulled, corrected or lost a member."""

    kind: Literal["correctie"] = "correctie"
    correction: UUID
    deed: CorrectionKind
    partner: str
    reference: str
    body: str
    exchange: UUID
    entry: UUID
    flow: str | None = None
    purpose: str | None = None
    person: Known | None = None
    is_protected: bool = False


class MadeSecret(_Narrowing):
    """The address of a household that became secret after its message was taken in."""

    kind: Literal["geheim-adres"] = "geheim-adres"
    exchange: UUID


class Stated(_Narrowing):
    """Who may decide for a person: a statement that differs takes away what stood before."""

    kind: Literal["gezag"] = "gezag"
    person: Known
    statement: UUID
    deed: str
    holders: list[Known]
    source: str
    as_of: date
    recorded_for: str


class NeverNotify(_Narrowing):
    """Whom never to notify of a person."""

    kind: Literal["veilig-contact"] = "veilig-contact"
    handle: str
    contacts: dict[UUID, str]
    exchange: UUID
    review_on: date
    recorded_for: str


class Erased(_Narrowing):
    """A person who was erased. By the random id only: what was registered later is somebody new."""

    kind: Literal["vernietiging"] = "vernietiging"
    subject: UUID
    is_protected: bool = False


class Ended(_Narrowing):
    """Persons whom a recipient knows no longer, with the entry that each registration began with.

    One that was made anew since began with another, and stands.
    """

    kind: Literal["registratie-beeindigd"] = "registratie-beeindigd"
    recipient: str
    registrations: dict[UUID, UUID]


class Suspended(_Narrowing):
    """A partner to and from which nothing passes."""

    kind: Literal["schorsing"] = "schorsing"
    partner: str


class Resumed(_Narrowing):
    """The end of suspensions before it. Done again it does nothing: they are left undone."""

    kind: Literal["hervatting"] = "hervatting"
    partner: str


class KeysEnded(_Narrowing):
    """A partner's key that was ended before its time, under every id that it had."""

    kind: Literal["sleutel-beeindigd"] = "sleutel-beeindigd"
    partner: str
    keys: tuple[str, ...]


Narrowing = Annotated[
    SaidNo
    | Corrected
    | MadeSecret
    | Stated
    | NeverNotify
    | Erased
    | Ended
    | Suspended
    | Resumed
    | KeysEnded,
    Field(discriminator="kind"),
]
_READING: TypeAdapter[Narrowing] = TypeAdapter(Narrowing)


def read_line(content: dict[str, object]) -> Narrowing:
    """An act from its line. Raises pydantic's `ValidationError` for one of another version."""
    return _READING.validate_python(content)


def that_stand(acts: Sequence[Narrowing]) -> list[Narrowing]:
    """The same without suspensions that were ended; `acts` are in the order of their moments."""
    ended: set[str] = set()
    stand: list[Narrowing] = []
    for act in reversed(acts):
        if isinstance(act, Resumed):
            ended.add(act.partner)
        elif not isinstance(act, Suspended) or act.partner not in ended:
            stand.append(act)
    return stand[::-1]


def _line(act: _Narrowing) -> Line:
    return act.model_dump(mode="json", exclude_none=True)


def millis(moment: datetime) -> int:
    """A moment as lines have it."""
    return int(moment.timestamp() * 1000)


def erased(subject: UUID, now: datetime, *, is_protected: bool = False) -> Line:
    """The line of an erasure; `is_protected` where it must not show in the open log."""
    return _line(Erased(at=millis(now), subject=subject, is_protected=is_protected))


def made_secret(exchange: UUID, now: datetime) -> Line:
    """The line of an address that became secret."""
    return _line(MadeSecret(at=millis(now), exchange=exchange))


def ended(recipient: str, registrations: Mapping[UUID, UUID], now: datetime) -> list[Line]:
    """The lines of registrations that end, many in one; `registrations` are entries by person."""
    whole = list(registrations.items())
    return [
        _line(
            Ended(
                at=millis(now),
                recipient=recipient,
                registrations=dict(whole[first : first + ENDED_AT_ONCE]),
            )
        )
        for first in range(0, len(whole), ENDED_AT_ONCE)
    ]


def suspended(partner: str, now: datetime) -> Line:
    """The line of a suspension."""
    return _line(Suspended(at=millis(now), partner=partner))


def resumed(partner: str, now: datetime) -> Line:
    """The line of a suspension's end; `now` is of the transaction, since a later one stands."""
    return _line(Resumed(at=millis(now), partner=partner))


def keys_ended(partner: str, keys: Sequence[str], now: datetime) -> Line:
    """The line of a key that is ended, with every id that it has."""
    return _line(KeysEnded(at=millis(now), partner=partner, keys=tuple(keys)))


async def said_no(connection: Connection, refusals: list[NewConsent], now: datetime) -> list[Line]:
    """The lines of refusals and withdrawals, one each; none for what is a yes."""
    refusals = [one for one in refusals if not one.given]
    known = await _known(connection, [i for one in refusals for i in (one.subject, one.decider)])
    return [
        _line(
            SaidNo(
                at=millis(now),
                person=known[one.subject],
                decider=None if one.decider is None else known[one.decider],
                event=one.id,
                purpose=one.purpose,
                recipient=one.recipient,
                category=one.category,
                decided_by=str(one.decided_by),
                decided_at=one.decided_at,
                recorded_for=one.recorded_for,
                supersedes=one.supersedes,
            )
        )
        for one in refusals
    ]


async def corrected(
    connection: Connection,
    new: NewCorrection,
    *,
    exchange: UUID,
    flow: str | None,
    purpose: str | None,
    person: UUID | None,
    is_protected: bool,
) -> list[Line]:
    """The line of a correction; none for a restriction that is lifted, which widens."""
    deed = CorrectionKind(new.kind)
    if deed is CorrectionKind.LIFT:
        return []
    known = await _known(connection, [person])
    return [
        _line(
            Corrected(
                at=millis(new.recorded_at),
                correction=new.id,
                deed=deed,
                partner=new.partner,
                reference=new.reference.hex(),
                body=new.body.hex(),
                exchange=exchange,
                entry=new.entry,
                flow=flow,
                purpose=purpose,
                person=None if person is None else known[person],
                is_protected=is_protected,
            )
        )
    ]


async def stated(
    connection: Connection,
    statement: UUID,
    subject: UUID,
    deed: str,
    holders: list[UUID],
    source: str,
    as_of: date,
    recorded_for: str,
    now: datetime,
) -> list[Line]:
    """The line of a statement about authority."""
    known = await _known(connection, [subject, *holders])
    return [
        _line(
            Stated(
                at=millis(now),
                person=known[subject],
                statement=statement,
                deed=deed,
                holders=[known[one] for one in holders],
                source=source,
                as_of=as_of,
                recorded_for=recorded_for,
            )
        )
    ]


def never_notify(
    handle: bytes,
    contacts: dict[UUID, str],
    exchange: UUID,
    review_on: date,
    recorded_for: str,
    now: datetime,
) -> list[Line]:
    """The line of safe contacts."""
    act = NeverNotify(
        at=millis(now),
        handle=handle.hex(),
        contacts=contacts,
        exchange=exchange,
        review_on=review_on,
        recorded_for=recorded_for,
    )
    return [_line(act)]


async def _known(connection: Connection, subjects: list[UUID | None]) -> dict[UUID, Known]:
    wanted = sorted({one for one in subjects if one is not None})
    handles = await handles_of(connection, wanted)
    found = {one: handles.get(one) for one in wanted}
    return {
        one: Known(id=one, handle=None if handle is None else handle.hex())
        for one, handle in found.items()
    }
