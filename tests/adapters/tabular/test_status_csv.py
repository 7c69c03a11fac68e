"""DWI's status export: what a spreadsheet opens, and nothing that it would run."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tabular.status_csv import harmless, write_statuses
from schemas.casework import CaseStatus, CloseReason, OwnStatus, SenderStatus
from tests.support.strategies import references

VECTORS = Path(__file__).parents[2] / "vectors" / "dwi"
KNOWN = [
    OwnStatus(reference="DWI-2013-0001", status=SenderStatus.RECEIVED, as_of=date(2014, 1, 31)),
    OwnStatus(reference="DWI-2013-0002", status=SenderStatus.IN_PROGRESS, as_of=date(2014, 2, 3)),
    OwnStatus(reference="DWI-2013-0003", status=SenderStatus.ENDED),
]


def test_the_export_is_the_vector_byte_for_byte() -> None:
    assert write_statuses(KNOWN) == (VECTORS / "status.csv").read_bytes()


def test_reasons_are_a_column_only_where_there_are_any() -> None:
    closed = OwnStatus(
        reference="DWI-2013-0004",
        status=CaseStatus.CLOSED_NOT_REACHED,
        close_reason=CloseReason.NO_RESPONSE,
    )
    lines = write_statuses([KNOWN[0], closed]).decode("utf-8-sig").splitlines()
    assert lines == [
        "kenmerk;status;peildatum;afsluitreden",
        "DWI-2013-0001;ontvangen;2014-01-31;",
        "DWI-2013-0004;afgesloten-niet-bereikt;;reageert-niet-meer",
    ]


def test_no_statuses_are_a_header_alone() -> None:
    assert write_statuses(iter(())) == b"\xef\xbb\xbfkenmerk;status;peildatum\r\n"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_that_a_spreadsheet_would_run_becomes_text(sign: str) -> None:
    assert harmless(f"{sign}HYPERLINK(1)") == f"'{sign}HYPERLINK(1)"
    assert harmless(f"A{sign}1") == f"A{sign}1"


@given(st.lists(references(), max_size=5))
def test_no_written_cell_starts_a_formula(known: list[str]) -> None:
    statuses = [OwnStatus(reference=one, status=SenderStatus.ENDED) for one in known]
    text = write_statuses(statuses).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=";"):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
