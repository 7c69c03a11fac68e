"""The structure of a SuwiML Bijstandsregelingen v0500 answer: which elements, in which order.

Checked always, with or without the XSDs at hand, so that an answer is refused before anything of it
is read rather than half understood. Only element names and their order are here; code lists and
formats are the XSDs' (BKWI, not shipped), and `suwi_client` checks those of what it reads.
"""

from __future__ import annotations

import re

from lxml import etree

from adapters.hostile_xml import line_of
from schemas.deliveries import Finding, Problem

SUWI = "http://bkwi.nl/SuwiML/Diensten/Bijstandsregelingen/v0500"
FWI = "http://bkwi.nl/SuwiML/FWI/v0205"
RESPONSE = f"{{{SUWI}}}BijstandsregelingenInfoResponse"
FAULT = f"{{{FWI}}}FWI"
NOTHING_FOUND = f"{{{FWI}}}NietsGevonden"
CLIENT = "ClientSuwi"

_PERSON = "Burgerservicenr Voorletters? Voorvoegsel? SignificantDeelVanDeAchternaam? Geboortedat?"
_AMOUNT = "CdMunteenheid? CdPositiefNegatief? WaardeBedr? CdPeriodeEenheidGeldigheidBedr?"
CONTENT = {
    CLIENT: (
        "Burgerservicenr Voornamen? Voorletters? Voorvoegsel? SignificantDeelVanDeAchternaam?"
        " Geslacht? Geboortedat? CdLeefvorm? DomicilieAdres? Huisvesting?"
        " SchendingInlichtingenplicht? DossierGsd? Bron? AanvraagUitkering* Vordering*"
        " SpecifiekeGegevensBijzBijstand* Uitkeringsverhouding*"
    ),
    "DomicilieAdres": (
        "Locatieoms? Postcd? Woonplaatsnaam? Gemeentenaam? Straatnaam? Huisnr? Huisnrtoevoeging?"
    ),
    "Huisvesting": "CdRelatieBewonerHuisvesting",
    "SchendingInlichtingenplicht": "DatWaarschSchendInlichtingplicht",
    "DossierGsd": "Dossiercd? DatOpnameGegevensInIbSysteem?",
    "Bron": "CdKolomSuwi CdPartijSuwi CdVestigingSuwi?",
    "SzWet": "CdSzWet",
    "AanvraagUitkering": (
        "DatAanvraagUitkering? SzWet BeslissingOpAanvraagUitkering? PartnerAanvraagUitkering? Bron"
    ),
    "BeslissingOpAanvraagUitkering": (
        "CdBeslissingOpAanvraagUitkering DatDagtekeningBeslisOpAanvrUitk?"
    ),
    "PartnerAanvraagUitkering": _PERSON,
    "Vordering": (
        "IdentificatienrVordering? DatBesluitVordering? CdRedenVordering? BedrAanvangVordering?"
        " CdStatusVordering? BedrSaldoVordering? DatOnherroepelijkVordering? SzWet"
        " PartnerVordering* Fraude? Bron"
    ),
    "BedrAanvangVordering": _AMOUNT,
    "BedrSaldoVordering": _AMOUNT,
    "PartnerVordering": "Burgerservicenr",
    "Fraude": (
        "IndRecidive? IndRobuusteIncassoToegepast? CdHoogteBestuurlijkeBoete? CdSrtSanctie?"
        " ParketnrJustitie? CdRecidivetermijn?"
    ),
    "SpecifiekeGegevensBijzBijstand": (
        "CdClusterBijzBijstand? OmsSrtKostenBijzBijstand? DatBetaalbaarBijzBijstand? SzWet"
        " PartnerBijzBijstand? Bron"
    ),
    "PartnerBijzBijstand": _PERSON,
    "Uitkeringsverhouding": (
        "DatBUitkeringsverhouding DatEUitkeringsverhouding? SzWet SpecifiekeGegevensBijstandUitk?"
        " InkomstenInvloedOpBijstandUitk* VrijstellingArbeidsplicht? PartnerUitkeringsverhouding?"
        " Uitkeringsperiode+ Bron"
    ),
    "SpecifiekeGegevensBijstandUitk": (
        "CdAanleidingEindeBijstandUitk? CdClassificatieBbz? AantKostendelers?"
    ),
    "InkomstenInvloedOpBijstandUitk": "CdSrtOverigeInkomsten?",
    "VrijstellingArbeidsplicht": (
        "CdVrijstellingArbeidsplichtBijst DatEVrijstellingArbeidsplicht?"
        " CdRedenEVrijstArbeidsplichtBijst?"
    ),
    "PartnerUitkeringsverhouding": _PERSON,
    "Uitkeringsperiode": (
        "DatBUitkeringsperiode DatEUitkeringsperiode? MaatregelMbtUitkering*"
        " InkomstenBijstandUitkering? Normbedrag*"
    ),
    "MaatregelMbtUitkering": (
        "DatBMaatregelMbtUitkering DatEMaatregelMbtUitkering? RedenMaatregelMbtBijstandUitk?"
    ),
    "RedenMaatregelMbtBijstandUitk": (
        "CdRedenMaatregelMbtBijstandUitk? GevolgenMaatregelMbtBijstandUitk?"
    ),
    "GevolgenMaatregelMbtBijstandUitk": "BedrVerminderingUitkMbtMaatregel",
    "InkomstenBijstandUitkering": (
        "BedrTotaalInkomstenUitkering? BedrBetaalbaarGesteldeUitkering?"
    ),
    "BedrVerminderingUitkMbtMaatregel": _AMOUNT,
    "BedrTotaalInkomstenUitkering": _AMOUNT,
    "BedrBetaalbaarGesteldeUitkering": _AMOUNT,
    "Normbedrag": "CdSrtNormbedrag CdMunteenheid? WaardeBedr",
}
"""Each element that holds elements, with its content: `?` at most one, `*` any, `+` some."""


def _compiled(content: str) -> re.Pattern[str]:
    pieces = []
    for name in content.split():
        bare = name.rstrip("?*+")
        count = name[len(bare) :]
        pieces.append(f"(?:{bare} ){count}" if count else f"{bare} ")
    return re.compile("".join(pieces))


_COMPILED = {name: _compiled(content) for name, content in CONTENT.items()}
VOCABULARY = frozenset(CONTENT) | {
    name.rstrip("?*+") for content in CONTENT.values() for name in content.split()
}


def structure_findings(client: etree._Element, limit: int) -> list[Finding]:
    """Where a client's element departs from the structure; at most `limit` findings."""
    findings: list[Finding] = []
    for element in client.iter():
        problem = _departure(element)
        if problem is not None:
            findings.append(Finding(line_of(element), f"suwi.{_name(element)}", problem))
        if len(findings) == limit:
            break
    return findings


def _departure(element: etree._Element) -> Problem | None:
    names = [str(child.tag) for child in element]
    if any(name not in VOCABULARY for name in names):
        return Problem.UNKNOWN_COLUMN
    content = _COMPILED.get(str(element.tag))
    if content is None:  # a value; or unknown, which is told of its parent
        return Problem.INVALID if names or element.attrib else None
    if not content.fullmatch("".join(f"{name} " for name in names)):
        return Problem.INVALID
    texts = [element.text, *(child.tail for child in element)]
    if element.attrib or any(text and not text.isspace() for text in texts):
        return Problem.INVALID
    return None


def _name(element: etree._Element) -> str:
    """The element's name if it is ours to know; another may be anything (invariant 3)."""
    return str(element.tag) if element.tag in VOCABULARY else "onbekend"
