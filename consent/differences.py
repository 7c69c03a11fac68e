"""What changes between two versions of the protocol, in words, and for whom.

Each change says whether more may pass than before (it widens), less (it narrows), or neither. The
verdict is ours and coarse: an officer reads the sentences, and the widening ones first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from consent.change import Change, Direction, label_of, more_is_wider
from consent.condition_changes import (
    condition_changes,
    exception_changes,
    paper_changes,
    term_changes,
)
from consent.labels import MESSAGES, Label, Language
from consent.lock_changes import field_change, lock_changes
from consent.protocol import Flow, Protocol
from consent.simulation import same_stream, treatment_of
from schemas.fields import Treatment


class FlowDifference(NamedTuple):
    """What changes in one flow: between whom, and each change."""

    flow: str
    between: Label
    changes: tuple[Change, ...]

    @property
    def widens(self) -> bool:
        """Whether anything more may pass."""
        return any(change.direction is Direction.WIDENS for change in self.changes)


def differences(old: Protocol, new: Protocol) -> list[FlowDifference]:
    """Every flow that changes, in the order of the new file; those that are gone last."""
    found: list[FlowDifference] = []
    matched: set[str] = set()
    for flow in new.flows:
        was = same_stream(old, flow)
        if was is None or was.id in matched:
            found.append(FlowDifference(flow.id, _between(flow), (_added(flow, new),)))
            continue
        matched.add(was.id)
        changes = tuple(_changes(was, flow, old, new))
        if changes:
            found.append(FlowDifference(flow.id, _between(flow), changes))
    for flow in old.flows:
        if flow.id not in matched:
            found.append(FlowDifference(flow.id, _between(flow), (_removed(flow),)))
    if old.authority_days != new.authority_days:
        found.append(
            FlowDifference("", Label("alle stromen", "all flows"), (_authority(old, new),))
        )
    if erasing := tuple(_erasing(old, new)):
        found.append(FlowDifference("", Label("alle stromen", "all flows"), erasing))
    return found


def verdict(found: Sequence[FlowDifference]) -> Label:
    """Whether the whole widens or narrows."""
    directions = {change.direction for one in found for change in one.changes}
    if not found:
        return Label("Er verandert niets.", "Nothing changes.")
    match Direction.WIDENS in directions, Direction.NARROWS in directions:
        case True, True:
            return Label("Verruimt en beperkt.", "Widens and narrows.")
        case True, False:
            return Label("Verruimt.", "Widens.")
        case False, True:
            return Label("Beperkt.", "Narrows.")
        case _:
            return Label("Verruimt noch beperkt.", "Neither widens nor narrows.")


def sentences(one: FlowDifference, language: Language) -> list[tuple[Direction, str]]:
    """The changes of a flow as a person reads them, the widening ones first."""
    told = [(change.direction, change.sentence.told(language)) for change in one.changes]
    return sorted(told, key=lambda pair: list(Direction).index(pair[0]))


def _between(flow: Flow) -> Label:
    kind = MESSAGES[flow.message]
    return Label(
        f"{flow.sender} naar {flow.recipient}, {kind.nl} voor {flow.purpose}",
        f"{flow.sender} to {flow.recipient}, {kind.en} for {flow.purpose}",
    )


def _added(flow: Flow, protocol: Protocol) -> Change:
    going = [path for path in flow.fields if treatment_of(flow, path) is not Treatment.DROP]
    why = protocol.purposes[flow.purpose].description
    told = Label(
        f"Nieuw: {flow.sender} gaat gegevens verstrekken aan {flow.recipient}. Waarvoor: {why}"
        f" Mee gaan: {', '.join(label_of(path).nl for path in going)}.",
        f"New: {flow.sender} will hand data to {flow.recipient}. What for: {why}"
        f" These go: {', '.join(label_of(path).en for path in going)}.",
    )
    return Change("gegevensstroom", Direction.WIDENS, told)


def _removed(flow: Flow) -> Change:
    told = Label(
        f"Vervalt: {flow.sender} verstrekt hiervoor niets meer aan {flow.recipient}."
        " Wat nog wacht, wordt vernietigd.",
        f"Gone: {flow.sender} hands {flow.recipient} nothing for this any more."
        " What still waits is destroyed.",
    )
    return Change("gegevensstroom", Direction.NARROWS, told)


def _authority(old: Protocol, new: Protocol) -> Change:
    then, now = old.authority_days, new.authority_days
    told = Label(
        f"Een opgave van gezag geldt {now} dagen; dat was {then}.",
        f"A statement of authority holds {now} days; it was {then}.",
    )
    return Change("gezagGeldigDagen", more_is_wider(then, now), told)


def _erasing(old: Protocol, new: Protocol) -> Iterator[Change]:
    then, now = old.erasure_signatures, new.erasure_signatures
    if then != now:
        told = Label(
            f"Een besluit tot vernietiging vraagt {now} handtekening(en); dat was {then}.",
            f"A decision to erase asks {now} signature(s); it was {then}.",
        )
        yield Change("vernietigenHandtekeningen", more_is_wider(now, then), told)
    then, now = old.erasure_wait_days, new.erasure_wait_days
    if then != now:
        told = Label(
            f"Vernietiging wacht {now} dagen op ontvangers; dat was {then}.",
            f"Erasure waits {now} days for recipients; it was {then}.",
        )
        yield Change("vernietigenWachtDagen", Direction.OTHER, told)


def _changes(was: Flow, now: Flow, old: Protocol, new: Protocol) -> Iterator[Change]:
    for path in dict.fromkeys([*now.fields, *was.fields]):
        then, becomes = treatment_of(was, path), treatment_of(now, path)
        if then is not becomes:
            yield field_change(path, then, becomes, now.recipient)
    yield from lock_changes(was, now)
    yield from term_changes(was, now)
    yield from condition_changes(was, now)
    yield from exception_changes(was, now)
    yield from paper_changes(was, now, old, new)
