"""Statuses as JSON: what the protocol did not name is absent."""

import json
from datetime import date

from adapters.status_json import write_statuses
from schemas.casework import CloseReason, OwnStatus, SenderStatus


def test_statuses_are_written_under_their_own_reference() -> None:
    known = [
        OwnStatus(reference="A1", status=SenderStatus.RECEIVED, as_of=date(2014, 1, 31)),
        OwnStatus(reference="A2", status=SenderStatus.ENDED, close_reason=CloseReason.DECEASED),
    ]
    assert json.loads(write_statuses(known)) == [
        {"kenmerk": "A1", "status": "ontvangen", "peildatum": "2014-01-31"},
        {"kenmerk": "A2", "status": "beeindigd", "afsluitreden": "overleden"},
    ]


def test_no_statuses_are_an_empty_list() -> None:
    assert write_statuses(iter(())) == b"[]"
