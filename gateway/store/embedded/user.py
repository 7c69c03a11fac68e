"""Which operating system user PostgreSQL runs as, and where that user can get.

PostgreSQL refuses to run as root. When we are root it runs as another user: the owner of the
database's files once they exist, before that the one asked for, `postgres`, or else `nobody`.
Reach is tried, by a process of that user, and not computed from mode bits: access lists, mounts
and security modules have their say too. No folder's mode is ever changed to let that user in.
"""

import os
import pwd
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.store.embedded.errors import UnreachableFolder, UnsuitableUser

_PREFERRED = ("postgres", "nobody")
# These would break out of a quoted word of pg_ident.conf, or be read there as a pattern.
_UNQUOTABLE = frozenset('"\r\n\0')
# Prints the first path that cannot be entered or run, each of them a program or a folder.
_FIRST_BLOCKED = 'for p in "$@"; do [ -x "$p" ] || { printf %s "$p"; exit 0; }; done'


@dataclass(frozen=True, slots=True)
class ServerUser:
    """An account of this machine; peer authentication knows it by its name."""

    name: str
    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()


def account(uid: int) -> ServerUser:
    """The account with this number; `UnsuitableUser` if the system knows no name for it."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise UnsuitableUser(
            f"user {uid} has no name on this system, and PostgreSQL recognises users by name;"
            " add the user to /etc/passwd, or run as another"
        ) from None
    if _UNQUOTABLE & set(entry.pw_name) or entry.pw_name.startswith("/"):
        raise UnsuitableUser(f"the name of user {uid} cannot be written in pg_ident.conf")
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def choose_server_user(wished: str | None, owner_uid: int | None) -> ServerUser:
    """Who PostgreSQL will run as; `owner_uid` is who owns the database's files, if there are any.

    The owner wins over a default that may have changed since (`postgres` may be installed after
    `nobody` made the files), but never silently over a wish.
    """
    us = account(os.geteuid())
    asked = _named(wished) if wished is not None else None
    if owner_uid is not None:
        chosen = account(owner_uid)
    elif us.uid == 0:
        chosen = asked or _preferred()
    else:
        chosen = asked or us
    if asked is not None and asked.uid != chosen.uid:
        raise UnsuitableUser(
            f"the database's files belong to {chosen.name}, and {asked.name} was asked for;"
            " stop asking, or give the files to that user with chown -R"
        )
    if chosen.uid == 0:
        raise UnsuitableUser(
            "PostgreSQL does not run as root; give the database's files to an ordinary user"
            " with chown -R, or ask for another user"
        )
    if us.uid not in (0, chosen.uid):
        raise UnsuitableUser(
            f"PostgreSQL must run as {chosen.name}, and only root or {chosen.name} can start it so"
        )
    return chosen


def _named(name: str) -> ServerUser:
    try:
        return account(pwd.getpwnam(name).pw_uid)
    except KeyError:
        raise UnsuitableUser(f"there is no user {name} on this system") from None


def _preferred() -> ServerUser:
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    for name in _PREFERRED:
        if name in known:
            return account(known[name])
    raise UnsuitableUser(
        "PostgreSQL does not run as root, and there is no user postgres or nobody;"
        " make one, or name another"
    )


def first_unreachable(user: ServerUser, paths: Iterable[Path]) -> Path | None:
    """The first folder or program on the way to one of `paths` that `user` may not enter or run."""
    steps = dict.fromkeys(step for path in paths for step in (*reversed(path.parents), path))
    other = None if user.is_us else user
    found = subprocess.run(  # noqa: S603 - our own words, no input
        ["/bin/sh", "-c", _FIRST_BLOCKED, "sh", *map(str, steps)],
        check=True,
        stdout=subprocess.PIPE,
        cwd="/",
        env={},
        user=other.uid if other else None,
        group=other.gid if other else None,
        extra_groups=[] if other else None,
    ).stdout
    return Path(os.fsdecode(found)) if found else None


def require_reach(user: ServerUser, folder: Path) -> None:
    """`UnreachableFolder` unless `user` can get into `folder`."""
    blocked = first_unreachable(user, [folder])
    if blocked is None:
        return
    raise UnreachableFolder(
        f"PostgreSQL runs as {user.name}, who may not enter {blocked};"
        " choose a folder elsewhere (for root: under /var/lib), or let others pass through that"
        " one with chmod o+x. Sluis changes no mode of a folder that it did not make"
    )
