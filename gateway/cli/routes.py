"""`sluis routes`: look a route table over, and what waits since no table or team took it up.

`check`, `show` and `diff` read files alone; `waiting` and `overdue` look in the database, show an
exchange's id and a reason, and leave out what is protected (invariant 14).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from consent.register import amsterdam_day
from gateway.audit.access import Action, Target
from gateway.cli.database import Doing, RecordingEngine, on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.exchange.placing import overdue_since
from gateway.exchange.route_table import Gap
from gateway.exchange.routing import Routes, RouteTableError, bundled_routes, load_routes
from gateway.settings import Settings
from gateway.store import first_contact as contacts
from gateway.store import placing
from gateway.store.first_contact import Overdue
from gateway.store.history import driver_of
from gateway.store.placing import Settled, Waiting

LISTED = 1000
_POSTCODE = re.compile(r"^[1-9][0-9]{3}([A-Z]{2})?$")
_SHOWN = 12
_OnOption = Annotated[
    str | None, typer.Option("--on", metavar="DATE", help="On which day; today, unless told.")
]
_TableOption = Annotated[
    Path | None,
    typer.Option("--table", metavar="FILE", help="Another table than the one in use."),
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(help="Which team a postcode belongs to.", no_args_is_help=True)
    for command in (check, show, diff, waiting, overdue):
        commands.command()(command)
    app.add_typer(commands, name="routes")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The table to look over.")],
    as_json: JsonOption = False,
) -> None:
    """Check a route table: overlaps and gaps, by row. A gap to come is a warning."""
    output, today = Output(as_json), _today()
    try:
        routes = load_routes(_text(file))
    except RouteTableError as error:
        output.result({"isSound": False, "problems": list(error.problems), "gaps": []})
        for problem in error.problems:
            output.say(problem, style="red")
        raise typer.Exit(NOT_DONE) from None
    gaps = routes.gaps(today)
    now = [gap for gap in gaps if gap.day <= today]
    output.result(
        {
            "isSound": not now,
            "problems": [],
            "gaps": [
                {
                    "row": gap.number,
                    "from": gap.day.isoformat(),
                    "postcodes": gap.codes,
                    "isNow": gap.day <= today,
                }
                for gap in gaps
            ],
        }
    )
    for gap in gaps:
        output.say(_told(gap, today), style="red" if gap.day <= today else "yellow")
    known = amount(len(routes.known()))
    ending = "" if gaps else "; no gaps"
    output.say(f"{file.name}: {known} postcodes{ending}.", style="bold")
    if now:
        raise typer.Exit(NOT_DONE)


def show(
    postcode: Annotated[str, typer.Argument(metavar="POSTCODE", help="Four digits, or in full.")],
    on: _OnOption = None,
    table: _TableOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show where a postcode leads on a day: a team, or the desk with the reason."""
    output, day = Output(as_json), _day(on)
    code = postcode.replace(" ", "").upper()
    if _POSTCODE.match(code) is None:
        _wrong("POSTCODE is no postcode", "four digits, or four digits and two letters")
    place = _routes(home, table).place(code, day)
    reason = None if place.reason is None else place.reason.value
    output.result({"postcode": code, "on": day.isoformat(), "team": place.team, "waitsFor": reason})
    ending = "" if reason is None else f" (a person decides: {reason})"
    output.say(f"{code} on {day}: {place.team}{ending}")


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The table as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The table as it becomes.")],
    on: _OnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which postcodes go to another team, or to the desk, on a day."""
    output, day = Output(as_json), _day(on)
    before, after = load_routes(_text(old)), load_routes(_text(new))
    found = [
        (code, before.team(code, day), after.team(code, day))
        for code in sorted({*before.known(), *after.known()})
        if before.team(code, day) != after.team(code, day)
    ]
    output.result(
        {
            "on": day.isoformat(),
            "changes": [{"postcode": code, "was": was, "is": now} for code, was, now in found],
        }
    )
    output.table(("Postcode", "Was", "Becomes"), found)
    output.say(f"{amount(len(found))} postcodes change on {day}.", style="bold")


def waiting(
    placed: Annotated[
        bool, typer.Option("--placed", help="What was placed instead: by whom, when, which entry.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List what waits until a person places it, oldest first, and what waits too long."""
    output, settings = Output(as_json), settings_of(home)
    if placed:
        _show_placed(output, settings)
        return
    late = overdue_since(_routes(home, None), datetime.now(UTC))

    async def look(engine: RecordingEngine) -> list[Waiting]:
        async with engine.connect() as connection:
            return await placing.all_waiting(await driver_of(connection), LISTED)

    rows = on_database(settings, look, Doing(Action.READ, Target("placements", "waiting")))
    output.result(
        {
            "waiting": [
                {
                    "exchange": str(row.exchange),
                    "recipient": row.recipient,
                    "reason": row.reason,
                    "since": row.since.isoformat(),
                    "isOverdue": row.since < late,
                }
                for row in rows
            ]
        }
    )
    output.table(
        ("Exchange", "For", "Reason", "Since", "Too long"),
        [
            (
                str(row.exchange), row.recipient, row.reason, f"{row.since:%Y-%m-%d %H:%M}",
                "yes" if row.since < late else "",
            )
            for row in rows
        ],
        {"yes": "red"},
    )  # fmt: skip
    over = sum(row.since < late for row in rows)
    output.say(f"{amount(len(rows))} wait, {amount(over)} of them too long.", style="bold")


def _show_placed(output: Output, settings: Settings) -> None:
    async def look(engine: RecordingEngine) -> list[Settled]:
        async with engine.connect() as connection:
            return await placing.recently_placed(await driver_of(connection), LISTED)

    rows = on_database(settings, look, Doing(Action.READ, Target("placements", "placed")))
    output.result(
        {
            "placed": [
                {
                    "exchange": str(row.exchange),
                    "by": row.recipient,
                    "reason": row.reason,
                    "at": row.placed_at.isoformat(),
                    "entry": str(row.entry),
                }
                for row in rows
            ]
        }
    )
    output.table(
        ("Exchange", "By", "Had waited for", "At", "Entry"),
        [
            (
                str(row.exchange), row.recipient, row.reason, f"{row.placed_at:%Y-%m-%d %H:%M}",
                str(row.entry),
            )
            for row in rows
        ],
    )  # fmt: skip
    output.say(f"{amount(len(rows))} were placed by a person in thirty days.", style="bold")


def overdue(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List referrals that were signalled and still have no first contact."""
    output, settings = Output(as_json), settings_of(home)

    async def look(engine: RecordingEngine) -> list[Overdue]:
        async with engine.connect() as connection:
            return await contacts.signalled(await driver_of(connection), LISTED)

    rows = on_database(settings, look, Doing(Action.READ, Target("first-contacts", "overdue")))
    output.result(
        {
            "overdue": [
                {
                    "exchange": str(row.exchange),
                    "sender": row.sender,
                    "recipient": row.recipient,
                    "flow": row.flow,
                    "signals": row.signals,
                    "isFetched": row.is_released,
                }
                for row in rows
            ]
        }
    )
    output.table(
        ("Exchange", "From", "To", "Signals#", "Fetched"),
        [
            (
                str(row.exchange), row.sender, row.recipient or "", str(row.signals),
                "yes" if row.is_released else "no",
            )
            for row in rows
        ],
        {"no": "red"},
    )  # fmt: skip
    output.say(f"{amount(len(rows))} without a first contact in their term.", style="bold")


def _told(gap: Gap, today: date) -> str:
    codes = ", ".join(gap.codes[:_SHOWN])
    more = f" and {len(gap.codes) - _SHOWN} more" if len(gap.codes) > _SHOWN else ""
    when = "now" if gap.day <= today else f"from {gap.day} on"
    return f"postcodes {gap.number}: no route {when} for {codes}{more}; it waits at the desk"


def _routes(home: Path, table: Path | None) -> Routes:
    settings: Settings = settings_of(home)
    file = table or settings.routes
    return bundled_routes() if file is None else load_routes(_text(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Failure(f"{file.name} cannot be read", "name a TOML file", WRONGLY_ASKED) from None


def _day(told: str | None) -> date:
    if told is None:
        return _today()
    try:
        return date.fromisoformat(told)
    except ValueError:
        _wrong("--on is a day", "such as 2027-01-01")


def _today() -> date:
    return amsterdam_day(datetime.now(UTC))


def _wrong(message: str, remedy: str) -> NoReturn:
    raise Failure(message, remedy, WRONGLY_ASKED)
