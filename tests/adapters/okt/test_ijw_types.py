"""Our tables of iJw 3.2 say what the official XSDs say, and judge the samples alike."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.okt.grammar import Simple
from adapters.okt.ijw_types import GRAMMARS, MESSAGES, RETOUR_OF, SHARED, SIMPLE
from schemas.deliveries import Problem
from tests.support.strategies import unhurried

XSD = "{http://www.w3.org/2001/XMLSchema}"
SIGNS = {("0", "1"): "?", ("1", "unbounded"): "+", ("1", "1"): ""}
LINE, TEXT = r".*[^\s].*", r"([.\s]*\S+[.\s]*)+"
SAMPLES = ("301", "302", "305", "306", "307", "308", "315")


def content_of(declared: etree._Element) -> str:
    """A declaration's sequence in our notation."""
    pieces = []
    for child in declared.iterfind(f"{XSD}sequence/{XSD}element"):
        type_name = str(child.get("type", child.get("name"))).split(":")[-1]
        count = str(child.get("minOccurs", "1")), str(child.get("maxOccurs", "1"))
        pieces.append(f"{child.get('name')}:{type_name}{SIGNS[count]}")
    return " ".join(pieces)


def contents_of(path: Path) -> dict[str, str]:
    tree = etree.parse(str(path))
    return {str(one.get("name")): content_of(one) for one in tree.iterfind(f"{XSD}complexType")}


def simple_of(declared: etree._Element) -> Simple:
    """A declaration's restriction in our notation."""
    restriction = next(declared.iterfind(f"{XSD}restriction"))
    rules: dict[str, list[str]] = {}
    for rule in restriction.iterchildren(etree.Element):
        name = str(rule.tag).removeprefix(XSD)
        if name != "annotation":
            rules.setdefault(name, []).append(str(rule.get("value")))
    base = restriction.get("base")
    if base in ("xs:date", "xs:time"):
        return Simple(is_date=base == "xs:date", is_time=base == "xs:time")
    if base == "xs:integer":
        return Simple(most=int(rules["maxInclusive"][0]))
    if "enumeration" in rules:
        return Simple(codes=frozenset(rules["enumeration"]))
    pattern = rules.get("pattern", [""])[0]
    longest = int(rules.get("maxLength", ["0"])[0])
    if pattern == LINE:
        return Simple(longest=longest, is_line=True)
    if pattern == TEXT:
        return Simple(longest=longest, is_text=True)
    alike = "[a-zA-ZÀ-ỳ]+" if pattern == "([a-zA-ZÀ-ỳ])+" else pattern
    return Simple(pattern=alike, longest=longest)


@pytest.mark.parametrize("kind", [*MESSAGES, *RETOUR_OF.values()])
def test_each_message_holds_what_its_schema_says(kind: str, shared: Path) -> None:
    official = contents_of(shared / "standards" / "ijw32" / f"JW{kind}.xsd")
    ours = {name: text for name, text in GRAMMARS[kind].contents.items() if name not in SHARED}
    assert ours == official


def test_the_shared_types_are_those_of_the_base_schema(shared: Path) -> None:
    path = shared / "standards" / "ijw32" / "basisschema.xsd"
    official = contents_of(path)
    assert {name: official[name] for name in SHARED} == SHARED
    declared = {
        str(one.get("name")): one for one in etree.parse(str(path)).iterfind(f"{XSD}simpleType")
    }
    for name, ours in SIMPLE.items():
        if name != "LDT_LandCode":
            assert simple_of(declared[name]) == ours, name
    countries = simple_of(declared["LDT_LandCode"]).codes
    assert all(SIMPLE["LDT_LandCode"].problem_of(code) is None for code in countries)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_is_judged_as_its_schema_judges_it(kind: str, shared: Path) -> None:
    folder = shared / "standards" / "ijw32"
    schema = etree.XMLSchema(etree.parse(str(folder / f"JW{kind}.xsd")))
    sample = etree.parse(str(folder / f"JW{kind}.xml"))
    found = GRAMMARS[kind].departures(sample.getroot(), "Root", 50)
    assert (found == []) is schema.validate(sample)
    assert (found == []) is (kind != "315")


@pytest.mark.parametrize("kind", ["301", "305", "307", "315"])
def test_a_sample_with_one_thing_changed_is_judged_as_its_schema_judges_it(
    kind: str, shared: Path
) -> None:
    """Every element removed, doubled, renamed, emptied or given another value, one at a time."""
    folder = shared / "standards" / "ijw32"
    schema = etree.XMLSchema(etree.parse(str(folder / f"JW{kind}.xsd")))
    text = (folder / f"JW{kind}.xml").read_bytes().replace(b"06-31", b"06-30")
    number = len(list(etree.fromstring(text).iter(etree.Element)))
    ways = ("remove", "double", "rename", "empty", "x", "1", "2026-02-30", " ", "é" * 300, "attr")
    judged = 0
    for at, way in itertools.product(range(1, number), ways):
        root = etree.fromstring(text)
        change(list(root.iter(etree.Element))[at], way)
        changed = etree.fromstring(etree.tostring(root))
        ours = GRAMMARS[kind].departures(changed, "Root", 5) == []
        assert ours is schema.validate(changed), (at, way, changed[1].tag)
        judged += 1
    assert judged > 300


def change(element: etree._Element, way: str) -> None:
    parent = element.getparent()
    assert parent is not None
    if way == "remove":
        parent.remove(element)
    elif way == "double":
        parent.insert(0, etree.fromstring(etree.tostring(element)))
    elif way == "rename":
        element.tag = f"{element.tag}x"
    elif way == "attr":
        element.set("x", "y")
    elif way == "empty":
        element.text = ""
    elif not len(element):
        element.text = way


@unhurried
@given(st.sampled_from(sorted(SIMPLE)), st.text(max_size=300))
def test_any_text_is_judged_and_none_ends_in_an_exception(name: str, text: str) -> None:
    told = SIMPLE[name].problem_of(text)
    assert told is None or isinstance(told, Problem)
