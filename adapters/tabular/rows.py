"""Rows out of the lines of a CSV file: decoding, quoting, and what is broken in either.

Each line is UTF-8 where it can be and Windows-1252 where it cannot, unless the file announced
UTF-8 by its byte order mark: deciding for a whole file would mean holding it. A quoted cell may
run over several lines; one that never closes costs its own row, and reading goes on at the next
line, so that a stray quote does not swallow its neighbours (invariant 8).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.tabular.header import Layout
from schemas.deliveries import Finding, Problem

MAX_LINE = 64 * 1024
"""Bytes of one line, and of one row that runs over several lines."""

ROW = "rij"
"""The path of a finding on a whole row."""

_BLANK = (b"", b"\r")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REPLACED = re.compile("\ufffd")
_NEWLINE = re.compile("\n")


@dataclass(slots=True)
class Row:
    """One row: its first line's number and its cells, or as many as could be told apart."""

    line: int
    cells: list[str]
    finding: Finding | None = None


class RowReader:
    """Turns lines into rows; rows without any content are passed over."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._line = 1  # the header
        self._open: list[bytes] = []  # lines of a row whose quoted cell has not closed yet
        self._open_size = 0
        self._open_quotes = 0

    def feed(self, lines: Iterable[bytes | None]) -> list[Row]:
        """The rows that these lines complete; `None` is a line that was too long to keep."""
        rows: list[Row] = []
        for line in lines:
            self._line += 1
            if line is None or self._open:
                self._take(self._line, line, rows)
            elif line not in _BLANK:
                self._begin(self._line, line, rows)
        return rows

    def close(self) -> list[Row]:
        """What was open at the end of the file, as broken."""
        rows: list[Row] = []
        while self._open:
            self._give_up(self._line, Problem.BROKEN, rows)
        return rows

    def _take(self, number: int, line: bytes | None, rows: list[Row]) -> None:
        if self._open:
            self._continue(number, line, rows)
        elif line is None:
            rows.append(_broken(number, Problem.TOO_LONG))
        else:
            self._begin(number, line, rows)

    def _begin(self, number: int, line: bytes, rows: list[Row]) -> None:
        text, is_sound = self._decode(line)
        if '"' not in text:
            self._accept(number, text.split(self._layout.separator), is_sound, text, rows)
            return
        cells = self._parse([text])
        if cells is not None:
            self._accept(number, cells, is_sound, text, rows)
        elif text.count('"') % 2:
            self._open = [line]
            self._open_size = len(line)
            self._open_quotes = 1
        else:
            rows.append(_broken(number, Problem.BROKEN))

    def _continue(self, number: int, line: bytes | None, rows: list[Row]) -> None:
        if line is None:
            while self._open:
                self._give_up(number - 1, Problem.TOO_LONG, rows)
            rows.append(_broken(number, Problem.TOO_LONG))
            return
        self._open.append(line)
        self._open_size += 1 + len(line)
        self._open_quotes += line.count(b'"')
        if self._open_size > MAX_LINE:
            self._give_up(number, Problem.TOO_LONG, rows)
        elif self._open_quotes % 2 == 0:
            decoded = [self._decode(part) for part in self._open]
            cells = self._parse([text + "\n" for text, _ in decoded])
            if cells is None:
                self._give_up(number, Problem.BROKEN, rows)
                return
            first = number - len(self._open) + 1
            self._open = []
            is_sound = all(sound for _, sound in decoded)
            self._accept(first, cells, is_sound, "".join(cells), rows)

    def _give_up(self, last: int, problem: Problem, rows: list[Row]) -> None:
        """Refuse the open row at its first line, and read the lines after that anew.

        Those between had an even number of quotes each, so none of them opens a cell again: every
        line is read at most twice, whatever a sender makes of it.
        """
        first = last - len(self._open) + 1
        again = self._open[1:]
        self._open = []
        rows.append(_broken(first, problem))
        for number, line in enumerate(again, first + 1):
            self._take(number, line, rows)

    def _decode(self, line: bytes) -> tuple[str, bool]:
        """The text, and whether every byte of it stands for a character."""
        line = line.removesuffix(b"\r")
        try:
            return line.decode(), True
        except UnicodeDecodeError:
            pass
        if self._layout.has_bom:
            return line.decode(errors="replace"), False
        try:
            return line.decode("cp1252"), True
        except UnicodeDecodeError:
            return line.decode("cp1252", errors="replace"), False

    def _parse(self, lines: list[str]) -> list[str] | None:
        """The cells, or `None` where these lines are not exactly one well-formed row."""
        reader = csv.reader(
            lines, delimiter=self._layout.separator, strict=True, skipinitialspace=True
        )
        try:
            cells = next(reader, None)
            return cells if next(reader, None) is None else None
        except csv.Error:
            return None  # its text says nothing of use to a sender

    def _accept(
        self, number: int, cells: list[str], is_sound: bool, text: str, rows: list[Row]
    ) -> None:
        cells = list(map(str.strip, cells))
        if not any(cells):
            return
        finding = objection(self._layout, number, cells, text, is_sound=is_sound)
        rows.append(Row(number, cells, finding))


def objection(
    layout: Layout, number: int, cells: list[str], text: str, *, is_sound: bool = True
) -> Finding | None:
    """What makes a row unusable: another width than the header's, or signs that are no text.

    `text` is the row before its cells were stripped.
    """
    if len(cells) != layout.width or any(cells[len(layout.paths) :]):
        return Finding(number, ROW, Problem.BROKEN)
    if not is_sound:
        return _first_with(_REPLACED, number, cells, layout, Problem.ENCODING)
    if text.isprintable():
        return None
    if _CONTROL.search(text):
        return _first_with(_CONTROL, number, cells, layout, Problem.ENCODING)
    if "\n" not in text:
        return None
    # A note may have lines; a name or a date with a line break in it is two cells glued.
    single = [cell if at != layout.note else "" for at, cell in enumerate(cells)]
    if not any("\n" in cell for cell in single):
        return None
    return _first_with(_NEWLINE, number, single, layout, Problem.INVALID)


def _first_with(
    sign: re.Pattern[str], number: int, cells: list[str], layout: Layout, problem: Problem
) -> Finding:
    for cell, path in zip(cells, layout.paths, strict=False):
        if sign.search(cell):
            return Finding(number, path, problem)
    return Finding(number, ROW, problem)


def _broken(number: int, problem: Problem) -> Row:
    return Row(number, [], Finding(number, ROW, problem))
