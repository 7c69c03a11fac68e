"""What operators see: structured logs, spans and counters, none of which can hold a person.

Log lines and span attributes are built from a closed list of keys with codes, counts and ids as
values (invariant 3). A driver's or parser's own message is never passed on: it may quote the value
that it choked on. Spans are made by hand; auto-instrumentation cost 259 microseconds a request
and records URLs and SQL.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO
from uuid import UUID

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Span, Status, StatusCode, Tracer

Value = str | int | float | bool | UUID | None


class Key(StrEnum):
    """The only keys that a log line or span may carry."""

    EVENT = "event"
    PARTNER = "partner"
    FLOW = "flow"
    RULE = "rule"
    DELIVERY = "delivery"
    EXCHANGE = "exchange"
    ENTRY = "entry"
    STATUS = "status"
    ROUTE = "route"
    COUNT = "count"
    SIZE = "size"
    SECONDS = "seconds"
    ERROR = "error"
    FIELD = "field"
    LINE = "line"
    REASON = "reason"
    WITNESS = "witness"


class Telemetry:
    """Writes log lines, opens spans and counts; handed down from the composition root."""

    def __init__(self, stream: TextIO | None = None, tracer: Tracer | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._tracer = tracer
        self.counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.gauges: dict[str, int] = {}

    def log(self, event: str, **values: Value) -> None:
        """Write one JSON line. Keys outside `Key` raise, so that a leak fails its first test."""
        line: dict[str, object] = {"time": round(time.time(), 3), Key.EVENT: event}
        for name, value in values.items():
            line[Key(name)] = str(value) if isinstance(value, UUID) else value
        try:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
        except OSError:
            # A full disk, or nobody who reads: what the line tells of must go on all the same.
            self.count("log_lines_lost")

    def fault(self, event: str, error: BaseException, **values: Value) -> None:
        """Log an error by its type alone; its text may hold what must not be told."""
        self.log(event, error=type(error).__name__, **values)

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        """Raise a counter."""
        self.counts[(name, tuple(sorted(labels.items())))] += number

    def gauge(self, name: str, number: int) -> None:
        """Set a number that goes up and down."""
        self.gauges[name] = number

    @contextmanager
    def span(self, name: str, **values: Value) -> Iterator[Span | None]:
        """A span around a piece of work; None where tracing is off, which costs nothing."""
        if self._tracer is None:
            yield None
            return
        attributes = {
            f"sluis.{Key(key)}": str(value) if isinstance(value, UUID) else value
            for key, value in values.items()
            if value is not None
        }
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def metrics(self) -> str:
        """The counters and gauges in the Prometheus text format."""
        lines = []
        for (name, labels), number in sorted(self.counts.items()):
            inner = ",".join(f'{key}="{value}"' for key, value in labels)
            lines.append(f"sluis_{name}_total{{{inner}}} {number}")
        lines += [f"sluis_{name} {number}" for name, number in sorted(self.gauges.items())]
        return "\n".join(lines) + "\n"


def tracer_to(stream: TextIO) -> Tracer:
    """A tracer that writes finished spans as JSON lines, from a thread of its own.

    Spans are for operators and may be lost under load; evidence stands in the log alone.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": "sluis"}))
    exporter = ConsoleSpanExporter(out=stream, formatter=lambda span: span.to_json(None) + "\n")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("sluis")


_LIBRARIES = (
    "asyncpg", "authlib", "httpx", "joserfc", "sqlalchemy",
    "uvicorn", "uvicorn.access", "uvicorn.error",
)  # fmt: skip


def quiet_libraries() -> None:
    """Keep libraries' own loggers from writing: asyncpg and uvicorn quote what they handle."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
