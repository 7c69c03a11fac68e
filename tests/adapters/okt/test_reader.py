"""An iJw message becomes a referral or a status, or is rejected whole with the right code."""

import time
from datetime import date
from pathlib import Path

import pytest

from adapters.hostile_xml import UnusableSchemaError
from adapters.okt import adapter
from adapters.okt.intake import MAX_BYTES, MAX_ELEMENTS
from adapters.port import DeliveryReader
from schemas.casework import CaseStatus, CloseReason, StatusMessage
from schemas.deliveries import Problem, Record, Translated, Unreadable
from schemas.referral import Ground, Referral, Role, Sex
from tests.adapters.feeding import findings, read, refusal, translated
from tests.adapters.okt.written import (
    EXCHANGE,
    OKT_DAY,
    PERSON,
    codes_in,
    linked,
    message,
    reader,
    record_of,
    request,
    retour_on,
    started,
    stopped,
)

DOCTYPE = b'<!DOCTYPE a [<!ENTITY x "y">]>'
BORN = "<i:Datum>2012-05-01</i:Datum>"


def status_of(record: Record) -> StatusMessage:
    assert isinstance(record, Translated), record
    assert isinstance(record.message, StatusMessage)
    return record.message


def to_us(path: Path) -> bytes:
    """An official sample, which another municipality sends or gets, as one of this one."""
    return path.read_bytes().replace(b"0384", b"0363", 1)


def strict(shared: Path) -> DeliveryReader:
    """A reader that holds messages to the official XSDs as well."""
    return adapter(shared / "standards" / "ijw32").readers["application/xml"](OKT_DAY)


def rejected(delivery: bytes) -> tuple[list[tuple[str, Problem]], list[str | None]]:
    """What was found, and the codes of the retour."""
    record = record_of(delivery)
    assert isinstance(record, Unreadable)
    return [(field, problem) for _, field, problem in findings(record)], codes_in(retour_on(record))


def test_a_request_is_a_referral_of_one_person_under_the_youth_act() -> None:
    extra = (
        "<m:GezagsdragerBekend>1</m:GezagsdragerBekend><m:Commentaar>geheim</m:Commentaar>"
        "<m:AangevraagdeProducten>"
    )
    delivery = request().replace(b"<m:AangevraagdeProducten>", extra.encode())
    record = record_of(delivery)
    assert translated(record) == Referral.model_validate(
        {
            "kenmerk": "R-1",
            "aangemeldOp": "2026-11-20",
            "grondslag": "jeugdwet",
            "huishouden": {
                "leden": [
                    {
                        "rol": "kind",
                        "burgerservicenummer": "999990019",
                        "achternaam": "Voorbeeld",
                        "geboortedatum": "2012-05-01",
                        "geslacht": "V",
                    }
                ]
            },
        }
    )
    assert "geheim" not in translated(record).model_dump_json()
    assert findings(record) == [(1, "huishouden.postcode", Problem.MISSING)]
    assert codes_in(retour_on(record)) == ["0200"]


@pytest.mark.parametrize(
    ("born", "expected", "role"),
    [
        (BORN, "2012-05-01", Role.CHILD),
        ("<i:Datum>2008-11-20</i:Datum>", "2008-11-20", Role.APPLICANT),
        ("<i:Datum>2008-11-21</i:Datum>", "2008-11-21", Role.CHILD),
        (f"{BORN}<i:DatumGebruik>1</i:DatumGebruik>", "2012-05", Role.CHILD),
        (f"{BORN}<i:DatumGebruik>2</i:DatumGebruik>", "2012", Role.CHILD),
        (f"{BORN}<i:DatumGebruik>3</i:DatumGebruik>", None, Role.CHILD),
        ("<i:Datum>2007-01-01</i:Datum><i:DatumGebruik>2</i:DatumGebruik>", "2007", Role.APPLICANT),
        ("<i:Datum>2008-01-01</i:Datum><i:DatumGebruik>2</i:DatumGebruik>", "2008", Role.CHILD),
    ],
)
def test_a_birth_date_is_as_known_as_it_says(born: str, expected: str | None, role: Role) -> None:
    record = record_of(request(person=PERSON.replace(BORN, born)))
    (member,) = translated(record).household.members
    assert (None if member.birth_date is None else member.birth_date.reveal()) == expected
    assert member.role is role


def test_codes_and_names_are_those_of_the_standard() -> None:
    person = PERSON.replace("<m:Geslacht>2<", "<m:Geslacht>1<").replace(
        "</i:Achternaam></i:Geslachtsnaam>",
        "</i:Achternaam><i:Voorvoegsel>van</i:Voorvoegsel></i:Geslachtsnaam>"
        "<i:Voornamen>Geheim</i:Voornamen><i:Voorletters>AB</i:Voorletters>",
    )
    referral = translated(record_of(request(person=person)))
    (member,) = referral.household.members
    assert (member.sex, member.prefix, member.initials) == (Sex.MALE, "van", "AB")
    assert referral.ground is Ground.YOUTH_ACT
    assert "Geheim" not in referral.model_dump_json()


@pytest.mark.parametrize(
    ("delivery", "status", "day", "reason"),
    [
        (started("2026-11-02"), CaseStatus.ACTIVE, date(2026, 11, 2), None),
        (stopped("31"), CaseStatus.CLOSED_REACHED, date(2026, 11, 10), None),
        (stopped("02"), CaseStatus.CLOSED_REACHED, date(2026, 11, 10), CloseReason.DECEASED),
        (stopped("32", "02"), CaseStatus.CLOSED_REACHED, date(2026, 11, 10), None),
        (stopped("20"), CaseStatus.PASSIVE, date(2026, 11, 10), None),
        (stopped("31", "20"), CaseStatus.PASSIVE, date(2026, 11, 10), None),
    ],
)
def test_a_start_or_stop_is_a_status_on_the_exchange_that_its_wrapper_names(
    delivery: bytes, status: CaseStatus, day: date, reason: CloseReason | None
) -> None:
    record = record_of(linked(delivery))
    told = status_of(record)
    assert (told.status, told.as_of, told.close_reason) == (status, day, reason)
    assert (told.reference, str(told.exchange_id)) == ("A1", EXCHANGE)
    assert codes_in(retour_on(record)) == ["0200"]


def test_an_assignment_is_a_status_before_anybody_begins(shared: Path) -> None:
    sample = to_us(shared / "standards" / "ijw32" / "JW301.xml")
    told = status_of(record_of(linked(sample)))
    assert (told.status, told.as_of) == (CaseStatus.COORDINATION_CHECK, date(2026, 4, 1))
    held = told.model_dump_json()
    assert not any(secret in held for secret in ("Wit", "999900006", "Woustraat", "9999XX"))


@pytest.mark.parametrize("kind", ["301", "305", "307"])
def test_a_sample_goes_in_with_its_exchange_named_and_is_unlinked_without(
    kind: str, shared: Path
) -> None:
    sample = to_us(shared / "standards" / "ijw32" / f"JW{kind}.xml")
    for with_schemas in (None, shared / "standards" / "ijw32"):
        read_with = adapter(with_schemas).readers["application/xml"]
        (record,) = read(read_with(OKT_DAY), linked(sample))
        assert codes_in(retour_on(record)) == ["0200"]
        (bare,) = read(read_with(OKT_DAY), sample)
        assert findings(bare) == [(2, "statusbericht.uitwisselingId", Problem.MISSING)]
        assert codes_in(retour_on(bare)) == ["9379" if kind == "301" else "9019"]


def test_the_invalid_sample_is_rejected_for_its_31_june(shared: Path) -> None:
    sample = to_us(shared / "standards" / "ijw32" / "JW315.xml")
    found, codes = rejected(sample)
    assert found == [("ijw.ToewijzingEinddatum", Problem.INVALID)] * 2
    assert codes == ["0001"]
    record = record_of(sample.replace(b"06-31", b"06-30"))
    assert translated(record).reference == "40A12341234"


@pytest.mark.parametrize(
    ("delivery", "found", "code"),
    [
        (request(dated="2026-11-23"), ("ijw.Dagtekening", Problem.IN_FUTURE), "8848"),
        (linked(started(dated="2026-11-23")), ("ijw.Dagtekening", Problem.IN_FUTURE), "8848"),
        (request(bsn="999990018"), ("lid.burgerservicenummer", Problem.ELEVEN_TEST), "0001"),
        (request(reference="é"), ("aanmelding.kenmerk", Problem.INVALID), "0001"),
        (request(reference="X999990019"), ("aanmelding.kenmerk", Problem.INVALID), "0001"),
        (linked(request()), ("ijwBericht", Problem.UNKNOWN_COLUMN), "0001"),
        (linked(started(), "x"), ("statusbericht.uitwisselingId", Problem.INVALID), "0001"),
        (linked(started("2026-11-23")), ("statusbericht.peildatum", Problem.IN_FUTURE), "0001"),
        (linked(started(status="3")), ("ijw.StatusAanlevering", Problem.UNKNOWN_CODE), "0001"),
        (linked(started(number="a b")), ("statusbericht.kenmerk", Problem.INVALID), "0001"),
        (request().replace(b"3_2", b"3_1"), ("ijw.BerichtSubversie", Problem.INVALID), "0001"),
        (
            request().replace(b"<m:BerichtSubversie>2", b"<m:BerichtSubversie>1"),
            ("ijw.BerichtSubversie", Problem.INVALID),
            "0001",
        ),
        (request()[:-40], ("ijw", Problem.BROKEN), "0001"),
        (DOCTYPE + request(), ("ijw", Problem.INVALID), "0001"),
        (DOCTYPE + linked(started()), ("ijw", Problem.INVALID), "0001"),
        (DOCTYPE + request().replace(b">Voorbeeld<", b">&x;<"), ("ijw", Problem.INVALID), "0001"),
        (request() + b"<x/>", ("ijw", Problem.BROKEN), "0001"),
        (request().replace(b"<m:Client>", b"<m:Client><?x y?>"), ("ijw", Problem.INVALID), "0001"),
        (request().replace(b"Geslacht>2", b"Geslacht>9"), ("ijw.Geslacht", Problem.UNKNOWN_CODE),
         "0001"),
        (request().replace(b"Verwijzer>", b"Iets>"), ("ijw.Verwijzer", Problem.MISSING), "0001"),
        (message("305", "<m:Bsn>999990019</m:Bsn>"), ("ijw.Geboortedatum", Problem.MISSING),
         "0001"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_rejected_whole_with_its_code(
    delivery: bytes, found: tuple[str, Problem], code: str
) -> None:
    told, codes = rejected(delivery)
    assert told[0] == found
    assert codes == [code]


@pytest.mark.parametrize("repeating", [
    started(number="n999990019"),
    started().replace(b"BerichtXsdVersie>1.0.0", b"BerichtXsdVersie>1.999990019.0"),
    started().replace(b"BasisschemaXsdVersie>1.0.0", b"BasisschemaXsdVersie>999990019.0.0"),
])  # fmt: skip
def test_a_header_that_holds_the_number_gets_no_retour_at_all(repeating: bytes) -> None:
    record = record_of(linked(repeating))
    assert isinstance(record, Unreadable)
    assert (record.reference, record.slip) == (None, None)
    assert findings(record) == [(1, "ijw.Identificatie", Problem.INVALID)]


@pytest.mark.parametrize(
    ("delivery", "problem", "where"),
    [
        (b"", Problem.MISSING, "bestand (leeg)"),
        (b" \n", Problem.MISSING, "bestand (leeg)"),
        (b"tekst", Problem.BROKEN, "bestand (geen leesbare XML)"),
        (b"{}", Problem.INVALID, "bestand (dit is JSON)"),
        (b"PK\x03\x04", Problem.INVALID, "bestand (dit is een Excel- of ZIP-bestand)"),
        (request().decode().encode("utf-16"), Problem.INVALID,
         "bestand (dit is UTF-16; nodig is UTF-8)"),
        (DOCTYPE + b"<Bericht/>", Problem.INVALID, "bestand (een DTD is niet toegestaan)"),
        (DOCTYPE + b"<Bericht ", Problem.INVALID, "bestand (een DTD is niet toegestaan)"),
        (DOCTYPE + b"<x/>", Problem.INVALID, "bestand (een DTD is niet toegestaan)"),
        (DOCTYPE + request().replace(b"446", b"999"), Problem.INVALID,
         "bestand (een DTD is niet toegestaan)"),
        (request().replace(b"<m:Client>", b"<m:Client>" + DOCTYPE), Problem.INVALID,
         "bestand (een DTD is niet toegestaan)"),
        (b"<", Problem.BROKEN, "bestand (geen leesbare XML)"),
        (b"<Bericht/>", Problem.INVALID,
         "bestand (nodig is een JW301, JW305, JW307 of JW315)"),
        (request().replace(b"jw315", b"jw317"), Problem.INVALID,
         "bestand (nodig is een JW301, JW305, JW307 of JW315)"),
        (request() + b" " * MAX_BYTES, Problem.TOO_LONG,
         "bestand (groter dan één bericht mag zijn)"),
        (linked(request() + request(), None), Problem.INVALID, "ijwBericht"),
        (linked(request(), None).replace(b":ijw-bericht:1\"", b":ijw-bericht:1\" x=\"y\""),
         Problem.INVALID, "ijwBericht"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_told_as_a_file(
    delivery: bytes, problem: Problem, where: str
) -> None:
    assert refusal(reader(), delivery) == (problem, where)


def test_a_retour_is_not_taken_for_a_message(shared: Path) -> None:
    for kind in ("302", "306", "308"):
        sample = (shared / "standards" / "ijw32" / f"JW{kind}.xml").read_bytes()
        assert refusal(reader(), sample)[0] is Problem.INVALID


@pytest.mark.parametrize(
    "hostile",
    [
        b"<a>" * 100_000,
        b"<m:x/>" * (MAX_ELEMENTS + 1),
        b"".join(b"<geheim%d/>" % number for number in range(10_000)),
        b"<m:Commentaar>" + b"a " * 200_000,
        b"<m:Commentaar>" + b". " * 100_000 + b"</m:Commentaar>",
        b"&geheim;" * 1000,
        b"<m:Client " + b" ".join(b'a%d="x"' % number for number in range(30_000)) + b">",
        b"<![CDATA[" + b"]]" * 10_000,
        b"<!--" + b"-" * 100_000,
    ],
)
def test_hostile_content_is_rejected_within_a_second(hostile: bytes, shared: Path) -> None:
    delivery = request().replace(b"<m:Client>", b"<m:Client>" + hostile)
    reader = strict(shared)
    begun = time.monotonic()
    (record,) = read(reader, delivery)
    assert time.monotonic() - begun < 2
    assert isinstance(record, Unreadable)


def test_a_comment_as_long_as_a_message_may_be_is_held_to_the_schema_in_time(shared: Path) -> None:
    comment = b"</m:Naam><m:Commentaar>" + b"a. " * 100_000 + b"</m:Commentaar>"
    delivery = request().replace(b"</m:Naam>", comment)
    reader = strict(shared)
    begun = time.monotonic()
    (record,) = read(reader, delivery)
    assert time.monotonic() - begun < 5
    assert findings(record)


def test_chunks_make_no_difference() -> None:
    delivery = linked(stopped("31"))
    whole = read(reader(), delivery)
    assert all(read(reader(), delivery, cut) == whole for cut in range(1, len(delivery), 97))


def test_a_missing_schema_folder_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnusableSchemaError, match=r"JW301\.xsd"):
        adapter(tmp_path)


@pytest.mark.parametrize("header", ["Ontvanger>0384", "Ontvanger>9999"])
def test_a_message_to_another_municipality_is_sent_back_with_its_own_code(header: str) -> None:
    delivery = request().replace(b"Ontvanger>0363", header.encode(), 1)
    assert rejected(delivery) == ([("ijw.Ontvanger", Problem.UNKNOWN_CODE)], ["S300"])


def test_which_municipality_this_is_is_a_setting(shared: Path) -> None:
    delivery = request().replace(b"Ontvanger>0363", b"Ontvanger>0384", 1)
    diemen = adapter(municipality="0384").readers["application/xml"](OKT_DAY)
    (record,) = read(diemen, delivery)
    assert codes_in(retour_on(record)) == ["0200"]
    sample = (shared / "standards" / "ijw32" / "JW301.xml").read_bytes()
    amsterdam = sample.replace(b"0384", b"0363", 1)
    assert codes_in(retour_on(record_of(linked(amsterdam)))) == ["0200"]
    assert rejected(linked(sample)) == ([("ijw.Afzender", Problem.UNKNOWN_CODE)], ["S300"])


def test_a_schema_that_a_message_names_is_never_fetched(tmp_path: Path, shared: Path) -> None:
    """libxml2 would follow `xsi:schemaLocation` where no schema is given; here one always is."""
    bait = tmp_path / "bait.xsd"
    bait.write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    before = bait.stat().st_atime_ns
    hint = f'xsi:schemaLocation="urn:x {bait.as_uri()} urn:y http://127.0.0.1:9/y.xsd"'
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    delivery = request().replace(b"<m:Bericht", f"<m:Bericht {xsi} {hint}".encode(), 1)
    (record,) = read(strict(shared), delivery)
    assert codes_in(retour_on(record)) == ["0200"]
    assert bait.stat().st_atime_ns == before


def test_a_schema_that_asks_the_network_is_not_taken(tmp_path: Path, shared: Path) -> None:
    for path in (shared / "standards" / "ijw32").glob("*.xsd"):
        asked = path.read_bytes().replace(b'"basisschema.xsd"', b'"http://127.0.0.1:9/b.xsd"')
        (tmp_path / path.name).write_bytes(asked)
    with pytest.raises(UnusableSchemaError):
        adapter(tmp_path)
