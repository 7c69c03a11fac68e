"""Households without end, in blocks that each are the exact population of the report.

The first block is the programme at 31 December 2013, cell for cell; the next ones have the same
margins and other persons, so any number of households can be streamed in the memory of one
block. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, count, islice
from random import Random

from gateway.sandbox.population.arrange import ADULTS, MINORS, UNKNOWN, Draft, arrange, joint_table
from gateway.sandbox.population.assumptions import (
    HAS_PHONE,
    HAS_SECRET_ADDRESS,
    HAS_SUFFIX,
    OLDEST,
    OLDEST_PARENT,
    SECOND_ADULT_IS_PARTNER,
    YOUNGEST_PARENT,
)
from gateway.sandbox.population.bsn import POPULATION, BsnSeries
from gateway.sandbox.population.chance import below, choose, seeded, shuffled
from gateway.sandbox.population.household import (
    COMING_OF_AGE,
    REFERENCE_DATE,
    Children,
    Household,
    Person,
)
from gateway.sandbox.population.margins import PERSONS_TOTAL, QUALITY_PERSONS, SURNAME_MISSING
from gateway.sandbox.population.measure import Measured, measure
from gateway.sandbox.population.names import initials, phone, postcode, street, surname
from gateway.sandbox.population.zrm import patterns
from schemas.referral import Role, Sex

DEFAULT_SEED = 20131231
MOST_HOUSEHOLDS = POPULATION.stop // PERSONS_TOTAL.persons * PERSONS_TOTAL.households
"""Beyond this many households the test numbers set apart for them are spent."""

_SEXES = (Sex.FEMALE, Sex.MALE)
_COMING_OF_AGE, _REFERENCE = COMING_OF_AGE.toordinal(), REFERENCE_DATE.toordinal()
_YEAR = 365


@dataclass(frozen=True, slots=True)
class Population:
    """The exact population of one seed: 3,690 synthetic dossiers with 9,370 synthetic persons."""

    seed: int
    households: tuple[Household, ...]


def population(seed: int = DEFAULT_SEED) -> Population:
    """The population that reproduces the report."""
    return Population(seed, tuple(households(seed)))


def households(seed: int = DEFAULT_SEED, count: int | None = None) -> Iterator[Household]:
    """The exact population, or any other number of households with the same margins.

    `households(seed, n)` begins with the households of `households(seed)`. Raises `ValueError`
    for more than `MOST_HOUSEHOLDS`: a BSN is never given twice.
    """
    wanted = PERSONS_TOTAL.households if count is None else count
    if not 0 <= wanted <= MOST_HOUSEHOLDS:
        raise ValueError(f"a population has at most {MOST_HOUSEHOLDS} households")
    return islice(chain.from_iterable(_blocks(seed)), wanted)


def _blocks(seed: int) -> Iterator[Iterator[Household]]:
    cells, zrm, bsns = joint_table(), patterns(seed), BsnSeries(seed)
    for number in count():
        rng = seeded(seed, "block", number)
        drafts = arrange(rng, cells)
        yield _Naming(rng, bsns, number).dossiers(drafts, measure(rng, drafts, zrm))


class _Naming:
    """Gives the drafts of one block their persons, names and addresses."""

    def __init__(self, rng: Random, bsns: BsnSeries, block: int) -> None:
        self._rng = rng
        self._bsns = bsns
        self._next_person = block * PERSONS_TOTAL.persons
        self._next_number = block * PERSONS_TOTAL.households + 1
        named = QUALITY_PERSONS - SURNAME_MISSING
        self._is_named = iter(shuffled(rng, [True] * named + [False] * SURNAME_MISSING))

    def dossiers(self, drafts: list[Draft], measured: list[Measured]) -> Iterator[Household]:
        """One household for each draft."""
        for draft, zrm in zip(drafts, measured, strict=True):
            yield self._household(draft, zrm)

    def _household(self, draft: Draft, zrm: Measured) -> Household:
        rng, number = self._rng, self._next_number
        self._next_number += 1
        return Household(
            number=number,
            district=draft.district,
            phase=draft.phase,
            close_reason=draft.close_reason,
            registered_on=draft.registered_on,
            source=draft.source,
            coordination_checked=draft.coordination_checked,
            postcode=postcode(rng, draft.district, draft.postcode),
            street=street(rng),
            house_number=1 + below(rng, 400),
            house_number_suffix=choose(rng, "ABCDH123") if below(rng, 100) < HAS_SUFFIX else None,
            phone=phone(rng) if below(rng, 100) < HAS_PHONE else None,
            address_is_secret=below(rng, 100) < HAS_SECRET_ADDRESS,
            members=tuple(self._members(draft)),
            measurements=zrm.measurements,
            is_first_zrm_due=zrm.is_due,
            is_in_zrm_table=zrm.is_in_table,
        )

    def _members(self, draft: Draft) -> Iterator[Person]:
        """The applicant first; adults, persons without a birth date, children."""
        rng = self._rng
        family = surname(rng)
        has_children = draft.children is Children.WITH
        adults, unknown, minors = (draft.members[g] for g in (ADULTS, UNKNOWN, MINORS))
        for place in range(adults + unknown):
            role = self._role(place)
            parental = has_children and role in (Role.APPLICANT, Role.PARTNER)
            born = self._adult_birth_date(parental) if place < adults else None
            own = surname(rng) if role is Role.PARTNER and rng.random() < 0.5 else family
            yield self._person(role, own, born)
        for _ in range(minors):
            born = date.fromordinal(_COMING_OF_AGE + 1 + below(rng, _REFERENCE - _COMING_OF_AGE))
            yield self._person(Role.CHILD, family, born)

    def _role(self, place: int) -> Role:
        if place == 0:
            return Role.APPLICANT
        if place == 1 and below(self._rng, 100) < SECOND_ADULT_IS_PARTNER:
            return Role.PARTNER
        return Role.OTHER

    def _adult_birth_date(self, is_parent: bool) -> date:
        oldest = (OLDEST_PARENT if is_parent else OLDEST) * _YEAR
        latest = _REFERENCE - YOUNGEST_PARENT * (_YEAR + 1) if is_parent else _COMING_OF_AGE
        earliest = _REFERENCE - oldest
        return date.fromordinal(earliest + below(self._rng, latest - earliest + 1))

    def _person(self, role: Role, name: tuple[str | None, str], born: date | None) -> Person:
        rng, index = self._rng, self._next_person
        self._next_person += 1
        prefix, last = name if next(self._is_named) else (None, None)
        return Person(
            bsn=self._bsns.at(index),
            role=role,
            sex=choose(rng, _SEXES),
            initials=initials(rng),
            prefix=prefix,
            surname=last,
            birth_date=born,
        )
