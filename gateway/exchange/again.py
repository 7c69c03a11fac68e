"""One act that is done again: its transaction, and how its persons are met again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.exchange.narrowing import Known
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.store import recovery
from gateway.store.groups import Connection, NewSubject, stored_keys
from gateway.vault.boxes import CONTENT, DataKey, WrappedKey
from gateway.vault.keys import epoch_of


class Again(NamedTuple):
    """`gone` are the persons who were erased later than the act, or may have been."""

    connection: Connection
    book: RuleBook
    tools: GroupTools
    gone: frozenset[UUID]

    async def meet(self, known: Known) -> UUID | None:
        """The person, met again where need be; None where nothing of them is there to narrow."""
        handle = None if known.handle is None else bytes.fromhex(known.handle)
        if known.id in self.gone and not await recovery.is_subject(self.connection, known.id):
            return None
        epoch = epoch_of(self.tools.clock())
        _, wrapped = self.tools.vault.new_key(known.id, CONTENT, epoch)
        return await recovery.meet_again(self.connection, handle, NewSubject(known.id, *wrapped))

    async def key_of(self, subject: UUID) -> DataKey:
        """The data key of somebody who is met."""
        (stored,) = await stored_keys(self.connection, [subject])
        return self.tools.vault.unwrap(subject, CONTENT, WrappedKey(stored.epoch, stored.wrapped))

    def millis(self) -> int:
        """Now, as entries have it."""
        return int(self.tools.clock().timestamp() * 1000)


def moment_of(at: int) -> datetime:
    """When an act was done at first."""
    return datetime.fromtimestamp(at / 1000, UTC)
