"""XML as a stream of events, for parts that are read once and never held as a tree.

expat by itself: no DTD, no entities, no network, no tree (OWASP, XML external entities), so that a
row of a million cells takes no memory. Names come without their prefix: the strict and the
transitional form of ECMA-376 differ in nothing else that is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from xml.parsers import expat

from adapters.port import UnreadableDelivery
from adapters.tabular.package import PACKAGE
from schemas.deliveries import Problem

MAX_ELEMENTS = 1_500_000
"""Elements of one part: what a part of the allowed size made of nothing but rows would cost."""
MAX_DEPTH = 64
MAX_TAG = 256 * 1024
"""Bytes of one tag with its attributes: expat reads an unfinished one anew with every piece."""
MAX_NAMES = 1_000
"""Different names: expat keeps each for as long as it reads."""


class Events(Protocol):
    """What is told of a part."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """It ends."""

    def text(self, text: str) -> None:
        """Characters, in pieces of any size."""


class EventParser:
    """Pushes one part's events. Raises `UnreadableDelivery` where it is no plain XML."""

    def __init__(self, events: Events) -> None:
        self._elements = 0
        self._depth = 0
        self._fed = 0
        self._names: dict[str, str] = {}
        self._events = events
        # The encoding is ours: one that a file names would be looked up among Python's codecs.
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = events.text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.ProcessingInstructionHandler = self._refuse

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """The events that this piece completes."""
        try:
            self._parser.Parse(piece, is_last)
        except expat.ExpatError:
            raise UnreadableDelivery(Problem.BROKEN, PACKAGE) from None
        self._fed += len(piece)
        if self._fed - self._parser.CurrentByteIndex > MAX_TAG:
            raise UnreadableDelivery(Problem.TOO_LONG, PACKAGE)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)
        self._events.start(self._local(name), attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._events.end(self._names[name])

    def _local(self, name: str) -> str:
        local = self._names.get(name)
        if local is None:
            if len(self._names) == MAX_NAMES:
                raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)
            local = self._names[name] = name.rpartition(":")[2]
        return local

    def _refuse(self, *_: object) -> None:
        raise UnreadableDelivery(Problem.INVALID, "werkmap (een DTD is niet toegestaan)")


def read_part(pieces: Iterable[bytes], events: Events) -> None:
    """A whole part's events."""
    parser = EventParser(events)
    for piece in pieces:
        parser.feed(piece)
    parser.feed(b"", is_last=True)


def attribute(attributes: Mapping[str, str], name: str) -> str:
    """An attribute whatever its prefix; empty where it is absent."""
    if name in attributes:
        return attributes[name]
    suffix = f":{name}"
    return next((value for key, value in attributes.items() if key.endswith(suffix)), "")


def is_true(value: str) -> bool:
    return value in ("1", "true")
