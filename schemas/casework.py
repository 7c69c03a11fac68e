"""What the casebook says back: one status message (statusbericht) on one exchange.

Steps, phases and close reasons are those of the programme's report of 2014
(`instroom` ... `afsluiten`; `bereikt` or `niet bereikt`). What of it a sender gets is the
protocol's decision, not this file's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import Day, PartnerId, Postcode
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


TeamLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
"""The word by which the route table knows a team or a desk (wijkteam)."""


class WaitReason(StrEnum):
    """Why a referral has no team of itself and waits for a person (reden)."""

    NO_POSTCODE = "geen-postcode"
    BORDER = "grensgeval"
    PO_BOX = "postbus"
    NO_TEAM = "geen-team"
    UNKNOWN = "onbekende-postcode"
    CLOSED = "team-gesloten"


class Placement(Wire):
    """A person placed a referral that had no team (toedeling)."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    team: TeamLabel = Field(alias="team")


class PlacementReceipt(Wire):
    """That it was recorded, and by which entry."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: AwareDatetime = Field(alias="vastgelegdOp")


class WaitingPlacement(Wire):
    """One referral that waits for a person to place it, and why."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    reason: WaitReason = Field(alias="reden")
    since: AwareDatetime = Field(alias="sinds")
    is_overdue: StrictBool = Field(alias="isTeLaat")


class WaitingPage(Wire):
    """A page of what waits to be placed, oldest first; `cursor` is there when there is more."""

    waiting: list[WaitingPlacement] = Field(alias="wachtend")
    cursor: str | None = Field(alias="volgende", default=None)


class Move(Wire):
    """A household moved (verhuizing): to another postcode, or out of the city.

    `team` is where the case is now, as the casebook knows it; `is_reached` tells how a case that
    ends by it is closed.
    """

    reference: Reference = Field(alias="kenmerk")
    exchange_id: UUID = Field(alias="uitwisselingId")
    postcode: Postcode | None = Field(alias="postcode", default=None)
    outside: StrictBool = Field(alias="buitenGemeente", default=False)
    moved_on: Day | None = Field(alias="peildatum", default=None)
    address_is_secret: StrictBool = Field(alias="geheimhouding", default=False)
    team: TeamLabel | None = Field(alias="team", default=None)
    is_reached: StrictBool = Field(alias="isBereikt", default=False)

    @model_validator(mode="after")
    def _goes_one_way(self) -> Move:
        if self.outside and self.postcode is not None:
            raise PydanticCustomError("buitenGemeente", "gaat niet samen met een postcode")
        if not self.outside and self.postcode is None and not self.address_is_secret:
            raise PydanticCustomError("postcode", "hoort bij een verhuizing binnen de gemeente")
        return self


class MoveOutcome(StrEnum):
    """What a move led to (uitkomst)."""

    HANDED_OVER = "overgedragen"
    SAME_TEAM = "zelfde-team"
    TO_DESK = "naar-balie"
    CLOSED = "afgesloten"


class MoveReceipt(Wire):
    """What a move led to, and the entry that says so; the teams stand in the mailbox."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    outcome: MoveOutcome = Field(alias="uitkomst")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: AwareDatetime = Field(alias="vastgelegdOp")


class Handover(Wire):
    """Which team gives a case to which (`nl.sluis.overdracht`).

    `from_team` is left out where neither the casebook nor the gateway knows it; `reason` is there
    where a desk takes it, since a person must decide.
    """

    exchange_id: UUID = Field(alias="uitwisselingId")
    from_team: TeamLabel | None = Field(alias="vanTeam", default=None)
    to_team: TeamLabel = Field(alias="naarTeam")
    as_of: Day = Field(alias="peildatum")
    reason: WaitReason | None = Field(alias="reden", default=None)


class SignalRule(StrEnum):
    """What a notice of kind `signaal` is about (regel)."""

    NO_FIRST_CONTACT = "eerste-contact-uitgebleven"


class Signal(Wire):
    """A referral in danger of falling between two stools (`nl.sluis.signaal`).

    Nothing of the casework: only that no contact was told of within the protocol's term.
    `reference` is the sender's own key, and there for that sender alone.
    """

    rule: SignalRule = Field(alias="regel")
    exchange_id: UUID = Field(alias="uitwisselingId")
    reference: Reference | None = Field(alias="kenmerk", default=None)
    number: Annotated[int, Field(ge=1, le=9, strict=True)] = Field(alias="nummer")
    term_days: Annotated[int, Field(ge=1, le=365, strict=True)] = Field(alias="termijnDagen")
