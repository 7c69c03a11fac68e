"""The table of retention classes: whole, with an article each, and dated to the day."""

from __future__ import annotations

from datetime import date

import pytest

from consent.protocol import load
from gateway.exchange.proof import BREACH, CONSENT
from gateway.exchange.retention_classes import OnRequest, Since, retention_table
from tests.gateway.exchange.road import EXAMPLE

TABLE = retention_table()


def test_every_class_has_its_ground_and_what_is_ours_to_confirm_says_so() -> None:
    names = [one.id for one in TABLE.classes]
    assert len(names) == len(set(names))
    assert all("AVG art. 17" in one.ground for one in TABLE.classes)
    assert all(one.status == "te bevestigen" for one in TABLE.kept)
    assert all(one.status == "te bevestigen" for one in TABLE.laws)
    assert all(one.use for one in TABLE.kept)
    assert all(one.years or one.at_latest for one in TABLE.classes)


def test_the_classes_with_rows_of_their_own_have_a_term() -> None:
    dated = {one.id: one.since for one in TABLE.kept if one.since is not None}
    assert dated == {CONSENT: Since.LAST_RECORDED, BREACH: Since.LAST_DISCLOSED}
    assert {TABLE.named(name).on_request for name in TABLE.erased} == {OnRequest.ERASED}


@pytest.mark.parametrize(
    ("last", "until"),
    [
        (date(2026, 11, 22), date(2031, 11, 22)),
        (date(2024, 2, 29), date(2029, 3, 1)),
        (date(2027, 2, 28), date(2032, 2, 28)),
    ],
)
def test_a_term_ends_on_the_same_day_of_the_year(last: date, until: date) -> None:
    assert TABLE.named(CONSENT).until(last) == until


@pytest.mark.parametrize(
    ("law", "years", "article"),
    [
        ("jeugdwet", 20, "Jeugdwet art. 7.3.8"),
        ("wgbo", 20, "BW 7:454"),
        ("wmo2015", 15, "Wmo 2015 art. 5.3.4"),
    ],
)
def test_sector_law_says_how_long_a_recipient_keeps(law: str, years: int, article: str) -> None:
    (found,) = [one for one in TABLE.laws if one.id == law]
    assert found.years == years
    assert found.article.startswith(article)


def test_a_flow_leads_to_the_laws_of_its_grounds_and_its_age_regime() -> None:
    flows = {flow.id: flow for flow in load(EXAMPLE).flows}
    for name, laws in (
        ("dwi-aanmelding", ["wmo2015", "participatiewet", "wgs"]),
        ("ggz-aanmelding", ["wgbo"]),
        ("okt-aanmelding", ["jeugdwet"]),
    ):
        found = [law.id for law in TABLE.laws_of([flows[name]])]
        assert set(laws) <= set(found), name
