"""Persons as a deciding transaction knows them: key, agreements, and what bears on who decides.

Everything here is read behind the gate, in a fixed number of queries however many persons there
are. Birth dates stand sealed on the person's row, and are opened to decide and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from consent.decide import asked_of
from consent.protocol import Flow, Protocol
from consent.register import REFUSED, ConsentEvent, Standing, standing
from consent.representation import UNKNOWN, PersonFacts, Statement
from gateway.exchange.tools import GroupTools
from gateway.store.consents import subject_of
from gateway.store.groups import Connection, NewSubject, StoredKey, admit_subjects, stored_keys
from gateway.store.ids import new_id
from gateway.store.notices import restricted
from gateway.store.register import stored_consents, stored_statements
from gateway.vault import kept_forms
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.referral import AuthorityKind

NOBODY: Mapping[UUID, Person] = MappingProxyType({})


class Person:
    """A data subject as this transaction knows them: random id, key, and recorded agreement.

    `gate` counts the changes of their consents; a release compares it with what a decision saw.
    `barred` are the purposes for which processing is restricted or objected to.
    """

    __slots__ = ("barred", "consents", "facts", "gate", "id", "key")

    def __init__(
        self, subject: UUID, key: DataKey, gate: int = 0, facts: PersonFacts = UNKNOWN
    ) -> None:
        self.id = subject
        self.key = key
        self.consents: list[ConsentEvent] = []
        self.gate = gate
        self.facts = facts
        self.barred: frozenset[str] = frozenset()


async def read_persons(
    connection: Connection, subjects: Sequence[UUID], vault: Vault, *, skips_damaged: bool = False
) -> dict[UUID, Person]:
    """These persons as they are behind the gate; who was erased is not among them.

    Raises `SealBrokenError` for a key that does not unwrap, unless such persons are to be skipped.
    """
    stored = await stored_keys(connection, subjects)
    return await with_register(connection, stored, vault, skips_damaged=skips_damaged)


async def with_register(
    connection: Connection,
    rows: Sequence[StoredKey],
    vault: Vault,
    *,
    skips_damaged: bool = False,
    fresh: Mapping[UUID, Person] = NOBODY,
) -> dict[UUID, Person]:
    """Persons whose rows were read behind the gate, with what the register has of them.

    `fresh` are those who were registered in this transaction, with their key at hand.
    """
    persons: dict[UUID, Person] = {}
    subjects = [stored.subject for stored in rows]
    for stored in rows:
        made = fresh.get(stored.subject)
        if made is not None:
            persons[stored.subject] = made
            continue
        wrapped = WrappedKey(stored.epoch, stored.wrapped)
        try:
            key = vault.unwrap(stored.subject, CONTENT, wrapped)
        except SealBrokenError:
            if skips_damaged:
                continue
            raise
        births = open_births(stored.subject, key, stored.facts)
        facts = PersonFacts(births) if births else UNKNOWN
        persons[stored.subject] = Person(stored.subject, key, stored.gate, facts)
    for subject, event in await stored_consents(connection, subjects):
        if subject in persons:
            persons[subject].consents.append(event)
    stated: dict[UUID, list[Statement]] = {}
    for one in await stored_statements(connection, subjects):
        statement = Statement(
            AuthorityKind(one.kind), frozenset(one.holders), one.source, one.as_of
        )
        stated.setdefault(one.subject, []).append(statement)
    for subject, statements in stated.items():
        if subject in persons:
            person = persons[subject]
            person.facts = PersonFacts(person.facts.births, tuple(statements))
    for subject, purposes in (await restricted(connection, subjects)).items():
        if subject in persons:
            persons[subject].barred = purposes
    return persons


def standings_of(
    persons: Iterable[Person], flow: Flow, protocol: Protocol, now: datetime
) -> list[Standing]:
    """Where each of these persons stands on what a flow asks.

    Who restricted or objected to this purpose stands at no, whatever was agreed (GDPR articles 18
    and 21).
    """
    asked = asked_of(flow, protocol, now)
    return [
        REFUSED if flow.purpose in person.barred else standing(person.consents, asked, person.facts)
        for person in persons
    ]


seal_births, open_births = kept_forms.seal_births, kept_forms.open_births
"""Birth dates as they stand on a person's row."""


async def known_or_new(connection: Connection, handle: bytes, tools: GroupTools) -> UUID:
    """The person behind a handle, registered with a fresh key if nobody met them before."""
    subject = new_id()
    _, wrapped = tools.vault.new_key(subject, CONTENT, epoch_of(tools.clock()))
    await admit_subjects(connection, {handle: NewSubject(subject, *wrapped)}, [])
    found = await subject_of(connection, handle)
    return subject if found is None else found
