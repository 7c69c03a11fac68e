"""The route table as an operator writes it (TOML), read and checked before anything rests on it.

Teams open, merge and move: a team has its dates and says who succeeds it. Rows give postcodes to a
team, or to the desk with the reason why, from a day on and until a day (on which it holds no more).
A full postcode goes before its four digits, so that a street across a border needs no guess. What
contradicts itself is refused as a whole, with every row named; a gap is no contradiction: what it
leaves open waits at the desk for a person.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from schemas.casework import TeamLabel, WaitReason

MOST_CODES = 500_000
"""Postcodes that a table may spell out: all of the Netherlands has about 470,000 full ones."""
_CODES = re.compile(r"^([1-9][0-9]{3})([A-Z]{2})?(?:-([1-9][0-9]{3})([A-Z]{2})?)?$")
_Label = TeamLabel
_Named = Annotated[str, StringConstraints(min_length=2, max_length=80)]


class RouteTableError(Exception):
    """The route table contradicts itself; the message names the rows."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Team(NamedTuple):
    """A team between its dates; `until` is the first day on which it is no more."""

    id: str
    name: str
    district: str
    area: str | None
    since: date
    until: date | None
    successor: str | None

    def is_open(self, on: date) -> bool:
        return self.since <= on and (self.until is None or on < self.until)


class Row(NamedTuple):
    """One row's say on one postcode: a team, or the desk with the reason."""

    number: int
    team: str | None
    reason: WaitReason | None
    since: date
    until: date | None


class Gap(NamedTuple):
    """Postcodes that have no route from a day on; `number` is the row that had them last."""

    number: int
    day: date
    codes: list[str]


class Table(NamedTuple):
    """A table without contradictions."""

    desk: str
    secret_desk: str
    placing_days: int
    teams: Mapping[str, Team]
    rows: Mapping[str, Sequence[Row]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Head(_Part):
    name: _Named = Field(alias="naam")
    source: str = Field(alias="bron", default="")
    desk: _Label = Field(alias="balie")
    secret_desk: _Label = Field(alias="balieGeheimAdres")
    placing_days: Annotated[int, Field(strict=True, ge=1, le=60)] = Field(
        alias="toedelenBinnenDagen", default=3
    )


class _Team(_Part):
    id: _Label
    name: _Named = Field(alias="naam")
    district: _Named = Field(alias="stadsdeel")
    area: _Named | None = Field(alias="gebied", default=None)
    since: date = Field(alias="van")
    until: date | None = Field(alias="tot", default=None)
    successor: _Label | None = Field(alias="opvolger", default=None)


class _Row(_Part):
    codes: tuple[str, ...] = Field(alias="codes", min_length=1)
    team: _Label | None = Field(alias="team", default=None)
    reason: Literal["grensgeval", "postbus", "geen-team"] | None = Field(
        alias="balie", default=None
    )
    since: date = Field(alias="van")
    until: date | None = Field(alias="tot", default=None)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> _Row:
        if (self.team is None) == (self.reason is None):
            raise ValueError("leads to a team, or to the desk with a reason")
        return self


class _File(_Part):
    head: _Head = Field(alias="tabel")
    teams: tuple[_Team, ...] = Field(alias="team")
    rows: tuple[_Row, ...] = Field(alias="postcodes")


def read_table(text: str) -> Table:
    """Read and check a table. Raises `RouteTableError` with everything that is wrong."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise RouteTableError(
            [_form(item["loc"], item["msg"]) for item in error.errors()]
        ) from None
    except (ValueError, RecursionError):
        raise RouteTableError(["the route table is no TOML"]) from None
    problems = [*_team_problems(file), *_row_problems(file)]
    if problems:
        raise RouteTableError(problems)
    teams = {
        one.id: Team(one.id, one.name, one.district, one.area, one.since, one.until, one.successor)
        for one in file.teams
    }
    rows, problems = _by_code(file)
    if problems:
        raise RouteTableError(problems)
    head = file.head
    return Table(head.desk, head.secret_desk, head.placing_days, teams, rows)


def _form(place: tuple[int | str, ...], message: str) -> str:
    """Where a form goes wrong: rows count from 1, as in every other message."""
    steps = [str(step + 1) if isinstance(step, int) else step for step in place]
    return f"{' '.join(steps)}: {message}"


def _team_problems(file: _File) -> Iterator[str]:
    teams = {team.id: team for team in file.teams}
    desks = {file.head.desk, file.head.secret_desk}
    if len(desks) < 2:
        yield "tabel: balie and balieGeheimAdres are the same desk"
    for number, team in enumerate(file.teams, 1):
        where = f"team {number}"
        if teams[team.id] is not team:
            yield f"{where}: its id is an earlier team's"
        if team.id in desks:
            yield f"{where}: its id is a desk's"
        if team.until is not None and team.until <= team.since:
            yield f"{where}: tot does not lie after van"
        if team.successor is None:
            continue
        if team.until is None:
            yield f"{where}: an opvolger without a tot"
        if team.successor not in teams:
            yield f"{where}: its opvolger is no team"
        elif _comes_back(team, teams):
            yield f"{where}: its opvolger leads back to it"


def _comes_back(team: _Team, teams: Mapping[str, _Team]) -> bool:
    """Whether successors go round; each is looked at once, so that this ends."""
    seen, at = {team.id}, team.successor
    while at is not None and at in teams:
        if at in seen:
            return True
        seen.add(at)
        at = teams[at].successor
    return False


def _row_problems(file: _File) -> Iterator[str]:
    teams = {team.id for team in file.teams}
    for number, row in enumerate(file.rows, 1):
        if row.team is not None and row.team not in teams:
            yield f"postcodes {number}: its team is not listed"
        if row.until is not None and row.until <= row.since:
            yield f"postcodes {number}: tot does not lie after van"


def _by_code(file: _File) -> tuple[dict[str, list[Row]], list[str]]:
    """Rows by postcode, in order of their dates, and what overlaps or is no postcode."""
    rows: dict[str, list[Row]] = {}
    problems: dict[str, None] = {}
    spelled = 0
    for number, one in enumerate(file.rows, 1):
        reason = None if one.reason is None else WaitReason(one.reason)
        row = Row(number, one.team, reason, one.since, one.until)
        for place, written in enumerate(one.codes, 1):
            codes = _spelled_out(written)
            if codes is None:
                problems[f"postcodes {number}: code {place} is no postcode or range"] = None
                continue
            spelled += len(codes)
            if spelled > MOST_CODES:
                return rows, [f"postcodes {number}: more than {MOST_CODES} postcodes in all"]
            for code in codes:
                there = rows.setdefault(code, [])
                for other in there:
                    if _overlap(row, other):
                        rule = f"postcodes {other.number} and {number}: both say where {code} goes"
                        problems[f"{rule} from {max(row.since, other.since)} on"] = None
                there.append(row)
    for found in rows.values():
        found.sort(key=lambda row: row.since)
    return rows, list(problems)


def _overlap(one: Row, other: Row) -> bool:
    return (one.until is None or other.since < one.until) and (
        other.until is None or one.since < other.until
    )


def _spelled_out(written: str) -> list[str] | None:
    """`1011`, `1011-1018`, `1058AB` or `1058AB-1058CZ`; none where it is neither."""
    found = _CODES.match(written)
    if found is None:
        return None
    first, letters, last, until = found.groups()
    if last is None:
        return [written]
    if letters is None and until is None:
        return [str(n) for n in range(int(first), int(last) + 1)] or None
    if letters is None or until is None or first != last:
        return None
    pairs = range(_of_letters(letters), _of_letters(until) + 1)
    return [first + chr(65 + n // 26) + chr(65 + n % 26) for n in pairs] or None


def _of_letters(pair: str) -> int:
    return (ord(pair[0]) - 65) * 26 + ord(pair[1]) - 65
