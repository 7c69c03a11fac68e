"""What a breach is about: which partner, key, flow or period, and what that can have exposed.

Five questions, each with its own reach:

- a *partner*: everything that was handed to it in the period;
- a *flow*: everything that went by it;
- a *period* alone: everything that went at all;
- a *key*: what was provably fetched, or looked at, with that very key (the access log names it);
- a *stolen credential*: the same, and besides everything that whoever held it could have fetched,
  and the messages that bear its partner's name.

A key of the gateway's own (`kek-<week>`) is asked for as a key: it opens what lies stored under it
now, whoever was to have it; for that no period counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.store.exposure import Filters
from gateway.store.groups import Connection
from gateway.store.reports import is_partner, officer_of_key, partner_of_key

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
_KEK = re.compile(r"^kek-([0-9]{1,9})$")


class ScopeKind(StrEnum):
    """What was asked about."""

    PARTNER = "ketenpartner"
    FLOW = "gegevensstroom"
    PERIOD = "periode"
    KEY = "sleutel"
    CREDENTIAL = "gestolen-sleutel"
    STORED = "opslagsleutel"
    OFFICER = "sleutel-functionaris"


class UnknownScopeError(Exception):
    """Nothing here bears this name; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an officer asks: one of the four, or none of them, over a period."""

    since: datetime
    until: datetime
    partner: str | None = None
    flow: str | None = None
    key: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked for. `party` is whose acts count as reading: a partner or an officer."""

    kind: ScopeKind
    since: datetime
    until: datetime
    partner: str | None = None
    flow: str | None = None
    key: str | None = None
    officer: str | None = None
    epoch: int | None = None

    @property
    def filters(self) -> Filters:
        """The hand-overs that it is about."""
        return Filters(
            millis(self.since), millis(self.until), recipient=self.partner, flow=self.flow
        )

    @property
    def told(self) -> str:
        """What it is about, in a Dutch phrase."""
        match self.kind:
            case ScopeKind.PARTNER:
                return f"alles wat aan {self.partner} is verstrekt"
            case ScopeKind.FLOW:
                return f"alles wat langs de gegevensstroom {self.flow} is verstrekt"
            case ScopeKind.PERIOD:
                return "alles wat in deze periode is verstrekt"
            case ScopeKind.KEY:
                return f"wat {self.partner} met sleutel {self.key} heeft opgehaald of ingezien"
            case ScopeKind.CREDENTIAL:
                return f"wat de houder van sleutel {self.key} van {self.partner} kon ophalen"
            case ScopeKind.OFFICER:
                return f"wat met sleutel {self.key} van functionaris {self.officer} is ingezien"
            case ScopeKind.STORED:
                return f"wat nu is opgeslagen onder opslagsleutel kek-{self.epoch}"


async def resolve(connection: Connection, asked: Asked) -> Scope:
    """Find what is meant. Raises `UnknownScopeError`."""
    since, until = asked.since, asked.until
    if asked.partner is not None:
        if not await is_partner(connection, asked.partner):
            raise UnknownScopeError("there is no partner with this ID")
        return Scope(ScopeKind.PARTNER, since, until, partner=asked.partner)
    if asked.flow is not None:
        return Scope(ScopeKind.FLOW, since, until, flow=asked.flow)
    named = asked.key or asked.credential
    if named is None:
        return Scope(ScopeKind.PERIOD, since, until)
    if found := _KEK.match(named):
        return Scope(ScopeKind.STORED, since, until, epoch=int(found[1]))
    if (partner := await partner_of_key(connection, named)) is not None:
        kind = ScopeKind.CREDENTIAL if asked.credential else ScopeKind.KEY
        return Scope(kind, since, until, partner=partner, key=named)
    if (officer := await officer_of_key(connection, named)) is not None:
        return Scope(ScopeKind.OFFICER, since, until, key=named, officer=officer)
    raise UnknownScopeError("no partner or officer has a key with this ID")


def millis(moment: datetime) -> int:
    """A moment as entries have it."""
    return int(moment.timestamp() * 1000)


def local(moment: datetime | int | None) -> str:
    """A moment as people here read it."""
    if moment is None:
        return "-"
    if isinstance(moment, int):
        moment = datetime.fromtimestamp(moment / 1000, AMSTERDAM)
    return f"{moment.astimezone(AMSTERDAM):%d-%m-%Y %H:%M}"
