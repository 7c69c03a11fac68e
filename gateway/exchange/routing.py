"""Stage 4: from full postcode to the label of the team's area, before minimisation may take it.

The table is data (`routes.toml`, or the operator's own by `SLUIS_ROUTES`): ranges of four-digit
postcodes to a stadsdeel. A postcode on a border, outside the table, or missing goes to the desk
where people decide; the route never guesses (invariant 9).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_Pc4 = Annotated[int, Field(ge=1000, le=9999)]


class RouteTableError(Exception):
    """The route table contradicts itself; the message names the entry."""


class _Area(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(alias="gebied", min_length=2)
    ranges: list[tuple[_Pc4, _Pc4]] = Field(alias="postcodes")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    desk: str = Field(alias="balie")
    ambiguous: list[_Pc4] = Field(alias="grensgevallen")
    areas: list[_Area] = Field(alias="gebied")


class Routes:
    """A checked route table."""

    def __init__(self, desk: str, by_pc4: dict[str, str]) -> None:
        self.desk = desk
        self._by_pc4 = by_pc4

    def team(self, postcode: str | None) -> str:
        """The label for a full postcode; the desk's where the table does not decide."""
        return self.desk if postcode is None else self._by_pc4.get(postcode[:4], self.desk)


def load_routes(text: str) -> Routes:
    """Read a route table. Raises `RouteTableError`."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise RouteTableError("the route table does not have the described form") from error
    by_pc4: dict[str, str] = {}
    for area in file.areas:
        for first, last in area.ranges:
            for pc4 in range(first, last + 1):
                if by_pc4.setdefault(str(pc4), area.label) != area.label:
                    raise RouteTableError(f"postcode {pc4} stands under two areas")
    for pc4 in file.ambiguous:
        by_pc4.pop(str(pc4), None)
    return Routes(file.desk, by_pc4)


def bundled_routes() -> Routes:
    """The table that ships with Sluis."""
    return load_routes(Path(__file__).with_name("routes.toml").read_text(encoding="utf-8"))
