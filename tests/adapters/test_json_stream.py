"""A JSON list is cut into the same elements however it arrives, and none outgrows its limit."""

import json
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.json_stream import MAX_DEPTH, MAX_ELEMENT, Element, JsonArray
from schemas.deliveries import Problem
from tests.support.strategies import unhurried

LIMIT = 200


def elements(text: bytes, *cuts: int, limit: int = MAX_ELEMENT) -> list[Element]:
    array = JsonArray(limit)
    places = [0, *sorted(cuts), len(text)]
    found = [element for start, end in pairwise(places) for element in array.feed(text[start:end])]
    return found + array.close()


def values(text: bytes) -> list[object]:
    return [element.problem or element.value for element in elements(text)]


def test_each_element_has_the_line_it_starts_on() -> None:
    text = b'\n[\n {"a": 1},\n\n {"b":\n2}, {"c": 3}\n]\n'
    assert [(element.line, element.text) for element in elements(text)] == [
        (3, '{"a": 1}'),
        (5, '{"b":\n2}'),
        (6, '{"c": 3}'),
    ]


def test_an_empty_list_has_no_elements() -> None:
    assert elements(b" [ ] \n") == []


@pytest.mark.parametrize("scalar", [b"1", b"null", b'"a \\" ] b"', b"-1.5e3", b"[]", b"[{}]"])
def test_an_element_that_is_no_object_spoils_itself_only(scalar: bytes) -> None:
    assert values(b'[{"a": 1}, ' + scalar + b', {"b": 2}]') == [
        {"a": 1},
        Problem.INVALID,
        {"b": 2},
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b'[{"a": 1}',
        b'[{"a": 1},',
        b'[{"a": 1}, {"b": ',
        b'[{"a": 1}, {"b": "c',
        b'[{"a": 1}, {"b" 2}, {"c": 3}]',
        b'[{"a": 1} {"b": 2}]',
        b'[{"a": 1},, {"b": 2}]',
        b'[{"a": 1}, ]',
        b'[{"a": 1}, }]',
        b'[{"a": 1}, tru',
        b'[{"a": 1}]]',
        b'[{"a": 1}] {"b": 2}',
    ],
)
def test_a_broken_list_says_so_once(broken: bytes) -> None:
    assert values(broken) == [{"a": 1}, Problem.BROKEN]


def test_duplicate_keys_are_refused_wherever_they_stand() -> None:
    text = b'[{"a": 1, "a": 1}, {"b": {"c": 1, "c": 2}}, {"d": 1}]'
    assert values(text) == [Problem.CONTRADICTION, Problem.CONTRADICTION, {"d": 1}]


@pytest.mark.parametrize("depth", [MAX_DEPTH * 12, 900, 5_000, 100_000])
def test_deep_nesting_spoils_its_element_only(depth: int) -> None:
    deep = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    assert values(b"[" + deep + b', {"b": 1}]') == [Problem.INVALID, {"b": 1}]


def test_a_number_without_end_spoils_nothing_else() -> None:
    text = b'[{"a": ' + b"9" * 10_000 + b'}, {"b": 1}]'
    assert [element.problem for element in elements(text)] == [None, None]


def test_bytes_that_are_not_utf8_stay_within_their_element() -> None:
    found = elements(b'[{"a": "\xff"}, {"b": "\xc3\xa9"}]')
    assert found[1].value == {"b": "é"}
    assert not found[0].text.isprintable()


def test_an_element_beyond_the_limit_is_passed_over() -> None:
    long = b'{"a": "' + b']}\\"x{[' * LIMIT + b'"}'
    text = b'[{"b": 1}, ' + long + b', {"c": 2}]'
    for cuts in ((), range(len(text))):
        found = elements(text, *cuts, limit=LIMIT)
        assert [element.problem for element in found] == [None, Problem.TOO_LONG, None]
        assert [element.value for element in found] == [{"b": 1}, None, {"c": 2}]


def test_elements_without_end_break_the_list_off() -> None:
    text = b'[{"b": 1}, \n' + b"[" * LIMIT * 20
    assert [(one.line, one.problem) for one in elements(text, limit=LIMIT)] == [
        (1, None),
        (2, Problem.TOO_LONG),
        (2, Problem.BROKEN),
    ]
    long = b',{"a": "' + b"x" * LIMIT * 4 + b'"}\n'
    found = elements(b'[{"b": 1}' + long * 9, limit=LIMIT)
    assert [one.problem for one in found] == [None, *[Problem.TOO_LONG] * 4, Problem.BROKEN]
    assert found == elements(b'[{"b": 1}' + long * 9, *range(0, 8000, 7), limit=LIMIT)


def test_a_large_element_in_small_chunks_is_not_parsed_at_each_of_them() -> None:
    text = b'[{"a": "' + b"x" * (MAX_ELEMENT - 100) + b'"}]'
    start = process_time()
    (element,) = elements(text, *range(0, len(text), 16))
    assert element.problem is None
    assert process_time() - start < 5  # seconds; with a try at every chunk, over a minute


_PIECES = st.sampled_from(
    ['{"a":1}', '{"a":1,"a":2}', '"b"', "17", "[", "]", "{", "}", ",", ",", '"', "\\", "\n", " "]
)


@unhurried
@given(
    st.lists(_PIECES, max_size=40).map("".join),
    st.lists(st.integers(0, 300), max_size=6),
    st.sampled_from([2, 5, 12, 1000]),
)
def test_where_chunks_are_cut_makes_no_difference(text: str, cuts: list[int], limit: int) -> None:
    whole = b"[" + text.encode()
    at = [min(cut, len(whole)) for cut in cuts]
    assert elements(whole, *at, limit=limit) == elements(whole, limit=limit)


@unhurried
@given(
    st.lists(st.dictionaries(st.text(), st.none() | st.text() | st.integers(-9, 9)), max_size=5),
    st.sampled_from([None, 1]),
)
def test_every_list_of_objects_comes_out_whole(known: list[object], indent: int | None) -> None:
    text = json.dumps(known, indent=indent, ensure_ascii=False).encode()
    found = elements(text, *range(0, len(text), 7))
    assert [element.problem for element in found] == [None] * len(known)
    assert [json.loads(element.text) for element in found] == known
