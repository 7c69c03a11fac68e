"""`sluis keys`: the epochs of key-encryption keys, moving on from one, and destroying one.

Those of pseudonyms are another matter: `gateway/cli/pseudonyms.py`.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gateway.audit.access import Action, Reason, Target
from gateway.cli import pseudonyms
from gateway.cli.database import Doing, RecordingEngine, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.serving import key_provider
from gateway.exchange.epochs import EpochState, destroy, look, rewrap
from gateway.settings import Settings
from gateway.store.history import driver_of
from gateway.vault.boxes import Vault
from gateway.vault.keys import KeyProvider, epoch_of

_CANNOT = (
    "These keys follow from the root key: no epoch's key can be destroyed alone. What was erased is"
    " unreadable in service at once; from backups it goes when you remove them, within the term."
)


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Key epochs: what is wrapped under which, and destroying old ones.")
    group.command("list")(list_all)
    group.command("rotate")(rotate)
    group.command("destroy")(destroy_one)
    pseudonyms.mount(group)
    app.add_typer(group, name="keys", no_args_is_help=True)


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the epochs: what is wrapped under each, and when its key can be destroyed."""
    output, settings = Output(as_json), settings_of(home)
    keys = key_provider(settings)
    found = _look(settings, keys)
    output.result({"canDestroy": keys.can_destroy, "epochs": [_as_json(one) for one in found]})
    rows = [
        (
            str(one.epoch),
            f"{one.ends_at:%Y-%m-%d}",
            amount(sum(one.rows.values())),
            _state(one, can_destroy=keys.can_destroy),
        )
        for one in found
    ]
    output.table(("Epoch#", "Ends", "Keys#", "State"), rows)
    if not keys.can_destroy:
        output.say(_CANNOT, style="yellow")


def rotate(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Wrap every data key under this week's key now; a running gateway does so by itself.

    Status 1 if some keys could not be opened: they stay as they are, and so does their epoch.
    """
    output, settings = Output(as_json), settings_of(home)
    keys = key_provider(settings)
    vault, epoch = Vault(keys), epoch_of(datetime.now(UTC))
    moved: Counter[str] = Counter()
    damaged: Counter[str] = Counter()

    async def work(engine: RecordingEngine) -> None:
        # A transaction a batch, on a connection of its own: what is moved stays moved.
        async with engine.connect() as connection:
            raw = await driver_of(connection)
            with output.progress(is_lasting=False) as steps:
                async for batch in rewrap(raw, vault, epoch):
                    moved[batch.table] += batch.moved
                    damaged[batch.table] += batch.damaged
                    steps.move("Re-wrapping", moved.total(), None, amount(moved.total()))
            await look(raw, keys, datetime.now(UTC), _term(settings))

    on_database(settings, work, Doing(Action.UPDATE, Target("sleuteltijdvak", str(epoch))))
    output.result(
        {"epoch": epoch, "moved": dict(moved), "damaged": {n: c for n, c in damaged.items() if c}}
    )
    output.table(("Table", "Moved#"), [(name, amount(n)) for name, n in moved.items()])
    output.say(f"{amount(moved.total())} keys are wrapped under epoch {epoch} now.")
    if damaged.total():
        raise Failure(
            f"{amount(damaged.total())} keys do not open, and were left as they are",
            "see whether the keys belong to this database; their epoch's key is kept",
        )


def destroy_one(
    epoch: Annotated[
        int | None, typer.Argument(help="One epoch; without it all that are due.")
    ] = None,
    early: Annotated[
        bool,
        typer.Option("--early", help="Before the backup term is over: its backups are lost."),
    ] = False,
    case: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The case, with --early.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Destroy the key of an epoch that nothing is wrapped under any more, with an entry."""
    output, settings = Output(as_json), settings_of(home)
    keys = key_provider(settings)
    if early and (epoch is None or case is None):
        raise Failure(
            "--early names one epoch and a case", "EPOCH --early --case NUMBER", WRONGLY_ASKED
        )
    if not keys.can_destroy:
        raise Failure("the key of one epoch cannot be destroyed alone", _CANNOT)
    vault, term = Vault(keys), _term(settings)

    async def work(engine: RecordingEngine) -> dict[int, str]:
        done: dict[int, str] = {}
        async with engine.connect() as connection:
            raw = await driver_of(connection)
            now = datetime.now(UTC)
            found = await look(raw, keys, now, term)
            due = [one.epoch for one in found if one.due_at is not None and one.due_at <= now]
            for one in due if epoch is None else [epoch]:
                entry = await destroy(raw, keys, vault, one, now, term, is_early=early)
                if entry is not None:
                    done[one] = str(entry)
        return done

    target = Target("sleuteltijdvak", "alle" if epoch is None else str(epoch))
    reason = Reason("voor-de-termijn", case) if early else None
    done = on_database(settings, work, Doing(Action.DELETE, target, reason))
    output.result({"destroyed": [{"epoch": one, "entry": entry} for one, entry in done.items()]})
    for one, entry in done.items():
        output.say(f"The key of epoch {one} is destroyed; entry {entry}.")
    if not done:
        output.say("Nothing to destroy.")


def _look(settings: Settings, keys: KeyProvider) -> list[EpochState]:
    async def work(engine: RecordingEngine) -> list[EpochState]:
        async with engine.connect() as connection:
            raw = await driver_of(connection)
            return await look(raw, keys, datetime.now(UTC), _term(settings))

    return on_database(settings, work, Doing(Action.READ, Target("sleuteltijdvak", "alle")))


def _term(settings: Settings) -> timedelta:
    return timedelta(days=settings.backup_days)


def _state(one: EpochState, *, can_destroy: bool) -> str:
    if one.is_destroyed:
        return "destroyed"
    if one.is_current:
        return "this week's"
    if one.due_at is None:
        return "in use: sluis keys rotate"
    if not can_destroy:
        return "not in use"
    return f"not in use; to be destroyed from {one.due_at:%Y-%m-%d %H:%M} UTC"


def _as_json(one: EpochState) -> dict[str, object]:
    return {
        "epoch": one.epoch,
        "endsAt": one.ends_at.isoformat(),
        "isCurrent": one.is_current,
        "rows": one.rows,
        "emptiedAt": one.emptied_at.isoformat() if one.emptied_at else None,
        "dueAt": one.due_at.isoformat() if one.due_at else None,
        "isDestroyed": one.is_destroyed,
    }
