"""OTLP over HTTP in JSON: the bytes, by the protocol's own rules, and what answers mean."""

from __future__ import annotations

import json

import pytest

from gateway.audit.entries import Event
from gateway.reports.projections.answers import Answer
from gateway.reports.projections.otlp import encode, verdict_on
from gateway.reports.projections.receiving import Confirmed, Later, Rejected
from tests.gateway.reports.projections.collector import all_spans
from tests.gateway.reports.projections.logged import ANNE, BRAM, access, leaf, lines


def test_spans_are_written_as_the_protocol_has_them() -> None:
    """Held against opentelemetry-proto: hexadecimal ids, nanoseconds as text, status by number."""
    told = json.loads(encode(lines(leaf(subjects=[ANNE]))))

    (resource,) = told["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "sluis"}} in resource["resource"][
        "attributes"
    ]
    (scope,) = resource["scopeSpans"]
    assert scope["scope"]["name"] == "sluis"
    (span,) = scope["spans"]
    assert span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len(span["spanId"]) == 16
    assert span["parentSpanId"] == "b7ad6b7169203331"
    assert span["startTimeUnixNano"] == "1764068470669000000"
    assert span["endTimeUnixNano"] == "1764068470676000000"
    assert span["status"] == {"code": 1}
    assert span["kind"] in {1, 2}
    keys = [one["key"] for one in span["attributes"]]
    assert keys[0] == "dpl.core.processing_activity_id"
    assert all(set(one["value"]) == {"stringValue"} for one in span["attributes"])


def test_statuses_are_the_protocols_numbers() -> None:
    for made, code in (
        (leaf(decision="geweigerd"), 0),
        (leaf(decision="toegelaten"), 1),
        (leaf(Event.DAMAGED), 2),
    ):
        (span,) = all_spans(json.loads(encode(lines(made))))
        assert span["status"]["code"] == code


def test_lists_of_objects_are_arrays_of_key_values() -> None:
    (span,) = all_spans(json.loads(encode(lines(access(subjects=[ANNE])))))
    users = next(one["value"] for one in span["attributes"] if one["key"] == "dpl.nen7513.users")
    (user,) = users["arrayValue"]["values"]
    values = {one["key"]: one["value"] for one in user["kvlistValue"]["values"]}
    assert values["userIsRequestor"] == {"boolValue": True}
    assert values["userID"] == {"stringValue": "fg"}


def test_lines_of_one_source_share_their_resource() -> None:
    told = json.loads(encode([*lines(leaf(subjects=[ANNE, BRAM])), *lines(access())]))
    assert [len(one["scopeSpans"][0]["spans"]) for one in told["resourceSpans"]] == [3, 1]


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"{}", Confirmed()),
        (200, b'{"partialSuccess":{}}', Confirmed()),
        (200, b'{"partialSuccess":{"rejectedSpans":"0","errorMessage":"let op"}}', Confirmed()),
        (200, b'{"partialSuccess":{"rejectedSpans":"2"}}', Rejected("partial-success")),
        (200, b'{"partialSuccess":{"rejectedSpans":2}}', Rejected("partial-success")),
        (200, b"<html>hotel wifi</html>", Later("answer-unreadable")),
        (200, b"", Later("answer-unreadable")),
        (200, b"[]", Later("answer-unreadable")),
        (400, b"", Rejected("status-400")),
        (413, b"", Rejected("status-413")),
        (401, b"", Later("status-401")),
        (404, b"", Later("status-404")),
        (302, b"", Later("status-302")),
        (429, b"", Later("status-429")),
        (500, b"", Later("status-500")),
        (503, b"", Later("status-503")),
    ],
)
def test_only_an_answer_of_the_protocol_confirms(status: int, body: bytes, verdict: object) -> None:
    assert verdict_on(Answer(status, body, None)) == verdict


def test_a_pause_that_was_asked_for_is_kept() -> None:
    assert verdict_on(Answer(429, b"", 7.0)) == Later("status-429", 7.0)
