"""Workbooks by two writers that are not ours (tests/vectors/professional/README.md)."""

from datetime import date
from pathlib import Path

from schemas.deliveries import Problem, Record, Translated, Unreadable
from tests.adapters.feeding import TODAY, findings, read, translated
from tests.adapters.tabular.workbooks import reader

VECTORS = Path(__file__).parents[2] / "vectors" / "professional"


def read_vector(name: str) -> list[Record]:
    return read(reader(TODAY), (VECTORS / name).read_bytes())


def persons(record: Record) -> list[tuple[str | None, str | None, str | None]]:
    return [
        (
            member.bsn.reveal() if member.bsn else None,
            member.surname,
            member.birth_date.reveal() if member.birth_date else None,
        )
        for member in translated(record).household.members
    ]


def test_what_xlsxwriter_wrote_is_read() -> None:
    first, second = read_vector("xlsxwriter.xlsx")
    referral = translated(first)
    assert referral.reference == "MADI-1"
    assert referral.referred_on == date(2013, 12, 31)
    assert referral.household.postcode == "1012AB"
    assert referral.household.house_number == 12
    assert referral.household.address_is_secret is False
    assert referral.household.members[0].ladder == 3
    assert persons(first) == [
        ("999990019", "Çelik", "1980-05"),  # shown as "mei 1980": its day was never said
        ("999990020", "Çelik", "2009-02-03"),
    ]
    assert findings(second) == [(4, "lid.achternaam", Problem.INVALID)]  # a formula


def test_what_openpyxl_wrote_is_read() -> None:
    first, hidden, moment, last = read_vector("openpyxl.xlsx")
    assert translated(first).referred_on == date(2013, 12, 31)  # counted from 1904
    assert translated(first).household.address_is_secret is True
    assert persons(first) == [("999990019", "Çelik", "1980-05-01"), ("999990020", "Çelik", "2009")]
    assert findings(hidden) == [(4, "rij", Problem.INVALID)]
    assert findings(moment) == [(5, "aanmelding.aangemeldOp", Problem.INVALID)]
    assert isinstance(moment, Unreadable)
    assert moment.reference == "MADI-3"
    assert isinstance(last, Translated)
    assert translated(last).referred_on == date(2013, 12, 28)
