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
    "Accountability": Wording(
        "Verantwoording",
        "Wat het casusregister een instelling of financier over één casus laat weten.",
        {
            "uitwisselingId": "Het `id` van de aanmelding in uw postvak.",
            "ontvanger": "Aan wie u verantwoording aflegt.",
        },
    ),
    "PartnerUpdate": Wording(
        "Partnerbericht",
        "Eén verandering in een lopende casus, als code en dag.",
        {
            "uitwisselingId": "De uitwisseling waarmee de casus begon; of `aanmeldingKenmerk`.",
            "aanmeldingKenmerk": "Uw eigen kenmerk van de aanmelding; dertig dagen bekend.",
            "telefoonnummer": "Alleen bij `contactgegevens-gewijzigd`.",
            "bereikbaarheid": "Precies bij `bereikbaarheid-gewijzigd`.",
            "afspraakOp": "Precies bij `nieuwe-afspraak`.",
            "hulpvorm": "Alleen bij `hulp-gestart` en `hulp-gestopt`.",
        },
    ),
    "RegistrationRequest": Wording(
        "Registratieverzoek", "Wie u kent; als NDJSON is elke regel één persoon."
    ),
    "Registration": Wording(
        "Registratie",
        "Eén persoon die u kent.",
        {"kenmerk": "Uw eigen sleutel van het dossier; wordt teruggezegd en niet bewaard."},
    ),
    "RegistrationAnswer": Wording("Registratieantwoord", "Een uitkomst per regel, op volgorde."),
    "RegistrationOutcome": Wording(
        "Registratieuitkomst",
        "Hoe het nu is met één regel.",
        {
            "nummer": "De regel, vanaf 1.",
            "pseudoniem": "Hoe deze persoon in uw berichten heet.",
            "regel": "Waarom de regel is geweigerd.",
        },
    ),
    "RegistrationResult": Wording("Registratiestand", "Wat er vanaf nu geldt."),
    "UpdateKind": Wording("Veranderingssoort", "Wat er verandert."),
    "Reachability": Wording("Bereikbaarheid", "Of het huishouden te bereiken is."),
    "HelpKind": Wording("Hulpvorm", "Welke hulp is gestart of gestopt."),
    "Manner": Wording("Wijze", "Hoe instemming is gegeven."),
    "Holder": Wording(
        "Gezaghouder",
        "Wie gezag heeft: een lid van dit huishouden, of iemand bij nummer.",
        {"lid": "De plaats in `leden`, vanaf 0."},
    ),
    "Authority": Wording(
        "Gezag",
        "Wie over een lid mag beslissen, zoals u het in een bron heeft opgezocht.",
        {"peildatum": "De dag waarop u het opzocht."},
    ),
    "AuthorityKind": Wording("GezagSoort", "Wat er over vertegenwoordiging is vastgesteld."),
    "AuthoritySource": Wording("GezagBron", "Waar het is opgezocht."),
    "AuthorityRecord": Wording(
        "GezagVastlegging",
        "Wie over iemand mag beslissen. Zonder houders: niemand heeft dat gezag (meer).",
    ),
    "AuthorityReceipt": Wording("GezagBewijs", "Wat is vastgelegd, en in welke logregel."),
    "ConsentQuery": Wording("ToestemmingVraag", "Van wie u uw vastleggingen vraagt."),
    "ConsentOverview": Wording("ToestemmingOverzicht", "Wat u zelf van iemand vastlegde."),
    "RecordedConsent": Wording(
        "VastgelegdeToestemming",
        "Eén vastlegging.",
        {"trektIn": "De vastlegging die hiermee is ingetrokken."},
    ),
    "RecordedAuthority": Wording("VastgelegdGezag", "Eén vastlegging van gezag."),
    "Professional": Wording("Professional", "Wie instaat voor een bijzondere uitwisseling."),
    "ProtectionRequest": Wording(
        "Bescherming", "Een professional vraagt dat het huishouden dit niet via Sluis verneemt."
    ),
    "ProtectionReason": Wording("Beschermingsreden", "Waarom; een code, nooit een verhaal."),
    "EmergencyRequest": Wording(
        "Noodverstrekking",
        "Een professional vraagt een verstrekking in nood, na een stap van de meldcode.",
        {"tot": "Tot wanneer; hooguit zo lang als het protocol toelaat."},
    ),
    "EmergencyReason": Wording("Noodreden", "Wat er aan de hand is; een code, nooit een verhaal."),
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
            "type": (
                "`nl.sluis.vervallen`: het bericht is teruggenomen; er is niets meer van. "
                "`nl.sluis.intrekking`, `nl.sluis.kennisgeving`, `nl.sluis.correctie`, "
                "`nl.sluis.overdracht` en `nl.sluis.signaal` komen van "
                "de gateway zelf. `nl.sluis.pseudoniemwissel`: oude en nieuwe pseudoniemen, "
                "versleuteld voor u."
            ),
            "subject": (
                "Het pseudoniem van wie het betreft, in uw domein. Welke u kent volgt uit de "
                "plaats: na het sluitende deel van een pseudoniemwissel de nieuwe."
            ),
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
    "SafeContactRequest": Wording(
        "VeiligContact",
        "Wie nooit over een persoon mag worden ingelicht, bij een beschermde uitwisseling.",
        {
            "nietInlichten": "Een partner, `betrokkene` of `huisgenoten`.",
            "herzienOp": "Wanneer dit opnieuw wordt bekeken; het blijft ook daarna gelden.",
        },
    ),
    "SafeContactReceipt": Wording(
        "VeiligContactVastgelegd", "Dat het is vastgelegd, en door welke logregel."
    ),
    "ConsentReceipt": Wording(
        "ToestemmingVastgelegd", "Wat is vastgelegd, en door welke logregel."
    ),
    "OpenRelease": Wording(
        "OpenstaandeVrijgave",
        "Een vrijgave die er net voor was en nog niet is bevestigd.",
        {"vervaltOp": "Na dit moment begint de verzending niet meer."},
    ),
    "ToldRecipient": Wording(
        "VerwittigdeOntvanger",
        "Een ontvanger die bericht kreeg, en hoe ver die is.",
        {"uitwisselingId": "De uitwisseling waar het over gaat."},
    ),
    "RecallReport": Wording(
        "Terugroepverslag", "Hoe ver het is met het bericht dat een gebruik stopt."
    ),
    "CorrectionReport": Wording("Correctieverslag", "Wie een correctie kreeg en bevestigde."),
    "HeldReferral": Wording(
        "AangehoudenBericht",
        "Een bericht van u dat verzegeld wacht.",
        {"tot": "Daarna wordt het vernietigd; u krijgt er bericht van."},
    ),
    "HeldPage": Wording(
        "AangehoudenPagina",
        "Wat van u wacht, oudste eerst.",
        {"volgende": "De cursor voor de volgende pagina; leeg als er niet meer is."},
    ),
    "Correction": Wording(
        "Correctie",
        "Eén correctie op één uitwisseling, onder een eigen kenmerk.",
        {
            "berichtKenmerk": "Uw eigen kenmerk van het bericht; dertig dagen bekend.",
            "waarden": "Nieuwe waarden per veld, zoals `lid.achternaam`.",
        },
    ),
    "CorrectionKind": Wording("Correctiesoort", "Wat er wordt gevraagd."),
    "MemberName": Wording(
        "Lidaanduiding",
        "Wie het betreft, op precies één manier.",
        {
            "plaats": "De plaats in het bericht zoals u het stuurde, vanaf 0.",
            "pseudoniem": "Hoe het lid in uw postvak heette.",
        },
    ),
    "CorrectionReceipt": Wording(
        "CorrectieVastgelegd", "Wat is vastgelegd, en door welke logregel."
    ),
    "Recall": Wording(
        "Intrekkingsbericht",
        "Welk gebruik stopt (`nl.sluis.intrekking`). Nooit wie introk, of waarom.",
        {
            "categorie": "Een categorie van het protocol; `*` betekent alles.",
            "lid": "Alleen het deel van dit lid; zonder dit veld de hele uitwisseling.",
        },
    ),
    "Advice": Wording(
        "Kennisgeving",
        "Iets om te weten of te doen (`nl.sluis.kennisgeving`).",
        {"kenmerk": "Uw eigen sleutel van het bericht."},
    ),
    "AdviceRule": Wording("Kennisgevingsregel", "Waar een kennisgeving over gaat."),
    "Placement": Wording(
        "Toedeling",
        "Bij welk team een mens een aanmelding heeft gelegd.",
        {
            "uitwisselingId": "Het `id` van de aanmelding in uw postvak.",
            "team": "Het woord van de routetabel, zoals het in `wijkteam` staat.",
        },
    ),
    "PlacementReceipt": Wording(
        "ToedelingVastgelegd", "Dat het is vastgelegd, en door welke logregel."
    ),
    "WaitingPlacement": Wording(
        "WachtendeAanmelding",
        "Eén aanmelding die wacht tot een mens haar toedeelt.",
        {"isTeLaat": "Of zij langer wacht dan de routetabel toestaat."},
    ),
    "WaitingPage": Wording(
        "WachtendePagina",
        "Wat op toedeling wacht, oudste eerst.",
        {"volgende": "De cursor voor de volgende pagina; leeg als er niet meer is."},
    ),
    "WaitReason": Wording("Wachtreden", "Waarom een aanmelding geen team heeft."),
    "Move": Wording(
        "Verhuizing",
        "Een huishouden is verhuisd: naar een andere postcode, of de gemeente uit.",
        {
            "postcode": "De nieuwe, volledig; zij wordt niet bewaard.",
            "buitenGemeente": "De casus wordt gesloten.",
            "peildatum": "De dag van de verhuizing; zonder is dat vandaag.",
            "geheimhouding": "Het nieuwe adres is geheim: de casus gaat naar de eigen balie.",
            "team": "Waar de casus nu is, als u dat weet.",
            "isBereikt": "Of het huishouden was bereikt, als de casus sluit.",
        },
    ),
    "MoveOutcome": Wording("Verhuisuitkomst", "Waar een verhuizing toe leidde."),
    "MoveReceipt": Wording(
        "VerhuizingVastgelegd", "Waar zij toe leidde, en door welke logregel dat vastligt."
    ),
    "Handover": Wording(
        "Overdracht",
        "Welk team een casus aan welk team geeft (`nl.sluis.overdracht`).",
        {
            "vanTeam": "Ontbreekt als het niet bekend is, en altijd bij een geheim adres.",
            "reden": "Waarom een mens het nieuwe team moet bepalen.",
        },
    ),
    "SignalRule": Wording("Signaalregel", "Waar een signaal over gaat."),
    "Signal": Wording(
        "Signaal",
        "Een aanmelding waarop geen eerste contact volgde (`nl.sluis.signaal`).",
        {
            "kenmerk": "Uw eigen sleutel, als u de verwijzer bent.",
            "nummer": "De hoeveelste keer dit wordt gemeld.",
            "termijnDagen": "De termijn van het protocol, in kalenderdagen.",
        },
    ),
    "CorrectionNotice": Wording(
        "Correctiebericht",
        "Wat u verandert in wat u eerder ontving (`nl.sluis.correctie`).",
        {
            "velden": "De velden die anders worden.",
            "waarden": "De nieuwe waarden, in de vorm van het bericht; wat ontbreekt vraagt u op.",
        },
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
    "ConsistencyProof": Wording(
        "Samenhangsbewijs",
        "Dat een logboek begint met wat het was: van de ene omvang naar de andere (RFC 6962).",
        {"pad": f"{_BASE64} elk"},
    ),
    "OpeningProof": Wording(
        "Voorgangersbewijs",
        "De logregel waarmee een deel het vorige noemt, met zijn weg naar het controlepunt.",
        {
            "regel": "De logregel zelf, base64.",
            "pad": f"{_BASE64} elk",
            "controlepunt": "C2SP tlog-checkpoint",
        },
    ),
    "LogKeys": Wording(
        "Logboeksleutels",
        "De sleutels waarmee u het logboek controleert, als u geen betere bron heeft.",
        {"verwerkingen": "C2SP vkey"},
    ),
    "VolumeTold": Wording(
        "Logboekdeel",
        "Eén deel van een logboek: een jaar, of wat na een terugzetting begon.",
        {
            "naam": "Zoals het in adressen staat.",
            "oorsprong": "De eerste regel van zijn controlepunten.",
            "sleutel": "C2SP vkey",
            "omvang": "Hoeveel logregels het telt.",
        },
    ),
    "Volumes": Wording("Logboekdelen", "De delen van een logboek, van oud naar nieuw.", {}),
    "ProcessingQuery": Wording(
        "Verwerkingsvraag",
        "Welke logregels u vraagt. Alles wat u noemt, moet voor een regel gelden.",
        {
            "traceId": "Als UUID, of als 32 hexadecimale cijfers (W3C).",
            "dpl.core.processing_activity_id": "De verwijzing uit een logregel, of de URI ervan.",
            "dpl.core.data_subject_id": "De code uit een logregel, of een burgerservicenummer.",
            "dpl.core.data_subject_id_type": "`BSN` bij een burgerservicenummer.",
            "startTime": "Niet voor dit moment begonnen; milliseconden sinds 1970.",
            "endTime": "Niet na dit moment beëindigd; milliseconden sinds 1970.",
            "cursor": "De waarde `next` van de vorige pagina.",
        },
    ),
    "ProcessingPage": Wording(
        "Verwerkingen",
        "Logregels: van een trace in volgorde van het logboek, anders de nieuwste eerst.",
        {"next": "Ontbreekt na de laatste pagina."},
    ),
    "ProcessingLine": Wording(
        "Verwerking",
        "Eén logregel: één handeling, over één betrokkene of over niemand.",
        {
            "name": "Hoe de handeling heet, voor mensen.",
            "attributes": "De velden uit de naamruimte `dpl.core`.",
        },
    ),
    "Activity": Wording("Verwerkingsactiviteit", "Een activiteit, en haar nieuwste versie."),
    "ActivityVersion": Wording(
        "ActiviteitVersie",
        "Wat een activiteit vanaf een moment is. Er kunnen meer velden bij staan.",
        {"validFrom": "Vanaf wanneer deze versie geldt."},
    ),
    "Entity": Wording("Partij", "Van wie gegevens komen, of naar wie zij gaan."),
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
