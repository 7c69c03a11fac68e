"""Who was measured with the ZRM, when, and how completely (tables 3.12 and 4.2).

Table 4.2 looked for a first measurement in 2,812 dossiers and found 2,045 complete; table 3.12
counts 1,683 of those; 256 of these were measured again, 226 days later on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from gateway.sandbox.population.arrange import Draft
from gateway.sandbox.population.assumptions import (
    FOLLOW_UP_SPREAD,
    LAST_DAY_OF_2012,
    MEASURED_WITHIN,
    PARTLY_SCORED,
    SCORES_KEPT,
    WITHOUT_FIRST_ZRM,
)
from gateway.sandbox.population.chance import below, choose, shuffled
from gateway.sandbox.population.household import REFERENCE_DATE, Measurement
from gateway.sandbox.population.margins import (
    DAYS_BETWEEN_ZRM,
    FIRST_ZRM_COMPLETE,
    FIRST_ZRM_INCOMPLETE,
    PERSONS_TOTAL,
    ZRM_FOLLOWED,
)
from gateway.sandbox.population.zrm import Pattern, Patterns, scores


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of one dossier, and which tables look at them."""

    is_due: bool
    is_in_table: bool
    measurements: tuple[Measurement, ...] = ()


def measure(rng: Random, drafts: list[Draft], patterns: Patterns) -> list[Measured]:
    """The measurements of each draft, in the same order."""
    due = _due(rng, drafts)
    # Those measured twice were registered early enough to have a second by the reference date.
    due.sort(key=lambda place: drafts[place].registered_on > LAST_DAY_OF_2012)
    early, rest = due[:ZRM_FOLLOWED], shuffled(rng, due[ZRM_FOLLOWED:])
    found = [Measured(False, False)] * len(drafts)
    days = _days_between(rng)
    twice = shuffled(rng, patterns.followed)
    for place, (first, second), gap in zip(early, twice, days, strict=True):
        found[place] = Measured(True, True, _two(rng, drafts[place], first, second, gap))
    once = shuffled(rng, patterns.counted)
    for place, pattern in zip(rest, once, strict=False):
        found[place] = Measured(True, True, (_one(rng, drafts[place], pattern),))
    rest = rest[len(once) :]
    beside = shuffled(rng, patterns.uncounted)
    for place, pattern in zip(rest, beside, strict=False):
        found[place] = Measured(True, False, (_one(rng, drafts[place], pattern),))
    for place in rest[len(beside) :]:
        found[place] = Measured(True, False, _partial(rng, drafts[place], patterns))
    return found


def _due(rng: Random, drafts: list[Draft]) -> list[int]:
    """Places of the drafts in which table 4.2 looked for a first measurement, at random."""
    passed_over = PERSONS_TOTAL.households - FIRST_ZRM_COMPLETE - FIRST_ZRM_INCOMPLETE
    skipped: list[int] = []
    for phase in WITHOUT_FIRST_ZRM:
        places = [place for place, draft in enumerate(drafts) if draft.phase is phase]
        skipped += shuffled(rng, places)[: passed_over - len(skipped)]
    return shuffled(rng, sorted(set(range(len(drafts))).difference(skipped)))


def _days_between(rng: Random) -> list[int]:
    """Days between two measurements: in pairs around the mean, so that the mean is exact."""
    days: list[int] = []
    for _ in range(ZRM_FOLLOWED // 2):
        off = below(rng, FOLLOW_UP_SPREAD + 1)
        days += [DAYS_BETWEEN_ZRM - off, DAYS_BETWEEN_ZRM + off]
    return shuffled(rng, days)


def _measured_on(rng: Random, draft: Draft, latest: int) -> date:
    wanted = draft.registered_on.toordinal() + below(rng, MEASURED_WITHIN + 1)
    return date.fromordinal(min(wanted, latest))


def _one(rng: Random, draft: Draft, pattern: Pattern) -> Measurement:
    return Measurement(_measured_on(rng, draft, REFERENCE_DATE.toordinal()), scores(rng, pattern))


def _two(
    rng: Random, draft: Draft, first: Pattern, second: Pattern, gap: int
) -> tuple[Measurement, Measurement]:
    measured_on = _measured_on(rng, draft, REFERENCE_DATE.toordinal() - gap)
    again_on = date.fromordinal(measured_on.toordinal() + gap)
    return Measurement(measured_on, scores(rng, first)), Measurement(again_on, scores(rng, second))


def _partial(rng: Random, draft: Draft, patterns: Patterns) -> tuple[Measurement, ...]:
    """An incomplete first measurement: some domains scored, or none at all."""
    if below(rng, 100) >= PARTLY_SCORED:
        return ()
    whole = _one(rng, draft, choose(rng, patterns.uncounted))
    kept = set(shuffled(rng, range(len(whole.scores)))[:SCORES_KEPT])
    some = tuple(score if place in kept else None for place, score in enumerate(whole.scores))
    return (Measurement(whole.measured_on, some),)
