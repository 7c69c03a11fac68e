"""A protocol with protected exchanges and emergencies, and the messages that go by it.

DWI refers to the casebook, which asks agreement; OKT reports to Veilig Thuis, always protected; OKT
may refer to the casebook, protected where a professional asks it, and in an emergency.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.store.partners import NewPartner
from tests.support.messages import Json, referral

OKT = NewPartner("okt", "Ouder- en Kindteam (proefpartij)", "00000099000000005000", "generic")
VEILIG_THUIS = NewPartner(
    "veilig-thuis", "Veilig Thuis (proefpartij)", "00000099000000006000", "generic"
)
OVERSEER = NewPartner(
    "overzicht", "Toezicht (proefpartij)", "00000099000000019000", "generic", "toezicht-beschermd"
)

_HEAD = """\
[protocol]
versie = "{version}"
titel = "Beschermd verkeer (proef)"

[[doel]]
id = "toeleiding-wijkteam"
omschrijving = "Een huishouden voor hulp aanmelden bij een wijkteam."

[[doel]]
id = "melding-veiligheid"
omschrijving = "Een vermoeden van kindermishandeling of huiselijk geweld melden."

[[doel]]
id = "terugkoppeling"
omschrijving = "De verwijzer laten weten hoe het staat."

[[overeenkomst]]
id = "convenant"
soort = "convenant"
titel = "Convenant (te bevestigen)"
partijen = ["dwi", "okt", "casebook", "veilig-thuis"]
ingang = 2013-01-01
einde = 2099-12-31
"""
_FLOW = """
[[gegevensstroom]]
id = "{id}"
verzender = "{sender}"
ontvanger = "{recipient}"
bericht = "{message}"
doel = "{purpose}"
verwerkingsverantwoordelijke = "College van burgemeester en wethouders"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/verwerkingsactiviteiten/{id}"
{more}

[gegevensstroom.sloten]
grondslag = {{ soort = "publieke-taak", artikel = "AVG art. 6 lid 1 onder e (te bevestigen)" }}
{locks}

[gegevensstroom.bewaren]
aangehoudenDagen = 42
nietOpgehaaldDagen = 28
naOntvangstDagen = 14

[gegevensstroom.velden]
{fields}
"""
_BSN = 'bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n'
_FIELDS = """\
"lid.pseudoniem" = "pseudonimiseren"
"lid.rol" = "behouden"
"lid.burgerservicenummer" = "identificeren"
"lid.achternaam" = "identificeren"
"lid.geboortedatum" = "identificeren"
"huishouden.postcode" = "identificeren"
"huishouden.telefoonnummer" = "identificeren"
"aanmelding.aangemeldOp" = "behouden"
"aanmelding.aantalLeden" = "behouden"
"""
_STATUS = """\
"statusbericht.kenmerk" = "behouden"
"statusbericht.status" = "generaliseren"
"""
ALWAYS = 'bescherming = { soort = "altijd", artikel = "Wmo 2015 art. 5.2.6 (te bevestigen)" }'
ASKED = 'bescherming = { soort = "professional", artikel = "Jeugdwet art. 7.3.11 (te bevestigen)" }'
EMERGENCY = """\
nood = { artikel = "AVG art. 6 lid 1 onder d (te bevestigen)", velden = \
["lid.achternaam", "huishouden.postcode", "huishouden.telefoonnummer"], \
meldcodeStappen = [4, 5], uren = 12, beoordelingDagen = 3 }"""
AGREED = 'instemming = { vereist = true, huishouden = "allen" }'
UNASKED = "instemming = { vereist = false }"


def flow(
    name: str,
    sender: str,
    recipient: str,
    *,
    purpose: str = "toeleiding-wijkteam",
    message: str = "aanmelding",
    more: str = "",
    locks: str = _BSN + AGREED,
    fields: str = _FIELDS,
) -> str:
    """One flow of the protocol."""
    return _FLOW.format(
        id=name, sender=sender, recipient=recipient, purpose=purpose, message=message, more=more,
        locks=locks, fields=fields,
    )  # fmt: skip


def status_flow(name: str, sender: str, recipient: str) -> str:
    return flow(
        name, sender, recipient, purpose="terugkoppeling", message="statusbericht",
        locks=UNASKED, fields=_STATUS,
    )  # fmt: skip


DWI = flow("dwi-aanmelding", "dwi", "casebook")
REPORT = flow(
    "okt-melding", "okt", "veilig-thuis", purpose="melding-veiligheid", more=ALWAYS,
    locks=_BSN + UNASKED,
)  # fmt: skip
REFER = flow("okt-aanmelding", "okt", "casebook", more=f"{ASKED}\n{EMERGENCY}")
BACK = status_flow("casebook-terug-dwi", "casebook", "dwi") + status_flow(
    "veilig-thuis-terug-okt", "veilig-thuis", "okt"
)


def protocol(version: str, *flows: str) -> str:
    """A protocol of these flows; of all where none are named."""
    return _HEAD.format(version=version) + "".join(flows or (DWI, REPORT, REFER, BACK))


def report(*members: Json, **changes: Any) -> Json:
    """A report to Veilig Thuis, protected by its flow's own rule."""
    return referral(*members, ontvanger="veilig-thuis", **changes)


def asked(*members: Json, **changes: Any) -> Json:
    """A referral that a named professional asks to protect."""
    request = {
        "professional": {"naam": "J. Zwijgzaam-Nachtegaal", "functie": "jeugdconsulent"},
        "reden": "veiligheid-kind",
    }
    return referral(*members, ontvanger="casebook", **{"bescherming": request, **changes})


def emergency(*members: Json, until: datetime | None = None, step: int = 4, **changes: Any) -> Json:
    """A referral as an emergency release, some hours from now unless told otherwise."""
    moment = until or datetime.now(UTC) + timedelta(hours=6)
    request = {
        "professional": {"naam": "J. Zwijgzaam-Nachtegaal", "functie": "jeugdconsulent"},
        "reden": "acuut-gevaar-kind",
        "meldcodeStap": step,
        "tot": moment.isoformat(),
    }
    message = referral(*members, ontvanger="casebook", **{"noodverstrekking": request, **changes})
    message["huishouden"]["telefoonnummer"] = "020-5550000"
    return message
