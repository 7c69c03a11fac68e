"""What a command shows: results on stdout, everything that moves on stderr.

At a terminal there are colours and bars; anywhere else plain lines, so that a log stays readable.
With `--json` stdout gets one object and nothing else, also when the command fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from gateway.cli.failures import Failure

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="SLUIS_HOME", help="Where keys, partners and data stand."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
DEFAULT_HOME = Path("var")

_PLAIN_WIDTH = 120


class Output:
    """One command's way to show things."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._results = _console(stderr=False)
        self._asides = _console(stderr=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return self._results.is_terminal

    def result(self, value: Mapping[str, object]) -> None:
        """The one object of `--json`; nothing without it."""
        if self.as_json:
            # In another character set than UTF-8 only escapes are JSON for whoever reads it.
            is_plain = (sys.stdout.encoding or "utf-8").lower() != "utf-8"
            sys.stdout.write(json.dumps(value, ensure_ascii=is_plain) + "\n")
            sys.stdout.flush()

    def say(self, text: str = "", style: str = "") -> None:
        """A line of the result, for people."""
        if not self.as_json:
            self._results.print(escape(text), style=style, highlight=False, soft_wrap=True)

    def render(self, what: RenderableType) -> None:
        """Something that draws itself, for people."""
        if not self.as_json:
            self._results.print(what)

    def aside(self, text: str, style: str = "dim") -> None:
        """A line about how it goes, on stderr."""
        self._asides.print(escape(text), style=style, highlight=False, soft_wrap=True)

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        styles: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Rows under headings, for people; a heading that ends in `#` is of numbers.

        `styles` says how a cell with a certain text looks. No word is ever cut, since half an id
        is none: where the columns do not fit, each row becomes lines of its own.
        """
        if self.as_json or not rows:
            return
        between = 3 if self.is_terminal else 2
        widths = _widths(headings, rows, self._results.width - between * (len(headings) - 1))
        if widths is None:
            self._blocks(headings, rows, styles)
            return
        table = Table(
            box=box.SIMPLE_HEAD if self.is_terminal else None,
            header_style="bold",
            show_edge=False,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        for heading, width in zip(headings, widths, strict=True):
            of_numbers = heading.endswith("#")
            table.add_column(
                heading.rstrip("#"),
                justify="right" if of_numbers else "left",
                no_wrap=of_numbers,
                width=width,
            )
        for row in rows:
            table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
        self._results.print(table)

    def _blocks(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str]
    ) -> None:
        names = [heading.rstrip("#") for heading in headings]
        longest = max(map(cell_len, names))
        for number, row in enumerate(rows):
            if number:
                self._results.print()
            for name, cell in zip(names, row, strict=True):
                line = Text(f"{name:<{longest}}  ", "bold").append(
                    cell, styles.get(cell) or "not bold"
                )
                # Left to the terminal to wrap: that keeps what is copied from it in one piece.
                self._results.print(line, soft_wrap=True)

    @contextmanager
    def progress(self, *, is_lasting: bool = True) -> Iterator[Steps]:
        """Bars while something takes time; silent where nobody watches.

        Bars that are not lasting vanish when their work is done.
        """
        steps = Steps(self._asides, is_lasting)
        try:
            yield steps
        finally:
            steps.close()

    def failed(self, failure: Failure) -> None:
        """The end of a command that could not do its work."""
        told = {"error": failure.message, "remedy": failure.remedy, "exitStatus": failure.status}
        self._asides.print(f"[bold red]error:[/] {escape(failure.message)}", soft_wrap=True)
        if failure.remedy:
            self._asides.print(f"[bold]remedy:[/] {escape(failure.remedy)}", soft_wrap=True)
        # Where stdout goes may be the very disk that is full.
        with suppress(OSError):
            self.result(told | failure.details)


class Steps:
    """Steps that follow on each other, each with a bar of its own, from the first one on."""

    def __init__(self, console: Console, is_lasting: bool) -> None:
        self._console = console
        self._is_lasting = is_lasting
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def move(self, step: str, done: int, total: int | None, told: str) -> None:
        """Where a step stands; without a total its bar only shows that it moves."""
        if not self._console.is_terminal:
            return
        if self._bars is None:
            self._bars = _bars(self._console, self._is_lasting)
            self._bars.start()
        if step not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, total=1, completed=1)
            self._tasks[step] = self._bars.add_task(step, total=total, told=told)
        self._bars.update(self._tasks[step], completed=done, total=total, told=told)

    def end(self, step: str, told: str) -> None:
        """A step is done, however much of it there turned out to be."""
        if self._bars is not None and step in self._tasks:
            self._bars.update(self._tasks[step], total=1, completed=1, told=told)

    def close(self) -> None:
        """No more steps of this work; the next one begins anew."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = None
        self._tasks.clear()


def _bars(console: Console, is_lasting: bool) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        console=console,
        transient=not is_lasting,
        # Results go to stdout themselves, where they may be piped to something else.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column is, the widest giving way first; none where no words would fit."""
    columns = list(zip((heading.rstrip("#") for heading in headings), *rows, strict=True))
    least = [max(_longest(cell.split()) for cell in column) for column in columns]
    widths = [max(_longest(cell.splitlines()) for cell in column) for column in columns]
    if sum(least) > room:
        return None
    while sum(widths) > room:
        _, widest = max((w, at) for at, w in enumerate(widths) if w > least[at])
        widths[widest] -= 1
    return widths


def _longest(parts: Sequence[str]) -> int:
    return max(map(cell_len, parts), default=0)


def amount(count: int) -> str:
    """A number as people read it."""
    return f"{count:,}"


def size(count: int) -> str:
    """Bytes as people read them."""
    scaled, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if scaled < 1000:
            break
        scaled, unit = scaled / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{scaled:.1f} {unit}"


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr)
    # A pipe has no width; wrapping at 80 would only break what a program or a log keeps.
    return console if console.is_terminal else Console(stderr=stderr, width=_PLAIN_WIDTH)
