"""The first line of a DWI file: separator, columns and their order.

A file without a header has a household where the names belong. So a column that is not ours is
told by its place, never by its name, which may be somebody's (invariant 3).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass

from adapters.dwi.values import COLUMNS, REQUIRED, Column, Part
from adapters.first_bytes import BOM, mistaken_kind
from adapters.port import UnreadableDelivery
from schemas.deliveries import Problem

MAX_HEADER = 16 * 1024
"""Bytes of the header line: all our names, quoted and padded, take about one kilobyte."""

_SEPARATORS = (";", ",")
_HEADER = "koprij (eerste regel met kolomnamen)"

Placed = tuple[tuple[int, str, str, Callable[[str], object]], ...]
"""Columns where they stand: cell, key on the wire, path in findings, and how to read the cell.

Plain tuples, since a delivery unpacks half a million of them.
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column stands in this file."""

    separator: str
    has_bom: bool
    width: int
    """Cells that every row has, as many as the header."""
    paths: tuple[str, ...]
    """The finding's path of each named column; unnamed ones at the end must stay empty."""
    kenmerk: int
    bsn: int | None
    note: int | None
    referral: Placed
    household: Placed
    member: Placed
    measured_on: Placed
    scores: Placed
    agreement: Placed
    authority: Placed
    shared: Placed
    """What belongs to the household as a whole: every row says the same, or nothing."""


def layout_of(line: bytes) -> Layout:
    """Read the header line. Raises `UnreadableDelivery`, naming a column by place or our name."""
    mistake = mistaken_kind(line, "csv")
    if mistake is not None:
        raise UnreadableDelivery(Problem.INVALID, mistake)
    if len(line) > MAX_HEADER:
        raise UnreadableDelivery(Problem.TOO_LONG, _HEADER)
    # Only ASCII names exist, so any single-byte reading finds them; others are refused below.
    text = line.removeprefix(BOM).decode("latin-1").rstrip("\r\n")
    separator, names = _split(text)
    return _place(separator, names, has_bom=line.startswith(BOM))


def _split(text: str) -> tuple[str, list[str]]:
    """The separator that yields the most of our names, and the names by it, in lower case."""
    best: tuple[int, str, list[str]] = (0, ";", [])
    for separator in _SEPARATORS:
        try:
            cells = next(csv.reader((text,), delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            continue
        names = [cell.strip().lower() for cell in cells]
        known = sum(name in COLUMNS for name in names)
        if known > best[0]:
            best = (known, separator, names)
    if best[0] == 0:
        raise UnreadableDelivery(Problem.MISSING, _HEADER)
    return best[1], best[2]


def _place(separator: str, names: list[str], *, has_bom: bool) -> Layout:
    width = len(names)
    while not names[-1]:
        names.pop()
    for place, name in enumerate(names):
        if name not in COLUMNS:
            raise UnreadableDelivery(Problem.UNKNOWN_COLUMN, f"kolom {place + 1}")
        if name in names[:place]:
            raise UnreadableDelivery(Problem.TOO_MANY, f"kolom {name}")
    for name in REQUIRED:
        if name not in names:
            raise UnreadableDelivery(Problem.MISSING, f"kolom {name}")
    columns = [COLUMNS[name] for name in names]
    where = {name: place for place, name in enumerate(names)}
    return Layout(
        separator=separator,
        has_bom=has_bom,
        width=width,
        paths=tuple(column.path for column in columns),
        kenmerk=where["kenmerk"],
        bsn=where.get("bsn"),
        note=where.get("toelichting"),
        referral=_placed(columns, Part.REFERRAL),
        household=_placed(columns, Part.HOUSEHOLD),
        member=_placed(columns, Part.MEMBER),
        measured_on=_placed(columns, Part.ZRM_DATE),
        scores=_placed(columns, Part.SCORE),
        agreement=_placed(columns, Part.AGREEMENT),
        authority=_placed(columns, Part.AUTHORITY),
        shared=_placed(columns, Part.REFERRAL, Part.HOUSEHOLD),
    )


def _placed(columns: list[Column], *parts: Part) -> Placed:
    return tuple(
        (place, column.key, column.path, column.convert)
        for place, column in enumerate(columns)
        if column.part in parts
    )
