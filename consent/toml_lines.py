"""Where in a protocol's file a problem stands, by line.

tomllib reads the file and keeps no lines. This looks the lines up afterwards, by the headings and
keys that they begin with; where a file is written in another way than protocols are, a problem is
shown at its heading, or without a line, and never at a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_HEADING = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*("[^"]+"|'[^']+'|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*=\s*(.*)$""")
_ID = re.compile(r"""^["']([^"']*)["']""")
_NAMED = re.compile(r"^(doel|overeenkomst|gegevensstroom|protocol)(?: (\S+?)|\.(\d+))?(?:[.:] ?|$)")
_PATH = re.compile(r"\b(?:lid|huishouden|aanmelding|statusbericht|casus)\.[A-Za-z.]+[A-Za-z]")
_TOML_LINE = re.compile(r"\(at line (\d+)")


class Placed(NamedTuple):
    """A problem with the line that it concerns, where that is known."""

    line: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {"line": self.line, "message": self.message}


@dataclass(slots=True)
class _Block:
    """One `[[kind]]`, with the line of each key below it."""

    line: int
    id: str = ""
    keys: dict[str, int] = field(default_factory=dict)


class TomlLines:
    """The lines of one file."""

    def __init__(self, text: str) -> None:
        self._blocks: dict[str, list[_Block]] = {}
        self._read(text.splitlines())

    def of(self, kind: str, name: str | int | None = None, *keys: str) -> int | None:
        """The line of the first of these keys that stands there; else that of the heading.

        `name` is the block's id, or its place among those of its kind.
        """
        block = self._block(kind, name)
        if block is None:
            return None
        for key in keys:
            if (line := block.keys.get(key)) is not None:
                return line
        return block.line

    def name_of(self, kind: str, place: int) -> str:
        """The id of the block at this place among those of its kind; empty if it has none."""
        block = self._block(kind, place)
        return "" if block is None else block.id

    def place_all(self, problems: Iterable[str]) -> list[Placed]:
        """Problems as loading tells them, each with its line, in the order of the file."""
        placed = [Placed(self._line_of(problem), problem) for problem in problems]
        return sorted(placed, key=lambda one: (one.line is None, one.line or 0))

    def _line_of(self, problem: str) -> int | None:
        if (found := _TOML_LINE.search(problem)) is not None:
            return int(found[1])
        if (found := _NAMED.match(problem)) is None:
            return None
        kind, rest = found[1], problem[found.end() :]
        name: str | int | None = found[2] if found[3] is None else int(found[3])
        # `sloten.grondslag.artikel: Field required`, or `velden: lid.x is no field of ...`.
        dotted = rest.partition(":")[0].strip()
        path = _PATH.search(rest)
        keys = [f"velden.{path[0]}", f"{dotted}.{path[0]}"] if path else []
        while dotted:
            keys.append(dotted)
            dotted = dotted.rpartition(".")[0]
        keys += rest.split(maxsplit=1)[:1]  # `doel is not described`
        return self.of(kind, name, *keys)

    def _block(self, kind: str, name: str | int | None) -> _Block | None:
        blocks = self._blocks.get(kind, [])
        if isinstance(name, int):
            return blocks[name] if name < len(blocks) else None
        if name is None:
            return blocks[0] if blocks else None
        # Of two blocks with one id the second is the one too many.
        return next((block for block in reversed(blocks) if block.id == name), None)

    def _read(self, lines: list[str]) -> None:
        block, prefix, closing = _Block(0), "", ""
        for number, line in enumerate(lines, start=1):
            if closing:
                closing = "" if closing in line else closing
                continue
            if (heading := _HEADING.match(line)) is not None:
                name = heading[2].replace('"', "").replace("'", "")
                if heading[1] == "[[" or "." not in name:
                    kind, _, prefix = name.partition(".")
                    if not prefix:
                        block = _Block(number)
                        self._blocks.setdefault(kind, []).append(block)
                        continue
                prefix = name.partition(".")[2]
                block.keys.setdefault(prefix, number)
                prefix += "."
            elif (key := _KEY.match(line)) is not None:
                name, value = key[1].strip("\"'"), key[2]
                block.keys.setdefault(prefix + name, number)
                for inner in re.findall(r"[{,]\s*([A-Za-z]+)\s*=", value):
                    block.keys.setdefault(f"{prefix}{name}.{inner}", number)
                if not prefix and name == "id" and (found := _ID.match(value)) is not None:
                    block.id = found[1]
                closing = _left_open(value)


def _left_open(value: str) -> str:
    """What ends a text of several lines that this value begins, if it does."""
    for mark in ('"""', "'''"):
        if value.startswith(mark) and mark not in value[3:]:
            return mark
    return ""
