"""`sluis keys pseudonyms`: a recipient's pseudonyms renewed, by two officers and in its own time.

Counted are parts, never persons: how many persons a recipient knows, protected exchanges included,
is nobody's to see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.app import Books
from gateway.audit.access import Action, Reason, Target
from gateway.cli.acting import acted_by
from gateway.cli.database import Doing, RecordingEngine, deciding_on, on_database, settings_of
from gateway.cli.erase import CaseOption, case_reason
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.serving import key_provider
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.pseudonym_epochs import (
    NoKeyError,
    NothingPreparedError,
    NotReadyError,
    PreparedError,
    PseudonymEpochs,
    Standing,
)
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import Sign
from gateway.store.groups import Connection
from gateway.store.history import driver_of
from gateway.store.rules import changing_rules, join_deciding, raise_generation

Result = TypeVar("Result")
RecipientArgument = Annotated[
    str, typer.Argument(metavar="PARTNER", help="The recipient whose pseudonyms are renewed.")
]


def mount(keys: typer.Typer) -> None:
    """Mount these commands under `sluis keys`."""
    group = typer.Typer(help="Renew a recipient's pseudonyms: announce a mapping, and switch.")
    for command in (show, prepare, confirm, switch, withdraw):
        group.command()(command)
    keys.add_typer(group, name="pseudonyms", no_args_is_help=True)


def show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show the epoch of each recipient's pseudonyms, and how far a renewal is."""
    output = Output(as_json)
    found = _at_work(home, Doing(Action.READ), lambda epochs, _: epochs.shown())
    output.result({"recipients": [_as_json(one) for one in found]})
    rows = [
        (
            one.recipient,
            str(one.epoch),
            f"{one.since:%Y-%m-%d}" if one.since else "the beginning",
            _state(one),
        )
        for one in found
    ]
    output.table(("Recipient", "Epoch#", "Since", "Renewal"), rows)
    output.say("Every other recipient's pseudonyms are of epoch 1.")


def prepare(
    recipient: RecipientArgument,
    case: CaseOption,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide to renew a recipient's pseudonyms, with your signature, as a privacy officer.

    The recipient needs an encryption key: nobody else may be able to read the mapping.
    """
    output = Output(as_json)
    doing = _doing(Action.CREATE, recipient, case_reason("pseudoniemwissel", case))
    made = _at_work(
        home, doing, lambda epochs, sign: epochs.prepare(recipient, case, officer, sign),
        officer, key,
    )  # fmt: skip
    output.result({"recipient": recipient, "fromEpoch": made.from_epoch, "epoch": made.epoch})
    output.say(f"Decided, and signed by {officer}: {recipient} moves to epoch {made.epoch}.")
    output.say(
        "It needs another person's signature:"
        f" sluis keys pseudonyms confirm {recipient} --as OFFICER"
    )


def confirm(
    recipient: RecipientArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign it as the second person; the mapping goes into the recipient's mailbox, sealed."""
    output = Output(as_json)
    done = _at_work(
        home,
        _doing(Action.UPDATE, recipient),
        lambda epochs, sign: epochs.confirm(recipient, officer, sign),
        officer,
        key,
    )
    output.result({"recipient": recipient, "parts": done.parts})
    output.say(f"Signed by {officer} too: {done.parts} parts wait in the mailbox of {recipient}.")
    output.say(f"Once it acknowledged them all: sluis keys pseudonyms switch {recipient}")


def switch(
    recipient: RecipientArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """End the epoch, once the recipient has the mapping: what is queued after bears the new names.

    Status 3 while parts are not acknowledged.
    """
    output = Output(as_json)
    done = _at_work(
        home, _doing(Action.UPDATE, recipient), lambda epochs, _: epochs.switch(recipient)
    )
    output.result(
        {"recipient": recipient, "epoch": done.epoch, "afterPosition": done.after_position}
    )
    output.say(
        f"{recipient} is in epoch {done.epoch}: events after position {done.after_position} of its"
        " mailbox bear the new pseudonyms. The part at that position closes the mapping."
    )


def withdraw(
    recipient: RecipientArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let a renewal be, before the switch. Its epoch's number is not used again."""
    output = Output(as_json)
    done = _at_work(
        home,
        _doing(Action.UPDATE, recipient),
        lambda epochs, sign: epochs.withdraw(recipient, officer, sign),
        officer,
        key,
    )
    output.result({"recipient": recipient, "epoch": done.epoch, "isWithdrawn": True})
    output.say(f"Withdrawn: {recipient} stays in epoch {done.from_epoch}.")


def _at_work(
    home: Path,
    doing: Doing,
    work: Callable[[PseudonymEpochs, Sign], Awaitable[Result]],
    officer: str | None = None,
    key: Path | None = None,
) -> Result:
    """Do one act, as an officer or as the operator of this machine. Raises `Failure`."""
    settings = settings_of(home)
    books = Books(key_provider(settings))
    doing, sign = acted_by(settings, officer, key, doing)

    async def on(engine: RecordingEngine) -> Result:
        opened, alone = partial(deciding_on, engine, books.of), partial(_switching, engine, books)
        return await work(PseudonymEpochs(opened, alone, lambda: datetime.now(UTC)), sign)

    try:
        return on_database(settings, on, doing)
    except NoKeyError as error:
        raise Failure(
            str(error), "register one: sluis partner endpoint PARTNER --encryption-key FILE"
        ) from None
    except NotAPartyError as error:
        raise Failure(str(error), "see sluis partner list", WRONGLY_ASKED) from None
    except NothingPreparedError as error:
        raise Failure(str(error), "begin with sluis keys pseudonyms prepare") from None
    except PreparedError as error:
        raise Failure(str(error), "see sluis keys pseudonyms show") from None
    except NotReadyError as error:
        raise Failure(str(error), "see sluis keys pseudonyms show", NOT_NOW) from None


@asynccontextmanager
async def _switching(
    engine: RecordingEngine, books: Books
) -> AsyncIterator[tuple[Connection, RuleBook]]:
    """A deciding transaction with the rules to itself; everybody reads them again after it."""
    async with changing_rules(engine) as connection:
        raw = await driver_of(connection)
        book = await books.of(raw, await join_deciding(raw))
        await raise_generation(connection)
        yield raw, book


def _doing(action: Action, recipient: str, reason: Reason | None = None) -> Doing:
    return Doing(action, Target("pseudoniemtijdvak", recipient), reason)


def _state(one: Standing) -> str:
    if one.open is None:
        return ""
    if one.open.announced_at is None:
        return f"to {one.open.epoch}: the second signature is missing"
    assert one.progress is not None  # noqa: S101  # read with what is open
    if one.progress.lost:
        return f"to {one.open.epoch}: a part was taken out; withdraw it"
    if one.progress.received < one.progress.parts:
        return (
            f"to {one.open.epoch}: {one.progress.received} of {one.progress.parts} parts received"
        )
    return f"to {one.open.epoch}: ready to switch"


def _as_json(one: Standing) -> dict[str, object]:
    shown: dict[str, object] = {
        "recipient": one.recipient,
        "epoch": one.epoch,
        "since": one.since.isoformat() if one.since else None,
        "renewal": None,
    }
    if one.open is not None and one.progress is not None:
        shown["renewal"] = {
            "epoch": one.open.epoch,
            "case": one.open.case,
            "signedBy": list(one.signed),
            "announcedAt": one.open.announced_at.isoformat() if one.open.announced_at else None,
            "parts": one.progress.parts,
            "released": one.progress.released,
            "received": one.progress.received,
            "takenOut": one.progress.lost,
        }
    return shown
