"""Stage 4: from full postcode to the label of a team, before minimisation may take the postcode.

The table is data (`routes.toml`, or the operator's own by `SLUIS_ROUTES`; form and checks in
`route_table.py`). Every row has its dates, so a question is always about a day: the same table
answers differently after midnight, and nobody restarts anything. Where the table does not decide,
a desk takes it, where people do; the route never guesses (invariant 9). A secret address goes to a
desk for the whole city, whatever its postcode (ADR 0029).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gateway.exchange.route_table import Gap, RouteTableError, Row, Table, Team, read_table
from schemas.casework import WaitReason

__all__ = ["RouteTableError", "Routed", "Routes", "bundled_routes", "load_routes"]

BUNDLED = Path(__file__).with_name("routes.toml")


class Routed(NamedTuple):
    """Where a referral goes; `reason` where that is the desk, since a person must place it."""

    team: str
    reason: WaitReason | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """A checked route table."""

    desk: str
    secret_desk: str
    placing_days: int
    """Within how many days a person should have placed what waits at the desk."""
    _teams: Mapping[str, Team]
    _rows: Mapping[str, Sequence[Row]]
    """By four digits or by a full postcode, which goes before its four digits."""

    def place(self, postcode: str | None, on: date, *, is_secret: bool = False) -> Routed:
        """Where a full postcode leads on a day."""
        if is_secret:
            return Routed(self.secret_desk)
        if postcode is None:
            return Routed(self.desk, WaitReason.NO_POSTCODE)
        row = self._row(postcode, on) or self._row(postcode[:4], on)
        if row is None:
            return Routed(self.desk, WaitReason.UNKNOWN)
        if row.team is None:
            return Routed(self.desk, row.reason)
        team = self._open(row.team, on)
        return Routed(self.desk, WaitReason.CLOSED) if team is None else Routed(team)

    def team(self, postcode: str | None, on: date) -> str:
        """The label for a full postcode on a day; the desk's where the table does not decide."""
        return self.place(postcode, on).team

    def is_open(self, label: str, on: date) -> bool:
        """Whether this is the label of a team that works on a day."""
        team = self._teams.get(label)
        return team is not None and team.is_open(on)

    def known(self) -> list[str]:
        """Every postcode that the table says anything of, as four digits or in full."""
        return sorted(self._rows)

    def gaps(self, today: date) -> list[Gap]:
        """Postcodes that the table covered and covers no more, now or on a day to come."""
        found: dict[tuple[int, date], list[str]] = {}
        closings = [
            t.until for t in self._teams.values() if t.until is not None and t.until > today
        ]
        for code, rows in self._rows.items():
            ends = [row.until for row in rows if row.until is not None and row.until > today]
            for day in sorted({today, *ends, *closings}):
                before = [row for row in rows if row.since <= day]
                place = self.place(code, day)
                if before and place.reason in (WaitReason.UNKNOWN, WaitReason.CLOSED):
                    found.setdefault((before[-1].number, day), []).append(code)
                    break
        return [Gap(number, day, codes) for (number, day), codes in sorted(found.items())]

    def _row(self, code: str, on: date) -> Row | None:
        for row in self._rows.get(code, ()):
            if row.since <= on and (row.until is None or on < row.until):
                return row
        return None

    def _open(self, label: str, on: date) -> str | None:
        """The team itself, or who took its work over; none where nobody did."""
        team = self._teams[label]
        while team.until is not None and on >= team.until:
            if team.successor is None:
                return None
            team = self._teams[team.successor]
        return team.id if team.is_open(on) else None


def load_routes(text: str) -> Routes:
    """Read a route table. Raises `RouteTableError` with every contradiction, by row."""
    table: Table = read_table(text)
    return Routes(table.desk, table.secret_desk, table.placing_days, table.teams, table.rows)


def bundled_routes() -> Routes:
    """The table that ships with Sluis."""
    return load_routes(BUNDLED.read_text(encoding="utf-8"))
