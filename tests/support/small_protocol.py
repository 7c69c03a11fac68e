"""A small protocol for tests of what is said about protocols, and ways to change it."""

from __future__ import annotations

from consent.protocol import Protocol, load

TEXT = """\
[protocol]
versie = "1.0"
titel = "Proefprotocol"

[[doel]]
id = "toeleiding"
omschrijving = "Een huishouden voor hulp aanmelden bij een wijkteam."
bewaarDagen = 60

[[doel]]
id = "terugkoppeling"
omschrijving = "De verwijzer laten weten hoe het staat."

[[overeenkomst]]
id = "convenant"
soort = "convenant"
titel = "Convenant (te bevestigen)"
partijen = ["dwi", "casebook"]
ingang = 2026-01-01
einde = 2030-12-31

[[gegevensstroom]]
id = "dwi-aanmelding"
verzender = "dwi"
ontvanger = "casebook"
bericht = "aanmelding"
doel = "toeleiding"
verwerkingsverantwoordelijke = "College van burgemeester en wethouders"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/verwerkingsactiviteiten/dwi-aanmelding"
toegelatenGrondslagen = ["participatiewet", "wmo2015"]
verplicht = ["aanmelding.aangemeldOp"]

[gegevensstroom.sloten]
grondslag = { soort = "publieke-taak", artikel = "AVG art. 6 lid 1 onder e; Wmo 2015 art. 2.1.1" }
bsn = { artikel = "Wabb art. 10 (te bevestigen)" }
instemming = { vereist = true, huishouden = "allen" }

[gegevensstroom.bewaren]
aangehoudenDagen = 42
nietOpgehaaldDagen = 28
naOntvangstDagen = 14

[gegevensstroom.velden]
"lid.burgerservicenummer" = "identificeren"
"lid.achternaam" = "identificeren"
"lid.geboortedatum" = "generaliseren"
"lid.zrm.verslaving" = "weglaten"
"huishouden.postcode" = "generaliseren"
"aanmelding.aangemeldOp" = "behouden"

[[gegevensstroom]]
id = "terugkoppeling-dwi"
verzender = "casebook"
ontvanger = "dwi"
bericht = "statusbericht"
doel = "terugkoppeling"
verwerkingsverantwoordelijke = "College van burgemeester en wethouders"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/verwerkingsactiviteiten/terugkoppeling"

[gegevensstroom.sloten]
grondslag = { soort = "publieke-taak", artikel = "AVG art. 6 lid 1 onder e; Wmo 2015 art. 2.1.1" }
instemming = { vereist = false }

[gegevensstroom.bewaren]
aangehoudenDagen = 42
nietOpgehaaldDagen = 28
naOntvangstDagen = 14

[gegevensstroom.velden]
"statusbericht.kenmerk" = "behouden"
"statusbericht.status" = "generaliseren"
"statusbericht.peildatum" = "behouden"
"""
STATUS_FLOW = TEXT[TEXT.rindex("[[gegevensstroom]]") :]


def changed(*pairs: tuple[str, str], version: str | None = "2.0") -> str:
    """The text with each first text replaced by its second, every time that it stands there."""
    text = TEXT if version is None else TEXT.replace('versie = "1.0"', f'versie = "{version}"')
    for old, new in pairs:
        assert old in text, f"not in the protocol: {old}"
        text = text.replace(old, new)
    return text


def protocol(*pairs: tuple[str, str], version: str | None = None) -> Protocol:
    """The same, loaded."""
    return load(changed(*pairs, version=version))
