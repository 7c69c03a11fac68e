"""Statuses as CSV, for whoever refers by files and reads in a spreadsheet.

UTF-8 with a byte order mark, `;` and CRLF, so that a Dutch spreadsheet opens it as it is. Cells
that a spreadsheet would run as a formula get an apostrophe first (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from schemas.casework import OwnStatus

_RUNS_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_statuses(statuses: Iterable[OwnStatus]) -> bytes:
    """One row a status; `afsluitreden` is a column only where the protocol admitted any."""
    known = list(statuses)
    names = ["kenmerk", "status", "peildatum"]
    if any(status.close_reason is not None for status in known):
        names.append("afsluitreden")
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(names)
    for status in known:
        cells = [
            status.reference,
            status.status.value,
            "" if status.as_of is None else status.as_of.isoformat(),
            "" if status.close_reason is None else status.close_reason.value,
        ]
        rows.writerow([harmless(cell) for cell in cells[: len(names)]])
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """The cell as text, also to a spreadsheet."""
    return f"'{cell}" if cell.startswith(_RUNS_AS_FORMULA) else cell
