"""A message's header, and the slip that is kept of it for the retour.

The slip is what a retour has to repeat: who to whom, under which identification, from which XSDs.
It holds nothing of the client. Without a header that the retour's own XSD would take, there is no
retour: one is never made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from lxml import etree
from pydantic import BaseModel, ConfigDict, Field

from adapters.okt.ijw_types import MESSAGE_CODES, RETOUR_OF, SIMPLE

_ROOT = re.compile(r"\{http://www\.istandaarden\.nl/ijw/[0-9_]{1,9}/jw([0-9]{3})/schema\}Bericht")
_KIND_OF = {code: kind for kind, code in MESSAGE_CODES.items()}


class EnvelopeSlip(BaseModel):
    """What the envelope of a retour has to repeat of the one that it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str
    sender_application: str
    recipient: str
    recipient_application: str
    reference: str
    message_reference: str | None = None
    versions: tuple[str, str, str, str]


class Slip(BaseModel):
    """What a retour has to repeat of the message that it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[str, Field(pattern=r"^(301|305|307|315)$")]
    sender: str
    recipient: str
    identification: str
    dated: str
    base_version: str
    message_version: str
    codes: tuple[str, ...] = ()
    envelope: EnvelopeSlip | None = None


def kind_of(root: etree._Element) -> str | None:
    """The kind that the root names, of whatever release: `315`; None if it is no iJw message."""
    found = _ROOT.fullmatch(str(root.tag))
    return None if found is None else found[1]


def read_slip(
    root: etree._Element, envelope: EnvelopeSlip | None, *, is_whole: bool
) -> Slip | None:
    """The slip of a message, also of one that broke off after its header or is of another release.

    None if a valid retour cannot be made of it.
    """
    values = _values(root, is_whole=is_whole)
    kind = kind_of(root)
    if kind not in RETOUR_OF or _KIND_OF.get(values.get("BerichtCode", "")) != kind:
        return None
    senders = ("LDT_Gemeente", "LDT_AgbCode") if kind == "301" else ("LDT_AgbCode", "LDT_Gemeente")
    needed = {
        "Afzender": senders[0],
        "Ontvanger": senders[1],
        "Identificatie": "LDT_IdentificatieBericht",
        "Dagtekening": "LDT_Datum",
        "BasisschemaXsdVersie": "LDT_Versie",
        "BerichtXsdVersie": "LDT_Versie",
    }
    for name, type_name in needed.items():
        text = values.get(name)
        if text is None or len(text) > 64 or SIMPLE[type_name].problem_of(text) is not None:
            return None
    return Slip(
        kind=kind,
        sender=values["Afzender"],
        recipient=values["Ontvanger"],
        identification=values["Identificatie"],
        dated=values["Dagtekening"].strip(),
        base_version=values["BasisschemaXsdVersie"],
        message_version=values["BerichtXsdVersie"],
        envelope=envelope,
    )


def _values(root: etree._Element, *, is_whole: bool) -> Mapping[str, str]:
    """The header's values by name, the first of each; empty where the first element is no header.

    Only a header that was closed counts: the last value of one that broke off may be cut short.
    """
    values: dict[str, str] = {}
    header = root[0] if len(root) else None
    if header is None or not isinstance(header.tag, str) or not header.tag.endswith("}Header"):
        return values
    if not is_whole and len(root) < 2:
        return values
    for element in header.iter(etree.Element):
        values.setdefault(str(element.tag).rpartition("}")[2], element.text or "")
    return values
