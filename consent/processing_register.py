"""The register of processing activities (verwerkingsregister, GDPR article 30(1)) from protocols.

A flow is an activity; each stretch of time in which it stood unchanged is a version of it. The JSON
follows the draft register of Logboek Dataverwerkingen (rvva-openapi 0.1), the CSV has a column for
each of article 30(1)(a) to (g). What a protocol does not know (contact details of the controller,
transfers it does not make) is said as far as the gateway can answer for it, and no further.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from consent.labels import BASES, SPECIALS, category_label
from consent.protocol import BasisKind, Flow, Protocol
from schemas.fields import FIELDS, MessageKind, Special, Treatment


class PartyName(NamedTuple):
    """A party as it is registered with the gateway."""

    name: str
    oin: str


@dataclass(frozen=True, slots=True)
class InForce:
    """A protocol with the time in which it was in force; `until` is None while it is."""

    protocol: Protocol
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Activity:
    """One flow over one stretch of time in which nothing about it changed."""

    flow: Flow
    number: int
    protocols: tuple[str, ...]
    purpose: str
    agreements: tuple[str, ...]
    since: datetime
    until: datetime | None


COLUMNS = (
    "verwerkingsactiviteit",
    "stroom",
    "a. verwerkingsverantwoordelijke",
    "verwerker",
    "b. doel",
    "grondslag",
    "c. categorieën betrokkenen",
    "c. categorieën persoonsgegevens",
    "bijzondere en strafrechtelijke gegevens",
    "bron",
    "d. ontvanger",
    "e. doorgifte buiten de EU",
    "f. bewaartermijn in de gateway",
    "g. beveiligingsmaatregelen",
    "instemming",
    "overeenkomst",
    "protocolversie",
    "geldig vanaf",
    "geldig tot",
)
MEASURES = (
    "Alleen velden die het protocol noemt gaan mee; de rest wordt weggelaten",
    "Versleuteling per persoon in opslag (AES-256-GCM) en TLS tijdens transport",
    "Pseudoniemen per ontvanger, zonder sleutel niet te herleiden",
    "Partijen bewijzen wie zij zijn met een eigen sleutel (private_key_jwt)",
    "Elke beslissing en verstrekking staat in een controleerbaar logboek zonder inhoud",
    "Inhoud wordt na de bewaartermijn vernietigd",
)
_SUBJECTS = {
    MessageKind.REFERRAL: ("Leden van huishoudens die voor hulp worden aangemeld", "Kinderen"),
    MessageKind.STATUS: ("Leden van huishoudens die voor hulp zijn aangemeld",),
    MessageKind.ACCOUNTABILITY: ("Leden van huishoudens die hulp kregen (gepseudonimiseerd)",),
    MessageKind.PARTNER_UPDATE: ("Leden van huishoudens die voor hulp zijn aangemeld",),
    MessageKind.REGISTRATION: ("Leden van huishoudens die al hulp krijgen",),
}
# W3C Data Privacy Vocabulary 2.1, as the draft register lists its values.
_LEGAL_BASES = {
    BasisKind.PUBLIC_TASK: "PublicInterest",
    BasisKind.LEGAL_DUTY: "LegalObligation",
    BasisKind.CONTRACT: "Contract",
    BasisKind.VITAL_INTEREST: "VitalInterest",
    BasisKind.CONSENT: "Consent",
}


def activities(history: Sequence[InForce]) -> list[Activity]:
    """Every activity with its versions, by activity and time; `history` oldest first."""
    found: dict[str, list[Activity]] = {}
    for one in history:
        for flow in one.protocol.flows:
            known = found.setdefault(flow.id, [])
            now = _activity(flow, one, len(known) + 1)
            before = known[-1] if known else None
            if before is not None and before.until == one.since and _is_same(before, now):
                known[-1] = Activity(
                    before.flow,
                    before.number,
                    (*before.protocols, one.protocol.version),
                    before.purpose,
                    before.agreements,
                    before.since,
                    one.until,
                )
            else:
                known.append(now)
    return [version for name in sorted(found) for version in found[name]]


def register_csv(found: Sequence[Activity], parties: Mapping[str, PartyName]) -> str:
    """The register as a spreadsheet reads it in the Netherlands: semicolons, a mark for UTF-8."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in found:
        writer.writerow([_harmless(cell) for cell in _row(one, parties)])
    return out.getvalue()


def register_json(found: Sequence[Activity], parties: Mapping[str, PartyName]) -> dict[str, object]:
    """The register along the draft of Logboek Dataverwerkingen: activities, versions, entities.

    What the draft has no member for stands under `sluis`.
    """
    by_flow: dict[str, list[Activity]] = {}
    for one in found:
        by_flow.setdefault(one.flow.id, []).append(one)
    recipients = sorted({one.flow.recipient for one in found})
    return {
        "processingActivities": [
            {
                "id": register_id(versions[-1].flow.processing_activity),
                "active": versions[-1].until is None,
                "latestVersion": versions[-1].number,
                "versions": [_version(one) for one in versions],
            }
            for versions in by_flow.values()
        ],
        "entities": [
            {
                "id": register_id(party),
                "type": "Organisation",
                "name": parties[party].name if party in parties else party,
                "sluis": {
                    "partner": party,
                    "oin": parties[party].oin if party in parties else None,
                },
            }
            for party in recipients
        ],
    }


def _activity(flow: Flow, one: InForce, number: int) -> Activity:
    covenants = one.protocol.covenants
    agreements = tuple(
        f"{signed.title} ({signed.starts} tot en met {signed.ends})"
        for signed in (covenants[name] for name in flow.agreements)
    )
    purpose = one.protocol.purposes[flow.purpose].description
    version = one.protocol.version
    return Activity(flow, number, (version,), purpose, agreements, one.since, one.until)


def _is_same(before: Activity, now: Activity) -> bool:
    return (before.flow, before.purpose, before.agreements) == (
        now.flow,
        now.purpose,
        now.agreements,
    )


def _row(one: Activity, parties: Mapping[str, PartyName]) -> list[str]:
    flow = one.flow
    return [
        flow.processing_activity,
        flow.id,
        flow.controller,
        flow.processor or "",
        one.purpose,
        _basis(flow),
        "; ".join(_SUBJECTS[flow.message]),
        "; ".join(category_label(category) for category in _categories(flow)),
        "; ".join(_special(flow)),
        _party(flow.sender, parties),
        _party(flow.recipient, parties),
        "Geen doorgifte door de gateway",
        _kept(flow),
        "; ".join(MEASURES),
        "gevraagd" if flow.locks.agreement.required else "niet gevraagd",
        "; ".join(one.agreements),
        ", ".join(one.protocols),
        _moment(one.since),
        "" if one.until is None else _moment(one.until),
    ]


def _version(one: Activity) -> dict[str, object]:
    flow = one.flow
    kept = flow.retention
    days = kept.hold_days + kept.unclaimed_days + kept.after_receipt_days
    subjects = ["Citizen"]
    if flow.message is MessageKind.REFERRAL:
        subjects += ["Applicant", "VulnerableHuman"]
    return {
        "version": one.number,
        "name": flow.id,
        "purpose": one.purpose,
        "legalBasis": [_LEGAL_BASES[flow.locks.basis.kind]],
        "dataSubjects": subjects,
        "personalData": {"categories": _categories(flow), "retentionPeriod": f"P{days}D"},
        "recipients": {"legalRole": "DataController", "entityId": register_id(flow.recipient)},
        "measures": [{"measureType": "Technical", "measure": told} for told in MEASURES],
        "processingOptions": ["Obtain", "Store", "Transform", "Disclose", "Remove"],
        "validFrom": _moment(one.since),
        "sluis": {
            "flow": flow.id,
            "sender": flow.sender,
            "recipient": flow.recipient,
            "controller": flow.controller,
            "processor": flow.processor,
            "articles": [flow.locks.basis.article, *_special(flow)],
            "agreements": list(one.agreements),
            "agreementAsked": flow.locks.agreement.required,
            "retention": _kept(flow),
            "thirdCountryTransfers": False,
            "processingActivity": flow.processing_activity,
            "protocolVersions": list(one.protocols),
            "validTo": None if one.until is None else _moment(one.until),
        },
    }


def register_id(name: str) -> str:
    """The draft asks UUIDs; ours are made from names, so that they are the same every time."""
    return str(uuid5(NAMESPACE_URL, name if "://" in name else f"urn:sluis:partij:{name}"))


def _basis(flow: Flow) -> str:
    basis = flow.locks.basis
    return f"{BASES[basis.kind].nl}: {basis.article}"


def _categories(flow: Flow) -> list[str]:
    """The categories of personal data that the recipient gets."""
    return sorted(
        {
            FIELDS[path].category
            for path, treatment in flow.fields.items()
            if treatment is not Treatment.DROP
        }
    )


def _special(flow: Flow) -> list[str]:
    grounds = {ground.special: ground.article for ground in flow.locks.special}
    if flow.locks.bsn is not None:
        grounds[Special.BSN] = flow.locks.bsn.article
    return [f"{SPECIALS[special].nl}: {grounds[special]}" for special in sorted(grounds)]


def _party(party: str, parties: Mapping[str, PartyName]) -> str:
    known = parties.get(party)
    return party if known is None else f"{known.name} (OIN {known.oin})"


def _kept(flow: Flow) -> str:
    kept = flow.retention
    return (
        f"{kept.hold_days} dagen in afwachting van instemming,"
        f" {kept.unclaimed_days} dagen in afwachting van ophalen,"
        f" {kept.after_receipt_days} dagen na ontvangst"
    )


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _harmless(cell: str) -> str:
    # A spreadsheet would run what begins like this as a formula.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
