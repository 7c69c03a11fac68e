"""What a partner's own endpoint must do: take what we signed, and nothing else.

Knocking is handed in, since signing and sealing are the gateway's. What is brought is labelled: its
type is `nl.sluis.proef`, which holds no message, and which a receiver takes and passes over, as it
does with every type that it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from gateway.sandbox.conformance import PASSED, Outcome, Trial, failed


class Wrong(StrEnum):
    """What is to be wrong about a knock."""

    NOTHING = "niets"
    UNSIGNED = "zonder-handtekening"
    ALTERED = "na-ondertekening-veranderd"
    OTHER_KEY = "andere-sleutel"


class Knocked(NamedTuple):
    """What an endpoint did: took it, declined it, or gave no answer."""

    is_taken: bool
    is_answered: bool
    told: str = ""


Knock = Callable[[bytes, str, Wrong], Awaitable[Knocked]]
"""Brings a body under an idempotency key."""


def trial_event(trial: Trial) -> bytes:
    """A CloudEvent that says nothing but that it is a trial."""
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "urn:sluis:proef",
        "type": "nl.sluis.proef",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "datacontenttype": "application/json",
        "data": {"proef": trial.run},
    }
    return json.dumps(event).encode()


async def signed_is_taken(trial: Trial, knock: Knock) -> Outcome:
    """What we signed is taken, and so is the same again."""
    body, key = trial_event(trial), str(uuid4())
    for turn in ("", " bij herhaling"):
        knocked = await knock(body, key, Wrong.NOTHING)
        if not knocked.is_taken:
            return failed(
                f"niet aangenomen{turn} ({knocked.told})",
                "neem wat goed ondertekend is aan, ook een soort dat u niet kent en ook een tweede"
                " keer (docs/delivering.md)",
            )
    return PASSED


async def declined(trial: Trial, knock: Knock, wrong: Wrong) -> Outcome:
    """What is not signed by us, or was changed since, is not taken."""
    knocked = await knock(trial_event(trial), str(uuid4()), wrong)
    if knocked.is_answered and not knocked.is_taken:
        return PASSED
    return failed(
        f"{wrong}: " + ("aangenomen" if knocked.is_taken else f"geen antwoord ({knocked.told})"),
        "controleer van elk bericht de handtekening over de hele inhoud (docs/delivering.md)",
    )
