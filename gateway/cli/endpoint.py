"""`sluis partner endpoint`: where a partner wants its mail brought, and the key to seal it for.

Works on the database itself; a running gateway sees a change within a second. The address is
looked at here by its form, and at every connection by what its name stands for then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.access import Action, Target
from gateway.audit.addresses import AddressError
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.exchange.pushing_road import checked_endpoint_url
from gateway.identity.encryption import read_encryption_key
from gateway.identity.keys import UnacceptableKeyError
from gateway.settings import Settings
from gateway.store import endpoints as store
from gateway.store.endpoints import Endpoint


def register(group: typer.Typer) -> None:
    """Mount the command in `sluis partner`."""
    group.command("endpoint")(endpoint)


def checked_endpoint(url: str | None, key: Path | None, settings: Settings) -> Endpoint:
    """An endpoint as it may be registered. Raises `Failure`, or `OSError` for the key's file."""
    if url is None and key is None:
        raise Failure(
            "name the address, an --encryption-key, or both",
            "see `sluis partner endpoint --help`",
            WRONGLY_ASKED,
        )
    if url is not None:
        try:
            checked_endpoint_url(url, may_be_private=settings.push_private)
        except AddressError as error:
            remedy = "an https address; inside your own network only with SLUIS_PUSH_PRIVATE=true"
            raise Failure(f"this address will not do: {error}", remedy, WRONGLY_ASKED) from None
    if key is None:
        return Endpoint(url)
    try:
        return Endpoint(url, read_encryption_key(key.read_bytes()).jwk)
    except UnacceptableKeyError as error:
        remedy = "ask the partner for its public encryption key: P-256, P-384, X25519 or RSA"
        raise Failure(f"{key}: {error}", remedy, WRONGLY_ASKED) from None


def endpoint(
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's short name.")],
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Where it wants its mail: https://...")
    ] = None,
    encryption_key: Annotated[
        Path | None,
        typer.Option(
            "--encryption-key",
            metavar="FILE",
            help="Its public key, JWK or PEM: all that it gets or pulls is sealed for it (JWE).",
        ),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Bring it nothing any more; it pulls again.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register where a partner wants its mail brought, or show what is registered.

    What is not named stays as it is: a new address goes on being sealed for the same key.
    """
    output, settings = Output(as_json), settings_of(home)
    if remove:
        if url is not None or encryption_key is not None:
            raise Failure("--remove takes nothing else", "remove first, then add", WRONGLY_ASKED)
        _remove(output, settings, partner)
    elif url is None and encryption_key is None:
        _show(output, settings, partner)
    else:
        _set(output, settings, partner, checked_endpoint(url, encryption_key, settings))


def _set(output: Output, settings: Settings, partner: str, wanted: Endpoint) -> None:
    now = on_database(
        settings,
        lambda engine: store.set_endpoint(engine, partner, wanted),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result(_as_json(partner, now))
    if now.url is not None:
        output.say(f"The mail of {partner} is brought to {now.url} from now on.")
        output.say("It verifies our signature by the keys in")
        output.say(f"  {settings.base_url}/.well-known/jwks.json")
        output.say("and drops what it has already by the Idempotency-Key (docs/delivering.md).")
        output.aside("see how it goes with `sluis push list`")
    else:
        output.say(f"{partner} goes on pulling.")
    if now.encryption_key is not None:
        kid = now.encryption_key["kid"]
        output.say(f"Its data leave sealed for key {kid}, also when it pulls.")


def _show(output: Output, settings: Settings, partner: str) -> None:
    found = on_database(settings, lambda engine: store.endpoint_of(engine, partner))
    output.result(_as_json(partner, found))
    if found is None:
        output.say(f"{partner} registered no endpoint: it pulls.")
        return
    output.say(f"{partner}: {found.url or 'pulls'}")
    if found.encryption_key is not None:
        output.say(f"sealed for key {found.encryption_key['kid']}")


def _remove(output: Output, settings: Settings, partner: str) -> None:
    is_change = on_database(
        settings,
        lambda engine: store.remove_endpoint(engine, partner),
        Doing(Action.UPDATE, Target("partner", partner)),
    )
    output.result({"partner": partner, "endpoint": None, "isChange": is_change})
    told = "is brought nothing any more" if is_change else "had no endpoint"
    output.say(f"{partner} {told}; it pulls.")


def _as_json(partner: str, found: Endpoint | None) -> dict[str, object]:
    key = None if found is None else found.encryption_key
    return {
        "partner": partner,
        "endpoint": None if found is None else found.url,
        "encryptionKeyId": None if key is None else key["kid"],
    }
