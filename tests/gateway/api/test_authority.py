"""Authority over HTTP, and what a partner may look up of its own records."""

from __future__ import annotations

import httpx
import pytest

from tests.support.messages import fresh_bsn
from tests.support.refusals import assert_problem, faults
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


def stated(bsn: str, *holders: str, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "burgerservicenummer": bsn,
        "soort": "gezag",
        "houders": list(holders),
        "bron": "brp",
        "peildatum": "2026-01-09",
    }
    return {**made, **changes}


async def test_a_statement_is_recorded_with_an_entry(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    answer = await dwi.post("/v1/gezag", json=stated(fresh_bsn(), fresh_bsn()))
    assert answer.status_code == 201
    (entry,) = [one for one in await gateway.entries() if one["id"] == answer.json()["logregelId"]]
    assert (entry["event"], entry["kind"], entry["source"]) == ("gezag", "gezag", "brp")
    assert len(entry["subjects"]) == 1, "who holds authority is not in the log"


async def test_a_day_to_come_is_refused_by_field_and_rule(dwi: httpx.AsyncClient) -> None:
    answer = await dwi.post("/v1/gezag", json=stated(fresh_bsn(), peildatum="2199-01-01"))
    problem = assert_problem(answer, 400, "2199-01-01")
    assert faults(problem) == {("peildatum", "datum-in-toekomst")}


async def test_who_is_in_no_flow_that_asks_agreement_states_nothing(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("toezicht") as supervisor:
        answer = await supervisor.post("/v1/gezag", json=stated(fresh_bsn()))
    assert_problem(answer, 403)


async def test_a_partner_sees_what_it_recorded_and_nothing_of_others(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    bsn = fresh_bsn()
    said = {
        "burgerservicenummer": bsn,
        "doel": "toeleiding-wijkteam",
        "ontvanger": "casebook",
        "gegeven": True,
        "op": "2026-01-09T14:00:00+01:00",
    }
    recorded = (await dwi.post("/v1/toestemmingen", json=said)).json()
    await dwi.post("/v1/gezag", json=stated(bsn, fresh_bsn()))
    async with gateway.partner("casebook") as casebook:
        await casebook.post("/v1/toestemmingen", json={**said, "gegeven": False})
        theirs = await casebook.post(
            "/v1/toestemmingen/opvraging", json={"burgerservicenummer": bsn}
        )
    own = await dwi.post("/v1/toestemmingen/opvraging", json={"burgerservicenummer": bsn})

    (mine,) = own.json()["toestemmingen"]
    assert (mine["toestemmingId"], mine["gegeven"]) == (recorded["toestemmingId"], True)
    assert [one["aantalHouders"] for one in own.json()["gezag"]] == [1]
    assert [one["gegeven"] for one in theirs.json()["toestemmingen"]] == [False]
    assert theirs.json()["gezag"] == []
    assert bsn not in own.text


async def test_of_a_stranger_the_answer_is_as_of_anybody_without_records(
    dwi: httpx.AsyncClient,
) -> None:
    answer = await dwi.post(
        "/v1/toestemmingen/opvraging", json={"burgerservicenummer": fresh_bsn()}
    )
    assert answer.json() == {"toestemmingen": [], "gezag": []}
