"""A member's agreement as a partner records it with the gateway, and its withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from schemas.fields import CATEGORIES
from schemas.identifiers import Bsn, PartnerId
from schemas.referral import DecidedBy, Reference, Wire

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Nobody alive decided before; the first days of the calendar do not fit every time zone."""


def _known_category(category: str) -> str:
    # A mistyped "no" would otherwise have no effect at all.
    if category != "*" and category not in CATEGORIES:
        raise PydanticCustomError("categorie", "is geen categorie van het protocol")
    return category


class ConsentRecord(Wire):
    """One member's yes or no (toestemming), for one purpose, recipient and category.

    `category` is a field category of the protocol; `*` means all of them.
    """

    bsn: Bsn = Field(alias="burgerservicenummer")
    purpose: str = Field(alias="doel", pattern=r"^[a-z][a-z0-9-]{1,60}$")
    recipient: PartnerId = Field(alias="ontvanger")
    category: Annotated[str, AfterValidator(_known_category)] = Field(
        alias="categorie", default="*"
    )
    given: bool = Field(alias="gegeven", strict=True)
    decided_at: AwareDatetime = Field(alias="op", ge=EARLIEST)
    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)
    evidence: Reference | None = Field(alias="bewijs", default=None)


class ConsentWithdrawal(Wire):
    """The withdrawal (intrekking) of an agreement that the gateway recorded; works at once."""

    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)


class ConsentReceipt(Wire):
    """What was recorded, and by which log entry."""

    consent_id: UUID = Field(alias="toestemmingId")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: datetime = Field(alias="vastgelegdOp")
