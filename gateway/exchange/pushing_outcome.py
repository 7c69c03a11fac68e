"""What an endpoint's answer means for its lane: pure rules, so that a day can be played in a test.

Two faults are told apart. The *recipient* is away (no connection, no answer, 408, 429, 5xx, or an
answer about the place rather than the message): its mail waits in order, tried again at growing
intervals with full jitter, and nothing of it is given up for as long as the protocol keeps it. Or
*this message* is refused (any other 4xx): after a bounded number of attempts it is a dead letter,
and the next one goes on (invariant 8).

A 5xx or a silence may be either. Where the same message failed so time after time, something
without content is sent in between (a probe): an endpoint that takes the probe, and fails on the
message right after it, three times in a row, fails on the message.

Whoever refuses everything has another trouble than its messages: after so many dead letters in a
row nothing more is given up until the endpoint accepts something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus


class Meaning(Enum):
    """What an attempt showed."""

    TAKEN = auto()
    AWAY = auto()
    UNCLEAR = auto()
    """The recipient or the message: a 5xx of the application's own, or silence."""
    REFUSED = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Told:
    """An attempt's outcome; `reason` is a code of ours, `wait` the seconds that were asked for."""

    meaning: Meaning
    reason: str = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneState:
    """How one recipient's lane stands; `trying` is the position that the counts are about."""

    failures: int = 0
    reason: str | None = None
    trying: int = 0
    refusals: int = 0
    suspicions: int = 0
    dead_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited, and how often is tried. Times in seconds."""

    first: float = 1.0
    longest: float = 300.0
    longest_told: float = 3600.0
    """A Retry-After beyond this counts as this."""
    refusals: int = 5
    unclear: int = 12
    suspicions: int = 3
    dead_in_a_row: int = 10


@dataclass(frozen=True, slots=True)
class Next:
    """The lane after a failed attempt, and the pause before the next one."""

    state: LaneState
    pause: float
    is_dead: bool = False


_ABOUT_THE_PLACE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.UPGRADE_REQUIRED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses that no message earns: a wrong path or a lost key would cost a whole mailbox."""
SILENT = Told(Meaning.UNCLEAR, "geen-antwoord")


def told_by(status: int, wait: float = 0.0) -> Told:
    """What a status says. Redirects are not followed: who is trusted is who was registered."""
    reason = f"antwoord-{status}"
    if 200 <= status < 300:
        return Told(Meaning.TAKEN)
    if status == HTTPStatus.GONE:
        return Told(Meaning.GONE, reason)
    if status in _ABOUT_THE_PLACE or 300 <= status < 400:
        return Told(Meaning.AWAY, reason, wait)
    if 400 <= status < 500:
        return Told(Meaning.REFUSED, reason, wait)
    return Told(Meaning.UNCLEAR, reason, wait)


def after_failure(
    state: LaneState,
    position: int,
    told: Told,
    pace: Pace,
    uniform: Callable[[float, float], float],
) -> Next:
    """The lane after an attempt at `position` that was not taken."""
    if state.trying != position:
        state = replace(state, trying=position, refusals=0, suspicions=0)
    failures = state.failures + 1
    state = replace(state, failures=failures, reason=told.reason)
    may_speak_against_it = told.meaning in (Meaning.REFUSED, Meaning.UNCLEAR)
    if may_speak_against_it and _gives_up_no_more(state, pace):
        state = replace(state, reason="weigert-alles")
    elif told.meaning is Meaning.REFUSED:
        state = replace(state, refusals=state.refusals + 1)
        if state.refusals >= pace.refusals:
            return _dead(state)
    elif told.meaning is Meaning.UNCLEAR and state.suspicions >= pace.suspicions:
        return _dead(state)
    return Next(state, pause_after(failures, told.wait, pace, uniform))


def pause_after(
    failures: int, told: float, pace: Pace, uniform: Callable[[float, float], float]
) -> float:
    """Full jitter on top of what was asked for, or all who were told the same return as one."""
    # After hours the power would be no float any more.
    bound = min(pace.longest, pace.first * 2.0 ** min(failures - 1, 32))
    return min(told, pace.longest_told) + uniform(0.0, bound)


def wants_probe(state: LaneState, position: int, told: Told, pace: Pace) -> bool:
    """Whether it is time to ask if the endpoint fails, or this message."""
    return (
        told.meaning is Meaning.UNCLEAR
        and state.trying == position
        and state.failures + 1 >= pace.unclear
        and not _gives_up_no_more(state, pace)
    )


def after_probe(state: LaneState, *, is_probe_answered: bool, again: Told | None) -> LaneState:
    """A probe that passed between two failures speaks against the message; else nothing does.

    `again` is what came of the message right after it; where it did not go, nothing was learned.
    """
    if is_probe_answered and again is None:
        return state
    suspects = again is not None and again.meaning is Meaning.UNCLEAR
    return replace(state, suspicions=state.suspicions + 1 if suspects else 0)


def after_taken(state: LaneState) -> LaneState:
    """A message that was taken clears everything."""
    return LaneState(trying=state.trying)


def _gives_up_no_more(state: LaneState, pace: Pace) -> bool:
    return state.dead_in_a_row >= pace.dead_in_a_row


def _dead(state: LaneState) -> Next:
    """The message is given up; the endpoint did answer, so that the next one goes at once."""
    buried = LaneState(reason=state.reason, dead_in_a_row=state.dead_in_a_row + 1)
    return Next(buried, 0.0, is_dead=True)
