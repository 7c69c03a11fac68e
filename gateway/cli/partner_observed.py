"""Conformance of a partner whose key is not on this machine: by what it sent to us itself.

The list is the same one; what was not seen yet is told with what to send for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version

from gateway.sandbox.conformance import Verdict
from gateway.sandbox.conformance_report import CheckResult, ConformanceReport
from gateway.sandbox.conformance_table import CHECKS
from gateway.store.observed import Seen
from gateway.store.partners import StoredPartner
from gateway.store.protocols import StoredProtocol

_SEND = {
    "token": "vraag een token en stuur een aanmelding",
    "aanmelding": "stuur een goede aanmelding met verzonnen personen",
    "ongeldig": "stuur er een met een burgerservicenummer dat niet door de elfproef komt",
    "kenmerk": "stuur een andere inhoud onder een kenmerk dat u al gebruikte",
    "batch": "stuur een levering waarin een van de records niet leesbaar is",
    "ontvangstbewijs": "stuur een aanmelding voor een doel dat het protocol niet kent",
    "bevestigen": "haal uw postvak op en bevestig het",
}
_ELSEWHERE = "dit is alleen te zien met de sleutel van de partner; draai de proeven bij de partner"


def observed_report(
    partner: StoredPartner,
    protocol: StoredProtocol,
    gateway: str,
    log: str,
    seen: Seen,
    days: int,
    now: datetime,
) -> ConformanceReport:
    """The report of what was seen in so many days."""
    counts = _counts(seen)
    return ConformanceReport(
        partner=partner.id,
        adapter=partner.adapter,
        adapter_version=version("sluis"),
        gateway=gateway,
        log=log,
        protocol_version=protocol.version,
        protocol_digest=protocol.digest.hex(),
        run=f"gezien-{days}-dagen",
        made_at=now,
        checks=[_result(check.id, check.title, counts) for check in CHECKS],
    )


def _counts(seen: Seen) -> Mapping[str, int]:
    anything = seen.accepted + seen.unreadable + seen.reused + seen.no_flow + seen.deliveries
    return {
        "token": anything + seen.acknowledged,
        "aanmelding": seen.accepted,
        "ongeldig": seen.unreadable,
        "kenmerk": seen.reused,
        "batch": seen.mixed_deliveries,
        "ontvangstbewijs": seen.no_flow,
        "bevestigen": seen.acknowledged,
    }


def _result(id_: str, title: str, counts: Mapping[str, int]) -> CheckResult:
    if id_ not in counts:
        return CheckResult(id=id_, title=title, verdict=Verdict.NOT_ASKED, told=_ELSEWHERE)
    if counts[id_]:
        return CheckResult(id=id_, title=title, verdict=Verdict.PASSED, told="gezien")
    return CheckResult(
        id=id_, title=title, verdict=Verdict.FAILED, told="nog niet gezien", remedy=_SEND[id_]
    )
