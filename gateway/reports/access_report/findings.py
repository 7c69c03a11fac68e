"""What a month of the access log holds that an officer should look at: lists, each with its reason.

Pure: acts go in one by one, lists come out. Nobody is named: users and persons have numbers in the
report's own domain, organisations their own name. A list that is empty is shown as empty, so that
an officer sees that it was looked for. Which operations are what: `operations.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from uuid import UUID

from gateway.audit.access import Action, ActorKind
from gateway.reports.access_report.accesses import Access
from gateway.reports.access_report.hours import why_outside
from gateway.reports.access_report.operations import (
    DECISIONS,
    EXPORTS,
    NAMING,
    SEARCHES,
    operation_signed,
)

FEW = 3
"""Persons of one act that are listed one by one."""
SHOWN = 25
"""Rows of a list at most; how many there are more is said."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when something is in a list; an officer sets them, and every report shows them."""

    refusals: int = 10
    consulted: int = 3
    expiring: int = 60
    refused_percent: int = 20

    @classmethod
    def told(cls) -> tuple[str, ...]:
        """Their names."""
        return tuple(one.name for one in fields(cls))


@dataclass(frozen=True, slots=True)
class Finding:
    """One list. `asks` says that something in it waits for somebody."""

    code: str
    title: str
    why: str
    threshold: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0
    asks: bool = False


Name = Callable[[str, str], str]
"""From an actor's kind and id to how the report calls them."""


@dataclass(slots=True)
class Month:
    """What is counted while a month's acts go by."""

    name: Name
    number: Callable[[UUID], str]
    limits: Thresholds = field(default_factory=Thresholds)
    ended: dict[str, int] = field(default_factory=dict)
    acts: Counter[tuple[str, str]] = field(default_factory=Counter)
    outside: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    caseless: list[Access] = field(default_factory=list)
    refused: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    consulted: Counter[UUID] = field(default_factory=Counter)
    consulters: dict[UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    naming: list[Access] = field(default_factory=list)
    exports: list[Access] = field(default_factory=list)
    decisions: list[Access] = field(default_factory=list)
    direct: list[Access] = field(default_factory=list)
    toggles: dict[str, list[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(list))
    by_partner: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    after_end: list[Access] = field(default_factory=list)

    def take(self, act: Access) -> None:
        """One act of the month, in the order of the log."""
        self.acts[act.kind, act.actor] += act.times
        if act.is_error:
            self.refused[act.kind, act.actor, act.operation] += act.times
        for subject in act.subjects:
            self.consulted[subject] += 1
            self.consulters[subject].add(self.name(act.kind, act.actor))
        if EXPORTS.match(act.operation) and not act.is_error:
            self.exports.append(act)
        if act.kind == ActorKind.PARTNER:
            self.by_partner[act.actor].append(act.at)
        if act.is_by_hand:
            self._take_by_hand(act)

    def _take_by_hand(self, act: Access) -> None:
        if (why := why_outside(act.moment)) is not None:
            self.outside[self.name(act.kind, act.actor)][why] += 1
        is_search = act.subjects or SEARCHES.match(act.operation)
        if is_search and act.case is None and not act.is_error:
            self.caseless.append(act)
        if act.reason is not None and act.reason.endswith(NAMING):
            self.naming.append(act)
        if DECISIONS.match(act.operation) and act.action != Action.READ:
            self.decisions.append(act)
        if act.kind == ActorKind.OPERATOR and act.action != Action.READ:
            self.direct.append(act)
        if act.operation in ("partner.suspend", "partner.resume") and not act.is_error:
            self.toggles[act.target or ""].append((act.at, act.operation == "partner.suspend"))
        if act.at > self.ended.get(act.actor, act.at):
            self.after_end.append(act)


def findings(month: Month, suspended_now: Iterable[str]) -> list[Finding]:
    """The lists that follow from the acts themselves."""
    return [
        _outside(month),
        _caseless(month),
        _refusals(month),
        _consulted(month),
        _naming(month),
        _exports(month),
        _decisions(month),
        _direct(month),
        _suspended(month, set(suspended_now)),
    ]


def _outside(month: Month) -> Finding:
    rows = [
        (
            who,
            str(sum(counted.values())),
            str(counted["avond of nacht"]),
            str(counted["weekend"]),
            str(counted["feestdag"]),
        )
        for who, counted in sorted(month.outside.items(), key=lambda one: -one[1].total())
    ]
    return made_finding(
        "buiten-kantooruren",
        "Gebruik buiten kantooruren",
        "Wie ’s avonds, in het weekend of op een feestdag kijkt, doet dat soms zonder dat er werk"
        " voor is. Alleen mensen tellen mee; systemen van ketenpartners werken dag en nacht.",
        "Elke handeling buiten 06:00-19:00 (Amsterdam), op zaterdag, zondag of een feestdag.",
        ("Gebruiker", "Handelingen#", "Avond of nacht#", "Weekend#", "Feestdag#"),
        rows,
    )


def _caseless(month: Month) -> Finding:
    return made_finding(
        "zonder-zaak",
        "Inzage in een persoon of zoeken zonder zaaknummer",
        "Zonder zaak is niet na te gaan waarom iemand keek. Vraag de gebruiker om de zaak.",
        "Elke inzage of zoekopdracht door een mens zonder zaaknummer.",
        _ACT,
        _acts(month, month.caseless),
        asks=bool(month.caseless),
    )


def _refusals(month: Month) -> Finding:
    rows = [
        (month.name(kind, actor), operation_signed(operation), str(count))
        for (kind, actor, operation), count in month.refused.most_common()
        if count >= month.limits.refusals
    ]
    return made_finding(
        "veel-weigeringen",
        "Veel geweigerde of mislukte handelingen",
        "Wie vaak wordt geweigerd, probeert iets wat niet mag, of heeft een kapotte koppeling."
        " Onbekend is wie zich niet kon legitimeren.",
        f"Vanaf {month.limits.refusals} in de maand, per gebruiker en handeling (refusals).",
        ("Gebruiker", "Handeling", "Weigeringen#"),
        rows,
        asks=bool(rows),
    )


def _consulted(month: Month) -> Finding:
    rows = [
        (month.number(subject), str(count), str(len(month.consulters[subject])))
        for subject, count in month.consulted.most_common()
        if count >= month.limits.consulted
    ]
    return made_finding(
        "vaak-ingezien",
        "Vaakst ingeziene personen",
        "Is iemand bekend, familie of in het nieuws, dan wordt vaker gekeken dan nodig. Het nummer"
        " geldt alleen in dit rapport; wie het is, opent u met een reden (--specific).",
        f"Vanaf {month.limits.consulted} keer in de maand (consulted).",
        ("Persoon", "Keren#", "Gebruikers#"),
        rows,
    )


def _naming(month: Month) -> Finding:
    return made_finding(
        "namen-geopend",
        "Namen geopend (heridentificatie)",
        "Namen openen is een zware handeling van twee functionarissen. Klopt de reden met de zaak?",
        "Elke keer.",
        _ACT,
        _acts(month, month.naming),
        asks=bool(month.naming),
    )


def _exports(month: Month) -> Finding:
    return made_finding(
        "uitvoer",
        "Uitvoer en afgegeven stukken",
        "Wat de poort verlaat, is daarna niet meer terug te halen.",
        "Elke keer.",
        _ACT,
        _acts(month, month.exports),
    )


def _decisions(month: Month) -> Finding:
    return made_finding(
        "besluiten",
        "Besluiten: wie keurde goed, adviseerde, schorste of wiste",
        "Deze handelingen veranderen wat mag. Herkent u ze alle, en waren het er twee waar er twee"
        " moeten zijn?",
        "Elke keer.",
        _ACT,
        _acts(month, month.decisions),
    )


def _direct(month: Month) -> Finding:
    return made_finding(
        "beheer",
        "Rechtstreekse handelingen van beheerders",
        "Een beheerder handelt op de machine zelf, buiten de aanmelding van functionarissen om."
        " Vraag bij elk die u niet verwachtte wie het was.",
        "Elke handeling die iets verandert.",
        _ACT,
        _acts(month, month.direct),
    )


def _suspended(month: Month, suspended_now: set[str]) -> Finding:
    rows = []
    for partner, moments in sorted(month.by_partner.items()):
        toggles = sorted(month.toggles.get(partner, []))
        # Before the first change of the month it was the other way round.
        state = not toggles[0][1] if toggles else partner in suspended_now
        count, left = 0, list(toggles)
        for at in moments:
            while left and left[0][0] <= at:
                state = left.pop(0)[1]
            count += state
        if count:
            rows.append((partner, "geschorste ketenpartner", str(count)))
    gone = Counter(month.name(act.kind, act.actor) for act in month.after_end)
    rows += [(who, "functionaris na einde", str(count)) for who, count in gone.most_common()]
    return made_finding(
        "geschorst",
        "Handelingen van wie geschorst of uit dienst is",
        "Wie geschorst is, hoort niets meer te doen. Geweigerde pogingen tellen mee.",
        "Elke keer.",
        ("Wie", "Waarom", "Handelingen#"),
        rows,
        asks=bool(rows),
    )


_ACT = ("Wanneer", "Gebruiker", "Handeling", "Waarover", "Reden", "Zaak", "Uitkomst")


def _acts(month: Month, acts: Sequence[Access]) -> list[tuple[str, ...]]:
    """Alike ones of one day are one row: who exports 2,000 tiles did so once."""
    alike: dict[tuple[str, ...], list[Access]] = defaultdict(list)
    for act in acts:
        about = f"{act.target_kind} {act.target}" if act.target else ""
        if act.target and act.target_kind == "officer":
            about = month.name(ActorKind.OFFICER, act.target)
        if len(act.subjects) > FEW:
            about = f"{about}, {len(act.subjects)} personen".removeprefix(", ")
        elif act.subjects:
            about = ", ".join([about] * bool(about) + [month.number(one) for one in act.subjects])
        alike[
            f"{act.moment:%d-%m-%Y}",
            month.name(act.kind, act.actor),
            operation_signed(act.operation),
            about,
            act.reason or "",
            act.case or "geen",
            f"mislukt ({act.outcome})" if act.is_error else "gedaan",
        ].append(act)
    return [
        (
            f"{same[0].moment:%d-%m-%Y %H:%M}" + (f" ({len(same)}x)" if len(same) > 1 else ""),
            *key[1:],
        )
        for key, same in alike.items()
    ]


def made_finding(
    code: str,
    title: str,
    why: str,
    threshold: str,
    headings: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    asks: bool = False,
) -> Finding:
    """A list of at most `SHOWN` rows, which says how many there are more."""
    shown = tuple(rows[:SHOWN])
    return Finding(code, title, why, threshold, headings, shown, len(rows) - len(shown), asks)
