"""Corrections that are done again: what was restricted, objected to, annulled or changed.

The values of a rectification are not in the journal, since they are somebody's name or address:
what waits of such a message goes, and its sender sends it again.
"""

from __future__ import annotations

from gateway.audit.access import new_trace
from gateway.exchange.again import Again, moment_of
from gateway.exchange.correcting import Case
from gateway.exchange.corrections import apply, correction_leaf
from gateway.exchange.narrowing import Corrected
from gateway.exchange.notices import Whom, whom_of
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.recall import flow_then
from gateway.exchange.recording import REFERRAL
from gateway.store import corrections, recovery
from gateway.store.consents import held_together, lock_persons, raise_gate
from gateway.store.corrections import NewCorrection, Subject
from gateway.store.groups import (
    CLEARED,
    HELD,
    VERWERKINGEN,
    WAITING,
    Connection,
    append_leaves,
)
from gateway.store.ids import new_id
from gateway.store.mailbox import purge_exchanges
from schemas.corrections import CorrectionKind


async def correct_again(again: Again, act: Corrected) -> bool:
    """Whether there was anything left to do."""
    connection = again.connection
    if await recovery.is_correction_known(connection, act.correction):
        return False
    case = await _case(again, act)
    if case is None:
        return False
    if act.deed is CorrectionKind.RECTIFY:
        return await _take_out(connection, case)
    row = NewCorrection(
        act.correction, act.partner, bytes.fromhex(act.reference), bytes.fromhex(act.body),
        act.exchange, act.deed.value, case.entry, moment_of(act.at),
    )  # fmt: skip
    # So that its partner can lift it, and a repeat is known.
    await recovery.put_correction(connection, row, act.exchange)
    if case.flow is None and case.person is not None and act.purpose is not None:
        # No flow of the protocol in force has this purpose; of a later version one may.
        await corrections.restrict(
            connection, case.person.subject, act.purpose, act.correction, case.now, is_lifted=False
        )
        await raise_gate(connection, case.person.subject)
        leaf = correction_leaf(case, str(act.entry))
        await append_leaves(connection, VERWERKINGEN, [leaf])
    else:
        await apply(connection, case, replayed=str(act.entry))
    return True


async def _case(again: Again, act: Corrected) -> Case | None:
    """The correction as it would be opened now; None where there is nothing to narrow."""
    connection, book = again.connection, again.book
    is_of_person = act.deed in (CorrectionKind.RESTRICT, CorrectionKind.OBJECT)
    subject = await corrections.corrected(connection, act.exchange, locks=False)
    person = None if act.person is None else await again.meet(act.person)
    if is_of_person:
        if person is None:
            return None
        # It stands against person and purpose, also where the message itself is gone.
        subject = subject or Subject(
            act.exchange, REFERRAL, CLEARED, act.flow, b"", act.partner, None, None, False,
            act.is_protected,
        )  # fmt: skip
    elif subject is None:
        return None
    vault = again.tools.vault
    whom = (await whom_of(connection, [act.exchange], vault)).get(act.exchange, [])
    gate = {one.subject for one in whom} | ({person} if person is not None else set())
    for one in whom:
        gate |= await held_together(connection, one.subject)
    await lock_persons(connection, gate)
    whom = (await whom_of(connection, [act.exchange], vault)).get(act.exchange, [])
    named = next((one for one in whom if one.subject == person), None)
    if person is not None and named is None:
        if not is_of_person:
            return None
        named = Whom(0, person, await again.key_of(person), 0)
    if not is_of_person:
        subject = await corrections.corrected(connection, act.exchange, locks=True) or subject
    flow = next(
        (f.flow for f in book.flows.values() if act.purpose and f.flow.purpose == act.purpose),
        None,
    )
    compiled = book.flows.get(subject.flow or "")
    if compiled is not None:
        flow = compiled.flow
    elif flow is None:
        flow = await flow_then(connection, subject.protocol, subject.flow)
    if flow is None and not is_of_person and act.deed is not CorrectionKind.ANNUL:
        return None
    return Case(
        act.correction, act.deed, act.partner, subject, flow, whom, named, None, book,
        again.tools, new_trace(), again.tools.clock(), new_id(),
    )  # fmt: skip


async def _take_out(connection: Connection, case: Case) -> bool:
    """Nobody is told: who has it already got the new values."""
    subject = case.subject
    if subject.state not in (WAITING, HELD):
        return False
    purged = Purged(subject.exchange, subject.flow, subject.sender, subject.is_protected)
    persons = [(one.subject, one.key) for one in case.whom]
    leaf = purge_leaf(purged, persons, case.kind.value, case.book, case.trace, case.now)
    await purge_exchanges(connection, [subject.exchange])
    await append_leaves(connection, VERWERKINGEN, [leaf])
    return True
