"""Lines as OTLP spans over HTTP (OpenTelemetry Protocol 1.x, JSON encoding).

The standard recommends OTLP. Its JSON encoding is Protobuf's, but for trace and span ids, which are
hexadecimal; 64-bit numbers are text, and times are nanoseconds where a line has milliseconds. So no
OpenTelemetry exporter is needed, whose batching processor drops what a slow receiver does not take.
A request is confirmed by a 2xx answer that is an `ExportTraceServiceResponse` without rejected
spans, and by nothing else: a proxy's friendly page confirms nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import orjson

from gateway.reports.projections.answers import Answer, Poster
from gateway.reports.projections.lines import Attribute, Line, Scalar, Status
from gateway.reports.projections.receiving import (
    Confirmed,
    Later,
    Projected,
    Rejected,
    Verdict,
    require_secure,
)

_CODES = {Status.UNSET: 0, Status.OK: 1, Status.ERROR: 2}
_SERVER, _INTERNAL = 2, 1
_NOT_THESE = frozenset({400, 413, 415, 422})
"""Statuses that are about what was sent; all others are about the receiver, and pass."""


class OtlpReceiver:
    """A collector. `address` is its base, to which `/v1/traces` is added, or that itself."""

    kind = "otlp"
    size = 0

    def __init__(self, address: str, headers: Mapping[str, str], poster: Poster) -> None:
        base = require_secure(address).rstrip("/")
        self.target = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
        self._headers = {**headers, "Content-Type": "application/json"}
        self._poster = poster

    async def begin(self, confirmed: int) -> None:
        """A collector keeps its own state."""

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        """Export a batch as one request."""
        body = encode([line for entry in batch for line in entry.lines])
        answer = await self._poster.post(self.target, body, self._headers)
        return answer if isinstance(answer, Later) else verdict_on(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def verdict_on(answer: Answer) -> Verdict:
    """What a collector's answer means."""
    if answer.status in _NOT_THESE:
        return Rejected(f"status-{answer.status}")
    if not 200 <= answer.status < 300:
        return Later(f"status-{answer.status}", answer.after)
    try:
        told = orjson.loads(answer.body)
        partial = told.get("partialSuccess") or {}
        rejected = int(partial.get("rejectedSpans") or 0)
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return Later("answer-unreadable")
    return Rejected("partial-success") if rejected > 0 else Confirmed()


def encode(lines: Sequence[Line]) -> bytes:
    """An `ExportTraceServiceRequest`; lines of one source share their resource."""
    by_resource: dict[tuple[tuple[str, Scalar], ...], list[Line]] = {}
    for line in lines:
        by_resource.setdefault(tuple(line.resource.items()), []).append(line)
    return orjson.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(same[0].resource)},
                    "scopeSpans": [
                        {
                            "scope": {"name": "sluis", "version": version("sluis")},
                            "spans": [_span(line) for line in same],
                        }
                    ],
                }
                for same in by_resource.values()
            ]
        }
    )


def _span(line: Line) -> dict[str, object]:
    span: dict[str, object] = {
        "traceId": line.trace_id,
        "spanId": line.span_id,
        "name": line.name,
        "kind": _SERVER if line.parent_span_id is None else _INTERNAL,
        "startTimeUnixNano": f"{line.start_time}000000",
        "endTimeUnixNano": f"{line.end_time}000000",
        "attributes": _attributes(line.attributes),
        "status": {"code": _CODES[line.status]},
    }
    if line.parent_span_id is not None:
        span["parentSpanId"] = line.parent_span_id
    return span


def _attributes(attributes: Mapping[str, Attribute]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Attribute) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, str):
        return {"stringValue": value}
    items = [{"kvlistValue": {"values": _attributes(one)}} for one in value]
    return {"arrayValue": {"values": items}}
