"""The mapping from a recipient's old pseudonyms to its new ones, a part at a time.

It comes in the recipient's own mailbox (`nl.sluis.pseudoniemwissel`), sealed for its key. Parts are
numbered from 1 without gaps; with the one that closes, the newer pseudonyms begin: events before it
in the mailbox bear the older ones, events after it the newer.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from schemas.identifiers import Pseudonym
from schemas.referral import Wire

MAX_PAIRS = 1000
"""Pairs in one part."""


class Mapping(Wire):
    """One part (`nl.sluis.pseudoniemwissel`). `pairs` are old and new, in no order."""

    from_epoch: int = Field(alias="van", ge=1)
    epoch: int = Field(alias="naar", ge=2)
    number: int = Field(alias="deel", ge=1)
    is_closing: bool = Field(alias="sluit")
    pairs: list[tuple[Pseudonym, Pseudonym]] = Field(alias="paren", max_length=MAX_PAIRS)

    @model_validator(mode="after")
    def _goes_forward(self) -> Self:
        if self.epoch <= self.from_epoch:
            raise ValueError("an epoch follows an earlier one")
        return self
