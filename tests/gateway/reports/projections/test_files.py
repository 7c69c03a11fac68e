"""Lines in files: each once, whatever a crash left behind, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import asyncpg
import pytest

from gateway.audit.access import Actor, ActorKind
from gateway.reports.projections.files import (
    ACCESS_COLUMNS,
    COLUMNS,
    FileChangedError,
    FileReceiver,
    access_rows,
    csv_rows,
    head_of,
    json_lines,
)
from gateway.reports.projections.replay import Replay
from gateway.reports.projections.source import projector_of
from gateway.store.groups import VERWERKINGEN
from tests.gateway.reports.projections.logged import (
    ANNE,
    BRAM,
    SOURCE,
    access,
    leaf,
    log_all,
    projected,
)


def rows(told: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told.decode("utf-8-sig")), delimiter=";"))


async def test_json_lines_have_the_standards_names(tmp_path: Path) -> None:
    receiver = FileReceiver("jsonl", tmp_path / "regels.jsonl", json_lines)
    await receiver.begin(0)
    await receiver.deliver([projected(leaf(subjects=[ANNE, BRAM]), 5)])
    await receiver.close()

    told = [json.loads(one) for one in (tmp_path / "regels.jsonl").read_bytes().splitlines()]
    assert [set(one) - {"parent_span_id"} for one in told] == [
        {"trace_id", "span_id", "status", "name", "start_time", "end_time", "attributes",
         "resource", "sluis"}
    ] * 3  # fmt: skip
    assert told[1]["parent_span_id"] == told[0]["span_id"]
    assert told[0]["sluis"]["index"] == 5
    assert told[0]["resource"]["attributes"]["service.name"] == "sluis"
    mode = stat.S_IMODE((tmp_path / "regels.jsonl").stat().st_mode)
    assert mode == 0o600


async def test_csv_has_a_row_a_line_and_a_mark_for_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "regels.csv"
    receiver = FileReceiver("csv", path, csv_rows, head_of(COLUMNS))
    await receiver.begin(0)
    await receiver.deliver([projected(leaf(subjects=[ANNE]))])
    await receiver.deliver([projected(leaf(subjects=[BRAM]))])
    await receiver.close()

    told = path.read_bytes()
    assert told.startswith(b"\xef\xbb\xbfbegin;einde;")
    found = rows(told)
    assert [one["betrokkene"] for one in found] == [
        SOURCE.pseudonyms.of(ANNE),
        SOURCE.pseudonyms.of(BRAM),
    ]
    assert found[0]["begin"] == "2025-11-25T11:01:10.669Z"
    assert found[0]["stroom"] == "dwi-aanmelding"


def test_acts_are_rows_of_who_did_what_and_why() -> None:
    told = head_of(ACCESS_COLUMNS) + b"".join(access_rows(projected(access(subjects=[ANNE]))))
    (row,) = rows(told)
    assert row["handeling"] == "log.search"
    assert (row["gebruiker"], row["hoedanigheid"]) == ("fg", "functionaris")
    assert (row["reden"], row["zaak"]) == ("klacht", "2026-17")
    assert row["betrokkene"] == SOURCE.pseudonyms.of(ANNE)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_begins_as_a_formula(name: str) -> None:
    made = access(actor=Actor(ActorKind.OPERATOR, name))
    told = head_of(ACCESS_COLUMNS) + b"".join(access_rows(projected(made)))
    assert rows(told)[0]["gebruiker"] == f"'{name}"


async def test_what_a_crash_left_is_cut_off_and_no_line_stands_twice(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "regels.jsonl"

    def replay() -> Replay:
        receiver = FileReceiver("jsonl", path, json_lines)
        return Replay(
            pool.acquire, "bestand", VERWERKINGEN, receiver,
            projector_of(VERWERKINGEN, SOURCE), page=4,
        )  # fmt: skip

    await log_all(pool, [leaf() for _ in range(10)])
    first = replay()
    await first.turn()
    await first.close()
    confirmed = path.read_bytes()
    whole = replay()
    while not (await whole.turn()).is_idle:
        pass
    await whole.close()
    everything = path.read_bytes()
    await pool.execute(
        "update projection set next_index = 4, bytes = $1", len(confirmed)
    )  # as it was before
    path.write_bytes(everything[: len(confirmed) + 700])  # killed in the middle of a page
    second = replay()
    while not (await second.turn()).is_idle:
        pass
    await second.close()

    told = [json.loads(one) for one in path.read_bytes().splitlines()]
    assert [one["sluis"]["index"] for one in told] == list(range(10))
    assert path.read_bytes() == everything

    path.write_bytes(confirmed)
    await log_all(pool, [leaf()])
    third = replay()
    with pytest.raises(FileChangedError, match="shorter"):
        await third.turn()
    await third.close()


async def test_a_file_that_is_ahead_of_its_database_is_left_as_it_is(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    path = tmp_path / "regels.jsonl"
    await log_all(pool, [leaf()])
    ahead = b'{"trace_id":"of an entry that a restore took away"}\n'
    for written in (ahead, ahead * 3):
        await pool.execute("delete from projection")
        path.unlink(missing_ok=True)
        receiver = FileReceiver("jsonl", path, json_lines)
        await receiver.begin(0)
        await receiver.deliver([projected(leaf())])
        confirmed = path.read_bytes()
        await receiver.close()
        path.write_bytes(confirmed + written)
        again = FileReceiver("jsonl", path, json_lines)
        await again.begin(len(confirmed))
        with pytest.raises(FileChangedError, match="otherwise"):
            await again.deliver([projected(leaf())])
        await again.close()
        assert path.read_bytes() == confirmed + written


async def test_a_file_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "van-een-ander.csv"
    path.write_text("van een ander")
    receiver = FileReceiver("csv", path, csv_rows, head_of(COLUMNS))
    with pytest.raises(FileExistsError):
        await receiver.begin(0)
    assert path.read_text() == "van een ander"
