from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.client import FieldError, Unacceptable
from gateway.sandbox import verslag
from gateway.sandbox.verslag import LISTED, OutcomeSummary, rejection_text, report_text
from schemas.decisions import Outcome, Rule
from schemas.deliveries import (
    DeliveryReport,
    DeliveryState,
    Problem,
    RecordFinding,
    RecordOutcome,
)

NOW = datetime(2013, 12, 31, 12, 0, 5, tzinfo=UTC)
ID = UUID("6f4f3b0e-9d4c-4a94-8a30-5b8c4b3f2a11")


def _outcome(number: int, decision: Outcome, rule: Rule, field: str | None = None) -> RecordOutcome:
    findings = [RecordFinding(line=number + 1, field="geboortedatum", problem=Problem.MISSING)]
    return RecordOutcome(
        record=number,
        line=number + 1,
        reference=f"DWI-{number}",
        decision=decision,
        rule=rule,
        field=field,
        findings=findings if number == 2 else [],
    )


def _report(**more: object) -> DeliveryReport:
    known: dict[str, object] = {
        "delivery_id": ID,
        "state": DeliveryState.DONE,
        "received_at": NOW,
        "finished_at": NOW,
        "bytes_received": 1234567,
        "records": 2200,
        "accepted": 2197,
        "held": 1,
        "refused": {"grondslag-niet-toegelaten": 1, "niet-leesbaar": 1},
        "duplicates": 0,
        "missing": {"geboortedatum ontbreekt": 110},
    }
    return DeliveryReport.model_validate(known | more)


def test_the_report_reads_as_an_application_manager_needs_it() -> None:
    summary = OutcomeSummary()
    summary.add(_outcome(1, Outcome.ACCEPTED, Rule.PERMITTED))
    summary.add(_outcome(2, Outcome.HELD, Rule.AGREEMENT_INCOMPLETE))
    summary.add(_outcome(3, Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED))
    summary.add(_outcome(4, Outcome.REFUSED, Rule.UNREADABLE, "bsn"))

    assert report_text("levering.csv", _report(), summary) == (
        "Leveringsverslag\n"
        "================\n"
        "Bestand          levering.csv\n"
        "Levering         6f4f3b0e-9d4c-4a94-8a30-5b8c4b3f2a11\n"
        "Ontvangen        31-12-2013 12:00:05 UTC\n"
        "Verwerkt         31-12-2013 12:00:05 UTC\n"
        "Omvang           1.234.567 bytes\n"
        "Uitkomst         verwerkt\n"
        "\n"
        "Aanmeldingen         2.200\n"
        "  toegelaten         2.197\n"
        "  aangehouden            1\n"
        "  geweigerd              2\n"
        "  dubbel                 0\n"
        "\n"
        "Aangehouden, en waarom\n"
        "         1  instemming-onvolledig: De instemming van het huishouden is niet volledig"
        " vastgelegd.\n"
        "\n"
        "Geweigerd, en waarom\n"
        "         1  grondslag-niet-toegelaten: De grondslag ontbreekt of staat voor deze stroom"
        " niet in het privacyprotocol.\n"
        "         1  niet-leesbaar: De regel is niet te lezen; zie het genoemde veld.\n"
        "\n"
        "Geweigerd, naar veld\n"
        "         1  bsn\n"
        "\n"
        "Wat ontbrak of opviel, naar veld\n"
        "       110  geboortedatum ontbreekt\n"
        "\n"
        "Regels die niet zijn doorgegeven\n"
        "     regel  kenmerk                 besluit      waarom                        veld\n"
        "         3  DWI-2                   aangehouden  instemming-onvolledig         "
        "geboortedatum ontbreekt\n"
        "         4  DWI-3                   geweigerd    grondslag-niet-toegelaten\n"
        "         5  DWI-4                   geweigerd    niet-leesbaar                 bsn\n"
    )


def test_an_unreadable_delivery_says_why_and_counts_nothing() -> None:
    report = _report(state=DeliveryState.UNREADABLE, error="kolom kenmerk ontbreekt", missing={})

    text = report_text("levering.csv", report, OutcomeSummary())

    assert "Uitkomst         niet leesbaar; er is niets verwerkt\n" in text
    assert "Reden            kolom kenmerk ontbreekt\n" in text
    assert "toegelaten" not in text


def test_a_repeated_delivery_says_so() -> None:
    text = report_text("levering.csv", _report(is_repeat=True), OutcomeSummary())

    assert "Ditzelfde bestand was eerder ontvangen; er is niets opnieuw verwerkt.\n" in text


def test_a_million_refusals_take_no_more_memory_than_those_listed() -> None:
    summary = OutcomeSummary()
    refused = _outcome(3, Outcome.REFUSED, Rule.UNREADABLE, "bsn")
    for _ in range(LISTED + 1234):
        summary.add(refused)

    text = report_text("levering.csv", _report(), summary)

    assert len(summary.listed) == LISTED
    assert "... en nog 1.234; alle staan in het verslag in JSON.\n" in text


def test_a_rejected_file_says_why() -> None:
    problem = Unacceptable(
        413, "Levering te groot", "ten hoogste 1 GB", fields=(FieldError("levering", "te-groot"),)
    )

    assert rejection_text("levering.csv", problem, NOW) == (
        "Levering geweigerd\n"
        "==================\n"
        "Bestand          levering.csv\n"
        "Geweigerd        31-12-2013 12:00:05 UTC\n"
        "Reden            Levering te groot (413)\n"
        "Toelichting      ten hoogste 1 GB\n"
        "  veld levering: te-groot\n"
        "\n"
        "Er is niets uit dit bestand verwerkt.\n"
    )


@pytest.mark.parametrize("rule", list(Rule))
def test_each_rule_is_explained(rule: Rule) -> None:
    assert verslag._RULES[rule].endswith(".")
