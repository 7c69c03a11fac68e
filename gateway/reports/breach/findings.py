"""What a pack tells, gathered: the same findings make the notification and the overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.reports.breach.clock import Clock
from gateway.reports.breach.exposure import Exposure
from gateway.reports.breach.persons import SecretAddresses
from gateway.reports.breach.scope import Scope
from gateway.reports.breach.soundness import Soundness
from gateway.store.exposure import Waiting


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody looked at, by the access log."""

    operation: str
    times: int
    persons: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a pack tells; `names` are what parties are called."""

    scope: Scope
    exposure: Exposure
    minors: int
    age_unknown: int
    secret: SecretAddresses
    looked: Sequence[Looked]
    waiting: Waiting
    sent: int | None
    of_unknown_key: int
    soundness: Sequence[Soundness]
    clock: Clock | None
    case: str | None
    made_at: datetime
    made_by: str
    suspended_at: datetime | None
    names: dict[str, str]
    is_protected: bool = False

    def called(self, party: str) -> str:
        """A party's name, with its id."""
        name = self.names.get(party)
        return f"{name} ({party})" if name and name != party else party
