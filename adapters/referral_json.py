"""Deliveries in the canonical JSON: a list of referrals, or one referral a line (NDJSON).

The wire names are those of `schemas.referral`, and so are the rules; nothing is repaired. Whoever
can produce this needs no adapter of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import ValidationError

from adapters.first_bytes import BOM, ENOUGH, mistaken_kind
from adapters.json_stream import MAX_ELEMENT, Element, ElementParser, JsonArray
from adapters.lines import LineCutter
from adapters.port import UnreadableDelivery
from adapters.reading import Reading, refuse, settle
from schemas.deliveries import Finding, Problem, Record
from schemas.referral import MAX_MEMBERS, Referral

_ELEMENT = "aanmelding"


class JsonArrayReader:
    """Reads one `application/json` delivery: a list of referrals."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._start = bytearray()
        self._array: JsonArray | None = None

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """The records that `chunk` completes."""
        if self._array is not None:
            return self._settled(self._array.feed(chunk))
        self._start += chunk
        if len(self._start) < ENOUGH:
            return ()
        array, start = self._begin()
        return self._settled(array.feed(start))

    def close(self) -> Iterable[Record]:
        """What remains at the end; a list that did not close is one broken record."""
        if self._array is not None:
            return self._settled(self._array.close())
        array, start = self._begin()
        return self._settled([*array.feed(start), *array.close()])

    def _begin(self) -> tuple[JsonArray, bytes]:
        start = bytes(self._start)
        self._start.clear()
        _check_start(start, b"[", "bestand (nodig is een JSON-lijst van aanmeldingen)")
        self._array = JsonArray()
        return self._array, start.removeprefix(BOM)

    def _settled(self, elements: list[Element]) -> list[Record]:
        return [_settle(element, self._today) for element in elements]


class JsonLinesReader:
    """Reads one `application/x-ndjson` delivery: one referral a line.

    A broken line costs itself only.
    """

    def __init__(self, today: date) -> None:
        self._today = today
        self._cutter = LineCutter(MAX_ELEMENT)
        self._parser = ElementParser()
        self._line = 0
        self._start: bytearray | None = bytearray()

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """The records that `chunk` completes."""
        if self._start is None:
            return self._read(self._cutter.feed(chunk))
        self._start += chunk
        if len(self._start) < ENOUGH:
            return ()
        return self._read(self._cutter.feed(self._begin(bytes(self._start))))

    def close(self) -> Iterable[Record]:
        """What remains at the end, with or without a newline after it."""
        records: list[Record] = []
        if self._start is not None:
            records += self._read(self._cutter.feed(self._begin(bytes(self._start))))
        return records + self._read(self._cutter.close())

    def _begin(self, start: bytes) -> bytes:
        _check_start(start, b"{", "bestand (nodig is een JSON-aanmelding per regel)")
        self._start = None
        return start.removeprefix(BOM)

    def _read(self, lines: list[bytes | None]) -> list[Record]:
        records: list[Record] = []
        for line in lines:
            self._line += 1
            element = self._element(line)
            if element is not None:
                records.append(_settle(element, self._today))
        return records

    def _element(self, line: bytes | None) -> Element | None:
        if line is None:
            return Element(self._line, "", problem=Problem.TOO_LONG)
        try:
            text = line.decode().strip(" \t\r")
        except UnicodeDecodeError:
            return Element(self._line, "", problem=Problem.ENCODING)
        if not text:
            return None
        parsed = self._parser.parse(text, 0, self._line)
        if parsed is None or parsed[1] != len(text):
            return Element(self._line, "", problem=Problem.BROKEN)
        return parsed[0]


def _check_start(start: bytes, sign: bytes, otherwise: str) -> None:
    start = start[:ENOUGH]  # so that the answer does not depend on how chunks were cut
    mistake = mistaken_kind(start, "json")
    if mistake is not None:
        raise UnreadableDelivery(Problem.INVALID, mistake)
    text = start.removeprefix(BOM).lstrip(b" \t\r\n")
    if not text and len(start) < ENOUGH:
        raise UnreadableDelivery(Problem.MISSING, "bestand (leeg)")
    if not text.startswith(sign):
        raise UnreadableDelivery(Problem.INVALID, otherwise)


def _settle(element: Element, today: date) -> Record:
    if element.problem is not None or not isinstance(element.value, dict):
        problem = element.problem or Problem.INVALID
        finding = Finding(element.line, _ELEMENT, problem)
        return refuse(Reading((element.line,), "", []), [finding])
    reading = _reading(element.value, element.line)
    try:
        outcome: Referral | ValidationError = Referral.model_validate_json(
            element.text, by_alias=True, by_name=False
        )
    except ValidationError as error:
        outcome = error
    return settle(reading, outcome, today)


def _reading(value: dict[str, object], line: int) -> Reading:
    """What is told of the record beside its content; `value` is not validated yet."""
    reference = value.get("kenmerk")
    members = _members(value)
    reading = Reading(
        lines=(line,) * max(1, len(members)),
        reference=reference if isinstance(reference, str) else "",
        bsns=[
            bsn for member in members if isinstance(bsn := member.get("burgerservicenummer"), str)
        ],
    )
    if _is_timestamp(value.get("aangemeldOp")):
        reading.wrong.append(Finding(line, "aanmelding.aangemeldOp", Problem.INVALID))
    for member in members:
        for part, key in (("zrm", "gemetenOp"), ("instemming", "op")):
            group = member.get(part)
            if isinstance(group, dict) and _is_timestamp(group.get(key)):
                reading.wrong.append(Finding(line, f"lid.{part}.{key}", Problem.INVALID))
    return reading


def _members(value: dict[str, object]) -> list[dict[str, object]]:
    household = value.get("huishouden")
    members = household.get("leden") if isinstance(household, dict) else None
    if not isinstance(members, list) or len(members) > MAX_MEMBERS:
        return []
    return [member for member in members if isinstance(member, dict)]


def _is_timestamp(value: object) -> bool:
    """Whether pydantic would take this text for seconds since 1970 instead of refusing it."""
    return isinstance(value, str) and "-" not in value[1:]
