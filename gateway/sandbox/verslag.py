"""What DWI's application manager reads about a delivery: the report (verslag) in Dutch.

Outcomes are counted as they come, so that a delivery of a million records takes no more memory
than one of ten: of the records that did not simply pass, the first 500 are listed by line, and
the JSON report beside it has all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.client import Declined
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport, DeliveryState, RecordFinding, RecordOutcome

LISTED = 500
"""Records listed by line in the readable report."""
EXPLAINED = 20
"""Remarks on unreadable records that a summary keeps."""

_RULES = {
    Rule.PERMITTED: "Doorgegeven.",
    Rule.NO_FLOW: "Het privacyprotocol kent deze gegevensstroom niet.",
    Rule.GROUND_NOT_ADMITTED: "De grondslag ontbreekt of staat voor deze stroom niet in het"
    " privacyprotocol.",
    Rule.NO_AGREEMENT_IN_FORCE: "Voor deze stroom is geen overeenkomst van kracht.",
    Rule.PARTNER_SUSPENDED: "De uitwisseling met deze partner is opgeschort.",
    Rule.AGREEMENT_INCOMPLETE: "De instemming van het huishouden is niet volledig vastgelegd.",
    Rule.FIELD_REQUIRED: "Een gegeven dat het privacyprotocol eist, ontbreekt.",
    Rule.UNKNOWN_EXCHANGE: "De aanmelding waarnaar wordt verwezen, is niet bekend.",
    Rule.UNREADABLE: "De regel is niet te lezen; zie het genoemde veld.",
    Rule.PROTECTION_NOT_ADMITTED: "Voor deze stroom kan geen bescherming worden gevraagd; doe het"
    " zonder, of vraag de privacyfunctionaris.",
    Rule.EMERGENCY: "Doorgegeven als noodverstrekking, tot het gevraagde moment; de"
    " privacyfunctionaris beoordeelt dit.",
    Rule.EMERGENCY_NOT_ADMITTED: "Deze noodverstrekking valt buiten het privacyprotocol:"
    " stroom, stap van de meldcode of duur.",
    Rule.REFERENCE_REUSED: "Dit kenmerk is eerder gebruikt voor een andere inhoud.",
    Rule.DUPLICATE: "Deze aanmelding was al ontvangen; er is niets opnieuw verwerkt.",
}
_STATES = {
    DeliveryState.PROCESSING: "in verwerking",
    DeliveryState.DONE: "verwerkt",
    DeliveryState.UNREADABLE: "niet leesbaar; er is niets verwerkt",
}


@dataclass(slots=True)
class OutcomeSummary:
    """Outcomes of one delivery, counted; `listed` are the first that were held or refused.

    A repeat is neither: what became of it was told when it first came.
    """

    by_rule: Counter[tuple[Outcome, Rule]] = field(default_factory=Counter)
    refused_fields: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    listed: list[RecordOutcome] = field(default_factory=list)
    unlisted: int = 0
    unreadable: list[tuple[RecordOutcome, RecordFinding]] = field(default_factory=list)
    """Why the first unreadable records could not be read, one field at a time."""

    def add(self, outcome: RecordOutcome) -> None:
        """Count one more."""
        self.by_rule[outcome.decision, outcome.rule] += 1
        self.findings.update(f"{item.field} {item.problem}" for item in outcome.findings)
        if outcome.decision is Outcome.ACCEPTED or outcome.rule is Rule.DUPLICATE:
            return
        if outcome.rule is Rule.UNREADABLE:
            room = EXPLAINED - len(self.unreadable)
            self.unreadable += [(outcome, item) for item in outcome.findings[:room]]
        if outcome.field is not None:
            self.refused_fields[outcome.field] += 1
        if len(self.listed) < LISTED:
            self.listed.append(outcome)
        else:
            self.unlisted += 1


def report_text(name: str, report: DeliveryReport, summary: OutcomeSummary) -> str:
    """The report of a delivery that was taken in."""
    return "\n".join([*_head(name, report), *_counts(report), *_details(report, summary), ""])


def rejection_text(name: str, problem: Declined, now: datetime) -> str:
    """The report of a file that the gateway did not take."""
    lines = [
        *_title("Levering geweigerd"),
        f"Bestand          {name}",
        f"Geweigerd        {_moment(now)}",
        f"Reden            {problem.title} ({problem.status})",
    ]
    if problem.detail:
        lines.append(f"Toelichting      {problem.detail}")
    lines += [f"  veld {item.field}: {item.rule}" for item in problem.fields]
    lines += ["", "Er is niets uit dit bestand verwerkt.", ""]
    return "\n".join(lines)


def _head(name: str, report: DeliveryReport) -> Iterator[str]:
    yield from _title("Leveringsverslag")
    yield f"Bestand          {name}"
    yield f"Levering         {report.delivery_id}"
    yield f"Ontvangen        {_moment(report.received_at)}"
    if report.finished_at is not None:
        yield f"Verwerkt         {_moment(report.finished_at)}"
    yield f"Omvang           {_number(report.bytes_received)} bytes"
    yield f"Uitkomst         {_STATES[report.state]}"
    if report.error:
        yield f"Reden            {report.error}"
    if report.is_repeat:
        yield ""
        yield "Ditzelfde bestand was eerder ontvangen; er is niets opnieuw verwerkt."


def _counts(report: DeliveryReport) -> Iterator[str]:
    if report.state is DeliveryState.UNREADABLE:
        return
    rows = [
        ("Aanmeldingen", report.records),
        ("  toegelaten", report.accepted),
        ("  aangehouden", report.held),
        ("  geweigerd", sum(report.refused.values())),
        ("  dubbel", report.duplicates),
    ]
    yield ""
    for label, count in rows:
        yield f"{label:<16}{_number(count):>10}"


def _details(report: DeliveryReport, summary: OutcomeSummary) -> Iterator[str]:
    if urgent := summary.by_rule[Outcome.ACCEPTED, Rule.EMERGENCY]:
        yield from ("", "Toegelaten als noodverstrekking")
        yield f"{_number(urgent):>10}  {Rule.EMERGENCY}: {_RULES[Rule.EMERGENCY]}"
    for outcome, title in ((Outcome.HELD, "Aangehouden"), (Outcome.REFUSED, "Geweigerd")):
        counts = {
            rule: count
            for (decision, rule), count in summary.by_rule.items()
            if decision is outcome
        }
        if counts:
            yield from ("", f"{title}, en waarom")
        for rule, count in sorted(counts.items(), key=lambda item: -item[1]):
            yield f"{_number(count):>10}  {rule}: {_RULES[rule]}"
    yield from _ranked("Geweigerd, naar veld", summary.refused_fields.items())
    yield from _ranked("Wat ontbrak of opviel, naar veld", report.missing.items())
    yield from _lines(summary)


def _lines(summary: OutcomeSummary) -> Iterator[str]:
    if not summary.listed:
        return
    yield from ("", "Regels die niet zijn doorgegeven")
    yield f"{'regel':>10}  {'kenmerk':<24}{'besluit':<13}{'waarom':<30}veld"
    for item in summary.listed:
        known = f"{item.reference or '(geen)':<24}{item.decision:<13}{item.rule:<30}"
        noted = item.field or ", ".join(f"{f.field} {f.problem}" for f in item.findings)
        yield f"{_number(item.line):>10}  {known}{noted}".rstrip()
    if summary.unlisted:
        yield f"... en nog {_number(summary.unlisted)}; alle staan in het verslag in JSON."


def _ranked(title: str, counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    ranked = sorted(counts, key=lambda item: (-item[1], item[0]))
    if ranked:
        yield from ("", title)
    for name, count in ranked:
        yield f"{_number(count):>10}  {name}"


def _title(text: str) -> list[str]:
    return [text, "=" * len(text)]


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%d-%m-%Y %H:%M:%S UTC")
