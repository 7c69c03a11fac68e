"""The GGk envelope (StUF GGk0310): Di01 with a message in base64 in, Du01 with its retour out.

VNG's exchange of iWmo and iJw messages between municipalities and providers. Names of users and of
administrations in it are read over: a retour has no use for them.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from lxml import etree

from adapters.okt.grammar import Grammar, Simple
from adapters.okt.header import EnvelopeSlip
from schemas.deliveries import Finding, Problem

GGK = "http://www.stufstandaarden.nl/sectormodel/ggk/0210"
STUF = "http://www.egem.nl/StUF/StUF0301"
XMIME = "http://www.w3.org/2005/05/xmlmime"
DI01 = f"{{{GGK}}}envelopHeenbericht-ggk_Di01"
DU01 = f"{{{GGK}}}envelopRetourbericht-ggk_Du01"
_NAMES = {"GGK": GGK, "StUF": STUF, "xmime": XMIME}
_CONTENT_TYPE = f"{{{XMIME}}}contentType"
_FILE_NAME = f"{{{STUF}}}bestandsnaam"
_XML = ("application/xml", "text/xml")
_VERSIONS = ("applicatieVersie", "applicatieSubversie", "functieVersie", "functieSubversie")

_HEAD = "berichtcode:Berichtcode zender:StUF_Systeem ontvanger:StUF_Systeem"
_MARKS = "referentienummer:Refnummer tijdstipBericht:Tijdstip"
_TAIL = "".join(f" {name}:Versienr" for name in _VERSIONS) + " bericht:Inhoud"
_SYSTEM = (
    "organisatie:Organisatie applicatie:Applicatie administratie:Administratie?"
    " gebruiker:Gebruiker?"
)
_SIMPLE = {
    "Refnummer": Simple(longest=40),
    "Tijdstip": Simple("[0-9]{8,17}"),
    "Functie": Simple(longest=30),
    "Organisatie": Simple(longest=200),
    "Applicatie": Simple(".{3,}", 50),
    "Administratie": Simple(longest=50),
    "Gebruiker": Simple(longest=100),
    "Versienr": Simple("[0-9]{4}"),
    "Inhoud": Simple(is_text=True),
}


def _grammar(code: str, marks: str, references: str) -> Grammar:
    contents = {
        "Envelop": "stuurgegevens:StUF_Stuurgegevens parameters:Parameters",
        "StUF_Stuurgegevens": f"{_HEAD} {marks} functie:Functie",
        "StUF_Systeem": _SYSTEM,
        "Parameters": references + _TAIL,
    }
    simple = {**_SIMPLE, "Berichtcode": Simple(codes=frozenset({code}))}
    attributes = {"Inhoud": frozenset({_CONTENT_TYPE, _FILE_NAME})}
    return Grammar("ggk", GGK, (("StUF_", STUF),), contents, simple, attributes)


HEEN = _grammar("Di01", _MARKS, "referentienummerBericht:Refnummer?")
RETOUR = _grammar(
    "Du01",
    f"{_MARKS} crossRefnummer:Refnummer",
    "referentienummerBericht:Refnummer? crossRefnummerBericht:Refnummer?",
)


class EnvelopeError(Exception):
    """An envelope that cannot be opened; `finding` says where it departs."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.field)
        self.finding = finding


def open_envelope(root: etree._Element) -> tuple[EnvelopeSlip, str, bytes]:
    """A Di01's slip, the message kind that it announces (`JW315`) and the message.

    Raises `EnvelopeError`.
    """
    findings = HEEN.departures(root, "Envelop", 1)
    if findings:
        raise EnvelopeError(findings[0])
    content = next(root.iter(f"{{{GGK}}}bericht"))
    if content.get(_CONTENT_TYPE) not in _XML:
        raise EnvelopeError(Finding(1, "ggk.bericht", Problem.INVALID))
    is_broken = False
    message = b""
    try:
        message = base64.b64decode("".join((content.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        is_broken = True
    if is_broken:
        raise EnvelopeError(Finding(1, "ggk.bericht", Problem.BROKEN))
    return _slip(root), _value(root, STUF, "functie").strip(), message


def _slip(root: etree._Element) -> EnvelopeSlip:
    sender = next(root.iter(f"{{{STUF}}}zender"))
    recipient = next(root.iter(f"{{{STUF}}}ontvanger"))
    a, b, c, d = (_value(root, GGK, name) for name in _VERSIONS)
    return EnvelopeSlip(
        sender=_value(sender, STUF, "organisatie"),
        sender_application=_value(sender, STUF, "applicatie"),
        recipient=_value(recipient, STUF, "organisatie"),
        recipient_application=_value(recipient, STUF, "applicatie"),
        reference=_value(root, STUF, "referentienummer"),
        message_reference=_value(root, GGK, "referentienummerBericht") or None,
        versions=(a, b, c, d),
    )


def _value(element: etree._Element, namespace: str, name: str) -> str:
    found = next(element.iter(f"{{{namespace}}}{name}"), None)
    return "" if found is None else found.text or ""


def close_envelope(
    slip: EnvelopeSlip, kind: str, retour: bytes, retour_id: str, delivery: UUID, at: datetime
) -> bytes:
    """A Du01 with this retour in it, back to who sent the Di01. `at` is in the local time."""
    root = etree.Element(DU01, nsmap=_NAMES)
    head = etree.SubElement(root, f"{{{GGK}}}stuurgegevens")
    _add(head, STUF, "berichtcode", "Du01")
    for name, organisation, application in (
        ("zender", slip.recipient, slip.recipient_application),
        ("ontvanger", slip.sender, slip.sender_application),
    ):
        system = etree.SubElement(head, f"{{{STUF}}}{name}")
        _add(system, STUF, "organisatie", organisation)
        _add(system, STUF, "applicatie", application)
    _add(head, STUF, "referentienummer", str(delivery))
    _add(head, STUF, "tijdstipBericht", at.strftime("%Y%m%d%H%M%S"))
    _add(head, STUF, "crossRefnummer", slip.reference)
    _add(head, STUF, "functie", f"JW{kind}")
    parameters = etree.SubElement(root, f"{{{GGK}}}parameters")
    _add(parameters, GGK, "referentienummerBericht", retour_id)
    if slip.message_reference is not None:
        _add(parameters, GGK, "crossRefnummerBericht", slip.message_reference)
    for name, version in zip(_VERSIONS, slip.versions, strict=True):
        _add(parameters, GGK, name, version)
    content = _add(parameters, GGK, "bericht", base64.b64encode(retour).decode("ascii"))
    content.set(_FILE_NAME, f"JW{kind}.xml")
    content.set(_CONTENT_TYPE, "application/xml")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: etree._Element, namespace: str, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    element.text = text
    return element
