"""`sluis emergency review`: where it is recorded that somebody reviewed a release."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.cli import emergency, officer
from gateway.store.groups import TOEGANG, TOEGANG_BESCHERMD
from tests.gateway.cli.commands import RunWith
from tests.gateway.exchange.road import Road, open_road
from tests.support import protected
from tests.support.messages import Json, member

_BSN = 'bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n'
REPORT = protected.flow(
    "okt-melding", "okt", "veilig-thuis", purpose="melding-veiligheid",
    more=f"{protected.ALWAYS}\n{protected.EMERGENCY}", locks=_BSN + protected.UNASKED,
)  # fmt: skip
TEXT = protected.protocol("1.0", protected.DWI, protected.REFER, REPORT)


async def reviews(road: Road, series: int) -> list[Json]:
    rows = await road.pool.fetch(
        """select l.entry from log_leaf l join log_head h on h.log = l.log
            where h.series = $1 order by l.index""",
        series,
    )
    entries = [json.loads(row[0]) for row in rows]
    return [one for one in entries if one.get("operation") == "emergency.review"]


async def test_invariant_14_a_review_of_a_protected_release_stands_with_its_entries(
    database: str, tmp_path: Path, run_with: RunWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_KEY_PROVIDER", "environment")
    monkeypatch.setenv("SLUIS_ROOT_KEY", base64.b64encode(bytes(range(32))).decode())
    run = run_with(emergency, officer)
    async with open_road(database, TEXT) as road:
        role = ("privacyfunctionaris", "--mandate", "besluit 7", "--mandate-ends", "2099-12-31")
        added = await run("officer", "add", "anna", "--name", "a", "--sandbox", "--role", *role)
        assert added[0] == 0, added
        message = protected.emergency(member())
        openly = (await road.refer(message, "okt"))["uitwisselingId"]
        hidden = await road.refer(message | {"kenmerk": "N-2", "ontvanger": "veilig-thuis"}, "okt")
        apart = hidden["uitwisselingId"]
        about = ("--outcome", "terecht", "--remark", "Gebeld.", "--as", "anna")

        done = [
            (await run("emergency", "review", one, *about))[0] for one in (openly, apart, apart)
        ]

        assert done[:2] == [0, 0]
        assert done[2] != 0
        assert [one["target"]["id"] for one in await reviews(road, TOEGANG)] == [openly]
        assert [
            (one["target"]["id"], one["status"]) for one in await reviews(road, TOEGANG_BESCHERMD)
        ] == [(apart, "Ok"), (apart, "Error")]
