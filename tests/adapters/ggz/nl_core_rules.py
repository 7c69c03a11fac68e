"""The invariants of nl-core's own profiles that concern what is written of a person.

No FHIRPath is run: each rule stands here by hand, beside the expression that it was read from, so
that another edition of a profile is noticed (`test_nl_core.py` compares them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

HL7 = "http://hl7.org/fhir/StructureDefinition/"
_PARTS = [
    f"humanname-{whose}-{part}" for whose in ("own", "partner") for part in ("prefix", "name")
]
_QUALIFIER = f"{HL7}iso21090-EN-qualifier"

Json = Any  # a tree as it was written


def _extensions(beside: Json) -> list[Json]:
    return [] if beside is None else list(beside.get("extension", []))


def _text_tells_the_name(name: Json) -> bool:
    qualified = [one for given in name.get("_given", []) for one in _extensions(given)]
    is_whole = any(one["url"] == _QUALIFIER and one["valueCode"] != "IN" for one in qualified)
    return bool(name.get("text")) or not ("family" in name or is_whole)


def _family_tells_its_parts(name: Json) -> bool:
    parts = {one["url"].removeprefix(HL7) for one in _extensions(name.get("_family"))}
    return bool(name.get("family")) or not parts & set(_PARTS)


RULES: dict[str, tuple[str, Callable[[Json], bool]]] = {
    "nl-core-NameInformation-01": (
        "(family.exists() or given.extension.where(url ="
        f" '{_QUALIFIER}').where(value != 'IN').exists()) implies text.hasValue()",
        _text_tells_the_name,
    ),
    "nl-core-NameInformation-02": (
        "("
        + " or ".join(f"extension('{HL7}{part}').exists()" for part in _PARTS)
        + ") implies $this.hasValue()",
        _family_tells_its_parts,
    ),
}
"""Each rule's expression in its profile, and whether a name keeps it."""


def broken_by(bundle: Json) -> Iterator[str]:
    """The rules that a name of a Patient in this Bundle breaks."""
    for one in bundle.get("entry", []):
        for name in one["resource"].get("name", []):
            yield from (key for key, (_, is_kept) in RULES.items() if not is_kept(name))
