"""The self-sufficiency matrix: eleven domains, whole scores from 1 to 5, a date."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.zrm import ZrmDomain, ZrmMeasurement
from tests.support.strategies import unhurried, zrm_measurements

# As the programme's report of 2014 lists them (schemas/zrm.py says where).
DOMAINS = [
    "inkomen",
    "dagbesteding",
    "huisvesting",
    "gezinsrelaties",
    "fysiekeGezondheid",
    "geestelijkeGezondheid",
    "verslaving",
    "adlVaardigheden",
    "sociaalNetwerk",
    "maatschappelijkeParticipatie",
    "justitie",
]


def read(scores: object, measured_on: object = "2026-02-01") -> ZrmMeasurement:
    body = json.dumps({"gemetenOp": measured_on, "scores": scores})
    return ZrmMeasurement.model_validate_json(body)


def test_there_are_eleven_domains_in_the_reports_order() -> None:
    assert [domain.value for domain in ZrmDomain] == DOMAINS


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_domain_takes_the_five_scores_and_no_other(domain: str) -> None:
    for score in range(1, 6):
        assert read({domain: score}).scores == {ZrmDomain(domain): score}
    for score in (0, 6, -1, 10**20):
        with pytest.raises(ValidationError):
            read({domain: score})


@pytest.mark.parametrize("score", [True, False, 1.0, 2.5, "3", None, [3], {}])
def test_a_score_is_a_whole_number_and_nothing_like_it(score: object) -> None:
    with pytest.raises(ValidationError):
        read({"inkomen": score})


@pytest.mark.parametrize(
    "domain", ["Inkomen", "", "lichamelijk", "inkomen ", "INCOME", "zrm.inkomen"]
)
def test_an_unknown_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValidationError):
        read({domain: 3})


@pytest.mark.parametrize("scores", [{}, None, [], "inkomen"])
def test_a_measurement_without_scores_is_none(scores: object) -> None:
    with pytest.raises(ValidationError):
        read(scores)


@pytest.mark.parametrize("measured_on", [None, "", "2026", "2026-02", "2026-02-30", "01-02-2026"])
def test_a_measurement_has_a_whole_date(measured_on: object) -> None:
    with pytest.raises(ValidationError):
        read({"inkomen": 3}, measured_on)


def test_a_measurement_is_complete_with_all_eleven() -> None:
    whole = dict.fromkeys(DOMAINS, 3)
    assert read(whole).is_complete
    for domain in DOMAINS:
        assert not read({name: 3 for name in DOMAINS if name != domain}).is_complete


@unhurried
@given(zrm_measurements(), st.text(min_size=1))
def test_a_measurement_survives_its_wire_and_takes_nothing_more(
    measurement: ZrmMeasurement, name: str
) -> None:
    body = json.loads(measurement.model_dump_json(by_alias=True))
    assert ZrmMeasurement.model_validate_json(json.dumps(body)) == measurement
    if name not in ("gemetenOp", "scores", "measured_on"):
        with pytest.raises(ValidationError):
            ZrmMeasurement.model_validate(body | {name: 3})
