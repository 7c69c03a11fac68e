"""FHIR AuditEvents: R4's structure, and the patterns of IHE BALP where an event claims one.

The structure was held once against the official JSON schema (R4B, whose AuditEvent is R4's) and
the models of `fhir.resources`, as docs/log-standards.md says; here stand the rules that those do
not know, taken from the profiles: cardinalities by slice, fixed codes, and the invariants.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.audit.access import Action, Actor, ActorKind
from gateway.audit.entries import Event
from gateway.reports.projections.answers import Answer
from gateway.reports.projections.fhir import Place, events_of, ndjson, verdict_on
from gateway.reports.projections.receiving import Confirmed, Later, Rejected
from gateway.store.groups import Leaf
from tests.gateway.reports.projections.logged import (
    ANNE,
    BASE,
    BRAM,
    OIN,
    SOURCE,
    access,
    leaf,
    projected,
)

Json = dict[str, Any]
PLACE = Place(OIN, BASE, {"dwi": "00000099000000002000", "casebook": "00000099000000003000"})
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
PARTNER = Actor(ActorKind.PARTNER, "dwi", "sleutel")
SOURCE_ROLE, DESTINATION_ROLE = "110153", "110152"
ALL = [
    *(leaf(event, [ANNE]) for event in Event if event is not Event.ACCESS),
    leaf(Event.DECISION, [ANNE, BRAM], decision="geweigerd"),
    leaf(Event.DISCLOSURE),
    *(access(action, PARTNER, [ANNE]) for action in Action),
    *(access(action) for action in Action),
    access(is_error=True),
]


def events(made: Leaf) -> list[Json]:
    return json.loads(json.dumps(events_of(projected(made), PLACE)))  # type: ignore[no-any-return]


def agents(event: Json, code: str) -> list[Json]:
    return [
        one
        for one in event["agent"]
        if code in {coding["code"] for coding in one.get("type", {}).get("coding", [])}
    ]


def entities(event: Json, code: str) -> list[Json]:
    return [one for one in event["entity"] if one["type"]["code"] == code]


@pytest.mark.parametrize("made", ALL, ids=lambda made: json.loads(made.entry)["event"])
def test_every_event_has_what_r4_requires(made: Leaf) -> None:
    for event in events(made):
        assert event["resourceType"] == "AuditEvent"
        assert 1 <= len(event["id"]) <= 64
        assert event["type"]["system"]
        assert event["type"]["code"]
        assert event["recorded"].endswith("Z")
        assert event["action"] in "CRUDE"
        assert event["outcome"] in {"0", "4", "8", "12"}
        assert event["agent"]
        assert all(isinstance(one["requestor"], bool) for one in event["agent"])
        assert sum(one["requestor"] for one in event["agent"]) == 1
        assert event["source"]["observer"]
        for one in event["entity"]:
            assert not ("name" in one and "query" in one)  # sev-1


def test_a_hand_over_is_a_privacy_disclosure_at_source() -> None:
    anne, bram = events(leaf(Event.DISCLOSURE, [ANNE, BRAM]))
    for event, person in ((anne, ANNE), (bram, BRAM)):
        assert event["meta"]["profile"] == [f"{BALP}PrivacyDisclosure.Source"]
        assert event["type"]["code"] == "110106"
        assert event["action"] == "R"
        assert event["outcome"] == "0"
        assert "disclose" in {one["code"] for one in event["subtype"]}
        (source,) = agents(event, SOURCE_ROLE)
        (recipient,) = agents(event, DESTINATION_ROLE)
        assert source["who"] == event["source"]["observer"]  # val-audit-source
        assert source["network"]
        assert recipient["who"]["identifier"]["value"] == "00000099000000003000"
        assert recipient["network"]
        (patient,) = entities(event, "1")
        assert patient["role"]["code"] == "1"
        assert patient["what"]["type"] == "Patient"
        assert patient["what"]["identifier"]["value"] == SOURCE.pseudonyms.of(person)
        assert len(event["entity"]) >= 2
        assert "modifierExtension" not in event
        assert event["purposeOfEvent"] == [{"text": "Hulp voor huishoudens"}]


def test_a_message_that_came_is_a_patient_create() -> None:
    (event,) = events(leaf(subjects=[ANNE]))
    assert event["meta"]["profile"] == [f"{BALP}PatientCreate"]
    assert (event["type"]["code"], event["action"]) == ("rest", "C")
    assert [one["code"] for one in event["subtype"]] == ["create"]
    (client,) = agents(event, SOURCE_ROLE)
    (server,) = agents(event, DESTINATION_ROLE)
    assert client["who"]["identifier"]["value"] == "00000099000000002000"
    assert server["who"]["identifier"]["value"] == OIN
    assert client["network"]
    assert server["network"]
    (data,) = entities(event, "2")
    assert data["role"]["code"] == "4"
    assert data["what"]


@pytest.mark.parametrize(("subjects", "profile"), [([ANNE], "PatientRead"), ([], "Read")])
def test_a_look_by_a_partner_is_a_read(subjects: list[Any], profile: str) -> None:
    (event,) = events(access(Action.READ, PARTNER, subjects))
    assert event["meta"]["profile"] == [f"{BALP}{profile}"]
    assert [one["code"] for one in event["subtype"]] == ["read"]
    (client,) = agents(event, DESTINATION_ROLE)  # data flow to who reads
    (server,) = agents(event, SOURCE_ROLE)
    assert client["who"]["identifier"]["value"] == "00000099000000002000"
    assert server["who"]["identifier"]["value"] == OIN


def test_an_officer_is_a_user_and_the_event_claims_no_profile() -> None:
    (event,) = events(access(subjects=[ANNE]))
    assert "meta" not in event
    (user,) = agents(event, "IRCP")
    assert user["requestor"] is True
    assert user["who"]["identifier"]["value"] == "fg"
    assert "network" not in user


@pytest.mark.parametrize(
    "made",
    [
        leaf(subjects=[ANNE], decision="geweigerd"),
        leaf(Event.DISCLOSURE),  # about nobody: everybody in it was erased
        leaf(Event.ERASURE, [ANNE]),
        access(Action.READ, PARTNER, [ANNE], is_error=True),
    ],
)
def test_what_failed_or_is_about_nobody_claims_no_profile(made: Leaf) -> None:
    assert all("meta" not in one for one in events(made))


def test_no_identifier_and_no_subject_id_stands_in_an_event() -> None:
    for made in ALL:
        for told in ndjson(projected(made), PLACE):
            assert str(ANNE).encode() not in told
            assert ANNE.hex.encode() not in told


def parts(*statuses: str) -> bytes:
    entries = [{"response": {"status": one}} for one in statuses]
    return json.dumps({"resourceType": "Bundle", "entry": entries}).encode()


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, parts("201 Created", "200 OK", "201"), Confirmed()),
        (200, parts("201", "422 Unprocessable", "201"), Rejected("status-422", frozenset({0}))),
        (200, parts("201", "201", "400"), Rejected("status-400", frozenset({1}))),
        (200, parts("201", "503", "422"), Later("status-503")),
        (200, parts("201", "403", "201"), Later("status-403")),
        (200, parts("201"), Later("answer-unreadable")),
        (200, b"<html>", Later("answer-unreadable")),
        (422, b"", Rejected("status-422")),
        (503, b"", Later("status-503")),
        (401, b"", Later("status-401")),
    ],
)
def test_each_part_of_the_answer_is_looked_at(status: int, body: bytes, verdict: object) -> None:
    assert verdict_on(Answer(status, body, None), [0, 0, 1]) == verdict
