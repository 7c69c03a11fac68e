"""JSON out of pushed chunks, one element of a list or one line at a time.

A parser for whole documents would hold the delivery; this one holds one element, and passes over an
element beyond its limit without gathering it. Duplicate keys and deep nesting are refused, since
parsers disagree on what they mean (RFC 8259 section 4) and the last one read would win.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from enum import Enum

from schemas.deliveries import Problem

MAX_ELEMENT = 1024 * 1024
"""Characters of one element; a full household with its notes takes about 60,000."""

MAX_DEPTH = 16
MAX_SKIPPED = 16
"""Limits' worth of text passed over in one list; looking for the end of more is work for nobody."""
_FEW_BRACKETS = 150  # below this, an element is not worth measuring: thirty members open 123
_EAGER = 16 * 1024  # up to here every chunk is worth a try; beyond, what waits must have doubled

_SPACE = re.compile(r"[ \t\r\n]*")
_BRACKETS_OR_QUOTE = re.compile(r'"|[\[{]+|[\]}]')
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')
_SCALAR = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^\s,\[\]{}"]++)(?=[\s,\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Element:
    """One element: the line it starts on, its text, and its value unless there is a problem."""

    line: int
    text: str
    value: object = None
    problem: Problem | None = None


class ElementParser:
    """Parses one element, noticing what the standard parser passes over in silence."""

    def __init__(self, limit: int = MAX_ELEMENT) -> None:
        """`limit` is in characters."""
        self._limit = limit
        self._has_duplicates = False
        # Numbers are judged by the model; `float` takes digits without end where `int` raises.
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_int=float)

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            self._has_duplicates = True
        return members

    def parse(self, text: str, start: int, line: int) -> tuple[Element, int] | None:
        """The element at `start` and where it ends; `None` if it is incomplete or malformed."""
        self._has_duplicates = False
        try:
            value, end = self._decoder.raw_decode(text, start)
        except ValueError:
            return None
        except RecursionError:
            closing = Nesting().follow(text, start)
            if closing is None:
                return None
            value, end = None, closing
        problem: Problem | None = None
        if end - start > self._limit:
            problem = Problem.TOO_LONG
        elif not isinstance(value, dict) or _is_deep(text, start, end):
            problem = Problem.INVALID
        elif self._has_duplicates:
            problem = Problem.CONTRADICTION
        if problem is not None:
            return Element(line, "", problem=problem), end
        return Element(line, text[start:end], value), end


class Nesting:
    """Follows brackets and strings, over as many pieces as it takes, to where all are closed."""

    def __init__(self) -> None:
        self.depth = 0
        self.deepest = 0
        self._is_in_string = False
        self._is_escaped = False

    def follow(self, text: str, at: int) -> int | None:
        """Where the element ends, or `None` if it goes on after `text`."""
        if self._is_escaped and at < len(text):
            self._is_escaped = False
            at += 1
        while True:
            sign = (_QUOTE_OR_ESCAPE if self._is_in_string else _BRACKETS_OR_QUOTE).search(text, at)
            if sign is None:
                return None
            at = sign.end()
            match sign[0]:
                case '"':
                    self._is_in_string = not self._is_in_string
                case "\\":
                    if at == len(text):
                        self._is_escaped = True
                        return None
                    at += 1
                case "]" | "}":
                    self.depth -= 1
                    if self.depth == 0:
                        return at
                case opening:
                    self.depth += len(opening)
                    self.deepest = max(self.deepest, self.depth)


def _is_deep(text: str, start: int, end: int) -> bool:
    if text.count("{", start, end) + text.count("[", start, end) <= _FEW_BRACKETS:
        return False
    nesting = Nesting()
    nesting.follow(text, start)
    return nesting.deepest > MAX_DEPTH


class _Expected(Enum):
    OPENING = "["
    FIRST = "an element or ]"
    ELEMENT = "an element"
    SEPARATOR = ", or ]"
    END = "nothing"
    BROKEN = "whatever comes is passed over"


_STEPS = {
    (_Expected.OPENING, "["): _Expected.FIRST,
    (_Expected.FIRST, "]"): _Expected.END,
    (_Expected.SEPARATOR, ","): _Expected.ELEMENT,
    (_Expected.SEPARATOR, "]"): _Expected.END,
}


class JsonArray:
    """Cuts one JSON list into its elements as it arrives.

    Where the list itself is broken, one element says so and the rest is passed over: after a
    misplaced sign nobody can tell which bracket belongs to whom.
    """

    def __init__(self, limit: int = MAX_ELEMENT) -> None:
        """`limit` is in characters, of one element."""
        self._limit = limit
        # Bytes that are not UTF-8 become lone surrogates, so that they spoil one element only.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._parser = ElementParser(limit)
        self._text = ""
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._line = 1
        self._expected = _Expected.OPENING
        self._skipped: Nesting | None = None
        self._skipped_from = 0
        self._left_to_skip = MAX_SKIPPED * limit

    def feed(self, chunk: bytes) -> list[Element]:
        """The elements that `chunk` completes; a large one in small chunks may come a little later.

        Otherwise whoever sends it byte by byte would have it parsed anew at every byte.
        """
        piece = self._decoder.decode(chunk)
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        if len(self._text) > _EAGER and self._waiting_size < len(self._text):
            return []
        return self._scan()

    def close(self) -> list[Element]:
        """What remains at the end; a list that did not close is broken."""
        self._waiting.append(self._decoder.decode(b"", final=True))
        elements = self._scan()
        if self._expected not in (_Expected.END, _Expected.BROKEN):
            elements.append(self._break(self._line))
        return elements

    def _scan(self) -> list[Element]:
        text = self._text + "".join(self._waiting)
        self._waiting, self._waiting_size = [], 0
        elements: list[Element] = []
        at = 0
        while (at := self._pass_over(text, at)) < len(text):
            following = _STEPS.get((self._expected, text[at]))
            if following is not None:
                self._expected = following
                at += 1
            elif self._expected in (_Expected.FIRST, _Expected.ELEMENT):
                taken = self._take(text, at)
                if taken is None:
                    break
                elements.append(taken[0])
                self._line += text.count("\n", at, taken[1])
                at = taken[1]
            else:
                elements.append(self._break(self._line))
        if self._left_to_skip < 0 and self._expected is not _Expected.BROKEN:
            elements.append(self._break(self._skipped_from))
        self._text = text[at:]
        return elements

    def _pass_over(self, text: str, at: int) -> int:
        """Past white space, past the rest of an element that is too long, past all that broke."""
        if self._expected is _Expected.BROKEN:
            return len(text)
        start = at
        if self._skipped is not None:
            end = self._skipped.follow(text, at)
            at = len(text) if end is None else end
            self._left_to_skip -= at - start
            if self._left_to_skip < 0:
                return len(text)
            if end is not None:
                self._skipped = None
        space = _SPACE.match(text, at)
        if space is not None and self._skipped is None:
            at = space.end()
        self._line += text.count("\n", start, at)
        return at

    def _take(self, text: str, at: int) -> tuple[Element, int] | None:
        """The element at `at` and where it ends; `None` to wait for more of it."""
        if text[at] not in "{[":
            return self._take_scalar(text, at)
        parsed = self._parser.parse(text, at, self._line)
        if parsed is not None and parsed[0].problem is not Problem.TOO_LONG:
            self._expected = _Expected.SEPARATOR
            return parsed
        if parsed is None:
            end = Nesting().follow(text, at)
            if end is not None and end - at <= self._limit:
                return self._break(self._line), len(text)  # whole, and yet it does not parse
            if len(text) - at <= self._limit:
                return None
        # Passed over piece by piece also where it is here whole: it counts the same either way.
        self._skipped, self._skipped_from = Nesting(), self._line
        self._expected = _Expected.SEPARATOR
        return Element(self._line, "", problem=Problem.TOO_LONG), at

    def _take_scalar(self, text: str, at: int) -> tuple[Element, int] | None:
        scalar = _SCALAR.match(text, at)
        if scalar is not None and scalar.end() - at <= self._limit:
            self._expected = _Expected.SEPARATOR
            return Element(self._line, "", problem=Problem.INVALID), scalar.end()
        if scalar is None and text[at] not in ",]}" and len(text) - at <= self._limit:
            return None
        return self._break(self._line), len(text)

    def _break(self, line: int) -> Element:
        self._expected = _Expected.BROKEN
        return Element(line, "", problem=Problem.BROKEN)
