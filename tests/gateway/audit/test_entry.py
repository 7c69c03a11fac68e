"""The canonical bytes, against the `rfc8785` package as the independent answer."""

import contextlib
import datetime
import enum
import math
import uuid

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.entry import MAX_INTEGER, EntryError, decode_entry, encode_entry
from gateway.audit.tiles import MAX_ENTRY_BYTES

CANARY = "kanarie-123456782"
INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
KEYS = st.text(st.characters(max_codepoint=127), max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.dictionaries(KEYS, VALUES, max_size=5)


class Event(enum.StrEnum):
    DECISION = "besluit"


@settings(max_examples=500)
@given(ENTRIES)
def test_an_entry_is_spelled_as_rfc_8785_spells_it(fields: dict[str, object]) -> None:
    entry = encode_entry(fields)
    assert entry == rfc8785.dumps(fields)  # type: ignore[arg-type]  # its JSON type is recursive
    assert decode_entry(entry) == fields


def test_golden_bytes() -> None:
    # Checked by hand: sorted keys, no spaces, the short escapes, other controls as lower-case hex.
    fields: dict[str, object] = {
        "id": "r-1",
        "Event": 'é€😀 "\\/\b\f\n\r\t\x0b\x1f\x7f\u2028',
        "n": [-MAX_INTEGER, 0, True, False, None, {}, []],
        "a_": {"b": 1, "B": 2, "aa": 3},
    }
    assert encode_entry(fields) == (
        b'{"Event":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u001f\x7f'
        b'\xe2\x80\xa8","a_":{"B":2,"aa":3,"b":1},"id":"r-1",'
        b'"n":[-9007199254740991,0,true,false,null,{},[]]}'
    )


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1.0,
        math.nan,
        math.inf,
        [1, [2.5]],
        {"a": {"b": 1e3}},
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        [2**53],
        10**30,
        b"bytes",
        {1, 2},
        uuid.UUID(int=1),
        datetime.datetime(2014, 1, 1, tzinfo=datetime.UTC),
        {1: "a"},
        {None: "a"},
        {"naïef": 1},
        "\ud800",
        {"\ud800": 1},
    ],
)
def test_what_the_subset_does_not_hold_is_refused(value: object) -> None:
    with pytest.raises(EntryError):
        encode_entry({"value": value})


def test_a_text_enum_and_a_tuple_are_written_as_what_they_are() -> None:
    assert encode_entry({"event": Event.DECISION, "n": (1, 2)}) == b'{"event":"besluit","n":[1,2]}'


def test_an_entry_may_be_65535_bytes_and_no_longer() -> None:
    room = MAX_ENTRY_BYTES - len(encode_entry({"a": ""}))
    entry = encode_entry({"a": "x" * room})
    assert len(entry) == MAX_ENTRY_BYTES
    assert decode_entry(entry) == {"a": "x" * room}
    with pytest.raises(EntryError, match="longer"):
        encode_entry({"a": "x" * (room + 1)})
    with pytest.raises(EntryError, match="longer"):
        decode_entry(entry.replace(b"x", b"xx", 1))


def test_entries_without_end_are_refused() -> None:
    endless: dict[str, object] = {}
    endless["a"] = endless
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    for fields in (endless, {"a": deep}):
        with pytest.raises(EntryError):
            encode_entry(fields)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"a"',
        b"1",
        b"{",
        b'{"a":1} ',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1.5}',
        b'{"a":[1,2.5]}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":9007199254740992}',
        b'{"a":[9007199254740992]}',
        b'{"a":-9007199254740992}',
        b'{"a":123456789012345678901234567890}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000B"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"é":1}'.encode(),
        b'{"\\u0061":1}',
        b'{"a":' + b"[" * 60_000,
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a":1}' * 2,
    ],
)
def test_any_other_spelling_is_refused(entry: bytes) -> None:
    with pytest.raises(EntryError):
        decode_entry(entry)


@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_what_is_read_is_what_would_be_written(garbage: bytes) -> None:
    try:
        fields = decode_entry(garbage)
    except EntryError:
        return
    assert encode_entry(fields) == garbage


@given(ENTRIES, st.data())
def test_a_changed_byte_never_reads_as_the_same_entry(
    fields: dict[str, object], data: st.DataObject
) -> None:
    entry = bytearray(encode_entry(fields))
    entry[data.draw(st.integers(0, len(entry) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(EntryError):
        assert decode_entry(bytes(entry)) != fields


def test_a_refusal_never_repeats_the_entry() -> None:
    refused_fields: list[dict[str, object]] = [
        {CANARY: 1.5},
        {CANARY + "é": 1},
        {"a": CANARY + "\ud800"},
        {"a": {CANARY}},
    ]
    for fields in refused_fields:
        with pytest.raises(EntryError) as refused:
            encode_entry(fields)
        assert CANARY not in str(refused.value)
    for entry in (f'{{"{CANARY}":1.5}}', f"{CANARY}", f'{{"a": "{CANARY}"}}'):
        with pytest.raises(EntryError) as refused:
            decode_entry(entry.encode())
        assert CANARY not in str(refused.value)
        assert refused.value.__cause__ is None
