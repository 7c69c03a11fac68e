"""`sluis partner add`: a partner with all that it comes with, or nothing of it.

Whatever is wrong is told at once with its remedy. What was registered is told as what the partner
must do next, to the operator and as a letter.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consent.register import amsterdam_day
from gateway.audit.access import Action, Target
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.endpoint import checked_endpoint
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.partner_flows import FlowsOf, check_flows, flows_of
from gateway.cli.partner_options import (
    CaOption,
    CertificateOption,
    ContactOption,
    DaysOption,
    IdArgument,
    JwkOption,
    Kind,
    LetterOption,
    PemOption,
)
from gateway.cli.partner_shown import (
    certificate_json,
    certificate_told,
    show_steps,
    write_letter,
)
from gateway.cli.partner_steps import Joining
from gateway.cli.registration import (
    KEY_DAYS,
    Wrongs,
    checked_partner,
    known_partner,
    read_certified,
    read_key,
    register_sandbox_partner,
)
from gateway.identity.certificates import Certificate
from gateway.store import partners as store
from gateway.store.endpoints import Endpoint, write_endpoint
from gateway.store.history import driver_of
from gateway.store.partners import PartnerKey, StoredPartner


def register(group: typer.Typer) -> None:
    """Mount this module's commands below `sluis partner`."""
    group.command("add")(add)
    group.command("letter")(letter)


def add(
    partner: IdArgument,
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    oin: Annotated[str, typer.Option(help="Its organisation number (OIN), 20 digits.")],
    adapter: Annotated[str, typer.Option(help="The format that it speaks: dwi, generic, ...")],
    kind: Annotated[Kind, typer.Option(help="Exchanges, or supervises.")] = Kind.KETEN,
    public_key: PemOption = None,
    jwk: JwkOption = None,
    certificate: CertificateOption = None,
    ca: CaOption = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Make its key and credentials here, for trying out.")
    ] = False,
    valid_days: DaysOption = KEY_DAYS,
    flow: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A flow that the protocol must give it; may be repeated."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Where its mail is brought (push).")
    ] = None,
    encryption_key: Annotated[
        Path | None,
        typer.Option("--encryption-key", metavar="FILE", help="Its mail is sealed for this key."),
    ] = None,
    testing: Annotated[
        bool, typer.Option("--testing", help="It still tries out, also where others do not.")
    ] = False,
    contact: ContactOption = None,
    letter: LetterOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register a partner with all that it comes with, and say what it must do to begin.

    Whatever is wrong is told at once, and then nothing is registered.
    """
    output, settings, wrongs = Output(as_json), settings_of(home), Wrongs()
    new = checked_partner(partner, name, oin, adapter, kind, wrongs)
    new = replace(new, is_testing=testing)
    keys, certified = _given_key(wrongs, oin, public_key, jwk, certificate, ca, sandbox, valid_days)
    mail: Endpoint | None = None
    if endpoint is not None or encryption_key is not None:
        with wrongs.catching():
            mail = checked_endpoint(endpoint, encryption_key, settings)
    with wrongs.catching():
        if letter is not None and letter.exists():
            raise Failure(f"{letter} exists", "name another file, or remove it", WRONGLY_ASKED)

    async def register_all(engine: AsyncEngine) -> tuple[StoredPartner, FlowsOf, Path | None]:
        with wrongs.catching():
            check_flows(await flows_of(engine, partner), flow or ())
        wrongs.end()
        also = None if mail is None else partial(_write_endpoint, partner=partner, endpoint=mail)
        folder: Path | None = None
        if sandbox:
            place, base_url = settings.home, settings.base_url
            made = await register_sandbox_partner(engine, new, place, base_url, valid_days, also)
            folder = made.folder
        else:
            await store.register_partner(engine, new, keys, also)
        return await known_partner(engine, partner), await flows_of(engine, partner), folder

    registered, flows, folder = on_database(
        settings, register_all, Doing(Action.CREATE, Target("partner", partner))
    )
    joining = Joining(registered, flows, settings.base_url, contact, _today(), folder, endpoint)
    if letter is not None:
        write_letter(letter, joining)
    key = joining.key
    output.result(
        {
            "partner": partner,
            "keyId": None if key is None else key.kid,
            "keyExpiresAt": None if key is None else key.expires_at.isoformat(),
            "credentials": str(folder) if folder else None,
            "tokenEndpoint": joining.token_endpoint,
            "certificate": None if certified is None else certificate_json(certified),
            "flows": list(flows.named),
            "letter": None if letter is None else str(letter),
        }
    )
    output.say(f"Registered {partner}: {registered.name}, OIN {oin}, format {adapter}.")
    if certified is not None:
        output.say(certificate_told(certified, ca))
    show_steps(output, joining)
    if letter is not None:
        output.say(f"The same as a letter: {letter}")


def letter(
    partner: IdArgument,
    file: Annotated[
        Path | None, typer.Argument(help="Where the letter goes (aansluiten.md).")
    ] = None,
    contact: ContactOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say again what a partner must do, by the protocol and keys of today; also as a letter."""
    output, settings = Output(as_json), settings_of(home)
    if file is not None and file.exists():
        raise Failure(f"{file} exists", "name another file, or remove it", WRONGLY_ASKED)

    async def read(engine: AsyncEngine) -> tuple[StoredPartner, FlowsOf]:
        return await known_partner(engine, partner), await flows_of(engine, partner)

    known, flows = on_database(settings, read, Doing(Action.READ, Target("partner", partner)))
    place = settings.home / "partners" / partner
    folder = place if (place / "client.toml").exists() else None
    joining = Joining(known, flows, settings.base_url, contact, _today(), folder)
    if file is not None:
        write_letter(file, joining)
    output.result({"partner": partner, "flows": list(flows.named), "letter": str(file or "")})
    show_steps(output, joining)
    if file is not None:
        output.say(f"The same as a letter: {file}")


def _given_key(
    wrongs: Wrongs,
    oin: str,
    public_key: Path | None,
    jwk: Path | None,
    certificate: Path | None,
    ca: Path | None,
    sandbox: bool,
    valid_days: int,
) -> tuple[list[PartnerKey], Certificate | None]:
    """The one key that was given, if one was, and the certificate that it came in."""
    given = [one for one in (public_key, jwk, certificate) if one is not None]
    with wrongs.catching():
        if len(given) + sandbox > 1:
            raise Failure(
                "one key at a time: --public-key, --jwk, --certificate or --sandbox",
                "add others with `sluis partner key`",
                WRONGLY_ASKED,
            )
        if certificate is not None:
            key, certified = read_certified(certificate, oin, ca)
            return [key], certified
        if given:
            return [read_key(given[0], valid_days)], None
    return [], None


async def _write_endpoint(connection: AsyncConnection, *, partner: str, endpoint: Endpoint) -> None:
    await write_endpoint(await driver_of(connection), partner, endpoint)


def _today() -> date:
    return amsterdam_day(datetime.now(UTC))
