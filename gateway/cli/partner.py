"""`sluis partner`: who may exchange. Works on the database itself, whether or not a gateway runs.

A running gateway sees a change within a second; what it is deciding at that moment is finished
first (invariant 2).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Target
from gateway.cli import endpoint, partner_add, partner_succession, partner_test
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.partner_options import (
    CaOption,
    CertificateOption,
    DaysOption,
    IdArgument,
    JwkOption,
    PemOption,
)
from gateway.cli.registration import KEY_DAYS, known_partner, read_certified, read_key
from gateway.cli.shutting_out import as_json_of, say_whether_kept, shutting_out
from gateway.exchange.shutting_out import Done
from gateway.identity.binding import CERTIFICATE_MEMBER
from gateway.settings import Settings
from gateway.store import partners as store
from gateway.store.partners import PartnerKey, StoredPartner

TELL_DAYS = 60
"""From so many days before on, the list says how long a key is still good."""


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Register partners and their keys; suspend and resume them.")
    partner_add.register(group)
    endpoint.register(group)
    partner_test.register(group)
    partner_succession.register(group)
    group.command("list")(list_all)
    group.command("suspend")(suspend)
    group.command("resume")(resume)
    group.command("key")(key)
    group.command("testing")(mark_testing)
    app.add_typer(group, name="partner", no_args_is_help=True)


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
    output, settings = Output(as_json), settings_of(home)

    async def suspend(engine: AsyncEngine) -> Done:
        return await (await shutting_out(settings, engine)).suspend(engine, partner)

    done = on_database(settings, suspend, Doing(Action.UPDATE, Target("partner", partner)))
    output.result({"partner": partner, "isSuspended": True, **as_json_of(done)})
    told = "is suspended" if done.is_change else "was suspended already"
    output.say(f"{partner} {told}.")
    output.say(f"Nothing passes to or from it until `sluis partner resume {partner}`.", "dim")
    say_whether_kept(done, output)


def resume(
    partner: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """End a partner's suspension."""
    output, settings = Output(as_json), settings_of(home)

    async def resume(engine: AsyncEngine) -> Done:
        return await (await shutting_out(settings, engine)).resume(engine, partner)

    done = on_database(settings, resume, Doing(Action.UPDATE, Target("partner", partner)))
    output.result({"partner": partner, "isSuspended": False, **as_json_of(done)})
    told = "exchanges again" if done.is_change else "was not suspended"
    output.say(f"{partner} {told}.")
    say_whether_kept(done, output)


def key(
    partner: IdArgument,
    public_key: PemOption = None,
    jwk: JwkOption = None,
    certificate: CertificateOption = None,
    ca: CaOption = None,
    end: Annotated[
        str | None,
        typer.Option("--end", metavar="KEY", help="End this key now: lost, or in wrong hands."),
    ] = None,
    valid_days: DaysOption = KEY_DAYS,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give a partner one more public key, or end one; the others stay good until they expire."""
    output, settings = Output(as_json), settings_of(home)
    if sum(one is not None for one in (public_key, jwk, certificate, end)) != 1:
        raise Failure(
            "name one key: --public-key, --jwk, --certificate or --end",
            "see `sluis partner key --help`",
            WRONGLY_ASKED,
        )

    if end is not None:
        _end_key(output, settings, partner, end)
        return

    async def add_key(engine: AsyncEngine) -> PartnerKey:
        # Read inside the act: whose OIN the certificate must bear, the register says.
        if certificate is not None:
            known = await known_partner(engine, partner)
            added, _ = read_certified(certificate, known.oin, ca)
        else:
            path = public_key or jwk
            assert path is not None  # noqa: S101  # counted above
            added = read_key(path, valid_days)
        await store.add_key(engine, partner, added)
        return added

    added = on_database(settings, add_key, Doing(Action.UPDATE, Target("partner", partner)))
    output.result(
        {"partner": partner, "keyId": added.kid, "keyExpiresAt": added.expires_at.isoformat()}
    )
    output.say(f"Key {added.kid}, good until {added.expires_at:%Y-%m-%d}.")
    output.say(f'At the partner, in client.toml: key_id = "{added.kid}"')


def _end_key(output: Output, settings: Settings, partner: str, kid: str) -> None:
    async def end(engine: AsyncEngine) -> Done:
        return await (await shutting_out(settings, engine)).end_key(engine, partner, kid)

    done = on_database(settings, end, Doing(Action.UPDATE, Target("partner", partner)))
    output.result({"partner": partner, "keyId": kid, "isEnded": True, **as_json_of(done)})
    output.say(f"Key {kid} is ended." if done.is_change else f"Key {kid} was ended already.")
    output.say("Tokens that it got stop within a second; it can never be registered again.", "dim")
    output.say(f"What it could have seen: sluis dossier breach --stolen-credential {kid}", "dim")
    say_whether_kept(done, output)


def mark_testing(
    partner: IdArgument,
    off: Annotated[bool, typer.Option("--off", help="It tries out no longer.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Mark a partner as one that still tries out, or no longer (see `sluis partner test`)."""
    output = Output(as_json)
    is_change = on_database(
        settings_of(home),
        lambda engine: store.mark_testing(engine, partner, is_testing=not off),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result({"partner": partner, "isTesting": not off, "isChange": is_change})
    told = "tries out no longer" if off else "tries out"
    output.say(f"{partner} {told}." if is_change else f"{partner}: nothing changed.")


def _state(partner: StoredPartner) -> str:
    if partner.is_suspended:
        return "suspended"
    return "active, testing" if partner.is_testing else "active"


def _keys(partner: StoredPartner) -> str:
    good = [one.expires_at for one in partner.keys if one.expires_at > datetime.now(UTC)]
    if not partner.keys:
        return "none"
    if not good:
        return "all expired"
    days = (max(good) - datetime.now(UTC)).days
    soon = f" ({days} days left)" if days < TELL_DAYS and not partner.is_suspended else ""
    return f"{len(good)}, good until {max(good):%Y-%m-%d}{soon}"


def _as_json(partner: StoredPartner) -> dict[str, object]:
    return {
        "partner": partner.id,
        "name": partner.name,
        "oin": partner.oin,
        "adapter": partner.adapter,
        "kind": partner.kind,
        "isSuspended": partner.is_suspended,
        "isTesting": partner.is_testing,
        "registeredAt": partner.registered_at.isoformat(),
        "keys": [
            {
                "keyId": one.kid,
                "expiresAt": one.expires_at.isoformat(),
                "isEnded": one.is_ended,
                "certificate": one.jwk.get(CERTIFICATE_MEMBER),
            }
            for one in partner.keys
        ],
    }
