"""Statuses as a JSON list, each under its receiver's own reference."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import TypeAdapter

from schemas.casework import OwnStatus

_STATUSES = TypeAdapter(list[OwnStatus])


def write_statuses(statuses: Iterable[OwnStatus]) -> bytes:
    """UTF-8 JSON; what the protocol did not name for this receiver is absent, not null."""
    return _STATUSES.dump_json(list(statuses), by_alias=True, exclude_none=True)
