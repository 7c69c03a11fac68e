"""What every error answer owes: RFC 9457, our headers, and not one value that came in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

ECHO = "Zwaluwstaart"
"""Planted wherever something can be planted; no error answer may hold it, in any case."""

SECURITY_HEADERS = {
    "api-version": "1.0.0",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


def assert_headers(answer: httpx.Response) -> None:
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get(name) == value, name


def assert_no_echo(answer: httpx.Response, *values: str) -> None:
    """No planted value in body or headers, whatever the case, plain or URL-encoded."""
    told = answer.text + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    for value in (ECHO, *values):
        assert value.lower() not in told.lower(), "a value that came in was repeated"


def assert_problem(answer: httpx.Response, status: int, *values: str) -> dict[str, Any]:
    """A problem answer of this status that repeats nothing; gives the problem object."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert_headers(answer)
    assert_no_echo(answer, *values)
    problem: dict[str, Any] = json.loads(answer.content)
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["type"].startswith("urn:sluis:probleem:")
    return problem


def faults(problem: dict[str, Any]) -> set[tuple[str, str]]:
    """Field and rule of each fault that a problem names."""
    return {(fault["veld"], fault["regel"]) for fault in problem["fouten"]}


def values_in(value: object) -> Iterable[str]:
    """Every text among a JSON value's values that is long enough to be somebody's."""
    if isinstance(value, str):
        if len(value) > 6:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from values_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from values_in(inner)
