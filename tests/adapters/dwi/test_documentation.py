"""docs/partners/dwi.md says what the adapter does: its examples are run, its tables compared."""

import re
from datetime import date
from pathlib import Path

import pytest

from adapters.dwi.values import COLUMNS
from adapters.registry import ADAPTERS
from schemas.casework import OwnStatus, SenderStatus
from schemas.deliveries import Problem, Record, Translated
from tests.adapters.feeding import TODAY, read

PAGE = (Path(__file__).parents[3] / "docs" / "partners" / "dwi.md").read_text()
MEDIA_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xml": "application/xml",
}
EXAMPLES = re.findall(
    r"```(csv|json|ndjson|xml)\n(.*?)```\s+gives\s+```outcome\n(.*?)```", PAGE, re.DOTALL
)


def shown(record: Record) -> str:
    word = "gelezen" if isinstance(record, Translated) else "geweigerd"
    remarks = [f"; {one.line} {one.field} {one.problem}" for one in record.findings]
    return f"regel {record.line}: {word}{''.join(remarks)}\n"


def rows_of_table(first_cell: str) -> list[list[str]]:
    """The cells of the table whose header starts with this cell."""
    table = PAGE.split(f"\n| {first_cell} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_every_format_has_an_example() -> None:
    assert {kind for kind, _, _ in EXAMPLES} == set(MEDIA_TYPES)
    assert set(MEDIA_TYPES.values()) == set(ADAPTERS["dwi"].readers)
    assert all(f"| `{media_type}` |" in PAGE for media_type in MEDIA_TYPES.values())


@pytest.mark.parametrize(("kind", "delivery", "outcome"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_an_example_gives_the_outcome_beside_it(kind: str, delivery: str, outcome: str) -> None:
    reader = ADAPTERS["dwi"].readers[MEDIA_TYPES[kind]](TODAY)
    assert "".join(map(shown, read(reader, delivery.encode()))) == outcome


def test_every_column_is_described_with_its_field() -> None:
    described = {(row[0], row[2], row[1]) for row in rows_of_table("column | of")}
    assert described == {
        (
            f"`{column.name}`",
            f"`{column.path}`",
            "household" if is_shared(column.path) else "member",
        )
        for column in COLUMNS.values()
    }


def is_shared(path: str) -> bool:
    return path.startswith(("aanmelding.", "huishouden."))


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
    written = ADAPTERS["dwi"].status_writers["text/csv"](known)
    assert written.decode("utf-8-sig").replace("\r\n", "\n") == example
