"""Patterns of ZRM problems that give table 3.12 exactly, and the scores under them.

The shares per domain and the number of households by number of problem domains are both printed
(46 % in five or more, 74 % in three or more, 8 % in one, 4 % in none), so a pattern is a 0/1 table
with both totals. Three groups of patterns: those measured twice, the others that table 3.12
counts, and the complete ones that only table 4.2 counts, made to the same shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from gateway.sandbox.population.assumptions import PROBLEM_SCORES, SUFFICIENT_SCORES
from gateway.sandbox.population.chance import Weighted, quota, seeded, shuffled, spread
from gateway.sandbox.population.joint import incidence, mix
from gateway.sandbox.population.margins import (
    FIRST_ZRM_COMPLETE,
    PROBLEMS_FIVE_UP,
    PROBLEMS_NONE,
    PROBLEMS_ONE,
    PROBLEMS_THREE_UP,
    ZRM_FIRST,
    ZRM_FOLLOWED,
    ZRM_SHARES,
)
from schemas.zrm import ZrmDomain

DOMAINS = tuple(ZrmDomain)
_TRADES_PER_PATTERN = 5
_PROBLEM, _SUFFICIENT = Weighted(PROBLEM_SCORES), Weighted(SUFFICIENT_SCORES)

Pattern = frozenset[int]
"""The domains with a problem, by their place in `DOMAINS`."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns of one seed, in the three groups; followed ones with their second."""

    followed: tuple[tuple[Pattern, Pattern], ...]
    counted: tuple[Pattern, ...]
    uncounted: tuple[Pattern, ...]


def patterns(seed: int) -> Patterns:
    """Patterns for the 2,045 complete first measurements and the 256 second ones."""
    rng = seeded(seed, "zrm")
    whole_domains = _counts(ZRM_FIRST, [share.first for share in ZRM_SHARES.values()])
    domains = _counts(ZRM_FOLLOWED, [share.followed_first for share in ZRM_SHARES.values()])
    second = _counts(ZRM_FOLLOWED, [share.followed_second for share in ZRM_SHARES.values()])
    whole_classes, classes = _classes(ZRM_FIRST), _classes(ZRM_FOLLOWED)
    extra = FIRST_ZRM_COMPLETE - ZRM_FIRST
    followed = _with_totals(rng, classes, domains)
    return Patterns(
        followed=_with_second(rng, followed, second),
        counted=_with_totals(rng, _less(whole_classes, classes), _less(whole_domains, domains)),
        uncounted=_with_totals(
            rng, _classes(extra), _counts(extra, [share.first for share in ZRM_SHARES.values()])
        ),
    )


def scores(rng: Random, pattern: Pattern) -> tuple[int, ...]:
    """Scores for every domain: below 4 exactly where the pattern has a problem."""
    return tuple(
        (_PROBLEM if place in pattern else _SUFFICIENT).draw(rng) for place in range(len(DOMAINS))
    )


def _counts(measured: int, percents: Sequence[int]) -> list[int]:
    return [(percent * measured + 50) // 100 for percent in percents]


def _classes(measured: int) -> list[int]:
    """How many have problems in no, one, two, three or four, and five or more domains."""
    two = 100 - PROBLEMS_NONE - PROBLEMS_ONE - PROBLEMS_THREE_UP
    middle = PROBLEMS_THREE_UP - PROBLEMS_FIVE_UP
    return quota(measured, (PROBLEMS_NONE, PROBLEMS_ONE, two, middle, PROBLEMS_FIVE_UP))


def _less(whole: list[int], part: list[int]) -> list[int]:
    return [one - other for one, other in zip(whole, part, strict=True)]


def _with_totals(
    rng: Random, classes: Sequence[int], domains: Sequence[int]
) -> tuple[Pattern, ...]:
    none, one, two, middle, top = classes
    sizes = [0] * none + [1] * one + [2] * two + [3 + k % 2 for k in range(middle)]
    sizes += [5 + more for more in spread(sum(domains) - sum(sizes) - 5 * top, top)]
    rows = incidence(sizes, domains)
    mix(rows, rng, _TRADES_PER_PATTERN * len(rows))
    return tuple(map(frozenset, shuffled(rng, rows)))


def _with_second(
    rng: Random, firsts: tuple[Pattern, ...], wanted: list[int]
) -> tuple[tuple[Pattern, Pattern], ...]:
    """The fewest changes that bring each domain to its second total, spread by chance."""
    seconds = [set(first) for first in firsts]
    for place, total in enumerate(wanted):
        having = [second for second in seconds if place in second]
        lacking = [second for second in seconds if place not in second]
        for second in shuffled(rng, having)[: max(0, len(having) - total)]:
            second.discard(place)
        for second in shuffled(rng, lacking)[: max(0, total - len(having))]:
            second.add(place)
    return tuple(zip(firsts, map(frozenset, seconds), strict=True))
