"""A member's agreement as a partner records it with the gateway, and its withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from schemas.fields import CATEGORIES
from schemas.identifiers import Bsn, Day, PartnerId
from schemas.notices import OpenRelease
from schemas.referral import (
    AuthorityKind,
    AuthoritySource,
    DecidedBy,
    EvidenceHash,
    Manner,
    PurposeId,
    Reference,
    Wire,
)

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
    purpose: PurposeId = Field(alias="doel")
    recipient: PartnerId = Field(alias="ontvanger")
    category: Annotated[str, AfterValidator(_known_category)] = Field(
        alias="categorie", default="*"
    )
    given: bool = Field(alias="gegeven", strict=True)
    decided_at: AwareDatetime = Field(alias="op", ge=EARLIEST)
    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)
    decider: Bsn | None = Field(alias="doorBurgerservicenummer", default=None)
    valid_until: AwareDatetime | None = Field(alias="geldigTot", default=None)
    manner: Manner | None = Field(alias="wijze", default=None)
    evidence: Reference | None = Field(alias="bewijs", default=None)
    evidence_hash: EvidenceHash | None = Field(alias="bewijsHash", default=None)


class ConsentWithdrawal(Wire):
    """The withdrawal (intrekking) of an agreement that the gateway recorded; works at once."""

    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)
    decider: Bsn | None = Field(alias="doorBurgerservicenummer", default=None)


class AuthorityRecord(Wire):
    """Who may decide for a person, as looked up in a source on a day (gezag).

    Without holders: nobody holds that authority (any more).
    """

    bsn: Bsn = Field(alias="burgerservicenummer")
    kind: AuthorityKind = Field(alias="soort", default=AuthorityKind.PARENTAL)
    holders: list[Bsn] = Field(alias="houders", default_factory=list, max_length=4)
    source: AuthoritySource = Field(alias="bron")
    as_of: Day = Field(alias="peildatum")


class AuthorityReceipt(Wire):
    """What was recorded, and by which log entry."""

    statement_id: UUID = Field(alias="gezagId")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: datetime = Field(alias="vastgelegdOp")


class ConsentReceipt(Wire):
    """What was recorded, and by which log entry."""

    consent_id: UUID = Field(alias="toestemmingId")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: datetime = Field(alias="vastgelegdOp")
    open_releases: list[OpenRelease] = Field(alias="openstaandeVrijgaven", default_factory=list)


class ConsentQuery(Wire):
    """Whose recorded agreements are asked for; the number goes in a body, never in an address."""

    bsn: Bsn = Field(alias="burgerservicenummer")


class RecordedConsent(Wire):
    """One event of the register as the asking partner recorded it."""

    consent_id: UUID = Field(alias="toestemmingId")
    purpose: PurposeId = Field(alias="doel")
    recipient: PartnerId = Field(alias="ontvanger")
    category: str = Field(alias="categorie")
    given: bool = Field(alias="gegeven")
    decided_at: datetime = Field(alias="op")
    decided_by: DecidedBy = Field(alias="door")
    valid_until: datetime | None = Field(alias="geldigTot", default=None)
    manner: Manner | None = Field(alias="wijze", default=None)
    recorded_at: datetime = Field(alias="vastgelegdOp")
    supersedes: UUID | None = Field(alias="trektIn", default=None)


class RecordedAuthority(Wire):
    """One statement about authority as the asking partner recorded it."""

    statement_id: UUID = Field(alias="gezagId")
    kind: AuthorityKind = Field(alias="soort")
    holders: int = Field(alias="aantalHouders", ge=0)
    source: AuthoritySource = Field(alias="bron")
    as_of: Day = Field(alias="peildatum")


class ConsentOverview(Wire):
    """What a partner recorded of one person, oldest first; what others recorded is not in it."""

    consents: list[RecordedConsent] = Field(alias="toestemmingen")
    authority: list[RecordedAuthority] = Field(alias="gezag")
