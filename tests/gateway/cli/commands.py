"""Commands in this process, on a database of the test's own, as a user would give them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

Run = Callable[..., Awaitable[tuple[int, str, str]]]
"""Gives a command's status, what it showed, and what it said aside."""


class RunWith(Protocol):
    """Makes a `Run` on the fresh database, in a folder of its own; `before` is put first."""

    def __call__(self, *modules: object, before: tuple[str, ...] = ()) -> Run: ...
