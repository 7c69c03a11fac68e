"""Canonical JSON, as a list and by the line, becomes the referrals that the models describe."""

import json
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.json_stream import MAX_ELEMENT
from adapters.port import DeliveryReader
from adapters.reading import holds_bsn
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from schemas.deliveries import Problem, Record
from schemas.referral import MAX_MEMBERS, Referral
from tests.adapters.feeding import TODAY, findings, outcomes, read, refusal, translated
from tests.support.strategies import referrals, unhurried

GOOD: dict[str, object] = {
    "kenmerk": "A1",
    "aangemeldOp": "2013-12-31",
    "huishouden": {
        "postcode": "1012AB",
        "leden": [
            {
                "rol": "partner",
                "burgerservicenummer": "999990019",
                "achternaam": "x",
                "geboortedatum": "1980-05-01",
            }
        ],
    },
}


def member(**fields: object) -> dict[str, object]:
    """The good referral with other fields for its member."""
    return {**GOOD, "huishouden": {"postcode": "1012AB", "leden": [fields]}}


def as_list(*known: object) -> bytes:
    return json.dumps(list(known)).encode()


def as_lines(*known: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in known)


def read_list(*known: object) -> list[Record]:
    return read(JsonArrayReader(TODAY), as_list(*known))


def test_a_complete_referral_has_no_remarks() -> None:
    (record,) = read_list(GOOD)
    assert translated(record) == Referral.model_validate(GOOD)
    assert record.findings == ()


def test_a_record_is_known_by_the_line_it_starts_on() -> None:
    text = json.dumps([GOOD, GOOD, {}], indent=1).encode()
    records = read(JsonArrayReader(TODAY), b"\xef\xbb\xbf" + text)
    assert [record.line for record in records] == [2, 17, 32]
    records = read(JsonLinesReader(TODAY), as_lines(GOOD) + b"\n\r\n" + as_lines(GOOD, {}))
    assert [record.line for record in records] == [1, 4, 5]


@pytest.mark.parametrize(
    ("known", "path", "problem"),
    [
        ({**GOOD, "kenmerk": "A 1"}, "aanmelding.kenmerk", Problem.INVALID),
        ({**GOOD, "aangemeldOp": "2014-01-02"}, "aanmelding.aangemeldOp", Problem.IN_FUTURE),
        ({**GOOD, "aangemeldOp": "0"}, "aanmelding.aangemeldOp", Problem.INVALID),
        ({**GOOD, "aangemeldOp": "1385769600"}, "aanmelding.aangemeldOp", Problem.INVALID),
        ({**GOOD, "aangemeldOp": "-1385769600"}, "aanmelding.aangemeldOp", Problem.INVALID),
        ({**GOOD, "aangemeldOp": 0}, "aanmelding.aangemeldOp", Problem.INVALID),
        ({**GOOD, "aangemeldOp": "2013-12-31T00:00:00"}, "aanmelding.aangemeldOp", Problem.INVALID),
        ({**GOOD, "Jansen": 1}, "aanmelding", Problem.UNKNOWN_COLUMN),
        ({**GOOD, "reference": "B"}, "aanmelding", Problem.UNKNOWN_COLUMN),
        ({**GOOD, "grondslag": "wwb"}, "aanmelding.grondslag", Problem.UNKNOWN_CODE),
        ({**GOOD, "toelichting": "a\x00b"}, "aanmelding.toelichting", Problem.ENCODING),
        ({**GOOD, "toelichting": "\ud800"}, "aanmelding", Problem.ENCODING),
        ({**GOOD, "huishouden": {"leden": []}}, "huishouden.leden", Problem.MISSING),
        ({**GOOD, "huishouden": {"leden": [{"burgerservicenummer": "999990019"}] * 2}},
         "huishouden.leden", Problem.CONTRADICTION),
        ({**GOOD, "huishouden": {"leden": [{}] * (MAX_MEMBERS + 1)}}, "huishouden.leden",
         Problem.TOO_MANY),
        ({**GOOD, "huishouden": {"leden": [{}], "postcode": "1012"}}, "huishouden.postcode",
         Problem.INVALID),
        ({**GOOD, "huishouden": {"leden": [{}], "Jansen": 1}}, "huishouden",
         Problem.UNKNOWN_COLUMN),
        ({**GOOD, "huishouden": {"leden": [{}], "geheimhouding": "ja"}}, "huishouden.geheimhouding",
         Problem.INVALID),
        ({**GOOD, "huishouden": [1]}, "huishouden", Problem.INVALID),
        (member(burgerservicenummer="999990018"), "lid.burgerservicenummer", Problem.ELEVEN_TEST),
        (member(burgerservicenummer=999990019), "lid.burgerservicenummer", Problem.ELEVEN_TEST),
        (member(geboortedatum="2014-01-02"), "lid.geboortedatum", Problem.IN_FUTURE),
        (member(geboortedatum="1980-02-30"), "lid.geboortedatum", Problem.INVALID),
        (member(achternaam=" "), "lid.achternaam", Problem.MISSING),
        (member(Jansen=1), "lid", Problem.UNKNOWN_COLUMN),
        (member(zrm={"gemetenOp": "2014-01-02", "scores": {"inkomen": 3}}), "lid.zrm.gemetenOp",
         Problem.IN_FUTURE),
        (member(zrm={"gemetenOp": "12345", "scores": {"inkomen": 3}}), "lid.zrm.gemetenOp",
         Problem.INVALID),
        (member(zrm={"gemetenOp": "2013-12-31", "scores": {"inkomen": 6}}), "lid.zrm.inkomen",
         Problem.INVALID),
        (member(zrm={"gemetenOp": "2013-12-31", "scores": {"inkomen": 3.5}}), "lid.zrm.inkomen",
         Problem.INVALID),
        (member(zrm={"gemetenOp": "2013-12-31", "scores": {"Jansen": 3}}), "lid.zrm",
         Problem.UNKNOWN_CODE),
        (member(instemming={"gegeven": True}), "lid.instemming.op", Problem.MISSING),
        (member(instemming={"gegeven": True, "op": "2014-01-02"}), "lid.instemming.op",
         Problem.IN_FUTURE),
        ({**GOOD, "kenmerk": "A-999990019"}, "aanmelding.kenmerk", Problem.INVALID),
    ],
)  # fmt: skip
def test_a_wrong_value_refuses_its_record_in_either_form(
    known: object, path: str, problem: Problem
) -> None:
    for reader, delivery in (
        (JsonArrayReader(TODAY), as_list(GOOD, known, GOOD)),
        (JsonLinesReader(TODAY), as_lines(GOOD, known, GOOD)),
    ):
        first, wrong, last = read(reader, delivery)
        assert (path, problem) in [found[1:] for found in findings(wrong)]
        assert translated(first) == translated(last)


def test_what_is_missing_is_noted_per_member() -> None:
    zrm = {"gemetenOp": "2013-12-31", "scores": {"inkomen": 3}}
    (record,) = read_list({**GOOD, "huishouden": {"leden": [{"rol": "aanmelder"}, {"zrm": zrm}]}})
    assert [found[1:] for found in findings(record)] == [
        ("huishouden.postcode", Problem.MISSING),
        ("lid.burgerservicenummer", Problem.MISSING),
        ("lid.achternaam", Problem.MISSING),
        ("lid.geboortedatum", Problem.MISSING),
        ("lid.zrm", Problem.MISSING),
        ("lid.burgerservicenummer", Problem.MISSING),
        ("lid.achternaam", Problem.MISSING),
        ("lid.geboortedatum", Problem.MISSING),
        ("lid.zrm", Problem.INCOMPLETE),
    ]


def test_a_reference_is_told_back_only_where_it_is_one() -> None:
    wrong = {**GOOD, "aangemeldOp": "x"}
    records = read_list(
        wrong,
        {**wrong, "kenmerk": "A 1"},
        {**wrong, "kenmerk": 7},
        {**wrong, "kenmerk": "X.999990019"},
    )
    assert [reference for _, reference in outcomes(records)] == ["A1", None, None, None]


def test_the_models_own_names_are_not_names_on_the_wire() -> None:
    known = {"reference" if name == "kenmerk" else name: value for name, value in GOOD.items()}
    (record,) = read_list(known)
    assert (1, "aanmelding.kenmerk", Problem.MISSING) in findings(record)
    assert outcomes([record]) == [(1, None)]


def test_duplicate_keys_refuse_the_record() -> None:
    text = json.dumps(GOOD).replace('"achternaam": "x"', '"achternaam": "x", "achternaam": "y"')
    for reader, delivery in (
        (JsonArrayReader(TODAY), f"[{text}]".encode()),
        (JsonLinesReader(TODAY), text.encode()),
    ):
        (record,) = read(reader, delivery)
        assert findings(record) == [(1, "aanmelding", Problem.CONTRADICTION)]


def test_a_broken_list_tells_of_its_rest_once() -> None:
    text = as_list(GOOD, GOOD, GOOD).replace(b'}]}}, {"kenmerk"', b'}]}}, {"kenmerk', 1)
    records = read(JsonArrayReader(TODAY), text)
    assert outcomes(records) == [(1, "ok"), (1, None)]
    assert findings(records[1]) == [(1, "aanmelding", Problem.BROKEN)]


@pytest.mark.parametrize("bad", [b"{", b'{"a": 1} x', b"nonsense", b"\xff", b"[]", b"7"])
def test_a_broken_line_costs_itself_only(bad: bytes) -> None:
    records = read(JsonLinesReader(TODAY), as_lines(GOOD) + bad + b"\n" + as_lines(GOOD))
    assert outcomes(records) == [(1, "ok"), (2, None), (3, "ok")]


def test_a_file_that_breaks_off_keeps_what_came_before() -> None:
    whole = as_list(GOOD, GOOD)
    for length in range(len(as_list(GOOD)), len(whole)):
        records = read(JsonArrayReader(TODAY), whole[:length])
        assert translated(records[0]).reference == "A1"
        assert findings(records[-1])[0][2] is Problem.BROKEN
    records = read(JsonLinesReader(TODAY), as_lines(GOOD, GOOD)[:-3])
    assert findings(records[1]) == [(2, "aanmelding", Problem.BROKEN)]


def test_a_line_beyond_the_limit_refuses_itself_only() -> None:
    long = {**GOOD, "toelichting": "x" * MAX_ELEMENT}
    for reader, delivery in (
        (JsonArrayReader(TODAY), as_list(GOOD, long, GOOD)),
        (JsonLinesReader(TODAY), as_lines(GOOD, long, GOOD)),
    ):
        records = read(reader, delivery, *range(0, len(delivery), 65_536))
        assert [reference for _, reference in outcomes(records)] == ["ok", None, "ok"]
        assert findings(records[1])[0][2] is Problem.TOO_LONG


@pytest.mark.parametrize("reader", [JsonArrayReader, JsonLinesReader])
@pytest.mark.parametrize(
    ("delivery", "problem"),
    [
        (b"", Problem.MISSING),
        (b" \n ", Problem.MISSING),
        (b"kenmerk;aangemeld_op\n", Problem.INVALID),
        (b"<a/>", Problem.INVALID),
        (b"PK\x03\x04", Problem.INVALID),
        ("[]".encode("utf-16"), Problem.INVALID),
        ("[]".encode("utf-32-le"), Problem.INVALID),
        (b" " * 300 + b"x", Problem.INVALID),
        (b" " * 300 + b'[{"', Problem.INVALID),
        (b" " * 300 + b'{"', Problem.INVALID),
    ],
)
def test_a_file_that_is_no_delivery_is_refused(
    reader: type[JsonArrayReader | JsonLinesReader], delivery: bytes, problem: Problem
) -> None:
    assert refusal(reader(TODAY), delivery)[0] is problem
    assert refusal(reader(TODAY), delivery, *range(len(delivery)))[0] is problem


def test_a_list_by_the_line_and_lines_as_a_list_are_told_apart() -> None:
    assert "regel" in refusal(JsonLinesReader(TODAY), as_list(GOOD))[1]
    assert "lijst" in refusal(JsonArrayReader(TODAY), as_lines(GOOD))[1]


def test_an_empty_list_is_a_delivery_of_nothing() -> None:
    assert read(JsonArrayReader(TODAY), b"[]\n") == []


@unhurried
@given(st.lists(referrals(), max_size=3), st.sampled_from([None, 2]))
def test_every_referral_comes_out_as_it_went_in(known: list[Referral], indent: int | None) -> None:
    for referral in known:
        bsns = [one.bsn.reveal() for one in referral.household.members if one.bsn]
        assume(not holds_bsn(referral.reference, bsns))
    wire = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in known]
    text = json.dumps(wire, indent=indent, ensure_ascii=False).encode()
    records = read(JsonArrayReader(date.max), text)
    assert [translated(record) for record in records] == known
    if known:
        by_line = read(JsonLinesReader(date.max), as_lines(*wire))
        assert [translated(record) for record in by_line] == known


_PIECES = st.sampled_from(
    [json.dumps(GOOD), json.dumps({**GOOD, "x": 1}), "{}", ",", "\n", '"', "{", "]", "é", " " * 99]
)


@unhurried
@given(st.lists(_PIECES, max_size=12).map("".join), st.lists(st.integers(0, 3000), max_size=5))
def test_where_chunks_are_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    readers: tuple[tuple[type[JsonArrayReader | JsonLinesReader], str], ...] = (
        (JsonArrayReader, "["),
        (JsonLinesReader, "{"),
    )
    for reader, start in readers:
        delivery = (start + text).encode()
        at = [min(cut, len(delivery)) for cut in cuts]
        expected = read(reader(TODAY), delivery)
        assert read(reader(TODAY), delivery, *at) == expected
        assert read(reader(TODAY), delivery, *range(len(delivery))) == expected


def test_both_are_readers_by_the_port() -> None:
    readers: list[DeliveryReader] = [JsonArrayReader(TODAY), JsonLinesReader(TODAY)]
    assert all(list(reader.feed(b"")) == [] for reader in readers)
