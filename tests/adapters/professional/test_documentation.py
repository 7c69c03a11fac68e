"""docs/partners/generic.md says what the adapter does: its examples are run, its tables compared.

The CSV example is run as a workbook as well: rows are rows, whatever file they came in.
"""

import csv
import re
from datetime import date
from pathlib import Path

import pytest

from adapters.professional import XLSX
from adapters.professional.columns import COLUMNS
from adapters.registry import ADAPTERS
from schemas.casework import OwnStatus, SenderStatus
from schemas.deliveries import Problem, Record, Translated
from tests.adapters.feeding import TODAY, read
from tests.adapters.tabular.workbooks import written

PAGE = (Path(__file__).parents[3] / "docs" / "partners" / "generic.md").read_text()
ADAPTER = ADAPTERS["professional"]
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}
EXAMPLES = re.findall(
    r"```(csv|json|ndjson)\n(.*?)```\s+gives\s+```outcome\n(.*?)```", PAGE, re.DOTALL
)


def shown(record: Record) -> str:
    word = "gelezen" if isinstance(record, Translated) else "geweigerd"
    remarks = [f"; {one.line} {one.field} {one.problem}" for one in record.findings]
    return f"regel {record.line}: {word}{''.join(remarks)}\n"


def rows_of_table(first_cell: str) -> list[list[str]]:
    """The cells of the table whose header starts with this cell."""
    table = PAGE.split(f"\n| {first_cell} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_every_format_has_an_example_or_its_rules() -> None:
    assert {kind for kind, _, _ in EXAMPLES} == set(MEDIA_TYPES)
    assert {*MEDIA_TYPES.values(), XLSX} == set(ADAPTER.readers)
    assert all(f"| `{media_type}` |" in PAGE for media_type in ADAPTER.readers)


@pytest.mark.parametrize(("kind", "delivery", "outcome"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_an_example_gives_the_outcome_beside_it(kind: str, delivery: str, outcome: str) -> None:
    reader = ADAPTER.readers[MEDIA_TYPES[kind]](TODAY)
    assert "".join(map(shown, read(reader, delivery.encode()))) == outcome


def test_the_csv_example_gives_the_same_as_a_workbook() -> None:
    ((_, delivery, outcome),) = [example for example in EXAMPLES if example[0] == "csv"]
    rows = list(csv.DictReader(delivery.splitlines(), delimiter=";"))
    reader = ADAPTER.readers[XLSX](TODAY)
    assert "".join(map(shown, read(reader, written(rows)))) == outcome


def test_every_column_is_described_with_its_field() -> None:
    described = [(row[0], row[2], row[1]) for row in rows_of_table("column | of")]
    assert described == [
        (
            f"`{column.name}`",
            f"`{column.path}`",
            "household" if column.path.startswith(("aanmelding.", "huishouden.")) else "member",
        )
        for column in COLUMNS.values()
    ]


def test_every_code_is_described() -> None:
    described = [row[0] for row in rows_of_table("code")]
    assert sorted(described) == sorted(f"`{problem}`" for problem in Problem)


def test_every_status_is_described() -> None:
    assert [row[0] for row in rows_of_table("status")] == [f"`{status}`" for status in SenderStatus]


def test_the_status_example_is_what_is_written() -> None:
    (example,) = re.findall(r"```status\n(.*?)```", PAGE, re.DOTALL)
    known = [
        OwnStatus(reference=reference, status=SenderStatus(status), as_of=date.fromisoformat(day))
        for reference, status, day in (line.split(";") for line in example.splitlines()[1:])
    ]
    written_back = ADAPTER.status_writers["text/csv"](known)
    assert written_back.decode("utf-8-sig").replace("\r\n", "\n") == example
