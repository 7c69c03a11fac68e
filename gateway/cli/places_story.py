"""The demo's step on where people live: who has no team, who moves, whose address is secret.

A secret address stands in no message at all; who cannot be placed by postcode waits for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway.cli.output import amount
from gateway.cli.overtaking import WatchedDossiers
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis, Event
from gateway.sandbox.casebook import work_mailbox
from gateway.sandbox.casework import DecideStatus
from schemas.casework import Handover, Move, MoveOutcome, MoveReceipt, Placement

_SOUTH_EAST, _CENTRE = ("zuidoost", "1102AB"), ("centrum", "1012AB")
_PLACE = {"postcode", "straatnaam", "huisnummer", "huisnummertoevoeging", "telefoonnummer"}


async def place(
    stage: Stage, casebook: AsyncSluis, received: list[Event], decide_status: DecideStatus
) -> None:
    """Who has no team is placed by a person; who moves is handed over; a secret address is kept."""
    with stage.step("A person places who has no team; a family moves; a secret address stays one"):
        waiting = [one async for one in casebook.waiting_placements()]
        if waiting:
            team = Placement.model_validate(
                {"uitwisselingId": waiting[0].exchange_id, "team": _CENTRE[0]}
            )
            await casebook.place(team)
        left = [one async for one in casebook.waiting_placements()]
        moving = next((one for one in received if _may_move(one, decide_status)), None)
        moved, handover = await _move(stage, casebook, moving, decide_status)
    secret = [one for one in received if _household(one).get("geheimhouding")]
    reasons = Counter(str(one.reason) for one in waiting)
    stage.table(
        ("Waits for a person, because of", "Referrals#"),
        [(reason, amount(number)) for reason, number in sorted(reasons.items())],
    )
    if handover is not None:
        stage.say(f"moved: from {handover.from_team} to {handover.to_team}, {handover.as_of}")
    stage.say(f"households with a secret address at the casebook: {amount(len(secret))}")
    claim = stage.claim
    if waiting:  # a case that was closed waits no more, so that in a small delivery nobody may
        claim(
            "who has no postcode waits for a person, and one was placed",
            len(left) == len(waiting) - 1,
        )
    claim(
        "the family that moved was handed to the other team",
        moved is not None
        and moved.outcome is MoveOutcome.HANDED_OVER
        and handover is not None
        and handover.from_team != handover.to_team,
    )
    claim(
        "no message tells where a household with a secret address lives",
        not any(_PLACE & set(_household(one)) or _team(one) for one in secret),
    )


async def _move(
    stage: Stage, casebook: AsyncSluis, moving: Event | None, decide_status: DecideStatus
) -> tuple[MoveReceipt | None, Handover | None]:
    """Tell of a move to another part of the city; gives what the mailbox says of it."""
    if moving is None:
        return None, None
    _, postcode = _CENTRE if _team(moving) == _SOUTH_EAST[0] else _SOUTH_EAST
    move = Move.model_validate(
        {
            "kenmerk": f"VERHUIZING-{stage.stamp}",
            "uitwisselingId": moving.id,
            "postcode": postcode,
            "team": _team(moving),
        }
    )
    receipt = await casebook.tell_move(move)
    store = WatchedDossiers(stage.folder("casebook") / "dossiers")
    await work_mailbox(casebook, store, decide_status)
    told = [one.notice() for one in store.fresh]
    return receipt, next((one for one in told if isinstance(one, Handover)), None)


def _may_move(event: Event, decide_status: DecideStatus) -> bool:
    """Whether a team, and no desk, has the case, and works on it still."""
    team, told = _team(event), decide_status(event)
    return team is not None and "balie" not in team and not told[-1].status.is_closed


def _household(event: Event) -> Mapping[str, Any]:
    found = event.data.get("huishouden")
    return found if isinstance(found, dict) else {}


def _team(event: Event) -> str | None:
    found = event.data.get("aanmelding")
    team = found.get("wijkteam") if isinstance(found, dict) else None
    return team if isinstance(team, str) else None
