"""Who may never be notified of a person, said by a party of a protected exchange.

The list stands by the person's handle, so that it works on notices about them whatever they are in,
and without their being registered anywhere else. To whoever is no party the exchange does not
exist, nor does a person who is not in it: the answers are one.
"""

from __future__ import annotations

import asyncpg

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import narrowing
from gateway.exchange.deciding import LoadBook, NotAPartyError, deciding
from gateway.exchange.oversight import facts_of
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import Handles
from gateway.store import protected as store
from gateway.store.groups import BESCHERMD, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.protected import SafeContact
from gateway.vault.boxes import CONTENT, WrappedKey
from schemas.protection import SafeContactReceipt, SafeContactRequest


class SafeContacts:
    """Records who may never be notified; one instance serves the process."""

    def __init__(
        self, pool: asyncpg.Pool, load_book: LoadBook, handles: Handles, tools: GroupTools
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._handles = handles
        self._tools = tools

    async def record(
        self, partner: str, request: SafeContactRequest, trace: Trace
    ) -> SafeContactReceipt:
        """Record contacts of one person. Raises `NotAPartyError`."""
        handle = self._handles.of(request.bsn)
        apart = self._tools.protected.handles.of(handle)
        async with deciding(self._pool, self._load_book) as (connection, _):
            now, entry_id = self._tools.clock(), new_id()
            exchange = request.exchange_id
            member = await store.member_of_protected(connection, exchange, partner, apart)
            decided = await store.decided_exchange(connection, exchange)
            if member is None or decided is None:
                raise NotAPartyError("exchange")
            contacts = [
                SafeContact(new_id(), exchange, contact, request.review_on, partner, now)
                for contact in request.contacts
            ]
            names = {one.id: one.contact for one in contacts}
            await self._tools.journal.write(
                narrowing.never_notify(handle, names, exchange, request.review_on, partner, now)
            )
            await store.insert_contacts(connection, handle, contacts)
            wrapped = WrappedKey(member.epoch, member.wrapped)
            key = self._tools.vault.unwrap(member.subject, CONTENT, wrapped)
            millis = int(now.timestamp() * 1000)
            entry = write_entry(
                EntryHead(entry_id, Event.SAFE_CONTACT, trace, exchange, millis, millis),
                facts_of(decided),
                [commitment(key, entry_id, member.subject)],
                {"sender": partner, "step": "vastgelegd"},
            )
            leaf = Leaf(leaf_hash(entry), entry, [member.subject], BESCHERMD)
            await append_leaves(connection, BESCHERMD, [leaf])
        return SafeContactReceipt(exchange_id=exchange, entry_id=entry_id, recorded_at=now)
