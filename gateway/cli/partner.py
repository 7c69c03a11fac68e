"""`sluis partner`: who may exchange. Works on the database itself, whether or not a gateway runs.

A running gateway sees a change within a second; what it is deciding at that moment is finished
first (invariant 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.access import Action, Target
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.registration import KEY_DAYS, checked_partner, read_key, register_sandbox_partner
from gateway.settings import Settings
from gateway.store import partners as store
from gateway.store.partners import PartnerKey, StoredPartner


class Kind(StrEnum):
    """What a partner is: one that exchanges, or one that supervises.

    `TOEZICHT_BESCHERMD` reads the log of protected exchanges as well.
    """

    KETEN = "keten"
    TOEZICHT = "toezicht"
    TOEZICHT_BESCHERMD = "toezicht-beschermd"


IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The partner's short name.")]
PemOption = Annotated[
    Path | None,
    typer.Option("--public-key", metavar="FILE", help="The partner's public key, PEM."),
]
JwkOption = Annotated[
    Path | None, typer.Option("--jwk", metavar="FILE", help="The partner's public key, JWK.")
]
DaysOption = Annotated[
    int, typer.Option("--valid-days", min=1, max=1100, help="How long the key is good for.")
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Register partners and their keys; suspend and resume them.")
    group.command("add")(add)
    group.command("list")(list_all)
    group.command("suspend")(suspend)
    group.command("resume")(resume)
    group.command("key")(key)
    app.add_typer(group, name="partner", no_args_is_help=True)


def add(
    partner: IdArgument,
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    oin: Annotated[str, typer.Option(help="Its organisation number (OIN), 20 digits.")],
    adapter: Annotated[str, typer.Option(help="The format that it speaks: dwi, generic, ...")],
    kind: Annotated[Kind, typer.Option(help="Exchanges, or supervises.")] = Kind.KETEN,
    public_key: PemOption = None,
    jwk: JwkOption = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Make its key and credentials here, for trying out.")
    ] = False,
    valid_days: DaysOption = KEY_DAYS,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register a partner, with its public key or as a sandbox partner of this machine."""
    output, settings = Output(as_json), settings_of(home)
    if sum((public_key is not None, jwk is not None, sandbox)) > 1:
        raise Failure(
            "one key at a time: --public-key, --jwk or --sandbox",
            "add others with `sluis partner key`",
            WRONGLY_ASKED,
        )
    new = checked_partner(partner, name, oin, adapter, kind)
    folder: Path | None = None
    keys: list[PartnerKey] = []
    if sandbox:
        home, base_url = settings.home, settings.base_url
        made = on_database(
            settings,
            lambda engine: register_sandbox_partner(engine, new, home, base_url, valid_days),
            Doing(Action.CREATE, Target("partner", partner)),
        )
        folder, keys = made.folder, [made.key]
    else:
        if (path := public_key or jwk) is not None:
            keys = [read_key(path, valid_days)]
        on_database(
            settings,
            lambda engine: store.register_partner(engine, new, keys),
            Doing(Action.CREATE, Target("partner", partner)),
        )
    output.result(
        {
            "partner": partner,
            "keyId": keys[0].kid if keys else None,
            "keyExpiresAt": keys[0].expires_at.isoformat() if keys else None,
            "credentials": str(folder) if folder else None,
            "tokenEndpoint": _token_endpoint(settings),
        }
    )
    output.say(f"Registered {partner}: {new.name}, OIN {new.oin}, format {adapter}.")
    _tell_next(output, settings, partner, keys, folder)


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the partners, their state and until when their keys are good."""
    output = Output(as_json)
    found = on_database(settings_of(home), store.list_partners)
    output.result({"partners": [_as_json(one) for one in found]})
    rows = [
        (one.id, one.name, one.oin, one.adapter, one.kind, _state(one), _keys(one)) for one in found
    ]
    output.table(("Partner", "Name", "OIN", "Format", "Kind", "State", "Keys"), rows)
    if not found:
        output.say("There are no partners yet: see `sluis partner add --help`.")


def suspend(
    partner: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Let nothing pass to or from a partner, from this moment on."""
    output = Output(as_json)
    is_change = on_database(
        settings_of(home),
        lambda engine: store.suspend_partner(engine, partner),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result({"partner": partner, "isSuspended": True, "isChange": is_change})
    output.say(f"{partner} is suspended." if is_change else f"{partner} was suspended already.")
    output.say(f"Nothing passes to or from it until `sluis partner resume {partner}`.", "dim")


def resume(
    partner: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """End a partner's suspension."""
    output = Output(as_json)
    is_change = on_database(
        settings_of(home),
        lambda engine: store.resume_partner(engine, partner),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result({"partner": partner, "isSuspended": False, "isChange": is_change})
    output.say(f"{partner} exchanges again." if is_change else f"{partner} was not suspended.")


def key(
    partner: IdArgument,
    public_key: PemOption = None,
    jwk: JwkOption = None,
    valid_days: DaysOption = KEY_DAYS,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give a partner one more public key; the ones that it has stay good until they expire."""
    output, settings = Output(as_json), settings_of(home)
    path = public_key or jwk
    if path is None or (public_key is not None and jwk is not None):
        raise Failure(
            "name one key: --public-key or --jwk", "see `sluis partner key --help`", WRONGLY_ASKED
        )
    added = read_key(path, valid_days)
    on_database(
        settings,
        lambda engine: store.add_key(engine, partner, added),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result(
        {"partner": partner, "keyId": added.kid, "keyExpiresAt": added.expires_at.isoformat()}
    )
    _tell_next(output, settings, partner, [added], None)


def _tell_next(
    output: Output,
    settings: Settings,
    partner: str,
    keys: Sequence[PartnerKey],
    folder: Path | None,
) -> None:
    """What the partner must do before it can exchange."""
    if not keys:
        output.say("It has no key yet, and cannot come in before it has one:")
        output.say(f"  sluis partner key {partner} --public-key FILE")
        return
    output.say(f"Key {keys[0].kid}, good until {keys[0].expires_at:%Y-%m-%d}.")
    output.say()
    if folder is not None:
        output.say(f"Its credentials are in {folder}. Next, as this partner:")
        output.say(f"  sluis send FILE --as {partner}")
        output.say(f"  sluis pull --as {partner}")
    else:
        output.say("Next, at the partner: in client.toml, beside its private key,")
        output.say(f'  partner = "{partner}"')
        output.say(f'  base_url = "{settings.base_url}"')
        output.say(f'  key_id = "{keys[0].kid}"')
        output.say('  key_file = "client.pem"')
        output.say(f"Other clients: private_key_jwt at {_token_endpoint(settings)}, kid as above.")
    output.say("What may pass, and to whom, is in the privacy protocol in force: GET /v1/protocol.")


def _token_endpoint(settings: Settings) -> str:
    return f"{settings.base_url}/oauth/token"


def _state(partner: StoredPartner) -> str:
    return "suspended" if partner.is_suspended else "active"


def _keys(partner: StoredPartner) -> str:
    good = [one.expires_at for one in partner.keys if one.expires_at > datetime.now(UTC)]
    if not partner.keys:
        return "none"
    if not good:
        return "all expired"
    return f"{len(good)}, good until {max(good):%Y-%m-%d}"


def _as_json(partner: StoredPartner) -> dict[str, object]:
    return {
        "partner": partner.id,
        "name": partner.name,
        "oin": partner.oin,
        "adapter": partner.adapter,
        "kind": partner.kind,
        "isSuspended": partner.is_suspended,
        "registeredAt": partner.registered_at.isoformat(),
        "keys": [
            {"keyId": one.kid, "expiresAt": one.expires_at.isoformat()} for one in partner.keys
        ],
    }
