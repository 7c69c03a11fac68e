"""How a command ends when it cannot do its work: what happened, what to do about it, which status.

Statuses: 0 done, 1 not done (the gateway or the content said no), 2 asked or set up wrongly, 3 not
now (nothing answered, or "try later": the same command may succeed later), 130 interrupted.
What is expected gets a message and a remedy; only a fault of ours shows a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncpg

from consent.protocol import ProtocolError
from gateway.client import (
    Conflict,
    Declined,
    Garbled,
    Misconfigured,
    NotAdmitted,
    Refused,
    SluisError,
    Unacceptable,
    Unavailable,
    Unreachable,
)
from gateway.exchange.routing import RouteTableError
from gateway.identity.desk import InsecureAddressError
from gateway.store.database import UnusableAddressError
from gateway.store.embedded import EmbeddedFailure
from gateway.store.migrate import NewerDatabaseError
from gateway.store.protocols import ApprovalsNeededError
from gateway.store.rules import NoProtocolError
from gateway.vault.check import KeysDoNotFitError
from gateway.vault.keys import KeyUnavailableError

NOT_DONE, WRONGLY_ASKED, NOT_NOW = 1, 2, 3


@dataclass
class Failure(Exception):  # noqa: N818 - what the person reads is no name of a class
    """An expected end of a command; any command may raise it."""

    message: str
    remedy: str = ""
    status: int = NOT_DONE
    details: dict[str, object] = field(default_factory=dict)


_SET_UP_WRONGLY = (EmbeddedFailure, NewerDatabaseError, KeyUnavailableError, KeysDoNotFitError)


def failure_of(error: Exception) -> Failure | None:
    """The failure that an error stands for, or none if it is not an expected one."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, SluisError):
        return _of_client(error)
    if isinstance(error, InsecureAddressError | UnusableAddressError):
        return Failure(str(error), "see docs/operating.md", WRONGLY_ASKED)
    if isinstance(
        error, EmbeddedFailure | NewerDatabaseError | KeyUnavailableError | KeysDoNotFitError
    ):
        return Failure(str(error), "see docs/operating.md")
    if isinstance(error, NoProtocolError):
        return Failure("no privacy protocol is in force", "see `sluis protocol enforce`")
    if isinstance(error, ApprovalsNeededError):
        return Failure(str(error), "see `sluis protocol submit`, `approve` and `enforce`")
    if isinstance(error, RouteTableError):
        return Failure(f"the route table: {error}", "correct the file that SLUIS_ROUTES names")
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        # Not its text: a driver's message may quote what it was given.
        told = f"the database does not let us in ({type(error).__name__})"
        return Failure(told, "see SLUIS_DATABASE_URL, its role and its database", NOT_NOW)
    if isinstance(error, ProtocolError):
        return Failure("the protocol contradicts itself: " + "; ".join(error.problems))
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Failure(f"{where}{error.strerror}", "see to the file, its folder or the disk")
    return None


_REMEDIES = {
    "Geen gegevensstroom": "the protocol in force admits no such purpose and recipient for this"
    " partner; see `sluis protocol show`",
    "Formaat onbekend": "ask for another form; not every partner has a status file (csv)",
    "Toestemming onbekend": "see `sluis consent show` for the ids that this partner recorded",
}
"""What to do about problems that say it all in their title."""


def _of_client(error: SluisError) -> Failure:
    told, details = str(error), _details(error)
    match error:
        case Declined(title=title) if title in _REMEDIES:
            return Failure(told, _REMEDIES[title], details=details)
        case Misconfigured():
            return Failure(told, error.remedy, WRONGLY_ASKED)
        case Refused():
            return Failure(told, "see the privacy protocol: GET /v1/protocol", details=details)
        case NotAdmitted():
            remedy = (
                "see whether the gateway knows this partner and key (key_id in client.toml),"
                " and whether this machine's clock is right"
            )
            return Failure(told, remedy, details=details)
        case Conflict():
            remedy = "send other content under another reference (kenmerk)"
            return Failure(told, remedy, details=details)
        case Unacceptable():
            return Failure(told, "correct the content and send it again", details=details)
        case Unavailable():
            return Failure(told, "try again later; repeating is safe", NOT_NOW, details)
        case Unreachable():
            remedy = (
                "see whether the gateway runs there (`sluis run` starts one), or correct base_url"
                " in client.toml; repeating is safe"
            )
            return Failure(told, remedy, NOT_NOW)
        case Garbled():
            remedy = "see whether base_url in client.toml is a Sluis gateway of this version"
            return Failure(told, remedy)
        case Declined(status=status) if status < 500:
            return Failure(told, "see /v1/openapi.json at the gateway", details=details)
        case Declined():
            return Failure(told, "see the gateway's log for this moment", details=details)
        case _:
            return Failure(told)


def _details(error: SluisError) -> dict[str, object]:
    if not isinstance(error, Declined):
        return {}
    fields = [{"field": item.field, "rule": item.rule} for item in error.fields]
    return {"httpStatus": error.status, "title": error.title, "fields": fields}
