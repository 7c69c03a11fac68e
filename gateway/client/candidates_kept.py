"""What people decided on candidates: the same person or not, kept in the casebook's own folder.

Lines are only added, each on disk before it counts, with who decided and when; a later line about
the same two takes the place of the earlier one, and both stay to be read. Persons stand here by the
keys that the casebook knows them by, never by name. Merging files is the casebook's own deed: a
line says that it may be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.client.candidates import Outcome, Proposal
from gateway.client.disk import append_lines, write_whole
from gateway.client.mailbox import Event
from gateway.client.particulars import Particulars, persons_in

FILE = "kandidaten.ndjson"
_LONGEST_NAME = 100


class Verdict(StrEnum):
    """What a person decided of two."""

    SAME = "zelfde"
    OTHER = "niet-zelfde"


class Decided(BaseModel):
    """One decision, as a line holds it; `score` are the bits that were shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    new: str = Field(alias="nieuw", min_length=1, max_length=64)
    known: str = Field(alias="bekend", min_length=1, max_length=64)
    verdict: Verdict = Field(alias="besluit")
    by: str = Field(alias="door", min_length=2, max_length=_LONGEST_NAME)
    at: datetime = Field(alias="op")
    score: float | None = Field(alias="score", default=None)


class Decisions:
    """What was decided in one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._newest: dict[frozenset[str], Decided] = {}
        for line in _lines(self._path):
            self._newest[frozenset((line.new, line.known))] = line

    def of(self, one: str, other: str) -> Decided | None:
        """The newest decision on two persons."""
        return self._newest.get(frozenset((one, other)))

    def decided_same(self, new: str) -> bool:
        """Whether somebody decided who this person is."""
        return any(new in pair and d.verdict is Verdict.SAME for pair, d in self._newest.items())

    def add(self, decided: Decided) -> Self:
        """Keep a decision; on disk when this returns."""
        append_lines(self._path, decided.model_dump_json(by_alias=True).encode() + b"\n")
        self._newest[frozenset((decided.new, decided.known))] = decided
        return self


def rename_decided(folder: Path, pairs: Mapping[str, str]) -> None:
    """Put new pseudonyms for old ones in every line; done again, it changes nothing more."""
    path = folder / FILE
    if not path.exists():
        return
    renamed = [
        line.model_copy(
            update={
                "new": pairs.get(line.new, line.new),
                "known": pairs.get(line.known, line.known),
            }
        )
        for line in _lines(path)
    ]
    write_whole(
        path, b"".join(one.model_dump_json(by_alias=True).encode() + b"\n" for one in renamed)
    )


def _lines(path: Path) -> list[Decided]:
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(Decided.model_validate_json(line))
        except ValidationError:
            continue  # a crash cut it short: nobody was told that it was kept
    return found


def persons_of(events: Iterable[Event]) -> list[Particulars]:
    """Everybody in these referrals, each once, as the newest tells of them."""
    found: dict[str, Particulars] = {}
    for event in events:
        if event.is_referral:
            found |= {one.key: one for one in persons_in(event)}
    return list(found.values())


def still_open(
    proposals: Iterable[Proposal], new: Particulars, decided: Decisions
) -> list[Proposal]:
    """Proposals on which nobody decided yet; none once it was decided who the person is."""
    if decided.decided_same(new.key):
        return []
    return [
        one
        for one in proposals
        if one.outcome is not Outcome.NONE and decided.of(new.key, one.known.key) is None
    ]
