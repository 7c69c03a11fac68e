"""`sluis officer`: who approves and advises on protocols, and with which key.

The gateway keeps the public half alone. A key pair that is made here, for trying out, stands under
the home folder; a real officer's key is made and kept where nobody else comes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.identity.approvals import OfficerRole
from gateway.identity.keys import UnacceptableKeyError, read_public_key
from gateway.store import lifecycle as store
from gateway.store.lifecycle import NewOfficer, StoredOfficer
from schemas.identifiers import PartnerId

Result = TypeVar("Result")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The officer's short name.")]
_ID = TypeAdapter(PartnerId)
_KEY_FILE = "officer.pem"
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
    if public_key is not None:
        key_id, raw = _public(public_key)
    else:
        key_id, raw = _made(path)
    new = NewOfficer(officer, name.strip(), role.value, key_id, raw, mandate, ends)
    _on_database(settings.home, lambda engine: store.add_officer(engine, new))
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
    found = _on_database(home, store.list_officers)
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
    is_change = _on_database(home, lambda engine: store.end_officer(engine, officer))
    output.result({"officer": officer, "isChange": is_change})
    output.say(
        f"{officer} is an officer no longer." if is_change else f"{officer} was ended already."
    )


def key_path(home: Path, officer: str) -> Path:
    """Where an officer's key stands that was made here."""
    return home / "officers" / officer / _KEY_FILE


def private_key(path: Path) -> Ed25519PrivateKey:
    """An officer's key from its file. Raises `Failure` or `OSError`."""
    if path.stat().st_mode & 0o077:
        raise Failure(f"the key {path} can be read by others", f"chmod 600 {path}", WRONGLY_ASKED)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not `from`: a parser's error has no business near a key.
        raise Failure(
            f"{path} holds no private key that can be read", "give a PEM file without a password"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"{path} holds another kind of key", "officers sign with Ed25519")
    return key


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


def _public(path: Path) -> tuple[str, bytes]:
    try:
        read = read_public_key(path.read_bytes())
    except UnacceptableKeyError as error:
        raise Failure(f"{path}: {error}", "ask the officer for it", WRONGLY_ASKED) from None
    key = read.key.public_key
    if not isinstance(key, Ed25519PublicKey):
        raise Failure(f"{path}: officers sign with Ed25519", "ask for such a key", WRONGLY_ASKED)
    return read.kid, key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _made(path: Path) -> tuple[str, bytes]:
    """The key that stands here, made if there is none."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    public = private_key(path).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return read_public_key(pem).kid, public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _on_database(home: Path, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    try:
        return on_database(settings_of(home), work)
    except store.UnknownOfficerError:
        raise Failure("there is no officer with this ID", "see `sluis officer list`") from None
    except store.OfficerKnownError as error:
        remedy = "a person is registered once, in one role, with a key of their own"
        raise Failure(str(error), remedy) from None


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
