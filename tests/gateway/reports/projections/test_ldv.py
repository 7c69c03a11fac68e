"""One entry, its lines: one data subject each, under the standard's own names."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.access import ACCESS_ACTIVITY
from gateway.audit.entries import Event, Trace
from gateway.reports.projections.activities import NO_FLOW as UNKNOWN
from gateway.reports.projections.activities import OWN, activity_of, events_of
from gateway.reports.projections.lines import Status, span_of, trace_key
from tests.gateway.reports.projections.logged import (
    ANNE,
    BASE,
    BRAM,
    ENTRY,
    NO_FLOW,
    SOURCE,
    TRACE,
    URI,
    leaf,
    lines,
)

ACTIVITY = f"{BASE}/v1/register/processing-activities/{uuid5(NAMESPACE_URL, URI)}"
DWI = f"{BASE}/v1/register/entities/{uuid5(NAMESPACE_URL, 'urn:sluis:partij:dwi')}"
CASEBOOK = f"{BASE}/v1/register/entities/{uuid5(NAMESPACE_URL, 'urn:sluis:partij:casebook')}"


def test_an_entry_about_one_person_is_one_line_with_the_standards_names() -> None:
    (line,) = lines(leaf(subjects=[ANNE], entry_id=ENTRY))

    assert line.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    # sha256sum over the label, a zero byte, the entry's 16 bytes and four zero bytes.
    assert line.span_id == "b2a340181c6784ff"
    assert line.parent_span_id == "b7ad6b7169203331"
    assert (line.start_time, line.end_time) == (1764068470669, 1764068470676)
    assert line.status is Status.OK
    assert line.name == "Besluit over een bericht: toegelaten (dwi-aanmelding)"
    assert line.attributes == {
        "dpl.core.processing_activity_id": ACTIVITY,
        "dpl.core.foreign_operation.processor": DWI,
        "dpl.core.data_subject_id": SOURCE.pseudonyms.of(ANNE),
        "dpl.core.data_subject_id_type": "urn:sluis:pseudoniem:ldv",
    }
    assert line.resource["service.name"] == "sluis"


def test_an_entry_about_two_persons_has_a_child_for_each() -> None:
    first, *children = lines(leaf(subjects=[ANNE, BRAM], entry_id=ENTRY))

    assert not first.is_about_a_person
    assert [one.attributes["dpl.core.data_subject_id"] for one in children] == [
        SOURCE.pseudonyms.of(ANNE),
        SOURCE.pseudonyms.of(BRAM),
    ]
    assert {one.parent_span_id for one in children} == {first.span_id}
    assert {one.trace_id for one in children} == {first.trace_id}
    assert len({first.span_id, *(one.span_id for one in children)}) == 3
    # Whoever called us called the action as a whole.
    assert all("dpl.core.foreign_operation.processor" not in one.attributes for one in children)


@given(st.lists(st.uuids(), max_size=12, unique=True), st.uuids())
def test_invariant_05_one_line_a_person_and_never_one_span_twice(
    subjects: list[UUID], entry: UUID
) -> None:
    made = leaf(subjects=subjects, entry_id=entry)
    told = lines(made, subjects)

    assert told == lines(made, subjects)  # projected again, the same
    assert len(told) == (len(subjects) + 1 if len(subjects) > 1 else 1)
    assert len({one.span_id for one in told}) == len(told)
    named = [str(one.attributes[SUBJECT]) for one in told if one.is_about_a_person]
    assert sorted(named) == sorted(SOURCE.pseudonyms.of(one) for one in subjects)
    for subject in subjects:
        shown = repr(told)
        assert str(subject) not in shown
        assert subject.hex not in shown


SUBJECT = "dpl.core.data_subject_id"


def test_who_was_erased_is_named_in_no_line_made_after() -> None:
    first, anne, bram = lines(leaf(subjects=[ANNE, BRAM]), known=[BRAM])
    assert not first.is_about_a_person
    assert not anne.is_about_a_person
    assert bram.is_about_a_person
    assert "dpl.core.data_subject_id_type" not in anne.attributes


@pytest.mark.parametrize(
    ("event", "details", "status"),
    [
        (Event.DECISION, {"decision": "toegelaten"}, Status.OK),
        (Event.DECISION, {"decision": "aangehouden"}, Status.OK),
        (Event.DECISION, {"decision": "geweigerd"}, Status.UNSET),
        (Event.UNREADABLE, {}, Status.UNSET),
        (Event.DISCLOSURE, {}, Status.OK),
        (Event.DAMAGED, {}, Status.ERROR),
    ],
)
def test_an_error_is_ours_and_never_what_was_wrong_with_what_came(
    event: Event, details: dict[str, Any], status: Status
) -> None:
    (line,) = lines(leaf(event, **details))
    assert line.status is status
    assert ("exception.type" in line.attributes) is (status is Status.ERROR)


def test_an_error_is_told_without_anything_that_came_in() -> None:
    (line,) = lines(leaf(Event.NOTICE, is_error=True, sender="sluis"))
    assert line.status is Status.ERROR
    assert line.attributes["exception.type"] == "kennisgeving"
    assert line.attributes["exception.message"] == "De handeling mislukte."


@pytest.mark.parametrize(
    ("event", "sender", "processor"),
    [
        (Event.DECISION, "dwi", DWI),
        (Event.DISCLOSURE, "dwi", CASEBOOK),  # who pulls asked for it, not who sent it once
        (Event.ACKNOWLEDGEMENT, "dwi", CASEBOOK),
        (Event.PURGE, "dwi", None),
        (Event.NOTICE, "sluis", None),
    ],
)
def test_the_processor_is_whoever_called(event: Event, sender: str, processor: str | None) -> None:
    (line,) = lines(leaf(event, sender=sender))
    assert line.attributes.get("dpl.core.foreign_operation.processor") == processor
    assert (line.parent_span_id is not None) is (processor is not None)


def test_without_trace_context_of_the_caller_there_is_no_parent() -> None:
    (line,) = lines(leaf(trace=Trace(TRACE.trace_id, TRACE.span_id)))
    assert line.parent_span_id is None


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_a_name_and_an_activity_in_the_register(event: Event) -> None:
    if event is Event.ACCESS:
        return  # lines of the access log are made by another rule
    (line,) = lines(leaf(event, rule=NO_FLOW))
    assert line.name
    assert line.name != event.value
    assert activity_of(UNKNOWN, event) in {one.uri for one in OWN}


def test_an_event_of_a_later_release_still_makes_a_line() -> None:
    assert activity_of(UNKNOWN, "iets-nieuws") in {one.uri for one in OWN}


def test_each_activity_of_our_own_is_found_by_its_events() -> None:
    for own in OWN:
        assert events_of(own.uri), own.name
    assert events_of(URI) == frozenset()
    assert events_of(ACCESS_ACTIVITY) == {Event.ACCESS}


@given(st.binary(min_size=16, max_size=16))
def test_a_trace_key_is_its_first_eight_bytes(trace: bytes) -> None:
    assert trace_key(trace.hex()).to_bytes(8, "big", signed=True) == trace[:8]


def test_span_ids_differ_by_entry_and_by_place() -> None:
    assert len({span_of(ENTRY, n) for n in range(50)} | {span_of(ANNE)}) == 51
