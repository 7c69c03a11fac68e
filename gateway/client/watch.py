"""The partner as a witness: at every call, what the gateway says of its log is compared.

Each answer bears the newest checkpoint of the processing log. It is remembered (memory.py), and a
later one must extend it. What contradicts at sight (one size, two roots) is seen at once; the rest
costs a proof, so it is asked for at most once a second and at a session's end, and always before
the next message goes out: nobody sends a household to a gateway that rewrites its log, until a
person has explained the evidence and taken it away. What narrows goes out all the same (a
withdrawal, a correction), and the answer to the call at hand is never lost over it.

A gateway that cannot be reached proves nothing and contradicts nothing: it is asked again. One
that answers, and cannot show that its log holds what it signed before, has contradicted itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field

from gateway.client.answers import read
from gateway.client.checkpoints import (
    EvidenceError,
    LogKey,
    Stated,
    from_base64,
    leaf_hash_of,
    read_checkpoint,
    read_key,
    verify_consistency,
    verify_inclusion,
    verify_signed,
)
from gateway.client.errors import Contradicted, Declined, SluisError
from gateway.client.memory import SERIES, CheckpointMemory

EVERY_SECONDS = 1.0
NAMED_WITHIN = 600.0
"""Seconds within which a new volume must name the one before; the gateway does it in one or two."""
_LOG = f"/v1/logboek/{SERIES}"
_MOST_VOLUMES = 40
_MOST_PENDING = 16
_LAST_LOOKS = 2

Ask = Callable[[str, dict[str, str]], Awaitable[bytes]]
"""A GET as this partner: a path and a query to the body; raises `SluisError`."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Keys(_Told):
    processing: str = Field(alias="verwerkingen")


class _Consistency(_Told):
    path: list[str] = Field(alias="pad")


class _Opening(_Told):
    entry: str = Field(alias="regel")
    index: int
    size: int = Field(alias="omvang")
    path: list[str] = Field(alias="pad")
    checkpoint: str = Field(alias="controlepunt")


class _Tree(_Told):
    size: int
    root: str


class _Restored(_Tree):
    """What a database that was put back still had: of the same volume, or of an older one."""

    origin: str | None = None


class _Predecessor(_Tree):
    """What was stated of a volume last."""

    origin: str
    restored: _Restored | None = None

    @property
    def left(self) -> str:
        """The volume of which something is left."""
        return (self.restored and self.restored.origin) or self.origin


class _NamingEntry(_Told):
    event: str
    predecessor: _Predecessor


class LogWatch:
    """Watches one gateway's processing log for one partner."""

    def __init__(
        self,
        memory: CheckpointMemory,
        ask: Ask,
        *,
        elapsed: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._ask = ask
        self._elapsed = elapsed
        self._now = now
        self._kept = memory.kept()
        self._key = memory.key()
        self._last = ""
        self._pending: list[Stated] = []
        self._contradiction = _unexplained(memory)
        self._is_checking = False
        self._check_at = 0.0

    @property
    def key(self) -> LogKey | None:
        """The log's key, once it is known."""
        return self._key

    @property
    def kept(self) -> Stated | None:
        """The newest checkpoint that was checked."""
        return self._kept

    def heard(self, header: str | None) -> None:
        """Note what an answer says of the log; raises nothing, and costs little when it repeats."""
        if header is None or header == self._last:
            return
        self._last = header
        try:
            stated = read_checkpoint(base64.b64decode(header, validate=True))
        except (EvidenceError, binascii.Error, ValueError):
            return  # a proxy's own word, perhaps; what was signed comes again
        self.shown(stated)

    def shown(self, stated: Stated) -> None:
        """The same for a checkpoint that came in another way, such as beside a proof."""
        if stated in self._pending or (self._kept is not None and _agree(stated, self._kept)):
            return
        # Each of them, not the newest alone: a view that was shown once is no less a view.
        self._pending.append(stated)
        is_fork = self._kept is not None and _is_fork(stated, self._kept)
        if is_fork or len(self._pending) > _MOST_PENDING:
            self._check_at = 0.0

    async def before_call(self) -> None:
        """Compare what is to be compared, if it is time; raise `Contradicted`."""
        if self._contradiction is not None:
            raise self._contradiction
        if self._pending and not self._is_checking and self._elapsed() >= self._check_at:
            await self._check()

    async def at_end(self) -> None:
        """Compare what is left; raise `Contradicted`."""
        if self._contradiction is not None:
            raise self._contradiction
        # More than once: looking brings answers that say something newer, or another session did.
        for _ in range(_LAST_LOOKS):
            if self._pending and not self._is_checking:
                await self._check()

    async def known_key(self) -> LogKey:
        """The log's key; asked for at first sight, and kept."""
        if self._key is None:
            told = read(_Keys, await self._ask("/v1/logboek/sleutels", {}))
            self._key = self._memory.pin(read_key(told.processing))
        return self._key

    async def _check(self) -> None:
        waiting, self._pending = sorted(self._pending, key=lambda one: one.size), []
        self._is_checking = True
        try:
            while waiting:
                if self._kept is None or not _agree(waiting[0], self._kept):
                    await self._compare(waiting[0])
                waiting.pop(0)
        except EvidenceError as error:
            self._contradiction = self._contradicted(waiting[0], str(error))
            raise self._contradiction from None
        except SluisError:
            # Nothing was learnt: the same are looked at again.
            self._pending = [*waiting, *self._pending]
        finally:
            self._is_checking = False
            self._check_at = self._elapsed() + EVERY_SECONDS

    async def _compare(self, stated: Stated) -> None:
        key = await self.known_key()
        if _series_of(stated.origin) != _series_of(key.name):
            raise EvidenceError("the checkpoint is of another gateway's log")
        verify_signed(stated, key.named(stated.origin))
        if self._kept is None:
            await self._keep(stated, None)
            return
        if stated.origin != self._kept.origin:
            # The newest says whether a new volume was begun, or this is an answer from before.
            stated = await self._newest(key)
        if stated.origin != self._kept.origin and not await self._follow(self._kept, stated, key):
            return
        await self._extend(stated, key)

    async def _extend(self, stated: Stated, key: LogKey) -> None:
        """A checkpoint of the volume that the kept one is of."""
        kept = self._kept
        if kept is None or stated.origin != kept.origin:
            return  # it is compared with what was kept meanwhile, at the next turn
        if stated.size >= kept.size:
            await self._prove(kept, stated.size, stated.root)
            if stated.size > kept.size:
                await self._keep(stated, kept)
            return
        # Smaller than what was seen: an older answer, or a log that was rolled back. The newest
        # one says which; the older one must be a beginning of what was kept either way.
        fresh = await self._newest(key)
        if fresh.origin == kept.origin:
            if fresh.size < kept.size:
                raise EvidenceError("the log is shorter than it was")
            await self._prove(kept, fresh.size, fresh.root)
        await self._prove(stated, kept.size, kept.root)

    async def _prove(self, old: Stated, size: int, root: bytes) -> None:
        proof: list[bytes] = []
        if 0 < old.size < size:
            query = {"van": str(old.size), "tot": str(size), "deel": _volume_of(old.origin)}
            asked = await self._shown_or_owned_up(f"{_LOG}/samenhang", query)
            proof = [from_base64(step) for step in read(_Consistency, asked).path]
        verify_consistency(old, size, root, proof)

    async def _newest(self, key: LogKey) -> Stated:
        newest = read_checkpoint(await self._ask(f"{_LOG}/checkpoint", {}))
        verify_signed(newest, key.named(newest.origin))
        return newest

    async def _follow(self, kept: Stated, stated: Stated, key: LogKey) -> bool:
        """From a new volume back to the kept one, each named by the next; False: not named yet."""
        newest: Stated | None = None
        origin = stated.origin
        for _ in range(_MOST_VOLUMES):
            opening = await self._opening(origin)
            if opening is None:
                if self._memory.unnamed_for(self._now()) > NAMED_WITHIN:
                    raise EvidenceError("a new volume does not name the one before it")
                self._pending.append(stated)
                return False
            found, named = _named_by(opening, key.named(origin))
            if found.origin != origin:
                raise EvidenceError("the opening entry is of another volume")
            newest = newest or found
            if kept.origin in (named.origin, named.left):
                await self._ends(kept, named)
                await self._keep(newest, kept)
                return True
            origin = named.origin
        raise EvidenceError("the new volume does not lead back to the one that was seen")

    async def _ends(self, kept: Stated, named: _Predecessor) -> None:
        """The volume that was seen ends where the next one says that it did."""
        end: _Tree | None = named if kept.origin == named.origin else named.restored
        if end is None or end.size < kept.size:
            raise EvidenceError("the new volume names an older end than was seen")
        if end is named and named.restored is not None and named.size != kept.size:
            end = named.restored if named.left == named.origin else None
        if end is not None and kept.size <= end.size:
            await self._prove(kept, end.size, from_base64(end.root))
        # What lies beyond the size that a database was put back to is gone, and said to be gone:
        # it can be proven no more, and the receipts of it say what to send again.

    async def _opening(self, origin: str) -> _Opening | None:
        query = {"deel": _volume_of(origin)}
        try:
            return read(_Opening, await self._ask(f"{_LOG}/voorganger", query))
        except Declined as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _shown_or_owned_up(self, path: str, query: dict[str, str]) -> bytes:
        try:
            return await self._ask(path, query)
        except Declined as error:
            if error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                raise EvidenceError(
                    "the gateway cannot show that its log holds what it signed"
                ) from None
            raise

    async def _keep(self, newer: Stated, instead_of: Stated | None) -> None:
        if self._memory.keep(newer, instead_of):
            self._kept = newer
        else:
            self._kept = self._memory.kept()
            self._pending.append(newer)

    def _contradicted(self, shown: Stated, rule: str) -> Contradicted:
        notes = {"getoond": shown.note}
        if self._kept is not None:
            notes["bewaard"] = self._kept.note
        place = self._memory.keep_evidence(notes, rule)
        return Contradicted(f"the gateway's log contradicts what it showed before: {rule}", place)


def _named_by(opening: _Opening, key: LogKey) -> tuple[Stated, _Predecessor]:
    """The checkpoint that an opening entry is proven in, and the volume that it names."""
    stated = read_checkpoint(opening.checkpoint.encode())
    verify_signed(stated, key)
    entry = from_base64(opening.entry)
    path = [from_base64(step) for step in opening.path]
    if opening.size != stated.size:
        raise EvidenceError("the proof is of another size than its checkpoint")
    verify_inclusion(leaf_hash_of(entry), opening.index, stated.size, path, stated.root)
    try:
        naming = _NamingEntry.model_validate(json.loads(entry))
    except (ValueError, RecursionError):
        raise EvidenceError("the opening entry names no volume") from None
    if naming.event != "voorganger":
        raise EvidenceError("the opening entry names no volume")
    return stated, naming.predecessor


def _unexplained(memory: CheckpointMemory) -> Contradicted | None:
    """A contradiction of an earlier session, until a person has taken its evidence away."""
    places = memory.evidence()
    if not places:
        return None
    return Contradicted("the gateway's log contradicted what it showed before", places[-1])


def _agree(one: Stated, other: Stated) -> bool:
    return (one.origin, one.size, one.root) == (other.origin, other.size, other.root)


def _is_fork(one: Stated, other: Stated) -> bool:
    return (one.origin, one.size) == (other.origin, other.size) and one.root != other.root


def _series_of(origin: str) -> tuple[str, ...]:
    return tuple(origin.split("/")[:3])


def _volume_of(origin: str) -> str:
    """The volume's name; none for what was begun before volumes had names."""
    return "/".join(origin.split("/")[3:])
