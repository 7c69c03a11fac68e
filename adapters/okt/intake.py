"""Bytes to an XML tree, hostile until shown otherwise: no DTD, no entities, no network, bounded.

One delivery is one message about one client (iJw), so it is read whole within a bound. What a file
held before it broke off is kept apart: a header that could be read lets the retour say so. The
parser is `hostile_xml`'s; the bounds are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from adapters.first_bytes import BOM, mistaken_kind
from adapters.hostile_xml import (
    EMPTY,
    NO_DTD,
    NO_XML,
    SLICE,
    StrangeNames,
    declares,
    has_document_type,
    pull_parser,
)
from adapters.port import UnreadableDelivery
from schemas.deliveries import Problem

MAX_BYTES = 512 * 1024
"""One message. A real one with ten products takes 12 KiB; in an envelope, a third more."""
MAX_ELEMENTS = 5_000
MAX_DEPTH = 32

_ROOT_START = re.compile(rb"<(?:[A-Za-z0-9_.-]{1,32}:)?Bericht[\s>]")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")

TOO_LARGE = "bestand (groter dan één bericht mag zijn)"


@dataclass(slots=True)
class Taken:
    """What the parser made of the bytes; `problem` says why they are not a whole message."""

    root: etree._Element
    problem: Problem | None = None
    has_dtd: bool = False

    @property
    def is_whole(self) -> bool:
        return self.problem is None


def take(content: bytes, known: frozenset[str]) -> Taken:
    """The tree of `content`. Raises `UnreadableDelivery` where not even its root can be read."""
    text = content.removeprefix(BOM).lstrip(b" \t\r\n")
    if not text:
        raise UnreadableDelivery(Problem.MISSING, EMPTY)
    mistake = mistaken_kind(text, "xml")
    if mistake is not None:
        raise UnreadableDelivery(Problem.INVALID, mistake)
    if not text.startswith(b"<"):
        raise UnreadableDelivery(Problem.BROKEN, NO_XML)
    if declares(text):
        return _refused_for_dtd(text, known)
    return _Parsing(known).run(text)


def _refused_for_dtd(text: bytes, known: frozenset[str]) -> Taken:
    """What follows the declarations, for the retour's sake: no parser ever sees those."""
    start = _ROOT_START.search(text)
    if start is not None and not _DECLARATION.search(text, start.start()):
        try:
            taken = _Parsing(known).run(text[start.start() :])
        except UnreadableDelivery:
            pass  # told below, without what this one says
        else:
            return Taken(taken.root, Problem.INVALID, has_dtd=True)
    raise UnreadableDelivery(Problem.INVALID, NO_DTD)


class _Parsing:
    """One run of a parser within its bounds."""

    def __init__(self, known: frozenset[str]) -> None:
        self._strange = StrangeNames(known)
        self._depth = self._elements = 0
        self._root: etree._Element | None = None
        self._problem: Problem | None = None
        self._parser = pull_parser()

    def run(self, text: bytes) -> Taken:
        for start in range(0, len(text), SLICE):
            self._feed(text[start : start + SLICE])
            if self._problem is not None:
                break
        else:
            self._end()
        root = self._root
        if root is None:
            raise UnreadableDelivery(Problem.BROKEN, NO_XML)
        if has_document_type(root):
            raise UnreadableDelivery(Problem.INVALID, NO_DTD)
        return Taken(root, self._problem)

    def _feed(self, piece: bytes) -> None:
        is_broken = False
        try:
            self._parser.feed(piece)
        except etree.XMLSyntaxError:
            is_broken = True
        self._read_events()
        # Told after libxml2's exception is gone: its words repeat the input.
        if is_broken:
            self._problem = self._problem or Problem.BROKEN

    def _end(self) -> None:
        is_broken = False
        try:
            self._parser.close()
        except etree.XMLSyntaxError:
            is_broken = True
        self._read_events()
        if is_broken:
            self._problem = self._problem or Problem.BROKEN

    def _read_events(self) -> None:
        for event, subject in self._parser.read_events():
            if isinstance(subject, tuple):  # a prefix and its namespace, whole
                self._notice(*map(str, subject))
            elif event == "start" and subject is not None:
                self._start(subject)
            elif event == "end":
                self._depth -= 1
            else:  # a processing instruction, for which iJw has no use
                self._problem = Problem.INVALID
            if self._problem is not None:
                return

    def _start(self, element: etree._Element) -> None:
        if self._root is None:
            self._root = element
        self._depth += 1
        self._elements += 1
        self._notice(*(str(name).rpartition("}")[2] for name in (element.tag, *element.attrib)))
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            self._problem = Problem.TOO_LONG

    def _notice(self, *names: str) -> None:
        self._strange.notice(names)
        if self._strange.are_too_many:
            self._problem = Problem.TOO_LONG
