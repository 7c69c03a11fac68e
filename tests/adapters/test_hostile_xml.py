"""The one XML parser of the adapters: it fetches nothing, expands nothing and gathers no names."""

import re
import time
from pathlib import Path

import pytest
from lxml import etree

from adapters.hostile_xml import (
    MAX_STRANGE,
    StrangeNames,
    UnusableSchemaError,
    breaks,
    declares,
    has_document_type,
    line_of,
    load_schema,
    pull_parser,
)

ROOT = Path(__file__).parents[2]
XSD = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def parsed(text: bytes) -> etree._Element:
    parser = pull_parser()
    parser.feed(text)
    root: etree._Element = parser.close()
    return root


def test_an_entity_is_not_filled_in(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Kanariepiet")
    text = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'.encode()
    assert declares(text)
    root = parsed(text)
    assert has_document_type(root)
    assert "Kanariepiet" not in "".join(str(part) for part in root.itertext())


def test_entities_within_entities_take_no_time() -> None:
    levels = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    text = f'<!DOCTYPE a [<!ENTITY e0 "ha">{levels}]><a>&e9;</a>'.encode()
    begun = time.monotonic()
    with pytest.raises(etree.XMLSyntaxError):
        parsed(text)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-7"])
def test_a_document_type_in_another_encoding_is_seen_by_the_tree_or_not_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a><a/>'.encode(encoding)
    assert not declares(text) or encoding == "utf-7"
    try:
        root = parsed(text)
    except etree.XMLSyntaxError:
        return
    assert has_document_type(root)


def test_names_that_nobody_knows_are_counted_once_each() -> None:
    names = StrangeNames(frozenset({"a"}))
    names.notice(["a", "b" * MAX_STRANGE, "b" * MAX_STRANGE])
    assert not names.are_too_many
    names.notice(["c"])
    assert names.are_too_many


def test_an_element_knows_its_line() -> None:
    assert line_of(parsed(b"<a>\n<b/></a>")[0]) == 2
    assert line_of(etree.Element("a")) == 0


def test_a_schema_is_read_with_its_parts_and_says_no_more_than_yes_or_no(tmp_path: Path) -> None:
    part = f'<xs:schema {XSD}><xs:element name="a" type="xs:date"/></xs:schema>'
    (tmp_path / "part.xsd").write_text(part)
    whole = tmp_path / "whole.xsd"
    whole.write_text(f'<xs:schema {XSD}><xs:include schemaLocation="part.xsd"/></xs:schema>')
    schema = load_schema(whole)
    assert not breaks(schema, parsed(b"<a>2026-01-01</a>"))
    assert breaks(schema, parsed(b"<a>Kanariepiet</a>"))


@pytest.mark.parametrize(
    "content", [None, "", "<xs:schema", "<a/>", f"<xs:schema {XSD}><xs:x/></xs:schema>"]
)
def test_what_is_no_schema_is_named_by_its_file(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "absent.xsd"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnusableSchemaError, match=r"absent\.xsd"):
        load_schema(path)


def test_a_part_over_the_network_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "asks.xsd"
    include = '<xs:include schemaLocation="http://127.0.0.1:9/part.xsd"/>'
    path.write_text(f"<xs:schema {XSD}>{include}</xs:schema>")
    with pytest.raises(UnusableSchemaError):
        load_schema(path)


def test_no_adapter_makes_a_parser_of_its_own() -> None:
    """expat, which makes no tree, is the workbooks' own (ADR 0025)."""
    makes = re.compile(r"etree\.(XML\w*Parser|iterparse|parse|fromstring|XML)\(")
    found = {
        path.name
        for path in (ROOT / "adapters").rglob("*.py")
        if makes.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"hostile_xml.py"}
