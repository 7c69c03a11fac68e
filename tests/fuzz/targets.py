"""Every parser of Sluis by its name: the one list that all fuzzing goes by.

A parser that takes bytes or text from outside this process belongs in it; docs/fuzzing.md says how
one is added. What was once treated wrongly stays under `corpus/NAME` and is tried at every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.fuzz import border, evidence, formats, mail, papers
from tests.fuzz.examining import Target

CORPUS = Path(__file__).parent / "corpus"


def _listed() -> Mapping[str, Target]:
    found: dict[str, Target] = {}
    for room in (formats, border, mail, evidence, papers):
        for target in room.targets():
            assert target.name not in found, target.name
            found[target.name] = target
    return found


TARGETS = _listed()


def mended(target: Target) -> Iterable[Path]:
    """The inputs that this parser once treated wrongly."""
    return sorted((CORPUS / target.name).glob("*"))


def seeds(target: Target) -> list[bytes]:
    """What mutations begin with: valid and nearly valid inputs, and those once treated wrongly."""
    return [*target.seeds(), *(path.read_bytes() for path in mended(target))]
