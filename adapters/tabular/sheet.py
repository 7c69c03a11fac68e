"""A sheet's rows as they stand in its XML: cells with what kind of value they hold.

ECMA-376 part 1, 18.3.1. Cells come in order, but for the place that each may name; what is outside
the header's width is only noticed. One row at a time is held, and never more of it than the width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.port import UnreadableDelivery
from adapters.tabular.workbook import MAX_TEXT
from adapters.tabular.xml_events import attribute, is_true
from schemas.deliveries import Problem

MAX_COLUMNS = 256
"""Columns that are looked at; our own lists have some fifty."""
MAX_ROWS = 20_000
"""Rows with something in them: a workbook is filled in by hand, and CSV has no such limit."""
_MAX_ROW_NUMBER = 1_048_576
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_PLACE_BROKEN = "werkblad"


@dataclass(slots=True)
class Cell:
    """One cell with something in it: `kind` is its type in the XML (`t`), `style` its format."""

    kind: str
    style: str
    text: str = ""
    is_formula: bool = False
    is_too_long: bool = False


@dataclass(slots=True)
class SheetRow:
    """One row with something in it; `overflows` where a cell stands beyond `MAX_COLUMNS`."""

    number: int
    is_hidden: bool
    cells: dict[int, Cell] = field(default_factory=dict)
    overflows: bool = False


class SheetRows:
    """Gathers a sheet's rows out of its events; `take` gives those that are complete."""

    def __init__(self) -> None:
        self.hidden_columns: set[int] = set()
        self._rows: list[SheetRow] = []
        self._count = 0
        self._number = 0
        self._column = -1
        self._row: SheetRow | None = None
        self._cell: Cell | None = None
        self._is_value = False
        self._is_phonetic = False

    def take(self) -> list[SheetRow]:
        """The rows completed since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element of the sheet begins."""
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            self._is_value = self._cell is not None and not self._is_phonetic
        elif name == "f":
            if self._cell is not None:
                self._cell.is_formula = True
        elif name == "row":
            self._start_row(attributes)
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "col" and _is_unseen(attributes, "width"):
            self._hide(attributes)

    def end(self, name: str) -> None:
        """An element of the sheet ends."""
        if name in ("v", "t"):
            self._is_value = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._is_phonetic = False

    def text(self, text: str) -> None:
        """Characters of a value."""
        if not self._is_value or self._cell is None:
            return
        if len(self._cell.text) + len(text) > MAX_TEXT:
            self._cell.is_too_long = True
        else:
            self._cell.text += text

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        number = attributes.get("r")
        following = self._number + 1
        if number is not None:
            if not (number.isascii() and number.isdigit() and len(number) < 8):
                raise UnreadableDelivery(Problem.BROKEN, _PLACE_BROKEN)
            following = int(number)
        if self._row is not None or not self._number < following <= _MAX_ROW_NUMBER:
            # A row twice or in another order: programs would not agree on what the sheet holds.
            raise UnreadableDelivery(Problem.BROKEN, _PLACE_BROKEN)
        self._number = following
        self._column = -1
        self._row = SheetRow(following, _is_unseen(attributes, "ht"))

    def _end_row(self) -> None:
        row, self._row = self._row, None
        if row is None or not (row.cells or row.overflows):
            return
        self._count += 1
        if self._count > MAX_ROWS:
            raise UnreadableDelivery(Problem.TOO_MANY, _PLACE_BROKEN)
        self._rows.append(row)

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        if self._row is None or self._cell is not None:
            raise UnreadableDelivery(Problem.BROKEN, _PLACE_BROKEN)
        place = attributes.get("r")
        column = self._column + 1
        if place is not None:
            found = _PLACE.fullmatch(place)
            if found is None or int(found[2]) != self._number:
                raise UnreadableDelivery(Problem.BROKEN, _PLACE_BROKEN)
            column = column_number(found[1])
        if column <= self._column:
            raise UnreadableDelivery(Problem.BROKEN, _PLACE_BROKEN)
        self._column = column
        self._cell = Cell(attributes.get("t", "n"), attributes.get("s", ""))

    def _end_cell(self) -> None:
        cell, self._cell = self._cell, None
        if cell is None or self._row is None:
            return
        if not (cell.text or cell.is_formula or cell.is_too_long):
            return
        if self._column >= MAX_COLUMNS:
            self._row.overflows = True
        else:
            self._row.cells[self._column] = cell

    def _hide(self, attributes: Mapping[str, str]) -> None:
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if all(one.isascii() and one.isdigit() and len(one) < 6 for one in (first, last)):
            self.hidden_columns |= set(range(int(first) - 1, min(int(last), MAX_COLUMNS)))


def _is_unseen(attributes: Mapping[str, str], size: str) -> bool:
    """Whether a row or column is hidden, or has no height or width, which looks the same."""
    told = attribute(attributes, size)
    return is_true(attribute(attributes, "hidden")) or (told != "" and not told.strip("0."))


def column_number(letters: str) -> int:
    """`A` is 0, `Z` 25, `AA` 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
