"""A protocol as commands name it: a file, or a version that is on record or submitted."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol, ProtocolError, load
from consent.toml_lines import TomlLines
from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.store.lifecycle import UnknownDraftError, all_drafts
from gateway.store.protocols import VersionTakenError, all_protocols

FileArgument = Annotated[Path, typer.Argument(help="The protocol, a TOML file.")]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="A submitted version.")]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def read_file(file: Path) -> Protocol:
    """A checked protocol from its file. Raises `Failure`, with a line for each problem."""
    text = read_text(file)
    try:
        return load(text)
    except ProtocolError as error:
        problems = TomlLines(text).place_all(error.problems)
        raise Failure(
            f"{file}: the protocol contradicts itself\n  " + "\n  ".join(map(str, problems)),
            "correct these and see `sluis protocol check`; nothing was changed",
            NOT_DONE,
            {"problems": [problem.as_json() for problem in problems]},
        ) from None


def read_text(file: Path) -> str:
    """A protocol's text. Raises `Failure` or `OSError`."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8 text", "save it as UTF-8") from None


def find(named: str, home: Path) -> Protocol:
    """A file, or a version that the database has. Raises `Failure`."""
    path = Path(named)
    if path.is_file():
        return read_file(path)
    if path.suffix == ".toml" or "/" in named:
        raise Failure(f"there is no file {named}", "see its path", WRONGLY_ASKED)
    return find_version(named, home)


def find_version(version: str, home: Path) -> Protocol:
    """A version that is on record, or was submitted. Raises `Failure`."""

    async def texts(engine: AsyncEngine) -> dict[str, str]:
        drafts = {draft.version: draft.text for draft, _ in await all_drafts(engine)}
        return drafts | {one.version: one.text for one in await all_protocols(engine)}

    text = on_database(settings_of(home), texts).get(version)
    if text is None:
        raise unknown_version(version)
    return load(text)


def unknown_version(version: str) -> Failure:
    """What is said of a version that nobody submitted."""
    return Failure(
        f"there is no version {version}, on record or submitted",
        "see `sluis protocol list`; `sluis protocol submit FILE` adds one",
    )


def of_draft(error: UnknownDraftError, version: str) -> Failure:
    """What is said where a step asks for a draft that is not there."""
    told = str(error)
    return Failure(f"version {version}: {told}", "submit it: `sluis protocol submit FILE`")


def taken(_: VersionTakenError, version: str) -> Failure:
    """What is said where a version would have to change."""
    return Failure(
        f"version {version} is on record with another text",
        "a version is never edited: give the file a new `versie`",
    )


def moment_of(text: str) -> datetime:
    """A moment as people write it; without an offset it is Amsterdam's. Raises `Failure`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            "a moment reads 2026-12-01, 2026-12-01T09:00 or 2026-12-01T09:00+01:00",
            "without an offset it is Amsterdam's time",
            WRONGLY_ASKED,
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=AMSTERDAM)


def first_moment(day: date) -> datetime:
    """The start of a day in Amsterdam."""
    return datetime.combine(day, time.min, AMSTERDAM)


def shown(moment: datetime) -> str:
    """A moment as officers read it."""
    return f"{moment.astimezone(AMSTERDAM):%Y-%m-%d %H:%M} (Amsterdam)"
