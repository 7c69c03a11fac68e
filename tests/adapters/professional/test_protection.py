"""A referral that asks for protection is never read as one that does not (invariant 14)."""

import pytest

from adapters.registry import ADAPTERS
from schemas.deliveries import Problem
from schemas.referral import ProtectionReason
from tests.adapters.feeding import TODAY, findings, read, translated
from tests.adapters.professional.written import FORMS

ROW = {
    "kenmerk": "VT-1",
    "aangemeld_op": "2013-12-31",
    "achternaam": "Proef",
    "bescherming_reden": "",
    "bescherming_naam": "",
    "bescherming_functie": "",
    "geheimhouding": "",
}
ASKED = {
    "bescherming_reden": "veiligheid-kind",
    "bescherming_naam": "P. Voorbeeld",
    "bescherming_functie": "vertrouwensarts",
}
FIELD = "aanmelding.bescherming"


@pytest.mark.parametrize("media_type", FORMS)
def test_protection_is_asked_by_a_named_professional(media_type: str) -> None:
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    (record,) = read(reader, FORMS[media_type]([ROW | ASKED, ROW | {"aangemeld_op": ""}]))
    asked = translated(record).protection
    assert asked is not None
    assert asked.reason is ProtectionReason.CHILD
    assert (asked.professional.name, asked.professional.function) == (
        "P. Voorbeeld",
        "vertrouwensarts",
    )


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize("left_out", ASKED)
def test_half_of_it_refuses_the_referral(media_type: str, left_out: str) -> None:
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    (record,) = read(reader, FORMS[media_type]([ROW | ASKED | {left_out: ""}]))
    assert findings(record) == [(2, FIELD, Problem.MISSING)]


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        *((name, value, f"{FIELD}.{key}") for (name, value), key in zip(
            ASKED.items(), ("reden", "naam", "functie"), strict=True)),
        ("geheimhouding", "ja", "huishouden.geheimhouding"),
    ],
)  # fmt: skip
def test_what_only_a_later_row_asks_refuses_the_referral(
    media_type: str, column: str, value: str, field: str
) -> None:
    reader = ADAPTERS["professional"].readers[media_type](TODAY)
    (record,) = read(reader, FORMS[media_type]([ROW, ROW | {column: value}]))
    assert findings(record) == [(3, field, Problem.CONTRADICTION)]
