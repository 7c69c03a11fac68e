"""The register: each version with its time, flows that share an activity, and every party."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from consent.processing_register import InForce, PartyName, register_id
from consent.protocol import load
from gateway.cli.setup import read_protocol
from gateway.reports.projections.activities import OWN
from gateway.reports.projections.lines import Links
from gateway.reports.projections.register import history_of, register_of
from gateway.store.protocols import StoredProtocol

TEXT = read_protocol(None).text
DWI = "https://register.voorbeeld.nl/verwerkingsactiviteiten/dwi-aanmelding"
OKT = "https://register.voorbeeld.nl/verwerkingsactiviteiten/okt-aanmelding"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
THEN = FIRST + timedelta(days=30)
OIN = "00000099000000001000"
PARTIES = {"dwi": PartyName("DWI", "00000099000000002000")}


def version(name: str, *changes: tuple[str, str]) -> str:
    text = TEXT.replace("2026.1-voorbeeld", name, 1)
    for old, new in changes:
        text = text.replace(old, new, 1)
    return text


def test_a_change_is_a_new_version_and_the_old_one_stays() -> None:
    changed = load(version("2026.2", ('omschrijving = "', 'omschrijving = "Nader: ')))
    history = [InForce(load(TEXT), FIRST, THEN), InForce(changed, THEN, None)]
    found = register_of(history, PARTIES, OIN).activities[register_id(DWI)]
    assert found.resource == {"id": register_id(DWI), "active": True, "latestVersion": 2}
    assert [one["validFrom"] for one in found.versions.values()] == [
        "2026-01-01T00:00:00+00:00", "2026-01-31T00:00:00+00:00",
    ]  # fmt: skip
    assert found.versions[1]["purpose"] != found.versions[2]["purpose"]


def test_a_version_that_changes_nothing_of_an_activity_is_none_of_it() -> None:
    history = [
        InForce(load(TEXT), FIRST, THEN),
        InForce(load(version("2026.2")), THEN, None),
    ]
    assert len(register_of(history, PARTIES, OIN).activities[register_id(DWI)].versions) == 1


def test_flows_that_share_an_activity_are_all_in_it() -> None:
    shared = load(version("2026.2", (OKT, DWI)))
    register = register_of([InForce(shared, FIRST, None)], PARTIES, OIN)
    found = register.activities[register_id(DWI)]
    assert {one["name"] for one in found.versions.values()} == {"dwi-aanmelding", "okt-aanmelding"}
    assert [one["version"] for one in found.versions.values()] == [1, 2]
    assert register.flows[register_id(DWI)] == {"dwi-aanmelding", "okt-aanmelding"}


def test_every_link_that_a_line_can_bear_is_in_it() -> None:
    register = register_of([InForce(load(TEXT), FIRST, None)], PARTIES, OIN)
    links = Links("https://sluis.voorbeeld.nl")
    for flow in load(TEXT).flows:
        assert links.activity(flow.processing_activity).rsplit("/", 1)[1] in register.activities
        for party in (flow.sender, flow.recipient):
            assert links.entity(party).rsplit("/", 1)[1] in register.entities
    for own in OWN:
        assert links.activity(own.uri).rsplit("/", 1)[1] in register.activities
    gateway = register.entities[register_id("sluis")]
    assert gateway["sluis"] == {"partner": "sluis", "oin": OIN}
    assert register.entities[register_id("dwi")]["name"] == "DWI"


def test_what_is_planned_is_not_in_force_and_what_is_unreadable_is_named() -> None:
    stored = [
        StoredProtocol("2026.3", b"3", version("2026.3"), FIRST + timedelta(days=90), True),
        StoredProtocol("oud", b"2", "[protocol]\n", THEN),
        StoredProtocol("2026.1", b"1", TEXT, FIRST),
    ]  # newest first, as they are stored
    history, unread = history_of(stored, FIRST + timedelta(days=60))
    assert [one.since for one in history] == [FIRST]
    assert history[0].until == THEN
    assert unread == ["oud"]
