"""The locks by which a data folder's gateway and server are found; never by a process id in a file.

`gateway.lock` is held by the gateway alone. Whoever meets it is the second, and is refused.
`server.lock` is opened by the gateway and handed down to PostgreSQL and, by fork, to each of its
processes. flock(2) belongs to the open file, so it is free only when the last holder is gone:
after kill -9 of a gateway the next one waits for the old server to end, and signals nobody.

Neither file is ever removed: a lock on a removed file keeps nobody out.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from gateway.store.embedded.errors import DataFolderInUse
from gateway.store.embedded.process import OnWait, wait_for


def hold_data_folder(folder: Path, undo: ExitStack, on_wait: OnWait | None) -> int:
    """Hold both locks until undone; gives the descriptor of the one that the server shares.

    `DataFolderInUse` if another gateway holds the folder. Waits, without limit, for a server whose
    gateway was killed: it may be writing its last checkpoint.
    """
    if _held(folder / "gateway.lock", undo) is None:
        raise DataFolderInUse(
            f"another gateway works on the data folder {folder}; end that one, give this one a"
            " data folder of its own, or let both use one PostgreSQL by SLUIS_DATABASE_URL"
        )
    return wait_for(lambda: _held(folder / "server.lock", undo), on_wait)


def _held(path: Path, undo: ExitStack) -> int | None:
    """The lock's descriptor, None if another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    undo.callback(os.close, handle)
    return handle
