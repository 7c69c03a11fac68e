"""The bytes, read back by readers that we did not write: csv, json and the canonical types."""

import csv
import io
import json
from datetime import date

import pytest
from stdnum.nl import bsn as stdnum_bsn

from gateway.sandbox.population.delivery import Flaw, dwi_delivery
from gateway.sandbox.population.household import PostcodeState
from gateway.sandbox.population.written import COLUMNS, as_csv, as_json, as_referrals

HEADER = (
    "kenmerk;aangemeld_op;grondslag;rol;bsn;voorletters;voorvoegsel;achternaam;geboortedatum;"
    "geslacht;postcode;straatnaam;huisnummer;toevoeging;telefoon;geheimhouding;uitkering;trede;"
    "zrm_datum;zrm_inkomen;zrm_dagbesteding;zrm_huisvesting;zrm_gezinsrelaties;"
    "zrm_fysieke_gezondheid;zrm_geestelijke_gezondheid;zrm_verslaving;zrm_adl_vaardigheden;"
    "zrm_sociaal_netwerk;zrm_maatschappelijke_participatie;zrm_justitie;instemming;"
    "instemming_op;instemming_door;instemming_bewijs;gezag_houders;gezag_bron;gezag_op;"
    "toelichting\n"
)
SCREENED = list(dwi_delivery(20131231, 300))


def rows(delivery: bytes, encoding: str = "utf-8", separator: str = ";") -> list[dict[str, str]]:
    text = io.StringIO(delivery.decode(encoding), newline="")
    return list(csv.DictReader(text, delimiter=separator, strict=True))


def test_the_header_is_the_documented_one() -> None:
    assert next(as_csv([])).decode() == HEADER
    assert len(COLUMNS) == 38


def test_there_is_one_row_a_member_and_one_referral_a_chunk() -> None:
    header, *chunks = as_csv(SCREENED)
    assert len(chunks) == len(SCREENED)
    for chunk, referral in zip(chunks, SCREENED, strict=True):
        found = rows(header + chunk)
        members = referral.household.members
        assert [row["bsn"] for row in found] == [member.bsn for member in members]
        assert [row["achternaam"] for row in found] == [m.surname or "" for m in members]
        assert {row["kenmerk"] for row in found} == {referral.reference}
        assert found[0]["aangemeld_op"] == referral.referred_on.isoformat()
        assert found[0]["zrm_justitie"] == str(referral.zrm.scores[10])
        assert all(row["postcode"] == "" for row in found[1:])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ","])
def test_other_encodings_and_separators_say_the_same(encoding: str, separator: str) -> None:
    plain = rows(b"".join(as_csv(SCREENED)))
    written = b"".join(as_csv(SCREENED, encoding=encoding, separator=separator, line_end="\r\n"))
    assert rows(written, encoding, separator) == plain
    assert written.count(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    assert any(not row["achternaam"].isascii() for row in plain)


def test_the_canonical_message_says_what_the_referral_says() -> None:
    for referral, message in zip(SCREENED, as_referrals(SCREENED), strict=True):
        household = referral.household
        assert message.reference == referral.reference
        assert message.household.street == household.street
        is_full = household.postcode_state is PostcodeState.FULL
        assert message.household.postcode == (household.postcode if is_full else None)
        for member, said in zip(household.members, message.household.members, strict=True):
            assert said.bsn is not None
            assert said.bsn.reveal() == member.bsn
            assert said.surname == member.surname
            assert said.birth_date is None or said.birth_date.reveal() == str(member.birth_date)
        first = message.household.members[0]
        assert first.zrm is not None
        assert tuple(first.zrm.scores.values()) == referral.zrm.scores


def test_the_json_is_one_object_a_message() -> None:
    found = [json.loads(message) for message in as_json(SCREENED)]
    assert [message["kenmerk"] for message in found] == [r.reference for r in SCREENED]


def test_flawed_records_are_wrong_in_the_way_that_they_say() -> None:
    mixed = list(dwi_delivery(20131231, 20, with_errors=True))
    header, *chunks = as_csv(mixed)
    wrong = {
        referral.flaw: rows(header + chunk)[0]
        for referral, chunk in zip(mixed, chunks, strict=True)
        if referral.flaw is not None
    }
    assert not stdnum_bsn.is_valid(wrong[Flaw.ELEVEN_TEST]["bsn"])
    assert date.fromisoformat(wrong[Flaw.REFERRED_IN_FUTURE]["aangemeld_op"]).year == 2199
    assert date.fromisoformat(wrong[Flaw.BORN_IN_FUTURE]["geboortedatum"]).year == 2199
    assert wrong[Flaw.SCORE_OF_SEVEN]["zrm_inkomen"] == "7"
    assert wrong[Flaw.GROUND_NONE]["grondslag"] == "geen"
    assert wrong[Flaw.NO_REFERRAL_DATE]["aangemeld_op"] == ""
    assert set(wrong) == set(Flaw)


def test_flawed_records_never_pass_as_canonical_messages() -> None:
    mixed = list(dwi_delivery(20131231, 20, with_errors=True))
    assert len(list(as_json(mixed))) == len(list(as_referrals(mixed))) == 20
