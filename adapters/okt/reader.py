"""One delivery of `application/xml`: one iJw message, bare, in our wrapper or in a GGk envelope.

Rejected as a whole or taken as a whole: nothing is read of a message before its release, its
structure and its values are found right. A rejected one still gets its retour where its header
could be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from lxml import etree

from adapters.hostile_xml import NO_DTD, breaks, line_of
from adapters.okt.envelope import DI01, HEEN, EnvelopeError, open_envelope
from adapters.okt.grammar import XSI
from adapters.okt.header import EnvelopeSlip, Slip, kind_of, read_slip
from adapters.okt.ijw_types import BASE, GRAMMARS, MESSAGES, namespace_of
from adapters.okt.intake import MAX_BYTES, TOO_LARGE, Taken, take
from adapters.okt.retour_codes import (
    IN_FUTURE,
    OTHER_MUNICIPALITY,
    TECHNICAL,
    UNKNOWN_REQUEST,
    UNLINKED,
)
from adapters.okt.translating import read_request, read_status
from adapters.port import UnreadableDelivery
from adapters.reading import Reading, holds_bsn, refuse
from adapters.violations import MAX_FINDINGS
from schemas.deliveries import Finding, Problem, Record, Unreadable

WRAPPER = "urn:sluis:okt:ijw-bericht:1"
_WRAPPED = f"{{{WRAPPER}}}ijwBericht"
_EXCHANGE = "uitwisselingId"
NEEDED = "bestand (nodig is een JW301, JW305, JW307 of JW315)"
_DATED = "ijw.Dagtekening"
_MUNICIPALITY = {"301": "ijw.Afzender"}
"""Where a message names the municipality, if not as its recipient."""

_VOCABULARY = frozenset().union(*(grammar.vocabulary for grammar in (*GRAMMARS.values(), HEEN)))
_NAMES = _VOCABULARY | {"Bericht", "ijwBericht", _EXCHANGE, "contentType", "bestandsnaam", "ijw",
    "envelopHeenbericht-ggk_Di01", "GGK", "StUF", "xmime", "xsi", "schemaLocation", "",
    WRAPPER, BASE, XSI, *map(namespace_of, MESSAGES)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Opened:
    """A message out of what it came in."""

    taken: Taken
    message: etree._Element
    exchange: str | None = None
    envelope: EnvelopeSlip | None = None
    announced: str | None = None


class IjwReader:
    """Reads one iJw message to or from this municipality; schemas by kind, where given, refuse
    what they forbid.
    """

    def __init__(
        self,
        today: date,
        municipality: str,
        schemas: Mapping[str, etree.XMLSchema] | None = None,
    ) -> None:
        self._today = today
        self._municipality = municipality
        self._schemas = schemas or {}
        self._content = bytearray()

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """Nothing yet: a message is judged when it is whole."""
        self._content += chunk
        if len(self._content) > MAX_BYTES:
            raise UnreadableDelivery(Problem.TOO_LONG, TOO_LARGE)
        return ()

    def close(self) -> Iterable[Record]:
        """The one record that the message is."""
        return [self._read(_open(bytes(self._content)))]

    def _read(self, opened: _Opened) -> Record:
        kind = kind_of(opened.message)
        if kind not in MESSAGES:
            raise UnreadableDelivery(Problem.INVALID, NO_DTD if opened.taken.has_dtd else NEEDED)
        line = line_of(opened.message)
        slip = read_slip(opened.message, opened.envelope, is_whole=opened.taken.is_whole)
        if slip is None and opened.taken.has_dtd:
            raise UnreadableDelivery(Problem.INVALID, NO_DTD)
        # As they came, valid or not: neither record nor retour may repeat one of them.
        bsns = [element.text or "" for element in opened.message.iter("{*}Bsn")]
        if slip is not None and _repeats_bsn(slip, bsns):
            slip = None
        reading = Reading((line,), "" if slip is None else slip.identification, bsns)
        wrong = self._departures(opened, kind)
        if slip is None and not wrong:
            wrong = [Finding(line, "ijw.Identificatie", Problem.INVALID)]
        if wrong or slip is None:
            return _with_slip(refuse(reading, wrong), kind, slip)
        wrong = self._misdirected(slip, kind, line)
        if wrong:
            return _with_slip(refuse(reading, wrong), kind, slip)
        if kind == "315":
            record = read_request(opened.message, reading, self._today)
        else:
            record = read_status(opened.message, kind, opened.exchange, reading, self._today)
        return _with_slip(record, kind, slip)

    def _misdirected(self, slip: Slip, kind: str, line: int) -> list[Finding]:
        """Why a sound message is not for here or not for today."""
        if (slip.sender if kind in _MUNICIPALITY else slip.recipient) != self._municipality:
            place = _MUNICIPALITY.get(kind, "ijw.Ontvanger")
            return [Finding(line, place, Problem.UNKNOWN_CODE)]
        if date.fromisoformat(slip.dated) > self._today:
            return [Finding(line, _DATED, Problem.IN_FUTURE)]
        return []

    def _departures(self, opened: _Opened, kind: str) -> list[Finding]:
        """Why the message is not what it should be; empty if it is."""
        root, line = opened.message, line_of(opened.message)
        if opened.taken.problem is not None:
            return [Finding(line, "ijw", opened.taken.problem)]
        if root.tag != f"{{{namespace_of(kind)}}}Bericht":
            return [Finding(line, "ijw.BerichtSubversie", Problem.INVALID)]
        found = GRAMMARS[kind].departures(root, "Root", MAX_FINDINGS)
        if found:
            return found
        if opened.announced not in (None, f"JW{kind}"):
            return [Finding(line, "ggk.functie", Problem.CONTRADICTION)]
        if opened.exchange is not None and kind == "315":
            return [Finding(line, "ijwBericht", Problem.UNKNOWN_COLUMN)]
        schema = self._schemas.get(kind)
        if schema is not None and breaks(schema, root):
            return [Finding(line, "ijw.schema", Problem.INVALID)]
        return []


def _open(content: bytes) -> _Opened:
    taken = take(content, _NAMES)
    if taken.root.tag != DI01:
        return _unwrap(taken)
    if taken.problem is not None:
        raise UnreadableDelivery(taken.problem, "envelop")
    try:
        envelope, announced, message = open_envelope(taken.root)
    except EnvelopeError as error:
        finding = error.finding
        # Not the envelope's text: the finding names an element of the standard and a rule.
        raise UnreadableDelivery(finding.problem, f"envelop ({finding.field})") from None
    inner = _unwrap(take(message, _NAMES))
    return replace(inner, envelope=envelope, announced=announced)


def _unwrap(taken: Taken) -> _Opened:
    root = taken.root
    if root.tag != _WRAPPED:
        return _Opened(taken, root)
    message = root[0] if len(root) else None
    texts = [root.text, *(child.tail for child in root)]
    is_strange = taken.is_whole and (len(root) != 1 or any(t and t.strip() for t in texts))
    if message is None or is_strange or set(map(str, root.attrib)) - {_EXCHANGE}:
        raise UnreadableDelivery(Problem.INVALID, "ijwBericht")
    exchange = root.get(_EXCHANGE)
    return _Opened(taken, message, None if exchange is None else str(exchange))


def _repeats_bsn(slip: Slip, bsns: list[str]) -> bool:
    """Whether a retour would repeat the client's number, written where a reference belongs."""
    repeated = [slip.identification, slip.base_version, slip.message_version]
    if slip.envelope is not None:
        known = slip.envelope
        repeated += [known.reference, known.message_reference or "", known.sender, known.recipient]
        repeated += [known.sender_application, known.recipient_application]
    return any(holds_bsn(text, bsns) for text in repeated)


def _with_slip(record: Record, kind: str, slip: Slip | None) -> Record:
    """The record with what its retour needs; a refused one knows its codes already."""
    if slip is None:
        return record
    if isinstance(record, Unreadable):
        slip = slip.model_copy(update={"codes": (_code_of(record, kind),)})
    return replace(record, slip=slip.model_dump_json(exclude_none=True))


def _code_of(refused: Unreadable, kind: str) -> str:
    places = {(finding.field, finding.problem) for finding in refused.findings}
    if places == {(_MUNICIPALITY.get(kind, "ijw.Ontvanger"), Problem.UNKNOWN_CODE)}:
        return OTHER_MUNICIPALITY.code
    if (_DATED, Problem.IN_FUTURE) in places:
        return IN_FUTURE.code
    if places == {("statusbericht.uitwisselingId", Problem.MISSING)}:
        return UNKNOWN_REQUEST.code if kind == "301" else UNLINKED.code
    return TECHNICAL.code
