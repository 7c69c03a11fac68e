"""SuwiML becomes a referral with identity and benefit, and nothing else of what it holds."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.dwi import adapter
from adapters.dwi.suwi import ANSWER_SCHEMA, MAX_ELEMENTS, SuwiReader
from adapters.dwi.suwi_structure import CONTENT
from adapters.hostile_xml import UnusableSchemaError, load_schema
from schemas.deliveries import Problem, Record, Unreadable
from schemas.referral import Referral
from tests.adapters.feeding import TODAY, findings, outcomes, read, refusal, translated
from tests.support.strategies import unhurried

VECTOR = (Path(__file__).parents[2] / "vectors" / "dwi" / "suwi-levering.xml").read_bytes()
XSD = "http://www.w3.org/2001/XMLSchema"
BSN = "999990032"
START = (
    "<b:BijstandsregelingenInfoResponse"
    ' xmlns:b="http://bkwi.nl/SuwiML/Diensten/Bijstandsregelingen/v0500">'
)
END = "</b:BijstandsregelingenInfoResponse>"
BRON = "<Bron><CdKolomSuwi>1</CdKolomSuwi><CdPartijSuwi>0001</CdPartijSuwi></Bron>"
WET = "<SzWet><CdSzWet>WWB</CdSzWet></SzWet>"
PERIOD = (
    "<Uitkeringsperiode><DatBUitkeringsperiode>20110101</DatBUitkeringsperiode></Uitkeringsperiode>"
)


def wrapped(*answers: str, prolog: str = "") -> bytes:
    entries = "\n".join(
        f'<s:aanmelding kenmerk="A{number}" aangemeldOp="2013-12-31">{answer}</s:aanmelding>'
        for number, answer in enumerate(answers, 1)
    )
    root = '<s:suwiLevering xmlns:s="urn:sluis:dwi:suwi-levering:1">'
    return f"{prolog}{root}\n{entries}\n</s:suwiLevering>".encode()


def answer(inside: str = "", bsn: str = "999990032") -> str:
    client = f"<ClientSuwi><Burgerservicenr>{bsn}</Burgerservicenr>{inside}</ClientSuwi>"
    return f"{START}{client}{END}"


def relation(begin: str, end: str = "") -> str:
    ended = f"<DatEUitkeringsverhouding>{end}</DatEUitkeringsverhouding>" if end else ""
    return (
        f"<Uitkeringsverhouding><DatBUitkeringsverhouding>{begin}</DatBUitkeringsverhouding>"
        f"{ended}{WET}{PERIOD}{BRON}</Uitkeringsverhouding>"
    )


def one(inside: str = "", bsn: str = "999990032") -> Record:
    (record,) = read(SuwiReader(TODAY), wrapped(answer(inside, bsn)))
    return record


def test_identity_and_benefit_are_kept_and_nothing_else() -> None:
    (record,) = read(SuwiReader(TODAY), VECTOR)
    assert translated(record) == Referral.model_validate(
        {
            "kenmerk": "DWI-2013-0003",
            "aangemeldOp": "2013-12-31",
            "grondslag": "participatiewet",
            "huishouden": {
                "leden": [
                    {
                        "rol": "aanmelder",
                        "burgerservicenummer": "999990032",
                        "voorletters": "HK",
                        "voorvoegsel": "de",
                        "achternaam": "Proef",
                        "geboortedatum": "1985-03",
                        "geslacht": "V",
                        "ontvangtUitkering": True,
                    }
                ]
            },
        }
    )
    held = translated(record).model_dump_json()
    for secret in ("eheim", "12.345678", "777777777777777", "99999004", "99999005", "2012", "ZZ"):
        assert secret not in held


@pytest.mark.parametrize(
    ("relations", "receives"),
    [
        ([], None),
        ([("20110101", "")], True),
        ([("20140615", "")], True),
        ([("20140616", "")], False),
        ([("20110101", "20140614")], False),
        ([("20110101", "20140615")], True),
        ([("20100101", "20101231"), ("20120101", "")], True),
        ([("20110101", "20140000")], None),
        ([("20110101", "20140700")], True),
        ([("20110101", "20130000")], False),
        ([("20110101", "00000000")], None),
        ([("20140600", "")], None),
        ([("20130000", "")], True),
        ([("20110101", "20140000"), ("20120101", "")], True),
        ([("20110101", "20140000"), ("20120101", "20121231")], None),
        ([("00000000", "")], None),
        ([("00000000", "20130101")], False),
    ],
)
def test_a_benefit_is_received_while_a_relation_runs(
    relations: list[tuple[str, str]], receives: bool | None
) -> None:
    delivery = wrapped(answer("".join(relation(*known) for known in relations)))
    (record,) = read(SuwiReader(date(2014, 6, 15)), delivery)
    assert translated(record).household.members[0].receives_benefit is receives


def test_a_positive_decision_says_nothing_about_today() -> None:
    decision = (
        "<AanvraagUitkering>" + WET + "<BeslissingOpAanvraagUitkering>"
        "<CdBeslissingOpAanvraagUitkering>01</CdBeslissingOpAanvraagUitkering>"
        "</BeslissingOpAanvraagUitkering>" + BRON + "</AanvraagUitkering>"
    )
    assert translated(one(decision)).household.members[0].receives_benefit is None


def test_a_full_stop_stands_for_an_unknown_name() -> None:
    record = one(
        "<Voorletters>.</Voorletters>"
        "<SignificantDeelVanDeAchternaam>.</SignificantDeelVanDeAchternaam>"
    )
    member = translated(record).household.members[0]
    assert (member.initials, member.surname) == (None, None)


@pytest.mark.parametrize(
    ("inside", "bsn", "path", "problem"),
    [
        ("", "999990033", "lid.burgerservicenummer", Problem.ELEVEN_TEST),
        ("", "99990033", "lid.burgerservicenummer", Problem.INVALID),
        ("<Geslacht>V</Geslacht>", BSN, "lid.geslacht", Problem.UNKNOWN_CODE),
        ("<Geboortedat>1980-05-01</Geboortedat>", BSN, "lid.geboortedatum", Problem.INVALID),
        ("<Geboortedat>19800231</Geboortedat>", BSN, "lid.geboortedatum", Problem.INVALID),
        ("<Geboortedat>20140102</Geboortedat>", BSN, "lid.geboortedatum", Problem.IN_FUTURE),
        (relation("2011"), BSN, "lid.ontvangtUitkering", Problem.INVALID),
        ("<Geheim>x</Geheim>", BSN, "suwi.ClientSuwi", Problem.UNKNOWN_COLUMN),
        ("<Geslacht>1</Geslacht><Voorletters>A</Voorletters>", BSN, "suwi.ClientSuwi",
         Problem.INVALID),
        ("<Geslacht>1</Geslacht><Geslacht>1</Geslacht>", BSN, "suwi.ClientSuwi",
         Problem.INVALID),
        ("<Vordering>" + WET + "</Vordering>", BSN, "suwi.Vordering", Problem.INVALID),
        ("<Vordering><Geheim/></Vordering>", BSN, "suwi.Vordering", Problem.UNKNOWN_COLUMN),
        ("<Geheim><Bron/></Geheim>", BSN, "suwi.onbekend", Problem.INVALID),
        ("los", BSN, "suwi.ClientSuwi", Problem.INVALID),
        ('<Geslacht geheim="x">1</Geslacht>', BSN, "suwi.Geslacht", Problem.INVALID),
        ("<Geslacht><Voorletters/></Geslacht>", BSN, "suwi.Geslacht", Problem.INVALID),
    ],
)  # fmt: skip
def test_what_departs_from_the_structure_or_cannot_be_is_refused(
    inside: str, bsn: str, path: str, problem: Problem
) -> None:
    record = one(inside, bsn)
    assert isinstance(record, Unreadable)
    assert (path, problem) in [found[1:] for found in findings(record)]


def test_one_bad_answer_never_refuses_its_batch() -> None:
    delivery = wrapped(answer(), answer("<Geheim/>"), "<x/>", "", answer())
    records = read(SuwiReader(TODAY), delivery)
    assert outcomes(records) == [(2, "ok"), (3, "A2"), (4, "A3"), (5, "A4"), (6, "ok")]


@pytest.mark.parametrize(
    ("attributes", "path", "problem"),
    [
        ('aangemeldOp="2013-12-31"', "aanmelding.kenmerk", Problem.MISSING),
        ('kenmerk="A1"', "aanmelding.aangemeldOp", Problem.MISSING),
        ('kenmerk="A1" aangemeldOp="2014-01-02"', "aanmelding.aangemeldOp", Problem.IN_FUTURE),
        ('kenmerk="A1" aangemeldOp="gisteren"', "aanmelding.aangemeldOp", Problem.INVALID),
        ('kenmerk="A 1" aangemeldOp="2013-12-31"', "aanmelding.kenmerk", Problem.INVALID),
        ('kenmerk="A1" aangemeldOp="2013-12-31" Jansen="x"', "aanmelding", Problem.UNKNOWN_COLUMN),
        ('kenmerk="A1" aangemeldOp="2013-12-31" grondslag="x"', "aanmelding.grondslag",
         Problem.UNKNOWN_CODE),
        ('kenmerk="D-999990032" aangemeldOp="2013-12-31"', "aanmelding.kenmerk", Problem.INVALID),
    ],
)  # fmt: skip
def test_the_wrapper_gives_what_the_answer_lacks(
    attributes: str, path: str, problem: Problem
) -> None:
    delivery = wrapped(answer()).replace(
        b'kenmerk="A1" aangemeldOp="2013-12-31"', attributes.encode()
    )
    (record,) = read(SuwiReader(TODAY), delivery)
    assert findings(record) == [(2, path, problem)]


def test_an_answer_without_its_wrapper_has_no_reference() -> None:
    (record,) = read(SuwiReader(TODAY), answer().encode())
    assert findings(record) == [
        (1, "aanmelding.kenmerk", Problem.MISSING),
        (1, "aanmelding.aangemeldOp", Problem.MISSING),
    ]


@pytest.mark.parametrize("name", ["FWI", "NietsGevonden"])
def test_an_answer_that_holds_nobody_says_so(name: str) -> None:
    inside = f'<f:{name} xmlns:f="http://bkwi.nl/SuwiML/FWI/v0205"/>'
    (record,) = read(SuwiReader(TODAY), wrapped(f"{START}{inside}{END}"))
    assert findings(record) == [(2, f"suwi.{name}", Problem.MISSING)]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "prolog",
    [
        "<!DOCTYPE a>",
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
        "<!-- " + "x" * 4080 + " --><!DOCTYPE a []>",
        "<!-- " + "x" * 100_000 + " -->",
        "<?geheim?>",
    ],
)
def test_no_entity_trick_gets_past_the_prolog(prolog: str) -> None:
    delivery = wrapped(answer("<Voorletters>&l9;</Voorletters>"), prolog=prolog)
    assert refusal(SuwiReader(TODAY), delivery)[0] in (Problem.INVALID, Problem.BROKEN)
    assert refusal(SuwiReader(TODAY), delivery, *range(0, len(delivery), 97))[0]


def test_a_dtd_is_refused_before_it_is_whole() -> None:
    problem, where = refusal(SuwiReader(TODAY), b"<!DOCTYPE a [<!ENTITY b 'c'>")
    assert (problem, "DTD" in where) == (Problem.INVALID, True)


def test_an_undeclared_entity_breaks_the_file_off() -> None:
    delivery = wrapped(answer(), answer("<Voorletters>&x;</Voorletters>"), answer())
    records = read(SuwiReader(TODAY), delivery)
    assert outcomes(records) == [(2, "ok"), (3, None)]
    assert findings(records[1]) == [(3, "suwi", Problem.BROKEN)]


@pytest.mark.parametrize(
    ("delivery", "problem"),
    [
        (b"", Problem.MISSING),
        (b"kenmerk;aangemeld_op\n", Problem.BROKEN),
        (b"{}", Problem.INVALID),
        (b"PK\x03\x04", Problem.INVALID),
        (b"<", Problem.BROKEN),
        (b"<a/>", Problem.INVALID),
        ("<a/>".encode("utf-16"), Problem.INVALID),
        (b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'/>", Problem.INVALID),
        (b'<?xml version="1.0" encoding="geheim"?><a/>', Problem.BROKEN),
    ],
)
def test_a_file_that_is_no_delivery_is_refused(delivery: bytes, problem: Problem) -> None:
    assert refusal(SuwiReader(TODAY), delivery)[0] is problem


def test_a_file_that_breaks_off_keeps_what_came_before() -> None:
    delivery = wrapped(answer(), answer(relation("20110101")))
    for length in range(delivery.index(b"</s:aanmelding>") + 15, len(delivery) - 1, 5):
        records = read(SuwiReader(TODAY), delivery[:length])
        assert translated(records[0]).reference == "A1"
        assert findings(records[-1])[0][1:] == ("suwi", Problem.BROKEN)


@unhurried
@given(st.lists(st.integers(0, len(VECTOR)), max_size=6), st.binary(max_size=2))
def test_where_chunks_are_cut_makes_no_difference(cuts: list[int], junk: bytes) -> None:
    delivery = wrapped(answer(), answer("<Geheim/>"), answer()) + junk
    at = [min(cut, len(delivery)) for cut in cuts]
    assert read(SuwiReader(TODAY), delivery, *at) == read(SuwiReader(TODAY), delivery)


def test_an_answer_with_too_many_elements_is_passed_over() -> None:
    long = answer(relation("20110101") * (MAX_ELEMENTS // 8))
    records = read(SuwiReader(TODAY), wrapped(answer(), long, answer()))
    assert findings(records[1]) == [(3, "suwi", Problem.TOO_LONG)]
    assert outcomes(records)[2] == (4, "ok")


def test_an_answer_with_too_much_text_is_passed_over() -> None:
    long = answer(f"<Voornamen>{'x' * 600_000}</Voornamen>" * 2)
    records = read(SuwiReader(TODAY), wrapped(answer(), long, answer()))
    assert findings(records[1]) == [(3, "suwi", Problem.TOO_LONG)]
    assert outcomes(records)[2] == (4, "ok")


def test_names_without_end_break_the_file_off() -> None:
    strange = "".join(f"<geheim{number}/>" for number in range(10_000))
    records = read(SuwiReader(TODAY), wrapped(answer(), answer(strange), answer()))
    assert outcomes(records) == [(2, "ok"), (3, None)]
    assert findings(records[1]) == [(3, "suwi", Problem.BROKEN)]


def test_the_same_strange_name_in_every_answer_refuses_each_by_itself() -> None:
    records = read(SuwiReader(TODAY), wrapped(*[answer("<Geheim/>")] * 1000, answer()))
    assert len(records) == 1001
    assert translated(records[-1]).reference == "A1001"


def test_the_official_samples_are_judged_as_their_schema_judges_them(shared: Path) -> None:
    folder = shared / "standards" / "suwinet"
    for reader in (
        SuwiReader(TODAY),
        SuwiReader(TODAY, load_schema(folder / "Bijstandsregelingen" / ANSWER_SCHEMA)),
    ):
        known = [
            (folder / "responses" / f"Bijstandsregelingen_BijstandsregelingenInfo_{bsn}.xml")
            .read_text()
            .strip()
            for bsn in ("999999990", "111111110")
        ]
        valid, invalid = read(reader, wrapped(*known))
        # The first is sound and tells of a fault at the source; the second departs from its XSD.
        assert findings(valid) == [(2, "suwi.FWI", Problem.MISSING)]
        assert isinstance(invalid, Unreadable)
        assert all(found[2] is Problem.INVALID for found in findings(invalid))


def test_our_vector_is_valid_by_the_official_schema(shared: Path) -> None:
    folder = shared / "standards" / "suwinet" / "Bijstandsregelingen"
    with_schema = adapter(folder).readers["application/xml"]
    assert read(with_schema(TODAY), VECTOR) == read(SuwiReader(TODAY), VECTOR)
    wrong = VECTOR.replace(b"<IndRecidive>1<", b"<IndRecidive>J<")
    assert translated(read(SuwiReader(TODAY), wrong)[0])
    (record,) = read(with_schema(TODAY), wrong)
    assert findings(record) == [(3, "suwi.schema", Problem.INVALID)]


def test_our_structure_is_that_of_the_official_schema(shared: Path) -> None:
    known = shared / "standards" / "suwinet" / "Bijstandsregelingen"
    service = known / "Diensten" / "Bijstandsregelingen" / "v0500-b04"
    amounts = known / "Basisschema" / "v0801-b01" / "ComplexTypes" / "StandaardBedr.xsd"
    types: dict[str, str] = {}
    for path in [*(service / "ComplexTypes").glob("*.xsd"), amounts]:
        for declared in etree.parse(str(path)).iterfind(f"{{{XSD}}}complexType"):
            types[str(declared.get("name"))] = content_of(declared)
    official: dict[str, str] = {}
    for element in etree.parse(str(service / "BodyReaction.xsd")).iter(f"{{{XSD}}}element"):
        name, type_name = element.get("name"), str(element.get("type", "")).split(":")[-1]
        extension = element.find(f".//{{{XSD}}}extension")
        if type_name in types:
            official[str(name)] = types[type_name]
        elif extension is not None and element.find(f".//{{{XSD}}}element") is None:
            official[str(name)] = types[str(extension.get("base")).split(":")[-1]]
        elif name and element.find(f"{{{XSD}}}complexType") is not None:
            official[name] = content_of(element)
    official.pop("BijstandsregelingenInfoResponse")
    assert official == CONTENT


def content_of(declared: etree._Element) -> str:
    """A declaration's sequence in the notation of `suwi_structure`."""
    sequence = next(declared.iter(f"{{{XSD}}}sequence"))
    signs = {("0", "1"): "?", ("0", "unbounded"): "*", ("1", "unbounded"): "+", ("1", "1"): ""}
    names = []
    for child in sequence.iterfind(f"{{{XSD}}}element"):
        count = str(child.get("minOccurs", "1")), str(child.get("maxOccurs", "1"))
        names.append(f"{child.get('name')}{signs[count]}")
    return " ".join(names)


def test_a_missing_schema_folder_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnusableSchemaError, match="BodyReaction"):
        adapter(tmp_path)
