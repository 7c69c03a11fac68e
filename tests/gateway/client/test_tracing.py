"""Every call bears W3C Trace Context: the caller's own where it has one."""

from __future__ import annotations

import re

from opentelemetry.sdk.trace import TracerProvider

from gateway.client.tracing import new_trace_id, traceparent


def test_without_a_span_a_call_is_a_trace_of_its_own() -> None:
    trace = new_trace_id()
    first, second = traceparent(trace), traceparent(trace)
    for told in (first, second):
        assert re.fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", told)
    assert first != second  # each attempt is an action of its own
    assert new_trace_id() != trace


def test_a_span_that_is_open_is_the_parent() -> None:
    tracer = TracerProvider().get_tracer("proef")
    with tracer.start_as_current_span("aanmelden") as span:
        running = span.get_span_context()
        assert traceparent(new_trace_id()) == (
            f"00-{running.trace_id:032x}-{running.span_id:016x}-01"
        )
