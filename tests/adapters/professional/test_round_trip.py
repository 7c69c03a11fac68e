"""What a professional writes as rows is what arrives, by CSV and by workbook alike."""

from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.reading import holds_bsn
from adapters.registry import ADAPTERS
from schemas.referral import (
    AuthorityKind,
    AuthoritySource,
    Manner,
    ProtectionReason,
    Referral,
)
from tests.adapters.feeding import read, translated
from tests.adapters.professional.written import FORMS, rows_of
from tests.support.strategies import bsn_digits, names, referrals, unhurried

PURPOSES = st.sampled_from(["hulp-aan-huishouden", "opschalen"])


@st.composite
def professional_referrals(draw: st.DrawFn) -> Referral:
    """Referrals with all that rows can say: one agreement and one statement a member."""
    wire: dict[str, Any] = draw(referrals()).model_dump(mode="json", by_alias=True)
    members = wire["huishouden"]["leden"]
    places = st.integers(0, len(members) - 1)
    if draw(st.booleans()):
        wire |= {"doel": draw(PURPOSES), "ontvanger": "casebook"}
    if draw(st.booleans()):
        professional = {"naam": draw(names()), "functie": draw(names())}
        reason = draw(st.sampled_from(ProtectionReason))
        wire["bescherming"] = {"professional": professional, "reden": reason}
    for member in members:
        if member["instemming"] is not None and draw(st.booleans()):
            until = draw(st.dates()).isoformat()
            manner = draw(st.sampled_from(Manner))
            member["instemming"] |= {"doorLid": draw(places), "geldigTot": until, "wijze": manner}
        if draw(st.booleans()):
            by_place = st.builds(lambda at: {"lid": at}, places)
            by_bsn = st.builds(lambda bsn: {"burgerservicenummer": bsn}, bsn_digits())
            statement = {
                "soort": draw(st.sampled_from(AuthorityKind)),
                "houders": draw(st.lists(by_place | by_bsn, max_size=4)),
                "bron": draw(st.sampled_from(AuthoritySource)),
                "peildatum": draw(st.dates()).isoformat(),
            }
            member["gezag"] = [statement]
    return Referral.model_validate(wire)


@pytest.mark.parametrize("media_type", FORMS)
@unhurried
@given(referral=professional_referrals())
def test_a_referral_written_as_rows_is_read_as_the_same_referral(
    media_type: str, referral: Referral
) -> None:
    rows = rows_of(referral)
    text = "".join(cell for row in rows for cell in row.values())
    # Control characters, and a reference with a BSN in it, are refused: other tests show it.
    assume(not any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in text))
    # What XML itself cannot hold no workbook has.
    assume(not any(sign in "\ufffe\uffff" for sign in text))
    assume(not holds_bsn(referral.reference, [row["bsn"] for row in rows]))
    phone = referral.household.phone or "0"
    assume(phone == phone.strip() and phone.startswith(("0", "+")))
    reader = ADAPTERS["professional"].readers[media_type](date.max)
    (record,) = read(reader, FORMS[media_type](rows))
    assert as_compared(translated(record)) == as_compared(referral)


def as_compared(referral: Referral) -> dict[str, object]:
    """Without what rows cannot tell apart: an empty note from none, and space around a text."""
    known = referral.model_dump(exclude_none=True)
    known["note"] = (referral.note or "").strip()
    return known
