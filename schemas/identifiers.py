"""Identifiers as types, so that none is mistaken for text, logged or compared by accident.

A burgerservicenummer masks itself wherever it is shown (invariant 3); the eleven-test is
python-stdnum's. Nine digits are the norm; eight are taken as nine whose leading zero a
spreadsheet ate, which the programme's files show daily.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, NewType
from uuid import UUID

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema
from stdnum.nl import bsn as stdnum_bsn

SubjectId = NewType("SubjectId", UUID)
"""A person's random identifier inside the gateway; it means nothing outside it."""

ExchangeId = NewType("ExchangeId", UUID)
"""One message crossing the gateway (uitwisseling), from arrival to acknowledgement."""

PartnerId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
"""A partner's short name within this gateway (ketenpartner), such as `dwi`."""

Postcode = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{3}[A-Z]{2}$")]
"""A full Dutch postcode without its space."""

Pseudonym = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""A person's identifier in one recipient's domain: 256 bits, base64url without padding."""


_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class _WrittenDay:
    """How a day is read: its text is matched before it is parsed.

    pydantic alone reads numbers, also as text, as seconds since 1970; a day is never guessed at.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        written = core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=_DAY, strict=True),
                core_schema.date_schema(strict=False),
            ]
        )
        told = core_schema.custom_error_schema(
            written,
            custom_error_type="datum",
            custom_error_message="moet een bestaande datum zijn: JJJJ-MM-DD",
        )
        given = core_schema.union_schema([core_schema.date_schema(strict=True), told])
        return core_schema.json_or_python_schema(
            json_schema=told,
            python_schema=given,
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "date"}


Day = Annotated[date, _WrittenDay]
"""A whole date, written JJJJ-MM-DD."""


class Bsn:
    """A burgerservicenummer that passes the eleven-test; shown only as `Bsn(*********)`.

    Source: Wabb article 1 (the number), python-stdnum `stdnum.nl.bsn.checksum` (the test).
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """Raise `ValueError`, without the value, unless `digits` is a valid BSN."""
        if not digits.isascii() or not digits.isdigit() or len(digits) not in (8, 9):
            raise ValueError("a BSN has nine digits")
        padded = digits.zfill(9)
        # 000000000 passes the eleven-test by arithmetic and means "unknown" in many systems.
        if padded == "000000000" or stdnum_bsn.checksum(padded) != 0:
            raise ValueError("the BSN fails the eleven-test")
        self._digits = padded

    def reveal(self) -> str:
        """The nine digits, for pseudonymising, for sealing and for an admitted disclosure."""
        return self._digits

    def __repr__(self) -> str:
        return "Bsn(*********)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bsn) and other._digits == self._digits

    def __hash__(self) -> int:
        return hash(("Bsn", self._digits))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.str_schema(pattern=r"^[0-9]{8,9}$"),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.reveal, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    @classmethod
    def _validate(cls, value: object) -> Bsn:
        if isinstance(value, Bsn):
            return value
        if isinstance(value, str):
            try:
                return cls(value)
            except ValueError:
                pass
        raise PydanticCustomError("bsn", "moet een burgerservicenummer zijn (elfproef)")


_PARTIAL = re.compile(r"^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?$")


class PartialDate:
    """A date of which the day, or month and day, may be unknown (`1980`, `1980-05`, `1980-05-01`).

    Dutch registers hold incomplete birth dates; a missing part is never guessed at
    (Logisch Ontwerp BRP, incomplete dates).
    """

    __slots__ = ("_text", "day", "month", "year")

    def __init__(self, text: str) -> None:
        """Raise `ValueError`, without the value, unless `text` names an existing date."""
        found = _PARTIAL.fullmatch(text)
        if found is None:
            raise ValueError("a date reads YYYY, YYYY-MM or YYYY-MM-DD")
        year = int(found[1])
        month, day = (int(part) if part else None for part in found.group(2, 3))
        if not 1850 <= year <= 2200 or (month is not None and not 1 <= month <= 12):
            raise ValueError("the date does not exist")
        if day is not None and not 1 <= day <= _days_in(year, month or 1):
            raise ValueError("the date does not exist")
        self._text, self.year, self.month, self.day = text, year, month, day

    def reveal(self) -> str:
        """The date as it was given, unknown parts left out."""
        return self._text

    @property
    def is_complete(self) -> bool:
        return self.day is not None

    @property
    def earliest(self) -> tuple[int, int, int]:
        """Year, month, day of the first date that it could be."""
        return (self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> tuple[int, int, int]:
        """Year, month, day of the last date that it could be."""
        month = self.month or 12
        return (self.year, month, self.day or _days_in(self.year, month))

    def __repr__(self) -> str:
        return "PartialDate(****)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartialDate) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("PartialDate", self._text))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.str_schema(pattern=_PARTIAL.pattern),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.reveal, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    @classmethod
    def _validate(cls, value: object) -> PartialDate:
        if isinstance(value, PartialDate):
            return value
        if isinstance(value, str):
            try:
                return cls(value)
            except ValueError:
                pass
        raise PydanticCustomError(
            "datum", "moet een bestaande datum zijn: JJJJ, JJJJ-MM of JJJJ-MM-DD"
        )


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
