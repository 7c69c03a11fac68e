"""The cells of a DWI row: which columns there are, and how each is written.

A cell is read one way or not at all. What is plainly incomplete is left out and noted; what is
wrong refuses the record, since a wrong value may be another person's. Sluis's own design (the 2013
format is not public); described column by column in docs/partners/dwi.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import lru_cache

from schemas.deliveries import Problem
from schemas.referral import MAX_MEMBERS, AuthoritySource, DecidedBy, Ground, Role, Sex
from schemas.zrm import ZrmDomain


class CellError(Exception):
    """A cell that cannot be used: a reason to refuse the record, or only to leave the cell out."""

    def __init__(self, problem: Problem, *, refuses: bool = True) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.refuses = refuses


class Part(Enum):
    """The piece of the referral that a column goes to."""

    REFERRAL = "aanmelding"
    HOUSEHOLD = "huishouden"
    MEMBER = "lid"
    ZRM_DATE = "lid.zrm"
    SCORE = "lid.zrm."
    AGREEMENT = "lid.instemming"
    AUTHORITY = "lid.gezag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the header, its field on the wire, its path in findings."""

    name: str
    part: Part
    key: str
    convert: Callable[[str], object]

    @property
    def path(self) -> str:
        return f"{self.part.value.rstrip('.')}.{self.key}"


class _Codes(dict[str, object]):
    """A code list whose lookup is a cell's reading, in capitals or not."""

    def __init__(self, codes: Mapping[str, object], problem: Problem) -> None:
        super().__init__(codes)
        self._problem = problem

    def __missing__(self, cell: str) -> object:
        lower = cell.lower()
        if lower == cell or lower not in self:
            raise CellError(self._problem)
        return self[lower]


def _code(codes: Mapping[str, object], problem: Problem) -> Callable[[str], object]:
    return _Codes(codes, problem).__getitem__


_BIRTH_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?"
    r"|([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})"
    r"|([0-9]{4})([0-9]{2})([0-9]{2})"
)
_FULL_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"|([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})"
    r"|([0-9]{4})([0-9]{2})([0-9]{2})"
)
_POSTCODE = re.compile(r"[1-9][0-9]{3}[A-Z]{2}")
_PHONE_SIGNS = str.maketrans("", "", "()./")


@lru_cache(maxsize=1024)  # a delivery has a few hundred days in it, none of them a birth date
def full_date(cell: str) -> date:
    """`2013-12-31`, `31-12-2013` or `20131231`."""
    found = _FULL_DATE.fullmatch(cell)
    if found is None:
        raise CellError(Problem.INVALID)
    year, month, day, day_first, month_second, year_last, *compact = found.groups()
    try:
        if year:
            return date(int(year), int(month), int(day))
        if year_last:
            return date(int(year_last), int(month_second), int(day_first))
        return date(int(compact[0]), int(compact[1]), int(compact[2]))
    except ValueError:
        raise CellError(Problem.INVALID) from None  # its text would hold a part of the date


def partial_date(cell: str) -> str:
    """The same and `1980`, `1980-05`; zeros stand for what is unknown (`00-05-1980`)."""
    if len(cell) == 10 and cell[2] == cell[5] == "-" and cell[:2] != "00" and cell[3:5] != "00":
        return f"{cell[6:]}-{cell[3:5]}-{cell[:2]}"  # by far the most; the model checks it
    found = _BIRTH_DATE.fullmatch(cell)
    if found is None:
        raise CellError(Problem.INVALID)
    year, month, day, day_first, month_second, year_last, *compact = found.groups()
    if year_last:
        year, month, day = year_last, month_second, day_first
    elif compact[0]:
        year, month, day = compact
    if year == "0000" and not int(month or 0) and not int(day or 0):
        raise CellError(Problem.MISSING, refuses=False)
    if not int(month or 0):
        if int(day or 0):
            raise CellError(Problem.INVALID)
        return year
    if not int(day or 0):
        return f"{year}-{month:0>2}"
    return f"{year}-{month:0>2}-{day:0>2}"


def _postcode(cell: str) -> str:
    """`1012 AB`; anything less leads to no street, so it is left out rather than completed."""
    postcode = cell.replace(" ", "").upper()
    if _POSTCODE.fullmatch(postcode) is None:
        raise CellError(Problem.INCOMPLETE, refuses=False)
    return postcode


def _house_number(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 5):
        raise CellError(Problem.INVALID)
    return int(cell)


def _phone(cell: str) -> str:
    return cell if cell.isdigit() else cell.translate(_PHONE_SIGNS)


_TEXT = str
_YES_NO = _code(
    {"ja": True, "j": True, "1": True, "nee": False, "n": False, "0": False},
    Problem.UNKNOWN_CODE,
)
_SEX = _code(
    {code: sex for sex in Sex for code in (sex.value, sex.value.lower())}, Problem.UNKNOWN_CODE
)
_LADDER = _code({str(step): step for step in range(1, 7)}, Problem.INVALID)
_SCORE = _code({str(score): score for score in range(1, 6)}, Problem.INVALID)


_Codelist = type[Role] | type[Ground] | type[DecidedBy] | type[AuthoritySource]


def _one_of(codes: _Codelist) -> Callable[[str], object]:
    return _code({member.value: member for member in codes}, Problem.UNKNOWN_CODE)


def _holders(cell: str) -> object:
    """Members of this household by number, counted from 1 and parted by spaces: `1 2`."""
    numbers = cell.split()
    if not all(number.isascii() and number.isdigit() and len(number) < 3 for number in numbers):
        raise CellError(Problem.INVALID)
    places = [int(number) - 1 for number in numbers]
    if not all(0 <= place < MAX_MEMBERS for place in places):
        raise CellError(Problem.INVALID)
    return [{"lid": place} for place in places]


def _score_column(domain: ZrmDomain) -> Column:
    snake = re.sub(r"([A-Z])", r"_\1", domain.value).lower()
    return Column(f"zrm_{snake}", Part.SCORE, domain, _SCORE)


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("kenmerk", Part.REFERRAL, "kenmerk", _TEXT),
        Column("aangemeld_op", Part.REFERRAL, "aangemeldOp", full_date),
        Column("grondslag", Part.REFERRAL, "grondslag", _one_of(Ground)),
        Column("rol", Part.MEMBER, "rol", _one_of(Role)),
        Column("bsn", Part.MEMBER, "burgerservicenummer", _TEXT),
        Column("voorletters", Part.MEMBER, "voorletters", _TEXT),
        Column("voorvoegsel", Part.MEMBER, "voorvoegsel", _TEXT),
        Column("achternaam", Part.MEMBER, "achternaam", _TEXT),
        Column("geboortedatum", Part.MEMBER, "geboortedatum", partial_date),
        Column("geslacht", Part.MEMBER, "geslacht", _SEX),
        Column("postcode", Part.HOUSEHOLD, "postcode", _postcode),
        Column("straatnaam", Part.HOUSEHOLD, "straatnaam", _TEXT),
        Column("huisnummer", Part.HOUSEHOLD, "huisnummer", _house_number),
        Column("toevoeging", Part.HOUSEHOLD, "huisnummertoevoeging", _TEXT),
        Column("telefoon", Part.HOUSEHOLD, "telefoonnummer", _phone),
        Column("geheimhouding", Part.HOUSEHOLD, "geheimhouding", _YES_NO),
        Column("uitkering", Part.MEMBER, "ontvangtUitkering", _YES_NO),
        Column("trede", Part.MEMBER, "participatietrede", _LADDER),
        Column("zrm_datum", Part.ZRM_DATE, "gemetenOp", full_date),
        *(_score_column(domain) for domain in ZrmDomain),
        Column("instemming", Part.AGREEMENT, "gegeven", _YES_NO),
        Column("instemming_op", Part.AGREEMENT, "op", full_date),
        Column("instemming_door", Part.AGREEMENT, "door", _one_of(DecidedBy)),
        Column("instemming_bewijs", Part.AGREEMENT, "bewijs", _TEXT),
        Column("gezag_houders", Part.AUTHORITY, "houders", _holders),
        Column("gezag_bron", Part.AUTHORITY, "bron", _one_of(AuthoritySource)),
        Column("gezag_op", Part.AUTHORITY, "peildatum", full_date),
        Column("toelichting", Part.REFERRAL, "toelichting", _TEXT),
    )
}
REQUIRED = ("kenmerk", "aangemeld_op")
