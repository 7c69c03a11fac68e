"""The monthly report on access: made from the log, shown to an officer, and remembered as reviewed.

A regulator fined a hospital that had no systematic review of its logs (HagaZiekenhuis, 2019), and
said not how often was often enough: so every month has a report, each says which months nobody
reviewed, and a review is a signed act in the access log itself. The generic report names no user
and no person; a specific one does (`specific.py`), for a stated reason.

`digest` is SHA-256 over what the log gave (the acts, the lists that follow from them, and where in
the log they stand), so that a signed review says what was looked at.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import ActorKind
from gateway.audit.series import NAMES
from gateway.identity.acts import Act, Sign, may_look, signed_act
from gateway.identity.approvals import whole_second
from gateway.reports.access_report.accesses import read_access
from gateway.reports.access_report.findings import (
    Finding,
    Month,
    Thresholds,
    findings,
    made_finding,
)
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.reports.breach.persons import Numbers
from gateway.reports.breach.scope import local
from gateway.store import reports as store
from gateway.store.groups import TOEGANG, Connection
from gateway.store.history import driver_of
from gateway.store.lifecycle import moment_of, officers_by_id
from gateway.store.partners import list_partners
from gateway.store.reports import AccessReview, Span
from gateway.vault.keys import KeyProvider

_FIRST_LISTED = 24
"""Months back that are looked at for a missing review."""


_ALL = UUID(int=0)
"""Signed in the place of one thing by who looks at all."""


class NoSuchMonthError(Exception):
    """There is nothing to report on of this month; the message says why."""


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar month in Amsterdam."""

    month: str

    @property
    def begins(self) -> datetime:
        year, month = (int(part) for part in self.month.split("-"))
        return datetime(year, month, 1, tzinfo=AMSTERDAM)

    @property
    def ends(self) -> datetime:
        begins = self.begins
        following = begins.replace(day=28) + timedelta(days=4)
        return following.replace(day=1)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing more can come into it, an hour for late entries included."""
        return now >= self.ends + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review as the report shows it; `is_same` says whether it was of this very report."""

    officer: str
    at: datetime
    finding: str
    case: str | None
    is_same: bool


@dataclass(frozen=True, slots=True)
class AccessReport:
    """One month's report."""

    period: Period
    made_at: datetime
    made_by: str
    limits: Thresholds
    totals: tuple[tuple[str, str, int], ...]
    findings: tuple[Finding, ...]
    reviews: tuple[Reviewed, ...]
    not_reviewed: tuple[str, ...]
    digest: bytes
    entries: int
    is_over: bool
    own_acts: int = 0
    """Acts of the very officer who asks: somebody else should look at those."""


class Names:
    """What a report calls people: numbers in its own domain; organisations by their name."""

    def __init__(self, keys: KeyProvider, month: str) -> None:
        self._numbers = Numbers(keys, "toegangsrapport", month)

    def person(self, subject: UUID) -> str:
        """A data subject's number."""
        return self._numbers.of(subject)

    def actor(self, kind: str, actor: str) -> str:
        """A user's number, or an organisation's id."""
        match kind:
            case ActorKind.PARTNER:
                return actor
            case ActorKind.UNKNOWN:
                return "onbekend"
            case _:
                id_ = hashlib.sha256(f"{kind}\x00{actor}".encode()).digest()[:16]
                return "U" + self._numbers.of(uuid.UUID(bytes=id_))[1:] + f" ({kind})"


async def make_report(
    engine: AsyncEngine,
    keys: KeyProvider,
    month: str,
    asker: tuple[str, Sign] | None,
    limits: Thresholds | None = None,
) -> AccessReport:
    """A month's report. `asker` is an officer, or else an operator of the machine asks.

    Raises `MayNotActError` or `NoSuchMonthError`.
    """
    async with engine.connect() as connection:
        now = whole_second(await moment_of(connection))
        if asker is not None:
            officer = may_look((await officers_by_id(connection)).get(asker[0]), now)
            signed_act(officer, Act.OPEN_ACCESS, _ALL, now, {"month": month}, asker[1])
        partners = await list_partners(engine)
        suspended = [one.id for one in partners if one.is_suspended]
        return await report_of(
            await driver_of(connection),
            keys,
            Period(month),
            now,
            "een beheerder" if asker is None else asker[0],
            limits or Thresholds(),
            suspended,
        )


async def report_of(
    raw: Connection,
    keys: KeyProvider,
    period: Period,
    now: datetime,
    made_by: str,
    limits: Thresholds,
    suspended: Sequence[str],
) -> AccessReport:
    """The report, in the caller's transaction. Raises `NoSuchMonthError`."""
    if period.begins > now:
        raise NoSuchMonthError("this month is yet to come")
    names = Names(keys, period.month)
    ended = {officer: int(at.timestamp() * 1000) for officer, at in await store.ended_officers(raw)}
    month = Month(names.actor, names.person, limits, ended)
    begin, end = _millis(period.begins), _millis(period.ends)
    spans = await store.spans_of(raw, TOEGANG, begin, end)
    count = await _read(raw, spans, month, begin, end)
    listed = findings(month, suspended)
    totals = tuple(
        (names.actor(kind, actor), kind, times)
        for (kind, actor), times in sorted(month.acts.items(), key=lambda one: (one[0][0], -one[1]))
    )
    digest = _digest(period, spans, count, totals, listed)
    listed += [
        await _emergencies(raw, names, period, now),
        await _senders(raw, period, limits),
        await _expiring(raw, period, now, limits),
    ]
    reviews = await store.access_reviews(raw)
    return AccessReport(
        period,
        now,
        made_by,
        limits,
        totals,
        tuple(listed),
        tuple(_of_month(reviews, period.month, digest)),
        tuple(await _not_reviewed(raw, reviews, now)),
        digest,
        count,
        period.is_over(now),
        month.acts[ActorKind.OFFICER, made_by],
    )


async def _read(raw: Connection, spans: Sequence[Span], month: Month, begin: int, end: int) -> int:
    count = 0
    for span in spans:
        async for page in store.leaves_of(raw, span):
            for leaf in page:
                act = read_access(leaf)
                if act is not None and begin <= act.at < end:
                    month.take(act)
                    count += 1
    return count


def _digest(
    period: Period,
    spans: Sequence[Span],
    count: int,
    totals: Sequence[tuple[str, str, int]],
    listed: Sequence[Finding],
) -> bytes:
    seen = {
        "entries": count,
        "log": [[span.name, NAMES[TOEGANG]] for span in spans],
        "month": period.month,
        "findings": [[one.code, one.threshold, list(map(list, one.rows))] for one in listed],
        "totals": [list(one) for one in totals],
    }
    return hashlib.sha256(orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)).digest()


async def _emergencies(raw: Connection, names: Names, period: Period, now: datetime) -> Finding:
    found = await store.emergencies_of(raw, period.begins, period.ends)
    rows = []
    for one in found:
        if one.reviewed_at is not None:
            who = names.actor(ActorKind.OFFICER, one.officer or "")
            late = " (te laat)" if one.reviewed_at > one.due_at else ""
            state = f"{one.outcome} op {local(one.reviewed_at)} door {who}{late}"
        else:
            state = "TE LAAT" if one.due_at < now else f"voor {local(one.due_at)}"
        rows.append((local(one.received_at), one.sender, one.recipient or "", one.reason, state))
    return made_finding(
        "noodverstrekkingen",
        "Noodverstrekkingen en hun beoordeling",
        "Een noodverstrekking gaat zonder instemming; elk wordt achteraf beoordeeld, op tijd.",
        "Elke in deze maand, en elke oudere die nog wacht of deze maand is beoordeeld.",
        ("Wanneer", "Verzender", "Ontvanger", "Reden", "Beoordeling"),
        rows,
        asks=any(row[-1] == "TE LAAT" for row in rows),
    )


async def _senders(raw: Connection, period: Period, limits: Thresholds) -> Finding:
    rows = []
    for one in await store.senders_of(raw, period.begins, period.ends):
        share = round(100 * one.refused / one.messages)
        if one.refused >= limits.refusals and share >= limits.refused_percent:
            rows.append(
                (one.sender, str(one.messages), str(one.refused), str(one.unreadable), f"{share}%")
            )
    return made_finding(
        "geweigerde-berichten",
        "Ketenpartners met veel geweigerde berichten",
        "Een partner die veel stuurt wat niet mag, kent het protocol niet of heeft een fout in de"
        " koppeling. Elk bericht dat wordt geweigerd, is toch verstuurd.",
        f"Vanaf {limits.refusals} geweigerd en {limits.refused_percent}% (refusals,"
        " refused_percent); zonder beschermde uitwisselingen.",
        ("Verzender", "Berichten#", "Geweigerd#", "waarvan onleesbaar#", "Deel#"),
        rows,
        asks=bool(rows),
    )


async def _expiring(raw: Connection, period: Period, now: datetime, limits: Thresholds) -> Finding:
    begin = max(now, period.ends) if period.is_over(now) else now
    last = (begin + timedelta(days=limits.expiring)).date()
    today = now.astimezone(AMSTERDAM).date()
    rows = [
        (one.kind, one.whose, one.what, f"{one.until:%d-%m-%Y}",
         "VERLOPEN" if one.until < today else f"nog {(one.until - today).days} dagen")
        for one in await store.expiring_until(raw, last)
    ]  # fmt: skip
    return made_finding(
        "verloopt",
        "Sleutels en mandaten die verlopen",
        "Met een verlopen sleutel staat een koppeling stil, en zonder mandaat mag niemand"
        " besluiten. Vraag nu om een nieuwe.",
        f"Verloopt binnen {limits.expiring} dagen (expiring), of verliep in het laatste jaar.",
        ("Soort", "Van", "Kenmerk", "Tot en met", "Stand"),
        rows,
        asks=any(row[-1] == "VERLOPEN" for row in rows),
    )


def _of_month(reviews: Sequence[AccessReview], month: str, digest: bytes) -> list[Reviewed]:
    return [
        Reviewed(one.officer, one.reviewed_at, one.finding, one.case, one.digest == digest)
        for one in reviews
        if one.month == month
    ]


async def _not_reviewed(
    raw: Connection, reviews: Sequence[AccessReview], now: datetime
) -> list[str]:
    """The months that are over, since the log began, that nobody reviewed; oldest first."""
    first = await store.first_access(raw, TOEGANG)
    if first is None:
        return []
    began = datetime.fromtimestamp(orjson.loads(first)["endTime"] / 1000, UTC)
    done = {one.month for one in reviews}
    months = []
    at = Period(f"{began.astimezone(AMSTERDAM):%Y-%m}")
    while at.is_over(now):
        if at.month not in done:
            months.append(at.month)
        at = Period(f"{at.ends:%Y-%m}")
    return months[-_FIRST_LISTED:]


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
