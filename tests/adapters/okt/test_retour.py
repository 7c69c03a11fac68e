"""The retour is what the official XSDs and samples say, repeats no client, and says what the road
decided in iJw's own codes."""

import json
from pathlib import Path

import pytest
from lxml import etree

from adapters.okt.header import Slip
from adapters.okt.ijw_types import RETOUR_OF
from adapters.okt.retour import retour_of, write_retour
from adapters.okt.retour_codes import GIVEN, code_of
from adapters.port import Answered
from schemas.decisions import Outcome, Rule
from schemas.deliveries import RecordOutcome
from tests.adapters.okt.written import (
    AT,
    BSN,
    DELIVERY,
    codes_in,
    linked,
    record_of,
    request,
    retour_on,
    started,
    stopped,
)

VALID = {"305": linked(started()), "307": linked(stopped("31")), "315": request()}


def outcome(decision: Outcome, rule: Rule) -> RecordOutcome:
    return RecordOutcome(record=1, line=1, decision=decision, rule=rule)


def without_versions(message: bytes) -> bytes:
    """In canonical form, but for the XSD version that each writer states of itself."""
    root = etree.fromstring(message, etree.XMLParser(remove_blank_text=True))
    for element in root.iter("{*}XsdVersieRetour"):
        for version in element:
            version.text = "x"
    return etree.tostring(root, method="c14n2")


@pytest.mark.parametrize(("kind", "of"), [("302", "301"), ("306", "305"), ("308", "307")])
def test_a_retour_is_the_sample_element_by_element(kind: str, of: str, shared: Path) -> None:
    sample = (shared / "standards" / "ijw32" / f"JW{kind}.xml").read_bytes()
    header = {
        str(e.tag).rpartition("}")[2]: e.text or "" for e in etree.fromstring(sample)[0].iter("*")
    }
    slip = Slip(
        kind=of,
        sender=header["Afzender"],
        recipient=header["Ontvanger"],
        identification=header["Identificatie"],
        dated=header["Dagtekening"],
        base_version="1.0.0",
        message_version="1.0.0",
    )
    at = AT.fromisoformat(f"{header['DagtekeningRetour']}T09:00:00+02:00")
    ours = retour_of(slip, ("8848",), header["IdentificatieRetour"], at)
    root = etree.fromstring(sample)
    if not list(root.iter("{*}RetourCodes")):  # the sample without remarks leaves its code out
        own = etree.QName(root).namespace
        codes = etree.SubElement(root[0], f"{{{own}}}RetourCodes")
        etree.SubElement(codes, f"{{{own}}}RetourCode").text = "8848"
    assert without_versions(ours) == without_versions(etree.tostring(root))


@pytest.mark.parametrize("kind", VALID)
@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("decision", Outcome)
def test_every_retour_is_valid_and_names_no_client(
    kind: str, rule: Rule, decision: Outcome, shared: Path
) -> None:
    path = shared / "standards" / "ijw32" / f"JW{RETOUR_OF[kind]}.xsd"
    schema = etree.XMLSchema(etree.parse(str(path)))
    retour = retour_on(record_of(VALID[kind]), decision, rule)
    assert retour is not None
    assert schema.validate(etree.fromstring(retour))
    assert BSN.encode() not in retour
    assert b"Voorbeeld" not in retour


@pytest.mark.parametrize(
    ("kind", "decision", "rule", "code"),
    [
        ("315", Outcome.ACCEPTED, Rule.PERMITTED, "0200"),
        ("315", Outcome.HELD, Rule.AGREEMENT_INCOMPLETE, "0200"),
        ("315", Outcome.ACCEPTED, Rule.DUPLICATE, "0200"),
        ("315", Outcome.REFUSED, Rule.DUPLICATE, "0001"),
        ("315", Outcome.REFUSED, Rule.REFERENCE_REUSED, "9374"),
        ("315", Outcome.REFUSED, Rule.NO_FLOW, "0001"),
        ("315", Outcome.REFUSED, Rule.PARTNER_SUSPENDED, "0001"),
        ("305", Outcome.REFUSED, Rule.REFERENCE_REUSED, "9056"),
        ("305", Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE, "9019"),
        ("307", Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE, "9019"),
        ("307", Outcome.REFUSED, Rule.REFERENCE_REUSED, "9056"),
        ("301", Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE, "9379"),
        ("301", Outcome.REFUSED, Rule.REFERENCE_REUSED, "9056"),
    ],
)
def test_what_the_road_decided_is_said_in_a_code(
    kind: str, decision: Outcome, rule: Rule, code: str
) -> None:
    assert code_of(kind, outcome(decision, rule)).code == code


def test_each_code_says_what_the_code_list_says(shared: Path) -> None:
    lists = json.loads((shared / "standards" / "codelijsten.json").read_text())
    official: dict[str, tuple[str, str | None, frozenset[str]]] = {}
    for row in lists["jw"]["WJ001_Retourcode"]:
        rule = None if row["TR-regel"] == "—" else row["TR-regel"]
        kinds = frozenset(
            name.strip().removeprefix("JW") for name in row["Berichttypen"].split(",")
        )
        official.setdefault(row["Code"], (row["Betekenis"], rule, kinds))
    for given in GIVEN:
        text, rule, kinds = official[given.code]
        assert (given.text, given.rule) == (text, rule)
        assert given.kinds <= kinds
    assert {given.code for given in GIVEN} >= {"0001", "0200", "8848", "9056", "9374"}


def test_asked_again_a_retour_is_the_same() -> None:
    record = record_of(request())
    assert retour_on(record) == retour_on(record)
    assert codes_in(retour_on(record)) == ["0200"]


def test_there_is_no_retour_without_one_readable_header() -> None:
    told = outcome(Outcome.REFUSED, Rule.UNREADABLE)
    for answered in ([], [Answered(told)], [Answered(told, "{}")], [Answered(told, "x")] * 2):
        assert write_retour(answered, DELIVERY, AT) is None
