from __future__ import annotations

import csv
import io
from pathlib import Path

from gateway.bench.messages import Screening, write_households, write_referrals
from schemas.referral import Referral


def _nobody(_: int) -> None:
    pass


def test_every_referral_can_be_permitted_and_no_two_are_alike(tmp_path: Path) -> None:
    path = tmp_path / "aanmeldingen.ndjson"

    write_referrals(path, 400, _nobody)

    referrals = [Referral.model_validate_json(line) for line in path.read_bytes().splitlines()]
    members = [member for referral in referrals for member in referral.household.members]
    assert len({referral.reference for referral in referrals}) == 400
    assert len({member.bsn for member in members}) == len(members) > 800
    assert all(member.agreement is not None and member.agreement.given for member in members)


def test_deliveries_of_one_screening_share_no_client(tmp_path: Path) -> None:
    screening, path = Screening(300), tmp_path / "levering.csv"
    seen: set[str] = set()

    for _ in range(3):
        screening.write(path, 100, _nobody)
        rows = list(csv.DictReader(io.StringIO(path.read_text()), delimiter=";"))
        assert len(rows) == 100
        assert all(row["instemming"] == "ja" and row["instemming_op"] for row in rows)
        seen |= {row["kenmerk"] + row["bsn"] for row in rows}

    assert len(seen) == 300


def test_households_are_told_of_while_they_are_made(tmp_path: Path) -> None:
    told: list[int] = []

    write_households(tmp_path / "levering.csv", 600, told.append)

    assert told == [0, 500]
