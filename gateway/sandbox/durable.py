"""Files that are whole or not there: written aside, brought to disk, and only then named.

What a crash leaves is a file beginning with a dot, which nobody picks up and the next attempt
overwrites.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def durably(path: Path, mode: int = 0o640) -> Iterator[BinaryIO]:
    """Write `path`: left without an error it is on disk under its name, else it is not there."""
    aside = path.with_name(f".{path.name}.deel")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    move(aside, path)


def move(source: Path, target: Path) -> None:
    """Rename within one file system, lastingly; `target` is replaced if it is there."""
    source.replace(target)
    for folder in {source.parent, target.parent}:
        _flush_folder(folder)


def free_name(folder: Path, name: str) -> Path:
    """`folder/name`, or with `-2`, `-3` ... before its suffix if that is taken."""
    wanted, number = folder / name, 1
    while wanted.exists():
        number += 1
        wanted = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return wanted


def cut_unfinished_line(path: Path) -> None:
    """Make `path` end with a whole line, as it did before a crash; make it if it is not there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        size = end
        while size > 0:
            start = max(0, size - 65_536)
            file.seek(start)
            newline = file.read(size - start).rfind(b"\n")
            if newline >= 0:
                size = start + newline + 1
                break
            size = start
        if size != end:
            file.truncate(size)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
