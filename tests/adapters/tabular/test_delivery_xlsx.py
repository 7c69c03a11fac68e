"""A workbook as people fill it in: only plain values that they see are taken."""

from datetime import date

import pytest

from adapters.port import UnreadableDelivery
from schemas.deliveries import Problem, Record
from tests.adapters.feeding import findings, outcomes, read, refusal, translated
from tests.adapters.tabular.workbooks import (
    DAY,
    MAIN,
    MOMENT,
    MONTH,
    NO_YEAR,
    RELATIONS,
    RELS,
    STYLES,
    TIME,
    WORKBOOK,
    YEAR,
    ZEROS,
    cell,
    filled,
    number,
    parts_of,
    reader,
    row,
    sheet_of,
    zipped,
)

TODAY = date(2026, 1, 1)
NAMES = (
    "kenmerk",
    "aangemeld_op",
    "bsn",
    "achternaam",
    "geboortedatum",
    "toevoeging",
    "toelichting",
)
PLAIN = ("A1", "31-12-2025")
NO_WORKBOOK = "bestand (nodig is een Excel-werkmap: .xlsx)"
OLD = "bestand (dit is een oud Excel- of Word-bestand)"
OPEN = "bestand (dit is OpenDocument; bewaar als .xlsx)"
BINARY = "bestand (dit is .xlsb; bewaar als .xlsx)"


def read_rows(*rows: tuple[str, ...], **changed: str) -> list[Record]:
    return read(reader(TODAY), filled(NAMES, *rows, **changed))


def wrong(*cells: str) -> list[tuple[str, Problem]]:
    """What refuses a row with these cells."""
    bad, good = read_rows((*PLAIN, *cells), ("A2", "31-12-2025"))
    assert outcomes([good]) == [(3, "ok")], "one bad record never refuses its batch"
    assert outcomes([bad])[0][1] != "ok"
    return [(field, problem) for _, field, problem in findings(bad)]


def test_numbers_and_dates_are_read_as_they_are_shown() -> None:
    (record,) = read_rows(
        ("A1", number(46022, DAY), number(9830, ZEROS), cell("Çelik"), number(29342, MONTH))
    )
    referral = translated(record)
    member = referral.household.members[0]
    assert referral.referred_on == date(2025, 12, 31)
    assert member.bsn is not None
    assert member.bsn.reveal() == "000009830"
    assert member.surname == "Çelik"
    assert member.birth_date is not None
    assert member.birth_date.reveal() == "1980-05"


@pytest.mark.parametrize(
    ("born", "read_as"),
    [
        (number(29342, DAY), "1980-05-01"),
        (number(29342, MONTH), "1980-05"),
        (number(29342, YEAR), "1980"),
        (number(1980), "1980"),
        (number(19800501), "1980-05-01"),
        ('<c t="d"><v>1980-05-01</v></c>', "1980-05-01"),
        ('<c t="d"><v>1980-05-01T00:00:00.000Z</v></c>', "1980-05-01"),
        ('<c t="str"><v>1-5-1980</v></c>', "1980-05-01"),
        (number("29342.0", MOMENT), "1980-05-01"),
    ],
)
def test_a_birth_date_is_read_as_far_as_it_is_shown(born: str, read_as: str) -> None:
    (record,) = read_rows((*PLAIN, "", "", born))
    found = translated(record).household.members[0].birth_date
    assert found is not None
    assert found.reveal() == read_as


@pytest.mark.parametrize(
    "born",
    [
        number("29342.5", MOMENT),
        number(29342, TIME),
        number(29342, NO_YEAR),
        number(29342),
        number(59, DAY),
        number(-1, DAY),
        number(29342, 99),
        '<c s="x"><v>29342</v></c>',
        '<c t="d"><v>1980-05-01T13:00:00</v></c>',
        '<c t="e"><v>#N/A</v></c>',
        '<c t="x"><v>1980</v></c>',
        '<c t="b"><v>2</v></c>',
        "<c><f>TODAY()</f><v>29342</v></c>",
        "<c><f>TODAY()</f></c>",
        '<c t="str"><f>"1980"</f><v>1980</v></c>',
    ],
)
def test_what_is_no_plain_date_refuses_its_record(born: str) -> None:
    assert wrong("", "", born) == [("lid.geboortedatum", Problem.INVALID)]


def test_a_day_in_another_column_is_what_a_spreadsheet_made_of_it() -> None:
    # "1-2" after a house number becomes 1 February.
    assert wrong("", "", "", number(45689, DAY)) == [
        ("huishouden.huisnummertoevoeging", Problem.INVALID)
    ]


def test_a_bsn_that_lost_its_zeros_is_no_bsn() -> None:
    assert wrong(number(9830)) == [("lid.burgerservicenummer", Problem.ELEVEN_TEST)]


def test_days_count_from_1904_where_the_workbook_says_so() -> None:
    workbook = WORKBOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    (record,) = read_rows(("A1", number(44560, DAY)), workbook=workbook)
    assert translated(record).referred_on == date(2025, 12, 31)


def test_shared_texts_are_joined_without_what_is_read_aloud() -> None:
    shared = (
        f"<sst {MAIN}><si><t>A1</t></si><si><r><t>Jan</t></r>"
        "<r><t xml:space='preserve'>sen </t></r><rPh><t>yansen</t></rPh></si></sst>"
    )
    at = ('<c t="s"><v>0</v></c>', "31-12-2025", "", '<c t="s"><v>1</v></c>')
    (record,) = read_rows(at, shared=shared)
    assert translated(record).household.members[0].surname == "Jansen"


@pytest.mark.parametrize("place", ["0", "7", "-1", "x", "1e3", ""])
def test_a_shared_text_that_is_not_there_refuses_its_record(place: str) -> None:
    if place:
        cells = f'<c t="s"><v>{place}</v></c>'
        assert wrong("", cells) == [("lid.achternaam", Problem.BROKEN)]


def test_escapes_are_undone_and_control_characters_refused() -> None:
    assert wrong("", "Jan_x0007_sen") == [("lid.achternaam", Problem.ENCODING)]
    assert wrong("", "Jan_x000D_\nsen") == [("lid.achternaam", Problem.INVALID)]
    (record,) = read_rows((*PLAIN, "", "a_x005F_x0041_b", "", "", "een_x000D_\ntwee"))
    assert translated(record).household.members[0].surname == "a_x0041_b"
    assert translated(record).note == "een\ntwee"


def test_cells_that_are_too_long_refuse_their_record() -> None:
    assert wrong("", "x" * 32_768) == [("lid.achternaam", Problem.TOO_LONG)]
    assert wrong("", "x" * 201) == [("lid.achternaam", Problem.TOO_LONG)]


@pytest.mark.parametrize("hiding", ['hidden="1"', 'ht="0" customHeight="1"', 'ht="0.0"'])
def test_a_hidden_row_is_refused_and_an_empty_one_passed_over(hiding: str) -> None:
    rows = [
        row(*NAMES),
        row(*PLAIN, attributes=hiding),
        row(attributes='hidden="1"'),
        row("", " ", attributes='hidden="true"'),
        row("A2", "31-12-2025", attributes='r="9" ht="10"'),
    ]
    bad, good = read(reader(TODAY), zipped(parts_of(sheet_of(rows))))
    assert findings(bad) == [(2, "rij", Problem.INVALID)]
    assert outcomes([good]) == [(9, "ok")]


@pytest.mark.parametrize("hiding", ['hidden="1"', 'width="0" customWidth="1"'])
def test_a_value_in_a_hidden_column_refuses_its_record(hiding: str) -> None:
    before = f'<cols><col min="1" max="3" width="10"/><col min="4" max="16384" {hiding}/></cols>'
    bad, good = read_rows((*PLAIN, "", "Jansen"), ("A2", "31-12-2025", "", " "), before=before)
    assert findings(bad) == [(2, "lid.achternaam", Problem.INVALID)]
    assert outcomes([good]) == [(3, "ok")]


def test_a_value_that_its_format_hides_or_shows_otherwise_refuses_its_record() -> None:
    codes = (";;;", "&quot;nee&quot;", "0%")
    listed = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode="{code}"/>' for at, code in enumerate(codes)
    )
    cells = "".join(f'<xf numFmtId="{200 + at}"/>' for at in range(len(codes)))
    styles = STYLES.replace("</numFmts>", f"{listed}</numFmts>")
    styles = styles.replace("</cellXfs>", f"{cells}</cellXfs>")
    hidden_text = '<c s="9" t="inlineStr"><is><t>Jansen</t></is></c>'
    for cells_, field in (
        (("", "", "", number(1, 9)), "huishouden.huisnummertoevoeging"),
        (("", "", "", number(1, 10)), "huishouden.huisnummertoevoeging"),
        (("", "", "", number(1, 11)), "huishouden.huisnummertoevoeging"),
        (("", hidden_text), "lid.achternaam"),
    ):
        bad, good = read_rows((*PLAIN, *cells_), ("A2", "31-12-2025"), styles=styles)
        assert [(name, problem) for _, name, problem in findings(bad)] == [(field, Problem.INVALID)]
        assert outcomes([good]) == [(3, "ok")]


def test_a_value_outside_the_table_refuses_its_record() -> None:
    far, further = '<c r="H2"><v>1</v></c>', '<c r="XFD3"><v>1</v></c>'
    rows = [row(*NAMES), row(*PLAIN, far), row("A2", "31-12-2025", further)]
    records = read(reader(TODAY), zipped(parts_of(sheet_of(rows))))
    told = [findings(record) for record in records]
    assert told == [[(2, "rij", Problem.BROKEN)], [(3, "rij", Problem.BROKEN)]]


def test_a_household_with_one_row_that_cannot_be_read_is_refused_whole() -> None:
    rows = (PLAIN, ("A1", "", "", '<c t="e"><v>#REF!</v></c>'), ("A1", "", "", "Kind"))
    (record,) = read_rows(*rows)
    assert findings(record) == [(3, "lid.achternaam", Problem.INVALID)]
    assert outcomes([record]) == [(2, "A1")]


def test_a_refused_row_is_known_by_its_reference() -> None:
    bad, _ = read_rows((*PLAIN, "", '<c t="e"><v>#N/A</v></c>'), ("A2", "31-12-2025"))
    assert outcomes([bad]) == [(2, "A1")]


def test_the_header_may_be_written_as_people_do() -> None:
    content = filled((" Kenmerk", "Aangemeld op", "ZRM-datum"), PLAIN)
    assert outcomes(read(reader(TODAY), content)) == [(2, "ok")]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Jansen", "1980"), (Problem.MISSING, "koprij (eerste regel met kolomnamen)")),
        (("kenmerk", "aangemeld_op", "Jansen"), (Problem.UNKNOWN_COLUMN, "kolom 3")),
        (("kenmerk", "aangemeld_op", "", "bsn"), (Problem.UNKNOWN_COLUMN, "kolom 3")),
        (("kenmerk", "bsn"), (Problem.MISSING, "kolom aangemeld_op")),
        (("kenmerk", "kenmerk"), (Problem.TOO_MANY, "kolom kenmerk")),
        (
            ("kenmerk", "aangemeld_op", '<c r="XFD1"><v>1</v></c>'),
            (Problem.TOO_MANY, "koprij (eerste regel met kolomnamen)"),
        ),
    ],
)
def test_a_wrong_header_refuses_the_file(names: tuple[str, ...], told: tuple[Problem, str]) -> None:
    assert refusal(reader(TODAY), filled(names, PLAIN)) == told


def two_sheets(first: str, second: str, state: str = "visible") -> bytes:
    workbook = (
        f'<workbook {MAIN} xmlns:q="{RELATIONS}"><sheets>'
        f'<sheet name="{first}" sheetId="1" state="{state}" q:id="rId7"/>'
        f'<sheet name="{second}" sheetId="2" q:id="rId1"/></sheets></workbook>'
    )
    return filled(NAMES, PLAIN, workbook=workbook)


def test_the_sheet_is_the_one_with_its_name_or_the_only_one_seen() -> None:
    assert outcomes(read(reader(TODAY), two_sheets("Uitleg", "aanmeldingen "))) == [(2, "ok")]
    for state in ("hidden", "veryHidden"):
        content = two_sheets("Aanmeldingen", "Blad2", state)
        assert outcomes(read(reader(TODAY), content)) == [(2, "ok")]
    problem, place = refusal(reader(TODAY), two_sheets("Blad1", "Blad2"))
    assert (problem, place[:8]) == (Problem.TOO_MANY, "werkblad")
    assert refusal(reader(TODAY), two_sheets("aanmeldingen", "Blad2")) == (
        Problem.MISSING,
        "werkblad",
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", (Problem.MISSING, "bestand (leeg)")),
        (b"\xd0\xcf\x11\xe0" + bytes(600), (Problem.INVALID, OLD)),
        (b"kenmerk;aangemeld_op\n", (Problem.INVALID, NO_WORKBOOK)),
        (b"%PDF-1.4", (Problem.INVALID, "bestand (dit is een PDF)")),
        (b"<html>", (Problem.INVALID, "bestand (dit is XML)")),
        (zipped({"word/document.xml": "x"}), (Problem.INVALID, NO_WORKBOOK)),
        (zipped({"mimetype": "x"}), (Problem.INVALID, OPEN)),
        (zipped({"xl/workbook.bin": "x"}), (Problem.INVALID, BINARY)),
        (filled(()), (Problem.MISSING, "werkblad (leeg)")),
    ],
)  # fmt: skip
def test_another_kind_of_file_is_told_apart(content: bytes, told: tuple[Problem, str]) -> None:
    assert refusal(reader(TODAY), content) == told


@pytest.mark.parametrize(
    "part",
    ["xl/vbaProject.bin", "xl/externalLinks/externalLink1.xml", "xl/connections.xml",
     "xl/queryTables/q.xml", "xl/embeddings/oleObject1.bin", "xl/activeX/a.xml",
     "xl/macrosheets/sheet1.xml"],
)  # fmt: skip
def test_what_makes_a_workbook_do_something_refuses_it(part: str) -> None:
    content = zipped({**parts_of(sheet_of([row(*NAMES), row(*PLAIN)])), part: "x"})
    problem, place = refusal(reader(TODAY), content)
    assert (problem, place[:7]) == (Problem.INVALID, "werkmap")


def test_a_link_to_elsewhere_refuses_the_workbook() -> None:
    link = '<Relationship Id="r" Type="x" Target="https://x.invalid" TargetMode="External"/>'
    rels = RELS.replace("</Relationships>", f"{link}</Relationships>")
    assert refusal(reader(TODAY), filled(NAMES, PLAIN, rels=rels))[0] is Problem.INVALID


def test_where_chunks_are_cut_makes_no_difference() -> None:
    content = filled(NAMES, *((f"A{n}", "31-12-2025") for n in range(50)))
    expected = read(reader(TODAY), content)
    assert len(expected) == 50
    assert read(reader(TODAY), content, *range(0, len(content), 7)) == expected


def test_a_sheet_that_breaks_off_refuses_the_household_under_way() -> None:
    rows = [row(*NAMES), *(row(f"A{n}", "31-12-2025") for n in range(2000))]
    sheet = sheet_of(rows)
    records = read(reader(TODAY), zipped(parts_of(sheet[:-60])))
    assert len(records) > 1000
    *whole, last = records
    assert all(outcome == "ok" for _, outcome in outcomes(whole))
    assert findings(last)[0][1:] == ("rij", Problem.BROKEN)


def test_records_are_read_as_they_are_asked_for() -> None:
    content = filled(NAMES, *((f"A{n}", "31-12-2025") for n in range(2000)))
    one = reader(TODAY)
    list(one.feed(content))
    records = iter(one.close())
    assert outcomes([next(records)]) == [(2, "ok")]


def test_an_unreadable_workbook_is_told_before_its_first_record() -> None:
    one = reader(TODAY)
    list(one.feed(b"PK\x03\x04 and then nothing"))
    with pytest.raises(UnreadableDelivery):
        next(iter(one.close()))
