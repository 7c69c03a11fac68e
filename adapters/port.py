"""The shape of every adapter: bytes in the partner's format to canonical records, and back.

Readers are pushed chunks as they arrive, so that memory stays constant whatever the size, and hold
no clock: `today` is given, so that reading a delivery again after a crash gives the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from schemas.casework import OwnStatus
from schemas.decisions import Rule
from schemas.deliveries import Problem, Record, RecordOutcome


class UnreadableDelivery(Exception):  # noqa: N818  # an outcome that a sender is told, by its name
    """The file as a whole is not what it says it is; nothing of it was taken.

    `where` names a column, an element or the file itself; never a value.
    """

    def __init__(self, problem: Problem, where: str) -> None:
        super().__init__(f"{where}: {problem.value}")
        self.problem = problem
        self.where = where


class DeliveryReader(Protocol):
    """Turns chunks of one delivery into records, in order."""

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """The records completed by `chunk`. Raises `UnreadableDelivery` only before the first."""
        ...

    def close(self) -> Iterable[Record]:
        """What remains at the end, a record cut off half-way as `Unreadable`."""
        ...


class StatusWriter(Protocol):
    """Turns statuses into the partner's export."""

    def __call__(self, statuses: Iterable[OwnStatus]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What the road decided on one record, and the slip that its reader left for the answer.

    `first` is the rule that decided when the same record first came, where this is a repeat: an
    answer that is the same each time (invariant 7) goes by that one.
    """

    outcome: RecordOutcome
    slip: str | None = None
    first: Rule | None = None


class AnswerWriter(Protocol):
    """Turns a delivery's outcomes into the answer that the partner's own format knows.

    None where that format has no answer to this delivery. `at` is when it was worked off, in the
    partner's local time: asked again, the answer is the same.
    """

    def __call__(
        self, answered: Sequence[Answered], delivery: UUID, at: datetime
    ) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """One partner format: readers and writers by media type, without parameters.

    `templates` are empty files, by media type, for whoever fills one in by hand.
    `answer_writers` give a delivery's outcomes in another form than JSON, by media type.
    """

    name: str
    readers: Mapping[str, Callable[[date], DeliveryReader]]
    status_writers: Mapping[str, StatusWriter] = field(default_factory=dict)
    templates: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    answer_writers: Mapping[str, AnswerWriter] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    description: Callable[[str], bytes] | None = None
