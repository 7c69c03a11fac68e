"""Households out of the rows of a file: consecutive rows with one reference are one record.

A row that cannot be read may have been somebody's of the household around it. It is never passed
over in such a way that the household goes on without that person: where its reference can be made
out, or the same reference stands on both sides of it, the whole record is refused.
"""

from __future__ import annotations

from datetime import date

from pydantic import ValidationError

from adapters.reading import Reading, refuse, settle
from adapters.tabular.columns import CellError
from adapters.tabular.header import Layout, Placed
from adapters.tabular.rows import ROW, Row
from schemas.deliveries import Finding, Problem, Record
from schemas.referral import MAX_MEMBERS, Referral, Role

_REFERENCE = "aanmelding.kenmerk"
_MEMBERS = "huishouden.leden"


class Households:
    """Gathers rows into households, at most `MAX_MEMBERS` rows at a time."""

    def __init__(self, layout: Layout, today: date) -> None:
        self._layout = layout
        self._today = today
        self._reference = ""
        self._rows: list[Row] = []
        self._is_crowded = False
        self._strays: list[Row] = []  # unreadable rows after the household, maybe of it

    def feed(self, rows: list[Row]) -> list[Record]:
        """The records that these rows complete."""
        records: list[Record] = []
        for row in rows:
            reference = self._reference_of(row)
            if reference and reference == self._reference:
                self._join([*self._strays, row])
                self._strays = []
            elif reference and row.finding is None:
                self._start(reference, row, records)
            else:
                self._strays.append(row)
                if len(self._strays) > MAX_MEMBERS:
                    self._finish("", records)
        return records

    def close(self) -> list[Record]:
        """What remains at the end of the file."""
        records: list[Record] = []
        self._finish("", records)
        return records

    def cut_off(self, line: int, problem: Problem) -> list[Record]:
        """The end of a file that broke off: the household under way may have had more members."""
        broken = Row(line, [], Finding(line, ROW, problem))
        if self._rows:
            self._join([*self._strays, broken])
            self._strays = []
        else:
            self._strays.append(broken)
        return self.close()

    def _reference_of(self, row: Row) -> str:
        """The row's reference, or what stands in its place in a broken row; empty if unknown."""
        if len(row.cells) <= self._layout.kenmerk:
            return ""
        reference = row.cells[self._layout.kenmerk]
        if reference or row.finding is not None:
            return reference
        # A further member may leave out what the first row says, but only if it leaves out all of
        # it: a whole row that lost its reference must not land in somebody else's household.
        of_household = any(row.cells[at] for at, *_ in self._layout.shared)
        if self._reference and not self._strays and not of_household:
            return self._reference
        row.finding = Finding(row.line, _REFERENCE, Problem.MISSING)
        return ""

    def _told_reference(self, row: Row) -> str:
        """The reference of a row that is broken elsewhere; where its cells may have moved, none."""
        if row.finding is None or row.finding.field in (ROW, _REFERENCE):
            return ""
        return self._reference_of(row)

    def _start(self, reference: str, row: Row, records: list[Record]) -> None:
        own = self._finish(reference, records)
        self._reference = reference
        self._join([*own, row])

    def _join(self, rows: list[Row]) -> None:
        self._rows += rows
        if len(self._rows) > MAX_MEMBERS:
            self._is_crowded = True
            del self._rows[MAX_MEMBERS:]

    def _finish(self, next_reference: str, records: list[Record]) -> list[Row]:
        """Hand over the household and the strays after it, but for those of the next household."""
        if self._rows:
            records.append(self._translate())
        own = []
        for stray in self._strays:
            if next_reference and self._reference_of(stray) == next_reference:
                own.append(stray)
            else:
                reading = _reading(self._told_reference(stray), [stray], self._layout)
                records.append(refuse(reading, _findings([stray])))
        self._rows, self._strays, self._reference = [], [], ""
        self._is_crowded = False
        return own

    def _translate(self) -> Record:
        reading = _reading(self._reference, self._rows, self._layout)
        broken = _findings(self._rows)
        if self._is_crowded:
            broken.append(Finding(reading.lines[0], _MEMBERS, Problem.TOO_MANY))
        if broken:
            return refuse(reading, broken)
        message = _message(self._rows, self._layout, reading)
        try:
            outcome: Referral | ValidationError = Referral.model_validate(message)
        except ValidationError as error:
            outcome = error
        return settle(reading, outcome, self._today)


def _reading(reference: str, rows: list[Row], layout: Layout) -> Reading:
    bsns: list[str] = []
    if layout.bsn is not None:
        bsns = [row.cells[layout.bsn] for row in rows if len(row.cells) > layout.bsn]
    return Reading(tuple([row.line for row in rows]), reference, bsns)


def _findings(rows: list[Row]) -> list[Finding]:
    return [row.finding for row in rows if row.finding is not None]


def _message(rows: list[Row], layout: Layout, reading: Reading) -> dict[str, object]:
    first = rows[0]
    message = _filled(first, layout.referral, reading)
    household = _filled(first, layout.household, reading)
    members = [_member(row, layout, reading) for row in rows]
    members[0].setdefault("rol", Role.APPLICANT)
    household["leden"] = members
    message["huishouden"] = household
    if protection := _filled(first, layout.protection, reading):
        reason = {"reden": protection.pop("reden")} if "reden" in protection else {}
        message["bescherming"] = {"professional": protection, **reason}
    for row in rows[1:]:
        _compare(first, row, layout.shared, reading)
    return message


def _member(row: Row, layout: Layout, reading: Reading) -> dict[str, object]:
    member = _filled(row, layout.member, reading)
    scores = _filled(row, layout.scores, reading)
    measured = _filled(row, layout.measured_on, reading)
    agreement = _filled(row, layout.agreement, reading)
    if agreement:
        member["instemming"] = agreement
    if authority := _filled(row, layout.authority, reading):
        member["gezag"] = [authority]
    if scores and measured:
        member["zrm"] = {**measured, "scores": scores}
    elif scores:
        # A measurement is one of a day: scores without it are left out, and so is a day alone.
        reading.noted.append(Finding(row.line, "lid.zrm.gemetenOp", Problem.MISSING))
    elif measured:
        reading.noted.append(Finding(row.line, "lid.zrm", Problem.INCOMPLETE))
    return member


def _filled(row: Row, columns: Placed, reading: Reading) -> dict[str, object]:
    """The cells of these columns that have something in them, by key."""
    cells = row.cells
    filled: dict[str, object] = {}
    for at, key, path, convert in columns:
        if cell := cells[at]:
            try:
                filled[key] = convert(cell)
            except CellError as error:
                remarks = reading.wrong if error.refuses else reading.noted
                remarks.append(Finding(row.line, path, error.problem))
    return filled


def _compare(first: Row, row: Row, columns: Placed, reading: Reading) -> None:
    """Later rows repeat the household's cells or leave them empty."""
    for at, _, path, convert in columns:
        cell = row.cells[at]
        if cell and cell != first.cells[at]:
            try:
                is_same = convert(cell) == convert(first.cells[at])
            except CellError:
                is_same = False
            if not is_same:
                reading.wrong.append(Finding(row.line, path, Problem.CONTRADICTION))
