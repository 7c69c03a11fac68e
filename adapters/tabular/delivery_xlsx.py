"""A delivery as a workbook (XLSX) filled in by hand: a sheet's cells to rows, rows to households.

Only plain values that a person sees are taken. A formula's result may be stale, a hidden row was
meant to stay behind, a half-shown date was half known: each refuses its own record (invariant 8).
The list of parts stands at a ZIP's end, so the file is held whole, within `MAX_FILE`; from there
on it is read as a stream. docs/partners/generic.md says all this to whoever fills one in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from adapters.first_bytes import ENOUGH, mistaken_kind
from adapters.port import UnreadableDelivery
from adapters.reading import Reading, refuse
from adapters.tabular.columns import Column, Columns
from adapters.tabular.header import HEADER, Layout, place
from adapters.tabular.households import Households
from adapters.tabular.number_formats import Shown, date_text, whole
from adapters.tabular.package import MAX_FILE, NO_WORKBOOK, Package
from adapters.tabular.rows import ROW, Row, objection
from adapters.tabular.sheet import Cell, SheetRow, SheetRows
from adapters.tabular.workbook import Workbook, open_workbook, unescaped
from adapters.tabular.xml_events import EventParser
from schemas.deliveries import Finding, Problem, Record

_SIGN = b"PK\x03\x04"
_ISO_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T00:00:00(?:\.0+)?Z?)?")
_SHIFTED = Problem.BROKEN  # a value outside the table may be one that moved
_TEXTS = ("s", "inlineStr", "str")
_SPACES = re.compile(r"[\s-]+")


class XlsxReader:
    """Reads one workbook with a partner's columns."""

    def __init__(self, today: date, columns: Columns) -> None:
        self._today = today
        self._columns = columns
        self._content = bytearray()

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """Nothing yet: what a workbook holds is known at its end."""
        self._content += chunk
        if len(self._content) > MAX_FILE:
            _check_start(bytes(self._content[:ENOUGH]))
            raise UnreadableDelivery(Problem.TOO_LONG, "bestand")
        return ()

    def close(self) -> Iterator[Record]:
        """All records, one by one as they are asked for."""
        content = bytes(self._content)
        self._content.clear()
        _check_start(content[:ENOUGH])
        package = Package(content)
        sheet = _Sheet(open_workbook(package), self._columns, self._today)
        has_begun = False
        try:
            for piece in package.pieces(sheet.part):
                for record in sheet.feed(piece):
                    has_begun = True
                    yield record
            yield from sheet.close()
        except UnreadableDelivery as error:
            if not has_begun:
                raise
            yield from sheet.cut_off(error.problem)


class _Sheet:
    """The sheet being read: its rows become households once its header is known."""

    def __init__(self, workbook: Workbook, columns: Columns, today: date) -> None:
        self.part = workbook.sheet
        self._workbook = workbook
        self._columns = columns
        self._today = today
        self._rows = SheetRows()
        self._parser = EventParser(self._rows)
        self._line = 1
        self._stages: tuple[Layout, Households] | None = None

    def feed(self, piece: bytes, *, is_last: bool = False) -> list[Record]:
        """The records that this piece of the sheet completes."""
        self._parser.feed(piece, is_last=is_last)
        records: list[Record] = []
        for sheet_row in self._rows.take():
            self._line = sheet_row.number
            if self._stages is None:
                layout = self._layout(sheet_row)
                self._stages = (layout, Households(layout, self._today))
                continue
            layout, households = self._stages
            row = self._row(sheet_row, layout)
            if row is not None:
                records += households.feed([row])
        return records

    def close(self) -> list[Record]:
        """What remains at the end of the sheet."""
        records = self.feed(b"", is_last=True)
        if self._stages is None:
            raise UnreadableDelivery(Problem.MISSING, "werkblad (leeg)")
        return records + self._stages[1].close()

    def cut_off(self, problem: Problem) -> list[Record]:
        """What remains of a sheet that broke off after its first record."""
        if self._stages is None:
            finding = Finding(self._line, ROW, problem)
            return [refuse(Reading((self._line,), "", []), [finding])]
        return self._stages[1].cut_off(self._line + 1, problem)

    def _layout(self, row: SheetRow) -> Layout:
        names: list[str] = []
        for at in range(max(row.cells, default=-1) + 1):
            told = self._text(row.cells[at], None) if at in row.cells else ""
            names.append(_SPACES.sub("_", told.strip().lower()) if isinstance(told, str) else "")
        if not any(name in self._columns for name in names):
            raise UnreadableDelivery(Problem.MISSING, HEADER)
        if row.overflows:
            raise UnreadableDelivery(Problem.TOO_MANY, HEADER)
        return place(names, self._columns)

    def _row(self, row: SheetRow, layout: Layout) -> Row | None:
        """The row as text, with the first thing that is wrong with it; `None` if it is blank."""
        width = len(layout.paths)
        cells = [""] * layout.width
        finding = Finding(row.number, ROW, Problem.INVALID) if row.is_hidden else None
        is_outside, is_blank = row.overflows, True
        for at, cell in row.cells.items():
            if at >= width:
                is_outside = True
                continue
            told = self._text(cell, layout.columns[at])
            if isinstance(told, str):
                cells[at] = told
                if not told.strip():
                    continue
                if at in self._rows.hidden_columns:
                    told = Problem.INVALID
            is_blank = False
            if isinstance(told, Problem) and finding is None:
                finding = Finding(row.number, layout.paths[at], told)
        if is_outside:
            return Row(row.number, list(map(str.strip, cells)), Finding(row.number, ROW, _SHIFTED))
        if is_blank:
            return None
        text = "".join(cells)
        cells = list(map(str.strip, cells))
        return Row(row.number, cells, finding or objection(layout, row.number, cells, text))

    def _text(self, cell: Cell, column: Column | None) -> str | Problem:
        """The cell as a person reads it, or why it is no plain value."""
        if cell.is_formula:
            return Problem.INVALID
        if cell.is_too_long:
            return Problem.TOO_LONG
        shape = self._workbook.format_of(cell.style)
        if cell.kind in _TEXTS and shape is not None and shape.hides_text:
            return Problem.INVALID
        match cell.kind:
            case "s":
                text, is_there = self._workbook.text_of(cell.text)
                if text is None:
                    return Problem.TOO_LONG if is_there else Problem.BROKEN
                return text
            case "inlineStr" | "str":
                return unescaped(cell.text)
            case "b":
                return {"1": "ja", "0": "nee"}.get(cell.text, Problem.INVALID)
            case "d":
                found = _ISO_DAY.fullmatch(cell.text)
                is_date = column is not None and column.is_date
                return found[1] if found and is_date else Problem.INVALID
            case "n":
                return self._number(cell, column)
            case _:
                return Problem.INVALID

    def _number(self, cell: Cell, column: Column | None) -> str | Problem:
        number, shape = whole(cell.text), self._workbook.format_of(cell.style)
        if number is None or shape is None:
            return Problem.INVALID
        if shape.shown is Shown.NUMBER:
            return str(number).zfill(shape.zeros)
        if column is None or not column.is_date:
            # A house number such as 1-2, which the spreadsheet took for a day.
            return Problem.INVALID
        told = date_text(number, shape.shown, is_1904=self._workbook.is_1904)
        return Problem.INVALID if told is None else told


def _check_start(start: bytes) -> None:
    if not start:
        raise UnreadableDelivery(Problem.MISSING, "bestand (leeg)")
    if not start.startswith(_SIGN):
        raise UnreadableDelivery(Problem.INVALID, mistaken_kind(start, "csv") or NO_WORKBOOK)
