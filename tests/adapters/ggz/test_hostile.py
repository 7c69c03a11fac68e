"""Whatever is sent: no crash, no hang, bounded memory, and nothing of it is repeated.

Trees are changed at random places: wrong types, canaries as values and as names, depth, long
lists, contained resources and references in circles. A seeded leak shows that the search can fail.
"""

import json
import time
import traceback
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.ggz import ADAPTER
from adapters.ggz.delivery import MAX_BYTES
from adapters.port import Answered, UnreadableDelivery
from schemas.decisions import Outcome, Rule
from schemas.deliveries import (
    Finding,
    Problem,
    Record,
    RecordFinding,
    RecordOutcome,
    Translated,
    Unreadable,
)
from tests.adapters.feeding import TODAY, read
from tests.adapters.ggz.test_outcome import AT, DELIVERY
from tests.adapters.ggz.written import FHIR, PATIENT, Json, bundle, reader, told_of, with_part
from tests.support.strategies import unhurried

CANARIES = ("Kanariepiet", "471108154", "1971-11-08", "4711XQ", "urn:kanarie:7")
SECONDS = 3.0
"""Far above what any Bundle takes (0.3 s), far below what would hold anybody up."""


def answers_of(body: bytes) -> str:
    """All that is told of these bytes, but for a reference that may be repeated."""
    try:
        (record,) = read(reader(), body)
    except UnreadableDelivery as error:
        shown = "".join(traceback.format_exception(error, limit=0))
        return f"{shown} {error!r} {error.__context__!r} {error.__cause__!r}"
    return told(record)


def told(record: Record) -> str:
    outcome = RecordOutcome(
        record=1,
        line=record.line,
        decision=Outcome.ACCEPTED if isinstance(record, Translated) else Outcome.REFUSED,
        rule=Rule.PERMITTED if isinstance(record, Translated) else Rule.UNREADABLE,
        findings=[
            RecordFinding(line=one.line, field=one.field, problem=one.problem)
            for one in record.findings
        ],
    )
    written = ADAPTER.answer_writers[FHIR]([Answered(outcome, record.slip)], DELIVERY, AT)
    assert written is not None
    return f"{record.findings!r} {record.slip!r} {written.decode()}"


def holds(text: str, canary: str) -> bool:
    return canary.lower() in text.lower()


def test_a_seeded_leak_is_found() -> None:
    leak = Unreadable(2, (Finding(2, "Patient.Kanariepiet", Problem.INVALID),))
    assert holds(told(leak), CANARIES[0])


def places_of(node: Json, path: tuple[Json, ...] = ()) -> list[tuple[Json, ...]]:
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [path, *(place for key, child in children for place in places_of(child, (*path, key)))]


PLACES = places_of(bundle())
SOMETHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(CANARIES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def put(tree: Json, place: tuple[Json, ...], value: Json) -> Json:
    if not place:
        return value
    node = tree
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return tree


@unhurried
@given(st.sampled_from(PLACES), SOMETHING)
@example((), {})
@example(("entry", 0, "resource", "resourceType"), [])
@example(("entry", 0, "resource", "name", 0, "given"), [None])
@example(("entry", 0, "resource", "birthDate"), "\ud800")
@example(("entry", 3, "resource", "dateTime"), "0001-01-01T00:00:00+14:00")
def test_anything_anywhere_is_read_or_refused(place: tuple[Json, ...], value: Json) -> None:
    text = json.dumps(put(bundle(), place, value))
    (record,) = read(reader(), text.encode()) if text.startswith("{") else (None,)
    if record is not None:
        assert isinstance(record, Translated | Unreadable)
        assert record.findings


@unhurried
@given(
    st.sampled_from(PLACES),
    st.sampled_from(CANARIES),
    st.sampled_from(["value", "name", "list", "beside"]),
    st.integers(0, 40),
)
def test_nothing_is_repeated(place: tuple[Json, ...], canary: str, way: str, cut: int) -> None:
    values: dict[str, Json] = {
        "value": canary, "name": {canary: canary}, "list": [canary], "beside": {"value": canary},
    }  # fmt: skip
    text = json.dumps(put(bundle(), place, values[way]))
    for body in (text, text[:-cut], text.replace('"', "", cut)):
        assert not holds(answers_of(body.encode()), canary)


@pytest.mark.parametrize("place", PLACES)
def test_no_place_repeats_a_canary(place: tuple[Json, ...]) -> None:
    for value in (CANARIES[0], {CANARIES[0]: 1}, [CANARIES[0]]):
        body = json.dumps(put(bundle(), place, value)).encode()
        assert not holds(answers_of(body), CANARIES[0])


def test_what_is_read_does_not_show_itself() -> None:
    """A message that a log or a failing test shows, shows its kind and nothing else."""
    (record,) = read(reader(), json.dumps(with_part(1, birthDate="1971-11-08")).encode())
    assert isinstance(record, Translated)
    assert not holds(repr(record), "1971")


def nested(depth: int) -> Json:
    tree: Json = "x"
    for _ in range(depth):
        tree = {"extension": [tree]}
    return tree


@pytest.mark.parametrize("depth", [6, 200, 5000])
def test_depth_is_bounded(depth: int) -> None:
    whole = json.dumps(bundle())[:-1]
    deep = '{"extension":[' * depth + "1" + "]}" * depth
    (record,) = read(reader(), f'{whole},"link":{deep}}}'.encode())
    assert isinstance(record, Translated) is (depth < 8)


def test_a_contained_resource_refuses_its_bundle() -> None:
    hidden = [{"resourceType": "Condition", "id": "d", "code": {"text": "Kanariepiet"}}]
    assert told_of(with_part(2, contained=hidden)) == [
        (2, "ServiceRequest.contained", "onbekende-kolom")
    ]


def test_references_in_circles_are_not_followed() -> None:
    whole = bundle()
    for number, (name, target) in enumerate((("for", 2), ("focus", 2), ("subject", 1)), 1):
        resource = whole["entry"][number % 3]["resource"]
        resource[name] = {"reference": whole["entry"][target]["fullUrl"]}
    started = time.monotonic()
    assert told_of(whole)
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize("many", [
    ("entry", 0, "resource", "identifier"),
    ("entry", 0, "resource", "name", 0, "given"),
    ("entry", 0, "resource", "extension"),
    ("entry", 3, "resource", "performer"),
    ("entry", 3, "resource", "provision", "actor"),
    ("entry", 3, "resource", "provision", "purpose"),
    ("entry",),
])  # fmt: skip
@pytest.mark.parametrize("one", [{}, {"reference": PATIENT}, None, "x"])
def test_long_lists_take_no_longer_than_their_reading(many: tuple[Json, ...], one: Json) -> None:
    length = 450_000 // len(json.dumps(one) + ", ")
    body = json.dumps(put(bundle(), many, [one] * length)).encode()
    assert len(body) < MAX_BYTES
    started = time.monotonic()
    told = told_of(json.loads(body))
    assert time.monotonic() - started < SECONDS
    assert "te-veel" in {code for _, _, code in told}


def test_what_is_endless_is_not_gathered() -> None:
    endless = ADAPTER.readers[FHIR](TODAY)
    tracemalloc.start()
    piece = b'{"resourceType": "Bundle", "type": "' + b"x" * 65_000
    for _ in range(200):
        assert list(endless.feed(piece)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (record,) = endless.close()
    assert [one.problem for one in record.findings] == [Problem.TOO_LONG]
    assert peak < 8 * MAX_BYTES
