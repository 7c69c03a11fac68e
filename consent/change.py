"""One change between two versions of the protocol: what it is about, which way, and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from consent.labels import FIELD_LABELS, Label


class Direction(StrEnum):
    """Whether more may pass than before, or less."""

    WIDENS = "verruimt"
    NARROWS = "beperkt"
    OTHER = "anders"


class Change(NamedTuple):
    """One change in a sentence; `topic` is the key of the file that it is about."""

    topic: str
    direction: Direction
    sentence: Label


def ground_change(topic: str, label: Label, was: str | None, now: str | None) -> Iterator[Change]:
    if was == now:
        return
    if now is None:
        told = Label(f"{label.nl} vervalt.", f"{label.en} is gone.")
        yield Change(topic, Direction.NARROWS, told)
    elif was is None:
        told = Label(f"{label.nl} is nieuw: {now}.", f"{label.en} is new: {now}.")
        yield Change(topic, Direction.WIDENS, told)
    else:
        yield replaced(topic, label, Label(was, was), Label(now, now))


def consent_change(what: Label, consent: Label, *, is_asked: bool) -> Change:
    """Consent that becomes, or is no longer, what opens something."""
    told = Label(
        f"Voor {what.nl} is {'voortaan' if is_asked else 'niet langer'} {consent.nl} nodig.",
        f"{consent.en} is {'asked' if is_asked else 'asked no more'} for {what.en}.",
    )
    return Change("sloten", Direction.NARROWS if is_asked else Direction.WIDENS, told)


def replaced(
    topic: str, label: Label, was: Label, now: Label, direction: Direction = Direction.OTHER
) -> Change:
    """Something that becomes something else."""
    told = Label(
        f"{label.nl} wordt: {now.nl.rstrip('.')}; dat was: {was.nl.rstrip('.')}.",
        f"{label.en} becomes: {now.en.rstrip('.')}; it was: {was.en.rstrip('.')}.",
    )
    return Change(topic, direction, told)


def more_is_wider(before: int, after: int) -> Direction:
    return direction_of(is_wider=after > before, is_narrower=after < before)


def direction_of(*, is_wider: bool, is_narrower: bool) -> Direction:
    if is_wider is is_narrower:
        return Direction.OTHER
    return Direction.WIDENS if is_wider else Direction.NARROWS


def label_of(path: str) -> Label:
    return FIELD_LABELS.get(path, Label(path, path))
