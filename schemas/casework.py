"""What the casebook says back: one status message (statusbericht) on one exchange.

Steps, phases and close reasons are those of the programme's report of 2014
(`instroom` ... `afsluiten`; `bereikt` or `niet bereikt`). What of it a sender gets is the
protocol's decision, not this file's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import Day, PartnerId
from schemas.referral import MAX_MEMBERS, Name, Reference, Wire


class CaseStatus(StrEnum):
    """Where the casework stands (status)."""

    INTAKE = "instroom"
    COORDINATION_CHECK = "regiecheck"
    ACTIVE = "in-beheer-actief"
    PASSIVE = "in-beheer-passief"
    CLOSED_REACHED = "afgesloten-bereikt"
    CLOSED_NOT_REACHED = "afgesloten-niet-bereikt"

    @property
    def is_closed(self) -> bool:
        return self in (CaseStatus.CLOSED_REACHED, CaseStatus.CLOSED_NOT_REACHED)


class CloseReason(StrEnum):
    """Why a case was closed (afsluitreden)."""

    NO_RESPONSE = "reageert-niet-meer"
    WANTS_NO_CONTACT = "wil-geen-contact"
    MOVED_WITHIN = "verhuisd-binnen-amsterdam"
    MOVED_OUTSIDE = "verhuisd-buiten-amsterdam"
    SHORT_CONTACT = "kortdurend-contact"
    DECEASED = "overleden"
    NOT_FILLED_IN = "niet-ingevuld"


class SenderStatus(StrEnum):
    """The generalised status that a referrer may get: the phases fold to three."""

    RECEIVED = "ontvangen"
    IN_PROGRESS = "in-behandeling"
    ENDED = "beeindigd"


SENDER_STATUS: dict[CaseStatus, SenderStatus] = {
    CaseStatus.INTAKE: SenderStatus.RECEIVED,
    CaseStatus.COORDINATION_CHECK: SenderStatus.RECEIVED,
    CaseStatus.ACTIVE: SenderStatus.IN_PROGRESS,
    CaseStatus.PASSIVE: SenderStatus.IN_PROGRESS,
    CaseStatus.CLOSED_REACHED: SenderStatus.ENDED,
    CaseStatus.CLOSED_NOT_REACHED: SenderStatus.ENDED,
}


class StatusMessage(Wire):
    """The casebook's status (statusbericht) on a referral that it pulled from its mailbox."""

    reference: Reference = Field(alias="kenmerk")
    exchange_id: UUID = Field(alias="uitwisselingId")
    status: CaseStatus = Field(alias="status")
    as_of: Day = Field(alias="peildatum")
    close_reason: CloseReason | None = Field(alias="afsluitreden", default=None)

    @model_validator(mode="after")
    def _reason_only_when_closed(self) -> StatusMessage:
        if self.close_reason is not None and not self.status.is_closed:
            raise PydanticCustomError("afsluitreden", "hoort alleen bij een afgesloten status")
        return self


class OwnStatus(Wire):
    """A status as its referrer gets it back, under the referrer's own key.

    Which fields are present, and how coarse the status is, the protocol decided.
    """

    reference: Reference = Field(alias="kenmerk")
    status: SenderStatus | CaseStatus = Field(alias="status")
    as_of: Day | None = Field(alias="peildatum", default=None)
    close_reason: CloseReason | None = Field(alias="afsluitreden", default=None)


class Accountability(Wire):
    """What the casebook lets an institution or funder know of one case (verantwoording).

    `exchange_id` names the referral that the case began with; `recipient` who accounts for it.
    """

    reference: Reference = Field(alias="kenmerk")
    exchange_id: UUID = Field(alias="uitwisselingId")
    recipient: PartnerId = Field(alias="ontvanger")
    status: CaseStatus = Field(alias="status")
    started_on: Day = Field(alias="gestartOp")
    ended_on: Day | None = Field(alias="beeindigdOp", default=None)
    close_reason: CloseReason | None = Field(alias="afsluitreden", default=None)
    district: Name | None = Field(alias="stadsdeel", default=None)
    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS, strict=True)] = Field(alias="aantalLeden")

    @model_validator(mode="after")
    def _is_consistent(self) -> Accountability:
        if self.ended_on is not None and self.ended_on < self.started_on:
            raise PydanticCustomError("beeindigdOp", "ligt voor gestartOp")
        if (self.ended_on is not None) != self.status.is_closed:
            raise PydanticCustomError("beeindigdOp", "hoort precies bij een afgesloten status")
        if self.close_reason is not None and not self.status.is_closed:
            raise PydanticCustomError("afsluitreden", "hoort alleen bij een afgesloten status")
        return self
