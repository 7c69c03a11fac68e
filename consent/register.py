"""The consent register (toestemmingenregister): a pure fold over append-only events.

A person's standing on one purpose, recipient and category is that of the latest decision; where
decisions bear the same moment, a "no" wins, so that the order of recording never matters. An
event with a date only counts from the start of that day: a withdrawal of the same day stands.
`CATEGORY_ALL` covers every category; a narrower event outweighs it only by a "no".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

CATEGORY_ALL = "*"


class ConsentEvent(NamedTuple):
    """One recorded yes or no (toestemming, weigering, intrekking)."""

    id: UUID
    purpose: str
    recipient: str
    category: str
    given: bool
    decided_at: datetime


class Standing(NamedTuple):
    """Where a person stands: `given` is None when nothing was recorded.

    `refused` are the categories on which a narrower "no" stands, whatever `given` says.
    """

    given: bool | None
    event: UUID | None = None
    refused: frozenset[str] = frozenset()


NOTHING_RECORDED = Standing(None)


def standing(events: Sequence[ConsentEvent], purpose: str, recipient: str) -> Standing:
    """Fold one person's events to where they stand on one purpose and recipient."""
    if len(events) == 1:  # most people, most of the time
        (only,) = events
        if only[1:4] == (purpose, recipient, CATEGORY_ALL):
            return Standing(only.given, only.id)
    latest: dict[str, ConsentEvent] = {}
    for event in events:
        if event.purpose != purpose or event.recipient != recipient:
            continue
        known = latest.get(event.category)
        if known is None or _outweighs(event, known):
            latest[event.category] = event
    whole = latest.pop(CATEGORY_ALL, None)
    refused = frozenset(category for category, event in latest.items() if not event.given)
    if whole is None:
        return Standing(None, None, refused) if refused else NOTHING_RECORDED
    return Standing(whole.given, whole.id, refused)


def _outweighs(event: ConsentEvent, other: ConsentEvent) -> bool:
    if event.decided_at != other.decided_at:
        return event.decided_at > other.decided_at
    if event.given != other.given:
        return not event.given
    # Same answer, same moment: the smaller id, so that the evidence named is always the same.
    return event.id.int < other.id.int
