"""The partner's own record of what the gateway acknowledged: receipts (ontvangstbewijzen).

Each answer is kept with its signed promise before the caller has it, and its inclusion proof once
there is one; of a delivery's records, which have no promise of their own, what was decided. So a
partner can show later what the gateway took on, and reconcile it with the log (`sluis log
reconcile`). No content and no reference of a message is kept here: an answer names an exchange.

JSON Lines in numbered files of some megabytes. When there are too many, the oldest go whose
promises were all kept; what was promised and not proven stays. A line that nobody knows, or that a
crash left half-written, is passed over by readers.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError

from gateway.client.disk import append_lines, flush_folder
from schemas.deliveries import RecordOutcome
from schemas.receipts import Answer

FOLDER = "ontvangstbewijzen"
SEGMENT_BYTES = 8 * 1024 * 1024
MAX_SEGMENTS = 32
_ANSWER, _OUTCOME, _PROOF = "ontvangst", "uitkomst", "bewijs"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer with its promise."""

    kept_at: datetime
    answer: Answer

    @property
    def leaf_hash(self) -> bytes:
        """The hash of the entry that was promised."""
        return base64.b64decode(self.answer.receipt.leaf_hash)


@dataclass(frozen=True, slots=True)
class KeptOutcome:
    """What was decided on one record of a delivery."""

    kept_at: datetime
    delivery_id: UUID
    record: int
    exchange_id: UUID | None
    decision: str
    rule: str


@dataclass(frozen=True, slots=True)
class KeptProof:
    """A promise that was kept: where its entry stands, under a signed checkpoint."""

    kept_at: datetime
    leaf_hash: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: str


Kept = KeptAnswer | KeptOutcome | KeptProof


class ReceiptBook:
    """Writes one partner's receipts; several processes may do so at once."""

    def __init__(self, partner_folder: Path) -> None:
        self.folder = partner_folder / FOLDER
        self._waiting: list[bytes] = []
        self._next: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def keep_answer(self, answer: Answer) -> KeptAnswer:
        """On disk when this returns; raises `OSError` where it cannot be."""
        kept = KeptAnswer(_now(), answer)
        told = {"antwoord": answer.model_dump(mode="json", by_alias=True, exclude_none=True)}
        await self._write([_line(_ANSWER, kept.kept_at, told)])
        return kept

    async def keep_outcomes(self, delivery: UUID, outcomes: Sequence[RecordOutcome]) -> None:
        """The same for a page of a delivery's records."""
        now = _now()
        await self._write([_line(_OUTCOME, now, _outcome(delivery, one)) for one in outcomes])

    async def keep_proof(self, proof: KeptProof) -> None:
        """The same for an inclusion proof, which was verified before."""
        told = {
            "bladhash": _b64(proof.leaf_hash),
            "index": proof.index,
            "omvang": proof.size,
            "pad": [_b64(step) for step in proof.path],
            "controlepunt": proof.checkpoint,
        }
        await self._write([_line(_PROOF, proof.kept_at, told)])

    async def _write(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        self._waiting += lines
        if self._next is None:
            self._next = asyncio.create_task(self._flush())
        # Shielded: whoever gives up waiting must not leave the others' receipts unwritten.
        await asyncio.shield(self._next)

    async def _flush(self) -> None:
        """What came while the last write ran goes together, under one flush to disk."""
        async with self._one_at_a_time:
            batch, self._waiting, self._next = self._waiting, [], None
            await asyncio.to_thread(self._append, b"".join(batch))

    def _append(self, lines: bytes) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            flush_folder(self.folder.parent)
        segments = segments_of(self.folder)
        newest = segments[-1] if segments else self.folder / "000001.jsonl"
        if newest.exists() and newest.stat().st_size >= SEGMENT_BYTES:
            newest = self.folder / f"{int(newest.stem) + 1:06d}.jsonl"
            if len(segments) >= MAX_SEGMENTS:
                drop_oldest(self.folder)
        append_lines(newest, lines)


def segments_of(receipts_folder: Path) -> list[Path]:
    """The files, oldest first."""
    found = receipts_folder.glob("[0-9]" * 6 + ".jsonl") if receipts_folder.is_dir() else ()
    return sorted(found)


def read_kept(partner_folder: Path) -> Iterator[Kept]:
    """All that is kept, in the order in which it came."""
    for segment in segments_of(partner_folder / FOLDER):
        yield from _read(segment)


def open_promises(partner_folder: Path) -> list[KeptAnswer]:
    """The answers whose entry was not proven yet, each once, oldest first."""
    waiting: dict[bytes, KeptAnswer] = {}
    proven: set[bytes] = set()
    for kept in read_kept(partner_folder):
        match kept:
            case KeptAnswer() if kept.leaf_hash not in proven:
                waiting.setdefault(kept.leaf_hash, kept)
            case KeptProof():
                proven.add(kept.leaf_hash)
                waiting.pop(kept.leaf_hash, None)
            case _:
                pass
    return list(waiting.values())


def drop_oldest(receipts_folder: Path) -> bool:
    """Let the oldest file go if all that it promises was proven; whether it went."""
    oldest = segments_of(receipts_folder)[0]
    promised = {one.leaf_hash for one in _read(oldest) if isinstance(one, KeptAnswer)}
    for segment in segments_of(receipts_folder):
        promised -= {one.leaf_hash for one in _read(segment) if isinstance(one, KeptProof)}
        if not promised:
            oldest.unlink()
            return True
    return False


def _read(segment: Path) -> Iterator[Kept]:
    with segment.open("rb") as file:
        for line in file:
            kept = _parsed(line) if line.endswith(b"\n") else None
            if kept is not None:
                yield kept


def _parsed(line: bytes) -> Kept | None:
    try:
        told = json.loads(line)
        kind, kept_at = told["soort"], datetime.fromisoformat(told["bewaardOp"])
        if kind == _ANSWER:
            return KeptAnswer(kept_at, Answer.model_validate(told["antwoord"], extra="ignore"))
        if kind == _OUTCOME:
            exchange = told["uitwisselingId"]
            return KeptOutcome(
                kept_at,
                UUID(told["leveringId"]),
                told["record"],
                None if exchange is None else UUID(exchange),
                told["besluit"],
                told["regelcode"],
            )
        if kind == _PROOF:
            path = tuple(base64.b64decode(step) for step in told["pad"])
            leaf_hash, checkpoint = base64.b64decode(told["bladhash"]), told["controlepunt"]
            return KeptProof(kept_at, leaf_hash, told["index"], told["omvang"], path, checkpoint)
    except (KeyError, TypeError, ValueError, RecursionError, ValidationError):
        return None
    return None


def _outcome(delivery: UUID, one: RecordOutcome) -> dict[str, object]:
    return {
        "leveringId": str(delivery),
        "record": one.record,
        "uitwisselingId": None if one.exchange_id is None else str(one.exchange_id),
        "besluit": str(one.decision),
        "regelcode": str(one.rule),
    }


def _line(kind: str, kept_at: datetime, told: Mapping[str, object]) -> bytes:
    stamp = kept_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"soort": kind, "bewaardOp": stamp, **told}).encode() + b"\n"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _now() -> datetime:
    return datetime.now(UTC)
