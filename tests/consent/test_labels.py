"""Everything that is told to people has a name in both languages."""

from __future__ import annotations

from enum import Enum

import pytest

from consent import labels
from consent.protocol import AgeRegime, BasisKind, HouseholdRule
from schemas.decisions import Rule
from schemas.fields import CATEGORIES, FIELDS, MessageKind, Special, Treatment


def test_every_field_has_a_label_and_every_label_a_field() -> None:
    assert sorted(labels.FIELD_LABELS) == sorted(FIELDS)


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        (labels.TREATMENTS, Treatment),
        (labels.BASES, BasisKind),
        (labels.MESSAGES, MessageKind),
        (labels.SPECIALS, Special),
        (labels.HOUSEHOLD_RULES, HouseholdRule),
        (labels.REGIMES, AgeRegime),
        (labels.RULES, Rule),
    ],
)
def test_every_value_of_the_vocabulary_is_named(
    named: dict[Enum, object], kind: type[Enum]
) -> None:
    assert set(named) == set(kind)


def test_every_category_is_named() -> None:
    assert [c for c in sorted(CATEGORIES) if labels.category_label(c) == c and c != "adres"] == []


def test_a_rule_without_a_sentence_is_told_by_its_code() -> None:
    assert labels.rule_told("iets-nieuws") == "iets-nieuws"
    assert labels.rule_told("dubbel") == "Het bericht was al eerder ontvangen."
