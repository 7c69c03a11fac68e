"""Persons without a BSN: whom of the known ones each might be, as a proposal and nothing more.

The gateway keeps no names and cannot compare; the casebook may, in its own client. The comparison
is that of Fellegi and Sunter (1969): each field gives bits of evidence, log2 of how much likelier
that outcome is for one person (m) than for two (u). A field that either side lacks gives none: that
something is missing says nothing. How common a value is among the known persons decides what
agreeing on it is worth, so that a common surname counts for little.

Precision goes first. Members of one household agree on surname, address and telephone, so these
alone never make a candidate: what is a person's own (birth date, initials, sex) must agree by
itself, and where two known persons are nearly as near, neither is proposed as more than unsure. A
human decides; nothing is merged by guess. `docs/pseudonyms.md` gives the measured figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log2
from typing import NamedTuple, TypeVar

from gateway.client.candidate_blocks import Blocks
from gateway.client.particulars import Particulars, is_near_name, is_run_together, is_swapped

CANDIDATE_BITS, CANDIDATE_OWN_BITS = 7.0, 8.0
UNSURE_BITS, UNSURE_OWN_BITS = -4.0, 3.0
"""In all, above log2 of how many persons are known (each of whom may agree by accident), and of
what is a person's own; measured by `sluis bench candidates`."""
FEWEST, OTHERS = 4096, 512
"""A register that is smaller is held to what this many would ask, and its counts of values are
taken together with those of so many others."""
_SURNAME, _LETTER, _DAY, _ADDRESS = 1 / 5_000, 1 / 20, 1 / 25_000, 1 / 100_000
"""How common one value usually is."""
T = TypeVar("T", bound=Hashable)
MARGIN_BITS = 6.0
"""How far the nearest must be ahead of the next known person."""
PROPOSED = 5
"""Known persons that are shown of one new person, nearest first."""


class Outcome(StrEnum):
    """What the comparison says of a new person."""

    CANDIDATE = "kandidaat"
    UNSURE = "onzeker"
    NONE = "geen"


class Evidence(NamedTuple):
    """What one field gives, in bits."""

    field: str
    bits: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A known person who might be the new one."""

    known: Particulars
    evidence: tuple[Evidence, ...]
    outcome: Outcome

    @property
    def bits(self) -> float:
        """All evidence together."""
        return sum(one.bits for one in self.evidence)

    @property
    def own_bits(self) -> float:
        """That of what no two members of a household share."""
        return sum(one.bits for one in self.evidence if one.field in _OWN)


_OWN = frozenset({"geboortedatum", "voorletters", "geslacht"})


class KnownPersons:
    """Everybody whom the casebook knows, indexed; one instance answers for any number of new."""

    def __init__(self, persons: Iterable[Particulars]) -> None:
        everybody = list(persons)
        self._blocks = Blocks(everybody)
        self._count = max(len(everybody), 1)
        self._accidents = log2(max(self._count, FEWEST))
        self._surnames = Counter(one.surname for one in everybody if one.surname)
        self._births = Counter(one.birth for one in everybody if one.birth)
        self._initials = Counter(one.initials[0] for one in everybody if one.initials)
        self._addresses = Counter(one.address for one in everybody if one.address)

    def proposals(self, new: Particulars) -> list[Proposal]:
        """The nearest known persons, nearest first; none where nobody is near enough to look at."""
        found = [
            Proposal(known, evidence, Outcome.NONE)
            for known in self._blocks.near(new)
            if _may_be(new, known) and (evidence := self.compared(new, known))
        ]
        found.sort(key=lambda one: (-one.bits, one.known.key))
        near = [one for one in found if self._is_unsure(one)][:PROPOSED]
        if not near:
            return []
        is_clear = len(near) == 1 or near[0].bits - near[1].bits >= MARGIN_BITS
        outcomes = [
            Outcome.CANDIDATE if n == 0 and is_clear and self._is_candidate(one) else Outcome.UNSURE
            for n, one in enumerate(near)
        ]
        return [
            Proposal(one.known, one.evidence, outcome)
            for one, outcome in zip(near, outcomes, strict=True)
        ]

    def compared(self, new: Particulars, known: Particulars) -> tuple[Evidence, ...]:
        """The evidence of each field that both have."""
        bits = (
            ("achternaam", self._surname(new, known)),
            ("voorletters", self._initial(new, known)),
            ("geboortedatum", self._birth(new, known)),
            ("geslacht", _sex(new, known)),
            ("adres", self._address(new, known)),
            ("telefoonnummer", _phone(new, known)),
            ("huisgenoten", _company(new, known)),
        )
        return tuple(Evidence(field, found) for field, found in bits if found is not None)

    def _surname(self, new: Particulars, known: Particulars) -> float | None:
        if not new.surname or not known.surname:
            return None
        if new.surname == known.surname or is_run_together(new.surname, known.surname):
            return _bits(0.86, self._share(self._surnames, known.surname, _SURNAME))
        if set(new.surname_parts) & set(known.surname_parts):
            # Of who bears a partner's name beside their own, one register has both.
            shared = max(set(new.surname_parts) & set(known.surname_parts), key=len)
            return _bits(0.06, 2 * self._share(self._surnames, shared, _SURNAME))
        if is_near_name(new.surname, known.surname):
            return _bits(0.06, 4 * self._share(self._surnames, known.surname, _SURNAME))
        return _bits(0.02, 0.98)

    def _initial(self, new: Particulars, known: Particulars) -> float | None:
        one, other = new.initials, known.initials
        if not one or not other:
            return None
        first = self._share(self._initials, other[0], _LETTER)
        if one == other:
            return _bits(0.62, first * (0.5 if len(other) == 1 else 0.03))
        if one.startswith(other) or other.startswith(one):
            return _bits(0.33, first * 0.5)
        if one[0] == other[0]:
            return _bits(0.02, first * 0.5)
        if sorted(one) == sorted(other) or one[0] in other or other[0] in one:
            # Called by another of their names.
            return _bits(0.015, 0.05)
        return _bits(0.015, 0.9)

    def _birth(self, new: Particulars, known: Particulars) -> float | None:
        one, other = new.birth, known.birth
        if one is None or other is None:
            return None
        if None not in one and None not in other:
            if one == other:
                return _bits(0.92, self._share(self._births, other, _DAY))
            if is_swapped(one, other):
                return _bits(0.02, 1 / 2_000)
            same = sum(a == b for a, b in zip(one, other, strict=True))
            return _bits(0.03, 1 / 200) if same == 2 else _bits(0.002, 0.99)
        if one[0] != other[0]:
            return _bits(0.03, 0.98)
        if one[1] is not None and other[1] is not None:
            return _bits(0.97, 1 / 700) if one[1] == other[1] else _bits(0.02, 11 / 700)
        return _bits(0.98, 1 / 60)

    def _address(self, new: Particulars, known: Particulars) -> float | None:
        if new.address and known.address:
            if new.address == known.address:
                return _bits(0.75, self._share(self._addresses, known.address, _ADDRESS))
            if new.postcode == known.postcode:
                return _bits(0.04, 1 / 4_000)
        if not new.postcode or not known.postcode:
            return None
        if new.postcode[:4] == known.postcode[:4]:
            return (
                _bits(0.85, 1 / 50) if not new.address or not known.address else _bits(0.05, 0.02)
            )
        return _bits(0.15, 0.98)

    def _is_candidate(self, one: Proposal) -> bool:
        is_much = one.bits >= CANDIDATE_BITS + self._accidents
        return is_much and one.own_bits >= CANDIDATE_OWN_BITS

    def _is_unsure(self, one: Proposal) -> bool:
        is_much = one.bits >= UNSURE_BITS + self._accidents
        return is_much and one.own_bits >= UNSURE_OWN_BITS

    def _share(self, counted: Counter[T], value: T, usual: float) -> float:
        """How common a value is, among the known and `OTHERS` of whom `usual` is the share.

        A small register says little of how common anything is.
        """
        return (counted[value] + OTHERS * usual) / (self._count + OTHERS)


def _may_be(new: Particulars, known: Particulars) -> bool:
    return new.key != known.key and not (new.message and new.message == known.message)


def _sex(new: Particulars, known: Particulars) -> float | None:
    if not new.sex or not known.sex:
        return None
    return _bits(0.99, 0.5) if new.sex == known.sex else _bits(0.01, 0.5)


def _phone(new: Particulars, known: Particulars) -> float | None:
    if not new.phone or not known.phone:
        return None
    return _bits(0.8, 1 / 3_000) if new.phone == known.phone else _bits(0.2, 0.999)


def _company(new: Particulars, known: Particulars) -> float | None:
    """Others of the household, by birth date and first initial."""
    if not new.company or not known.company:
        return None
    return _bits(0.8, 0.002) if new.company & known.company else _bits(0.2, 0.95)


def _bits(m: float, u: float) -> float:
    return log2(m / min(u, 1.0))


def nearest(proposals: Sequence[Proposal]) -> Outcome:
    """What they say together of the new person."""
    return proposals[0].outcome if proposals else Outcome.NONE
