"""Invariant 3 at the professionals' door: no finding or refusal repeats what a cell held."""

import pytest

from adapters.port import UnreadableDelivery
from adapters.professional.columns import COLUMNS
from adapters.registry import ADAPTERS
from schemas.deliveries import Unreadable
from tests.adapters.feeding import TODAY, read
from tests.adapters.professional.written import FORMS

CANARIES = ("Kanariepiet", "471108154", "1971-11-08", "4711XQ", "kanarie\u00ebn_x0007_")
ROW = dict.fromkeys(COLUMNS, "") | {"kenmerk": "A1", "aangemeld_op": "2013-12-31"}


def told(media_type: str, delivery: bytes) -> str:
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    try:
        records = read(reader, delivery)
    except UnreadableDelivery as error:
        return f"{error!r} {error.__context__!r} {error.__cause__!r}".lower()
    return " ".join(repr((one.line, one.findings)) for one in records).lower()


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize("column", COLUMNS)
def test_no_cell_is_repeated(column: str, media_type: str) -> None:
    for canary in CANARIES:
        for cell in (canary, f"{canary}\n{canary}", canary * 999):
            rows = [{**ROW, column: "x"}, {**ROW, column: cell}]
            rows.append({**ROW, "kenmerk": "A2", column: cell})
            said = told(media_type, FORMS[media_type](rows))
            assert canary[:6].lower() not in said


@pytest.mark.parametrize("media_type", FORMS)
def test_a_reference_that_holds_a_bsn_is_not_repeated(media_type: str) -> None:
    rows = [{**ROW, "kenmerk": "X-999990019", "bsn": "999990019", "geslacht": "?"}]
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    (record,) = read(reader, FORMS[media_type](rows))
    assert isinstance(record, Unreadable)
    assert record.reference is None
