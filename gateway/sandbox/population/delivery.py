"""DWI's screening of 2013: households of the population, referred with the applicant's ZRM.

The report gives the number, 2,200, and that each has ZRM scores. Who agreed, the ladder and the
notes are our assumptions; the legal ground is named as it is now (participatiewet), though its
predecessor of 2013 was the WWB. Suggested file name: `synthetisch-dwi-2200.csv`, since a CSV file
cannot hold a comment that says so.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from random import Random

from gateway.sandbox.population.assumptions import (
    AGREEMENT_ALL,
    AGREEMENT_NONE,
    AGREEMENT_NOT_RECORDED,
    AGREEMENT_ONE_REFUSES,
    HAS_NOTE,
    REPRESENTED_BELOW,
)
from gateway.sandbox.population.chance import Weighted, below, choose, seeded
from gateway.sandbox.population.generate import DEFAULT_SEED, MOST_HOUSEHOLDS, households
from gateway.sandbox.population.household import (
    REFERENCE_DATE,
    AgeGroup,
    Household,
    Measurement,
    Person,
    Source,
)
from gateway.sandbox.population.margins import DWI_REFERRALS
from gateway.sandbox.population.zrm import Patterns, patterns, scores
from schemas.referral import AuthoritySource, DecidedBy, Role

FILE_NAME = "synthetisch-dwi-2200.csv"
_NOTE = "Synthetische toelichting: gezin {surname} is telefonisch besproken."


class Flaw(StrEnum):
    """What is wrong, on purpose, with a record that was slipped in."""

    ELEVEN_TEST = "elfproef"
    REFERRED_IN_FUTURE = "aangemeld-in-toekomst"
    BORN_IN_FUTURE = "geboren-in-toekomst"
    SCORE_OF_SEVEN = "score-zeven"
    GROUND_NONE = "grondslag-geen"
    NO_REFERRAL_DATE = "aangemeld-op-ontbreekt"


class _Agreed(StrEnum):
    ALL = "all"
    NONE = "none"
    NOT_RECORDED = "not-recorded"
    ONE_REFUSES = "one-refuses"


@dataclass(frozen=True, slots=True)
class MemberAgreement:
    """A member's agreement as DWI recorded it."""

    given: bool
    decided_on: date
    decided_by: DecidedBy
    evidence: str


@dataclass(frozen=True, slots=True)
class MemberAuthority:
    """Who holds authority over a minor, as DWI looked it up: members by place, from 0."""

    holders: tuple[int, ...]
    source: AuthoritySource
    as_of: date


@dataclass(frozen=True, slots=True)
class DwiReferral:
    """One referral as DWI knows it, before it is written in a format."""

    reference: str
    referred_on: date
    household: Household
    zrm: Measurement
    ladder: int
    agreements: tuple[MemberAgreement | None, ...]
    authority: tuple[MemberAuthority | None, ...]
    note: str | None
    flaw: Flaw | None = None


def dwi_delivery(
    seed: int = DEFAULT_SEED,
    count: int = DWI_REFERRALS,
    *,
    with_errors: bool = False,
    source: Iterable[Household] | None = None,
) -> Iterator[DwiReferral]:
    """`count` referrals of households that came through DWI, in the population's order.

    The default is exactly the exact population's. `with_errors` slips one record of each `Flaw`
    in between, of households that came otherwise: `count + len(Flaw)` records in all. Raises
    `ValueError` at the end if `source` held too few.
    """
    found = households(seed, MOST_HOUSEHOLDS) if source is None else source
    # Flawed records draw from a source of their own: the good ones are the same without them.
    good, flawed = _Screening(seed, "dwi"), _Screening(seed, "dwi-flaws")
    flaws = list(Flaw) if with_errors else []
    step = count // (len(flaws) + 1)
    done, next_flaw_at = 0, step
    for household in found:
        if household.source is Source.DWI and done < count:
            yield good.referral(household, None)
            done += 1
        elif household.source is not Source.DWI and flaws and done >= next_flaw_at:
            yield flawed.referral(household, flaws.pop(0))
            next_flaw_at += step
        if done == count and not flaws:
            return
    raise ValueError("the population holds fewer households that DWI referred")


class _Screening:
    def __init__(self, seed: int, purpose: str) -> None:
        self._rng: Random = seeded(seed, purpose)
        self._patterns: Patterns = patterns(seed)
        self._agreed = Weighted(
            {
                _Agreed.ALL: AGREEMENT_ALL,
                _Agreed.NONE: AGREEMENT_NONE,
                _Agreed.NOT_RECORDED: AGREEMENT_NOT_RECORDED,
                _Agreed.ONE_REFUSES: AGREEMENT_ONE_REFUSES,
            }
        )

    def referral(self, household: Household, flaw: Flaw | None) -> DwiReferral:
        rng = self._rng
        surname = household.members[0].surname
        return DwiReferral(
            reference=f"DWI-2013-{household.number:07d}",
            referred_on=household.registered_on,
            household=household,
            zrm=self._screened(household),
            ladder=1 + below(rng, 6),
            agreements=self._agreements(household),
            authority=tuple(_authority(household, member) for member in household.members),
            note=_NOTE.format(surname=surname) if surname and below(rng, 100) < HAS_NOTE else None,
            flaw=flaw,
        )

    def _screened(self, household: Household) -> Measurement:
        """DWI's own scores, in the month before: those of a complete first ZRM where there is one.

        The rest is drawn from patterns with the same shares.
        """
        on = date.fromordinal(household.registered_on.toordinal() - below(self._rng, 31))
        if household.has_complete_first_zrm:
            return Measurement(on, household.measurements[0].scores)
        return Measurement(on, scores(self._rng, choose(self._rng, self._patterns.uncounted)))

    def _agreements(self, household: Household) -> tuple[MemberAgreement | None, ...]:
        agreed, members = self._agreed.draw(self._rng), household.members
        if agreed is _Agreed.NOT_RECORDED:
            return (None,) * len(members)
        given = [agreed is not _Agreed.NONE] * len(members)
        if agreed is _Agreed.ONE_REFUSES:
            given[below(self._rng, len(members))] = False
        return tuple(
            MemberAgreement(
                given[place],
                household.registered_on,
                decided_by(member, household.registered_on),
                f"IF-{household.number:07d}-{place + 1}",
            )
            for place, member in enumerate(members)
        )


def _authority(household: Household, member: Person) -> MemberAuthority | None:
    """The adults of the household over its children, looked up when the delivery was made."""
    if member.role is not Role.CHILD or member.age_group is AgeGroup.ADULT:
        return None
    holders = tuple(
        place
        for place, one in enumerate(household.members)
        if one.role in (Role.APPLICANT, Role.PARTNER) and one.age_group is not AgeGroup.MINOR
    )
    return MemberAuthority(holders, AuthoritySource.BRP, REFERENCE_DATE) if holders else None


def years_later(referrals: Iterable[DwiReferral], years: int) -> Iterator[DwiReferral]:
    """The same referrals as if the programme's figures had been counted so many years later.

    Ages, terms and the order of days stay as they are: whoever was nine is nine again.
    """
    for one in referrals:
        home = one.household
        members = tuple(
            replace(m, birth_date=m.birth_date and later(m.birth_date, years)) for m in home.members
        )
        registered = later(home.registered_on, years)
        yield replace(
            one,
            referred_on=later(one.referred_on, years),
            household=replace(home, members=members, registered_on=registered),
            zrm=replace(one.zrm, measured_on=later(one.zrm.measured_on, years)),
            agreements=tuple(
                a and replace(a, decided_on=later(a.decided_on, years)) for a in one.agreements
            ),
            authority=tuple(a and replace(a, as_of=later(a.as_of, years)) for a in one.authority),
        )


def years_until(today: date) -> int:
    """By how many years the figures move to be those of the last day of last year."""
    return today.year - 1 - REFERENCE_DATE.year


def later(day: date, years: int) -> date:
    """The same day so many years later."""
    # Who was born on 29 February is given the day before, in a year that lacks it.
    is_missing = (day.month, day.day) == (2, 29) and not isleap(day.year + years)
    return day.replace(year=day.year + years, day=28 if is_missing else day.day)


def decided_by(member: Person, on: date) -> DecidedBy:
    """The parent below sixteen; where the birth date is unknown, by the member's role."""
    born = member.birth_date
    if born is None:
        return DecidedBy.PARENT if member.role is Role.CHILD else DecidedBy.SELF
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return DecidedBy.PARENT if age < REPRESENTED_BELOW else DecidedBy.SELF
