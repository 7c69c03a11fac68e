"""The population's tables beside the report's, cell by cell, counted from the persons themselves.

`compare` knows the generator only by its households, so it would as well show a population that
is wrong: a cell that differs is marked, and `sluis population` then fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.sandbox.population.household import (
    AgeGroup,
    Children,
    District,
    Household,
    PostcodeState,
)
from gateway.sandbox.population.margins import (
    BIRTH_DATE_MISSING,
    CHILDREN_TOTALS,
    CLOSED,
    CLOSED_WITHOUT_REASON,
    COORDINATION_CHECK,
    DAYS_BETWEEN_ZRM,
    DOSSIERS,
    FIRST_ZRM_COMPLETE,
    FIRST_ZRM_INCOMPLETE,
    HOUSEHOLDS,
    HOUSEHOLDS_BY_CHILDREN,
    HOUSEHOLDS_BY_DISTRICT,
    HOUSEHOLDS_BY_PHASE,
    HOUSEHOLDS_WITH_PHASE,
    PERSONS,
    PERSONS_TOTAL,
    PHASES,
    POSTCODES,
    PROBLEMS_FIVE_UP,
    PROBLEMS_NONE,
    PROBLEMS_ONE,
    PROBLEMS_THREE_UP,
    QUALITY_PERSONS,
    SOURCE_FILLED_IN,
    SOURCE_MISSING,
    SURNAME_MISSING,
    ZRM_FIRST,
    ZRM_FOLLOWED,
    ZRM_SHARES,
    DistrictPersons,
)
from schemas.casework import CloseReason
from schemas.zrm import PROBLEM_BELOW

_TOTAL = "totaal"


@dataclass(frozen=True, slots=True)
class Cell:
    """One number as generated and as printed."""

    generated: int
    printed: int

    @property
    def differs(self) -> bool:
        return self.generated != self.printed


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    label: str
    cells: tuple[Cell, ...]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the report; `number` is the report's own."""

    number: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class TableLine:
    """One cell on its own, for output that a machine reads."""

    table: str
    row: str
    column: str
    unit: str
    generated: int
    printed: int
    differs: bool


def compare(households: Iterable[Household]) -> tuple[Table, ...]:
    """Every table that the population reproduces, counted from these households."""
    counted = tuple(households)
    return (
        _by_district(counted),
        _by_children(counted),
        _persons(counted),
        _zrm(counted),
        _problems(counted),
        _quality(counted),
    )


def lines(tables: Iterable[Table]) -> list[TableLine]:
    """The same, one line a cell."""
    return [
        TableLine(
            table.number, row.label, column, row.unit, cell.generated, cell.printed, cell.differs
        )
        for table in tables
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
    ]


def differences(tables: Iterable[Table]) -> list[TableLine]:
    """The cells that differ from the report."""
    return [line for line in lines(tables) if line.differs]


def _row(label: str, found: Iterable[int], printed: Iterable[int], unit: str = "") -> Row:
    return Row(label, tuple(Cell(*pair) for pair in zip(found, printed, strict=True)), unit)


def _by_district(households: Sequence[Household]) -> Table:
    found = Counter((h.phase, h.district) for h in households if h.phase is not None)
    rows = []
    for phase in PHASES:
        in_districts = [found[phase, district] for district in District]
        printed = (*HOUSEHOLDS[phase], HOUSEHOLDS_BY_PHASE[phase])
        rows.append(_row(phase, (*in_districts, sum(in_districts)), printed))
    sums = [sum(found[phase, district] for phase in PHASES) for district in District]
    printed = (*HOUSEHOLDS_BY_DISTRICT, HOUSEHOLDS_WITH_PHASE)
    rows.append(_row(_TOTAL, (*sums, sum(sums)), printed))
    return Table("3.13", "Huishoudens naar fase en stadsdeel", (*District, _TOTAL), tuple(rows))


def _by_children(households: Sequence[Household]) -> Table:
    found = Counter((h.phase, h.children) for h in households if h.phase is not None)
    rows = []
    for phase in PHASES:
        counts = [found[phase, children] for children in Children]
        printed = (*HOUSEHOLDS_BY_CHILDREN[phase], HOUSEHOLDS_BY_PHASE[phase])
        rows.append(_row(phase, (*counts, sum(counts)), printed))
    sums = [sum(found[phase, children] for phase in PHASES) for children in Children]
    printed_sums = (*CHILDREN_TOTALS.values(), HOUSEHOLDS_WITH_PHASE)
    rows.append(_row(_TOTAL, (*sums, sum(sums)), printed_sums))
    return Table("3.6", "Huishoudens met en zonder kinderen", (*Children, _TOTAL), tuple(rows))


def _persons(households: Sequence[Household]) -> Table:
    rows = [
        _row(district, _of(h for h in households if h.district is district), _printed(printed))
        for district, printed in PERSONS.items()
    ]
    rows.append(_row(_TOTAL, _of(households), _printed(PERSONS_TOTAL)))
    columns = ("huishoudens 1-1-2013", "huishoudens 31-12-2013", *AgeGroup, "personen")
    return Table("3.7", "Huishoudens en personen naar stadsdeel", columns, tuple(rows))


def _of(households: Iterable[Household]) -> tuple[int, ...]:
    counted = tuple(households)
    ages = Counter(member.age_group for h in counted for member in h.members)
    start = sum(h.registered_on < date(2013, 1, 1) for h in counted)
    return (start, len(counted), *(ages[group] for group in AgeGroup), sum(ages.values()))


def _printed(row: DistrictPersons) -> tuple[int, ...]:
    return (
        row.households_at_start,
        row.households,
        row.minors,
        row.adults,
        row.without_birth_date,
        row.persons,
    )


def _zrm(households: Sequence[Household]) -> Table:
    first = [h.measurements[0].scores for h in households if h.is_in_zrm_table]
    followed = [h.measurements for h in households if len(h.measurements) == 2]
    groups = (first, [m[0].scores for m in followed], [m[1].scores for m in followed])
    rows = [
        _row(
            domain,
            [_percent((_is_problem(s[place]) for s in group), len(group)) for group in groups],
            (printed.first, printed.followed_first, printed.followed_second),
            "%",
        )
        for place, (domain, printed) in enumerate(ZRM_SHARES.items())
    ]
    measured = (ZRM_FIRST, ZRM_FOLLOWED, ZRM_FOLLOWED)
    rows.append(_row("gemeten (n)", map(len, groups), measured))
    columns = ("eerste meting, allen", "eerste meting, gevolgden", "tweede meting, gevolgden")
    return Table("3.12", "Aandeel met een probleem per domein van de ZRM", columns, tuple(rows))


def _is_problem(score: int | None) -> bool:
    return score is not None and score < PROBLEM_BELOW


def _percent(claims: Iterable[bool], whole: int) -> int:
    """Rounded half up, as the report's whole percents are read."""
    return (200 * sum(claims) + whole) // (2 * whole) if whole else 0


def _problems(households: Sequence[Household]) -> Table:
    counts = [
        sum(map(_is_problem, h.measurements[0].scores)) for h in households if h.is_in_zrm_table
    ]
    bands: tuple[tuple[str, Callable[[int], bool], int], ...] = (
        ("in geen domein", lambda n: n == 0, PROBLEMS_NONE),
        ("in één domein", lambda n: n == 1, PROBLEMS_ONE),
        ("in drie of meer", lambda n: n >= 3, PROBLEMS_THREE_UP),
        ("in vijf of meer", lambda n: n >= 5, PROBLEMS_FIVE_UP),
    )
    rows = [
        _row(label, [_percent(map(holds, counts), len(counts))], [printed], "%")
        for label, holds, printed in bands
    ]
    days = [
        (h.measurements[1].measured_on - h.measurements[0].measured_on).days
        for h in households
        if len(h.measurements) == 2
    ]
    mean = round(sum(days) / len(days)) if days else 0
    rows.append(_row("dagen tussen twee metingen, gemiddeld", [mean], [DAYS_BETWEEN_ZRM]))
    return Table("tekst", "Huishoudens naar aantal domeinen", ("waarde",), tuple(rows))


def _quality(households: Sequence[Household]) -> Table:
    checked = Counter(h.coordination_checked for h in households)
    postcodes = Counter(h.postcode_state for h in households)
    closed = [h for h in households if h.phase is not None and h.phase.is_closed]
    members = [member for h in households for member in h.members]
    due = [h for h in households if h.is_first_zrm_due]
    complete = sum(h.has_complete_first_zrm for h in due)
    named = sum(h.source is not None for h in households)
    found = [
        (f"dossiers op {day:%d-%m-%Y}", sum(h.registered_on <= day for h in households), printed)
        for day, printed in DOSSIERS.items()
    ]
    found += [
        ("regiecheck: ja", checked[True], COORDINATION_CHECK[True]),
        ("regiecheck: nee", checked[False], COORDINATION_CHECK[False]),
        ("regiecheck: niet ingevuld", checked[None], COORDINATION_CHECK[None]),
        ("verwezen via: ja", named, SOURCE_FILLED_IN),
        ("verwezen via: niet ingevuld", len(households) - named, SOURCE_MISSING),
        ("afgesloten", len(closed), CLOSED),
        (
            "afgesloten: reden niet ingevuld",
            sum(h.close_reason is CloseReason.NOT_FILLED_IN for h in closed),
            CLOSED_WITHOUT_REASON,
        ),
        *((f"postcode: {state}", postcodes[state], POSTCODES[state]) for state in PostcodeState),
        ("personen", len(members), QUALITY_PERSONS),
        ("achternaam: niet ingevuld", sum(m.surname is None for m in members), SURNAME_MISSING),
        (
            "geboortedatum: niet ingevuld",
            sum(m.birth_date is None for m in members),
            BIRTH_DATE_MISSING,
        ),
        ("eerste ZRM: volledig", complete, FIRST_ZRM_COMPLETE),
        ("eerste ZRM: onvolledig of niet ingevuld", len(due) - complete, FIRST_ZRM_INCOMPLETE),
    ]
    rows = tuple(_row(label, [number], [printed]) for label, number, printed in found)
    return Table("4.2", "Volledigheid van de registratie", ("stand",), rows)
