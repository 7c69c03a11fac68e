"""The retour of a message: JW302, 306, 308 or 316, in an envelope if the message came in one.

The header alone answers: a message is about one client, and repeating the client's number and name
(as a retour may) would send personal data back for no use (OP065 returns nobody who was accepted).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from lxml import etree
from pydantic import ValidationError

from adapters.okt.envelope import close_envelope
from adapters.okt.header import Slip
from adapters.okt.ijw_types import BASE, MESSAGE_CODES, RETOUR_OF, namespace_of
from adapters.okt.retour_codes import code_of
from adapters.port import Answered

XSD_VERSION = "0.1.0"
"""What the XSDs that our retours are held against say of themselves."""


def write_retour(answered: Sequence[Answered], delivery: UUID, at: datetime) -> bytes | None:
    """The retour on a delivery, which holds one message; None where its header gave none.

    The delivery's id gives the retour its own: asking for a retour again gives the same bytes.
    """
    if len(answered) != 1 or answered[0].slip is None:
        return None
    try:
        slip = Slip.model_validate_json(answered[0].slip)
    except ValidationError:
        return None
    codes = slip.codes or (code_of(slip.kind, answered[0].outcome, answered[0].first).code,)
    retour_id = delivery.hex[-12:]
    message = retour_of(slip, codes, retour_id, at)
    if slip.envelope is None:
        return message
    kind = RETOUR_OF[slip.kind]
    return close_envelope(slip.envelope, kind, message, retour_id, delivery, at)


def retour_of(slip: Slip, codes: Sequence[str], retour_id: str, at: datetime) -> bytes:
    """The retour's own message."""
    kind = RETOUR_OF[slip.kind]
    own = namespace_of(kind)
    root = etree.Element(f"{{{own}}}Bericht", nsmap={f"jw{kind}": own, "ijw": BASE})
    header = etree.SubElement(root, f"{{{own}}}Header")
    for name, text in (
        ("BerichtCode", MESSAGE_CODES[kind]),
        ("BerichtVersie", "3"),
        ("BerichtSubversie", "2"),
        # The same two as in the message: who sent it is told where to look, not who answers.
        ("Afzender", slip.sender),
        ("Ontvanger", slip.recipient),
    ):
        _add(header, own, name, text)
    identification = etree.SubElement(header, f"{{{own}}}BerichtIdentificatie")
    _add(identification, BASE, "Identificatie", slip.identification)
    _add(identification, BASE, "Dagtekening", slip.dated)
    _versions(header, own, "XsdVersie", slip.base_version, slip.message_version)
    _add(header, own, "IdentificatieRetour", retour_id)
    _add(header, own, "DagtekeningRetour", at.date().isoformat())
    _versions(header, own, "XsdVersieRetour", XSD_VERSION, XSD_VERSION)
    listed = etree.SubElement(header, f"{{{own}}}RetourCodes")
    for code in codes:
        _add(listed, own, "RetourCode", code)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _versions(header: etree._Element, own: str, name: str, base: str, message: str) -> None:
    versions = etree.SubElement(header, f"{{{own}}}{name}")
    _add(versions, BASE, "BasisschemaXsdVersie", base)
    _add(versions, BASE, "BerichtXsdVersie", message)


def _add(parent: etree._Element, namespace: str, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{namespace}}}{name}").text = text
