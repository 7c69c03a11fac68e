"""`sluis recover`: after a backup was put back, do again what it forgot, and open the log anew.

Until then nothing is served: the database is older than what partners hold of it. What is lost is
shown first, and nothing is done without a yes. Every step can be done twice, so that a recovery
that broke off is simply begun again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from pydantic import ValidationError

from gateway.app import Books, group_tools, journal_term, open_journal
from gateway.audit.access import Act, Action, access_leaf, running_trace
from gateway.audit.entries import Trace
from gateway.audit.freshness import Lost, lost_of
from gateway.audit.published import Published, Remembered
from gateway.audit.reopening import reopen, settle
from gateway.audit.series import NAMES, Logbooks
from gateway.cli.database import operator, settings_of
from gateway.cli.failures import NOT_DONE, NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.recovery_shown import Found, Recovered, as_json_of, show_done, show_found
from gateway.cli.serving import key_provider
from gateway.exchange.narrowing import Narrowing, read_line
from gateway.exchange.proof import ALL_KEPT, Keeping
from gateway.exchange.recovery import Recovery
from gateway.pseudonyms.domains import ProofHandles
from gateway.settings import Settings
from gateway.store.database import open_database, open_pool
from gateway.store.groups import TOEGANG, Connection, append_leaves
from gateway.store.log import newest_checkpoint, volumes_of
from gateway.store.recovery import give_up_recovery_lock, stop_lanes, take_recovery_lock
from gateway.telemetry import Telemetry
from gateway.vault.check import check_keys
from gateway.vault.journal_reading import Fault, lines_in_order, read_journal
from gateway.vault.keys import KeyProvider

JournalsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--journal",
        metavar="FOLDER",
        help="A journal's folder; again for each machine. SLUIS_JOURNAL, if none is named.",
        exists=True,
        file_okay=False,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it, without asking.")]
DamageOption = Annotated[
    bool, typer.Option("--despite-damage", help="Go on with what opens of a damaged journal.")
]
NewOption = Annotated[
    bool,
    typer.Option(
        "--new-journal",
        help="The journal is lost, or this machine is new beside others: begin one here. What was"
        " withdrawn since the backup is then lost too.",
    ),
]


def register(app: typer.Typer) -> None:
    """Mount this module's command."""
    app.command()(recover)


def recover(
    journals: JournalsOption = None,
    yes: YesOption = False,
    despite_damage: DamageOption = False,
    new_journal: NewOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a database that was put back fit to serve: withdrawals, erasures, and a log anew."""
    output = Output(as_json)
    settings = settings_of(home)
    asyncio.run(_run(settings, journals, yes, despite_damage, new_journal, output))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it is done."""

    settings: Settings
    keys: KeyProvider
    pool: asyncpg.Pool
    connection: Connection
    recovery: Recovery
    logbooks: Logbooks
    published: list[Published]
    folders: list[Path]


async def _run(
    settings: Settings,
    journals: Sequence[Path] | None,
    yes: bool,
    despite_damage: bool,
    new_journal: bool,
    output: Output,
) -> None:
    with running_trace() as trace:
        async with _place(settings, journals) as place:
            if new_journal:
                await _begin_anew(place, yes, output, trace)
                return
            found = await _look(place)
            show_found(found, output)
            if not found.lost and not found.missing:
                output.say("Nothing is lost: the database is as new as what was published of it.")
                output.result(as_json_of(found))
                return
            _require_yes(found, yes, despite_damage, output)
            done = await _recover(place, found, trace, output)
            show_done(done, output)
            output.result(as_json_of(found, done))


@asynccontextmanager
async def _place(settings: Settings, journals: Sequence[Path] | None) -> AsyncIterator[_Place]:
    keys = key_provider(settings)
    journal = open_journal(settings, keys)
    tools = group_tools(settings, keys, journal)
    folders = list(dict.fromkeys(journals or [settings.journal_folder]))
    async with (
        open_database(settings.home, settings.database_url, Telemetry()) as database,
        open_pool(database.dsn, 4) as pool,
        pool.acquire() as connection,
    ):
        await check_keys(pool, keys)
        if not await take_recovery_lock(connection):
            raise Failure("somebody else recovers this database", "wait for them", NOT_NOW)
        try:
            recovery = Recovery(
                pool,
                Books(keys).of,
                tools,
                lapse_seconds=settings.release_lapse,
                backup_term=journal_term(settings),
                keeping=Keeping(ALL_KEPT.classes, ProofHandles(keys)),
                by=operator(),
            )
            yield _Place(
                settings, keys, pool, connection, recovery, Logbooks(settings.oin, keys),
                [Published(folder) for folder in folders], folders,
            )  # fmt: skip
        finally:
            await give_up_recovery_lock(connection)


async def _look(place: _Place) -> Found:
    lost: dict[str, Lost] = {}
    for published in place.published:
        for one in await lost_of(place.connection, published, place.logbooks):
            known = lost.get(one.published.origin)
            if known is None or known.published.size < one.published.size:
                lost[one.published.origin] = one
    read = [read_journal(folder, place.keys) for folder in place.folders]
    faults = [fault for one in read for fault in one.faults]
    acts: list[Narrowing] = []
    for line in lines_in_order(read):
        try:
            acts.append(read_line(line.content))
        except ValidationError:
            faults.append(Fault(f"{line.day}.journal", line.number, "line-unknown"))
    return Found(list(lost.values()), acts, await place.recovery.missing(acts), faults)


def _require_yes(found: Found, yes: bool, despite_damage: bool, output: Output) -> None:
    if found.faults and not despite_damage:
        raise Failure(
            "the journal does not hold together, so that withdrawals may be missing",
            "look for a better copy of its folder; to go on with what opens: --despite-damage",
            NOT_DONE,
            as_json_of(found),
        )
    if yes:
        return
    if output.as_json or not sys.stdin.isatty():
        remedy = "nothing was changed; the same command with --yes does it"
        raise Failure("this has to be confirmed", remedy, WRONGLY_ASKED, as_json_of(found))
    typer.confirm("Open the log anew, and do again what was forgotten?", abort=True, err=True)


async def _recover(place: _Place, found: Found, trace: Trace, output: Output) -> Recovered:
    begun = _now()
    known: dict[str, Remembered] = {}
    for origin, one in (item for each in place.published for item in each.newest().items()):
        if origin not in known or known[origin].size < one.size:
            known[origin] = one
    # Nothing may be written to what was put back: it would be another log than was published.
    reopened = await reopen(place.connection, found.lost, known, place.logbooks)
    with output.progress() as steps:

        def move(done: int, total: int) -> None:
            steps.move("Doing again", done, total, f"{amount(done)} of {amount(total)} lines")

        done = await place.recovery.replay(found.acts, move)
    # Where mail was brought then may be another's by now, or was stopped since.
    stopped = await stop_lanes(place.connection) if found.lost else []
    # No number: less what the open log says it did again, it would count what is protected.
    await _record(place.connection, trace, begun, "gedaan")
    for published in place.published:
        settle(published, await lost_of(place.connection, published, place.logbooks))
    return Recovered(reopened, done, stopped)


async def _begin_anew(place: _Place, yes: bool, output: Output, trace: Trace) -> None:
    """Hold this machine to what the database says, for want of anything better."""
    if any(published.newest() for published in place.published):
        raise Failure("there is a journal here", "leave --new-journal out", WRONGLY_ASKED)
    output.say("There is no journal here: what was withdrawn or erased since the database was")
    output.say("last in use elsewhere cannot be known. Ask partners for their withdrawals.")
    if not yes:
        raise Failure("this has to be confirmed", "nothing was changed; add --yes", WRONGLY_ASKED)
    await _record(place.connection, trace, _now(), "nieuw-journaal")
    for published in place.published:
        for series in NAMES:
            for volume in await volumes_of(place.connection, series):
                newest = await newest_checkpoint(place.connection, volume.log)
                if newest is not None:
                    published.remember(newest.note)
    output.say("A journal begins here.", style="green")
    output.result({"newJournal": True})


async def _record(connection: Connection, trace: Trace, begun: int, outcome: str) -> None:
    act = Act("recover", Action.EXECUTE, operator(), trace, begun, _now(), outcome=outcome)
    async with connection.transaction():
        await append_leaves(connection, TOEGANG, [access_leaf(act)])


def _now() -> int:
    return int(time.time() * 1000)
