"""A recipient's pseudonyms renewed: decided by two officers, announced, and switched at one place.

1. Decide: a privacy officer signs which recipient moves from which epoch to which (invariant 11).
2. Confirm: another person signs the same; in that transaction the mapping is queued in the
   recipient's mailbox, in parts, about everybody whom it knows (invariant 6: it is given first).
3. Switch: once every part was received. Nobody decides or releases meanwhile (the rules' exclusive
   lock), so whom the recipient came to know since is complete in the part that closes the mapping.
   Its position ends the epoch: what stands after it bears the newer pseudonyms (ADR 0028).

Nobody but the recipient ever holds a mapping: parts are made at the hand-over (`mapping.py`), and
without an encryption key of the recipient's there is no renewal. What two officers decided can be
let be until the switch; the number of that epoch is then never used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.erasure_steps import Opened, in_turns
from gateway.exchange.mapping_parts import queue_of
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import (
    Act,
    MayNotActError,
    Sign,
    check_officer,
    check_second,
    is_genuine_act,
    signed_act,
)
from gateway.identity.approvals import whole_second
from gateway.pseudonyms.epochs import FIRST_EPOCH
from gateway.store import mapping
from gateway.store import pseudonym_epochs as store
from gateway.store.endpoints import read_endpoint
from gateway.store.erasing import officer_of
from gateway.store.groups import Connection, Leaf
from gateway.store.ids import new_id
from gateway.store.mapping import Progress
from gateway.store.pseudonym_epochs import NewEpoch, StoredEpoch

SIGNATURES = (Act.RENEW_PSEUDONYMS, Act.RENEW_PSEUDONYMS_TOO)


class NoKeyError(Exception):
    """The recipient has no encryption key, so that a mapping could not be sealed for it."""


class NothingPreparedError(Exception):
    """No renewal of this recipient's pseudonyms is under way."""


class PreparedError(Exception):
    """A renewal of this recipient's pseudonyms is under way already."""


class NotReadyError(Exception):
    """The renewal is not at this step; the message says what is missing."""


class Standing(NamedTuple):
    """One recipient: the epoch in use, since when, and what is under way."""

    recipient: str
    epoch: int
    since: datetime | None
    open: StoredEpoch | None
    signed: tuple[str, ...] = ()
    progress: Progress | None = None


class PseudonymEpochs:
    """Renews pseudonyms. `switching` opens a deciding transaction that has the rules to itself."""

    def __init__(self, opened: Opened, switching: Opened, clock: Callable[[], datetime]) -> None:
        self._opened = opened
        self._switching = switching
        self._clock = clock

    async def prepare(self, recipient: str, case: str, officer_id: str, sign: Sign) -> StoredEpoch:
        """1. Record a decision with its first signature.

        Raises `NotAPartyError`, `NoKeyError`, `PreparedError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> StoredEpoch:
            now = whole_second(self._clock())
            officer = check_officer(await officer_of(connection, officer_id), now)
            await _check_key(connection, recipient)
            earlier = await store.epochs_of(connection, recipient)
            used, switched = _used(earlier), [one for one in earlier if one.switched_at is not None]
            new = NewEpoch(
                new_id(), recipient, used + 1,
                switched[-1].epoch if switched else FIRST_EPOCH, case, now, new_id(),
            )  # fmt: skip
            if not await store.insert_epoch(connection, new):
                raise PreparedError("a renewal of this recipient's pseudonyms is under way")
            stored = StoredEpoch(*new, None, None, None, None)
            act = Act.RENEW_PSEUDONYMS
            signature = signed_act(officer, act, stored.id, now, signed_of(stored), sign)
            await store.insert_signature(connection, new.id, officer.id, act, now, signature)
            leaf = step_leaf(book, stored, "besloten", now, stored.entry)
            await mapping.write_part_heads(connection, recipient, [], [leaf])
            return stored

        return await in_turns(self._opened, work)

    async def confirm(self, recipient: str, officer_id: str, sign: Sign) -> Progress:
        """2. The second signature, of another person, and the mapping into the mailbox.

        Raises `NothingPreparedError`, `NotReadyError`, `NoKeyError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> Progress:
            now = whole_second(self._clock())
            found = await _under_way(connection, recipient)
            if found.announced_at is not None:
                raise NotReadyError("the mapping is in the recipient's mailbox already")
            await _check_key(connection, recipient)
            first = (await store.signatures_of(connection, found.id))[0]
            by = await officer_of(connection, first[0])
            assert by is not None  # noqa: S101  # the signature refers to their row
            officer = check_second(await officer_of(connection, officer_id), by, now)
            act = Act.RENEW_PSEUDONYMS_TOO
            signature = signed_act(officer, act, found.id, now, signed_of(found), sign)
            if not await store.insert_signature(
                connection, found.id, officer.id, act, now, signature
            ):
                raise NotReadyError("it was signed so before")
            await _check_signatures(connection, found)
            await store.note_announced(connection, found.id, now)
            parts = await queue_of(connection, found, book, now, closes=False)
            leaf = step_leaf(book, found, "aangekondigd", now)
            await mapping.write_part_heads(connection, recipient, parts, [leaf])
            return await mapping.progress_of(connection, found.id)

        return await in_turns(self._opened, work)

    async def switch(self, recipient: str) -> StoredEpoch:
        """3. Close the mapping and end the epoch.

        Raises `NothingPreparedError`, `NotReadyError`, `NoKeyError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> StoredEpoch:
            now = self._clock()
            found = await _under_way(connection, recipient)
            await _check_signatures(connection, found)
            await _check_key(connection, recipient)
            _check_received(found, await mapping.progress_of(connection, found.id))
            await store.forget_older(connection, found)
            parts = await queue_of(connection, found, book, now, closes=True)
            leaf = step_leaf(book, found, "gewisseld", now)
            await mapping.write_part_heads(connection, recipient, parts, [leaf])
            after = await store.note_switched(connection, found, now)
            return found._replace(switched_at=now, after_position=after)

        return await in_turns(self._switching, work)

    async def withdraw(self, recipient: str, officer_id: str, sign: Sign) -> StoredEpoch:
        """Let a renewal be; the recipient drops what it got of the mapping by the next one.

        Raises `NothingPreparedError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> StoredEpoch:
            now = whole_second(self._clock())
            found = await _under_way(connection, recipient)
            officer = check_officer(await officer_of(connection, officer_id), now)
            signed_act(officer, Act.KEEP_PSEUDONYMS, found.id, now, signed_of(found), sign)
            await store.note_withdrawn(connection, found.id, now)
            leaf = step_leaf(book, found, "ingetrokken", now)
            await mapping.write_part_heads(connection, recipient, [], [leaf])
            return found

        return await in_turns(self._opened, work)

    async def shown(self) -> list[Standing]:
        """Every recipient whose pseudonyms were ever renewed, or are being; all others are at 1."""

        async def work(connection: Connection, _: RuleBook) -> list[Standing]:
            by_recipient: dict[str, list[StoredEpoch]] = {}
            for one in await store.epochs_of(connection, None):
                by_recipient.setdefault(one.recipient, []).append(one)
            return [
                await _standing(connection, recipient, epochs)
                for recipient, epochs in by_recipient.items()
            ]

        return await in_turns(self._opened, work)


def signed_of(epoch: StoredEpoch) -> dict[str, str]:
    """What every signature of a decision is on."""
    return {
        "case": epoch.case,
        "epoch": str(epoch.epoch),
        "from": str(epoch.from_epoch),
        "recipient": epoch.recipient,
    }


def step_leaf(
    book: RuleBook, epoch: StoredEpoch, step: str, now: datetime, entry_id: UUID | None = None
) -> Leaf:
    """The entry of a step, about nobody; who took it stands in the access log."""
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id or new_id(), Event.PSEUDONYM_EPOCH, new_trace(), None, millis, millis),
        book.renewal,
        [],
        {
            "decision": str(epoch.id),
            "epoch": epoch.epoch,
            "fromEpoch": epoch.from_epoch,
            "recipient": epoch.recipient,
            "step": step,
        },
    )
    return Leaf(leaf_hash(entry), entry, [])


async def _check_key(connection: Connection, recipient: str) -> None:
    if not await store.has_mailbox(connection, recipient):
        raise NotAPartyError("no partner with a mailbox has this id")
    endpoint = await read_endpoint(connection, recipient)
    if endpoint is None or endpoint.encryption_key is None:
        raise NoKeyError("the recipient registered no encryption key")


async def _under_way(connection: Connection, recipient: str) -> StoredEpoch:
    found = await store.lock_open(connection, recipient)
    if found is None:
        raise NothingPreparedError("no renewal of this recipient's pseudonyms is under way")
    return found


async def _check_signatures(connection: Connection, epoch: StoredEpoch) -> None:
    """Look at both signatures again, from the registered keys. Raises `MayNotActError`."""
    lacking = set(SIGNATURES)
    for officer_id, act, moment, signature in await store.signatures_of(connection, epoch.id):
        officer = await officer_of(connection, officer_id)
        assert officer is not None  # noqa: S101  # the signature refers to their row
        if not is_genuine_act(officer, Act(act), epoch.id, moment, signed_of(epoch), signature):
            raise MayNotActError(f"the signature of {officer_id} does not verify")
        lacking.discard(Act(act))
    if lacking:
        raise MayNotActError("the second officer did not sign yet")


def _check_received(epoch: StoredEpoch, progress: Progress) -> None:
    if epoch.announced_at is None:
        raise NotReadyError("the second officer did not sign yet")
    if progress.lost:
        raise NotReadyError("a part was taken out of the mailbox: withdraw, and prepare again")
    if progress.received < progress.parts:
        waiting = progress.parts - progress.received
        raise NotReadyError(
            f"the recipient did not acknowledge {waiting} of {progress.parts} parts"
        )


async def _standing(
    connection: Connection, recipient: str, epochs: Sequence[StoredEpoch]
) -> Standing:
    switched = [one for one in epochs if one.switched_at is not None]
    last = switched[-1] if switched else None
    epoch, since = (FIRST_EPOCH, None) if last is None else (last.epoch, last.switched_at)
    is_open = [one for one in epochs if one.switched_at is None and one.withdrawn_at is None]
    if not is_open:
        return Standing(recipient, epoch, since, None)
    signed = tuple(one[0] for one in await store.signatures_of(connection, is_open[0].id))
    progress = await mapping.progress_of(connection, is_open[0].id)
    return Standing(recipient, epoch, since, is_open[0], signed, progress)


def _used(epochs: Sequence[StoredEpoch]) -> int:
    return max((one.epoch for one in epochs), default=FIRST_EPOCH)
