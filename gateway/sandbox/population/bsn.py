"""Burgerservicenummers for synthetic persons, by arithmetic: the n-th one, never a search.

All lie in 900200000 to 999899999 and pass the eleven-test. What is known of that range: test
tools by convention use numbers that begin with a 9; of the RvIG's 544 official test persons 410
have a number 9999xxxxx and three 9001xxxxx, so those blocks are left to them. We know of no
publication that promises that the rest is never issued: these numbers are for a sandbox, never
for a live register.

The eleven-test weighs the digits 9, 8, 7, 6, 5, 4, 3, 2, -1 and wants a multiple of eleven. For
any first seven digits at least nine endings of two digits pass; nine are used for each, so
997,000 beginnings give 8,973,000 numbers.
"""

from __future__ import annotations

from stdnum.nl import bsn as stdnum_bsn

from gateway.sandbox.population.chance import below, seeded

_FIRST_BEGINNING, _BEGINNINGS = 2_000, 997_000
_ENDINGS = 9
CAPACITY = _BEGINNINGS * _ENDINGS

# Households and screened clients take their numbers from separate stretches.
POPULATION = range(6_000_000)
SCREENING = range(6_000_000, CAPACITY)

# Shares no factor with CAPACITY (2^3 * 3^2 * 5^3 * 997): stepping by it visits every number once.
_STRIDE = 5_556_743


def _weigh(weights: tuple[int, int, int]) -> tuple[int, ...]:
    """The weighted digit sums of 000 to 999, modulo eleven."""
    first, second, third = weights
    return tuple(
        (n // 100 * first + n // 10 % 10 * second + n % 10 * third) % 11 for n in range(1000)
    )


def _endings() -> tuple[tuple[str, ...], ...]:
    """For every sum of the first seven digits modulo eleven: the endings that pass."""
    found: tuple[list[str], ...] = tuple([] for _ in range(11))
    for last_two in range(100):
        needed = (last_two % 10 - 2 * (last_two // 10)) % 11
        found[needed].append(f"{last_two:02d}")
    return tuple(tuple(texts[:_ENDINGS]) for texts in found)


_UPPER, _LOWER, _PASSING = _weigh((8, 7, 6)), _weigh((5, 4, 3)), _endings()


class BsnSeries:
    """The numbers of one seed: another seed gives the same numbers in another order."""

    __slots__ = ("_offset",)

    def __init__(self, seed: int) -> None:
        self._offset = below(seeded(seed, "bsn"), CAPACITY)

    def at(self, index: int) -> str:
        """The number at `index`; equal only for equal indices. Raises `ValueError` when spent."""
        if not 0 <= index < CAPACITY:
            raise ValueError("the range of test numbers is spent")
        place = (index * _STRIDE + self._offset) % CAPACITY
        beginning, ending = divmod(place, _ENDINGS)
        upper, lower = divmod(_FIRST_BEGINNING + beginning, 1000)
        # 81 is the leading 9 with its weight 9.
        passing = _PASSING[(81 + _UPPER[upper] + _LOWER[lower]) % 11]
        return f"9{upper:03d}{lower:03d}{passing[ending]}"


def is_test_bsn(digits: str) -> bool:
    """Whether this is a valid BSN in the range that we and the RvIG's test persons use."""
    return len(digits) == 9 and digits[0] == "9" and bool(stdnum_bsn.is_valid(digits))


def failing_eleven_test(valid: str) -> str:
    """The same number with its last digit changed: no person can have it."""
    return valid[:8] + str((int(valid[8]) + 1) % 10)
