"""`sluis project`: replay the log to a collector, a FHIR server or a file.

Each projection has a name and a cursor. The same command again goes on where the receiver last
confirmed; what it refused while it took the rest is listed by `sluis project parked`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Target
from gateway.audit.series import NAMES
from gateway.cli.acting import as_officer
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.cli.serving import key_provider
from gateway.identity.acts import check_officer
from gateway.reports.projections.answers import Poster, host_of
from gateway.reports.projections.collecting import HeaderFileError, read_headers
from gateway.reports.projections.fhir import FhirReceiver, Place, ndjson
from gateway.reports.projections.files import (
    ACCESS_COLUMNS,
    COLUMNS,
    FileChangedError,
    FileReceiver,
    access_rows,
    csv_rows,
    head_of,
    json_lines,
)
from gateway.reports.projections.following import pause_after
from gateway.reports.projections.otlp import OtlpReceiver
from gateway.reports.projections.receiving import AwayError, InsecureReceiverError, Receiver
from gateway.reports.projections.replay import HeldElsewhereError, Replay
from gateway.reports.projections.source import DOMAIN, domain_of, projector_of, source_of
from gateway.settings import Settings
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, Connection
from gateway.store.history import driver_of
from gateway.store.lifecycle import moment_of, officers_by_id
from gateway.store.log import LeaseLostError, log_size, volumes_of
from gateway.store.partners import list_partners
from gateway.store.projections import (
    TRACE_INDEX,
    CursorMovedError,
    TargetDiffersError,
    all_cursors,
    cursor_of,
    drop_projection,
    parked_entries,
    signed_size,
)

_NUMBERS = {name: number for number, name in NAMES.items()}
_PROTECTED = frozenset({BESCHERMD, TOEGANG_BESCHERMD})
_ATTEMPTS = 5
_DOMAIN = re.compile(r"^[a-z0-9][a-z0-9-]{0,39}$")

SeriesOption = Annotated[
    str, typer.Option("--series", help="Which log: " + ", ".join(NAMES.values()) + ".")
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="The projection's name, if not made up from the rest.")
]
DomainOption = Annotated[
    str,
    typer.Option("--domain", help="Who shares a domain knows a person by the same code."),
]
HeadersOption = Annotated[
    Path | None,
    typer.Option("--headers", metavar="FILE", help="Headers to send, one `Name: value` a line."),
]
FollowOption = Annotated[bool, typer.Option("--follow", help="Go on with what is logged later.")]
RetryOption = Annotated[bool, typer.Option("--retry", help="Hand over what was refused, again.")]
OfficerOption = Annotated[
    str | None,
    typer.Option("--as", metavar="OFFICER", help="Who may see protected exchanges."),
]


class _Asked(NamedTuple):
    """What the options say, whichever the receiver."""

    home: Path
    series: str
    name: str | None
    domain: str
    follow: bool
    retry: bool
    officer: str | None
    key: Path | None
    as_json: bool


Make = Callable[[Settings, int, Place], Receiver]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Replay the log to a collector, a FHIR server or a file.")
    for name, command in (
        ("otlp", to_otlp),
        ("fhir", to_fhir),
        ("csv", to_csv),
        ("jsonl", to_jsonl),
        ("list", list_all),
        ("parked", list_parked),
        ("forget", forget),
    ):
        group.command(name)(command)
    app.add_typer(group, name="project", no_args_is_help=True)


def to_otlp(
    url: Annotated[str, typer.Argument(help="The collector's address (OTLP over HTTP).")],
    series: SeriesOption = "verwerkingen",
    name: NameOption = None,
    domain: DomainOption = DOMAIN,
    headers: HeadersOption = None,
    follow: FollowOption = False,
    retry: RetryOption = False,
    officer: OfficerOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send the log's lines to an OpenTelemetry collector, from where it last confirmed."""
    asked = _Asked(home, series, name, domain, follow, retry, officer, key, as_json)
    _project(asked, host_of(url), lambda *_: OtlpReceiver(url, _headers(headers), Poster()), "otlp")


def to_fhir(
    place: Annotated[str, typer.Argument(help="A FHIR server's base address, or a new folder.")],
    series: SeriesOption = "verwerkingen",
    name: NameOption = None,
    domain: DomainOption = DOMAIN,
    headers: HeadersOption = None,
    follow: FollowOption = False,
    retry: RetryOption = False,
    officer: OfficerOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send the log as FHIR R4 AuditEvents, or write them to FOLDER/AuditEvent.ndjson."""
    asked = _Asked(home, series, name, domain, follow, retry, officer, key, as_json)
    if "://" in place:
        told = _headers(headers)
        _project(
            asked,
            host_of(place),
            lambda _s, _n, own: FhirReceiver(place, told, Poster(), own),
            "fhir",
        )
        return
    folder = Path(place)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "AuditEvent.ndjson"
    _project(
        asked,
        str(path),
        lambda _s, _n, own: FileReceiver("fhir-file", path, lambda entry: ndjson(entry, own)),
        "fhir",
    )


def to_csv(
    file: Annotated[Path, typer.Argument(help="A new file, or the one of an earlier time.")],
    series: SeriesOption = "verwerkingen",
    name: NameOption = None,
    domain: DomainOption = DOMAIN,
    follow: FollowOption = False,
    officer: OfficerOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the log's lines for a spreadsheet, and later ones after them."""
    asked = _Asked(home, series, name, domain, follow, False, officer, key, as_json)
    is_access = _NUMBERS.get(series) in {TOEGANG, TOEGANG_BESCHERMD}
    rows, columns = (access_rows, ACCESS_COLUMNS) if is_access else (csv_rows, COLUMNS)
    _project(asked, str(file), lambda *_: FileReceiver("csv", file, rows, head_of(columns)), "csv")


def to_jsonl(
    file: Annotated[Path, typer.Argument(help="A new file, or the one of an earlier time.")],
    series: SeriesOption = "verwerkingen",
    name: NameOption = None,
    domain: DomainOption = DOMAIN,
    follow: FollowOption = False,
    officer: OfficerOption = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the log's lines as JSON Lines, and later ones after them."""
    asked = _Asked(home, series, name, domain, follow, False, officer, key, as_json)
    _project(asked, str(file), lambda *_: FileReceiver("jsonl", file, json_lines), "jsonl")


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the projections: how far each has come, and what holds it up."""
    output = Output(as_json)

    async def read(engine: AsyncEngine) -> list[tuple[str, ...]]:
        async with _driver(engine) as connection:
            rows: list[tuple[str, ...]] = []
            for one in await all_cursors(connection):
                if one.kind == TRACE_INDEX:
                    continue  # the gateway's own
                behind = await signed_size(connection, one.log) - one.next_index
                parked = len(await parked_entries(connection, one.name))
                # How much there is of protected exchanges is for nobody to read here.
                is_open = one.series not in _PROTECTED
                rows.append(
                    (
                        one.name,
                        NAMES[one.series],
                        one.kind,
                        amount(one.lines) if is_open else "-",
                        amount(behind) if is_open else "-",
                        str(parked) if is_open else "-",
                        one.reason or "",
                    )
                )
            return rows

    rows = on_database(settings_of(home), read)
    keys = ("name", "series", "kind", "lines", "behind", "parked", "waitsFor")
    output.result({"projections": [dict(zip(keys, row, strict=True)) for row in rows]})
    output.table(("Name", "Log", "Kind", "Lines#", "Behind#", "Parked#", "Waits for"), rows)
    if not rows:
        output.say("There are no projections.")


def list_parked(
    name: Annotated[str, typer.Argument(help="The projection's name.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List the entries that a receiver refused while it took the rest."""
    output = Output(as_json)

    async def read(engine: AsyncEngine) -> list[tuple[str, str, str, str]]:
        async with _driver(engine) as connection:
            if await cursor_of(connection, name) is None:
                raise _unknown(name)
            return [
                (str(one.log), str(one.position), one.reason, f"{one.parked_at:%Y-%m-%d %H:%M}")
                for one in await parked_entries(connection, name)
            ]

    rows = on_database(settings_of(home), read, Doing(Action.READ, Target("projection", name)))
    keys = ("log", "index", "reason", "parkedAt")
    output.result({"parked": [dict(zip(keys, row, strict=True)) for row in rows]})
    output.table(("Volume#", "Index#", "Reason", "Since"), rows)
    output.say(
        "Hand them over again with --retry on the command that made the projection."
        if rows
        else "Nothing was set apart."
    )


def forget(
    name: Annotated[str, typer.Argument(help="The projection's name.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Forget a projection: its cursor, and what was set apart. The log stays as it is."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> bool:
        async with engine.begin() as connection:
            await moment_of(connection)  # SQLAlchemy opens its transaction with its first statement
            return await drop_projection(await driver_of(connection), name)

    if not on_database(settings_of(home), work, Doing(Action.DELETE, Target("projection", name))):
        raise _unknown(name)
    output.result({"forgotten": name})
    output.say(f"{name} is forgotten; a projection of that name begins at the log's beginning.")


def _project(asked: _Asked, where: str, make: Make, kind: str) -> None:
    """Run one projection, under the act's entry, which is written before anything is sent."""
    series = _NUMBERS.get(asked.series)
    if series is None:
        raise Failure("--series names no log", "one of: " + ", ".join(_NUMBERS), WRONGLY_ASKED)
    if not _DOMAIN.match(asked.domain):
        raise Failure("--domain is no name", "small letters, digits and hyphens", WRONGLY_ASKED)
    is_protected = series in _PROTECTED
    if is_protected and asked.officer is None:
        raise Failure(
            "protected exchanges are for an officer who may see them", "--as OFFICER", WRONGLY_ASKED
        )
    settings, output = settings_of(asked.home), Output(asked.as_json)
    name = asked.name or f"{kind}:{asked.series}:{where}"
    doing = Doing(Action.READ, Target("projection", name), is_protected=is_protected)

    async def work(engine: AsyncEngine) -> dict[str, object]:
        if is_protected:
            await _admit(engine, asked.officer)
        async with engine.begin():
            pass  # the act's entry alone: it is durable before anything leaves
        receiver = make(settings, series, await _place(engine, settings))
        source = source_of(
            key_provider(settings),
            settings.oin,
            settings.base_url,
            domain_of(series, asked.domain),
        )
        replay = Replay(
            lambda: _driver(engine), name, series, receiver, projector_of(series, source)
        )
        try:
            with output.progress() as steps:
                return await _run(replay, asked, engine, steps)
        finally:
            await replay.close()

    try:
        if asked.officer is None:
            told = on_database(settings, work, doing)
        else:
            told = as_officer(
                asked.home, asked.officer, asked.key, lambda engine, *_: work(engine), doing
            )
    except TargetDiffersError:
        remedy = "give this one another --name, or `sluis project forget` the other"
        raise Failure(f"{name} goes to another receiver", remedy, WRONGLY_ASKED) from None
    except InsecureReceiverError as error:
        raise Failure(str(error), "give an https address", WRONGLY_ASKED) from None
    except (FileChangedError, HeaderFileError) as error:
        raise Failure(str(error), "see to the file, or give another name") from None
    except (HeldElsewhereError, LeaseLostError, CursorMovedError):
        raise Failure(f"another process replays {name}", "wait, or stop it", NOT_NOW) from None
    except AwayError as error:
        remedy = "nothing is lost: the same command goes on where it came to"
        raise Failure(f"the receiver takes nothing ({error.reason})", remedy, NOT_NOW) from None
    output.result({"name": name, **told})
    _say(output, name, told)


async def _run(
    replay: Replay, asked: _Asked, engine: AsyncEngine, steps: Steps
) -> dict[str, object]:
    if asked.retry:
        taken, left = await replay.retry_parked()
        return {"taken": taken, "parked": left}
    entries = lines = parked = failures = 0
    while True:
        try:
            turn = await replay.turn()
        except AwayError as error:
            failures += 1
            if failures >= _ATTEMPTS and not asked.follow:
                raise
            await asyncio.sleep(min(pause_after(failures, error.after, 0.5), 60.0))
            continue
        failures = 0
        entries, lines = entries + turn.entries, lines + turn.lines
        parked += turn.parked
        steps.move("Replaying", entries, entries + turn.behind, f"{amount(entries)} entries")
        if turn.is_idle and not asked.follow:
            unsigned = await _unsigned(engine, replay.series)
            return {"entries": entries, "lines": lines, "parked": parked, "unsigned": unsigned}
        if turn.is_idle:
            await asyncio.sleep(1.0)


def _say(output: Output, name: str, told: dict[str, object]) -> None:
    if "taken" in told:
        output.say(f"{told['taken']} entries were taken after all; {told['parked']} were not.")
        return
    output.say(f"{told['lines']} lines of {told['entries']} entries were confirmed, as {name}.")
    if told["parked"]:
        output.say(f"{told['parked']} entries were refused: sluis project parked {name}", "yellow")
    if told["unsigned"]:
        output.say(f"{told['unsigned']} entries are in no signed checkpoint yet, and wait.", "dim")


async def _admit(engine: AsyncEngine, officer: str | None) -> None:
    async with engine.connect() as connection:
        now = await moment_of(connection)
        check_officer((await officers_by_id(connection)).get(officer or ""), now)


async def _place(engine: AsyncEngine, settings: Settings) -> Place:
    oins = {one.id: one.oin for one in await list_partners(engine)}
    return Place(settings.oin, settings.base_url, oins)


async def _unsigned(engine: AsyncEngine, series: int) -> int:
    async with _driver(engine) as connection:
        volumes = await volumes_of(connection, series)
        newest = volumes[-1].log
        return await log_size(connection, newest) - await signed_size(connection, newest)


@asynccontextmanager
async def _driver(engine: AsyncEngine) -> AsyncIterator[Connection]:
    async with engine.connect() as connection:
        yield await driver_of(connection)


def _headers(path: Path | None) -> dict[str, str]:
    return {} if path is None else read_headers(path)


def _unknown(name: str) -> Failure:
    return Failure(f"there is no projection {name}", "see `sluis project list`", WRONGLY_ASKED)
