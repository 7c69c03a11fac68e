"""iJw 3.2: which elements its messages and retours hold, and how their values are written.

Facts of the standard (Zorginstituut / Ketenbureau), in our own notation: `?` at most one, `+` one
or more. tests/adapters/okt compares every line with the official XSDs where those are at hand. One
difference: a country is any two capitals here, since nothing is done with it.
"""

from __future__ import annotations

from adapters.okt.grammar import Grammar, Simple

RELEASE = "3_2"
BASE = f"http://www.istandaarden.nl/ijw/{RELEASE}/basisschema/schema"


def namespace_of(kind: str) -> str:
    """The namespace of a message kind, such as `315`."""
    return f"http://www.istandaarden.nl/ijw/{RELEASE}/jw{kind}/schema"


MESSAGE_CODES = {
    "301": "436",
    "302": "437",
    "305": "438",
    "306": "439",
    "307": "440",
    "308": "441",
    "315": "446",
    "316": "447",
}
RETOUR_OF = {"301": "302", "305": "306", "307": "308", "315": "316"}


def _line(longest: int) -> Simple:
    return Simple(longest=longest, is_line=True)


def _codes(text: str) -> Simple:
    return Simple(codes=frozenset(text.split()))


_RETOUR_CODES = (
    "0001 0200 0233 0611 8001 8017 8021 8187 8214 8848 9019 9056 9063 9069 9071 9074 9307 9308 9319"
    " 9321 9322 9326 9332 9333 9338 9339 9340 9341 9346 9347 9349 9350 9351 9355 9357 9359 9360"
    " 9361 9365 9366 9367 9369 9373 9374 9375 9379 9384 9385 9387 9388 9389 9390 9411 9412 9413"
    " 9414 9415 S300 S329"
)
SIMPLE: dict[str, Simple] = {
    "LDT_AanduidingWoonadres": _codes("AB BY TO WW"),
    "LDT_AdresSoort": _codes("01 02 03 04"),
    "LDT_AgbCode": Simple("[0-9]{8}", 8),
    "LDT_Budget": Simple(most=99_999_999),
    "LDT_BurgerServicenummer": Simple("[0-9]{9}", 9),
    "LDT_Commentaar": Simple(is_text=True),
    "LDT_Communicatievorm": _codes("1 2 3"),
    "LDT_Datum": Simple(is_date=True),
    "LDT_DatumGebruik": _codes("1 2 3"),
    "LDT_Eenheid": _codes("01 04 14 16 82 83 84"),
    "LDT_Emailadres": _line(80),
    "LDT_Frequentie": _codes("1 2 4 6"),
    "LDT_Gemeente": Simple("[0-9]{4}"),
    "LDT_Geslacht": _codes("0 1 2"),
    "LDT_Huisletter": _line(1),
    "LDT_Huisnummer": Simple(most=99_999),
    "LDT_HuisnummerToevoeging": _line(4),
    "LDT_IdentificatieBericht": _line(12),
    "LDT_JaNee": _codes("1 2"),
    "LDT_JuridischeStatus": _codes("01 02 03 04 05 11 12"),
    "LDT_LandCode": Simple("[A-Z]{2}", 2),
    "LDT_Landnummer": _line(4),
    "LDT_Naam": _line(200),
    "LDT_NaamGebruik": _codes("1 2 3 4 5 6"),
    "LDT_NaamVerwijzer": _line(64),
    "LDT_Nummer": Simple(most=999_999_999),
    "LDT_Organisatienaam": _line(35),
    "LDT_Persoonsid": _line(20),
    "LDT_Plaatsnaam": _line(80),
    "LDT_Postcode": _line(8),
    "LDT_ProductCategorie": _codes(
        "31 32 33 34 35 36 37 38 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55"
    ),
    "LDT_ProductCode": _line(5),
    "LDT_RedenBeeindiging": _codes("02 20 31 32 33 34 35 36 37 38 39"),
    "LDT_RedenWijziging": _codes("01 02 03 04 05 06 07 08 09 10 11 12 13 14"),
    "LDT_Referentie": _line(36),
    "LDT_RelatieVolgorde": Simple(most=99),
    "LDT_RetourCode": _codes(_RETOUR_CODES),
    "LDT_SoortRelatie": _codes(
        "03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25"
    ),
    "LDT_StatusAanlevering": _codes("1 2 3 9"),
    "LDT_Straatnaam": _line(24),
    "LDT_Taal": _line(25),
    "LDT_Telefoonnummer": Simple("[0-9]*", 15),
    "LDT_Tijd": Simple(is_time=True),
    "LDT_TypeVerwijzer": _codes("01 02 03 04 05 06 08"),
    "LDT_Versie": Simple(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"),
    "LDT_Volume": Simple(most=99_999_999),
    "LDT_Voorletters": Simple("[a-zA-ZÀ-ỳ]+", 6),
    "LDT_Voorvoegsel": _line(10),
    "LDT_WettelijkeVertegenwoordiging": _codes("06 07 08 09 10"),
}
SHARED = {
    "CDT_Achternaam": "Achternaam:LDT_Naam Voorvoegsel:LDT_Voorvoegsel?",
    "CDT_Adres": (
        "Huis:CDT_Huis? Postcode:LDT_Postcode? Straatnaam:LDT_Straatnaam?"
        " Plaatsnaam:LDT_Plaatsnaam? LandCode:LDT_LandCode?"
    ),
    "CDT_BerichtIdentificatie": ("Identificatie:LDT_IdentificatieBericht Dagtekening:LDT_Datum"),
    "CDT_Communicatie": "Vorm:LDT_Communicatievorm Taal:LDT_Taal?",
    "CDT_Geboortedatum": "Datum:LDT_Datum DatumGebruik:LDT_DatumGebruik?",
    "CDT_Huis": (
        "Huisnummer:LDT_Huisnummer Huisletter:LDT_Huisletter?"
        " HuisnummerToevoeging:LDT_HuisnummerToevoeging?"
        " AanduidingWoonadres:LDT_AanduidingWoonadres?"
    ),
    "CDT_Omvang": "Volume:LDT_Volume Eenheid:LDT_Eenheid Frequentie:LDT_Frequentie",
    "CDT_OpenPeriode": "Begindatum:LDT_Datum? Einddatum:LDT_Datum?",
    "CDT_Product": "Categorie:LDT_ProductCategorie Code:LDT_ProductCode?",
    "CDT_Telefoon": "Telefoonnummer:LDT_Telefoonnummer Landnummer:LDT_Landnummer",
    "CDT_Telefoonnummers": "Telefoon01:CDT_Telefoon Telefoon02:CDT_Telefoon?",
    "CDT_VerkorteNaam": (
        "Geslachtsnaam:CDT_Achternaam Voornamen:LDT_Naam? Voorletters:LDT_Voorletters?"
    ),
    "CDT_Verwijzer": (
        "Type:LDT_TypeVerwijzer Naam:LDT_NaamVerwijzer? ZorgverlenerCode:LDT_AgbCode?"
    ),
    "CDT_VolledigeNaam": (
        "Geslachtsnaam:CDT_Achternaam Partnernaam:CDT_Achternaam? Voornamen:LDT_Naam?"
        " Voorletters:LDT_Voorletters? NaamGebruik:LDT_NaamGebruik"
    ),
    "CDT_XsdVersie": "BasisschemaXsdVersie:LDT_Versie BerichtXsdVersie:LDT_Versie",
}
_START = "BerichtCode:BerichtCode BerichtVersie:BerichtVersie BerichtSubversie:BerichtSubversie"
_END = "BerichtIdentificatie:CDT_BerichtIdentificatie XsdVersie:CDT_XsdVersie"
FROM_PROVIDER = f"{_START} Afzender:LDT_AgbCode Ontvanger:LDT_Gemeente {_END}"
FROM_MUNICIPALITY = f"{_START} Afzender:LDT_Gemeente Ontvanger:LDT_AgbCode {_END}"
_RETOUR = (
    " IdentificatieRetour:LDT_IdentificatieBericht DagtekeningRetour:LDT_Datum"
    " XsltVersie:LDT_Versie? XsdVersieRetour:CDT_XsdVersie RetourCodes:RetourCodes?"
)
_ROOT = "Header:Header Client:Client"
_ROOT_RETOUR = "Header:Header Client:Client?"
_PERSON = (
    "Bsn:LDT_BurgerServicenummer Geboortedatum:CDT_Geboortedatum Geslacht:LDT_Geslacht"
    " Naam:CDT_VerkorteNaam"
)
_CLIENT_301 = (
    "Bsn:LDT_BurgerServicenummer Geboortedatum:CDT_Geboortedatum Geslacht:LDT_Geslacht"
    " Naam:CDT_VolledigeNaam Communicatie:CDT_Communicatie?"
    " JuridischeStatus:LDT_JuridischeStatus?"
    " WettelijkeVertegenwoordiging:LDT_WettelijkeVertegenwoordiging?"
    " Commentaar:LDT_Commentaar? Relaties:Relaties? Contactgegevens:Contactgegevens"
    " ToegewezenProducten:ToegewezenProducten"
)
MESSAGES: dict[str, dict[str, str]] = {
    "301": {
        "Root": _ROOT,
        "Header": FROM_MUNICIPALITY,
        "Client": _CLIENT_301,
        "Relaties": "Relatie:Relatie+",
        "Relatie": (
            "Nummer:LDT_Persoonsid Volgorde:LDT_RelatieVolgorde? Soort:LDT_SoortRelatie"
            " Geboortedatum:CDT_Geboortedatum? Geslacht:LDT_Geslacht? Naam:CDT_VolledigeNaam"
            " Contact:Contact"
        ),
        "Contact": (
            "Soort:LDT_AdresSoort Adres:CDT_Adres? Organisatie:LDT_Organisatienaam?"
            " Telefoon:CDT_Telefoonnummers? Emailadres:LDT_Emailadres? Periode:CDT_OpenPeriode?"
        ),
        "Contactgegevens": "Contact:Contact+",
        "ToegewezenProducten": "ToegewezenProduct:ToegewezenProduct+",
        "ToegewezenProduct": (
            "ToewijzingNummer:LDT_Nummer ReferentieAanbieder:LDT_Referentie? Product:CDT_Product?"
            " Toewijzingsdatum:LDT_Datum Toewijzingstijd:LDT_Tijd Ingangsdatum:LDT_Datum"
            " Einddatum:LDT_Datum? RedenWijziging:LDT_RedenWijziging? Omvang:CDT_Omvang?"
            " Budget:LDT_Budget? Commentaar:LDT_Commentaar?"
        ),
    },
    "305": {
        "Root": _ROOT,
        "Header": FROM_PROVIDER,
        "Client": f"{_PERSON} StartProducten:StartProducten",
        "StartProducten": "StartProduct:StartProduct+",
        "StartProduct": (
            "ToewijzingNummer:LDT_Nummer? Product:CDT_Product? ToewijzingIngangsdatum:LDT_Datum?"
            " Begindatum:LDT_Datum StatusAanlevering:LDT_StatusAanlevering"
        ),
    },
    "307": {
        "Root": _ROOT,
        "Header": FROM_PROVIDER,
        "Client": f"{_PERSON} StopProducten:StopProducten",
        "StopProducten": "StopProduct:StopProduct+",
        "StopProduct": (
            "ToewijzingNummer:LDT_Nummer? Product:CDT_Product? ToewijzingIngangsdatum:LDT_Datum?"
            " Begindatum:LDT_Datum RedenBeeindiging:LDT_RedenBeeindiging Einddatum:LDT_Datum"
            " StatusAanlevering:LDT_StatusAanlevering"
        ),
    },
    "315": {
        "Root": _ROOT,
        "Header": FROM_PROVIDER,
        "Client": (
            f"{_PERSON} GezagsdragerBekend:LDT_JaNee? Commentaar:LDT_Commentaar?"
            " AangevraagdeProducten:AangevraagdeProducten"
        ),
        "AangevraagdeProducten": "AangevraagdProduct:AangevraagdProduct+",
        "AangevraagdProduct": (
            "ReferentieAanbieder:LDT_Referentie BeschikkingNummer:LDT_Nummer?"
            " Product:CDT_Product? BeschikkingIngangsdatum:LDT_Datum?"
            " ToewijzingIngangsdatum:LDT_Datum ToewijzingEinddatum:LDT_Datum?"
            " Omvang:CDT_Omvang? Budget:LDT_Budget? Verwijzer:CDT_Verwijzer"
            " Raamcontract:LDT_JaNee? Commentaar:LDT_Commentaar?"
        ),
    },
}
_IN_RETOUR = ("Client", "Relatie", "Contact", "ToegewezenProduct", "StartProduct", "StopProduct",
              "AangevraagdProduct")  # fmt: skip


def _retour(of: str) -> dict[str, str]:
    """A retour repeats its message's classes, each with codes, and ends its header with its own."""
    contents = {
        name: f"{content} RetourCodes:RetourCodes" if name in _IN_RETOUR else content
        for name, content in MESSAGES[of].items()
    }
    header = MESSAGES[of]["Header"] + _RETOUR
    codes = "RetourCode:LDT_RetourCode+"
    return {**contents, "Root": _ROOT_RETOUR, "Header": header, "RetourCodes": codes}


def _grammar(kind: str, contents: dict[str, str]) -> Grammar:
    fixed = {
        "BerichtCode": _codes(MESSAGE_CODES[kind]),
        "BerichtVersie": Simple("3", most=99),
        "BerichtSubversie": Simple("2", most=99),
    }
    shared = (("CDT_", BASE),)
    return Grammar("ijw", namespace_of(kind), shared, {**SHARED, **contents}, SIMPLE | fixed)


GRAMMARS: dict[str, Grammar] = {
    **{kind: _grammar(kind, contents) for kind, contents in MESSAGES.items()},
    **{retour: _grammar(retour, _retour(kind)) for kind, retour in RETOUR_OF.items()},
}
