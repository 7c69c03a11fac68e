"""The description in Dutch: what each schema is called and means for who builds against it.

Models are written in English, for who reads the code; an interface of a Dutch government is
described in Dutch (NL GOV REST API Design Rules, /core/interface-language). A test asks that every
schema of the description stands here.
"""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """A schema's Dutch name and meaning, and those of its fields that need a word."""

    name: str
    meaning: str
    fields: dict[str, str] = {}  # noqa: RUF012  # a default that nobody changes


_BASE64 = "base64, 32 bytes"

WORDING: dict[str, Wording] = {
    "Referral": Wording(
        "Aanmelding",
        "Eén huishouden dat een partner voor hulp aanmeldt. Wat u niet weet, laat u weg.",
        {
            "kenmerk": "Uw eigen sleutel. Hij gaat alleen naar u terug.",
            "toelichting": "Vrije tekst; gaat alleen mee waar het protocol dat toestaat.",
        },
    ),
    "Household": Wording("Huishouden", "Waar het huishouden woont, en wie erbij horen."),
    "Member": Wording("Lid", "Eén persoon van het huishouden.", {"zrm": "De laatste meting."}),
    "Agreement": Wording(
        "Instemming",
        "De instemming van een lid, zoals u die heeft vastgelegd.",
        {"op": "De dag van het besluit.", "bewijs": "Uw sleutel van het bewijsstuk."},
    ),
    "ZrmMeasurement": Wording(
        "ZrmMeting",
        "Eén meting met de zelfredzaamheidsmatrix. Niet gescoorde leefgebieden ontbreken.",
        {"scores": "Per leefgebied 1 (acute problematiek) tot en met 5 (volledig zelfredzaam)."},
    ),
    "ZrmDomain": Wording("ZrmLeefgebied", "Een leefgebied van de matrix."),
    "Role": Wording("Rol", "De plaats van een lid in het huishouden."),
    "Sex": Wording("Geslacht", "Man, vrouw of onbekend, zoals in de basisregistratie."),
    "Ground": Wording("Grondslag", "De wet op grond waarvan u aanmeldt."),
    "DecidedBy": Wording("BeslotenDoor", "Wie over de instemming van een lid besloot."),
    "StatusMessage": Wording(
        "Statusbericht",
        "Hoe het staat met een aanmelding die u uit uw postvak ophaalde.",
        {"uitwisselingId": "Het `id` van de aanmelding in uw postvak."},
    ),
    "CaseStatus": Wording("Casusstatus", "De stap waarin de hulp is."),
    "CloseReason": Wording("Afsluitreden", "Waarom een casus werd afgesloten."),
    "OwnStatus": Wording(
        "EigenStatus",
        "De status van uw eigen aanmelding, zo fijn of grof als het protocol haar doorlaat.",
        {"kenmerk": "Uw eigen sleutel van de aanmelding."},
    ),
    "SenderStatus": Wording("Verwijzerstatus", "De stappen, samengenomen tot drie."),
    "Answer": Wording(
        "Antwoord",
        "Wat er van een bericht is besloten, naar welke regel, met het ontvangstbewijs.",
        {
            "regel": "De regel die de weg van het bericht beëindigde.",
            "veld": "Het veld waar de regel om vraagt.",
            "bevindingen": "Velden die ontbreken of onduidelijk zijn.",
        },
    ),
    "Outcome": Wording("Besluit", "Toegelaten, aangehouden of geweigerd."),
    "Rule": Wording("Regel", "De regels die de weg van een bericht kunnen beëindigen."),
    "Receipt": Wording(
        "Ontvangstbewijs",
        "Het bewijs dat een bericht is ontvangen en vastgelegd; bewaar het.",
        {
            "logboek": "De naam van het logboek.",
            "bladhash": _BASE64,
            "zout": "base64, 16 bytes",
            "bodyVerbintenis": f"{_BASE64}: HMAC-SHA256 onder het zout van wat u stuurde",
        },
    ),
    "Promise": Wording(
        "Toezegging",
        "Een handtekening onder alles wat samen werd vastgelegd, en de weg daarheen.",
        {
            "wortel": _BASE64,
            "pad": f"{_BASE64} elk",
            "handtekening": "base64, Ed25519",
        },
    ),
    "DeliveryReport": Wording(
        "Leveringsverslag",
        "Hoe het met een levering staat.",
        {
            "records": "Hoeveel records tot nu toe zijn verwerkt.",
            "geweigerd": "Aantallen per regel.",
            "ontbrekend": "Aantallen bevindingen per veld en soort.",
            "fout": "Waarom het bestand niet leesbaar is.",
            "isHerhaling": "Dezelfde bytes waren al eens geleverd.",
        },
    ),
    "DeliveryState": Wording("Leveringsstatus", "Hoe ver een levering is."),
    "RecordOutcome": Wording("Recorduitkomst", "De uitkomst van één record van een levering."),
    "RecordFinding": Wording("Bevinding", "Een opmerking bij één veld van één regel."),
    "Problem": Wording("Bevindingssoort", "Wat er aan een veld opviel."),
    "OutcomePage": Wording(
        "Uitkomstenpagina",
        "De uitkomsten van een reeks records, op volgorde.",
        {"meer": "Of er na deze pagina nog uitkomsten zijn."},
    ),
    "MailboxEvent": Wording(
        "Postvakbericht",
        "Eén bericht uit uw postvak: een CloudEvent naar het NL GOV-profiel.",
        {
            "id": "De uitwisseling; een statusbericht noemt haar als `uitwisselingId`.",
            "type": "`nl.sluis.vervallen`: het bericht is teruggenomen; er is niets meer van.",
            "subject": "Het pseudoniem van wie het betreft, in uw domein.",
            "sequence": "De plaats in uw postvak; plaatsen volgen zonder gaten op elkaar.",
            "data": "Alleen de velden die het protocol voor deze stroom noemt.",
        },
    ),
    "MailboxPage": Wording(
        "Postvakpagina",
        "Wat er voor u klaarstaat, in volgorde.",
        {
            "volgende": "De cursor voor de volgende pagina en voor de bevestiging.",
            "meer": "Of er na deze pagina nog berichten zijn.",
        },
    ),
    "Acknowledgement": Wording(
        "Ontvangstbevestiging",
        "Tot waar u veilig heeft opgeslagen wat u ophaalde.",
        {"totEnMet": "De cursor `volgende` van een pagina."},
    ),
    "Acknowledged": Wording(
        "Bevestigd",
        "Hoeveel berichten nieuw zijn bevestigd; bij herhaling 0.",
    ),
    "ConsentRecord": Wording(
        "Toestemming",
        "Het ja of nee van één persoon, voor één doel, ontvanger en categorie.",
        {
            "categorie": "Een categorie van het protocol; `*` betekent alle.",
            "op": "Het moment van het besluit; niet in de toekomst.",
            "bewijs": "Uw sleutel van het bewijsstuk.",
        },
    ),
    "ConsentWithdrawal": Wording("Intrekking", "De intrekking van wat eerder werd vastgelegd."),
    "ConsentReceipt": Wording(
        "ToestemmingVastgelegd", "Wat is vastgelegd, en door welke logregel."
    ),
    "ProtocolInForce": Wording(
        "Protocol",
        "Het privacyprotocol dat van kracht is.",
        {"digest": "SHA-256 van `tekst`, hexadecimaal", "tekst": "Het bestand zelf (TOML)."},
    ),
    "InclusionProof": Wording(
        "Opnamebewijs",
        "De weg van een logregel naar de wortel van een ondertekend controlepunt (RFC 6962).",
        {"pad": f"{_BASE64} elk", "controlepunt": "C2SP tlog-checkpoint"},
    ),
    "LogKeys": Wording(
        "Logboeksleutels",
        "De sleutels waarmee u het logboek controleert, als u geen betere bron heeft.",
        {"verwerkingen": "C2SP vkey"},
    ),
    "ProblemDetails": Wording(
        "Probleem",
        "Een antwoord dat geen succes is (RFC 9457). Het herhaalt geen waarde die u stuurde.",
        {
            "type": "Een vaste URN; stem uw programma hierop af.",
            "fouten": "Plaats en regel van elke fout, hooguit twintig.",
            "antwoord": "Bij een weigering door het protocol: het hele antwoord, met bewijs.",
            "toegestaan": "De bestandstypen die uw koppeling aanneemt.",
            "mogelijk": "De formaten die uw postvak kent.",
        },
    ),
    "Fault": Wording("Fout", "Waar het misging, en naar welke regel."),
}
