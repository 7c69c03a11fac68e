"""`sluis push`: how the bringing of mail goes, its stop button, and what was refused.

What is protected is counted nowhere here; its dead letters are listed and replayed by themselves,
and that stands in the log of protected access alone (invariant 14).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Target
from gateway.cli.acting import id_of
from gateway.cli.database import LOOKING, Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.store import pushes as store
from gateway.store.endpoints import read_endpoint
from gateway.store.groups import WAITING
from gateway.store.history import driver_of
from gateway.store.pushes import DeadLetter, LaneStanding

PartnerArgument = Annotated[
    str, typer.Argument(metavar="PARTNER", help="The partner's short name.")
]
OPEN_CIRCUIT = 5
"""So many failures in a row, and an operator reads that the circuit is open."""


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="See to the mail that is brought to partners with an endpoint.")
    group.command("list")(list_all)
    group.command("stop")(stop)
    group.command("start")(start)
    group.command("dead")(dead)
    group.command("replay")(replay)
    app.add_typer(group, name="push", no_args_is_help=True)


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List who is brought mail: the state, what waits, since when, and what fails."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> list[LaneStanding]:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("select 1")
            return await store.lane_standings(await driver_of(connection))

    found, now = on_database(settings_of(home), work), datetime.now(UTC)
    output.result({"recipients": [_as_json(one, now) for one in found]})
    rows = [
        (
            one.partner,
            _state(one, now),
            amount(one.waiting),
            _moment(one.oldest),
            amount(one.dead),
            _failing(one, now),
            _moment(one.delivered_at),
        )
        for one in found
    ]
    headings = ("Partner", "State", "Waiting", "Oldest", "Dead", "Failures", "Last brought")
    output.table(headings, rows)
    if not found:
        output.say("No partner registered an endpoint: all pull. See `sluis partner endpoint`.")
    if any(one.dead for one in found):
        output.aside("see what was refused with `sluis push dead`")


def stop(
    partner: PartnerArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Bring a partner nothing from now on; its mail waits, and it may pull."""
    output = Output(as_json)
    is_change = _set(home, partner, "beheerder")
    output.result({"partner": partner, "isStopped": True, "isChange": is_change})
    told = "is brought nothing any more" if is_change else "was stopped already"
    output.say(f"{partner} {told}; its mail waits until `sluis push start {partner}`.")


def start(
    partner: PartnerArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Bring again, at once, also where the pause after failures is not over."""
    output = Output(as_json)
    is_change = _set(home, partner, None)
    output.result({"partner": partner, "isStopped": False, "isChange": is_change})
    told = "is brought its mail again" if is_change else "was not stopped; tried again at once"
    output.say(f"{partner} {told}.")


def dead(
    partner: Annotated[
        str | None, typer.Argument(metavar="PARTNER", help="Of this one alone.")
    ] = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="Those of protected exchanges instead.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List what a recipient refused, with the reason."""
    output = Output(as_json)

    async def work(engine: AsyncEngine) -> list[DeadLetter]:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("select 1")
            driver = await driver_of(connection)
            return await store.dead_letters(driver, partner, protected=protected)

    found = on_database(settings_of(home), work, LOOKING._replace(is_protected=protected))
    output.result({"deadLetters": [_dead_as_json(one) for one in found]})
    rows = [
        (
            one.recipient,
            str(one.exchange),
            str(one.position),
            one.reason,
            _moment(one.died_at),
            _what_is_left(one),
        )
        for one in found
    ]
    output.table(("Partner", "Exchange", "Place", "Reason", "Since", "State"), rows)
    if not found:
        output.say("Nothing was refused for good.")
    elif any(one.state == WAITING for one in found):
        output.aside("once its cause is mended: `sluis push replay PARTNER [EXCHANGE]`")


def replay(
    partner: PartnerArgument,
    exchange: Annotated[
        str | None, typer.Argument(metavar="EXCHANGE", help="Its uitwisselingId; all without it.")
    ] = None,
    protected: Annotated[
        bool, typer.Option("--protected", help="Those of protected exchanges instead.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Bring dead letters again, in their order and before what is newer; each a new disclosure."""
    output = Output(as_json)
    wanted = None if exchange is None else id_of(exchange)

    async def work(engine: AsyncEngine) -> int | None:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("select 1")
            driver, now = await driver_of(connection), datetime.now(UTC)
            registered = await read_endpoint(driver, partner)
            if registered is None or registered.url is None:
                return None
            return await store.ask_replay(driver, partner, wanted, now, protected=protected)

    target = Target("partner", partner) if exchange is None else Target("exchange", str(wanted))
    doing = Doing(Action.UPDATE, target, is_protected=protected)
    number = on_database(settings_of(home), work, doing)
    if number is None:
        raise Failure(
            "this partner registered no address to bring it to",
            f"register one: sluis partner endpoint {partner} URL",
            WRONGLY_ASKED,
        )
    output.result({"partner": partner, "replayed": number})
    output.say(f"{amount(number)} brought again, as far as they may still go.")
    if not number:
        output.aside("see `sluis push dead`: what lapsed or waits for it already is not counted")


def _set(home: HomeOption, partner: str, why: str | None) -> bool:
    async def work(engine: AsyncEngine) -> bool | None:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("select 1")
            driver = await driver_of(connection)
            if not await store.has_lane(driver, partner):
                return None
            return await store.set_stopped(driver, partner, why)

    target = Target("partner", partner)
    is_change = on_database(settings_of(home), work, Doing(Action.UPDATE, target))
    if is_change is None:
        raise Failure("this partner registered no endpoint", "see `sluis push list`", WRONGLY_ASKED)
    return is_change


def _state(one: LaneStanding, now: datetime) -> str:
    if one.url is None:
        return "pulls, sealed"
    if one.stopped is not None:
        return "stopped" if one.stopped == "beheerder" else "stopped: address gone (410)"
    if one.is_suspended:
        return "suspended"
    if one.failures >= OPEN_CIRCUIT and one.retry_at is not None and one.retry_at > now:
        return f"circuit open until {one.retry_at:%H:%M:%S} UTC"
    return "failing" if one.failures else "active"


def _failing(one: LaneStanding, now: datetime) -> str:
    if not one.failures:
        return ""
    since = "" if one.failing_since is None else f" in {_span(now - one.failing_since)}"
    return f"{amount(one.failures)}{since}: {one.reason}"


def _span(time: object) -> str:
    return str(time).split(".", maxsplit=1)[0]


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _what_is_left(one: DeadLetter) -> str:
    if one.state != WAITING:
        return "lapsed"
    return "to be replayed" if one.replayed_at is not None else "kept"


def _as_json(one: LaneStanding, now: datetime) -> dict[str, object]:
    return {
        "partner": one.partner,
        "endpoint": one.url,
        "isSealed": one.is_sealed,
        "state": _state(one, now),
        "waiting": one.waiting,
        "oldest": _iso(one.oldest),
        "deadLetters": one.dead,
        "failures": one.failures,
        "failingSince": _iso(one.failing_since),
        "reason": one.reason,
        "retryAt": _iso(one.retry_at),
        "deliveredAt": _iso(one.delivered_at),
    }


def _dead_as_json(one: DeadLetter) -> dict[str, object]:
    return {
        "partner": one.recipient,
        "exchange": str(one.exchange),
        "position": one.position,
        "reason": one.reason,
        "since": _iso(one.died_at),
        "state": _what_is_left(one),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
