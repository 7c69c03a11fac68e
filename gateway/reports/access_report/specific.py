"""A specific report: what one user did, or who looked at one person; with names, for a reason.

What the generic report hides is opened here for a privacy officer under mandate, one user or one
person at a time, with a code and a case. The look is itself an act in the access log: under the
person's commitment where it is about a person, so that it stands in their own dossier too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Act as AccessAct
from gateway.audit.access import (
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    new_trace,
)
from gateway.audit.entries import commitment
from gateway.identity.acts import Act, Sign, check_officer, signed_act
from gateway.identity.approvals import whole_second
from gateway.reports.access_report.accesses import Access, read_access
from gateway.reports.access_report.operations import operation_told
from gateway.reports.access_report.report import Names, Period
from gateway.reports.breach.scope import local
from gateway.reports.document import Document, Paragraph, Section, Table
from gateway.store import reports as store
from gateway.store.consents import subject_of
from gateway.store.groups import TOEGANG, Connection, append_leaves
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredOfficer, moment_of, officers_by_id
from gateway.vault.boxes import CONTENT, Vault, WrappedKey
from gateway.vault.keys import KeyProvider

OPERATION = "report.access.specific"


class NotFoundError(Exception):
    """Nobody in this month bears this name or number."""


@dataclass(frozen=True, slots=True)
class Question:
    """About whom, in which month, and why; `user` is an id or a number of that month's report."""

    month: str
    reason: str
    case: str
    officer: str
    user: str | None = None
    handle: bytes | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Specific:
    """What was found; each act with its user's name."""

    question: Question
    made_at: datetime
    about: str
    acts: tuple[tuple[Access, str], ...]
    names: Names


async def make_specific(
    engine: AsyncEngine, vault: Vault, keys: KeyProvider, question: Question, sign: Sign
) -> Specific:
    """Look, and record the look. Raises `MayNotActError` or `NotFoundError`."""
    async with engine.begin() as connection:
        now = whole_second(await moment_of(connection))
        officers = await officers_by_id(connection)
        officer = check_officer(officers.get(question.officer), now)
        decided = {"case": question.case, "month": question.month, "reason": question.reason}
        signed_act(officer, Act.OPEN_ACCESS, UUID(int=0), now, decided, sign)
        raw = await driver_of(connection)
        names = Names(keys, question.month)
        acts = await _acts(raw, Period(question.month))
        subject = await _subject(raw, question, names, acts)
        found = [
            act
            for act in acts
            if (subject in act.subjects if subject else _is_user(question, names, act))
        ]
        if not found and subject is None:
            raise NotFoundError("nobody acted under this name or number in this month")
        await _record(raw, vault, question, officer, subject, now)
        about = names.person(subject) if subject else _called(found[0], officers)
        told = tuple((act, _called(act, officers)) for act in found)
        return Specific(question, now, about, told, names)


async def _acts(raw: Connection, period: Period) -> list[Access]:
    begin, end = (int(at.timestamp() * 1000) for at in (period.begins, period.ends))
    acts = []
    for span in await store.spans_of(raw, TOEGANG, begin, end):
        async for page in store.leaves_of(raw, span):
            read = (read_access(leaf) for leaf in page)
            acts += [act for act in read if act is not None and begin <= act.at < end]
    return acts


async def _subject(
    raw: Connection, question: Question, names: Names, acts: list[Access]
) -> UUID | None:
    if question.handle is not None:
        subject = await subject_of(raw, question.handle)
        if subject is None:
            raise NotFoundError("nobody is known by this number")
        return subject
    if question.number is None:
        return None
    met = {subject for act in acts for subject in act.subjects}
    for subject in sorted(met):
        if names.person(subject) == question.number:
            return subject
    raise NotFoundError("this month's report has no person under this number")


def _is_user(question: Question, names: Names, act: Access) -> bool:
    number = names.actor(act.kind, act.actor).partition(" ")[0]
    return question.user in (act.actor, number) and act.actor != ""


def _called(act: Access, officers: dict[str, StoredOfficer]) -> str:
    """A user by name: an officer's own, an operator's account, a partner's id."""
    officer = officers.get(act.actor) if act.kind == ActorKind.OFFICER else None
    if officer is not None:
        return f"{officer.name} ({officer.id}, {officer.role})"
    return f"{act.actor or 'onbekend'} ({act.kind})"


async def _record(
    raw: Connection,
    vault: Vault,
    question: Question,
    officer: StoredOfficer,
    subject: UUID | None,
    now: datetime,
) -> None:
    """The look at a person, under their commitment; one at a user has the command's own entry."""
    if subject is None:
        return
    entry, millis = new_id(), int(now.timestamp() * 1000)
    committed = []
    if (stored := await store.key_of_person(raw, subject)) is not None:
        key = vault.unwrap(subject, CONTENT, WrappedKey(*stored))
        committed = [(subject, commitment(key, entry, subject))]
    act = AccessAct(
        OPERATION,
        Action.READ,
        Actor(ActorKind.OFFICER, officer.id, officer.key_id),
        new_trace(),
        millis,
        millis,
        target=Target("access-report", question.month),
        reason=Reason(question.reason, question.case),
    )
    await append_leaves(raw, TOEGANG, [access_leaf(act, committed, entry)])


HEADINGS = ("Wanneer", "Wie", "Handeling", "Waarover", "Reden", "Zaak", "Uitkomst")


def document_of(specific: Specific) -> Document:
    """The specific report as a document."""
    question = specific.question
    rows = [_row(act, who, specific.names) for act, who in specific.acts]
    return Document(
        f"Specifiek rapport over {specific.about} in {question.month}",
        (
            Paragraph(
                f"Gemaakt op {local(specific.made_at)} door {question.officer}, reden"
                f" {question.reason}, zaak {question.case}. Dit rapport noemt gebruikers bij naam:"
                " bewaar het bij de zaak en nergens anders."
            ),
        ),
        (Section("Handelingen", (Table("In de volgorde van het logboek", HEADINGS, rows),)),),
    )


def _row(act: Access, who: str, names: Names) -> tuple[str, ...]:
    about = [f"{act.target_kind} {act.target}"] if act.target else []
    about += [names.person(subject) for subject in act.subjects]
    return (
        f"{act.moment:%d-%m-%Y %H:%M:%S}",
        who,
        operation_told(act.operation),
        ", ".join(about),
        act.reason or "",
        act.case or "geen",
        f"mislukt ({act.outcome})" if act.is_error else "gedaan",
    )


def object_of(specific: Specific) -> dict[str, object]:
    """The specific report for programs."""
    question = specific.question
    rows = [_row(act, who, specific.names) for act, who in specific.acts]
    return {
        "month": question.month,
        "about": specific.about,
        "reason": question.reason,
        "case": question.case,
        "madeBy": question.officer,
        "madeAt": specific.made_at.isoformat(),
        "headings": list(HEADINGS),
        "acts": [list(row) for row in rows],
    }
