"""Why an answer was given and what would change it; nobody's own decision is ever told."""

from __future__ import annotations

from datetime import date

import pytest

from consent.explain import Explanation, Question, explain_possible, explain_recorded
from consent.simulation import Recorded
from schemas.decisions import Outcome, Rule
from schemas.fields import FIELDS, MessageKind
from tests.support.small_protocol import STATUS_FLOW, protocol

TODAY = date(2026, 11, 22)
WAS = protocol()


def recorded(
    outcome: Outcome,
    rule: Rule,
    field: str | None = None,
    *,
    flow: str | None = "dwi-aanmelding",
    released: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
) -> Explanation:
    return explain_recorded(
        WAS,
        Recorded(WAS.digest, flow, outcome, rule, field, "dwi", "casebook", released, removed),
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
    assert "Trekt iemand de instemming in" in found.otherwise[0]


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
