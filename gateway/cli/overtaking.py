"""Two withdrawals in the demo: one overtakes a message that waits, one reaches a message that went.

Both persons are synthetic. Each run refers them anew, with an agreement of today and a reference of
its own, so that the steps show the same in a home that was used before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.client import AsyncSluis, Event
from gateway.sandbox.dossiers import FolderDossiers
from gateway.sandbox.population.bsn import BsnSeries
from schemas.consents import ConsentReceipt, ConsentRecord
from schemas.notices import RecallReport
from schemas.receipts import Answer
from schemas.referral import Referral

PURPOSE, RECIPIENT = "toeleiding-wijkteam", "casebook"
_SERIES = BsnSeries(seed=2013)


class WatchedDossiers(FolderDossiers):
    """The casebook's dossiers, with what was new in them since they were opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fresh: list[Event] = []

    def keep(self, events: Sequence[Event]) -> None:
        super().keep(events)
        self.fresh += events


@dataclass(frozen=True, slots=True)
class Applicant:
    """A synthetic person who applies alone, agrees, and thinks better of it."""

    bsn: str
    answer: Answer

    @property
    def exchange(self) -> UUID:
        """The exchange of the referral."""
        return self.answer.exchange_id


async def refer_two(dwi: AsyncSluis) -> tuple[Applicant, Applicant]:
    """Refer two persons who agree today."""
    return await _refer(dwi, 0), await _refer(dwi, 1)


async def withdraw(dwi: AsyncSluis, applicant: Applicant) -> ConsentReceipt:
    """Record that somebody agrees no longer; it works before this returns."""
    record = ConsentRecord.model_validate(
        {
            "burgerservicenummer": applicant.bsn,
            "doel": PURPOSE,
            "ontvanger": RECIPIENT,
            "gegeven": False,
            "op": datetime.now(UTC),
        }
    )
    return await dwi.record_consent(record)


async def recalled(dwi: AsyncSluis, receipt: ConsentReceipt) -> RecallReport:
    """Who was told that a use stops, and who has acknowledged it."""
    return await dwi.recall_report(receipt.consent_id)


async def _refer(dwi: AsyncSluis, number: int) -> Applicant:
    now = datetime.now(UTC)
    bsn = _SERIES.at(number)
    # Said now, and not today: a "no" of an earlier run of the same day would outweigh it.
    agreed = ConsentRecord.model_validate(
        {
            "burgerservicenummer": bsn,
            "doel": PURPOSE,
            "ontvanger": RECIPIENT,
            "gegeven": True,
            "op": now,
        }
    )
    await dwi.record_consent(agreed)
    person = {
        "rol": "aanmelder",
        "burgerservicenummer": bsn,
        "voorletters": "S.",
        "achternaam": "Synthetisch",
        "geboortedatum": "1980-05-01",
    }
    referral = Referral.model_validate(
        {
            "kenmerk": f"DEMO-{number + 1}-{now:%Y%m%dT%H%M%S%f}",
            "aangemeldOp": now.date().isoformat(),
            "grondslag": "participatiewet",
            "huishouden": {"leden": [person]},
        }
    )
    return Applicant(bsn, await dwi.refer(referral))
