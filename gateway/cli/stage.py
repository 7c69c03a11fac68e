"""Where the demo's story is told: the parties' folders, the screen, and what was claimed so far.

A step says what it did; a claim is something that was seen from outside, and whether it held.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.output import Output, Steps
from gateway.client import AsyncSluis, credentials


@dataclass(slots=True)
class Story:
    """What was claimed and whether it held, and how long each step took."""

    claims: list[tuple[str, bool]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def held(self) -> bool:
        """Whether every claim held."""
        return bool(self.claims) and all(holds for _, holds in self.claims)


class Stage:
    """One telling in one home; `stamp` makes what it sends differ from an earlier one's."""

    def __init__(self, home: Path, vkeys: Sequence[str], output: Output) -> None:
        self.home = home
        self.vkeys = tuple(vkeys)
        self.story = Story()
        self.stamp = f"{datetime.now(UTC):%m%d%H%M%S}"
        self.is_repeat = False
        """Whether this home told the story before, so that some counts are of both."""
        self._output = output
        self._number = 0

    def folder(self, party: str) -> Path:
        """A party's own folder."""
        return self.home / "partners" / party

    def party(self, name: str) -> AsyncSluis:
        """A party's way to the gateway, with its own credentials."""
        return AsyncSluis(credentials.load(self.folder(name)))

    @contextmanager
    def step(self, title: str) -> Iterator[Steps]:
        """The next step, under its number."""
        self._number += 1
        self._output.say()
        self._output.say(f"{self._number}. {title}", style="bold")
        begun = time.monotonic()
        with self._output.progress() as steps:
            yield steps
        self.story.seconds[title] = round(time.monotonic() - begun, 2)

    def claim(self, told: str, holds: bool) -> None:
        """Note a claim about what was just seen from outside; a broken one is told at once."""
        self.story.claims.append((told, holds))
        if not holds:
            self._output.say(f"NOT SO: {told}", style="red")

    def count(self, what: str, number: int) -> None:
        """Add to what the summary and later claims count."""
        self.story.counted[what] += number

    def say(self, text: str, style: str = "") -> None:
        """A line of the story."""
        self._output.say(text, style)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under headings."""
        self._output.table(headings, rows)
