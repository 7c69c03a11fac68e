"""What changes between two versions, in words; nothing that changes may go unsaid."""

from __future__ import annotations

import pytest

from consent.change import Direction
from consent.differences import differences, sentences, verdict
from consent.labels import Language
from consent.protocol import Flow
from tests.support.small_protocol import STATUS_FLOW, TEXT, protocol

WAS = protocol()
HEALTH = 'bijzonder = [{{ soort = "gezondheid", artikel = "AVG art. 9 lid 2 onder {}"{} }}]\n'
SLOTEN = "bsn = { artikel"
ADDICTION = ('"lid.zrm.verslaving" = "weglaten"', '"lid.zrm.verslaving" = "behouden"')
PROTECTED = 'bescherming = {{ soort = "professional", artikel = "Wmo 2015 art. {}" }}\n'
EMERGENCY = (
    'nood = {{ artikel = "AVG art. 6 lid 1 onder d", velden = ["lid.achternaam"],'
    " meldcodeStappen = [{}] }}\n"
)


def told(
    *pairs: tuple[str, str], before: tuple[tuple[str, str], ...] = ()
) -> list[tuple[Direction, str]]:
    found = differences(protocol(*before), protocol(*pairs, version="2.0"))
    return [pair for one in found for pair in sentences(one, Language.DUTCH)]


def test_the_same_rules_under_another_version_differ_in_nothing() -> None:
    assert differences(WAS, protocol(version="2.0")) == []
    assert verdict([]).nl == "Er verandert niets."


@pytest.mark.parametrize(
    ("old", "new", "direction", "sentence"),
    [
        (
            '"lid.achternaam" = "identificeren"',
            '"lid.achternaam" = "weglaten"',
            Direction.NARROWS,
            "Niet langer mee naar casebook: de achternaam.",
        ),
        (
            '"lid.achternaam" = "identificeren"',
            '"lid.achternaam" = "identificeren"\n"lid.geslacht" = "behouden"',
            Direction.WIDENS,
            "Voortaan mee naar casebook: het geslacht, ongewijzigd.",
        ),
        (
            '"lid.geboortedatum" = "generaliseren"',
            '"lid.geboortedatum" = "identificeren"',
            Direction.WIDENS,
            "Voortaan herkenbaar: de geboortedatum; dat was vergrofd.",
        ),
        (
            '"statusbericht.status" = "generaliseren"',
            '"statusbericht.status" = "behouden"',
            Direction.WIDENS,
            "Voortaan ongewijzigd: de stand van zaken; dat was vergrofd.",
        ),
        (
            "vereist = false",
            "vereist = true",
            Direction.NARROWS,
            "Voortaan is instemming nodig van elk lid van het huishouden.",
        ),
        (
            '{ vereist = true, huishouden = "allen" }',
            "{ vereist = false }",
            Direction.WIDENS,
            "Instemming wordt niet meer gevraagd.",
        ),
        (
            'huishouden = "allen"',
            'huishouden = "beperken"',
            Direction.WIDENS,
            "Instemming is nodig van de aanmelder; leden die niet instemmen blijven buiten het"
            " bericht.",
        ),
        (
            '["participatiewet", "wmo2015"]',
            '["wmo2015"]',
            Direction.NARROWS,
            "Aanmelden mag onder: wmo2015.",
        ),
        (
            'toegelatenGrondslagen = ["participatiewet", "wmo2015"]\n',
            "",
            Direction.WIDENS,
            "Aanmelden mag onder: elke wet.",
        ),
        (
            'verplicht = ["aanmelding.aangemeldOp"]',
            'verplicht = ["aanmelding.aangemeldOp"]\ngeheimAdresToegelaten = true',
            Direction.WIDENS,
            "Een geheim adres gaat voortaan mee.",
        ),
        (
            'verplicht = ["aanmelding.aangemeldOp"]\n',
            "",
            Direction.WIDENS,
            "Niet langer verplicht: de datum van aanmelding.",
        ),
        (
            "einde = 2030-12-31",
            "einde = 2029-12-31",
            Direction.NARROWS,
            "Convenant (te bevestigen) loopt van 2026-01-01 tot en met 2029-12-31, tussen dwi,"
            " casebook.",
        ),
        (
            "Wmo 2015 art. 2.1.1",
            "Wmo 2015 art. 2.3.2",
            Direction.OTHER,
            "De grondslag wordt: taak van algemeen belang, AVG art. 6 lid 1 onder e; Wmo 2015"
            " art. 2.3.2; dat was: taak van algemeen belang, AVG art. 6 lid 1 onder e; Wmo 2015"
            " art. 2.1.1.",
        ),
        (
            'titel = "Proefprotocol"',
            'titel = "Proefprotocol"\ngezagGeldigDagen = 30',
            Direction.NARROWS,
            "Een opgave van gezag geldt 30 dagen; dat was 365.",
        ),
        (
            'titel = "Proefprotocol"',
            'titel = "Proefprotocol"\nvernietigenHandtekeningen = 1',
            Direction.WIDENS,
            "Een besluit tot vernietiging vraagt 1 handtekening(en); dat was 2.",
        ),
        (
            'titel = "Proefprotocol"',
            'titel = "Proefprotocol"\nvernietigenWachtDagen = 14',
            Direction.OTHER,
            "Vernietiging wacht 14 dagen op ontvangers; dat was 7.",
        ),
        (
            "naOntvangstDagen = 14",
            "naOntvangstDagen = 7",
            Direction.NARROWS,
            "Na ontvangst blijft de inhoud 7 dagen in de gateway; dat was 14.",
        ),
    ],
)
def test_a_change_is_told_with_its_direction(
    old: str, new: str, direction: Direction, sentence: str
) -> None:
    assert (direction, sentence) in told((old, new))


def test_health_data_that_are_opened_are_told_as_two_changes() -> None:
    opened = told(ADDICTION, (SLOTEN, HEALTH.format("h", "") + SLOTEN))
    assert opened == [
        (
            Direction.WIDENS,
            "Voortaan mee naar casebook: de zelfredzaamheidsscore voor verslaving, ongewijzigd.",
        ),
        (
            Direction.WIDENS,
            "De uitzondering voor gegevens over gezondheid is nieuw: AVG art. 9 lid 2 onder h.",
        ),
    ]


def test_explicit_consent_that_is_asked_no_more_widens() -> None:
    asked = (SLOTEN, HEALTH.format("a", ", uitdrukkelijkeToestemming = true") + SLOTEN)
    found = told(ADDICTION, (SLOTEN, HEALTH.format("a", "") + SLOTEN), before=(ADDICTION, asked))
    assert found == [
        (
            Direction.WIDENS,
            "Voor gegevens over gezondheid is niet langer uitdrukkelijke toestemming nodig.",
        )
    ]


def test_a_new_flow_names_what_goes_and_what_for() -> None:
    found = differences(protocol((STATUS_FLOW, "")), WAS)
    (one,) = found
    assert one.widens
    assert one.changes[0].sentence.nl == (
        "Nieuw: casebook gaat gegevens verstrekken aan dwi. Waarvoor: De verwijzer laten weten hoe"
        " het staat. Mee gaan: het eigen kenmerk van de verwijzer, de stand van zaken, de"
        " peildatum."
    )
    assert verdict(found).en == "Widens."


def test_a_flow_that_is_gone_narrows() -> None:
    found = differences(WAS, protocol((STATUS_FLOW, ""), version="2.0"))
    assert [change.direction for change in found[0].changes] == [Direction.NARROWS]
    assert verdict(found).nl == "Beperkt."


def test_a_flow_under_another_name_is_the_same_flow() -> None:
    found = told(('id = "dwi-aanmelding"', 'id = "dwi-eerste"'))
    assert found == [
        (
            Direction.OTHER,
            "De naam van de stroom wordt: dwi-eerste; dat was: dwi-aanmelding.",
        )
    ]


def test_widening_changes_come_first() -> None:
    directions = [
        direction
        for direction, _ in told(
            ('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'),
            ('"lid.geboortedatum" = "generaliseren"', '"lid.geboortedatum" = "identificeren"'),
        )
    ]
    assert directions == [Direction.WIDENS, Direction.NARROWS]


BEFORE_LOCKS = "[gegevensstroom.sloten]\ngrondslag"
TWO_AGREEMENTS = (
    '[[gegevensstroom]]\nid = "dwi',
    '[[overeenkomst]]\nid = "tweede"\nsoort = "verwerkersovereenkomst"\ntitel = "Tweede"\n'
    'partijen = ["dwi", "casebook"]\ningang = 2026-01-01\neinde = 2030-12-31\n\n'
    '[[gegevensstroom]]\nid = "dwi',
)
# One change of every attribute that a flow has, as the file says it; a new attribute must be added.
ATTRIBUTES: dict[str, tuple[tuple[str, str], ...]] = {
    "id": (('id = "dwi-aanmelding"', 'id = "dwi-eerste"'),),
    "sender": (
        ('verzender = "casebook"\nontvanger = "dwi"', 'verzender = "dwi"\nontvanger = "casebook"'),
    ),
    "recipient": (
        ('verzender = "casebook"\nontvanger = "dwi"', 'verzender = "dwi"\nontvanger = "casebook"'),
    ),
    "message": ((STATUS_FLOW, ""),),
    "purpose": (('doel = "terugkoppeling"', 'doel = "toeleiding"'),),
    "controller": (("College van burgemeester en wethouders", "Raad"),),
    "processor": (
        TWO_AGREEMENTS,
        ("verplicht = [", 'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\nverplicht = ['),
    ),
    "processor_agreement": (
        TWO_AGREEMENTS,
        ("verplicht = [", 'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\nverplicht = ['),
    ),
    "covenant": (TWO_AGREEMENTS, ('overeenkomst = "convenant"', 'overeenkomst = "tweede"')),
    "processing_activity": (
        ("verwerkingsactiviteiten/terugkoppeling", "verwerkingsactiviteiten/x"),
    ),
    "admitted_grounds": (('["participatiewet", "wmo2015"]', '["wmo2015"]'),),
    "secret_address_admitted": (("verplicht = [", "geheimAdresToegelaten = true\nverplicht = ["),),
    "locks": (("vereist = false", "vereist = true"),),
    "retention": (("naOntvangstDagen = 14", "naOntvangstDagen = 13"),),
    "protection": (("verplicht = [", PROTECTED.format("5.2.6") + "verplicht = ["),),
    "emergency": (("verplicht = [", EMERGENCY.format("4, 5") + "verplicht = ["),),
    "fields": (('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'),),
    "required": (('verplicht = ["aanmelding.aangemeldOp"]', "verplicht = []"),),
    "linkage_group": (("verplicht = [", 'koppelgroep = "anders"\nverplicht = ['),),
    "first_contact_days": (("verplicht = [", "eersteContactDagen = 14\nverplicht = ["),),
}


def test_every_attribute_of_a_flow_has_its_change_here() -> None:
    assert sorted(ATTRIBUTES) == sorted(Flow.model_fields)


@pytest.mark.parametrize("attribute", sorted(ATTRIBUTES))
def test_no_change_of_a_flow_goes_unsaid(attribute: str) -> None:
    pairs = ATTRIBUTES[attribute]
    if attribute == "message":
        assert told(*pairs)
        return
    there, back = differences(WAS, protocol(*pairs)), differences(protocol(*pairs), WAS)
    assert there
    assert back
    for one in [*there, *back]:
        for language in Language:
            assert all(sentence.strip() for _, sentence in sentences(one, language))


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (PROTECTED.format("5.2.6"), PROTECTED.format("5.2.7")),
        (EMERGENCY.format("4, 5"), EMERGENCY.format("5")),
        ("", PROTECTED.format("5.2.6")),
        ("", EMERGENCY.format("5")),
    ],
)
def test_exceptions_are_told_when_they_come_change_and_go(line: str, other: str) -> None:
    def with_line(text: str) -> tuple[tuple[str, str], ...]:
        return (("verplicht = [", text + "verplicht = ["),)

    assert told(*with_line(other), before=with_line(line))
    assert told(*with_line(line), before=with_line(other))


def test_the_example_is_what_the_tests_think_it_is() -> None:
    assert TEXT.endswith(STATUS_FLOW)
