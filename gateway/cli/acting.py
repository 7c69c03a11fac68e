"""What commands share that a privacy officer signs: the key is read, signs once, and is let go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.officer import key_path, private_key
from gateway.cli.serving import key_provider
from gateway.exchange.oversight import AlreadyReviewedError, UnknownCaseError
from gateway.identity.acts import MayNotActError, Sign
from gateway.vault.boxes import Vault
from schemas.referral import Professional

Result = TypeVar("Result")
ExchangeArgument = Annotated[str, typer.Argument(metavar="EXCHANGE", help="Its uitwisselingId.")]
OfficerOption = Annotated[str, typer.Option("--as", metavar="OFFICER", help="Who signs.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", help="The officer's private key, if it stands elsewhere."
    ),
]
_LONGEST = 4000


def as_officer(
    home: Path,
    officer: str,
    key: Path | None,
    work: Callable[[AsyncEngine, Vault, Sign], Awaitable[Result]],
) -> Result:
    """Do one act as an officer. Raises `Failure` for what can be expected."""
    settings = settings_of(home)
    path = key or key_path(settings.home, officer)
    try:
        signing = private_key(path)
    except FileNotFoundError:
        raise Failure(
            f"the key of {officer} is not in {path}", "name it with --key FILE", WRONGLY_ASKED
        ) from None
    vault = Vault(key_provider(settings))
    try:
        return on_database(settings, lambda engine: work(engine, vault, signing.sign))
    except MayNotActError as error:
        raise Failure(str(error), "see `sluis officer list`", NOT_DONE) from None
    except UnknownCaseError as error:
        raise Failure(str(error), "see the list of the same command", NOT_DONE) from None
    except AlreadyReviewedError as error:
        raise Failure(str(error), "see `sluis emergency list --all`", NOT_DONE) from None


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
