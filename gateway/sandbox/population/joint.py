"""Whole-number tables with given totals, and 0/1 tables with given totals: exact, never sampled.

The report prints margins, not the table under them. A table that has the margins is found in two
steps: iterative proportional fitting (Deming and Stephan 1940) from a first guess, then rounding
so that every row and column keeps its total. Where a total has no solution this raises; nothing
is bent to fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from random import Random

from gateway.sandbox.population.chance import below

_ROUNDS = 60


def fit(
    guess: Sequence[Sequence[float]], rows: Sequence[int], columns: Sequence[int]
) -> list[list[int]]:
    """A table of whole numbers near `guess` with exactly these row and column totals."""
    table: list[list[float]] = [list(line) for line in guess]
    for _ in range(_ROUNDS):
        for j, wanted in enumerate(columns):
            found = fsum(line[j] for line in table)
            for line in table:
                line[j] *= wanted / found if found else 0.0
        for line, wanted in zip(table, rows, strict=True):
            found = fsum(line)
            line[:] = [value * wanted / found if found else 0.0 for value in line]
    whole = [[int(value) for value in line] for line in table]
    left_in_rows = [total - sum(counts) for total, counts in zip(rows, whole, strict=True)]
    left_in_columns = [
        total - sum(counts[j] for counts in whole) for j, total in enumerate(columns)
    ]
    for counts, extra in zip(whole, incidence(left_in_rows, left_in_columns), strict=True):
        for j in extra:
            counts[j] += 1
    return whole


def incidence(rows: Sequence[int], columns: Sequence[int]) -> list[set[int]]:
    """For each row the set of columns that it marks, with these totals (Gale and Ryser 1957).

    Raises `ValueError` when no such table exists.
    """
    left = list(columns)
    if any(not 0 <= wanted <= len(left) for wanted in rows):
        raise ValueError("no table has these totals")
    marked = []
    for wanted in rows:
        picked = sorted(range(len(left)), key=lambda j: -left[j])[:wanted]
        for j in picked:
            left[j] -= 1
        marked.append(set(picked))
    if any(left):
        raise ValueError("no table has these totals")
    return marked


def mix(rows: list[set[int]], rng: Random, trades: int) -> None:
    """Trade marks between random pairs of rows; every row and column keeps its total.

    Source: the curveball algorithm (Strona and others 2014).
    """
    for _ in range(trades):
        one, other = below(rng, len(rows)), below(rng, len(rows))
        mine, theirs = rows[one] - rows[other], rows[other] - rows[one]
        if not mine or not theirs:
            continue
        pool = sorted(mine | theirs)
        rng.shuffle(pool)
        rows[one] = (rows[one] - mine) | set(pool[: len(mine)])
        rows[other] = (rows[other] - theirs) | set(pool[len(mine) :])
