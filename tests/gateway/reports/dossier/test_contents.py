"""`dossier.json` has the form that is published, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from gateway.reports.dossier.contents import Written
from tests.gateway.exchange.road import open_road
from tests.support.dossiers import Desk
from tests.support.messages import fresh_bsn, member, referral

SCHEMA = Path(__file__).parents[4] / "docs" / "dossier.schema.json"


def test_the_published_schema_is_that_of_the_code() -> None:
    made = Written.model_json_schema(by_alias=True)
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == made, (
        "write it anew: json.dumps(Written.model_json_schema(by_alias=True), indent=1)"
    )


async def test_a_dossier_is_as_the_schema_says(database: str) -> None:
    async with open_road(database) as road:
        desk = await Desk(road).open()
        mother = fresh_bsn()
        await road.refer(referral(member(mother)))
        await road.acknowledge()
        await road.say(mother, False)
        draft = await desk.draft(mother)
        written = await desk.release(draft.dossier.id)
    told = json.loads(written.model_dump_json(by_alias=True))
    jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert set(told) == {"formaat", "dossier", "bewijzen", "vrijgave"}


def test_anything_else_in_it_is_refused() -> None:
    with pytest.raises(ValidationError):
        Written.model_validate({"formaat": "sluis-dossier-v1", "bewijzen": [], "meer": 1})
