"""The last step before PostgreSQL: become its user, and be bound to the gateway's life.

The gateway runs this file by its path, with the standard library alone, and it turns into the
program named at the end; so that program is the gateway's direct child, with one process id from
start to end. It is a program and not a `preexec_fn`, because code between fork and exec may hang
for ever in a process that has threads.

The order matters. The kernel forgets the death signal whenever a process changes its user, so the
user comes first (prctl(2), PR_SET_PDEATHSIG). The gateway may die before the signal is asked for,
and then it never comes, so the parent is looked at afterwards. Where the kernel has no death
signal (macOS), a small child of the server's own waits on a pipe that only the gateway can close.
"""

import ctypes
import os
import resource
import signal
import sys

GATEWAY_GONE = 71
NOT_BOUND = 72
NOT_THAT_USER = 73

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Arguments: gateway's pid, death signal, uid, gid, pipe or -1, program and its arguments.

    The uid -1 means: stay who you are.
    """
    gateway, death_signal, uid, gid, pipe = (int(word) for word in arguments[:5])
    command = arguments[5:]
    os.umask(0o077)
    # A shell that starts us in the background may have them ignored, and that is inherited.
    for asked in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(asked, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # A core file would hold the memory of the database.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if uid >= 0:
        become(uid, gid)
    if pipe >= 0:
        follow_by_pipe(pipe, death_signal)
    else:
        follow_by_kernel(death_signal)
    if os.getppid() != gateway:
        sys.exit(GATEWAY_GONE)
    # Nothing of the gateway's environment goes along: it may hold keys, and PG* would steer.
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted


def become(uid: int, gid: int) -> None:
    """Give up root for good, its groups first: afterwards we could not."""
    try:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    except OSError:
        sys.exit(NOT_THAT_USER)


def follow_by_kernel(death_signal: int) -> None:
    """Ask the kernel for a signal when the thread that started us ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(NOT_BOUND)


def follow_by_pipe(pipe: int, death_signal: int) -> None:
    """Leave a watcher behind that signals us when the gateway's end of the pipe closes.

    The watcher is the server's child, so it never signals by a remembered number alone: once the
    server is gone, its parent is another.
    """
    server = os.getpid()
    if os.fork() != 0:
        os.close(pipe)
        return
    # The watcher must not hold the lock of the data folder, which the server hands down.
    os.closerange(0, pipe)
    os.closerange(pipe + 1, 4096)
    while os.read(pipe, 1):
        pass
    if os.getppid() == server:
        os.kill(server, death_signal)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
