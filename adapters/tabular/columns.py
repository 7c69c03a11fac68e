"""The cells of a row: what a column is, and how each kind of cell is written.

A cell is read one way or not at all. What is plainly incomplete is left out and noted; what is
wrong refuses the record, since a wrong value may be another person's. Sluis's own design, described
column by column in docs/partners/ for each partner that sends rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from functools import lru_cache

from schemas.deliveries import Problem
from schemas.referral import MAX_MEMBERS, AuthoritySource, DecidedBy, Role, Sex
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
    PROTECTION = "aanmelding.bescherming"


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

    @property
    def is_date(self) -> bool:
        return self.convert in (full_date, partial_date)


Columns = Mapping[str, Column]
"""A partner's columns by their name in the header."""
REQUIRED = ("kenmerk", "aangemeld_op")


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


def code_of(codes: Mapping[str, object], problem: Problem) -> Callable[[str], object]:
    """One of these codes, in capitals or not."""
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
PHONE_SIGNS = str.maketrans("", "", "()./")


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


def postcode(cell: str) -> str:
    """`1012 AB`; anything less leads to no street, so it is left out rather than completed."""
    whole = cell.replace(" ", "").upper()
    if _POSTCODE.fullmatch(whole) is None:
        raise CellError(Problem.INCOMPLETE, refuses=False)
    return whole


def house_number(cell: str) -> int:
    """Digits only; the suffix has a column of its own."""
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 5):
        raise CellError(Problem.INVALID)
    return int(cell)


def phone(cell: str) -> str:
    """Without brackets, dots and slashes."""
    return cell if cell.isdigit() else cell.translate(PHONE_SIGNS)


TEXT = str
YES_NO = code_of(
    {"ja": True, "j": True, "1": True, "nee": False, "n": False, "0": False},
    Problem.UNKNOWN_CODE,
)
SEX = code_of(
    {code: sex for sex in Sex for code in (sex.value, sex.value.lower())}, Problem.UNKNOWN_CODE
)
LADDER = code_of({str(step): step for step in range(1, 7)}, Problem.INVALID)
SCORE = code_of({str(score): score for score in range(1, 6)}, Problem.INVALID)


def one_of(codes: type[StrEnum]) -> Callable[[str], object]:
    """One of a code list's values."""
    return code_of({member.value: member for member in codes}, Problem.UNKNOWN_CODE)


def holders(cell: str) -> object:
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
    return Column(f"zrm_{snake}", Part.SCORE, domain, SCORE)


ZRM_COLUMNS = (
    Column("zrm_datum", Part.ZRM_DATE, "gemetenOp", full_date),
    *(_score_column(domain) for domain in ZrmDomain),
)
IDENTITY_COLUMNS = (
    Column("rol", Part.MEMBER, "rol", one_of(Role)),
    Column("bsn", Part.MEMBER, "burgerservicenummer", TEXT),
    Column("voorletters", Part.MEMBER, "voorletters", TEXT),
    Column("voorvoegsel", Part.MEMBER, "voorvoegsel", TEXT),
    Column("achternaam", Part.MEMBER, "achternaam", TEXT),
    Column("geboortedatum", Part.MEMBER, "geboortedatum", partial_date),
    Column("geslacht", Part.MEMBER, "geslacht", SEX),
)
ADDRESS_COLUMNS = (
    Column("postcode", Part.HOUSEHOLD, "postcode", postcode),
    Column("straatnaam", Part.HOUSEHOLD, "straatnaam", TEXT),
    Column("huisnummer", Part.HOUSEHOLD, "huisnummer", house_number),
    Column("toevoeging", Part.HOUSEHOLD, "huisnummertoevoeging", TEXT),
)
BENEFIT_COLUMNS = (
    Column("uitkering", Part.MEMBER, "ontvangtUitkering", YES_NO),
    Column("trede", Part.MEMBER, "participatietrede", LADDER),
)
AGREEMENT_COLUMNS = (
    Column("instemming", Part.AGREEMENT, "gegeven", YES_NO),
    Column("instemming_op", Part.AGREEMENT, "op", full_date),
    Column("instemming_door", Part.AGREEMENT, "door", one_of(DecidedBy)),
    Column("instemming_bewijs", Part.AGREEMENT, "bewijs", TEXT),
)
AUTHORITY_COLUMNS = (
    Column("gezag_houders", Part.AUTHORITY, "houders", holders),
    Column("gezag_bron", Part.AUTHORITY, "bron", one_of(AuthoritySource)),
    Column("gezag_op", Part.AUTHORITY, "peildatum", full_date),
)
