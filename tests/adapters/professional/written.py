"""A referral as rows of the professionals' columns, and those rows as CSV or as a workbook."""

import csv
import io
from collections.abc import Mapping, Sequence

from adapters.professional.columns import COLUMNS
from adapters.tabular.columns import Column, Part
from schemas.referral import Referral
from tests.adapters.tabular.workbooks import written

Known = Mapping[str, object]
PROPER = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rows_of(referral: Referral) -> list[dict[str, str]]:
    """Every column present; what belongs to the household in the first row alone."""
    wire = referral.model_dump(mode="json", by_alias=True)
    members = wire["huishouden"]["leden"]
    first = _row({**_parts(wire), **_member(members[0])})
    later = [{"kenmerk": referral.reference} | _row(_member(member)) for member in members[1:]]
    return [first, *({**dict.fromkeys(COLUMNS, ""), **one} for one in later)]


def _parts(wire: dict[str, object]) -> dict[Part, object]:
    asked = wire.get("bescherming")
    protection: dict[str, object] = {}
    if isinstance(asked, dict):
        protection = {**asked["professional"], "reden": asked["reden"]}
    return {
        Part.REFERRAL: wire,
        Part.HOUSEHOLD: wire["huishouden"],
        Part.PROTECTION: protection,
    }


def _member(member: dict[str, object]) -> dict[Part, object]:
    zrm, authority = member["zrm"], member["gezag"]
    stated = authority[0] if isinstance(authority, list) and authority else None
    return {
        Part.MEMBER: member,
        Part.ZRM_DATE: zrm,
        Part.SCORE: zrm["scores"] if isinstance(zrm, dict) else None,
        Part.AGREEMENT: member["instemming"],
        Part.AUTHORITY: stated,
    }


def _row(parts: Mapping[Part, object]) -> dict[str, str]:
    return {
        name: _cell(column, part.get(column.key))
        for name, column in COLUMNS.items()
        if isinstance(part := parts.get(column.part), dict)
    }


def _cell(column: Column, value: object) -> str:
    if column.key == "houders" and isinstance(value, list):
        return " ".join(
            str(one["lid"] + 1) if one["lid"] is not None else one["burgerservicenummer"]
            for one in value
        )
    if column.key == "doorLid" and isinstance(value, int):
        return str(value + 1)
    if isinstance(value, bool):
        return "ja" if value else "nee"
    return "" if value is None else str(value)


def as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


FORMS = {"text/csv": as_csv, PROPER: written}
"""How rows are written, by media type."""
