"""The template: every column with its rule, and an example that is never taken for a referral."""

from datetime import date

import pytest

from adapters.professional.columns import CHOICES, COLUMNS
from adapters.professional.rules import RULES
from adapters.professional.template import csv_template, explanation, xlsx_template
from adapters.registry import ADAPTERS
from adapters.tabular.columns import CellError
from schemas.deliveries import Problem, Translated
from tests.adapters.feeding import findings, outcomes, read
from tests.adapters.professional.written import PROPER

TODAY = date(2026, 1, 1)
TEMPLATES = {"text/csv": csv_template, PROPER: xlsx_template}


@pytest.mark.parametrize("media_type", TEMPLATES)
def test_the_example_is_refused_as_one_household(media_type: str) -> None:
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    (record,) = read(reader, TEMPLATES[media_type]())
    assert findings(record) == [(2, "aanmelding.kenmerk", Problem.INVALID)]
    assert outcomes([record]) == [(2, "VOORBEELD-1")]


def test_but_for_its_reference_the_example_is_a_good_one() -> None:
    reader = ADAPTERS["professional"].readers["text/csv"](TODAY)
    (record,) = read(reader, csv_template().replace(b"VOORBEELD-1", b"MADI-1"))
    assert isinstance(record, Translated)
    assert {problem for _, _, problem in findings(record)} == {Problem.INCOMPLETE}


def test_every_column_has_a_rule_that_a_spreadsheet_shows_whole() -> None:
    assert set(RULES) == set(COLUMNS)
    assert all(0 < len(rule) <= 255 for rule in RULES.values())
    told = explanation().decode()
    assert all(f"\n{name} (" in told and f"\n    {rule}\n" in told for name, rule in RULES.items())


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_that_is_offered_is_read(name: str) -> None:
    assert len(",".join(CHOICES[name])) <= 255
    for choice in CHOICES[name]:
        try:
            COLUMNS[name].convert(choice)
        except CellError as error:
            raise AssertionError(choice) from error


def test_the_same_template_gives_the_same_bytes() -> None:
    assert xlsx_template() == xlsx_template()
    assert csv_template().startswith(b"\xef\xbb\xbfkenmerk;aangemeld_op;")
