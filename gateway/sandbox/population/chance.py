"""Seeded chance, the same on every Python that we support.

Only `random()` and `shuffle` of the Mersenne Twister are used, which have not changed since
Python 3.2; no floating sum, whose rounding did change with 3.12; nothing global.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def seeded(seed: int, *purpose: str | int) -> Random:
    """A source of its own for each purpose, so that one more draw here shifts nothing there."""
    return Random("/".join(map(str, (seed, *purpose))))  # noqa: S311 - synthetic, must repeat


def below(rng: Random, limit: int) -> int:
    """A number from 0 up to, not including, `limit`."""
    return int(rng.random() * limit)


def choose(rng: Random, items: Sequence[T]) -> T:
    """One of `items`."""
    return items[int(rng.random() * len(items))]


def shuffled(rng: Random, items: Iterable[T]) -> list[T]:
    """The same items in another order."""
    found = list(items)
    rng.shuffle(found)
    return found


class Weighted(Generic[T]):
    """Draws by whole-number weights, in one table look-up."""

    __slots__ = ("_table",)

    def __init__(self, weights: dict[T, int]) -> None:
        self._table = [item for item, weight in weights.items() for _ in range(weight)]

    def draw(self, rng: Random) -> T:
        return choose(rng, self._table)


def quota(total: int, weights: Sequence[int]) -> list[int]:
    """`total` divided by weight into whole numbers, by largest remainder."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def spread(total: int, count: int) -> list[int]:
    """`total` over `count` places, rising evenly from nothing to twice the mean."""
    reached = [total * k * k // (count * count) for k in range(count + 1)] if count else [0]
    return [after - before for before, after in pairwise(reached)]
