"""docs/partners/casebook.md: its examples are messages, and its tables hold every code there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from gateway.api.mailbox import MailboxEvent
from gateway.api.registrations import RegistrationRequest
from schemas.casework import CaseStatus, CloseReason, StatusMessage
from schemas.partner_update import HelpKind, PartnerUpdate, Reachability, UpdateKind
from schemas.referral import Referral
from schemas.registrations import RegistrationAnswer, RegistrationResult

PAGE = (Path(__file__).parents[1] / "docs/partners/casebook.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json (\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
MODELS: dict[str, type[BaseModel]] = {
    "Statusbericht": StatusMessage,
    "Registraties": RegistrationRequest,
    "Uitkomsten": RegistrationAnswer,
    "Partnerbericht": PartnerUpdate,
    "Aanmelding": Referral,
}


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_every_example_is_a_message(name: str, text: str) -> None:
    if name == "Leden":
        assert [one.get("reedsBekend") for one in json.loads(text)] == [True, False, None]
        return
    MODELS[name].model_validate_json(text, by_alias=True, by_name=False)


@pytest.mark.parametrize("codes", [CaseStatus, CloseReason, UpdateKind, Reachability, HelpKind])
def test_every_code_stands_on_the_page(codes: type[CaseStatus]) -> None:
    assert [code.value for code in codes if f"`{code.value}`" not in PAGE] == []


def test_every_outcome_and_every_type_of_event_is_told() -> None:
    assert all(f"`{result.value}`" in PAGE for result in RegistrationResult)
    types = set(get_args(MailboxEvent.model_fields["type"].annotation))
    # What only institutions and the funder get is none of the casebook's.
    told = set(re.findall(r"`(nl\.sluis\.\w+)`", PAGE)) | {"nl.sluis.verantwoording"}
    assert types - {"nl.sluis.proef"} == told


def test_every_block_names_its_model() -> None:
    assert set(MODELS) | {"Leden"} == {name for name, _ in BLOCKS}
