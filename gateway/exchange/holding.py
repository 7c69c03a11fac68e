"""A held message opened, changed and sealed again, in its place and under its owner's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from gateway.exchange.recording import bound_held
from gateway.store.held import HeldWhole
from gateway.vault.boxes import DataKey, Nonces
from schemas.referral import Referral


def resealed(
    held: HeldWhole,
    owner: DataKey,
    change: Callable[[Referral], Referral],
    subjects: Sequence[UUID],
) -> HeldWhole:
    """The message as `change` has it, with its members after that.

    Raises `SealBrokenError` where it is damaged, pydantic's `ValidationError` where it is of a form
    that is read no longer, and what `change` raises.
    """
    place = bound_held(held.exchange.bytes)
    changed = change(Referral.model_validate_json(owner.open(held.sealed, place)))
    content = changed.model_dump_json(by_alias=True, exclude_none=True).encode()
    return HeldWhole(held.exchange, owner.seal(content, place, Nonces().take()), list(subjects))
