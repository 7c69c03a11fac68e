"""What the canonical model objects to, as findings: path and rule, never the value.

pydantic's errors hold the input and may hold its keys; a sender who writes a surname where a field
name belongs must not read it back (invariant 3). So only names that the models know are repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from schemas.deliveries import Finding, Problem
from schemas.referral import Agreement, Authority, Household, Member, Referral
from schemas.zrm import ZrmDomain, ZrmMeasurement

MAX_FINDINGS = 50
"""Findings kept of one record; a record with more is not repaired by reading the others."""

_PROBLEMS = {
    "missing": Problem.MISSING,
    "string_too_short": Problem.MISSING,
    "too_short": Problem.MISSING,
    "string_too_long": Problem.TOO_LONG,
    "too_long": Problem.TOO_LONG,
    "enum": Problem.UNKNOWN_CODE,
    "extra_forbidden": Problem.UNKNOWN_COLUMN,
    "bsn": Problem.ELEVEN_TEST,
    "tegenstrijdig": Problem.CONTRADICTION,
    "teken": Problem.ENCODING,
    "string_unicode": Problem.ENCODING,
    # The JSON reader has parsed the same text before: what is left is half a surrogate pair.
    "json_invalid": Problem.ENCODING,
}


def _aliases(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


_KNOWN = {
    "aanmelding": _aliases(Referral),
    "huishouden": _aliases(Household),
    "lid": _aliases(Member),
    "lid.zrm": _aliases(ZrmMeasurement) - {"scores"} | frozenset(ZrmDomain),
    "lid.instemming": _aliases(Agreement),
    "lid.gezag": _aliases(Authority),
}


def findings_of(error: ValidationError, lines: Sequence[int]) -> list[Finding]:
    """The findings of a `Referral` that did not validate; `lines` holds each member's line."""
    found: dict[Finding, None] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path, member = _path_of(detail["loc"])
        line = lines[member] if member < len(lines) else lines[0]
        problem = _PROBLEMS.get(detail["type"], Problem.INVALID)
        if path == "huishouden.leden" and problem is Problem.TOO_LONG:
            problem = Problem.TOO_MANY
        found[Finding(line, path, problem)] = None
        if len(found) == MAX_FINDINGS:
            break
    return list(found)


def _path_of(loc: tuple[int | str, ...]) -> tuple[str, int]:
    """The path in the protocol's vocabulary, and the member's place (0 for the household)."""
    match loc:
        case ("huishouden", "leden", int(member), "zrm", "scores", *rest):
            return _known("lid.zrm", rest), member
        case ("huishouden", "leden", int(member), "zrm" | "instemming" as part, *rest):
            return _known(f"lid.{part}", rest), member
        case ("huishouden", "leden", int(member), "gezag", int(), *rest):
            return _known("lid.gezag", rest), member
        case ("huishouden", "leden", int(member), "verdereInstemmingen", int(), *rest):
            return _known("lid.instemming", rest), member
        case ("huishouden", "leden", int(member), *rest):
            return _known("lid", rest), member
        case ("huishouden", *rest):
            return _known("huishouden", rest), 0
        case _:
            return _known("aanmelding", loc), 0


def _known(section: str, rest: Sequence[int | str]) -> str:
    if rest and rest[0] in _KNOWN[section]:
        return f"{section}.{rest[0]}"
    return section
