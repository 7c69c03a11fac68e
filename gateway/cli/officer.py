"""`sluis officer`: who approves and advises on protocols, and with which key.

The gateway keeps the public half alone. A key pair that is made here, for trying out, stands under
the home folder; a real officer's key is made and kept where nobody else comes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from gateway.audit.access import Action, Target
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import key_path, make_key, read_public
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.identity.approvals import OfficerRole
from gateway.store import lifecycle as store
from gateway.store.lifecycle import NewOfficer, StoredOfficer
from schemas.identifiers import PartnerId

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The officer's short name.")]
_ID = TypeAdapter(PartnerId)
_LONGEST_NAME = 200


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Who approves and advises on the privacy protocol.")
    group.command("add")(add)
    group.command("list")(list_all)
    group.command("end")(end)
    app.add_typer(group, name="officer", no_args_is_help=True)


def add(
    officer: IdArgument,
    name: Annotated[str, typer.Option(help="The person's name; a person is registered once.")],
    role: Annotated[OfficerRole, typer.Option(help="In which role this person signs.")],
    mandate: Annotated[
        str | None, typer.Option(metavar="REFERENCE", help="Where the mandate is on record.")
    ] = None,
    mandate_ends: Annotated[
        datetime | None,
        typer.Option(
            "--mandate-ends", formats=["%Y-%m-%d"], help="The last day on which it holds."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Ed25519 public key, PEM or JWK."),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Make the key pair here, for trying out.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register an officer. From the first one on, a protocol needs approvals to come in force."""
    output, settings = Output(as_json), settings_of(home)
    ends = None if mandate_ends is None else mandate_ends.date()
    _check_asked(officer, name, role, mandate, ends)
    if (public_key is None) is not sandbox:
        raise Failure("name one key: --public-key FILE or --sandbox", status=WRONGLY_ASKED)
    path = key_path(settings.home, officer)
    key_id, raw = make_key(path) if public_key is None else read_public(public_key)
    new = NewOfficer(officer, name.strip(), role.value, key_id, raw, mandate, ends)
    on_database(
        settings,
        lambda engine: store.add_officer(engine, new),
        Doing(Action.CREATE, Target("officer", officer)),
    )
    output.result(
        {"officer": officer, "role": role.value, "keyId": key_id, "keyFile": str(path)}
        if sandbox
        else {"officer": officer, "role": role.value, "keyId": key_id}
    )
    output.say(f"Registered {officer}: {new.name}, {role.value}.")
    output.say(f"Key {key_id}." + (f" It stands in {path}." if sandbox else ""))
    output.say("From now on a protocol comes in force with approvals only: docs/protocol.md.")


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the officers, in which role they sign and until when."""
    output = Output(as_json)
    found = on_database(settings_of(home), store.list_officers)
    output.result({"officers": [_as_json(one) for one in found]})
    rows = [
        (one.id, one.name, one.role, one.mandate or "", _state(one), one.key_id) for one in found
    ]
    output.table(("Officer", "Name", "Role", "Mandate", "State", "Key"), rows)
    if not found:
        output.say("There are no officers: `sluis protocol enforce` asks for no approvals.")


def end(officer: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Let an officer sign no more; approvals that were not used yet lapse with it."""
    output = Output(as_json)
    is_change = on_database(
        settings_of(home),
        lambda engine: store.end_officer(engine, officer),
        Doing(Action.DELETE, Target("officer", officer)),
    )
    output.result({"officer": officer, "isChange": is_change})
    output.say(
        f"{officer} is an officer no longer." if is_change else f"{officer} was ended already."
    )


def _check_asked(
    officer: str, name: str, role: OfficerRole, mandate: str | None, ends: date | None
) -> None:
    try:
        _ID.validate_python(officer)
    except ValidationError:
        raise Failure(
            "ID is an officer's short name",
            "2 to 31 lower-case letters, digits and hyphens, such as fg-noord",
            WRONGLY_ASKED,
        ) from None
    if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        raise Failure("--name is the person's name", "1 to 200 characters", WRONGLY_ASKED)
    if role is OfficerRole.PRIVACY_OFFICER and not (mandate and mandate.strip() and ends):
        raise Failure(
            "a privacy officer approves under a mandate",
            "name it with --mandate REFERENCE and --mandate-ends YYYY-MM-DD",
            WRONGLY_ASKED,
        )
    if ends is not None and ends < datetime.now(UTC).date():
        raise Failure("this mandate has ended", "name the one that holds now", WRONGLY_ASKED)


def _state(officer: StoredOfficer) -> str:
    if officer.ended_at is not None:
        return f"ended {officer.ended_at:%Y-%m-%d}"
    if officer.mandate_ends is None:
        return "signs"
    if officer.mandate_ends < datetime.now(UTC).date():
        return f"mandate ended {officer.mandate_ends}"
    return f"signs until {officer.mandate_ends}"


def _as_json(officer: StoredOfficer) -> dict[str, object]:
    return {
        "officer": officer.id,
        "name": officer.name,
        "role": officer.role,
        "keyId": officer.key_id,
        "mandate": officer.mandate,
        "mandateEnds": officer.mandate_ends.isoformat() if officer.mandate_ends else None,
        "registeredAt": officer.registered_at.isoformat(),
        "endedAt": officer.ended_at.isoformat() if officer.ended_at else None,
    }
