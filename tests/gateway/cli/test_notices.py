"""A notice in one line, which names no person."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.cli.notices import gist_of
from gateway.client import Event
from schemas.corrections import CorrectionKind
from schemas.notices import AdviceRule

EXCHANGE = UUID("0199c0de-0000-7000-8000-000000000001")
PSEUDONYM = "A" * 43


def event(kind: str, **data: Any) -> Event:
    return Event.model_validate(
        {
            "id": "0199c0de-0000-7000-8000-000000000009",
            "source": "urn:sluis:proef",
            "type": f"nl.sluis.{kind}",
            "sequence": "1",
            "time": "2026-01-12T09:30:00Z",
            "data": {"uitwisselingId": str(EXCHANGE), **data},
        }
    )


@pytest.mark.parametrize("rule", AdviceRule)
def test_advice_says_what_to_do(rule: AdviceRule) -> None:
    told = gist_of(event("kennisgeving", regel=rule, kenmerk="DWI-1", lid=PSEUDONYM))
    assert told.startswith("DWI-1: ")
    assert PSEUDONYM not in told


@pytest.mark.parametrize("kind", CorrectionKind)
def test_a_correction_says_what_to_do(kind: CorrectionKind) -> None:
    told = gist_of(event("correctie", correctieId=str(EXCHANGE), soort=kind, lid=PSEUDONYM))
    assert told.startswith(f"{EXCHANGE}: ")
    assert PSEUDONYM not in told


def test_a_recall_says_how_much_of_it() -> None:
    whole = gist_of(event("intrekking", doel="toeleiding-wijkteam", categorie="*"))
    part = gist_of(event("intrekking", doel="toeleiding-wijkteam", categorie="zrm", lid=PSEUDONYM))
    assert whole == f"{EXCHANGE}: use stops, all of it"
    assert part == f"{EXCHANGE}: use stops, zrm of one member"


def test_a_handover_says_to_which_team() -> None:
    told = {"naarTeam": "zuidoost", "peildatum": "2026-11-30"}
    assert gist_of(event("overdracht", **told)) == f"{EXCHANGE}: handed over to zuidoost"
    known = gist_of(event("overdracht", vanTeam="centrum", **told))
    assert known == f"{EXCHANGE}: handed over from centrum to zuidoost"


@pytest.mark.parametrize(("own", "named"), [({"kenmerk": "DWI-1"}, "DWI-1"), ({}, str(EXCHANGE))])
def test_a_signal_names_the_sender_s_own_key_if_it_has_one(own: dict[str, str], named: str) -> None:
    told = {"regel": "eerste-contact-uitgebleven", "nummer": 1, "termijnDagen": 14}
    assert gist_of(event("signaal", **told, **own)).startswith(f"{named}: no first contact in 14")


def test_what_is_no_notice_has_no_gist() -> None:
    assert gist_of(event("aanmelding")) == ""
