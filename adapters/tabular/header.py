"""The first line of a file of rows: separator, columns and their order.

A file without a header has a household where the names belong. So a column that is not ours is
told by its place, never by its name, which may be somebody's (invariant 3).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.first_bytes import BOM, mistaken_kind
from adapters.port import UnreadableDelivery
from adapters.tabular.columns import REQUIRED, Column, Columns, Part
from schemas.deliveries import Problem

MAX_HEADER = 16 * 1024
"""Bytes of the header line: all our names, quoted and padded, take about one kilobyte."""

_SEPARATORS = (";", ",")
HEADER = "koprij (eerste regel met kolomnamen)"

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
    columns: tuple[Column, ...]
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
    protection: Placed
    shared: Placed
    """What belongs to the household as a whole: every row says the same, or nothing."""


def layout_of(line: bytes, columns: Columns) -> Layout:
    """Read the header line. Raises `UnreadableDelivery`, naming a column by place or our name."""
    mistake = mistaken_kind(line, "csv")
    if mistake is not None:
        raise UnreadableDelivery(Problem.INVALID, mistake)
    if len(line) > MAX_HEADER:
        raise UnreadableDelivery(Problem.TOO_LONG, HEADER)
    # Only ASCII names exist, so any single-byte reading finds them; others are refused below.
    text = line.removeprefix(BOM).decode("latin-1").rstrip("\r\n")
    separator, names = _split(text, columns)
    return place(names, columns, separator, has_bom=line.startswith(BOM))


def _split(text: str, columns: Columns) -> tuple[str, list[str]]:
    """The separator that yields the most of our names, and the names by it, in lower case."""
    best: tuple[int, str, list[str]] = (0, ";", [])
    for separator in _SEPARATORS:
        try:
            cells = next(csv.reader((text,), delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            continue
        names = [cell.strip().lower() for cell in cells]
        known = sum(name in columns for name in names)
        if known > best[0]:
            best = (known, separator, names)
    if best[0] == 0:
        raise UnreadableDelivery(Problem.MISSING, HEADER)
    return best[1], best[2]


def place(
    names: Sequence[str], known: Columns, separator: str = ";", *, has_bom: bool = False
) -> Layout:
    """Where each of our columns stands. Raises `UnreadableDelivery` for one that is not ours."""
    names, width = list(names), len(names)
    while names and not names[-1]:
        names.pop()
    for at, name in enumerate(names):
        if name not in known:
            raise UnreadableDelivery(Problem.UNKNOWN_COLUMN, f"kolom {at + 1}")
        if name in names[:at]:
            raise UnreadableDelivery(Problem.TOO_MANY, f"kolom {name}")
    for name in REQUIRED:
        if name not in names:
            raise UnreadableDelivery(Problem.MISSING, f"kolom {name}")
    columns = [known[name] for name in names]
    where = {name: at for at, name in enumerate(names)}
    return Layout(
        separator=separator,
        has_bom=has_bom,
        width=width,
        columns=tuple(columns),
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
        protection=_placed(columns, Part.PROTECTION),
        shared=_placed(columns, Part.REFERRAL, Part.HOUSEHOLD, Part.PROTECTION),
    )


def _placed(columns: list[Column], *parts: Part) -> Placed:
    return tuple(
        (at, column.key, column.path, column.convert)
        for at, column in enumerate(columns)
        if column.part in parts
    )
