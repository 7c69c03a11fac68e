"""What a sender learns of a delivery (levering): one outcome a record, and totals.

Findings and refusals name line, field and rule; they never repeat a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from schemas.casework import StatusMessage
from schemas.decisions import Outcome, Rule
from schemas.referral import Reference, Referral, Wire

NUMBER_FIELD = "berichtnummer"
"""What a refusal names where the number was taken before, and the record's own key was not."""


class DeliveryState(StrEnum):
    """How far a delivery is (status)."""

    PROCESSING = "in-verwerking"
    DONE = "verwerkt"
    UNREADABLE = "niet-leesbaar"


class Problem(StrEnum):
    """Why a record could not be read, or what was remarkable about it (bevinding)."""

    MISSING = "ontbreekt"
    INVALID = "ongeldig"
    INCOMPLETE = "onvolledig"
    ELEVEN_TEST = "elfproef"
    IN_FUTURE = "datum-in-toekomst"
    UNKNOWN_CODE = "onbekende-code"
    UNKNOWN_COLUMN = "onbekende-kolom"
    TOO_LONG = "te-lang"
    TOO_MANY = "te-veel"
    CONTRADICTION = "tegenstrijdig"
    BROKEN = "afgebroken"
    ENCODING = "tekenset"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on one field of one line: `line` counts from 1, the header included."""

    line: int
    field: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Translated:
    """A record that an adapter could read; `findings` are what was missing, not what was wrong.

    `slip` is what the adapter's own answer has to repeat of the message; kept sealed until then.
    `number` is the sender's number of what carried the record, where the format gives it one beside
    the record's own key: like that key it is taken once.
    """

    line: int
    message: Referral | StatusMessage
    findings: tuple[Finding, ...] = ()
    slip: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that an adapter could not read: refused by itself, never with its batch."""

    line: int
    findings: tuple[Finding, ...]
    reference: str | None = None
    slip: str | None = None


Record = Translated | Unreadable


class RecordFinding(Wire):
    """A finding on the wire (bevinding)."""

    line: int = Field(alias="regel")
    field: str = Field(alias="veld")
    problem: Problem = Field(alias="bevinding")


class RecordOutcome(Wire):
    """One record's outcome (uitkomst)."""

    record: Annotated[int, Field(ge=1)] = Field(alias="record")
    line: Annotated[int, Field(ge=0)] = Field(alias="regel")
    reference: Reference | None = Field(alias="kenmerk", default=None)
    decision: Outcome = Field(alias="besluit")
    rule: Rule = Field(alias="regelcode")
    field: str | None = Field(alias="veld", default=None)
    exchange_id: UUID | None = Field(alias="uitwisselingId", default=None)
    findings: list[RecordFinding] = Field(alias="bevindingen", default_factory=list)


class DeliveryReport(Wire):
    """How a delivery stands (leveringsverslag)."""

    delivery_id: UUID = Field(alias="leveringId")
    state: DeliveryState = Field(alias="status")
    received_at: datetime = Field(alias="ontvangenOp")
    finished_at: datetime | None = Field(alias="verwerktOp", default=None)
    bytes_received: int = Field(alias="bytes")
    records: int = Field(alias="records", description="records processed so far")
    accepted: int = Field(alias="toegelaten")
    held: int = Field(alias="aangehouden")
    refused: dict[str, int] = Field(alias="geweigerd", description="count by rule")
    duplicates: int = Field(alias="dubbel")
    missing: dict[str, int] = Field(alias="ontbrekend", description="findings by field and kind")
    error: str | None = Field(alias="fout", default=None, description="why it is unreadable")
    is_repeat: bool = Field(alias="isHerhaling", default=False)
