"""`sluis project`, as an operator types it, on a real database and to a real collector."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from gateway import cli
from gateway.audit.entries import Event
from gateway.cli import officer, project
from gateway.reports.projections.lines import span_of
from gateway.store.groups import BESCHERMD, TOEGANG
from tests.gateway.cli.commands import Run, RunWith
from tests.gateway.reports.projections.collector import OK, Json, collecting, spans_of
from tests.gateway.reports.projections.logged import ANNE, BRAM, access, leaf, log_all
from tests.gateway.reports.projections.logged import read as read_back


@pytest.fixture
def run(run_with: RunWith, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(project, "pause_after", lambda *_: 0.0)
    return run_with(officer, project, before=("project",))


async def acts(pool: asyncpg.Pool) -> list[Json]:
    rows = await pool.fetch("select entry from log_leaf where log >= 3 order by log, index")
    return [json.loads(row[0]) for row in rows]


async def test_a_file_grows_with_the_log_and_each_time_is_an_act(
    pool: asyncpg.Pool, run: Run, tmp_path: Path
) -> None:
    await log_all(pool, [leaf(), leaf(subjects=[ANNE, BRAM])])
    path = tmp_path / "regels.csv"
    status, out, _ = await run("csv", str(path))
    assert status == 0
    assert "4 lines of 2 entries" in out
    assert len(path.read_text().splitlines()) == 5

    await log_all(pool, [leaf()])
    status, out, _ = await run("csv", str(path), "--json")
    told = json.loads(out)
    assert (told["entries"], told["lines"], told["unsigned"]) == (1, 1, 0)
    assert len(path.read_text().splitlines()) == 6

    found = await acts(pool)
    assert [one["operation"] for one in found] == ["project.csv"] * 2
    assert {one["target"]["kind"] for one in found} == {"projection"}


async def test_another_file_of_the_same_name_is_another_projection(
    pool: asyncpg.Pool, run: Run, tmp_path: Path
) -> None:
    await log_all(pool, [leaf()])
    assert (await run("jsonl", str(tmp_path / "a.jsonl"), "--name", "regels"))[0] == 0
    status, _, err = await run("jsonl", str(tmp_path / "b.jsonl"), "--name", "regels")
    assert status == 2
    assert "another receiver" in err
    assert not (tmp_path / "b.jsonl").exists()
    assert (await run("forget", "regels"))[0] == 0
    assert (await run("jsonl", str(tmp_path / "b.jsonl"), "--name", "regels"))[0] == 0
    assert (await run("forget", "bestaat-niet"))[0] == 2


async def test_a_collector_gets_what_it_takes_and_the_rest_is_listed(
    pool: asyncpg.Pool, run: Run, tmp_path: Path
) -> None:
    made = [leaf() for _ in range(6)]
    poison = span_of(read_back(made[2]).id)
    await log_all(pool, made)
    told = tmp_path / "koppen"
    told.write_text("# van de beheerder van de verzamelaar\nAuthorization: Bearer proef\n")
    told.chmod(0o600)

    def picky(body: Json, _: int) -> tuple[int, bytes]:
        return (400, b"") if poison in {span for _, span in spans_of(body)} else OK

    async with collecting(behave=picky) as collector:
        status, out, _ = await run(
            "otlp", collector.address, "--headers", str(told), "--name", "verzamelaar"
        )
        assert status == 0
        assert "1 entries were refused" in out
        assert len(collector.taken) == 5
        assert collector.headers[0]["authorization"] == "Bearer proef"
        status, out, _ = await run("list", "--json")
        (listed,) = json.loads(out)["projections"]
        assert (listed["lines"], listed["behind"], listed["parked"]) == ("6", "0", "1")
        status, out, _ = await run("parked", "verzamelaar", "--json")
        (parked,) = json.loads(out)["parked"]
        assert (parked["index"], parked["reason"]) == ("2", "status-400")

        poison = ""
        status, out, _ = await run("otlp", collector.address, "--name", "verzamelaar", "--retry")
        assert status == 0
        assert "1 entries were taken after all" in out
        assert len(collector.taken) == 6


async def test_a_receiver_that_is_away_is_told_and_loses_nothing(
    pool: asyncpg.Pool, run: Run
) -> None:
    await log_all(pool, [leaf()])
    async with collecting(behave=lambda *_: (503, b"")) as collector:
        status, _, err = await run("otlp", collector.address, "--name", "weg")
        assert status == 3
        assert "status-503" in err
        assert "nothing is lost" in err
        collector.behave = lambda *_: OK
        assert (await run("otlp", collector.address, "--name", "weg"))[0] == 0
        assert len(collector.taken) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("otlp", "http://collector.voorbeeld.nl"), "HTTPS"),
        (("csv", "x.csv", "--series", "alles"), "no log"),
        (("csv", "x.csv", "--domain", "Met Hoofdletters"), "no name"),
        (("csv", "x.csv", "--series", "beschermd"), "an officer"),
        (("parked", "bestaat-niet"), "no projection"),
    ],
)
async def test_what_is_asked_wrongly_is_told_with_its_remedy(
    run: Run, arguments: tuple[str, ...], told: str
) -> None:
    status, _, err = await run(*arguments)
    assert status == 2
    assert told in err


async def test_a_file_of_headers_that_others_may_read_is_refused(run: Run, tmp_path: Path) -> None:
    told = tmp_path / "koppen"
    told.write_text("Authorization: Bearer proef\n")
    told.chmod(0o644)
    status, _, err = await run("otlp", "http://127.0.0.1:9", "--headers", str(told))
    assert status == 1
    assert "chmod 600" in err
    told.chmod(0o600)
    told.write_text("geen kop met geheim\n")
    status, _, err = await run("otlp", "http://127.0.0.1:9", "--headers", str(told))
    assert status == 1
    assert "line 1" in err
    assert "geheim" not in err


async def test_protected_lines_go_nowhere_without_an_officer_and_are_not_counted(
    pool: asyncpg.Pool, run: Run, tmp_path: Path
) -> None:
    await log_all(pool, [leaf(Event.DISCLOSURE, [ANNE])], BESCHERMD)
    path = tmp_path / "beschermd.csv"
    asked = ("csv", str(path), "--series", "beschermd", "--as", "po")
    status, _, _ = await run(*asked)
    assert status != 0
    assert not path.exists()
    await pool.execute(
        "insert into subject (id, kek_epoch, wrapped) values ($1, 1, $2)", ANNE, b"verpakt"
    )
    added = ["officer", "add", "po", "--name", "P. Officier", "--role", "privacyfunctionaris"]
    mandate = ["--mandate", "M-1", "--mandate-ends", "2099-01-01", "--sandbox"]
    assert await asyncio.to_thread(cli.main, [*added, *mandate]) == 0
    status, out, err = await run(*asked)
    assert status == 0, err
    assert "urn:sluis:pseudoniem:ldv-beschermd" in path.read_text()
    status, out, _ = await run("list", "--json")
    (listed,) = json.loads(out)["projections"]
    assert (listed["lines"], listed["behind"], listed["parked"]) == ("-", "-", "-")
    # The act itself stands where nobody else looks.
    rows = await pool.fetch("select log, entry from log_leaf where log in (3, 4)")
    where = {row[0] for row in rows if b'"project.csv"' in row[1] and b'"Ok"' in row[1]}
    assert where == {4}


async def test_the_access_log_is_a_projection_of_its_own(
    pool: asyncpg.Pool, run: Run, tmp_path: Path
) -> None:
    await log_all(pool, [access(subjects=[ANNE])], TOEGANG)
    path = tmp_path / "toegang.csv"
    assert (await run("csv", str(path), "--series", "toegang"))[0] == 0
    rows = path.read_text().splitlines()
    assert rows[0].startswith("\ufeffbegin;einde;handeling;actie")
    assert ";log.search;R;" in rows[1]
    folder = tmp_path / "fhir"
    assert (await run("fhir", str(folder), "--series", "toegang"))[0] == 0
    events = [json.loads(one) for one in (folder / "AuditEvent.ndjson").read_text().splitlines()]
    assert events[0]["resourceType"] == "AuditEvent"
