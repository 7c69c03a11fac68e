from __future__ import annotations

from datetime import date
from itertools import islice

import pytest

from gateway.sandbox import okt, professional
from gateway.sandbox.casework import seeded_casework
from gateway.sandbox.faults import TOLD, Fault, outgoing_with, spoilt, statuses_with
from gateway.sandbox.population.put_forward import put_forward
from schemas.casework import CaseStatus
from tests.support.referred import handed_over

TODAY = date(2026, 11, 22)
FAMILIES = list(islice(put_forward("okt", TODAY), 40))
MESSAGES = [okt.as_json(one) for one in FAMILIES[:4]]
EVENTS = [handed_over(one, position) for position, one in enumerate(FAMILIES, 1)]
decide = seeded_casework(2013)


def test_without_a_fault_all_is_said_as_it_is() -> None:
    assert outgoing_with(None, MESSAGES) == MESSAGES
    assert [statuses_with(None, decide)(one) for one in EVENTS] == [decide(one) for one in EVENTS]


def test_every_fault_is_told() -> None:
    assert set(TOLD) == set(Fault)


def test_duplicate_sends_the_same_bytes_twice_and_a_status_again_under_another_reference() -> None:
    assert outgoing_with(Fault.DUPLICATE, MESSAGES)[:2] == [MESSAGES[0]] * 2
    for event in EVENTS:
        told, meant = statuses_with(Fault.DUPLICATE, decide)(event), decide(event)
        assert told[::3] == told[1::3] == meant
        assert not {one.reference for one in told[2::3]} & {one.reference for one in meant}


def test_reorder_says_the_last_thing_first() -> None:
    assert outgoing_with(Fault.REORDER, MESSAGES) == MESSAGES[::-1]
    for event in EVENTS:
        assert statuses_with(Fault.REORDER, decide)(event) == list(decide(event))[::-1]


def test_wrong_goes_back_to_the_beginning_of_a_case() -> None:
    for event in EVENTS:
        *meant, back = statuses_with(Fault.WRONG, decide)(event)
        assert meant == decide(event)
        assert (back.status, back.close_reason) == (CaseStatus.INTAKE, None)


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.SLOW])
def test_who_is_late_or_slow_says_the_same(fault: Fault) -> None:
    assert outgoing_with(fault, MESSAGES) == MESSAGES
    assert statuses_with(fault, decide)(EVENTS[0]) == decide(EVENTS[0])


def test_a_spoilt_message_records_nothing_beside_it() -> None:
    bad = spoilt(okt.as_jw315(FAMILIES[1]))

    assert (bad.consents, bad.authority) == ((), ())
    assert bad.content != okt.as_jw315(FAMILIES[1]).content


def test_a_workbook_is_spoilt_as_a_table() -> None:
    assert spoilt(professional.as_workbook("w", FAMILIES[:2])).media_type == "text/csv"
