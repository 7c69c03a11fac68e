"""Who took over from whom, as far as two officers decided so: pure, and asked of every status.

Nothing carries over by itself (a merger of organisations is no ground for a disclosure). What is
decided is one of a few things, each for itself; agreements never are among them, since a yes was
given to one recipient, and neither are protected exchanges, of which a successor must learn nothing
by this road. Pseudonyms stay each partner's own: a successor cannot link what its predecessor knew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gateway.store.groups import Original


class Carry(StrEnum):
    """What may go over from a partner to its successor."""

    CASES = "zaken"
    """The successor reports on the cases that its predecessor received, and hears of them."""
    REFERENCES = "kenmerken"
    """What is reported on its predecessor's referrals goes to the successor."""
    MAIL = "postvak"
    """Statuses that wait for its predecessor, and were not handed over yet, go to it."""


@dataclass(frozen=True, slots=True)
class Successor:
    """Who took over, what, and from which day on."""

    partner: str
    starts_on: date
    carries: frozenset[Carry]


@dataclass(frozen=True, slots=True)
class Successions:
    """All that stand, by predecessor."""

    by_predecessor: Mapping[str, Successor] = field(default_factory=dict)

    def of(self, partner: str, what: Carry, today: date) -> str:
        """Who stands in a partner's place for this today; the partner itself where nobody does.

        Whoever took over may have been taken over in turn, if each decision carries the same.
        """
        seen = {partner}
        while (next_one := self.by_predecessor.get(partner)) is not None:
            if what not in next_one.carries or today < next_one.starts_on:
                break
            if next_one.partner in seen:
                return next_one.partner  # each of a ring stands for itself
            partner = next_one.partner
            seen.add(partner)
        return partner

    def as_told_by(self, sender: str, original: Original | None, today: date) -> Original | None:
        """An exchange as it stands for whoever reports on it: theirs, if they took it over.

        Who received it and was succeeded may still report what it knows itself.
        """
        if original is None or original.recipient is None or not self.by_predecessor:
            return original
        if original.is_protected:
            return original
        referrer = self.of(original.sender, Carry.REFERENCES, today)
        recipient = self.of(original.recipient, Carry.CASES, today)
        if sender not in (recipient, referrer):
            recipient = original.recipient
        return original._replace(recipient=recipient, sender=referrer)


NO_SUCCESSIONS = Successions()


def successions_of(rows: Iterable[tuple[str, str, date, Sequence[str]]]) -> Successions:
    """Those that stand, from predecessor, successor, first day and what goes over."""
    return Successions(
        {old: Successor(new, day, frozenset(map(Carry, what))) for old, new, day, what in rows}
    )
