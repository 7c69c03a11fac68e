"""The gateway's own processing activities: what it does with personal data outside any flow.

Flows are activities of the municipality, and the protocol says which. But recording an agreement,
carrying out a right, looking into a case or refusing what no flow admits is processing too, and
every processing belongs to an activity of the register (GDPR article 30; Logboek Dataverwerkingen,
"Loggen van Dataverwerkingen met persoonsdata"). These are stated here; a change of what one says is
a new version with its date, and the old one stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audit.access import ACCESS_ACTIVITY
from gateway.audit.entries import Event
from gateway.audit.volumes import LOGKEEPING

_FIRST = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class OwnVersion:
    """What an activity is from a moment on (ISO 8601)."""

    valid_from: str
    purpose: str
    legal_bases: tuple[str, ...]
    articles: tuple[str, ...]
    categories: tuple[str, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnActivity:
    """One activity with its versions, oldest first."""

    uri: str
    name: str
    versions: tuple[OwnVersion, ...]


INTAKE = OwnActivity(
    "urn:sluis:verwerking:ontvangst",
    "Ontvangen en weigeren van berichten die geen gegevensstroom toelaat",
    (
        OwnVersion(
            _FIRST,
            "Onrechtmatige verstrekking voorkomen, en kunnen laten zien dat er geweigerd is",
            ("LegalObligation",),
            ("AVG art. 5 lid 2", "AVG art. 25", "AVG art. 32"),
            ("logboekgegevens zonder inhoud",),
            ("Obtain", "Remove", "Store"),
        ),
    ),
)
AGREEMENTS = OwnActivity(
    "urn:sluis:verwerking:instemming",
    "Vastleggen van instemming, intrekking en wie voor iemand beslist",
    (
        OwnVersion(
            _FIRST,
            "Aantonen wie waarmee instemde, en een intrekking meteen laten werken",
            ("LegalObligation",),
            ("AVG art. 7 lid 1 en 3", "AVG art. 5 lid 2"),
            ("instemming", "gezag en vertegenwoordiging"),
            ("Obtain", "Store", "Use"),
        ),
    ),
)
RIGHTS = OwnActivity(
    "urn:sluis:verwerking:rechten",
    "Uitvoeren van rechten van betrokkenen en van bewaartermijnen",
    (
        OwnVersion(
            _FIRST,
            "Inzage, rectificatie, beperking, bezwaar, wissing, en kennisgeving aan ontvangers",
            ("LegalObligation",),
            ("AVG art. 12 tot en met 22",),
            ("wat over de betrokkene bij de gateway staat",),
            ("Remove", "Store", "Transform", "Use"),
        ),
    ),
)
OVERSIGHT = OwnActivity(
    "urn:sluis:verwerking:toezicht",
    "Toezicht op uitzonderingen, beschermde uitwisselingen en gebruik",
    (
        OwnVersion(
            _FIRST,
            "Misbruik vinden, uitzonderingen beoordelen en daarvan verantwoording afleggen",
            ("LegalObligation",),
            ("AVG art. 32", "AVG art. 39"),
            ("logboekgegevens zonder inhoud", "verzoeken om bescherming"),
            ("Store", "Use"),
        ),
    ),
)
UPKEEP = OwnActivity(
    "urn:sluis:protocolbeheer",
    "Beheren van het privacyprotocol",
    (
        OwnVersion(
            _FIRST,
            "Vastleggen welke regels vanaf wanneer gelden, en wie ze goedkeurde",
            ("LegalObligation",),
            ("AVG art. 24",),
            ("sleutels van functionarissen",),
            ("Store",),
        ),
    ),
)
ACCESS = OwnActivity(
    ACCESS_ACTIVITY,
    "Vastleggen wie keek, wijzigde, goedkeurde of uitvoerde",
    (
        OwnVersion(
            _FIRST,
            "Kunnen nagaan wie welke handeling verrichtte, en waarom (NEN 7513)",
            ("LegalObligation",),
            ("AVG art. 32", "NEN 7513"),
            ("aanduiding van gebruiker en rol", "handeling en tijdstip"),
            ("Store", "Use"),
        ),
    ),
)
LOG = OwnActivity(
    LOGKEEPING,
    "Bijhouden van het logboek zelf",
    (
        OwnVersion(
            _FIRST,
            "Een logboek dat niet ongemerkt te wijzigen is",
            ("LegalObligation",),
            ("AVG art. 5 lid 2", "AVG art. 32"),
            (),
            ("Store",),
        ),
    ),
)
PSEUDONYMS = OwnActivity(
    "urn:sluis:verwerking:pseudoniemen",
    "Wisselen van de pseudoniemen waaronder een ontvanger personen kent",
    (
        OwnVersion(
            _FIRST,
            "Begrenzen hoe lang een pseudoniem, waar het ook bewaard is, naar iemand leidt",
            ("LegalObligation",),
            ("AVG art. 25", "AVG art. 32"),
            ("pseudoniemen",),
            ("Transform", "Use"),
        ),
    ),
)
ROUTING = OwnActivity(
    "urn:sluis:verwerking:toedelen",
    "Toedelen aan een team, overdragen bij verhuizing, en bewaken dat er een eerste contact komt",
    (
        OwnVersion(
            _FIRST,
            "Dat een aanmelding bij het goede team komt, en dat niemand tussen wal en schip valt",
            ("LegalObligation",),
            ("AVG art. 5 lid 1 onder d", "Wmo 2015 art. 2.3.2 (te bevestigen)"),
            ("reden waarom een mens toedeelt",),
            ("Store", "Use"),
        ),
    ),
)
OWN = (INTAKE, AGREEMENTS, RIGHTS, OVERSIGHT, UPKEEP, ACCESS, LOG, PSEUDONYMS, ROUTING)

_BY_EVENT: dict[str, OwnActivity] = {
    Event.CONSENT: AGREEMENTS,
    Event.AUTHORITY: AGREEMENTS,
    Event.LAPSE: AGREEMENTS,
    Event.CORRECTION: RIGHTS,
    Event.ERASURE: RIGHTS,
    Event.ERASURE_DECISION: RIGHTS,
    Event.KEY_DESTROYED: RIGHTS,
    Event.NOTICE: RIGHTS,
    Event.PURGE: RIGHTS,
    Event.DISCLOSURE_DECISION: OVERSIGHT,
    Event.READING: OVERSIGHT,
    Event.REVIEW: OVERSIGHT,
    Event.SAFE_CONTACT: OVERSIGHT,
    Event.SUCCESSION: OVERSIGHT,
    Event.PLACEMENT: ROUTING,
    Event.MOVE: ROUTING,
    Event.REGISTRATION: INTAKE,
    Event.PROTOCOL: UPKEEP,
    Event.PSEUDONYM_EPOCH: PSEUDONYMS,
}
NO_FLOW = "urn:sluis:geen-gegevensstroom"
"""What an entry names where no flow was found; it is no activity, and the event says which is."""


def events_of(uri: str) -> frozenset[str]:
    """The events that may fall under an activity of the gateway's own; none for another's."""
    if uri == INTAKE.uri:
        return frozenset({Event.DECISION, Event.UNREADABLE, Event.REGISTRATION})
    stated: dict[str, set[Event]] = {
        ACCESS.uri: {Event.ACCESS},
        LOG.uri: {Event.PREDECESSOR},
        PSEUDONYMS.uri: {Event.NOTICE, Event.DISCLOSURE, Event.ACKNOWLEDGEMENT, Event.PURGE},
    }
    by_event = {event for event, own in _BY_EVENT.items() if own.uri == uri}
    return frozenset(by_event | stated.get(uri, set()))


def activity_of(stated: str, event: str) -> str:
    """The URI of an entry's activity: what it states, or the gateway's own for what it records."""
    if stated != NO_FLOW:
        return stated
    return _BY_EVENT.get(event, INTAKE).uri
