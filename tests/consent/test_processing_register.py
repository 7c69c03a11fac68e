"""The register of article 30: every column filled, versions by when they held."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from uuid import UUID

from consent.processing_register import (
    COLUMNS,
    InForce,
    PartyName,
    activities,
    register_csv,
    register_json,
)
from tests.support.small_protocol import STATUS_FLOW, protocol

FIRST, SECOND, THIRD = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 9))
PARTIES = {
    "dwi": PartyName("Dienst Werk en Inkomen", "00000099000000002000"),
    "casebook": PartyName("Casusregister", "00000099000000003000"),
}
ONE = protocol()
TWO = protocol(
    (
        'naOntvangstDagen = 14\n\n[gegevensstroom.velden]\n"lid',
        'naOntvangstDagen = 7\n\n[gegevensstroom.velden]\n"lid',
    ),
    version="2.0",
)
THREE = protocol((STATUS_FLOW, ""), version="3.0")
HISTORY = [InForce(ONE, FIRST, SECOND), InForce(TWO, SECOND, THIRD), InForce(THREE, THIRD, None)]


def rows(history: list[InForce]) -> list[dict[str, str]]:
    text = register_csv(activities(history), PARTIES)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:]), delimiter=";"))


def test_an_activity_has_a_row_for_each_time_in_which_it_stood_unchanged() -> None:
    told = [
        (row["stroom"], row["protocolversie"], row["geldig vanaf"][:10], row["geldig tot"][:10])
        for row in rows(HISTORY)
    ]
    assert told == [
        ("dwi-aanmelding", "1.0", "2026-01-01", "2026-06-01"),
        ("dwi-aanmelding", "2.0", "2026-06-01", "2026-09-01"),
        ("dwi-aanmelding", "3.0", "2026-09-01", ""),
        ("terugkoppeling-dwi", "1.0, 2.0", "2026-01-01", "2026-09-01"),
    ]


def test_a_flow_that_came_back_begins_anew() -> None:
    history = [
        InForce(ONE, FIRST, SECOND),
        InForce(THREE, SECOND, THIRD),
        InForce(protocol(version="4.0"), THIRD, None),
    ]
    told = [(r["geldig vanaf"][:10], r["geldig tot"][:10]) for r in rows(history)[-2:]]
    assert told == [("2026-01-01", "2026-06-01"), ("2026-09-01", "")]


def test_every_column_of_article_30_is_filled() -> None:
    row = rows([InForce(ONE, FIRST, None)])[0]
    assert tuple(row) == COLUMNS
    empty = {name for name, value in row.items() if not value}
    assert empty == {"verwerker", "geldig tot"}
    assert row["d. ontvanger"] == "Casusregister (OIN 00000099000000003000)"
    assert row["grondslag"].startswith("taak van algemeen belang: AVG art. 6 lid 1 onder e")
    assert "42 dagen" in row["f. bewaartermijn in de gateway"]


def test_a_cell_is_never_a_formula() -> None:
    evil = protocol(('omschrijving = "Een', 'omschrijving = "=HYPERLINK(1)Een'))
    row = rows([InForce(evil, FIRST, None)])[0]
    assert row["b. doel"].startswith("'=HYPERLINK")


def test_the_json_follows_the_draft_register() -> None:
    # The values that rvva-openapi 0.1 lists, written down by hand.
    bases = {"Consent", "Contract", "LegalObligation", "PublicInterest", "VitalInterest"}
    options = {"Copy", "Disclose", "Obtain", "Organise", "Remove", "Store", "Transfer"} | {
        "Transform",
        "Use",
    }
    register = json.loads(json.dumps(register_json(activities(HISTORY), PARTIES)))
    entities = {one["id"]: one["name"] for one in register["entities"]}
    first, second = register["processingActivities"]
    assert (first["active"], first["latestVersion"]) == (True, 3)
    assert second["active"] is False
    for activity in (first, second):
        UUID(activity["id"])
        for number, version in enumerate(activity["versions"], start=1):
            assert version["version"] == number
            assert set(version["legalBasis"]) <= bases
            assert set(version["processingOptions"]) <= options
            assert set(version["dataSubjects"]) <= {"Citizen", "Applicant", "VulnerableHuman"}
            assert version["recipients"]["entityId"] in entities
            assert version["personalData"]["retentionPeriod"] in ("P84D", "P77D")
            assert {one["measureType"] for one in version["measures"]} == {"Technical"}
            assert datetime.fromisoformat(version["validFrom"])


def test_ids_are_the_same_every_time() -> None:
    assert register_json(activities(HISTORY), PARTIES) == register_json(
        activities(HISTORY), PARTIES
    )
