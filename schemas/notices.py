"""What the gateway itself tells a partner (kennisgeving): in its mailbox, like any message.

A recall (intrekking) says which use of an earlier exchange stops, never who withdrew or why. Advice
(kennisgeving) says that a held message is gone, or that agreement must be asked again. A correction
(correctie) says what to change. Persons appear by the pseudonym that the recipient knows them by.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from schemas.corrections import CorrectionKind
from schemas.decisions import Rule
from schemas.identifiers import PartnerId, Pseudonym
from schemas.referral import PurposeId, Reference, Wire

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:~-]{1,128}$")]
"""A key's name, as assertions bear it (`kid`)."""


class NoticeKind(StrEnum):
    """What kind of notice it is: the end of its CloudEvents type."""

    RECALL = "intrekking"
    ADVICE = "kennisgeving"
    CORRECTION = "correctie"
    HANDOVER = "overdracht"
    SIGNAL = "signaal"


class AdviceRule(StrEnum):
    """What a notice of kind `kennisgeving` is about (regel)."""

    HOLD_ENDED = "niet-vrijgegeven"
    ASK_AGAIN = "opnieuw-vragen"
    ERASE = "vernietigen"
    KEY_EXPIRES = "sleutel-verloopt"


class Recall(Wire):
    """Which use stops (`nl.sluis.intrekking`).

    Without `member` it is about everybody in the exchange. `category` is `*` for all of it.
    """

    exchange_id: UUID = Field(alias="uitwisselingId")
    purpose: PurposeId = Field(alias="doel")
    category: str = Field(alias="categorie")
    member: Pseudonym | None = Field(alias="lid", default=None)


class Advice(Wire):
    """Something to know or to do (`nl.sluis.kennisgeving`); `reference` is the sender's own key.

    One about a key of the partner's own names that key, and as `uitwisselingId` nothing but itself.
    """

    rule: AdviceRule = Field(alias="regel")
    exchange_id: UUID = Field(alias="uitwisselingId")
    purpose: PurposeId | None = Field(alias="doel", default=None)
    reference: Reference | None = Field(alias="kenmerk", default=None)
    member: Pseudonym | None = Field(alias="lid", default=None)
    key_id: KeyId | None = Field(alias="sleutel", default=None)
    ends_at: datetime | None = Field(alias="verlooptOp", default=None)


class CorrectionNotice(Wire):
    """What to change in what was received before (`nl.sluis.correctie`).

    `values` has the form of the message that it corrects and holds the new values of `fields`, as
    far as the recipient got them before; a field without a value is to be asked for.
    """

    correction_id: UUID = Field(alias="correctieId")
    exchange_id: UUID = Field(alias="uitwisselingId")
    kind: CorrectionKind = Field(alias="soort")
    purpose: PurposeId | None = Field(alias="doel", default=None)
    member: Pseudonym | None = Field(alias="lid", default=None)
    fields: list[str] = Field(alias="velden", default_factory=list)
    values: dict[str, object] | None = Field(alias="waarden", default=None)


class OpenRelease(Wire):
    """A release that a withdrawal came too late for, and that was not acknowledged yet.

    Its sending may still begin until `lapses_at`, and not after that.
    """

    exchange_id: UUID = Field(alias="uitwisselingId")
    recipient: PartnerId = Field(alias="ontvanger")
    released_at: datetime = Field(alias="vrijgegevenOp")
    lapses_at: datetime = Field(alias="vervaltOp")


class ToldRecipient(Wire):
    """A recipient that was told, and how far that is."""

    recipient: PartnerId = Field(alias="ontvanger")
    exchange_id: UUID = Field(alias="uitwisselingId")
    queued_at: datetime = Field(alias="klaargezetOp")
    released_at: datetime | None = Field(alias="opgehaaldOp", default=None)
    acknowledged_at: datetime | None = Field(alias="bevestigdOp", default=None)


class RecallReport(Wire):
    """How far the recall that followed on a withdrawal is."""

    consent_id: UUID = Field(alias="toestemmingId")
    recipients: list[ToldRecipient] = Field(alias="ontvangers")
    is_done: bool = Field(alias="isGereed")


class CorrectionReport(Wire):
    """How far a correction is: who was told, and who has acknowledged."""

    correction_id: UUID = Field(alias="correctieId")
    kind: CorrectionKind = Field(alias="soort")
    exchange_id: UUID = Field(alias="uitwisselingId")
    recorded_at: datetime = Field(alias="vastgelegdOp")
    recipients: list[ToldRecipient] = Field(alias="ontvangers")
    is_done: bool = Field(alias="isGereed")


class HeldReferral(Wire):
    """One message of the sender's own that waits, sealed (aangehouden)."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    reference: Reference | None = Field(alias="kenmerk", default=None)
    rule: Rule = Field(alias="regel")
    since: datetime = Field(alias="sinds")
    ends_at: datetime = Field(alias="tot")


class HeldPage(Wire):
    """A page of what is held, oldest first; `cursor` is there when there is more."""

    held: list[HeldReferral] = Field(alias="aangehouden")
    cursor: str | None = Field(alias="volgende", default=None)
