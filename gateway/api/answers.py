"""The answer to one message, with its receipt; a test holds it against `schemas.receipts.Answer`.

Built straight from what was recorded: this is on the hot road, and the model is its description.
"""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus

import orjson

from gateway.api.problems import MEDIA_TYPE, Problem
from gateway.exchange.arrivals import Prints, Recorded
from schemas.decisions import Outcome, Rule

JSON = "application/json"


def answer_of(recorded: Recorded, body: bytes, prints: Prints) -> dict[str, object]:
    """The `Answer` in its wire form; `body` is what was sent, for the commitment of a repeat."""
    commitment = recorded.arrival.commitment
    if recorded.is_repeat:
        commitment = prints.commitment(recorded.exchange, body)
    promise = recorded.promise
    answer: dict[str, object] = {
        "uitwisselingId": str(recorded.exchange),
        "besluit": recorded.outcome,
        "regel": recorded.rule,
        "ontvangenOp": recorded.received_at,
        "bevindingen": recorded.findings,
        "ontvangstbewijs": {
            "logregelId": str(recorded.entry),
            "logboek": recorded.origin,
            "bladhash": _text(recorded.leaf_hash),
            "zout": _text(prints.salt(recorded.exchange)),
            "bodyVerbintenis": commitment,
            "toezegging": {
                "wortel": _text(promise.root),
                "positie": recorded.group_index,
                "omvang": promise.size,
                "pad": [_text(step) for step in promise.paths[recorded.group_index]],
                "sleutel": recorded.origin,
                "handtekening": _text(promise.signature),
            },
        },
    }
    if recorded.field is not None:
        answer["veld"] = recorded.field
    return answer


def http_answer(recorded: Recorded, body: bytes, prints: Prints) -> tuple[int, str, bytes]:
    """Status, media type and body: 202 for what was taken, a problem for what was refused."""
    answer = answer_of(recorded, body, prints)
    if recorded.outcome is not Outcome.REFUSED:
        return HTTPStatus.ACCEPTED, JSON, orjson.dumps(answer, option=orjson.OPT_UTC_Z)
    is_reuse = recorded.rule is Rule.REFERENCE_REUSED
    problem = Problem(
        HTTPStatus.CONFLICT if is_reuse else HTTPStatus.FORBIDDEN,
        "Kenmerk al gebruikt" if is_reuse else "Geweigerd door het privacyprotocol",
        "De weigering is vastgelegd; `antwoord` noemt de regel en de logregel.",
        antwoord=answer,
    )
    return problem.status, MEDIA_TYPE, problem.body()


def _text(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
