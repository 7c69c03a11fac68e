"""`sluis recover` in the access log: that it was done, and not how often."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.cli import recover
from gateway.exchange import narrowing
from gateway.store.groups import BESCHERMD, TOEGANG
from gateway.store.ids import new_id
from tests.gateway.cli.commands import RunWith
from tests.gateway.exchange.road import KEYS, Road, open_road
from tests.support.journals import fresh_journal
from tests.support.messages import Json


async def entries(road: Road, series: int) -> list[Json]:
    rows = await road.pool.fetch(
        """select l.entry from log_leaf l join log_head h on h.log = l.log
            where h.series = $1 order by l.index""",
        series,
    )
    return [json.loads(row[0]) for row in rows]


async def test_invariant_14_the_access_log_does_not_count_what_was_done_again(
    database: str, tmp_path: Path, run_with: RunWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_KEY_PROVIDER", "environment")
    monkeypatch.setenv("SLUIS_ROOT_KEY", base64.b64encode(bytes(range(32))).decode())
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o700)
    now = datetime.now(UTC)
    lines = narrowing.never_notify(
        bytes(32), {new_id(): "dwi"}, new_id(), date(2099, 1, 1), "okt", now
    )
    run = run_with(recover)
    async with open_road(database) as road:
        await fresh_journal(KEYS, folder).write(lines)

        status, out, err = await run("recover", "--yes", "--json", "--journal", str(folder))

        assert status == 0, err
        assert json.loads(out)["done"] == {"veilig-contact": 1}
        (again,) = await entries(road, BESCHERMD)
        assert again["event"] == "veilig-contact"
        (act,) = await entries(road, TOEGANG)
        assert (act["operation"], act["outcome"]) == ("recover", "gedaan")
