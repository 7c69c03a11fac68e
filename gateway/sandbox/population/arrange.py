"""One block of 3,690 dossiers, arranged so that every printed table comes out exactly.

In order: phase, district and children (3.13 and 3.6), members by age group (3.7), registration
dates (3.7 and 4.2), source, regiecheck, postcode and close reasons (4.2), measurements (3.12 and
4.2). Chance decides who gets what, never how many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import TypeVar

from gateway.sandbox.population.assumptions import (
    CLOSE_REASONS,
    FIRST_REGISTRATION,
    LAST_DAY_OF_2012,
    MOST_ADULTS,
    MOST_MINORS,
    MOST_UNKNOWN,
    OTHER_SOURCES,
)
from gateway.sandbox.population.chance import Weighted, below, quota, shuffled
from gateway.sandbox.population.household import Children, District, PostcodeState, Source
from gateway.sandbox.population.joint import fit
from gateway.sandbox.population.margins import (
    CHILDREN_TOTALS,
    CLOSED_WITHOUT_REASON,
    COORDINATION_CHECK,
    DOSSIERS,
    DWI_REFERRALS,
    HOUSEHOLDS,
    HOUSEHOLDS_BY_CHILDREN,
    PERSONS,
    PERSONS_TOTAL,
    POSTCODES,
    SOURCE_FILLED_IN,
    SOURCE_MISSING,
)
from schemas.casework import CaseStatus, CloseReason

T = TypeVar("T")
MINORS, ADULTS, UNKNOWN = range(3)
_REASONS = {phase: Weighted(weights) for phase, weights in CLOSE_REASONS.items()}


@dataclass(slots=True)
class Draft:
    """A dossier under arrangement: everything that the tables count, nothing that names."""

    phase: CaseStatus | None
    district: District
    children: Children
    members: list[int] = field(default_factory=lambda: [0, 0, 0])
    registered_on: date = FIRST_REGISTRATION
    source: Source | None = None
    coordination_checked: bool | None = None
    postcode: PostcodeState = PostcodeState.FULL
    close_reason: CloseReason | None = None


Cell = tuple[CaseStatus | None, District, Children, int]


def joint_table() -> list[Cell]:
    """Households by phase, district and children: 3.13 and 3.6 exactly.

    Between districts the children follow table 3.7: households with children as its minors,
    undetermined ones as its persons without a birth date.
    """
    cells: list[Cell] = []
    for phase, in_districts in HOUSEHOLDS.items():
        table = fit(
            [_expected(district) for district in District],
            in_districts,
            HOUSEHOLDS_BY_CHILDREN[phase],
        )
        cells += [
            (phase, district, children, table[i][j])
            for i, district in enumerate(District)
            for j, children in enumerate(Children)
        ]
    # The 3,690th dossier: tables 3.7 and 4.2 count it, in Centrum, and no phase does.
    cells.append((None, District.CENTRUM, Children.WITHOUT, 1))
    return cells


def _expected(district: District) -> list[float]:
    printed = PERSONS[district]
    families = CHILDREN_TOTALS[Children.WITH] * printed.minors / PERSONS_TOTAL.minors
    undetermined = (
        CHILDREN_TOTALS[Children.UNDETERMINED]
        * printed.without_birth_date
        / PERSONS_TOTAL.without_birth_date
    )
    return [families, printed.households - families - undetermined, undetermined]


def arrange(rng: Random, cells: Iterable[Cell]) -> list[Draft]:
    """The drafts of one block, in random order."""
    drafts = [
        Draft(phase, district, children)
        for phase, district, children, count in cells
        for _ in range(count)
    ]
    rng.shuffle(drafts)
    for district in District:
        _fill(rng, district, [draft for draft in drafts if draft.district is district])
    _register(rng, drafts)
    _refer(rng, drafts)
    _check(rng, drafts)
    _close(rng, drafts)
    return drafts


def _fill(rng: Random, district: District, drafts: list[Draft]) -> None:
    """Members by age group, to the totals of table 3.7."""
    printed = PERSONS[district]
    families = [draft for draft in drafts if draft.children is Children.WITH]
    undetermined = [draft for draft in drafts if draft.children is Children.UNDETERMINED]
    determined = [draft for draft in drafts if draft.children is not Children.UNDETERMINED]
    for draft in families:
        draft.members[MINORS] = 1
    for draft in determined:
        draft.members[ADULTS] = 1
    for draft in undetermined:
        draft.members[UNKNOWN] = 1
    _scatter(rng, families, printed.minors - len(families), MINORS, MOST_MINORS)
    _scatter(rng, drafts, printed.adults - len(determined), ADULTS, MOST_ADULTS)
    # An unknown birth date in a household without a known child would make it undetermined.
    _scatter(
        rng,
        families + undetermined,
        printed.without_birth_date - len(undetermined),
        UNKNOWN,
        MOST_UNKNOWN,
    )


def _scatter(rng: Random, drafts: Sequence[Draft], count: int, group: int, most: int) -> None:
    room = list(drafts)
    if not 0 <= count <= sum(most - draft.members[group] for draft in room):
        raise ValueError("the printed persons do not fit the printed households")
    while count:
        place = below(rng, len(room))
        if room[place].members[group] == most:
            room[place] = room[-1]
            room.pop()
            continue
        room[place].members[group] += 1
        count -= 1


def _register(rng: Random, drafts: list[Draft]) -> None:
    """Registration dates: table 3.7's first column, and the dossiers of table 4.2's three dates.

    Who is still in intake came last.
    """
    later: list[Draft] = []
    for district in District:
        here = shuffled(rng, (draft for draft in drafts if draft.district is district))
        here.sort(key=lambda draft: draft.phase is CaseStatus.INTAKE)
        early = PERSONS[district].households_at_start
        for draft in here[:early]:
            draft.registered_on = _between(rng, FIRST_REGISTRATION, LAST_DAY_OF_2012)
        later += here[early:]
    rng.shuffle(later)
    later.sort(key=lambda draft: draft.phase is CaseStatus.INTAKE)
    start, after, taken = PERSONS_TOTAL.households_at_start, LAST_DAY_OF_2012, 0
    for until, dossiers in DOSSIERS.items():
        for draft in later[taken : dossiers - start]:
            draft.registered_on = _between(rng, date.fromordinal(after.toordinal() + 1), until)
        after, taken = until, dossiers - start


def _between(rng: Random, first: date, last: date) -> date:
    start = first.toordinal()
    return date.fromordinal(start + below(rng, last.toordinal() - start + 1))


def _refer(rng: Random, drafts: list[Draft]) -> None:
    """Sources: DWI's 2,200 referrals are dossiers of 2013, the rest divide what is left."""
    recent = shuffled(rng, (draft for draft in drafts if draft.registered_on > LAST_DAY_OF_2012))
    others = [draft for draft in drafts if draft.registered_on <= LAST_DAY_OF_2012]
    for draft in recent[:DWI_REFERRALS]:
        draft.source = Source.DWI
    others += recent[DWI_REFERRALS:]
    counts = quota(SOURCE_FILLED_IN - DWI_REFERRALS, list(OTHER_SOURCES.values()))
    labels: list[Source | None] = _labels(zip(OTHER_SOURCES, counts, strict=True))
    labels += [None] * SOURCE_MISSING
    for draft, source in zip(others, shuffled(rng, labels), strict=True):
        draft.source = source


def _check(rng: Random, drafts: list[Draft]) -> None:
    for draft, answer in zip(
        drafts, shuffled(rng, _labels(COORDINATION_CHECK.items())), strict=True
    ):
        draft.coordination_checked = answer
    for draft, state in zip(drafts, shuffled(rng, _labels(POSTCODES.items())), strict=True):
        draft.postcode = state


def _close(rng: Random, drafts: list[Draft]) -> None:
    closed = shuffled(rng, (draft for draft in drafts if draft.phase in _REASONS))
    for draft in closed[:CLOSED_WITHOUT_REASON]:
        draft.close_reason = CloseReason.NOT_FILLED_IN
    for draft in closed[CLOSED_WITHOUT_REASON:]:
        if draft.phase is not None:
            draft.close_reason = _REASONS[draft.phase].draw(rng)


def _labels(counts: Iterable[tuple[T, int]]) -> list[T]:
    return [label for label, count in counts for _ in range(count)]
