"""What a new partner must do, step by step: shown to the operator, and written as a letter.

Each step is said once, in Dutch for whoever connects and in English for whoever operates or builds.
Everything in it comes from the register, the adapter and the protocol in force, so that what the
partner reads is what the gateway does. The letter holds nothing secret and no person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from adapters.registry import ADAPTERS
from consent.protocol import Flow
from gateway.cli.partner_flows import FlowsOf
from gateway.identity.binding import CERTIFICATE_MEMBER
from gateway.store.partners import PartnerKey, StoredPartner
from schemas.fields import MessageKind

CERTIFICATE_FILE = "certificaat.pem"
"""What a partner's certificate is called beside its key."""
RENEW_BEFORE = timedelta(days=30)
_PAGES = {"dwi": "dwi", "okt": "okt", "ggz": "ggz"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, in Dutch and English, with lines to type or copy."""

    dutch: str
    english: str
    lines: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    """What the operator types: no business of the letter."""


@dataclass(frozen=True, slots=True)
class Joining:
    """A partner that joins, and what is known for it to begin."""

    partner: StoredPartner
    flows: FlowsOf
    base_url: str
    contact: str | None
    """The desk to call; without it, whoever handed the letter over."""
    today: date
    folder: Path | None = None
    """Where its credentials stand on this machine, of a sandbox partner."""
    endpoint: str | None = None

    @property
    def key(self) -> PartnerKey | None:
        """The key that is good longest."""
        return max(self.partner.keys, key=lambda one: one.expires_at, default=None)

    @property
    def is_certified(self) -> bool:
        """Whether that key came in a certificate."""
        return self.key is not None and CERTIFICATE_MEMBER in self.key.jwk

    @property
    def token_endpoint(self) -> str:
        """Where it gets its tokens."""
        return f"{self.base_url}/oauth/token"

    @property
    def page(self) -> str:
        """The page of docs/partners about its format, or about its part where it has none."""
        told = _PAGES.get(self.partner.adapter)
        if told is None:
            sent = {flow.message for flow in self.flows.sends}
            if MessageKind.REGISTRATION in sent:
                told = "casebook"
            elif self.flows.receives and MessageKind.REFERRAL not in sent:
                told = "receivers"
        return f"docs/partners/{told or 'generic'}.md"


def steps(joining: Joining) -> list[Step]:
    """What to do, in order."""
    return [
        _credentials(joining),
        _token(joining),
        *_format(joining),
        *_push(joining),
        *_flows(joining),
        _first(joining),
        _test(joining),
        *_renewal(joining),
        Step(
            "Vragen, of een sleutel in verkeerde handen?"
            f" {joining.contact or 'Bel de beheerder die u deze brief gaf.'}",
            "Questions, or a key in wrong hands?"
            f" {joining.contact or 'Call whoever gave you this letter.'}",
        ),
    ]


def _credentials(joining: Joining) -> Step:
    partner, key = joining.partner.id, joining.key
    if key is None:
        return Step(
            "Maak een sleutelpaar (P-256, Ed25519 of RSA vanaf 2048 bits) en stuur ons alleen de"
            " publieke helft, of een certificaat met uw OIN in serialNumber. Zonder sleutel komt u"
            " niet binnen.",
            "It has no key yet, and cannot come in before it has one; only the public half:",
            ours=(f"sluis partner key {partner} --public-key FILE",),
        )
    if joining.folder is not None:
        return Step(
            f"Uw gegevens om in te loggen staan in {joining.folder}.",
            f"Its credentials are in {joining.folder}.",
        )
    shown: tuple[str, ...] = ()
    dutch = english = ""
    if joining.is_certified:
        shown = (f'certificate_file = "{CERTIFICATE_FILE}"',)
        dutch = f" Uw certificaat, met zijn keten erachter, staat ernaast als {CERTIFICATE_FILE}."
        english = f" with its certificate and the chain as {CERTIFICATE_FILE},"
    return Step(
        "Zet dit in client.toml, naast uw privésleutel client.pem (chmod 600). De privésleutel"
        f" verlaat uw organisatie nooit.{dutch}",
        f"At the partner: in client.toml, beside its private key client.pem (chmod 600),{english}",
        (
            f'partner = "{partner}"',
            f'base_url = "{joining.base_url}"',
            f'key_id = "{key.kid}"',
            'key_file = "client.pem"',
            *shown,
        ),
    )


def _token(joining: Joining) -> Step:
    kid = "..." if joining.key is None else joining.key.kid
    return Step(
        "Vraag een toegangstoken (OAuth 2.0 client credentials, private_key_jwt, RFC 7523); elke"
        " verklaring (assertion) geldt één keer en hoogstens 300 seconden.",
        "Tokens: OAuth 2.0 client credentials with private_key_jwt; each assertion counts once.",
        (
            f"POST {joining.token_endpoint}",
            f"iss = sub = {joining.partner.id}; aud = {joining.token_endpoint}; kid = {kid}",
        ),
    )


def _format(joining: Joining) -> list[Step]:
    adapter = ADAPTERS[joining.partner.adapter]
    if not joining.flows.sends and not joining.flows.receives:
        return []
    forms = [f"{one} -> POST {joining.base_url}/v1/leveringen" for one in adapter.readers]
    if adapter.status_writers:
        back = ", ".join(adapter.status_writers)
        forms.append(f"GET {joining.base_url}/v1/postvak -> {back}, application/x-ndjson")
    name = joining.partner.adapter
    return [
        Step(
            f"Uw formaat is {name}; wat erin hoort en wat er terugkomt staat in {joining.page}.",
            f"Its format is {name}; what goes in and what comes back: {joining.page}.",
            tuple(forms),
        )
    ]


def _push(joining: Joining) -> list[Step]:
    if joining.endpoint is None:
        return []
    keys = f"{joining.base_url}/.well-known/jwks.json"
    return [
        Step(
            f"Uw berichten worden gebracht op {joining.endpoint}. Controleer van elk de"
            f" handtekening (RFC 9421) met de sleutels op {keys}, en laat weg wat u al heeft: dat"
            " ziet u aan de Idempotency-Key (docs/delivering.md).",
            f"Its mail is brought to {joining.endpoint}, signed (RFC 9421) by a key of {keys};"
            " Idempotency-Key tells repeats (docs/delivering.md).",
        )
    ]


def _flows(joining: Joining) -> list[Step]:
    found = joining.flows
    if joining.partner.kind != "keten":
        return []
    if found.protocol is None:
        return [
            Step(
                "Er is nog geen privacyprotocol van kracht: er gaat nog niets door.",
                "No privacy protocol is in force yet, so nothing passes.",
            )
        ]
    version = found.protocol.version
    if not found.named:
        return [
            Step(
                f"Privacyprotocol {version} noemt u niet: er gaat niets door tot een versie dat wel"
                " doet.",
                f"Protocol {version} does not name {joining.partner.id}: nothing passes before a"
                " version does (`sluis protocol submit`).",
            )
        ]
    lines = [_flow_line(joining, flow, is_sent=True) for flow in found.sends]
    lines += [_flow_line(joining, flow, is_sent=False) for flow in found.receives]
    return [
        Step(
            f"Wat mag, volgens privacyprotocol {version} (GET {joining.base_url}/v1/protocol):",
            f"What may pass, by protocol {version} (GET /v1/protocol):",
            tuple(lines),
        )
    ]


def _flow_line(joining: Joining, flow: Flow, *, is_sent: bool) -> str:
    road = _road(flow.message) if is_sent else "GET /v1/postvak"
    other = f"-> {flow.recipient}" if is_sent else f"<- {flow.sender}"
    told = f"{flow.id}: {flow.message} {other}, doel {flow.purpose}; {road}"
    if is_sent:
        told += f"; verplicht: {', '.join(flow.required) or '-'}"
        if flow.locks.agreement.required:
            told += "; instemming van het huishouden nodig"
    why = joining.flows.closed_until(flow, joining.today)
    return told if why is None else f"{told}; NU DICHT / CLOSED TODAY ({why})"


def _road(kind: MessageKind) -> str:
    """Where messages of a kind go in: each has a resource by its Dutch plural."""
    alone = f"POST /v1/{kind}en"
    return f"{alone}, POST /v1/leveringen" if kind is MessageKind.REFERRAL else alone


def _first(joining: Joining) -> Step:
    name = joining.partner.id
    if joining.partner.kind != "keten":
        return Step("Lees het logboek:", "First command:", (f"sluis log checkpoint --as {name}",))
    media = next(iter(ADAPTERS[joining.partner.adapter].readers))
    if joining.flows.protocol is not None and not joining.flows.sends:
        return Step("Haal uw postvak op.", "First command:", (f"sluis pull --as {name}",))
    return Step(
        "Stuur uw eerste bestand, met verzonnen personen. Met onze client, of met elke andere:",
        "First command, with invented persons; by our client, or by any other:",
        (
            f"sluis send FILE --as {name}",
            f'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: {media}"'
            f" --data-binary @FILE {joining.base_url}/v1/leveringen",
            f"sluis pull --as {name}",
        ),
    )


def _test(joining: Joining) -> Step:
    name = joining.partner.id
    return Step(
        "Laat de aansluiting toetsen: wij lopen alle afspraken na en u krijgt een ondertekend"
        " verslag.",
        "Have the connection tested: all that was agreed is gone through, and there is a signed"
        " report of it.",
        ours=(f"sluis partner test {name}",),
    )


def _renewal(joining: Joining) -> list[Step]:
    key = joining.key
    if key is None:
        return []
    ends = key.expires_at.date()
    renew = ends - RENEW_BEFORE
    # By its key alone it would come in unbound from then on.
    option = "--certificate" if joining.is_certified else "--public-key"
    return [
        Step(
            f"Uw sleutel {key.kid} geldt tot {ends}. Stuur ons vóór {renew} een nieuwe; de oude"
            " blijft tot die dag werken. U krijgt er 60, 30, 14, 7 en 1 dag van tevoren bericht"
            " van in uw postvak.",
            f"Key {key.kid}, good until {ends}; send a new one before {renew}.",
            ours=(f"sluis partner key {joining.partner.id} {option} FILE",),
        )
    ]


def letter(joining: Joining) -> str:
    """The letter (aansluiten.md): Dutch first, then the same in English."""
    partner = joining.partner
    made = [
        f"# Aansluiten op Sluis: {partner.name}",
        "",
        f"Ketenpartner `{partner.id}`, OIN {partner.oin}. Opgesteld op {joining.today}.",
        "",
        *_numbered([(one.dutch, one.lines) for one in steps(joining)]),
        "",
        f"# Connecting to Sluis: {partner.name}",
        "",
        f"Partner `{partner.id}`, OIN {partner.oin}. Written on {joining.today}.",
        "",
        *_numbered([(one.english, one.lines) for one in steps(joining)]),
        "",
    ]
    return "\n".join(made)


def _numbered(told: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    made: list[str] = []
    for number, (text, lines) in enumerate(told, start=1):
        made.append(f"{number}. {text}")
        if lines:
            made += ["", *(f"       {line}" for line in lines), ""]
    return made
