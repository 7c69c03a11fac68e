"""The two folders that must be ours alone: the data folder, and the one of the socket.

A unix socket's path has room for 107 bytes (macOS: 103), and a data folder may lie deep. So the
socket has a short folder of its own, named after the data folder. Whoever can put a folder in its
place can pose as our database; so a folder that is not exactly as we would have made it is
refused, and no shared one is used instead.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.store.embedded.errors import EmbeddedStartFailed, UnsafeFolder
from gateway.store.embedded.user import ServerUser

PORT = 5432  # only the name of the socket: nothing listens on a network
SOCKET_NAME = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH = 103
# PostgreSQL cuts longer paths off (MAXPGPATH is 1,024, less what it appends).
MAX_DATA_PATH = 900


def require_ours(folder: Path, owners: set[int]) -> None:
    """`UnsafeFolder` unless it is a real folder of one of `owners` that nobody else may change."""
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode):
        raise UnsafeFolder(f"{folder} is not a folder; take it away, or name another")
    if state.st_uid not in owners:
        raise UnsafeFolder(f"{folder} belongs to another user; take it away, or name another")
    if state.st_mode & 0o022:
        raise UnsafeFolder(f"others may write in {folder}; take that away with chmod go-w")


def make_data_folder(folder: Path) -> None:
    """Make the data folder where it is missing, with only those parents that are missing too.

    Root lets others pass through, not look: the database inside belongs to another user.
    """
    if len(os.fsencode(folder)) > MAX_DATA_PATH:
        raise EmbeddedStartFailed(
            f"the data folder's path is longer than {MAX_DATA_PATH} bytes; choose a shorter one"
        )
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for step in (*reversed(folder.parents), folder):
        with suppress(FileExistsError):
            step.mkdir()
            step.chmod(mode)


def socket_folder_of(data_folder: Path, user: ServerUser, runtime_folder: Path | None) -> Path:
    """Where the socket of this data folder belongs; the same at every start, made by nobody yet.

    The folder's inode is in the name, so that two containers that share a temporary folder and
    call their data folders alike do not meet.
    """
    state = data_folder.stat()
    identity = b"%s|%d|%d" % (os.fsencode(data_folder), state.st_dev, state.st_ino)
    name = f"sluis-{user.uid}-{hashlib.sha256(identity).hexdigest()[:16]}"
    candidates = [runtime_folder] if runtime_folder else list(_runtime_folders(user))
    for base in candidates:
        if len(os.fsencode(base / name / SOCKET_NAME)) <= MAX_SOCKET_PATH:
            return base / name
    raise EmbeddedStartFailed(
        f"no folder for the socket has a path short enough ({MAX_SOCKET_PATH} bytes in all);"
        " set TMPDIR to a shorter one"
    )


def _runtime_folders(user: ServerUser) -> Iterator[Path]:
    if not user.is_us:
        # XDG_RUNTIME_DIR would be root's own, where the server's user has no way in.
        if os.access("/run", os.W_OK):
            yield Path("/run")
    elif own := os.environ.get("XDG_RUNTIME_DIR"):
        folder = Path(own)
        if folder.is_dir() and folder.stat().st_uid == user.uid:
            yield folder
    yield Path(tempfile.gettempdir()).resolve()
    yield Path("/tmp").resolve()  # noqa: S108 - only its own folder in it is used, and checked


@contextmanager
def socket_folder(folder: Path, user: ServerUser) -> Iterator[Path]:
    """Make the folder, owned by the server's user with mode 0700, and take it away afterwards.

    Root can enter it all the same. What an earlier life left in it is removed: the caller holds
    the data folder's lock, so nobody listens there any more, and PostgreSQL would otherwise
    believe the process id in the old socket's lock file.
    """
    _require_safe_base(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UnsafeFolder(_squatted(folder)) from error
    try:
        state = os.fstat(handle)
        if stat.S_IMODE(state.st_mode) != 0o700 or state.st_uid not in {user.uid, os.geteuid()}:
            raise UnsafeFolder(_squatted(folder))
        if state.st_uid != user.uid:
            os.fchown(handle, user.uid, user.gid)
        _empty(handle)
        try:
            yield folder
        finally:
            _empty(handle)
            # What else the server's user may have put there is no reason to fail a stop.
            with suppress(OSError):
                folder.rmdir()
    finally:
        os.close(handle)


def _squatted(folder: Path) -> str:
    return (
        f"{folder}, where the database's socket belongs, was made by someone else or is open to"
        " others; take it away, or set XDG_RUNTIME_DIR or TMPDIR to a folder of your own"
    )


def _require_safe_base(base: Path) -> None:
    """In a folder where others may rename what is ours, no check of ours would last."""
    state = base.stat()
    others_write = state.st_mode & 0o022
    if state.st_uid not in {0, os.geteuid()} or (others_write and not state.st_mode & stat.S_ISVTX):
        raise UnsafeFolder(
            f"others may replace what is in {base}; set XDG_RUNTIME_DIR or TMPDIR to a folder of"
            " your own"
        )


def _empty(handle: int) -> None:
    for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=handle)
