"""What a privacy officer should know of a protocol file before it is approved, line by line.

Errors are what may not come in force: the contradictions that loading finds, and rules that no
message could ever use, that rest on nothing, or that keep longer than their purpose. Warnings are
for a person to judge. A file without errors is not thereby lawful: no check reads the law.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from consent.protocol import BasisKind, Flow, Protocol, ProtocolError, load
from consent.toml_lines import TomlLines
from schemas.fields import FIELDS, MessageKind, Special, Treatment

UNCONFIRMED = "te bevestigen"
_ENDS_SOON = timedelta(days=90)
# The bases of GDPR article 6, paragraph 1, by letter.
_LETTERS = {
    BasisKind.CONSENT: "a",
    BasisKind.CONTRACT: "b",
    BasisKind.LEGAL_DUTY: "c",
    BasisKind.VITAL_INTEREST: "d",
    BasisKind.PUBLIC_TASK: "e",
}
_LETTER = re.compile(r"(?:AVG|GDPR)[^;]*?\b6\b[^;]*?(?:onder|sub|,|\()\s*([a-f])\b", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d{2}\b")  # of a law's name, such as Wmo 2015
_EXCEPTIONS = {
    Special.HEALTH: re.compile(r"\b(?:AVG|GDPR|UAVG)\b.*?\b(?:9|2[2-9]|30)\b", re.IGNORECASE),
    Special.CRIMINAL: re.compile(r"\b(?:AVG|GDPR|UAVG)\b.*?\b(?:10|3[1-3])\b", re.IGNORECASE),
}


class Severity(StrEnum):
    """Whether a finding keeps a protocol from coming in force."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """One finding: the rule it is about, where it stands, and what it says."""

    severity: Severity
    code: str
    line: int | None
    rule: str
    message: str


class Report(NamedTuple):
    """What was found; `protocol` is None where the file cannot be loaded."""

    protocol: Protocol | None
    findings: tuple[Finding, ...]

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity, in the order of the file."""
        return [one for one in self.findings if one.severity is severity]


def check_text(text: str, today: date) -> Report:
    """Check a protocol's text as it would come in force on a day."""
    lines = TomlLines(text)
    try:
        protocol = load(text)
    except ProtocolError as error:
        found = [
            Finding(Severity.ERROR, "contradiction", line, *_split(message, lines))
            for line, message in lines.place_all(error.problems)
        ]
        return Report(None, tuple(found))
    checked = _Checked(protocol, lines, today)
    found = [*checked.findings(), *_unconfirmed(text)]
    return Report(protocol, tuple(sorted(found, key=lambda one: one.line or 0)))


def _split(problem: str, lines: TomlLines) -> tuple[str, str]:
    """The rule that a problem names, and what is wrong with it."""
    if (counted := _COUNTED.match(problem)) is not None:
        kind, number, rest = counted.groups()
        return f"{kind} {lines.name_of(kind, int(number))}".strip(), rest
    rule, colon, message = problem.partition(": ")
    is_named = colon and rule.startswith(("gegevensstroom", "overeenkomst", "doel", "protocol"))
    return (rule, message) if is_named else ("", problem)


_COUNTED = re.compile(r"(gegevensstroom|overeenkomst|doel)\.(\d+)\.?(.*)", re.DOTALL)


def _unconfirmed(text: str) -> Iterator[Finding]:
    where = [
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if UNCONFIRMED in line and not line.lstrip().startswith("#")
    ]
    if where:
        shown = ", ".join(map(str, where[:12])) + (", ..." if len(where) > 12 else "")
        say = "line says" if len(where) == 1 else "lines say"
        message = f"{len(where)} {say} '{UNCONFIRMED}': {shown}"
        yield Finding(Severity.WARNING, "unconfirmed", where[0], "", message)


class _Checked:
    """One protocol under the checks."""

    def __init__(self, protocol: Protocol, lines: TomlLines, today: date) -> None:
        self._protocol = protocol
        self._lines = lines
        self._today = today

    def findings(self) -> Iterator[Finding]:
        for flow in self._protocol.flows:
            yield from self._retention(flow)
            yield from self._agreements(flow)
            yield from self._reach(flow)
            yield from self._grounds(flow)
            yield from self._recognising(flow)
        yield from self._shared()
        yield from self._unused()

    def _of(self, severity: Severity, code: str, flow: Flow, message: str, *keys: str) -> Finding:
        line = self._lines.of("gegevensstroom", flow.id, *keys)
        return Finding(severity, code, line, f"gegevensstroom {flow.id}", message)

    def _retention(self, flow: Flow) -> Iterator[Finding]:
        kept, allowed = flow.retention, self._protocol.purposes[flow.purpose].keep_days
        if allowed is None:
            return
        for key, days in (
            ("aangehoudenDagen", kept.hold_days),
            ("nietOpgehaaldDagen", kept.unclaimed_days),
            ("naOntvangstDagen", kept.after_receipt_days),
        ):
            if days > allowed:
                told = f"{key} is {days}, and doel {flow.purpose} allows {allowed} days"
                yield self._of(Severity.ERROR, "retention", flow, told, f"bewaren.{key}", "bewaren")
        whole = kept.hold_days + kept.unclaimed_days + kept.after_receipt_days
        if whole > allowed:
            told = (
                f"a message can be here {whole} days, one term after another,"
                f" and doel {flow.purpose} allows {allowed}"
            )
            yield self._of(Severity.WARNING, "retention-in-all", flow, told, "bewaren")

    def _agreements(self, flow: Flow) -> Iterator[Finding]:
        for name in flow.agreements:
            signed = self._protocol.covenants[name]
            key = "overeenkomst" if name == flow.covenant else "verwerkersovereenkomst"
            if signed.ends < self._today:
                told = f"no message can ever pass: {name} ended on {signed.ends}"
                yield self._of(Severity.ERROR, "unreachable", flow, told, key)
            elif signed.starts > self._today:
                told = f"nothing passes before {signed.starts}, when {name} begins"
                yield self._of(Severity.WARNING, "not-yet-open", flow, told, key)
            elif signed.ends - self._today < _ENDS_SOON:
                told = f"nothing passes after {signed.ends}, when {name} ends"
                yield self._of(Severity.WARNING, "ends-soon", flow, told, key)

    def _reach(self, flow: Flow) -> Iterator[Finding]:
        if all(treatment is Treatment.DROP for treatment in flow.fields.values()):
            yield self._of(Severity.ERROR, "unreachable", flow, "hands over no field", "velden")
        if flow.message is not MessageKind.STATUS:
            return
        # A status names the exchange that it answers; its recipient is that exchange's sender.
        others = [
            one
            for one in self._protocol.flows
            if one.message is MessageKind.STATUS
            and (one.sender, one.recipient) == (flow.sender, flow.recipient)
        ]
        if others[0] is not flow:
            told = f"is never chosen: a status names no doel, and {others[0].id} has these parties"
            yield self._of(Severity.ERROR, "shadowed", flow, told, "doel")
        elif len(others) > 1:
            told = f"is never chosen: a status names no doel, and {others[1].id} has these parties"
            yield self._of(Severity.ERROR, "shadowed", flow, told, "doel")
        if not any(
            one.message is MessageKind.REFERRAL
            and (one.sender, one.recipient) == (flow.recipient, flow.sender)
            for one in self._protocol.flows
        ):
            told = f"answers nothing: {flow.recipient} refers nobody to {flow.sender}"
            yield self._of(Severity.WARNING, "answers-nothing", flow, told, "bericht")

    def _recognising(self, flow: Flow) -> Iterator[Finding]:
        """Registering gives the pseudonym of any number: none may be named whom others hide."""
        if flow.message is not MessageKind.REGISTRATION:
            return
        for other in self._protocol.flows:
            treatments = set(other.fields.values())
            is_nameless = Treatment.PSEUDONYMISE in treatments and not (
                Treatment.IDENTIFY in treatments or other.message is MessageKind.REGISTRATION
            )
            is_same = (other.recipient, other.linkage_group) == (flow.sender, flow.linkage_group)
            if is_nameless and is_same:
                told = f"{flow.sender} could try numbers on whom it gets by pseudonym in {other.id}"
                yield self._of(Severity.ERROR, "names-the-nameless", flow, told, "velden")

    def _grounds(self, flow: Flow) -> Iterator[Finding]:
        for key, article in _articles(flow):
            if not re.search(r"\d", _YEAR.sub("", article)):
                told = (
                    f"{key}: names no article, so the rule rests on nothing that can be looked up"
                )
                yield self._of(Severity.ERROR, "no-basis", flow, told, key, _above(key))
        yield from self._exceptions(flow)
        # A partner's message on a case is meant to stop with the agreement that the case rests on.
        waits = flow.message in (MessageKind.REFERRAL, MessageKind.PARTNER_UPDATE)
        if not waits and flow.locks.agreement.required:
            told = f"sloten.instemming: a {flow.message} cannot wait for agreement, and is refused"
            yield self._of(Severity.WARNING, "cannot-wait", flow, told, "sloten")
        basis = flow.locks.basis
        named = {letter.lower() for letter in _LETTER.findall(basis.article)}
        if named and _LETTERS[basis.kind] not in named:
            told = (
                f"sloten.grondslag: '{basis.kind}' is AVG article 6(1)({_LETTERS[basis.kind]}),"
                f" and the article names ({', '.join(sorted(named))})"
            )
            yield self._of(Severity.ERROR, "no-basis", flow, told, "sloten.grondslag", "sloten")
        for ground in flow.locks.special:
            wanted = _EXCEPTIONS.get(ground.special)
            if wanted is not None and not wanted.search(ground.article):
                told = f"sloten.bijzonder: '{ground.special}' cites no exception of AVG or UAVG"
                yield self._of(
                    Severity.WARNING, "exception", flow, told, "sloten.bijzonder", "sloten"
                )

    def _exceptions(self, flow: Flow) -> Iterator[Finding]:
        """What goes without anybody's consent may rest on nobody's consent."""
        secrecy, rule = flow.locks.secrecy, flow.protection
        by_consent = secrecy is not None and secrecy.by_consent
        if rule is not None and by_consent and rule.secrecy is None:
            told = (
                "bescherming: secrecy is broken by consent, and nobody is asked; name beroepsgeheim"
            )
            yield self._of(Severity.ERROR, "no-basis", flow, told, "bescherming")
        special = {ground.special for ground in flow.locks.special if ground.by_consent}
        for path in flow.emergency.fields if flow.emergency is not None else ():
            if FIELDS[path].special in special:
                told = f"nood.velden: {path} goes by explicit consent alone, and nobody is asked"
                yield self._of(Severity.ERROR, "no-basis", flow, told, "nood.velden", "nood")

    def _shared(self) -> Iterator[Finding]:
        """One yes is for a purpose and a recipient: flows that share both must ask it alike."""
        first: dict[tuple[str, str], Flow] = {}
        for flow in self._protocol.flows:
            agreement = flow.locks.agreement
            if not agreement.required:
                continue
            other = first.setdefault((flow.purpose, flow.recipient), flow)
            if other is not flow and _asks(other) != _asks(flow):
                told = (
                    f"doel: {other.id} has this doel and ontvanger too, so a yes to it counts here,"
                    " and the two ask it by other rules"
                )
                yield self._of(Severity.ERROR, "shared-agreement", flow, told, "doel")

    def _unused(self) -> Iterator[Finding]:
        flows, covenants = self._protocol.flows, self._protocol.covenants
        for name in sorted(self._protocol.purposes.keys() - {flow.purpose for flow in flows}):
            yield self._warn("unused", "doel", name, "no flow has this purpose")
        for name, purpose in sorted(self._protocol.purposes.items()):
            if purpose.keep_days is None:
                yield self._warn(
                    "unbounded", "doel", name, "no bewaarDagen: nothing bounds how long flows keep"
                )
        signed = {name for flow in flows for name in flow.agreements}
        for name in sorted(covenants.keys() - signed):
            yield self._warn("unused", "overeenkomst", name, "no flow rests on it")
        for name in sorted({flow.covenant for flow in flows}):
            parties = set(covenants[name].parties)
            taking = {
                party
                for flow in flows
                if name in flow.agreements
                for party in (flow.sender, flow.recipient, flow.processor)
            }
            if idle := sorted(parties - taking):
                told = f"{', '.join(idle)} signed it and is in no flow under it"
                yield self._warn("unused", "overeenkomst", name, told, "partijen")

    def _warn(self, code: str, kind: str, name: str, message: str, *keys: str) -> Finding:
        line = self._lines.of(kind, name, *keys)
        return Finding(Severity.WARNING, code, line, f"{kind} {name}", message)


def _asks(flow: Flow) -> tuple[object, ...]:
    """By what rules a flow asks agreement, and what the agreement opens."""
    locks = flow.locks
    return (
        locks.agreement.regime,
        locks.basis.kind is BasisKind.CONSENT,
        locks.secrecy is not None and locks.secrecy.by_consent,
        any(ground.by_consent for ground in locks.special),
    )


def _articles(flow: Flow) -> Iterator[tuple[str, str]]:
    """Every article that a flow cites, by its key in the file."""
    locks = flow.locks
    yield "sloten.grondslag.artikel", locks.basis.article
    for ground in locks.special:
        yield "sloten.bijzonder", ground.article
    if locks.secrecy is not None:
        yield "sloten.beroepsgeheim.artikel", locks.secrecy.article
    if locks.bsn is not None:
        yield "sloten.bsn.artikel", locks.bsn.article
    if flow.protection is not None:
        yield "bescherming.artikel", flow.protection.article
    if flow.emergency is not None:
        yield "nood.artikel", flow.emergency.article


def _above(key: str) -> str:
    return key.rpartition(".")[0] or key
