"""DWI's CSV as a sender would write it, for tests of the reader."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date

from adapters.dwi.values import COLUMNS
from adapters.tabular.delivery_csv import CsvReader
from schemas.referral import Referral

GOOD_BSN = "999990019"
ROW = {"kenmerk": "A1", "aangemeld_op": "2013-12-31"}


def csv_reader(today: date) -> CsvReader:
    """A reader of DWI's columns."""
    return CsvReader(today, COLUMNS)


def csv_of(
    rows: Iterable[Mapping[str, str]], *, separator: str = ";", end: str = "\n", quoting: int = 0
) -> bytes:
    """Rows under a header of the columns that any of them uses."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]  # the stubs want a literal
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return text.getvalue().encode()


def rows_of(referral: Referral) -> list[dict[str, str]]:
    """A referral as rows, every column present."""
    wire = referral.model_dump(mode="json", by_alias=True)
    household = wire.pop("huishouden")
    return [_row({**wire, **household, **member}) for member in household.pop("leden")]


def _row(known: dict[str, object]) -> dict[str, str]:
    zrm, agreement = known.get("zrm"), known.get("instemming")
    if isinstance(zrm, dict):
        known |= {"gemetenOp": zrm["gemetenOp"], **zrm["scores"]}
    if isinstance(agreement, dict):
        known |= agreement
    return {name: _cell(known.get(column.key)) for name, column in COLUMNS.items()}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nee"
    return "" if value is None else str(value)
