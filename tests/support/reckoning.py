"""What came of many races: the books of the processes held against the log and the database.

The log's order is that of the commits, since its head is the last lock that any of them takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as filled
from statistics import median, quantiles
from uuid import UUID

from gateway.store.groups import CLEARED, DONE, HELD, PURGED, REFUSED
from tests.gateway.exchange.road import Logged, Road
from tests.support.contested import REDUCED, WHOLE
from tests.support.messages import Json
from tests.support.races import Field, Plan


@dataclass
class Figures:
    """What came of it."""

    races: int = 0
    controls: int = 0
    overtaken: int = 0
    """Where a "no" or an erasure came before the hand-over; in the others it came after."""
    disclosures: int = 0
    sendings: int = 0
    kills: int = 0
    pauses: int = 0
    lapsed: int = 0
    suspensions: int = 0
    protocols: int = 0
    late_releases: int = 0
    late_sendings: int = 0
    lost: int = 0
    wrong: int = 0
    faults: Counter[str] = filled(default_factory=Counter)
    asked: list[float] = filled(default_factory=list)
    """Seconds from asking to the answer that a "no" was recorded."""
    effect: list[float] = filled(default_factory=list)
    """Seconds from that answer to the last sending that was open when it came; mostly none."""
    problems: list[str] = filled(default_factory=list)

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def violations(self) -> int:
        return self.late_releases + self.late_sendings + self.lost + self.wrong

    def __str__(self) -> str:
        counts = {n: v for n, v in vars(self).items() if isinstance(v, int)}
        told = [f"{n.replace('_', ' ')} {v}" for n, v in counts.items()]
        told += [f"violations {self.violations}", f"faults {dict(self.faults)}"]
        for name, seconds in (("asked to recorded", self.asked), ("to effect", self.effect)):
            p99 = quantiles(seconds, n=100)[98]
            most = max(seconds)
            told.append(
                f"{name}: median {median(seconds) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, "
                f"most {most * 1000:.0f} ms"
            )
        return "\n".join(told)


@dataclass
class Window:
    """A stretch of the log in which something surely held, or may have held."""

    after: int
    before: int = 2**62

    def has(self, index: int) -> bool:
        return self.after <= index < self.before


@dataclass
class Happened:
    """What was done to all at once, and when: in indices of the log."""

    figures: Figures = filled(default_factory=Figures)
    maybe_suspended: list[Window] = filled(default_factory=list)
    surely_suspended: list[Window] = filled(default_factory=list)
    versions: list[tuple[str, Window]] = filled(default_factory=list)


class Reckoning:
    """The books of the processes, held against the log and the database."""

    def __init__(
        self, road: Road, field: Field, happened: Happened, books: Sequence[Json], sent: set[str]
    ) -> None:
        self._road = road
        self._field = field
        self._happened = happened
        self._books = books
        self._sent = set(sent)
        self._figures = happened.figures
        self._forbidden: dict[UUID, int] = {}
        """The first entry after which a person may not be in any message."""
        self._decided: dict[str, Logged] = {}

    def _problem(self, kind: str, what: str) -> None:
        setattr(self._figures, kind, getattr(self._figures, kind) + 1)
        if len(self._figures.problems) < 20:
            self._figures.problems.append(what)

    async def all(self) -> None:
        entries = await self._road.entries()
        assert [one.index for one in entries] == list(range(len(entries))), "the log has holes"
        self._look_for_events(entries)
        self._look_at_releases(entries)
        self._look_at_versions(entries)
        self._look_at_sendings()
        await self._look_for_lost(entries)
        self._count_races()

    def _look_for_events(self, entries: Sequence[Logged]) -> None:
        for one in entries:
            is_no = one.event == "instemming" and not one.entry["given"]
            if is_no or one.event == "vernietiging":
                (subject,) = one.subjects
                self._forbidden.setdefault(subject, one.index)
            if one.event == "besluit":
                exchange = str(one.entry["exchange"])
                if exchange in self._decided:
                    self._problem("wrong", f"{exchange} was decided twice")
                self._decided[exchange] = one

    def _is_forbidden(self, subjects: Iterable[UUID], index: int) -> bool:
        return any(self._forbidden.get(subject, index) < index for subject in subjects)

    def _look_at_releases(self, entries: Sequence[Logged]) -> None:
        for one in entries:
            if one.event not in ("besluit", "verstrekking") or "notice" in one.entry:
                continue
            exchange = str(one.entry["exchange"])
            decision = self._decided[exchange]
            is_permit = one.event == "verstrekking" or one.entry["decision"] == "toegelaten"
            if not is_permit:
                continue
            if one.event == "verstrekking":
                self._figures.disclosures += 1
                whom = decision.subjects if one.entry["sender"] == WHOLE else one.subjects
            else:
                whom = one.subjects if one.entry["sender"] == WHOLE else one.subjects[:1]
            if self._is_forbidden(whom, one.index):
                self._problem("late_releases", f"{exchange}: {one.event} {one.index} after a no")
            is_suspended = any(w.has(one.index) for w in self._happened.surely_suspended)
            if is_suspended and one.entry["sender"] == REDUCED:
                self._problem("late_releases", f"{exchange}: {one.index} while suspended")

    def _look_at_versions(self, entries: Sequence[Logged]) -> None:
        for version, window in self._happened.versions:
            for one in entries[window.after : min(window.before, len(entries))]:
                if one.entry["protocol"]["version"] != version:
                    self._problem("late_releases", f"{one.index} is not by {version}")

    def _look_at_sendings(self) -> None:
        answered: dict[str, float] = {}
        exchange_of = {line["n"]: line["exchange"] for line in self._books if "exchange" in line}
        for line in self._books:
            if line.get("deed", "erase") != "erase":
                self._figures.asked.append(line["answered"] - line["asked"])
                if (exchange := exchange_of.get(line["n"])) is not None:
                    answered.setdefault(exchange, line["answered"])
            self._figures.lapsed += "lapsed" in line
            if "fault" in line:
                self._figures.faults[f"{line['at']}: {line['fault']}"] += 1
        last: dict[str, float] = {}
        for line in self._books:
            if "sent" not in line:
                continue
            if line["started"] - line["released"] > self._field.lapse:
                self._problem("late_sendings", "begun later than its release was good for")
            for exchange, (members, count, has_note) in line["sent"]:
                self._figures.sendings += 1
                self._sent.add(exchange)
                if members != count or has_note != (members == 2):
                    self._problem("wrong", f"{exchange} left with {members} of {count}")
                sender = self._decided[exchange].entry["sender"]
                if line["released"] < answered.get(exchange, 0.0) and sender == WHOLE:
                    last[exchange] = max(last.get(exchange, 0.0), line["started"])
        for exchange, moment in answered.items():
            self._figures.effect.append(max(0.0, last.get(exchange, 0.0) - moment))

    async def _look_for_lost(self, entries: Sequence[Logged]) -> None:
        purges: dict[str, list[int]] = {}
        for one in entries:
            if one.event == "verwijdering":
                purges.setdefault(str(one.entry["exchange"]), []).append(one.index)
        rows = await self._road.pool.fetch("select id::text, state from exchange")
        states: dict[str, int] = {row[0]: row[1] for row in rows}
        answers = {line["exchange"] for line in self._books if "exchange" in line}
        assert len(answers) == self._field.households
        for exchange in answers:
            state, decision = states[exchange], self._decided[exchange]
            is_forbidden = self._is_forbidden(decision.subjects, len(entries))
            if decision.entry["sender"] == REDUCED:
                # Without the partner it goes on; without the applicant it does not.
                is_forbidden = self._is_forbidden(decision.subjects[:1], len(entries))
            at = [*purges.get(exchange, ()), decision.index]
            may_be_suspended = decision.entry["sender"] == REDUCED and any(
                window.has(index) for window in self._happened.maybe_suspended for index in at
            )
            self._figures.overtaken += is_forbidden and exchange not in self._sent
            if state in (DONE, CLEARED) and exchange not in self._sent:
                self._problem("lost", f"{exchange} was acknowledged and never sent")
            if state in (PURGED, HELD) and not is_forbidden and not may_be_suspended:
                self._problem("lost", f"{exchange} did not go, and nobody forbade it")
            if state == REFUSED and not may_be_suspended:
                self._problem("lost", f"{exchange} was refused")
            if state not in (DONE, CLEARED, PURGED, HELD, REFUSED):
                self._problem("lost", f"{exchange} still waits")

    def _count_races(self) -> None:
        for number in range(self._field.households):
            is_race = bool(Plan.of(self._field, number).deeds)
            self._figures.races += is_race
            self._figures.controls += not is_race
