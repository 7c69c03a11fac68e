"""What a partner's folder must not lose: whole files, and lines that are on disk when they count.

A crash leaves a file beginning with a dot, which the next write replaces, or half a line at an
end, which the next writer cuts off.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place: whole and on disk, or not at all."""
    aside = path.with_name(f".{path.name}.nieuw")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    flush_folder(path.parent)


def append_lines(path: Path, lines: bytes) -> int:
    """Append whole lines, on disk when this returns; gives the file's size."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            # A crash left half a line: closed, so that readers pass over that one alone.
            lines = b"\n" + lines
        # One write: two processes of one partner append beside each other, never into each other.
        if os.write(descriptor, lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if is_new:
        flush_folder(path.parent)
    return size


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
