"""What the parties write is what their adapters read: templates here, readers there."""

from __future__ import annotations

import json
import re
from datetime import date
from itertools import islice
from pathlib import Path
from uuid import UUID

import pytest
from fhir.resources.R4B.bundle import Bundle

from adapters.registry import ADAPTERS
from gateway.client import Event
from gateway.sandbox import ggz, okt, professional
from gateway.sandbox.faults import spoilt
from gateway.sandbox.outgoing import Outgoing
from gateway.sandbox.population.put_forward import put_forward
from gateway.sandbox.wire import as_dict
from schemas.casework import CaseStatus, StatusMessage
from schemas.deliveries import Record, Translated
from schemas.referral import Referral
from tests.adapters.feeding import read
from tests.adapters.ggz.nl_core_rules import broken_by
from tests.support.referred import handed_over

TODAY = date(2026, 11, 22)
XSDS = Path(__file__).parents[4] / "shared" / "standards" / "ijw32"


def some(party: str, count: int = 25) -> list[Referral]:
    return list(islice(put_forward(party, TODAY), count))


def records(adapter: str, outgoing: Outgoing) -> list[Record]:
    return list(read(ADAPTERS[adapter].readers[outgoing.media_type](TODAY), outgoing.content))


def told(adapter: str, outgoing: Outgoing) -> list[object]:
    found = records(adapter, outgoing)
    assert all(isinstance(one, Translated) for one in found), [one.findings for one in found]
    return [one.message for one in found if isinstance(one, Translated)]


def test_a_workbook_and_its_csv_are_read_back_as_they_were_meant() -> None:
    clients = some("madi")

    assert told("professional", professional.as_workbook("w", clients)) == clients
    assert told("professional", professional.as_csv("w", clients)) == clients


def test_the_same_rows_are_the_same_workbook() -> None:
    clients = some("dwzs", 3)

    assert professional.as_workbook("w", clients) == professional.as_workbook("w", clients)


def test_a_bundle_is_read_back_as_its_patient_with_what_the_patient_said() -> None:
    for patient in some("ggz"):
        (found,) = told("ggz", ggz.as_bundle(patient))
        assert isinstance(found, Referral)
        meant, got = as_dict(patient), as_dict(found)
        del meant["huishouden"]["leden"][0]["zrm"]  # FHIR has no place for it here
        if "instemming" in meant["huishouden"]["leden"][0]:
            meant |= {"doel": ggz.PURPOSE, "ontvanger": ggz.RECIPIENT}
        assert got == meant


def test_a_bundle_keeps_nl_core_s_rules_and_is_fhir_to_others() -> None:
    nobody_s_street = some("ggz", 1)[0]
    empty = {"postcode": None, "street": None, "house_number": None, "house_number_suffix": None}
    homeless = nobody_s_street.household.model_copy(update=empty)
    for patient in (*some("ggz"), nobody_s_street.model_copy(update={"household": homeless})):
        written = ggz.as_bundle(patient).content
        assert list(broken_by(json.loads(written))) == []
        assert Bundle.model_validate_json(written).type == "transaction"


def test_a_bundle_without_a_consent_says_nothing_of_one() -> None:
    (found,) = told("ggz", ggz.as_bundle(some("ggz", 1)[0], with_consent=False))

    assert isinstance(found, Referral)
    assert found.household.members[0].agreement is None


def test_a_jw315_is_read_back_as_the_first_child() -> None:
    for family in some("okt"):
        (found,) = told("okt", okt.as_jw315(family))
        assert isinstance(found, Referral)
        (client,) = as_dict(found)["huishouden"]["leden"]
        child = next(m for m in as_dict(family)["huishouden"]["leden"] if m["rol"] == "kind")
        same = ("burgerservicenummer", "achternaam", "geboortedatum", "geslacht")
        assert [client[name] for name in same] == [child[name] for name in same]
        assert found.reference == family.reference


def test_who_decided_about_the_child_is_recorded_beside_the_jw315() -> None:
    for family in some("okt"):
        outgoing = okt.as_jw315(family)
        members = as_dict(family)["huishouden"]["leden"]
        child = next(member for member in members if member["rol"] == "kind")
        said = [child["instemming"]] if "instemming" in child else []
        assert len(outgoing.consents) == len(said) + len(child["verdereInstemmingen"])
        assert len(outgoing.authority) == len(child["gezag"])
        assert okt.as_jw315(family, with_consent=False).consents == ()


def test_what_okt_writes_keeps_to_the_official_xsds() -> None:
    if not XSDS.is_dir():
        pytest.skip(f"{XSDS} is not there: the messages were not held against the official XSDs")
    etree = pytest.importorskip("lxml.etree")
    schemas = {kind: etree.XMLSchema(etree.parse(str(XSDS / f"JW{kind}.xsd")))
               for kind in ("305", "307", "315")}  # fmt: skip
    event = handed_over(some("okt", 1)[0])
    written = [("315", okt.as_jw315(family)) for family in some("okt")]
    written += [("305", one) for one in okt.taken_over(event, TODAY)]
    written += [("307", one) for one in okt.ended(event, TODAY)]

    for kind, outgoing in written:
        inner = re.search(rb"<m:Bericht.*</m:Bericht>", outgoing.content, re.DOTALL)
        assert inner is not None
        schemas[kind].assertValid(etree.fromstring(inner[0]))
    assert {kind for kind, _ in written} == {"305", "307", "315"}


def test_okt_answers_on_the_exchange_that_it_was_given() -> None:
    event = handed_over(some("okt", 1)[0])

    messages = [*okt.taken_over(event, TODAY), *okt.ended(event, TODAY)]

    said = [one for outgoing in messages for one in told("okt", outgoing)]
    assert [one.status for one in said if isinstance(one, StatusMessage)] == [
        CaseStatus.ACTIVE,
        CaseStatus.CLOSED_REACHED,
    ]
    assert {one.exchange_id for one in said if isinstance(one, StatusMessage)} == {event.id}


def test_a_tombstone_is_not_answered() -> None:
    gone = Event.model_validate(
        {"id": UUID(int=1), "source": "s", "type": "nl.sluis.vervallen", "sequence": 1,
         "time": "2026-11-22T10:00:00Z"}
    )  # fmt: skip

    assert list(okt.taken_over(gone, TODAY)) == []
    assert list(okt.ended(gone, TODAY)) == []


@pytest.mark.parametrize(
    ("adapter", "outgoing"),
    [
        ("okt", okt.as_jw315(some("okt", 1)[0])),
        ("okt", okt.as_json(some("okt", 1)[0])),
        ("ggz", ggz.as_bundle(some("ggz", 1)[0])),
        ("professional", professional.as_workbook("w", some("madi", 4))),
    ],
)
def test_a_slip_of_the_pen_refuses_its_own_household_alone(
    adapter: str, outgoing: Outgoing
) -> None:
    good = len(outgoing.referrals) - 1
    found = records(adapter, spoilt(outgoing))

    assert [isinstance(one, Translated) for one in found] == [False] + [True] * good
    assert "elfproef" in [finding.problem for finding in found[0].findings]
