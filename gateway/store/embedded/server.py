"""Start the embedded PostgreSQL, wait until it answers, and end it; top to bottom.

Rules: design.md, section 6, "One database engine"; ADR 0002 has the alternatives and the costs.
"""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self
from urllib.parse import quote

from gateway.store.embedded import cluster
from gateway.store.embedded.answer import answers, why_it_ended
from gateway.store.embedded.binaries import COPIES, find_binaries, reachable_binaries
from gateway.store.embedded.errors import EmbeddedStartFailed
from gateway.store.embedded.folders import (
    PORT,
    SOCKET_NAME,
    make_data_folder,
    require_ours,
    socket_folder,
    socket_folder_of,
)
from gateway.store.embedded.lock import hold_data_folder
from gateway.store.embedded.process import (
    DEATH_SIGNAL,
    BoundProcess,
    OnWait,
    cpu_seconds,
    spawn_bound,
    wait_for,
)
from gateway.store.embedded.user import ServerUser, account, choose_server_user, require_reach

MAX_LOG_BYTES = 10 * 1024 * 1024
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedServer:
    """A PostgreSQL that answers, and that ends with `stop`, with this object's `with`, or with us.

    The process that started it must stay the same user, and a fork of that process must not stop
    it.
    """

    socket_folder: Path
    _server: BoundProcess
    _undo: ExitStack

    @property
    def dsn(self) -> str:
        """For asyncpg. The port only completes the socket's name, and keeps PGPORT out."""
        return f"postgresql://{self._address}"

    @property
    def sqlalchemy_url(self) -> str:
        return f"postgresql+asyncpg://{self._address}"

    @property
    def _address(self) -> str:
        return _address(self.socket_folder)

    @property
    def pid(self) -> int:
        """The postmaster's, our direct child."""
        return self._server.popen.pid

    @property
    def is_running(self) -> bool:
        return self._server.exit_status is None

    def cpu_seconds(self) -> float:
        """CPU time of the server and all its processes so far; 0.0 where unknown."""
        return cpu_seconds(self.pid)

    def stop(self) -> None:
        """End it: asked for 30 s, then for 15 s more without a last checkpoint, then by force.

        Nothing committed is lost in any way. The locks are given back last. Stopping twice is
        stopping once.
        """
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _address(place: Path) -> str:
    host = quote(str(place), safe="")
    return f"{cluster.ROLE}@/{cluster.DATABASE}?host={host}&port={PORT}"


def running_address(data_folder: Path, runtime_folder: Path | None = None) -> str:
    """Where a server that another process of ours started on this folder answers, if it does.

    What stands after `postgresql://`. Raises a kind of `EmbeddedFailure`.
    """
    folder = Path(os.path.realpath(data_folder))
    user = choose_server_user(None, cluster.owner_of_database(folder))
    return _address(socket_folder_of(folder, user, runtime_folder))


def start_embedded(
    data_folder: Path,
    *,
    settings: Mapping[str, str] = _NO_SETTINGS,
    on_wait: OnWait | None = None,
    server_user: str | None = None,
    runtime_folder: Path | None = None,
    copies: Path = COPIES,
) -> EmbeddedServer:
    """Start PostgreSQL on `data_folder`, made on the first start; returns when it answers.

    There is no time limit: recovery after a crash takes what it takes. `on_wait` is told the
    seconds waited so far, about twice a second, and ends the attempt by raising.
    `settings` adds to PostgreSQL's settings (they show in the process list; no secrets).
    `server_user` names the account to run as when we are root; `runtime_folder` is where the
    socket's folder is made, and `copies` where the programs are copied for another user.

    Raises a kind of `EmbeddedFailure`, or `ValueError` for a setting that is not the caller's.
    """
    cluster.check_settings(settings)
    folder = Path(os.path.realpath(data_folder))
    try:
        with ExitStack() as undo:
            user = choose_server_user(server_user, cluster.owner_of_database(folder))
            make_data_folder(folder)
            require_ours(folder, {os.geteuid(), user.uid})
            require_reach(user, folder)
            lock = hold_data_folder(folder, undo, on_wait)
            log = undo.enter_context(_opened_log(cluster.log_file(folder), user))
            launch = _Launch(folder, user, lock, log, on_wait)
            binaries = reachable_binaries(find_binaries(), user, copies)
            cluster.require_cluster(folder, binaries, user, launch.run)
            cluster.write_access_rules(folder, user, account(os.geteuid()))
            place = socket_folder_of(folder, user, runtime_folder)
            require_reach(user, place.parent)
            undo.enter_context(socket_folder(place, user))
            command = cluster.server_command(folder, place, binaries, settings)
            server = launch.serve(command, place / SOCKET_NAME, undo)
            return EmbeddedServer(place, server, undo.pop_all())
    except OSError as error:
        raise EmbeddedStartFailed(
            f"the system refused: {error.strerror} ({error.filename or 'no file named'});"
            " look at that file's owner and mode, and at the disk"
        ) from error


@dataclass(frozen=True, slots=True)
class _Launch:
    """What every program that touches the database is started with."""

    folder: Path
    user: ServerUser
    lock: int
    log: int
    on_wait: OnWait | None

    def run(self, command: Sequence[str], text: str) -> int:
        """Run to the end, with `text` as input; gives the exit status."""
        running = self._spawn(command, signal.SIGTERM, text)
        try:
            return wait_for(lambda: running.exit_status, self.on_wait)
        finally:
            running.end()

    def serve(self, command: Sequence[str], socket_path: Path, undo: ExitStack) -> BoundProcess:
        """Start the server and wait until it answers, for as long as it lives."""
        log = cluster.log_file(self.folder)
        since = log.stat().st_size
        with _stale_pid_file_aside(cluster.database_folder(self.folder)):
            server = self._spawn(command, DEATH_SIGNAL, "")
            undo.callback(server.end)

            def look() -> Literal[True] | None:
                status = server.exit_status
                if status is not None:
                    raise why_it_ended(log, since, status)
                return answers(socket_path) or None

            wait_for(look, self.on_wait)
        return server

    def _spawn(
        self, command: Sequence[str], death_signal: signal.Signals, text: str
    ) -> BoundProcess:
        return spawn_bound(
            command,
            self.user,
            death_signal=death_signal,
            lock=self.lock,
            log=self.log,
            text=text,
        )


@contextmanager
def _opened_log(path: Path, user: ServerUser) -> Iterator[int]:
    """PostgreSQL's log, to append to; one older file is kept when it has grown large."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        if not user.is_us:
            os.fchown(handle, user.uid, user.gid)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _stale_pid_file_aside(database: Path) -> Iterator[None]:
    """Hide the process id that an earlier life left: its number may be an innocent's by now.

    We hold the server's lock, so no server of ours lives. One that was started by hand does not
    have that lock, and PostgreSQL finds it by its shared memory, which is named after the folder;
    then our start fails and its file is put back, because it ends itself where the file is gone.
    """
    file, aside = database / "postmaster.pid", database / "postmaster.pid.aside"
    with suppress(FileNotFoundError):
        file.replace(aside)
    try:
        yield
    except BaseException:
        if aside.exists() and not file.exists():
            aside.replace(file)
        raise
    aside.unlink(missing_ok=True)
