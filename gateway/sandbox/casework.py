"""What the neighbourhood teams make of a referral, made up: its statuses, decided by a seed.

How far a case comes follows the programme's own figures (households by phase at 2013-12-31, table
3.13 of its report of 2014). The report lists the reasons for closing without counting them, so
their shares are ours. The same seed and the same place in the mailbox give the same statuses, with
the same references: a casebook that was interrupted repeats itself and doubles nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from gateway.client import Event
from schemas.casework import CaseStatus, CloseReason, StatusMessage

DecideStatus = Callable[[Event], Sequence[StatusMessage]]
"""The statuses that follow on one referral, in the order in which they are sent."""

_PHASES = {
    CaseStatus.INTAKE: 426,
    CaseStatus.ACTIVE: 1164,
    CaseStatus.PASSIVE: 245,
    CaseStatus.CLOSED_REACHED: 720,
    CaseStatus.CLOSED_NOT_REACHED: 1134,
}
_ROADS: dict[CaseStatus, tuple[CaseStatus, ...]] = {
    CaseStatus.INTAKE: (CaseStatus.INTAKE,),
    CaseStatus.ACTIVE: (CaseStatus.COORDINATION_CHECK, CaseStatus.ACTIVE),
    CaseStatus.PASSIVE: (CaseStatus.COORDINATION_CHECK, CaseStatus.PASSIVE),
    CaseStatus.CLOSED_REACHED: (
        CaseStatus.COORDINATION_CHECK,
        CaseStatus.ACTIVE,
        CaseStatus.CLOSED_REACHED,
    ),
    CaseStatus.CLOSED_NOT_REACHED: (CaseStatus.COORDINATION_CHECK, CaseStatus.CLOSED_NOT_REACHED),
}
_REASONS: dict[CaseStatus, dict[CloseReason | None, int]] = {
    CaseStatus.CLOSED_REACHED: {None: 4, CloseReason.SHORT_CONTACT: 1},
    CaseStatus.CLOSED_NOT_REACHED: {
        CloseReason.NO_RESPONSE: 40,
        CloseReason.WANTS_NO_CONTACT: 30,
        CloseReason.MOVED_WITHIN: 8,
        CloseReason.MOVED_OUTSIDE: 7,
        CloseReason.DECEASED: 2,
        CloseReason.NOT_FILLED_IN: 13,
    },
}


def seeded_casework(seed: int) -> DecideStatus:
    """A way to decide that depends on the seed and the referral's place in the mailbox alone."""

    def decide(event: Event) -> list[StatusMessage]:
        chance = random.Random(f"{seed}/{event.position}")  # noqa: S311 - made-up casework
        (phase,) = chance.choices(list(_PHASES), list(_PHASES.values()))
        reasons = _REASONS.get(phase, {None: 1})
        (reason,) = chance.choices(list(reasons), list(reasons.values()))
        return [
            StatusMessage(
                reference=f"ris-{event.id.hex}-{number}",
                exchange_id=event.id,
                status=status,
                as_of=event.time.date(),
                close_reason=reason if status.is_closed else None,
            )
            for number, status in enumerate(_ROADS[phase], 1)
        ]

    return decide
