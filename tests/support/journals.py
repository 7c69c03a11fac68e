"""A real journal for tests that compose a road themselves, in a folder that goes at the end."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.vault.journal import Journal
from gateway.vault.keys import KeyProvider


def fresh_folder() -> Path:
    """An empty folder for a journal, taken away when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="sluis-journal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def fresh_journal(
    keys: KeyProvider,
    folder: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Journal:
    """A journal in that folder, or in one of its own."""
    return Journal(folder or fresh_folder(), keys, clock)
