"""Who asks that somebody is erased, in which capacity, and whether the register lets them.

UAVG article 5: of who is below 16, or under curatele or mentorschap in its matters, the legal
representative exercises these rights. Authority is looked for in the register, on a statement that
is not stale or disputed; unknown means no (invariant 9). That the person who stands at the desk is
who they say is established by people, and recorded.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from consent.representation import (
    ADULT,
    FROM_12,
    UNBORN,
    UNDER_12,
    PersonFacts,
    guardianships,
    holders_of,
)
from schemas.referral import AuthorityKind


class Capacity(StrEnum):
    """In which capacity somebody asks (hoedanigheid)."""

    SELF = "betrokkene"
    PARENT = "ouder"
    GUARDIAN = "voogd"
    CURATOR = "curator"
    MENTOR = "mentor"
    ATTORNEY = "gemachtigde"
    NOBODY = "ambtshalve"


class MayNotAskError(Exception):
    """Who asks may not ask this for this person; the message says why."""


class Request(NamedTuple):
    """Who asks: in which capacity, how that was established, and their handle where it counts."""

    capacity: Capacity
    identified_by: str
    requester: bytes | None = None


_AUTHORITY = {
    Capacity.PARENT: AuthorityKind.PARENTAL,
    Capacity.GUARDIAN: AuthorityKind.PARENTAL,
    Capacity.CURATOR: AuthorityKind.CURATELE,
    Capacity.MENTOR: AuthorityKind.MENTORSHIP,
}
FOR_ANOTHER = frozenset(_AUTHORITY)
"""The capacities in which the register must name who asks."""
_CHILD = UNDER_12 | FROM_12 | UNBORN


def is_under_16(facts: PersonFacts | None, today: date) -> bool:
    """Whether every age that the person could have is below 16; an unknown one is not."""
    return facts is not None and bool(facts.births) and not facts.ages(today) & ~_CHILD


def check_request(
    capacity: Capacity,
    requester: UUID | None,
    facts: PersonFacts | None,
    today: date,
    valid_days: int,
    *,
    by_itself: bool,
) -> None:
    """Whether somebody may ask this for the person. Raises `MayNotAskError`.

    `by_itself`: on this ground the municipality acts without being asked.
    """
    if capacity is Capacity.NOBODY:
        if not by_itself:
            raise MayNotAskError("on this ground somebody must have asked")
        return
    statements = () if facts is None else facts.statements
    if capacity in FOR_ANOTHER:
        kind = _AUTHORITY[capacity]
        if facts is not None and kind is AuthorityKind.PARENTAL and facts.ages(today) == ADULT:
            raise MayNotAskError("the person is of age: nobody has parental authority")
        holders = holders_of(statements, kind, today, valid_days).persons
        if requester is None or requester not in holders:
            raise MayNotAskError(
                "the register does not name who asks as holder of this authority today"
            )
        return
    if is_under_16(facts, today):
        raise MayNotAskError("below 16 the legal representative asks (UAVG art. 5 lid 4)")
    if AuthorityKind.CURATELE in guardianships(statements, today):
        raise MayNotAskError("under curatele the curator asks (UAVG art. 5 lid 2)")
