"""From promises to proofs: is what the gateway acknowledged in its log, as it signed that it would?

A promise is a signature over the entry's leaf hash. Within a second a checkpoint covers the entry,
and its inclusion proof then replaces the promise. One that is not kept in time is an alarm: the
signed promise beside a later checkpoint without the entry is evidence against the gateway.
Receipts of protected exchanges stay promises, since how large that log is tells of others
(ADR 0014); a supervisor of them looks instead.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus

from gateway.client.answers import read
from gateway.client.checkpoints import (
    EvidenceError,
    LogKey,
    from_base64,
    read_checkpoint,
    verify_inclusion,
    verify_promise,
    verify_signed,
)
from gateway.client.errors import Declined
from gateway.client.logbook import InclusionProof
from gateway.client.receipts import KeptAnswer, KeptProof, ReceiptBook
from gateway.client.watch import Ask, LogWatch
from schemas.receipts import Answer

PROMISED_WITHIN = 60.0
"""Seconds after which a promise that is not kept is an alarm; the gateway needs less than one."""
_AT_ONCE = 4
_SERIES = "verwerkingen"


class Standing(StrEnum):
    """How a kept promise stands."""

    PROVEN = "proven"
    WAITING = "waiting"
    OVERDUE = "overdue"
    BROKEN = "broken"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Checked:
    """One promise and what became of it; `rule` says what does not hold, if something does not."""

    kept: KeptAnswer
    standing: Standing
    rule: str = ""


async def prove(
    kept: Sequence[KeptAnswer],
    ask: Ask,
    watch: LogWatch,
    book: ReceiptBook,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Checked]:
    """Ask a proof for each of these, keep what is proven, and say how each stands.

    Raises `SluisError` where the gateway does not answer: nothing is concluded from that.
    """
    key = await watch.known_key()
    checked: list[Checked] = []
    for first in range(0, len(kept), _AT_ONCE):
        some = kept[first : first + _AT_ONCE]
        checked += await asyncio.gather(
            *(_prove_one(one, key, ask, watch, book, now()) for one in some)
        )
        told(len(checked), len(kept))
    return checked


def verify_receipt(answer: Answer, key: LogKey, body: bytes | None = None) -> None:
    """Raise `EvidenceError` unless the promise is signed, and the receipt is of these bytes."""
    receipt, promise = answer.receipt, answer.receipt.promise
    root, path = from_base64(promise.root), [from_base64(step) for step in promise.path]
    leaf_hash = from_base64(receipt.leaf_hash)
    verify_inclusion(leaf_hash, promise.index, promise.size, path, root)
    if _is_apart(answer):
        # Of a series with a key of its own, which this partner does not have.
        return
    verify_promise(promise.key_name, promise.size, root, from_base64(promise.signature), key.public)
    if body is not None:
        made = hmac.digest(from_base64(receipt.body_salt), body, "sha256")
        if not hmac.compare_digest(made, from_base64(receipt.body_commitment)):
            raise EvidenceError("the receipt is of other bytes than were sent")


async def _prove_one(
    kept: KeptAnswer, key: LogKey, ask: Ask, watch: LogWatch, book: ReceiptBook, now: datetime
) -> Checked:
    if _is_apart(kept.answer):
        return Checked(kept, Standing.APART)
    try:
        verify_receipt(kept.answer, key)
        proof = await _fetch(kept, key, ask, watch, now)
    except EvidenceError as error:
        return Checked(kept, Standing.BROKEN, str(error))
    if proof is None:
        is_late = (now - kept.kept_at).total_seconds() > PROMISED_WITHIN
        return Checked(kept, Standing.OVERDUE if is_late else Standing.WAITING)
    await book.keep_proof(proof)
    return Checked(kept, Standing.PROVEN)


async def _fetch(
    kept: KeptAnswer, key: LogKey, ask: Ask, watch: LogWatch, now: datetime
) -> KeptProof | None:
    """The proof, verified; None while no checkpoint holds the entry."""
    named = base64.urlsafe_b64encode(kept.leaf_hash).rstrip(b"=").decode("ascii")
    try:
        content = await ask(f"/v1/logboek/{_SERIES}/bewijs", {"bladhash": named})
    except Declined as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    proof = read(InclusionProof, content)
    stated = read_checkpoint(proof.checkpoint.encode())
    verify_signed(stated, key.named(stated.origin))
    if proof.size != stated.size:
        raise EvidenceError("the proof is of another size than its checkpoint")
    path = tuple(from_base64(step) for step in proof.path)
    verify_inclusion(kept.leaf_hash, proof.index, proof.size, path, stated.root)
    # A proof in a log that only we are shown proves nothing: this checkpoint is compared too.
    watch.shown(stated)
    return KeptProof(now, kept.leaf_hash, proof.index, proof.size, path, proof.checkpoint)


def _is_apart(answer: Answer) -> bool:
    return answer.receipt.log.split("/")[2:3] != [_SERIES]
