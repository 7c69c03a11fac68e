"""How a command ends when it cannot do its work: what happened, what to do about it, which status.

Statuses: 0 done, 1 not done (the gateway or the content said no), 2 asked or set up wrongly, 3 not
now (nothing answered, or "try later": the same command may succeed later), 130 interrupted.
What is expected gets a message and a remedy; only a fault of ours shows a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncpg

from consent.protocol import ProtocolError
from gateway.audit.freshness import DatabaseOlderError, JournalMissingError
from gateway.audit.published import PublishedDamagedError
from gateway.client import (
    Conflict,
    Contradicted,
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
from gateway.exchange.approval import MayNotSignError
from gateway.exchange.asking import MayNotAskError
from gateway.exchange.epochs import EpochInUseError, NotYetError
from gateway.exchange.erasing import DecisionExistsError, UnknownPersonError
from gateway.exchange.erasure_steps import UnknownDecisionError, WrongStepError
from gateway.exchange.oversight import AlreadyReviewedError, UnknownCaseError
from gateway.exchange.routing import RouteTableError
from gateway.exchange.succession import NotInProtocolError, UnknownSuccessionError
from gateway.identity.acts import MayNotActError
from gateway.identity.desk import InsecureAddressError
from gateway.reports.projections.collecting import HeaderFileError
from gateway.reports.projections.receiving import InsecureReceiverError
from gateway.settings import SettingsError
from gateway.store.database import UnusableAddressError
from gateway.store.embedded import EmbeddedFailure
from gateway.store.lifecycle import AlreadySignedError, OfficerKnownError, UnknownOfficerError
from gateway.store.migrate import NewerDatabaseError
from gateway.store.partners import AlreadyRegisteredError, UnknownKeyError, UnknownPartnerError
from gateway.store.protocols import ApprovalsNeededError
from gateway.store.rules import NoProtocolError
from gateway.store.succession import SuccessionStandsError
from gateway.vault.check import KeysDoNotFitError
from gateway.vault.journal_folder import JournalUnavailableError, UnsafeJournalFolderError
from gateway.vault.keys import KeyUnavailableError

NOT_DONE, WRONGLY_ASKED, NOT_NOW = 1, 2, 3


@dataclass
class Failure(Exception):  # noqa: N818 - what the person reads is no name of a class
    """An expected end of a command; any command may raise it."""

    message: str
    remedy: str = ""
    status: int = NOT_DONE
    details: dict[str, object] = field(default_factory=dict)


def failure_of(error: Exception) -> Failure | None:
    """The failure that an error stands for, or none if it is not an expected one."""
    match error:
        case Failure():
            return error
        case SluisError():
            return _of_client(error)
        case (
            InsecureAddressError() | UnusableAddressError()
            | InsecureReceiverError() | HeaderFileError()
        ):  # fmt: skip
            return Failure(str(error), "see docs/operating.md", WRONGLY_ASKED)
        case EmbeddedFailure() | NewerDatabaseError() | KeyUnavailableError() | KeysDoNotFitError():
            return Failure(str(error), "see docs/operating.md")
        case SettingsError():
            return Failure(str(error), "correct the environment variable", WRONGLY_ASKED)
        case DatabaseOlderError():
            remedy = "`sluis recover` does again what it forgot, and opens the log anew"
            return Failure(str(error), remedy)
        case JournalMissingError():
            remedy = (
                "put the journal's folder back, or name it with SLUIS_JOURNAL; if it is lost, or"
                " this machine is a new one beside others: `sluis recover --new-journal`"
            )
            return Failure(str(error), remedy)
        case JournalUnavailableError() | PublishedDamagedError() | UnsafeJournalFolderError():
            return Failure(str(error), 'see docs/operating.md, "The journal"')
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            # Not its text: a driver's message may quote what it was given.
            told = f"the database does not let us in ({type(error).__name__})"
            return Failure(told, "see SLUIS_DATABASE_URL, its role and its database", NOT_NOW)
        case OSError(strerror=str(told), filename=place) if told:
            where = f"{place}: " if place else ""
            return Failure(f"{where}{told}", "see to the file, its folder or the disk")
        case _:
            return _of_rules(error) or _of_register(error)


def _of_rules(error: Exception) -> Failure | None:
    """A file of rules that is not one, or none at all."""
    match error:
        case ProtocolError():
            return Failure("the protocol contradicts itself: " + "; ".join(error.problems))
        case RouteTableError():
            return Failure(f"the route table: {error}", "correct the file that SLUIS_ROUTES names")
        case NoProtocolError():
            return Failure("no privacy protocol is in force", "see `sluis protocol enforce`")
        case _:
            return None


def _of_register(error: Exception) -> Failure | None:
    """What the gateway's own register of partners, officers and versions says no to."""
    match error:
        case ApprovalsNeededError():
            return Failure(str(error), "see `sluis protocol submit`, `approve` and `enforce`")
        case UnknownPartnerError():
            return Failure("there is no partner with this ID", "see `sluis partner list`")
        case AlreadyRegisteredError(field="key"):
            remedy = "each partner has keys of its own, and one that was ended stays ended: take a"
            return Failure(str(error), f"{remedy} new one")
        case UnknownKeyError():
            return Failure("this partner has no such key", "see `sluis partner list --json`")
        case AlreadyRegisteredError():
            remedy = "see `sluis partner list`; a partner keeps its ID and OIN for good"
            return Failure(str(error), remedy)
        case UnknownOfficerError():
            return Failure("there is no officer with this ID", "see `sluis officer list`")
        case OfficerKnownError():
            remedy = "a person is registered once, in one role, with a key of their own"
            return Failure(str(error), remedy)
        case MayNotActError() | MayNotSignError():
            return Failure(str(error), "see `sluis officer list`")
        case AlreadySignedError():
            remedy = "what was signed stays; another opinion needs another version"
            return Failure("this officer signed this version before", remedy)
        case UnknownCaseError():
            return Failure(str(error), "see the list of the same command")
        case AlreadyReviewedError():
            return Failure(str(error), "see `sluis emergency list --all`")
        case _:
            return _of_erasure(error)


def _of_erasure(error: Exception) -> Failure | None:
    """What decisions to erase and key epochs say no to."""
    match error:
        case UnknownPersonError() | UnknownDecisionError() | WrongStepError():
            return Failure(str(error), "see `sluis erase list`; nothing was changed")
        case DecisionExistsError(decision=decision):
            return Failure(str(error), f"see `sluis erase show {decision}`")
        case MayNotAskError():
            return Failure(str(error), "record who holds authority first, or see docs/erasure.md")
        case EpochInUseError() | NotYetError():
            return Failure(str(error), "see `sluis keys list`; nothing was changed")
        case _:
            return _of_succession(error)


def _of_succession(error: Exception) -> Failure | None:
    """What deciding on a partner's successor says no to."""
    match error:
        case SuccessionStandsError() | UnknownSuccessionError():
            return Failure(str(error), "see `sluis partner succession list`; nothing was changed")
        case NotInProtocolError():
            return Failure(str(error), "a new version must name its flows first; nothing changed")
        case _:
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
                " whether this machine's clock is right, and with the operator whether the partner"
                " is suspended"
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
                "see whether the gateway runs there (`sluis serve` starts one), whether base_url in"
                " client.toml is right, and whether this machine trusts its certificate"
                " (SSL_CERT_FILE); repeating is safe"
            )
            return Failure(told, remedy, NOT_NOW)
        case Contradicted() | Garbled():
            return _of_untrue(error)
        case Declined(status=status) if status < 500:
            return Failure(told, "see /v1/openapi.json at the gateway", details=details)
        case Declined():
            return Failure(told, "see the gateway's log for this moment", details=details)
        case _:
            return Failure(told)


def _of_untrue(error: Contradicted | Garbled) -> Failure:
    """An answer that does not hold, and not for a reason that passes."""
    if isinstance(error, Garbled):
        remedy = "see whether base_url in client.toml is a Sluis gateway of this version"
        return Failure(str(error), remedy)
    remedy = (
        f"nothing more is sent; give {error.evidence} to the supervisor, who compares it with what"
        " other partners and witnesses saw, and see `sluis log checkpoint --kept`"
    )
    return Failure(str(error), remedy, details={"evidence": str(error.evidence)})


def _details(error: SluisError) -> dict[str, object]:
    if not isinstance(error, Declined):
        return {}
    fields = [{"field": item.field, "rule": item.rule} for item in error.fields]
    return {"httpStatus": error.status, "title": error.title, "fields": fields}
