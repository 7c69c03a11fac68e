"""Invariant 3 at the border: whatever is sent, no finding, refusal or exception repeats it.

A canary is planted in every cell, name and value that a sender can fill, in readable files and in
broken ones; then it is looked for in all that a reader says. A seeded leak shows that the search
can fail.
"""

import json
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dwi.values import COLUMNS
from adapters.port import DeliveryReader, UnreadableDelivery
from adapters.registry import ADAPTERS
from schemas.deliveries import Finding, Problem, Record, Translated, Unreadable
from tests.adapters.dwi.written import ROW, csv_of
from tests.adapters.feeding import TODAY, read
from tests.support.strategies import unhurried

CANARIES = ("Kanariepiet", "471108154", "1971-11-08", "08-11-1971", "4711XQ", "Kanarie\x00piet")
VECTORS = Path(__file__).parents[2] / "vectors" / "dwi"
REFERRAL: dict[str, object] = {
    "kenmerk": "A1",
    "aangemeldOp": "2013-12-31",
    "grondslag": "geen",
    "huishouden": {
        "postcode": "1012AB",
        "leden": [
            {
                "rol": "kind",
                "achternaam": "x",
                "zrm": {"gemetenOp": "2013-12-31", "scores": {"inkomen": 3}},
                "instemming": {"gegeven": True, "op": "2013-12-31"},
            }
        ],
    },
}


def told(reader: DeliveryReader, delivery: bytes) -> str:
    """All that is told of a delivery, but for referrals themselves and valid references."""
    try:
        records = read(reader, delivery)
    except UnreadableDelivery as error:
        shown = "".join(traceback.format_exception(error, limit=0))
        return f"{shown} {error!r} {error.__context__!r} {error.__cause__!r}"
    return " ".join(map(told_of, records))


def told_of(record: Record) -> str:
    match record:
        case Translated():
            return repr(record.findings)
        case Unreadable():
            return repr((record.line, record.findings))


def reader_of(media_type: str, today: date = TODAY) -> DeliveryReader:
    return ADAPTERS["dwi"].readers[media_type](today)


def holds(text: str, canary: str) -> bool:
    signs = canary.replace("\x00", "").lower()
    return signs in text.lower() or signs[:6] in text.lower()


def test_a_seeded_leak_is_found() -> None:
    leak = Unreadable(2, (Finding(2, "lid.Kanariepiet", Problem.INVALID),))
    assert holds(told_of(leak), CANARIES[0])


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("column", COLUMNS)
def test_no_cell_is_repeated(column: str, canary: str) -> None:
    for cell in (canary, f"{canary}\n{canary}", f'"{canary}', f"{canary};{canary}", canary * 999):
        rows = [{**ROW, column: "x"}, {**ROW, column: cell}, {**ROW, "kenmerk": "A2", column: cell}]
        delivery = csv_of(rows)
        for broken in (delivery, delivery[:-9], delivery.replace(b'"', b""), delivery + b"\x81"):
            assert not holds(told(reader_of("text/csv"), broken), canary)


@pytest.mark.parametrize("canary", CANARIES)
def test_no_header_is_repeated(canary: str) -> None:
    for header in (f"{canary};x\n", f"kenmerk;aangemeld_op;{canary}\n", f'kenmerk;"{canary}\n',
                   f"{canary}\n", canary * 9999, f"kenmerk;{canary}\n"):  # fmt: skip
        assert not holds(told(reader_of("text/csv"), header.encode()), canary)


def plant(node: object, path: list[int], put: Callable[[object], object]) -> object:
    """A copy of a JSON tree with one node changed; the path picks children by number."""
    if not path or not isinstance(node, dict | list) or not node:
        return put(node)
    if isinstance(node, list):
        at = path[0] % len(node)
        return [plant(one, path[1:], put) if n == at else one for n, one in enumerate(node)]
    key = list(node)[path[0] % len(node)]
    return {k: plant(one, path[1:], put) if k == key else one for k, one in node.items()}


@unhurried
@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.sampled_from(CANARIES),
    st.sampled_from(["value", "key", "list", "number"]),
    st.integers(0, 40),
)
def test_no_json_is_repeated(path: list[int], canary: str, way: str, cut: int) -> None:
    def put(node: object) -> object:
        if way == "key":
            return {**node, canary: 1} if isinstance(node, dict) else {canary: node}
        if way == "list":
            return [canary]
        return 471108154 if way == "number" else canary

    tree = plant(REFERRAL, path, put)
    for text, media_type in (
        (json.dumps([tree]), "application/json"),
        (json.dumps(tree), "application/x-ndjson"),
        (json.dumps([tree]).replace('"', "", cut), "application/json"),
        (json.dumps(tree)[:-cut], "application/x-ndjson"),
    ):
        said = told(reader_of(media_type), text.encode())
        assert not holds(said, canary)
        assert "471108154" not in said


XML = (VECTORS / "suwi-levering.xml").read_text()


@unhurried
@given(st.integers(0, 200), st.sampled_from([c for c in CANARIES if "\x00" not in c]))
def test_no_xml_is_repeated(place: int, canary: str) -> None:
    signs = [at for at, sign in enumerate(XML) if sign in '<>/ "']
    at = signs[place % len(signs)]
    for piece in (
        canary,
        f"<{canary}/>",
        f' {canary}="x" ',
        f"&{canary};",
        f"<{canary}>",
        f"<?{canary}?>",
    ):
        changed = XML[:at] + piece + XML[at:]
        assert not holds(told(reader_of("application/xml"), changed.encode()), canary)
        after = XML[: at + 1] + piece + XML[at + 1 :]
        assert not holds(told(reader_of("application/xml"), after.encode()), canary)


def test_a_declared_entity_is_not_repeated() -> None:
    text = f'<!DOCTYPE Kanariepiet [<!ENTITY a "Kanariepiet">]>{XML.split("?>", 1)[1]}'
    assert not holds(told(reader_of("application/xml"), text.encode()), "Kanariepiet")
