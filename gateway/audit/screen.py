"""What a verifier reads in entries that a signed root covers: form, ids, times, and predecessors.

Each entry must be canonical JSON (RFC 8785, the subset of `entry`) and have an id that no other
has. Names of events are counted. Entries that name a volume before theirs are kept.

Time proves little, for whoever keeps the log writes it; so what is out of order is told and not
refused, since a clock that was once wrong must not spoil a log for ever. An entry is told of when
it ended more than an hour before an entry above it did, or before a witness saw the log without it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.audit.entry import EntryError, decode_entry
from gateway.audit.tiles import TILE_WIDTH, Bundle

OTHER_EVENTS = "(other)"
"""Counts the entries whose event name is too long, or one too many, to be listed."""
SLACK = 3_600_000
"""How far entries may stand out of the order of time, in milliseconds; a group takes seconds."""
_MAX_EVENTS = 256
_MAX_EVENT_LENGTH = 80
_MAX_PREDECESSORS = 16


class Predecessor(NamedTuple):
    """The volume before, as an entry names it: its origin, and its size and root at its end.

    Where a database was put back, `restored` is what was left of it; and where nothing was left of
    that volume, what was left of the one that `restored_origin` names.
    """

    place: int
    origin: str
    size: int
    root: str
    restored: tuple[int, str] | None = None
    restored_origin: str | None = None

    def ends(self) -> dict[str, set[tuple[int, str]]]:
        """Which volumes may stand before, and what each may be at its end; the named one first."""
        ends = {self.origin: {(self.size, self.root)}}
        if self.restored is not None:
            ends.setdefault(self.restored_origin or self.origin, set()).add(self.restored)
        return ends


class BackDated(NamedTuple):
    """How many entries bear an earlier time than they can have, and the first of them."""

    entries: int
    first: int


class Flaw(NamedTuple):
    """What is wrong with an entry: where it stands, and the rule."""

    file: str
    place: int
    rule: str


class EntryScreen:
    """Reads each entry once; keeps what it finds until the steps before its own are done.

    `witnessed` says when a witness saw the log at a size, in milliseconds since 1970.
    """

    def __init__(self, id_field: str, witnessed: Mapping[int, int]) -> None:
        self.events: Counter[str] = Counter()
        self.predecessors: list[Predecessor] = []
        self.not_canonical: Flaw | None = None
        self.without_id: Flaw | None = None
        self.id_field = id_field
        self._witnessed = dict(witnessed)
        self._seen = _SeenIds()
        self._latest = 0
        self._early = 0
        self._first_early = -1

    def look_at(self, bundle: Bundle, entries: Sequence[bytes]) -> None:
        """Read the next bundle."""
        if self.not_canonical:
            return
        for index, entry in enumerate(entries, bundle.index * TILE_WIDTH):
            try:
                fields = decode_entry(entry)
            except EntryError as error:
                self.not_canonical = Flaw(bundle.path, index, str(error))
                return
            entry_id = fields.get(self.id_field)
            if isinstance(entry_id, str):
                self._seen.add(entry_id)
            elif self.without_id is None:
                self.without_id = Flaw(bundle.path, index, "the entry has no id")
            self._note(index, fields)

    def back_dated(self) -> BackDated | None:
        """The entries that bear an earlier time than they can have, if there are any."""
        return BackDated(self._early, self._first_early) if self._early else None

    def doubtful(self) -> dict[int, set[str]]:
        """The bits of ids that may stand more than once, each with room for the ids themselves."""
        return self._seen.doubtful()

    def _note(self, index: int, fields: dict[str, object]) -> None:
        event = fields.get("event")
        if isinstance(event, str):
            self._count(event)
        if self._witnessed and index in self._witnessed:
            self._latest = max(self._latest, self._witnessed[index])
        ended = fields.get("endTime")
        if isinstance(ended, int):
            if ended < self._latest - SLACK:
                self._first_early = index if not self._early else self._first_early
                self._early += 1
            elif ended > self._latest:
                self._latest = ended
        if "predecessor" in fields:
            self._keep_predecessor(index, fields["predecessor"])

    def _count(self, event: str) -> None:
        # An operator may sign anything; a million different names must not fill our memory.
        if event not in self.events and (
            len(self.events) >= _MAX_EVENTS or len(event) > _MAX_EVENT_LENGTH
        ):
            event = OTHER_EVENTS
        self.events[event] += 1

    def _keep_predecessor(self, index: int, named: object) -> None:
        if not isinstance(named, dict) or len(self.predecessors) >= _MAX_PREDECESSORS:
            return
        origin, size, root = (named.get(name) for name in ("origin", "size", "root"))
        if isinstance(origin, str) and isinstance(size, int) and isinstance(root, str):
            left = _restored(named.get("restored"))
            self.predecessors.append(Predecessor(index, origin, size, root, *left))


def _restored(named: object) -> tuple[tuple[int, str] | None, str | None]:
    if not isinstance(named, dict):
        return None, None
    size, root, origin = named.get("size"), named.get("root"), named.get("origin")
    if not isinstance(size, int) or not isinstance(root, str):
        return None, None
    return (size, root), origin if isinstance(origin, str) else None


class _SeenIds:
    """64 bits of each id (Python's keyed hash), in buckets so that comparing them stays small."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(256)]

    def add(self, entry_id: str) -> None:
        bits = hash(entry_id)
        self._buckets[bits & 255].append(bits)

    def doubtful(self) -> dict[int, set[str]]:
        crowded = (bucket for bucket in self._buckets if len(set(bucket)) < len(bucket))
        counts = (Counter(bucket) for bucket in crowded)
        return {bits: set() for count in counts for bits, times in count.items() if times > 1}
