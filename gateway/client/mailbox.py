"""What a mailbox (postvak) gives: CloudEvents in order, a page at a time.

A page is at most 1,000 messages and is read whole before any of it is handed on: a page that broke
off is asked for again, and nobody sees half of it or the same message twice. Memory is bounded by
the page, not by the mailbox. CloudEvents lets producers add attributes, so unknown ones are passed
over; what `data` holds, the privacy protocol decided.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from gateway.client.answers import read
from gateway.client.errors import Garbled
from gateway.client.sealed import OpeningKey, opened
from schemas.casework import Handover, OwnStatus, Signal
from schemas.identifiers import Pseudonym
from schemas.notices import Advice, CorrectionNotice, Recall

MAX_PAGE = 1000
"""Messages in one page, as the API bounds it."""


Notice = Recall | Advice | CorrectionNotice | Handover | Signal
_NOTICES: dict[str, type[Notice]] = {
    "nl.sluis.intrekking": Recall,
    "nl.sluis.kennisgeving": Advice,
    "nl.sluis.correctie": CorrectionNotice,
    "nl.sluis.overdracht": Handover,
    "nl.sluis.signaal": Signal,
}


class PageForm(StrEnum):
    """How a page is written (its media type)."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    STATUS_FILE = "text/csv"
    FHIR = "application/fhir+json"


class Event(BaseModel):
    """One message as its recipient gets it; `position` is dense and rises per mailbox."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    source: str
    type: str
    position: int = Field(alias="sequence", ge=0)
    time: datetime
    subject: Pseudonym | None = None
    data: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def is_referral(self) -> bool:
        """Whether it is a household put forward (aanmelding)."""
        return self.type == "nl.sluis.aanmelding"

    @property
    def is_tombstone(self) -> bool:
        """Whether it only says that what stood here was purged (vervallen)."""
        return self.type == "nl.sluis.vervallen"

    @property
    def is_notice(self) -> bool:
        """Whether the gateway itself says it: a recall, advice, or a correction."""
        return self.type in _NOTICES

    def notice(self) -> Notice | None:
        """What the gateway itself says, if that is what it is."""
        kind = _NOTICES.get(self.type)
        return None if kind is None else read(kind, json.dumps(self.data).encode())

    def own_status(self) -> OwnStatus | None:
        """The status that it brings back to its referrer, if that is what it is."""
        if self.type != "nl.sluis.statusbericht":
            return None
        return read(OwnStatus, json.dumps(self.data).encode())


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in order, the cursor after them, and whether there are more at once."""

    events: tuple[Event, ...]
    next_cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as the bytes that came, for who stores or hands on rather than reads."""

    content: bytes
    next_cursor: str
    has_more: bool
    others: int = 0
    """Messages of the page that this form cannot hold, such as notices in a status file."""

    def lines(self) -> list[bytes]:
        """Its lines that are not empty: messages in NDJSON; header and statuses in CSV."""
        return [line for line in self.content.splitlines() if line.strip()]


class _JsonPage(BaseModel):
    berichten: list[Event]
    volgende: str
    meer: bool


def json_page(answer: httpx.Response, opens: OpeningKey | None = None) -> Page:
    """A page that was asked for as `PageForm.JSON`; `opens` opens what was sealed."""
    page = read(_JsonPage, opened(answer.content, opens))
    return Page(tuple(page.berichten), page.volgende, page.meer)


def raw_page(answer: httpx.Response) -> RawPage:
    """A page that was asked for in a form whose cursor stands in the headers."""
    try:
        following = answer.headers["Sluis-Volgende"]
        has_more = {"ja": True, "nee": False}[answer.headers["Sluis-Meer"]]
    except KeyError:
        raise Garbled("the page lacks its cursor (Sluis-Volgende, Sluis-Meer)") from None
    told = answer.headers.get("Sluis-Overig", "0")
    others = int(told) if told.isascii() and told.isdigit() else 0
    return RawPage(answer.content, following, has_more, others)


def parsed(page: RawPage, opens: OpeningKey | None = None) -> Page:
    """A page of lines, each read as a message; `opens` opens what was sealed."""
    events = tuple(read(Event, opened(line, opens)) for line in page.lines())
    return Page(events, page.next_cursor, page.has_more)
