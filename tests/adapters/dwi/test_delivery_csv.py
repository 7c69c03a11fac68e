"""DWI's CSV becomes referrals: whole files, their encodings, and files that are not what they say.

The vectors in tests/vectors/dwi were written by hand in three dialects; the expected referral was
written beside them, not produced by the reader.
"""

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.reading import holds_bsn
from adapters.tabular.header import MAX_HEADER
from adapters.tabular.rows import MAX_LINE
from schemas.deliveries import Problem, Translated
from schemas.referral import Referral
from tests.adapters.dwi.written import GOOD_BSN, ROW, csv_of, csv_reader, rows_of
from tests.adapters.feeding import TODAY, findings, outcomes, read, refusal, translated
from tests.support.strategies import referrals, unhurried

VECTORS = Path(__file__).parents[2] / "vectors" / "dwi"
HEADER = b"kenmerk;aangemeld_op;achternaam;toelichting\n"

FIRST = {
    "kenmerk": "DWI-2013-0001",
    "aangemeldOp": "2013-12-31",
    "grondslag": "participatiewet",
    "huishouden": {
        "postcode": "1012AB",
        "straatnaam": "Voorbeeldstraat",
        "huisnummer": 12,
        "huisnummertoevoeging": "-2",
        "telefoonnummer": "020 555 0101",
        "geheimhouding": False,
        "leden": [
            {
                "rol": "aanmelder",
                "burgerservicenummer": "999990019",
                "voorletters": "R.",
                "achternaam": "Çelik",
                "geboortedatum": "1980-05-01",
                "geslacht": "V",
                "ontvangtUitkering": True,
                "participatietrede": 2,
                "zrm": {
                    "gemetenOp": "2013-11-14",
                    "scores": {
                        "inkomen": 1,
                        "dagbesteding": 2,
                        "huisvesting": 3,
                        "gezinsrelaties": 4,
                        "fysiekeGezondheid": 5,
                        "geestelijkeGezondheid": 1,
                        "verslaving": 2,
                        "adlVaardigheden": 3,
                        "sociaalNetwerk": 4,
                        "maatschappelijkeParticipatie": 5,
                        "justitie": 4,
                    },
                },
                "instemming": {
                    "gegeven": True,
                    "op": "2013-12-30",
                    "door": "betrokkene",
                    "bewijs": "DWI/2013/77",
                },
            },
            {
                "rol": "kind",
                "burgerservicenummer": "999990020",
                "voorvoegsel": "van der",
                "achternaam": "Çelik",
                "geboortedatum": "2009-05",
                "geslacht": "M",
            },
        ],
    },
    "toelichting": 'Belt liever niet; komt langs.\nSpreekt "een beetje" Nederlands.',
}
SECOND = {
    "kenmerk": "DWI-2013-0002",
    "aangemeldOp": "2013-12-30",
    "grondslag": "geen",
    "huishouden": {
        "geheimhouding": False,
        "leden": [
            {
                "rol": "aanmelder",
                "burgerservicenummer": "099999031",
                "voorletters": "A.",
                "voorvoegsel": "de",
                "achternaam": "Vries",
                "geboortedatum": "1961",
                "geslacht": "O",
            }
        ],
    },
}


@pytest.mark.parametrize(
    "name", ["levering.csv", "levering-windows-1252.csv", "levering-komma.csv"]
)
def test_the_same_delivery_in_three_dialects_gives_the_same_referrals(name: str) -> None:
    first, second = read(csv_reader(TODAY), (VECTORS / name).read_bytes())
    assert translated(first) == Referral.model_validate(FIRST)
    assert translated(second) == Referral.model_validate(SECOND)
    assert findings(first) == [(4, "lid.geboortedatum", Problem.INCOMPLETE)]
    assert findings(second) == [
        (5, "huishouden.postcode", Problem.INCOMPLETE),
        (5, "lid.geboortedatum", Problem.INCOMPLETE),
        (5, "lid.zrm", Problem.MISSING),
    ]


@pytest.mark.parametrize(
    "name", ["levering.csv", "levering-windows-1252.csv", "levering-komma.csv"]
)
def test_cutting_a_vector_at_any_byte_makes_no_difference(name: str) -> None:
    delivery = (VECTORS / name).read_bytes()
    expected = read(csv_reader(TODAY), delivery)
    assert read(csv_reader(TODAY), delivery, *range(len(delivery))) == expected
    for cut in range(0, len(delivery), 11):
        assert read(csv_reader(TODAY), delivery, cut) == expected


def test_a_line_is_utf8_where_it_can_be_and_windows_1252_where_it_cannot() -> None:
    lines = ["A1;2013-12-31;Müller;\n".encode(), "A2;2013-12-31;Müller €;\n".encode("cp1252")]
    first, second = read(csv_reader(TODAY), HEADER + b"".join(lines))
    assert translated(first).household.members[0].surname == "Müller"
    assert translated(second).household.members[0].surname == "Müller €"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_bytes_that_stand_for_no_character_refuse_their_row_only(start: bytes) -> None:
    lines = b"A1;2013-12-31;x\x81\xff;\nA2;2013-12-31;y;\n"
    broken, sound = read(csv_reader(TODAY), start + HEADER + lines)
    assert findings(broken) == [(2, "lid.achternaam", Problem.ENCODING)]
    assert translated(sound).household.members[0].surname == "y"


def test_windows_1252_in_a_file_that_announces_utf8_is_refused_not_guessed() -> None:
    line = "A1;2013-12-31;Müller;\n".encode("cp1252")
    (record,) = read(csv_reader(TODAY), b"\xef\xbb\xbf" + HEADER + line)
    assert findings(record) == [(2, "lid.achternaam", Problem.ENCODING)]


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x85", "\x7f"])
def test_control_characters_refuse_their_row(sign: str) -> None:
    (record,) = read(csv_reader(TODAY), HEADER + f"A1;2013-12-31;a{sign}b;\n".encode())
    assert findings(record) == [(2, "lid.achternaam", Problem.ENCODING)]


def test_a_line_break_belongs_in_a_note_only() -> None:
    delivery = csv_of([{**ROW, "achternaam": "a\nb", "toelichting": "een\n\ntwee"}])
    (record,) = read(csv_reader(TODAY), delivery)
    assert findings(record) == [(2, "lid.achternaam", Problem.INVALID)]


@pytest.mark.parametrize("separator", [";", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_every_way_to_write_a_cell_reads_the_same(separator: str, end: str, quoting: int) -> None:
    row = {**ROW, "achternaam": 'a;b,"c" d', "straatnaam": "x y", "toelichting": "1\n2;3\n"}
    delivery = csv_of(
        [row, {**ROW, "kenmerk": "A2"}], separator=separator, end=end, quoting=quoting
    )
    first, second = map(translated, read(csv_reader(TODAY), delivery))
    assert first.household.members[0].surname == 'a;b,"c" d'
    assert (first.household.street, first.note) == ("x y", "1\n2;3")
    assert second.reference == "A2"


def test_space_around_a_quoted_cell_does_not_make_it_plain() -> None:
    (record,) = read(csv_reader(TODAY), HEADER + b'A1; 2013-12-31;  "x;y";\n')
    assert translated(record).household.members[0].surname == "x;y"


def test_names_of_columns_are_read_in_any_order_and_case() -> None:
    delivery = b' Achternaam ;"KENMERK";Aangemeld_Op\nx;A1;2013-12-31\n'
    (record,) = read(csv_reader(TODAY), delivery)
    assert translated(record).reference == "A1"


def test_unnamed_columns_at_the_end_may_stand_there_empty() -> None:
    delivery = b"kenmerk;aangemeld_op;;\nA1;2013-12-31;;\nA2;2013-12-31;;x\n"
    good, bad = read(csv_reader(TODAY), delivery)
    assert translated(good).reference == "A1"
    assert findings(bad) == [(3, "rij", Problem.BROKEN)]


def test_rows_without_content_are_passed_over() -> None:
    delivery = HEADER + b"\n;;;\nA1;2013-12-31;x;\n \r\n; ;;\nA1;;y;\n\n"
    (record,) = read(csv_reader(TODAY), delivery)
    assert [member.surname for member in translated(record).household.members] == ["x", "y"]
    assert record.line == 4


def test_a_header_alone_is_a_delivery_of_nothing() -> None:
    assert read(csv_reader(TODAY), HEADER) == []
    assert read(csv_reader(TODAY), HEADER.rstrip()) == []


@pytest.mark.parametrize(
    ("delivery", "problem", "where"),
    [
        (b"", Problem.MISSING, "leeg"),
        (b"PK\x03\x04\x14\x00\x06\x00", Problem.INVALID, "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Problem.INVALID, "Excel"),
        (b"%PDF-1.4\n", Problem.INVALID, "PDF"),
        (b"\x1f\x8b\x08\x00", Problem.INVALID, "gzip"),
        (b"<?xml version='1.0'?>\n<a/>", Problem.INVALID, "XML"),
        (b"\xef\xbb\xbf{\n", Problem.INVALID, "JSON"),
        (b"[\n", Problem.INVALID, "JSON"),
        ("kenmerk;aangemeld_op\n".encode("utf-16"), Problem.INVALID, "UTF-16"),
        ("kenmerk;aangemeld_op\n".encode("utf-16-le"), Problem.INVALID, "geen tekst"),
        (b"\n" + HEADER, Problem.MISSING, "koprij"),
        (b"A1;2013-12-31;Jansen;\n", Problem.MISSING, "koprij"),
        (b"kenmerk\taangemeld_op\n", Problem.MISSING, "koprij"),
        (b"kenmerk;aangemeld_op;" + b"x" * MAX_HEADER, Problem.TOO_LONG, "koprij"),
        (b"kenmerk;achternaam\n", Problem.MISSING, "kolom aangemeld_op"),
        (b"aangemeld_op;achternaam\n", Problem.MISSING, "kolom kenmerk"),
        (b"kenmerk;aangemeld_op;bsn;BSN\n", Problem.TOO_MANY, "kolom bsn"),
        (b"kenmerk;aangemeld_op;sofinummer\n", Problem.UNKNOWN_COLUMN, "kolom 3"),
        (b"kenmerk;;aangemeld_op\n", Problem.UNKNOWN_COLUMN, "kolom 2"),
    ],
)
def test_a_file_that_is_no_delivery_is_refused_for_what_it_is(
    delivery: bytes, problem: Problem, where: str
) -> None:
    for cuts in ((), range(len(delivery)) if len(delivery) < 1000 else ()):
        found, place = refusal(csv_reader(TODAY), delivery, *cuts)
        assert found is problem
        assert where in place


def test_a_first_row_of_data_is_not_repeated() -> None:
    # Without a header the first household stands there; one of its cells may even be a column name.
    for row in (b"Jansen;kenmerk;999990019\n", b"kenmerk;aangemeld_op;Jansen\n"):
        assert "jansen" not in str(refusal(csv_reader(TODAY), row)).lower()


def test_a_line_beyond_the_limit_refuses_itself_only() -> None:
    long = b"A2;2013-12-31;" + b"x" * MAX_LINE + b";\n"
    delivery = HEADER + b"A1;2013-12-31;x;\n" + long + b"A3;2013-12-31;x;\n"
    records = read(csv_reader(TODAY), delivery)
    assert outcomes(records) == [(2, "ok"), (3, None), (4, "ok")]
    assert findings(records[1]) == [(3, "rij", Problem.TOO_LONG)]
    assert read(csv_reader(TODAY), delivery, *range(0, len(delivery), 999)) == records


def test_a_quote_that_never_closes_costs_its_own_row() -> None:
    delivery = HEADER + b'A1;2013-12-31;"x;\nA2;2013-12-31;x;\nA3;2013-12-31;x;\n'
    records = read(csv_reader(TODAY), delivery)
    assert outcomes(records) == [(2, None), (3, "ok"), (4, "ok")]
    assert findings(records[0]) == [(2, "rij", Problem.BROKEN)]


def test_a_quote_that_closes_far_away_costs_its_own_row() -> None:
    others = b"".join(b"B%d;2013-12-31;x;\n" % number for number in range(5000))
    delivery = HEADER + b'A1;2013-12-31;"x;\n' + others + b'A3;2013-12-31;"x";\n'
    records = read(csv_reader(TODAY), delivery)
    assert len(records) == 5002
    assert findings(records[0]) == [(2, "rij", Problem.TOO_LONG)]
    assert all(isinstance(record, Translated) for record in records[1:])
    assert read(csv_reader(TODAY), delivery, *range(0, len(delivery), 999)) == records


def test_text_after_a_closing_quote_refuses_the_row() -> None:
    delivery = HEADER + b'A1;2013-12-31;"x"y;\nA2;2013-12-31;5" pijp;\n'
    bad, good = read(csv_reader(TODAY), delivery)
    assert findings(bad) == [(2, "rij", Problem.BROKEN)]
    assert translated(good).household.members[0].surname == '5" pijp'


@pytest.mark.parametrize(
    "end", [b"A2;2013-12-31", b'A2;2013-12-31;x;"note', b"A2", b'A2;2013-12-31;x;"note"\n\x81']
)
def test_a_file_that_breaks_off_keeps_what_came_before(end: bytes) -> None:
    records = read(csv_reader(TODAY), HEADER + b"A1;2013-12-31;x;\n" + end)
    assert translated(records[0]).reference == "A1"
    assert findings(records[-1])[0][1:] == ("rij", Problem.BROKEN)


@unhurried
@given(referrals())
def test_what_is_written_as_rows_is_read_as_the_same_referral(referral: Referral) -> None:
    rows = rows_of(referral)
    text = "".join(cell for row in rows for cell in row.values())
    # Control characters, and a reference with a BSN in it, are refused: other tests show it.
    assume(not any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in text))
    assume(not holds_bsn(referral.reference, [row["bsn"] for row in rows]))
    # Space around a number falls away, and may leave too few signs.
    phone = referral.household.phone or ""
    assume(phone == phone.strip())
    (record,) = read(csv_reader(date.max), csv_of(rows))
    assert as_compared(translated(record)) == as_compared(referral)


def as_compared(referral: Referral) -> dict[str, object]:
    """Without what CSV cannot tell apart: an empty note from none, and space around a text."""
    known = referral.model_dump(exclude_none=True)
    known["note"] = (referral.note or "").strip()
    return known


_PIECES = st.sampled_from(
    ["A1;2013-12-31;x;", "A2;2013-12-31;y;", "A1;;z;", ";;z;", "A1;", '"', '""', ";", "\n", "\n",
     "\r\n", "é", "x", '"a\nb"', "A1;2013-12-31;x;\n" * 31, "\x81", " ", "A3;2013-12-31;x;1;2\n"]
)  # fmt: skip


@unhurried
@given(
    st.lists(_PIECES, max_size=30).map("".join),
    st.sampled_from(["utf-8", "cp1252"]),
    st.lists(st.integers(0, 2000), max_size=5),
)
def test_where_chunks_are_cut_makes_no_difference(text: str, code: str, cuts: list[int]) -> None:
    delivery = HEADER + text.encode(code, errors="replace")
    at = [min(cut, len(delivery)) for cut in cuts]
    expected = read(csv_reader(TODAY), delivery)
    assert read(csv_reader(TODAY), delivery, *at) == expected
    assert read(csv_reader(TODAY), delivery, *range(len(delivery))) == expected


@pytest.mark.parametrize("bsn", [GOOD_BSN, "099999031", "99999031"])
@pytest.mark.parametrize("form", ["{}", "DWI-{}", "X/{}-1"])
def test_a_reference_that_holds_the_bsn_is_refused_and_not_repeated(bsn: str, form: str) -> None:
    rows = [{**ROW, "kenmerk": form.format(bsn), "bsn": bsn, "geboortedatum": ""}]
    (record,) = read(csv_reader(TODAY), csv_of(rows))
    assert findings(record) == [(2, "aanmelding.kenmerk", Problem.INVALID)]
    assert outcomes([record]) == [(2, None)]
    rows[0]["geboortedatum"] = "x"  # refused for something else first: still not repeated
    (record,) = read(csv_reader(TODAY), csv_of(rows))
    assert outcomes([record]) == [(2, None)]
