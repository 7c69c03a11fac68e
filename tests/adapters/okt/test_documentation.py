"""docs/partners/okt.md says what the adapter does: its examples are run, its tables compared."""

import json
import re
from pathlib import Path

import pytest

from adapters.hostile_xml import EMPTY, NO_DTD, NO_XML
from adapters.okt import intake
from adapters.okt.ijw_types import RETOUR_OF
from adapters.okt.reader import NEEDED
from adapters.okt.retour_codes import GIVEN
from adapters.registry import ADAPTERS
from consent.protocol import load
from schemas.deliveries import Record, Translated
from schemas.fields import MessageKind
from tests.adapters.feeding import read
from tests.adapters.okt.written import OKT_DAY, codes_in, retour_on

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "partners" / "okt.md").read_text()
PROTOCOL = (ROOT / "consent" / "protocols" / "samen-doen-voorbeeld.toml").read_text()
MEDIA_TYPES = {"json": "application/json", "xml": "application/xml"}
EXAMPLES = re.findall(r"```(json|xml)\n(.*?)```\s+gives\s+```outcome\n(.*?)```", PAGE, re.DOTALL)


def shown(record: Record, kind: str) -> str:
    word = "gelezen" if isinstance(record, Translated) else "geweigerd"
    remarks = [f"; {one.line} {one.field} {one.problem}" for one in record.findings]
    line = f"regel {record.line}: {word}{''.join(remarks)}\n"
    if kind == "json":
        return line
    assert record.slip is not None
    retour = RETOUR_OF[json.loads(record.slip)["kind"]]
    return f"{line}JW{retour}: {' '.join(map(str, codes_in(retour_on(record))))}\n"


def rows_of_table(first_cell: str) -> list[list[str]]:
    """The cells of the table whose header starts with this cell."""
    table = PAGE.split(f"\n| {first_cell} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


@pytest.mark.parametrize(("kind", "delivery", "outcome"), EXAMPLES)
def test_an_example_gives_the_outcome_beside_it(kind: str, delivery: str, outcome: str) -> None:
    reader = ADAPTERS["okt"].readers[MEDIA_TYPES[kind]](OKT_DAY)
    records = read(reader, delivery.encode())
    assert "".join(shown(record, kind) for record in records) == outcome


def test_there_is_an_example_of_each_flow_and_of_both_formats() -> None:
    assert [kind for kind, _, _ in EXAMPLES] == ["json", "json", "xml", "xml"]
    assert set(MEDIA_TYPES.values()) <= set(ADAPTERS["okt"].readers)


def test_every_code_that_is_given_stands_there_with_its_text() -> None:
    described = {(row[0].strip("`"), row[1], row[2]) for row in rows_of_table("code")}
    assert described == {(one.code, one.rule or "–", one.text) for one in GIVEN}


def test_the_flows_are_those_of_the_example_protocol() -> None:
    flows = {flow.id: flow for flow in load(PROTOCOL).flows}
    for row in rows_of_table("flow"):
        assert row[2].strip("`") in flows
    up, down = flows["okt-aanmelding"], flows["casebook-afschalen-okt"]
    assert (up.sender, up.recipient, up.message) == ("okt", "casebook", MessageKind.REFERRAL)
    assert (down.sender, down.recipient) == ("casebook", "okt")
    assert f'"doel": "{down.purpose}"' in PAGE


def test_every_reason_for_a_file_stands_there() -> None:
    places = {row[0].strip("`") for row in rows_of_table("place")}
    told = {EMPTY, NO_XML, NO_DTD, intake.TOO_LARGE, NEEDED, "ijwBericht"}
    assert places == told | {"bestand (dit is ...)", "envelop", "envelop (ggk.<element>)"}


def test_the_bounds_are_those_of_the_reader() -> None:
    assert f"at most {intake.MAX_BYTES // 1024} KiB and {intake.MAX_ELEMENTS:,} elements" in PAGE
