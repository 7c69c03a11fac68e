"""Why an answer was given and what would change it; nobody's own decision is ever told."""

from __future__ import annotations

from datetime import date

import pytest

from consent.explain import Explanation, Question, explain_possible, explain_recorded
from consent.protocol import Protocol
from consent.simulation import Recorded
from consent.told import Course
from schemas.decisions import Outcome, Rule
from schemas.fields import FIELDS, MessageKind
from tests.support.protocol_changes import EMERGENCY, LOCKS, SECRECY, at
from tests.support.small_protocol import STATUS_FLOW, protocol

TODAY = date(2026, 11, 22)
WAS = protocol()
NOOD = protocol(
    *at(EMERGENCY % ('"lid.achternaam"', "4, 5", 12, 2)),
    (LOCKS, SECRECY % ", toestemming = true" + LOCKS),
)


def recorded(
    outcome: Outcome,
    rule: Rule,
    field: str | None = None,
    *,
    flow: str | None = "dwi-aanmelding",
    released: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    course: Course = Course.HANDED_OVER,
    about: str | None = None,
    by: Protocol = WAS,
) -> Explanation:
    return explain_recorded(
        by,
        Recorded(by.digest, flow, outcome, rule, field, "dwi", "casebook", released, removed),
        course,
        about,
    )


def asked(field: str | None = None, **more: str) -> list[Explanation]:
    named = {"sender": "dwi", "recipient": "casebook"} | more
    question = Question(named["sender"], named["recipient"], MessageKind.REFERRAL, None, field)
    return explain_possible(WAS, question, TODAY)


def test_a_permit_names_flow_basis_article_agreement_and_fields() -> None:
    found = recorded(
        Outcome.ACCEPTED,
        Rule.PERMITTED,
        released=("lid.achternaam", "lid.geboortedatum"),
        removed=("lid.zrm.verslaving", "huishouden.postcode"),
    )
    assert found.why == ("Dit mocht worden uitgewisseld.", "De uitwisseling is toegestaan.")
    assert found.flow == "dwi-aanmelding"
    assert found.purpose == "Een huishouden voor hulp aanmelden bij een wijkteam."
    assert found.rests_on[0] == (
        "Grondslag",
        "taak van algemeen belang: AVG art. 6 lid 1 onder e; Wmo 2015 art. 2.1.1",
    )
    assert found.agreement is not None
    assert found.agreement.startswith("Instemming is nodig als waarborg, niet als grondslag")
    assert [(field.label, field.told) for field in found.fields] == [
        ("de achternaam", "ging mee, herkenbaar"),
        ("de geboortedatum", "ging mee, vergrofd"),
        (
            "de zelfredzaamheidsscore voor verslaving",
            "bleef achter: het protocol laat dit niet toe",
        ),
        ("de postcode", "bleef achter: toegelaten, maar hier afgeschermd"),
    ]
    assert found.otherwise[0] == (
        "Het is al opgehaald; wie intrekt, laat het verdere gebruik stoppen."
    )
    assert "voordat de ontvanger" not in " ".join(found.otherwise)


def test_what_nobody_fetched_yet_may_go_and_did_not() -> None:
    found = recorded(
        Outcome.ACCEPTED, Rule.PERMITTED, released=("lid.achternaam",), course=Course.WAITS
    )
    assert found.why[0] == (
        "Dit mag worden uitgewisseld; de ontvanger heeft het nog niet opgehaald."
    )
    assert found.fields[0].told == "mag mee, herkenbaar; nog niet opgehaald"
    assert "Trekt iemand de instemming in voordat" in found.otherwise[0]


def test_what_was_removed_before_it_was_fetched_never_left() -> None:
    found = recorded(
        Outcome.ACCEPTED, Rule.PERMITTED, released=("lid.achternaam",), course=Course.REMOVED
    )
    assert found.why[0] == (
        "Dit mocht, maar is verwijderd voordat de ontvanger het ophaalde: er is niets verstrekt."
    )
    assert (found.fields[0].told, found.fields[0].goes) == ("zou meegaan, herkenbaar", False)
    assert "intrekt" not in " ".join(found.otherwise)


@pytest.mark.parametrize("course", [Course.WAITS, Course.REMOVED])
@pytest.mark.parametrize("rule", [Rule.PERMITTED, Rule.EMERGENCY])
@pytest.mark.parametrize("about", [None, "lid.achternaam"])
def test_nothing_is_said_to_have_gone_that_was_not_handed_over(
    course: Course, rule: Rule, about: str | None
) -> None:
    found = recorded(
        Outcome.ACCEPTED, rule, released=("lid.achternaam",), course=course, about=about, by=NOOD
    )
    whole = " ".join((*found.why, *found.otherwise, *(one.told for one in found.fields)))
    assert "ging mee" not in whole
    assert "al opgehaald" not in whole


def test_an_emergency_release_rests_on_its_own_article_and_asks_nobody() -> None:
    found = recorded(
        Outcome.ACCEPTED,
        Rule.EMERGENCY,
        released=("lid.achternaam",),
        removed=("huishouden.postcode", "lid.zrm.verslaving"),
        by=NOOD,
    )
    assert found.rests_on == (
        ("Grondslag", "vitaal belang: AVG art. 6 lid 1 onder d"),
        (
            "Voorwaarden",
            "bij stap 4, 5 van de meldcode; ten hoogste 12 uur; beoordeling binnen 2 dagen",
        ),
        ("Verantwoordelijke", "College van burgemeester en wethouders"),
    )
    assert found.agreement == "niet gevraagd, wegens acuut gevaar"
    assert [field.told for field in found.fields] == [
        "ging mee, herkenbaar",
        "bleef achter: staat niet op de lijst voor noodverstrekkingen",
        "bleef achter: staat niet op de lijst voor noodverstrekkingen",
    ]


def test_the_same_flow_without_an_emergency_rests_on_its_own_grounds() -> None:
    found = recorded(Outcome.ACCEPTED, Rule.PERMITTED, by=NOOD)
    assert found.rests_on[0][1].startswith("taak van algemeen belang")
    assert ("Beroepsgeheim", "Wmo 2015 art. 5.3.3; met toestemming van de betrokkene") in (
        found.rests_on
    )


def test_an_answer_about_a_field_is_about_that_field_alone() -> None:
    found = recorded(
        Outcome.ACCEPTED,
        Rule.PERMITTED,
        released=("lid.achternaam", "lid.burgerservicenummer"),
        removed=("lid.zrm.verslaving",),
        about="lid.burgerservicenummer",
    )
    assert found.why == (
        "Dit mocht worden uitgewisseld.",
        "Over het burgerservicenummer (BSN): ging mee, herkenbaar.",
    )
    assert [field.path for field in found.fields] == ["lid.burgerservicenummer"]
    assert [name for name, _ in found.rests_on] == ["Grondslag", "Burgerservicenummer"]
    assert found.agreement is None
    assert found.otherwise == (
        "Het is al opgehaald; wie intrekt, laat het verdere gebruik stoppen.",
        "Een nieuwe versie van het protocol kan het burgerservicenummer (BSN) weglaten.",
    )


@pytest.mark.parametrize(
    ("outcome", "rule", "about", "told", "otherwise"),
    [
        (Outcome.REFUSED, Rule.PARTNER_SUSPENDED, "lid.achternaam", "geweigerd", "De schorsing"),
        (Outcome.HELD, Rule.AGREEMENT_INCOMPLETE, "lid.achternaam", "aangehouden", "42 dagen"),
        (Outcome.ACCEPTED, Rule.PERMITTED, "lid.geslacht", "stond niet in", "nieuwe versie"),
        (Outcome.ACCEPTED, Rule.PERMITTED, "statusbericht.status", "bestaat niet", "nooit mee"),
        (Outcome.ACCEPTED, Rule.EMERGENCY, "lid.achternaam", "stond niet in", "lijst voor nood"),
        (Outcome.ACCEPTED, Rule.EMERGENCY, "huishouden.postcode", "stond niet in", "op de lijst"),
        (Outcome.ACCEPTED, Rule.EMERGENCY, "lid.geslacht", "stond niet in", "mogelijk"),
    ],
)
def test_a_field_that_no_decision_names_is_told_what_kept_it(
    outcome: Outcome, rule: Rule, about: str, told: str, otherwise: str
) -> None:
    found = recorded(outcome, rule, about=about, by=NOOD)
    assert told in found.why[1]
    assert otherwise in found.otherwise[0]


@pytest.mark.parametrize("about", sorted(FIELDS))
@pytest.mark.parametrize("rule", [Rule.PERMITTED, Rule.EMERGENCY, Rule.NO_FLOW])
def test_no_field_of_a_recorded_message_is_beyond_explaining(about: str, rule: Rule) -> None:
    assert recorded(Outcome.ACCEPTED, rule, about=about, by=NOOD).otherwise


def test_what_waits_is_told_alike_whatever_it_waits_for() -> None:
    found = recorded(Outcome.HELD, Rule.AGREEMENT_INCOMPLETE)
    assert found.why[1] == "De instemming van het huishouden is niet compleet."
    assert "42 dagen" in found.otherwise[0]
    whole = " ".join((*found.why, *found.otherwise)).lower()
    assert not any(word in whole for word in ("geweigerd door", "ingetrokken", "lid 1:"))


@pytest.mark.parametrize(
    ("rule", "field", "told"),
    [
        (Rule.FIELD_REQUIRED, "aanmelding.aangemeldOp", "vult aan: de datum van aanmelding"),
        (Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag", "onder: participatiewet, wmo2015"),
        (Rule.NO_AGREEMENT_IN_FORCE, None, "sluiten of verlengen de overeenkomst"),
        (Rule.PARTNER_SUSPENDED, None, "De schorsing eindigt"),
        (Rule.PROTECTION_NOT_ADMITTED, None, "Een nieuwe versie van het protocol"),
        (Rule.REFERENCE_REUSED, "kenmerk", "een eigen kenmerk"),
    ],
)
def test_a_refusal_says_what_would_give_another_answer(
    rule: Rule, field: str | None, told: str
) -> None:
    found = recorded(Outcome.REFUSED, rule, field)
    assert found.why[0].startswith("Dit werd geweigerd")
    assert told in found.otherwise[0]


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_rule_is_explained_with_and_without_a_flow(rule: Rule, outcome: Outcome) -> None:
    for flow in ("dwi-aanmelding", None):
        found = recorded(outcome, rule, flow=flow)
        assert all(found.why)
        assert found.otherwise


def test_a_message_that_no_flow_admits_needs_a_new_version() -> None:
    (found,) = asked(sender="okt")
    assert (found.answer, found.rule, found.flow) == ("geweigerd", "geen-gegevensstroom", None)
    assert "Een nieuwe versie van het protocol" in found.otherwise[0]


def test_a_message_that_may_pass_is_told_with_its_conditions() -> None:
    (found,) = asked()
    assert found.answer == "toegelaten"
    assert "wmo2015" in found.why[1]
    assert {field.path for field in found.fields if not field.goes} == {"lid.zrm.verslaving"}


def test_after_the_covenant_nothing_passes() -> None:
    question = Question("dwi", "casebook", MessageKind.REFERRAL)
    (found,) = explain_possible(WAS, question, date(2031, 1, 1))
    assert (found.answer, found.rule) == ("geweigerd", "geen-overeenkomst-van-kracht")


def test_a_health_field_needs_an_exception_and_agreement_is_none() -> None:
    (found,) = asked("lid.zrm.verslaving")
    assert found.why[0] == (
        "Over de zelfredzaamheidsscore voor verslaving: het protocol laat dit weg."
    )
    assert "artikel 9 AVG" in found.otherwise[1]
    assert "Instemming met de uitwisseling is dat niet" in found.otherwise[1]


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("lid.zrm.justitie", "artikel 10 AVG"),
        ("aanmelding.toelichting", "beroepsgeheim"),
        ("statusbericht.status", "bestaat niet in dit soort bericht"),
        ("lid.achternaam", "kan de achternaam weglaten"),
        ("lid.geslacht", "mogelijk: ongewijzigd"),
    ],
)
def test_every_kind_of_field_is_told_what_it_needs(field: str, told: str) -> None:
    (found,) = asked(field)
    assert told in " ".join(found.otherwise)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_no_field_is_beyond_explaining(field: str) -> None:
    (found,) = asked(field)
    assert found.fields[0].told


def test_a_message_for_several_purposes_is_explained_for_each() -> None:
    other = STATUS_FLOW.replace("terugkoppeling-dwi", "nog-een").replace(
        'doel = "terugkoppeling"', 'doel = "toeleiding"'
    )
    both = protocol((STATUS_FLOW, STATUS_FLOW + other))
    question = Question("casebook", "dwi", MessageKind.STATUS)
    assert [one.flow for one in explain_possible(both, question, TODAY)] == [
        "terugkoppeling-dwi",
        "nog-een",
    ]
    narrower = Question("casebook", "dwi", MessageKind.STATUS, "toeleiding")
    assert [one.flow for one in explain_possible(both, narrower, TODAY)] == ["nog-een"]
