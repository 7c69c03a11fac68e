"""A message in a GGk Di01 is the message; its retour comes back in a Du01 to who sent it."""

import base64
from pathlib import Path

import pytest
from lxml import etree

from adapters.okt.envelope import HEEN, RETOUR
from schemas.deliveries import Problem, Unreadable
from tests.adapters.feeding import findings, refusal
from tests.adapters.okt.written import (
    codes_in,
    enveloped,
    linked,
    reader,
    record_of,
    request,
    retour_on,
    started,
)

GGK = "{http://www.stufstandaarden.nl/sectormodel/ggk/0210}"


class Beside(etree.Resolver):
    """Finds the StUF schemas in one folder, whatever folders they name."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def resolve(self, system_url: str, _: str, context: object) -> object:  # type: ignore[override]  # the stubs know no context
        path = str(self._folder / system_url.rpartition("/")[2])
        return self.resolve_filename(path, context)  # type: ignore[attr-defined]  # nor this


def schema(shared: Path) -> etree.XMLSchema:
    folder = shared / "standards" / "ggk"
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside(folder))
    return etree.XMLSchema(etree.parse(str(folder / "ggk0310_msg.xsd"), parser))


def test_a_message_in_an_envelope_is_the_message() -> None:
    for inner, function in ((request(), "JW315"), (linked(started()), "JW305")):
        record, bare = record_of(enveloped(inner, function)), record_of(inner)
        assert not isinstance(record, Unreadable)
        assert not isinstance(bare, Unreadable)
        assert record.message == bare.message


def test_the_retour_comes_back_in_a_valid_envelope(shared: Path) -> None:
    delivery = enveloped(request(), "JW315")
    assert schema(shared).validate(etree.fromstring(delivery))
    answer = retour_on(record_of(delivery))
    assert answer is not None
    root = etree.fromstring(answer)
    assert schema(shared).validate(root)
    assert RETOUR.departures(root, "Envelop", 5) == []
    values = {str(e.tag).rpartition("}")[2]: e.text for e in root.iter("*")}
    assert (values["berichtcode"], values["functie"]) == ("Du01", "JW316")
    assert (values["crossRefnummer"], values["crossRefnummerBericht"]) == ("ref-1", "A1")
    assert values["tijdstipBericht"] == "20261122093015"
    assert [e.text for e in root.iter("{*}organisatie")] == ["0363", "42420001"]
    # Who sat at the keyboard is not repeated.
    assert b"Kanariepiet" not in answer
    inner = base64.b64decode(values["bericht"] or "")
    assert inner == retour_on(record_of(request()))
    assert codes_in(inner) == ["0200"]


@pytest.mark.parametrize("name", ["ggk_Di01.xml", "envelopHeenbericht-ggk_Di01_v21.xml"])
def test_the_official_envelopes_are_opened_and_their_payload_is_not_iJw(  # noqa: N802  # its name
    name: str, shared: Path
) -> None:
    sample = (shared / "standards" / "ggk" / name).read_bytes()
    assert schema(shared).validate(etree.fromstring(sample))
    assert HEEN.departures(etree.fromstring(sample), "Envelop", 5) == []
    assert refusal(reader(), sample) == (Problem.BROKEN, "bestand (geen leesbare XML)")


def test_the_official_retour_envelope_has_the_structure_of_ours(shared: Path) -> None:
    sample = (shared / "standards" / "ggk" / "ggk_Du01.xml").read_bytes()
    assert RETOUR.departures(etree.fromstring(sample), "Envelop", 5) == []
    broken = (shared / "standards" / "ggk" / "envelopRetourbericht-ggk_Du01-v21.xml").read_bytes()
    assert refusal(reader(), broken)[0] is Problem.BROKEN


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (b"Di01</s:", b"Di02</s:", "envelop (ggk.berichtcode)"),
        (b"application/xml", b"text/plain", "envelop (ggk.bericht)"),
        (b'application/xml">', b'application/xml">!', "envelop (ggk.bericht)"),
        (b"<s:functie>JW315</s:functie>", b"", "envelop (ggk.functie)"),
        (b"<g:functieVersie>0001", b"<g:functieVersie>1", "envelop (ggk.functieVersie)"),
        (b"<s:organisatie>0363", b"<s:organisatie x='y'>0363", "envelop (ggk.organisatie)"),
        (b"</g:envelop", b"</g:envelo", "envelop"),
    ],
)
def test_a_wrong_envelope_is_refused_by_its_place(before: bytes, after: bytes, where: str) -> None:
    assert refusal(reader(), enveloped(request(), "JW315").replace(before, after))[1] == where


def test_an_envelope_that_announces_another_message_is_rejected() -> None:
    record = record_of(enveloped(request(), "JW305"))
    assert findings(record) == [(1, "ggk.functie", Problem.CONTRADICTION)]
    assert retour_on(record) is not None


def test_an_envelope_that_hides_the_number_in_a_reference_gets_no_retour() -> None:
    record = record_of(enveloped(request(), "JW315", reference="x-999990019"))
    assert isinstance(record, Unreadable)
    assert record.slip is None


def test_an_envelope_in_an_envelope_is_no_message() -> None:
    nested = enveloped(enveloped(request(), "JW315"), "JW315")
    assert refusal(reader(), nested)[0] is Problem.INVALID
