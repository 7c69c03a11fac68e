"""`sluis protocol submit|approve|advise|enforce`: from a draft to a version in force.

An officer's key is read here, signs one thing that was just shown, and is let go. The gateway
verifies the signature with the key that was registered, and again when the version comes in force.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.checks import Severity, check_text
from gateway.audit.access import Action, Target
from gateway.cli.acting import acted_by
from gateway.cli.comparing import finding_json, show_findings
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import (
    FileArgument,
    VersionArgument,
    find,
    moment_of,
    of_draft,
    read_file,
    shown,
    taken,
)
from gateway.exchange import approval as steps
from gateway.exchange.approval import Advice
from gateway.identity.approvals import AdviceKind, NotApprovedError
from gateway.store.lifecycle import StoredDraft, StoredOfficer, UnknownDraftError
from gateway.store.protocols import Effect, MomentPassedError, VersionTakenError

Result = TypeVar("Result")
_LONGEST_ADVICE = 20_000
_EFFECTS = {
    Effect.PUT_IN_FORCE: "is in force from now on",
    Effect.ALREADY_IN_FORCE: "was in force already; nothing changed",
    Effect.PLANNED: "comes in force at {moment}",
    Effect.ALREADY_PLANNED: "was to come in force at {moment} already; nothing changed",
    Effect.SUPERSEDED: "was superseded by a newer version, which stays; nothing changed",
}


def register(commands: typer.Typer) -> None:
    """Mount this module's commands below `sluis protocol`."""
    for command in (submit, approve, advise, enforce):
        commands.command()(command)


def submit(
    file: FileArgument,
    despite_errors: Annotated[
        bool, typer.Option("--despite-errors", help="Submit it although the check finds errors.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check a protocol, and submit it as a draft for officers to advise on and approve."""
    output, protocol = Output(as_json), read_file(file)
    report = check_text(protocol.text, datetime.now(UTC).date())
    show_findings(output, report)
    errors = [finding_json(one) for one in report.of(Severity.ERROR)]
    if errors and not despite_errors:
        raise Failure(
            f"{file} has errors",
            "correct them, or submit it with --despite-errors; nothing was changed",
            NOT_DONE,
            {"errors": errors},
        )
    is_new = _on_database(
        home,
        protocol.version,
        lambda engine: steps.submit(engine, protocol),
        _doing(Action.CREATE, protocol.version),
    )
    digest = protocol.digest.hex()
    output.result(
        {
            "version": protocol.version,
            "digest": digest,
            "isChange": is_new,
            "errors": errors,
            "warnings": [finding_json(one) for one in report.of(Severity.WARNING)],
        }
    )
    told = "is submitted" if is_new else "was submitted already; nothing changed"
    output.say(f"version {protocol.version} {told}")
    output.say(f"digest {digest}", "dim")
    output.say(
        "Next: `sluis protocol diff` and `simulate`, the FG's `advise`, two times `approve`."
    )


def approve(
    version: VersionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Approve a draft, as its process owner or as a privacy officer under mandate."""
    output = Output(as_json)
    draft, signer = _sign(home, version, officer, key, None)
    _tell_signed(output, draft, signer, "approved")


def advise(
    version: VersionArgument,
    officer: OfficerOption,
    advice: Annotated[AdviceKind, typer.Option(help="What the FG advises.")],
    text_file: Annotated[
        Path, typer.Option("--text-file", metavar="FILE", help="The advice itself, UTF-8 text.")
    ],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Attach the FG's advice to a draft; it is shown beside the approvals and is none of them."""
    output = Output(as_json)
    try:
        text = text_file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise Failure(f"{text_file} is not UTF-8 text", "save it as UTF-8", WRONGLY_ASKED) from None
    if not 0 < len(text) <= _LONGEST_ADVICE or "\x00" in text:
        told = f"an advice has 1 to {_LONGEST_ADVICE} characters"
        raise Failure(f"{text_file}: {told}", "shorten it, or refer to a document", WRONGLY_ASKED)
    draft, signer = _sign(home, version, officer, key, Advice(advice, text))
    _tell_signed(output, draft, signer, f"advised on ({advice.value})")


def enforce(
    named: Annotated[
        str, typer.Argument(metavar="VERSION|FILE", help="A submitted version, or a file.")
    ],
    moment: Annotated[
        str | None,
        typer.Option("--from", metavar="MOMENT", help="From when; without it from now on."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Put a version in force, now or from a moment to come; earlier ones stay on record.

    Where officers are registered it needs both approvals and the FG's advice.
    """
    output, protocol = Output(as_json), find(named, home)
    at = None if moment is None else moment_of(moment)
    placed = _on_database(
        home,
        protocol.version,
        lambda engine: steps.enforce(engine, protocol, at),
        _doing(Action.EXECUTE, protocol.version),
    )
    output.result(
        {
            "version": protocol.version,
            "digest": protocol.digest.hex(),
            "effect": placed.effect.value,
            "inForceFrom": placed.in_force_from.isoformat(),
        }
    )
    told = _EFFECTS[placed.effect].format(moment=shown(placed.in_force_from))
    output.say(f"version {protocol.version} {told}")


def _sign(
    home: Path, version: str, officer: str, key: Path | None, advice: Advice | None
) -> tuple[StoredDraft, StoredOfficer]:
    doing, sign = acted_by(settings_of(home), officer, key, _doing(Action.UPDATE, version))
    return _on_database(
        home,
        version,
        lambda engine: steps.sign_draft(engine, version, officer, sign, advice),
        doing,
    )


def _doing(action: Action, version: str) -> Doing:
    return Doing(action, Target("protocol", version))


def _on_database(
    home: Path, version: str, work: Callable[[AsyncEngine], Awaitable[Result]], doing: Doing
) -> Result:
    try:
        return on_database(settings_of(home), work, doing)
    except VersionTakenError as error:
        raise taken(error, version) from None
    except UnknownDraftError as error:
        raise of_draft(error, version) from None
    except MomentPassedError:
        raise Failure(
            "the moment of --from has passed",
            "leave --from out for now, or name one to come",
            WRONGLY_ASKED,
        ) from None
    except NotApprovedError as error:
        raise Failure(
            f"version {version} is not approved:\n  " + "\n  ".join(error.objections),
            "see `sluis protocol list`, `approve` and `advise`; nothing was changed",
            NOT_DONE,
            {"objections": error.objections},
        ) from None


def _tell_signed(output: Output, draft: StoredDraft, signer: StoredOfficer, did: str) -> None:
    output.result(
        {
            "version": draft.version,
            "digest": draft.digest.hex(),
            "officer": signer.id,
            "role": signer.role,
            "keyId": signer.key_id,
        }
    )
    output.say(f"version {draft.version} is {did} by {signer.id}, {signer.role}")
    output.say(f"digest {draft.digest.hex()}", "dim")
