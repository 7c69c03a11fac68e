"""One message in the partner's own format, answered in that format (FHIR: a transaction).

A refusal comes in the same format as an acceptance, so both are handed over whole; the receipt,
for which the format has no place, stands in a header.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import httpx

from gateway.client.answers import problem_of, read
from gateway.client.errors import Garbled
from schemas.receipts import Answer

RECEIPT = "Sluis-Ontvangstbewijs"


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """What came back; `answer` is what was decided, unless it could not be told in a header."""

    status: int
    content: bytes
    media_type: str
    answer: Answer | None


def own_answer(answer: httpx.Response, asked: str) -> OwnAnswer:
    """The answer in the format that was asked; raise the problem if it is another one."""
    media_type = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if media_type != asked:
        if answer.is_success:
            raise Garbled("the answer is not in the format of the message")
        raise problem_of(answer)
    told = answer.headers.get(RECEIPT)
    decided = None if told is None else read(Answer, _decoded(told))
    return OwnAnswer(answer.status_code, answer.content, media_type, decided)


def _decoded(header: str) -> bytes:
    try:
        return base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        pass
    # Outside the except block, so that nothing of the header stays in the context.
    raise Garbled(f"{RECEIPT} is not base64")
