"""SuwiML Bijstandsregelingen v0500 as a delivery: answers from Suwinet, one referral each.

An answer carries no reference and no date of its own, and none is made up: a number counted here
would return in the next file, and one derived from the content would be a fingerprint of a person.
So the sender wraps each answer in an `aanmelding` that gives both (docs/partners/dwi.md). The
parser is `hostile_xml`'s, with a bound on everything that it would gather.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from lxml import etree

from adapters.dwi.suwi_answer import ENTRY, ENTRY_ATTRIBUTES, ROOT, WRAPPER, read_answer
from adapters.dwi.suwi_structure import (
    FAULT,
    FWI,
    NOTHING_FOUND,
    RESPONSE,
    SUWI,
    VOCABULARY,
)
from adapters.first_bytes import mistaken_kind
from adapters.hostile_xml import (
    EMPTY,
    NO_DTD,
    NO_XML,
    SLICE,
    StrangeNames,
    declares,
    has_document_type,
    line_of,
    pull_parser,
)
from adapters.port import UnreadableDelivery
from adapters.reading import Reading, refuse
from schemas.deliveries import Finding, Problem, Record

MAX_ELEMENTS = 5_000
"""Elements of one answer: twenty years of monthly benefit periods with their amounts."""
MAX_TEXT = 1024 * 1024
"""Characters of one answer's values."""
_MAX_PROLOG = 64 * 1024

ANSWER_SCHEMA = Path("Diensten/Bijstandsregelingen/v0500-b04/BodyReaction.xsd")
_KNOWN_NAMES = VOCABULARY | ENTRY_ATTRIBUTES | {ROOT, ENTRY, RESPONSE, FAULT, NOTHING_FOUND}
_KNOWN_NAMES |= {"Fout", "Waarschuwing", "Informatie", "Code", "Tekst", "Detail", "DN"}
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_KNOWN_NAMES |= {f"{{{_XSI}}}schemaLocation", WRAPPER, SUWI, FWI, _XSI}


class SuwiReader:
    """Reads one `application/xml` delivery; a schema, where given, refuses what it forbids."""

    def __init__(self, today: date, schema: etree.XMLSchema | None = None) -> None:
        self._today = today
        self._schema = schema
        self._buffer = bytearray()
        self._parser = pull_parser()
        self._prolog = 0
        self._depth = 0
        self._entry_depth = 0  # of the element that is one record; 0 until the root is seen
        self._line = 1
        self._elements = 0
        self._text = 0
        self._strange = StrangeNames(_KNOWN_NAMES)
        self._is_done = False

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """The records that `chunk` completes, but for what waits to fill a slice."""
        self._buffer += chunk
        records: list[Record] = []
        whole = len(self._buffer) - len(self._buffer) % SLICE
        for start in range(0, whole, SLICE):
            records += self._parse(bytes(self._buffer[start : start + SLICE]))
        del self._buffer[:whole]
        return records

    def close(self) -> Iterable[Record]:
        """What remains at the end; a file that broke off is one broken record."""
        records = self._parse(bytes(self._buffer)) if self._buffer else []
        if self._is_done:
            return records
        if not self._prolog:
            raise UnreadableDelivery(Problem.MISSING, EMPTY)
        broken_at: int | None = None
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            broken_at = error.lineno or self._line
        records += self._read_events()
        if broken_at is not None and not self._is_done:
            records += self._break(broken_at)
        return records

    def _parse(self, piece: bytes) -> list[Record]:
        if self._is_done:
            return []
        if not self._entry_depth:
            self._check_prolog(piece)
        broken_at: int | None = None
        try:
            self._parser.feed(piece)
        except etree.XMLSyntaxError as error:
            broken_at = error.lineno or self._line
        records = self._read_events()
        if broken_at is not None and not self._is_done:
            records += self._break(broken_at)
        return records

    def _check_prolog(self, piece: bytes) -> None:
        mistake = mistaken_kind(piece, "xml") if not self._prolog else None
        if mistake is not None:
            raise UnreadableDelivery(Problem.INVALID, mistake)
        self._prolog += len(piece)
        # The parser would gather declarations before its first event; this looks at them first.
        if declares(piece) or self._prolog > _MAX_PROLOG:
            raise UnreadableDelivery(Problem.INVALID, NO_DTD)

    def _break(self, line: int | None) -> list[Record]:
        """Tell once that the rest cannot be read.

        Never called while libxml2's exception is being handled: its words repeat the input, and
        would go along with ours.
        """
        self._is_done = True
        if not self._entry_depth:
            raise UnreadableDelivery(Problem.BROKEN, NO_XML)
        at = line or self._line
        return [refuse(Reading((at,), "", []), [Finding(at, "suwi", Problem.BROKEN)])]

    def _read_events(self) -> list[Record]:
        records: list[Record] = []
        for event, subject in self._parser.read_events():
            if isinstance(subject, tuple):
                self._strange.notice(map(str, subject))
            elif event == "start" and subject is not None:
                self._start(subject)
            elif event == "end" and subject is not None:
                records += self._end(subject)
            else:  # a processing instruction, for which SuwiML has no use
                return records + self._break(None)
            if self._strange.are_too_many:
                return records + self._break(None)
        return records

    def _start(self, element: etree._Element) -> None:
        self._depth += 1
        self._line = line_of(element)
        self._strange.notice(map(str, (element.tag, *element.attrib)))
        if self._depth == 1:
            self._check_root(element)
        if self._depth == self._entry_depth:
            self._elements = self._text = 0
            _drop_before(element)
        self._elements += 1
        before = element.getprevious()
        parent = element.getparent()
        text = before.tail if before is not None else parent.text if parent is not None else None
        self._text += len(text or "")

    def _check_root(self, root: etree._Element) -> None:
        if has_document_type(root):
            raise UnreadableDelivery(Problem.INVALID, NO_DTD)
        if root.tag not in (ROOT, RESPONSE):
            raise UnreadableDelivery(Problem.INVALID, "bestand (nodig is een suwiLevering)")
        self._entry_depth = 2 if root.tag == ROOT else 1

    def _end(self, element: etree._Element) -> list[Record]:
        self._text += len(element.text or "")
        is_too_long = self._elements > MAX_ELEMENTS or self._text > MAX_TEXT
        records: list[Record] = []
        if self._depth == self._entry_depth:
            line = line_of(element)
            if is_too_long:
                too_long = Finding(line, "suwi", Problem.TOO_LONG)
                records.append(refuse(Reading((line,), "", []), [too_long]))
            else:
                records.append(read_answer(element, line, self._today, self._schema))
        if is_too_long or self._depth == self._entry_depth:
            element.clear()
            _drop_before(element)
        self._depth -= 1
        return records


def _drop_before(element: etree._Element) -> None:
    """Let go of what has been read. Earlier siblings only: the parser still holds this one."""
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
