"""What commands that shut a partner out share: the journal, where there is one, and the telling.

A suspension is worth more than its line, so nothing that is wrong with the journal or the keys
keeps it from being made (`gateway/exchange/shutting_out.py`).
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.app import open_journal
from gateway.cli.output import Output
from gateway.cli.serving import key_provider
from gateway.exchange.shutting_out import Done, ShuttingOut
from gateway.settings import Settings
from gateway.store.history import driver_of
from gateway.vault.check import KeysDoNotFitError, check_keys
from gateway.vault.journal import Journal
from gateway.vault.journal_folder import UnsafeJournalFolderError
from gateway.vault.keys import KeyUnavailableError


async def shutting_out(settings: Settings, engine: AsyncEngine) -> ShuttingOut:
    """With this machine's journal, or with none where it has none that can be used."""
    return ShuttingOut(await _journal(settings, engine))


async def _journal(settings: Settings, engine: AsyncEngine) -> Journal | None:
    # A machine without the folder is not one that serves: keys are not drawn on it.
    if not settings.journal_folder.is_dir():
        return None
    try:
        keys = key_provider(settings)
        async with engine.connect() as connection:
            await check_keys(await driver_of(connection), keys)
        return open_journal(settings, keys)
    except (KeyUnavailableError, KeysDoNotFitError, UnsafeJournalFolderError, OSError):
        return None


def as_json_of(done: Done) -> dict[str, object]:
    """What `--json` tells of it."""
    return {"isChange": done.is_change, "isInJournal": done.is_kept}


def say_whether_kept(done: Done, output: Output) -> None:
    """Say so where a restore would forget it."""
    if not done.is_kept:
        output.say(
            "It is not in the journal here: after a restore it must be said again.", "yellow"
        )
