"""What stands in the data folder: the database's files, who may connect, and with which settings.

    gateway.lock   held by the gateway for its life
    server.lock    held by the gateway, PostgreSQL and each of its processes
    pg_hba.conf    one line: the local socket, by the operating system's word for who one is
    pg_ident.conf  which operating system users that word must name
    postgresql/    the database, owned by the user that PostgreSQL runs as
    postgresql.log its log, without values
    postgresql.new an unfinished first start, to be thrown away

Rules: design.md, section 6, "One database engine" and "Fingerprints"; ADR 0002.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gateway.store.embedded.binaries import MAJOR_VERSION, Binaries
from gateway.store.embedded.errors import EmbeddedStartFailed, OtherMajorVersion
from gateway.store.embedded.user import ServerUser

ROLE = "sluis"
DATABASE = "sluis"

# The bootstrap superuser owns the catalogue. No line lets anyone connect as it, so whoever gets
# our role, by an injected statement for instance, can neither run programs nor read files as the
# server's user, nor turn the log of statements on. It serves first start and upgrade, by
# PostgreSQL's single-user mode.
_SUPERUSER = "sluis_bootstrap"
_MAP = "sluis"

# CREATEDB is for benches, which put a baseline's database beside ours.
_FIRST_STATEMENTS = f"""\
CREATE ROLE {ROLE} LOGIN CREATEDB IN ROLE pg_monitor, pg_checkpoint;

CREATE DATABASE {DATABASE} OWNER {ROLE};

"""

# What keeps others out, and values out of the log. No caller changes these.
_FIXED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "allow_alter_system": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %e ",
    # A value may stand in the first line of an error ("invalid input syntax for type date: ..."),
    # which terse keeps. So errors of statements are not logged at all: the gateway gets them, and
    # logs their code. LOG, FATAL and PANIC rank above.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
}
_FIXED_KINDS = ("log_", "logging_", "debug_", "unix_socket_", "hba_file", "ident_file")
_FIXED_ENDINGS = ("_preload_libraries", "config_file", "data_directory")

# For many small committed writes on one machine. A caller may change these.
_SENSIBLE = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "max_connections": "60",
    "superuser_reserved_connections": "0",
    "max_logical_replication_workers": "0",
    "autovacuum": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_SETTING_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")

Run = Callable[[Sequence[str], str], int]
"""Run a program as the server's user with this text as its input; gives its exit status."""


def database_folder(data_folder: Path) -> Path:
    return data_folder / "postgresql"


def log_file(data_folder: Path) -> Path:
    return data_folder / "postgresql.log"


def owner_of_database(data_folder: Path) -> int | None:
    """The user id that owns the database's files, None before the first start."""
    try:
        return database_folder(data_folder).lstat().st_uid
    except FileNotFoundError:
        return None


def check_settings(settings: Mapping[str, str]) -> None:
    """`ValueError` for a name that is none, or that keeps others out or values out of the log."""
    for name in settings:
        if not _SETTING_NAME.fullmatch(name):
            raise ValueError("a PostgreSQL setting is named by lower case letters and underscores")
        if name in _FIXED or name.startswith(_FIXED_KINDS) or name.endswith(_FIXED_ENDINGS):
            raise ValueError(f"the PostgreSQL setting {name} is not the caller's to change")


def require_cluster(data_folder: Path, binaries: Binaries, user: ServerUser, run: Run) -> None:
    """Make the database on the first start, and refuse one of another major version.

    The caller holds both locks. A crash anywhere leaves either no database or a whole one: it is
    made beside its place, and gets its name last.
    """
    database = database_folder(data_folder)
    if not database.exists():
        fresh = data_folder / "postgresql.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        _make_cluster(fresh, binaries, user, run)
        fresh.rename(database)
        _sync_folder(data_folder)
    _require_our_version(database)


def _make_cluster(fresh: Path, binaries: Binaries, user: ServerUser, run: Run) -> None:
    # Made and given away by us: the server's user may not write in the data folder itself.
    fresh.mkdir(mode=0o700)
    if not user.is_us:
        os.chown(fresh, user.uid, user.gid, follow_symlinks=False)
    initdb = [
        str(binaries.program("initdb")),
        f"--pgdata={fresh}",
        f"--username={_SUPERUSER}",
        "--auth-local=peer",
        "--auth-host=reject",
        "--data-checksums",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    # -j: a statement ends at an empty line. Without exit_on_error a failed one would end well.
    single = [str(binaries.program("postgres")), "--single", "-j", "-D", str(fresh)]
    single += ["-c", "exit_on_error=on", "template1"]
    for command, text in ((initdb, ""), (single, _FIRST_STATEMENTS)):
        status = run(command, text)
        if status != 0:
            raise EmbeddedStartFailed(
                f"the database could not be made: {Path(command[0]).name} ended with status"
                f" {status}; {log_file(fresh.parent)} says why, often a full disk"
            )


def _require_our_version(database: Path) -> None:
    try:
        text = (database / "PG_VERSION").read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        text = ""
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise EmbeddedStartFailed(
            f"{database} is not a PostgreSQL database; put its backup back, or take it away"
        )
    if int(text) != MAJOR_VERSION:
        raise OtherMajorVersion(
            f"{database} was written by PostgreSQL {text}, and this Sluis carries"
            f" {MAJOR_VERSION}. Nothing was changed. Run the Sluis that wrote it and make a backup"
            " with pg_dump; then start this one on an empty data folder and put the backup back"
        )


def write_access_rules(data_folder: Path, user: ServerUser, us: ServerUser) -> None:
    """Say who may connect: at each start anew, since we may be another user than last time.

    The files stand beside the database, not in it, so the server's user cannot change them.
    """
    users = dict.fromkeys((user.name, us.name))
    hba = f"local all {ROLE} peer map={_MAP}\n"
    ident = "".join(f'{_MAP} "{name}" {ROLE}\n' for name in users)
    for name, text in (("pg_hba.conf", hba), ("pg_ident.conf", ident)):
        fresh = data_folder / f"{name}.new"
        with suppress(FileNotFoundError):
            fresh.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags), "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)  # no secrets; the server's user must read them
        fresh.replace(data_folder / name)


def server_command(
    data_folder: Path, socket_folder: Path, binaries: Binaries, settings: Mapping[str, str]
) -> list[str]:
    """The postmaster's command line; what stands on it wins over any file in the database."""
    quoted_folder = str(socket_folder).replace('"', '""')
    chosen = {
        **_FIXED,  # first, so that a refusal of a later one is already logged in our form
        **_SENSIBLE,
        "wal_compression": "lz4" if binaries.has_lz4() else "off",
        **settings,
        "unix_socket_directories": f'"{quoted_folder}"',  # the setting is a list
        "hba_file": str(data_folder / "pg_hba.conf"),
        "ident_file": str(data_folder / "pg_ident.conf"),
    }
    command = [str(binaries.program("postgres")), "-D", str(database_folder(data_folder))]
    for name, value in chosen.items():
        command += ["-c", f"{name}={value}"]
    return command


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
