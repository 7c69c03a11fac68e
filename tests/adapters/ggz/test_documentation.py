"""docs/partners/ggz.md says what the adapter does: its examples are run, its tables compared."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from adapters.ggz import ADAPTER
from adapters.ggz.outcome import ISSUE_TYPES
from adapters.ggz.resources import REFUSED
from adapters.ggz.task_status import TASK_STATUS
from schemas.casework import SENDER_STATUS, CaseStatus, OwnStatus
from schemas.deliveries import Translated
from schemas.referral import Referral
from tests.adapters.feeding import read
from tests.adapters.ggz.nl_core_rules import broken_by
from tests.adapters.ggz.written import FHIR, reader

PAGE = (Path(__file__).parents[3] / "docs" / "partners" / "ggz.md").read_text()
EXAMPLES = re.findall(r"```fhir\n(.*?)```\s+gives\s+```outcome\n(.*?)```", PAGE, re.DOTALL)


def rows_of_table(first_cell: str) -> list[list[str]]:
    """The cells of the table whose header starts with this cell."""
    table = PAGE.split(f"\n| {first_cell} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]


@pytest.mark.parametrize(("sent", "outcome"), EXAMPLES, ids=["taken", "refused"])
def test_an_example_gives_the_outcome_beside_it(sent: str, outcome: str) -> None:
    (record,) = read(reader(), sent.encode())
    word = "gelezen" if isinstance(record, Translated) else "geweigerd"
    remarks = [f"; {one.line} {one.field} {one.problem}" for one in record.findings]
    assert f"{word}{''.join(remarks)}\n" == outcome


def test_the_example_keeps_nl_core_s_rules() -> None:
    assert list(broken_by(json.loads(EXAMPLES[0][0]))) == []


def test_the_example_s_consent_does_not_end_so_that_a_gateway_of_today_takes_it() -> None:
    (record,) = read(reader(), EXAMPLES[0][0].encode())
    assert isinstance(record, Translated)
    assert isinstance(record.message, Referral)
    (member,) = record.message.household.members
    assert member.agreement is not None
    assert member.agreement.valid_until is None


def test_every_format_is_described() -> None:
    assert {row[1] for row in rows_of_table("format")} == set(ADAPTER.readers)


def test_every_code_is_described_with_its_issue_type() -> None:
    assert {row[0]: row[1] for row in rows_of_table("code")} == {
        problem.value: issue for problem, issue in ISSUE_TYPES.items()
    }


def test_every_status_is_described() -> None:
    assert {row[0]: row[1] for row in rows_of_table("`businessStatus`")} == {
        status.value: TASK_STATUS[SENDER_STATUS[status]] for status in CaseStatus
    }


def test_the_status_example_is_what_is_written() -> None:
    (example,) = re.findall(r"```status\n(.*?)```", PAGE, re.DOTALL)
    status = OwnStatus(reference="GGZ-2013-0001", status=CaseStatus.ACTIVE, as_of=date(2014, 2, 3))
    written = ADAPTER.status_writers[FHIR]([status])
    assert json.loads(written) == json.loads(example)


def test_everything_that_refuses_a_bundle_is_named() -> None:
    for kind, names in REFUSED.items():
        for name in names - {"response", "deceasedDateTime"}:
            assert f"`{name}`" in PAGE or f"`{kind}.{name}`" in PAGE, (kind, name)
