"""The trace that a call belongs to, in the form of W3C Trace Context (`traceparent`).

An application that works with OpenTelemetry has a span open while it calls: the gateway's entries
then bear the same trace, so that the log of the one leads to the log of the other (Logboek
Dataverwerkingen asks this of whoever calls). Without one each call is a trace of its own. Nothing
is sampled out: the flag only says that we recorded ours.
"""

from __future__ import annotations

import os

from opentelemetry.trace import get_current_span


def new_trace_id() -> str:
    """A trace of its own: 32 hexadecimal digits."""
    return os.urandom(16).hex()


def traceparent(trace_id: str) -> str:
    """The header of one attempt: the span that is open now, or a new one in this trace."""
    running = get_current_span().get_span_context()
    if running.is_valid:
        return f"00-{running.trace_id:032x}-{running.span_id:016x}-01"
    return f"00-{trace_id}-{os.urandom(8).hex()}-01"
