"""A message held against a table of its elements: which, in which order, how often, how written.

The official XSDs are not shipped; this check is always made, also without them, so that a message
is refused before anything of it is read. It walks as deep as the table and no deeper, tells names
that the table knows and never a value (invariant 3), and tries no pattern that can backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from lxml import etree

from adapters.hostile_xml import line_of
from schemas.deliveries import Finding, Problem

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?|24:00:00)")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_BLANK = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Simple:
    """How one value is written; a length of 0 is no limit but the message's own."""

    pattern: str = ""
    longest: int = 0
    codes: frozenset[str] = frozenset()
    most: int | None = None
    is_line: bool = False
    is_text: bool = False
    is_date: bool = False
    is_time: bool = False

    def problem_of(self, text: str) -> Problem | None:
        """What is wrong with this value."""
        if self.codes:
            return None if text in self.codes else Problem.UNKNOWN_CODE
        if self.most is not None or self.is_date or self.is_time:
            return self._number_or_date(text.strip(_BLANK))
        if not text:
            return Problem.MISSING
        if self.longest and len(text) > self.longest:
            return Problem.TOO_LONG
        if (self.is_line or self.is_text) and not text.strip():
            return Problem.MISSING
        if self.is_line and ("\n" in text or "\r" in text):
            return Problem.INVALID
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            return Problem.INVALID
        return None

    def _number_or_date(self, text: str) -> Problem | None:
        if self.is_date:
            return None if _is_day(text) else Problem.INVALID
        if self.is_time:
            return None if _TIME.fullmatch(text) else Problem.INVALID
        if not _WHOLE.fullmatch(text) or not 0 <= int(text) <= (self.most or 0):
            return Problem.INVALID
        return Problem.INVALID if self.pattern and text != self.pattern else None


def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Particle:
    """One element of a content: its name, its type, and whether it may be absent or repeated."""

    name: str
    type: str
    count: str

    @classmethod
    def read(cls, text: str) -> Particle:
        """From `Name:Type`, with `?` for at most one and `+` for one or more."""
        bare = text.rstrip("?+")
        name, _, type_name = bare.partition(":")
        return cls(name, type_name, text[len(bare) :])


@dataclass(frozen=True)
class Grammar:
    """One message's table. `home` is the namespace of its own types; `shared` maps the types with
    another namespace by the start of their names.
    """

    prefix: str
    home: str
    shared: tuple[tuple[str, str], ...]
    contents: Mapping[str, str]
    simple: Mapping[str, Simple]
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def particles(self) -> dict[str, tuple[Particle, ...]]:
        return {
            name: tuple(map(Particle.read, content.split()))
            for name, content in self.contents.items()
        }

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The names of all elements."""
        return frozenset(one.name for content in self.particles.values() for one in content)

    def namespace_of(self, type_name: str) -> str:
        """The namespace of the elements that stand directly in this type."""
        for start, namespace in self.shared:
            if type_name.startswith(start):
                return namespace
        return self.home

    def departures(self, root: etree._Element, type_name: str, limit: int) -> list[Finding]:
        """Where a message departs from its table; at most `limit` findings."""
        found: list[Finding] = []
        waiting = [(root, type_name)]
        while waiting and len(found) < limit:
            element, kind = waiting.pop()
            below: list[tuple[etree._Element, str]] = []
            found.extend(self._look_at(element, kind, below, is_root=element is root))
            waiting += reversed(below)  # so that findings come in the message's own order
        return found[:limit]

    def _look_at(
        self,
        element: etree._Element,
        kind: str,
        below: list[tuple[etree._Element, str]],
        *,
        is_root: bool,
    ) -> Iterator[Finding]:
        admitted = self.attributes.get(kind, frozenset())
        strange = [str(name) for name in element.attrib if str(name) not in admitted]
        if any(not (is_root and name.startswith(f"{{{XSI}}}")) for name in strange):
            yield self._finding(element, Problem.INVALID)
        if kind in self.simple:
            text = element.text or ""
            problem = Problem.INVALID if len(element) else self.simple[kind].problem_of(text)
            if problem is not None:
                yield self._finding(element, problem)
            return
        texts = [element.text, *(child.tail for child in element)]
        if any(text and text.strip(_BLANK) for text in texts):
            yield self._finding(element, Problem.INVALID)
        yield from self._match(element, kind, below)

    def _match(
        self, element: etree._Element, kind: str, below: list[tuple[etree._Element, str]]
    ) -> Iterator[Finding]:
        """The children in the order of the table; what fits waits in `below`."""
        children, at = list(element), 0
        namespace = self.namespace_of(kind)
        for particle in self.particles[kind]:
            tag = f"{{{namespace}}}{particle.name}"
            start = at
            while at < len(children) and children[at].tag == tag:
                at += 1
                below.append((children[at - 1], particle.type))
                if particle.count != "+":
                    break
            if start == at and particle.count != "?":
                name = f"{self.prefix}.{particle.name}"
                yield Finding(line_of(element), name, Problem.MISSING)
        if at < len(children):
            is_known = _local(children[at]) in self.vocabulary
            problem = Problem.INVALID if is_known else Problem.UNKNOWN_COLUMN
            yield self._finding(children[at] if is_known else element, problem)

    def _finding(self, element: etree._Element, problem: Problem) -> Finding:
        name = _local(element)
        place = f"{self.prefix}.{name}" if name in self.vocabulary else self.prefix
        return Finding(line_of(element), place, problem)


def _local(element: etree._Element) -> str:
    tag: object = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
