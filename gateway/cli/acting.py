"""One act of a privacy officer, as commands do it, and how they read what it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from gateway.audit.access import Actor, ActorKind
from gateway.cli.database import Doing, RecordingEngine, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import key_id_of, signing_key
from gateway.cli.serving import key_provider
from gateway.identity.acts import Sign
from gateway.settings import Settings
from gateway.vault.boxes import Vault
from schemas.referral import Professional

Result = TypeVar("Result")
ExchangeArgument = Annotated[str, typer.Argument(metavar="EXCHANGE", help="Its uitwisselingId.")]
_LONGEST = 4000


def as_officer(
    home: Path,
    officer: str,
    key: Path | None,
    work: Callable[[RecordingEngine, Vault, Sign], Awaitable[Result]],
    doing: Doing,
) -> Result:
    """Do one act as an officer. Raises `Failure`, `MayNotActError`, and what the act raises."""
    settings = settings_of(home)
    vault = Vault(key_provider(settings))
    doing, sign = acted_by(settings, officer, key, doing)
    return on_database(settings, lambda engine: work(engine, vault, sign), doing)


def acted_by(
    settings: Settings, officer: str | None, key: Path | None, doing: Doing
) -> tuple[Doing, Sign]:
    """The act as this officer's, and what signs it; without one it stays the operator's."""
    if officer is None:
        return doing, _nobody
    private = signing_key(settings.home, officer, key)
    actor = Actor(ActorKind.OFFICER, officer, key_id_of(private))
    return doing._replace(actor=actor), private.sign


def _nobody(_: bytes) -> bytes:
    raise AssertionError("unreachable: an act that is signed names its officer")


def id_of(told: str, name: str = "EXCHANGE") -> UUID:
    """An id as it was typed."""
    try:
        return UUID(told)
    except ValueError:
        raise Failure(f"{name} is no id", "copy it from the list", WRONGLY_ASKED) from None


def written(told: str, option: str) -> str:
    """A text as an officer wrote it."""
    text = told.strip()
    if not 3 <= len(text) <= _LONGEST or "\x00" in text:
        raise Failure(f"{option} says why", f"3 to {_LONGEST} characters", WRONGLY_ASKED)
    return text


def named(professional: Professional | None) -> str:
    """Who answers for an exception."""
    if professional is None:
        return ""
    return f"{professional.name}, {professional.function}"
