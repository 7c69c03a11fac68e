"""Changes of the small protocol, one for everything that a flow can say; each goes both ways."""

from __future__ import annotations

from tests.support.small_protocol import STATUS_FLOW

Change = tuple[tuple[str, str], ...]

SECOND = (
    '[[gegevensstroom]]\nid = "dwi',
    '[[overeenkomst]]\nid = "tweede"\nsoort = "verwerkersovereenkomst"\ntitel = "Tweede"\n'
    'partijen = ["dwi", "casebook"]\ningang = 2026-01-01\neinde = 2030-12-31\n\n'
    '[[gegevensstroom]]\nid = "dwi',
)
AT = "verplicht = ["
LOCKS = "bsn = { artikel"
ADDICTION = ('"lid.zrm.verslaving" = "weglaten"', '"lid.zrm.verslaving" = "behouden"')
HEALTH = 'bijzonder = [{ soort = "gezondheid", artikel = "AVG art. 9 lid 2 onder a"'
NOT_ASKED = ('{ vereist = true, huishouden = "allen" }', "{ vereist = false }")
PROTECTED = 'bescherming = { soort = "%s", artikel = "Wmo 2015 art. 5.2.6" }\n'
EMERGENCY = (
    'nood = { artikel = "AVG art. 6 lid 1 onder d", velden = [%s], meldcodeStappen = [%s],'
    " uren = %d, beoordelingDagen = %d }\n"
)
SECRECY = 'beroepsgeheim = { artikel = "Wmo 2015 art. 5.3.3"%s }\n'


def at(line: str) -> Change:
    return ((AT, line + AT),)


# Each is compared there and back.
CHANGES: dict[str, tuple[Change, Change]] = {
    "naam": ((), (('id = "dwi-aanmelding"', 'id = "dwi-eerste"'),)),
    "doel": ((), (('doel = "terugkoppeling"', 'doel = "toeleiding"'),)),
    "doel-met-instemming": (
        (("vereist = false", "vereist = true"),),
        (("vereist = false", "vereist = true"), ('doel = "terugkoppeling"', 'doel = "toeleiding"')),
    ),
    "omschrijving": ((), (("De verwijzer laten weten", "Aan de verwijzer vertellen"),)),
    "verantwoordelijke": ((), (("College van burgemeester en wethouders", "Raad"),)),
    "activiteit": ((), (("verwerkingsactiviteiten/terugkoppeling", "verwerkingsactiviteiten/x"),)),
    "verwerker": (
        (SECOND,),
        (SECOND, (AT, f'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\n{AT}')),
    ),
    "overeenkomst": (
        (SECOND,),
        (SECOND, ('overeenkomst = "convenant"', 'overeenkomst = "tweede"')),
    ),
    "looptijd": ((), (("einde = 2030-12-31", "einde = 2031-12-31"),)),
    "later-en-langer": (
        (),
        (
            ("einde = 2030-12-31", "einde = 2031-12-31"),
            ("ingang = 2026-01-01", "ingang = 2026-02-01"),
        ),
    ),
    "eerder": ((), (("ingang = 2026-01-01", "ingang = 2025-01-01"),)),
    "grondslag": ((), (("Wmo 2015 art. 2.1.1", "Wmo 2015 art. 2.3.2"),)),
    "wetten-minder": ((), (('["participatiewet", "wmo2015"]', '["wmo2015"]'),)),
    "wetten-anders": ((), (('["participatiewet", "wmo2015"]', '["wmo2015", "jeugdwet"]'),)),
    "wetten-alle": ((), (('toegelatenGrondslagen = ["participatiewet", "wmo2015"]\n', ""),)),
    "geheim-adres": ((), at("geheimAdresToegelaten = true\n")),
    "koppelgroep": ((), at('koppelgroep = "anders"\n')),
    "eerste-contact": ((), at("eersteContactDagen = 14\n")),
    "gezag": ((), (('titel = "Proefprotocol"', 'titel = "Proefprotocol"\ngezagGeldigDagen = 30'),)),
    "instemming": ((), (("vereist = false", "vereist = true"),)),
    "huishouden": ((), (("allen", "beperken"),)),
    "regime": (
        (),
        (('huishouden = "allen"', 'huishouden = "allen", leeftijdsregime = "jeugdwet"'),),
    ),
    "wgbo": ((), (('huishouden = "allen"', 'huishouden = "allen", leeftijdsregime = "wgbo"'),)),
    "termijnen": (
        (),
        (
            ("aangehoudenDagen = 42", "aangehoudenDagen = 41"),
            ("nietOpgehaaldDagen = 28", "nietOpgehaaldDagen = 29"),
            ("naOntvangstDagen = 14", "naOntvangstDagen = 13"),
        ),
    ),
    "velden": (
        (),
        (
            ('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'),
            ('"lid.geboortedatum" = "generaliseren"', '"lid.geboortedatum" = "identificeren"'),
            (
                '"huishouden.postcode"',
                '"lid.pseudoniem" = "pseudonimiseren"\n"huishouden.postcode"',
            ),
        ),
    ),
    "verplicht": ((), (('verplicht = ["aanmelding.aangemeldOp"]', "verplicht = []"),)),
    "bsn": (
        (),
        (
            ('bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n', ""),
            ('"lid.burgerservicenummer" = "identificeren"\n', ""),
        ),
    ),
    "gezondheid": ((), (ADDICTION, (LOCKS, f"{HEALTH} }}]\n{LOCKS}"))),
    "uitdrukkelijk": (
        (ADDICTION, (LOCKS, f"{HEALTH} }}]\n{LOCKS}")),
        (ADDICTION, (LOCKS, f"{HEALTH}, uitdrukkelijkeToestemming = true }}]\n{LOCKS}")),
    ),
    "beroepsgeheim": ((), ((LOCKS, SECRECY % "" + LOCKS),)),
    "geheim-met-toestemming": (
        ((LOCKS, SECRECY % "" + LOCKS),),
        ((LOCKS, SECRECY % ", toestemming = true" + LOCKS),),
    ),
    "bescherming": ((), at(PROTECTED % "professional")),
    "altijd-beschermd": (
        (*at(PROTECTED % "professional"), NOT_ASKED),
        (*at(PROTECTED % "altijd"), NOT_ASKED),
    ),
    "nood": ((), at(EMERGENCY % ('"lid.achternaam"', "4, 5", 24, 3))),
    "nood-ruimer": (
        at(EMERGENCY % ('"lid.achternaam"', "5", 12, 2)),
        at(EMERGENCY % ('"lid.achternaam", "huishouden.postcode"', "4, 5", 24, 3)),
    ),
    "nood-langer": (
        at(EMERGENCY % ('"lid.achternaam"', "5", 12, 2)),
        at(EMERGENCY % ('"lid.achternaam"', "5", 13, 2)),
    ),
    "nood-beoordeling": (
        at(EMERGENCY % ('"lid.achternaam"', "5", 12, 2)),
        at(EMERGENCY % ('"lid.achternaam"', "5", 12, 3)),
    ),
    "nood-stappen": (
        at(EMERGENCY % ('"lid.achternaam"', "5", 12, 2)),
        at(EMERGENCY % ('"lid.achternaam"', "4, 5", 12, 2)),
    ),
    "stroom": (((STATUS_FLOW, ""),), ()),
}

# Changes that matter to a replay and are no more to read than others.
MORE: dict[str, tuple[Change, Change]] = {
    "afgelopen": ((), (("einde = 2030-12-31", "einde = 2026-11-21"),)),
    "laatste-dag": ((), (("einde = 2030-12-31", "einde = 2026-11-22"),)),
    "verplicht-meer": (
        (),
        (
            ('["aanmelding.aangemeldOp"]', '["aanmelding.aangemeldOp", "lid.achternaam"]'),
            NOT_ASKED,
        ),
    ),
    "niet-gevraagd": ((), (NOT_ASKED,)),
    "niet-gevraagd-minder-wetten": (
        (),
        (NOT_ASKED, ('["participatiewet", "wmo2015"]', '["wmo2015"]')),
    ),
    "niet-gevraagd-alle-wetten": (
        (),
        (NOT_ASKED, ('toegelatenGrondslagen = ["participatiewet", "wmo2015"]\n', "")),
    ),
    "regime-zonder-vraag": (
        (NOT_ASKED,),
        (
            (
                '{ vereist = true, huishouden = "allen" }',
                '{ vereist = false, leeftijdsregime = "wgbo" }',
            ),
        ),
    ),
    "naam-en-doel": (
        (("vereist = false", "vereist = true"),),
        (
            ("vereist = false", "vereist = true"),
            ('id = "terugkoppeling-dwi"', 'id = "antwoord"'),
            ('doel = "terugkoppeling"', 'doel = "toeleiding"'),
        ),
    ),
    "tweede-status": (
        (),
        (
            (
                STATUS_FLOW,
                STATUS_FLOW
                + STATUS_FLOW.replace("terugkoppeling-dwi", "nog-een").replace(
                    'doel = "terugkoppeling"', 'doel = "toeleiding"'
                ),
            ),
        ),
    ),
    "richting": (
        (),
        (
            (
                'verzender = "casebook"\nontvanger = "dwi"\nbericht = "statusbericht"',
                'verzender = "dwi"\nontvanger = "casebook"\nbericht = "statusbericht"',
            ),
        ),
    ),
}
