"""Canonical messages as plain values, for who writes them in another format or spoils them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.referral import Referral


def as_dict(referral: Referral) -> dict[str, Any]:
    """The message by its names on the wire; what is not said is not there."""
    return referral.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=False
    )


def ndjson(referrals: Iterable[Referral]) -> bytes:
    """A message a line."""
    lines = (one.model_dump_json(by_alias=True, exclude_none=True) for one in referrals)
    return "".join(f"{line}\n" for line in lines).encode()
