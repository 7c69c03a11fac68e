from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from gateway.bench.baseline import ALGORITHM, ISSUER
from gateway.bench.messages import Screening, write_referrals
from gateway.bench.processes import started


def _token(key: OKPKey, *, lasts: int = 60) -> str:
    claims = {"iss": ISSUER, "sub": "dwi", "exp": int(time.time()) + lasts}
    return jwt.encode({"alg": ALGORITHM}, claims, key, algorithms=[ALGORITHM])


@pytest.fixture(scope="module")
def key() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


@pytest.fixture
async def http(database: str, key: OKPKey, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    url = "postgresql+asyncpg" + database.removeprefix("postgresql")
    public = json.dumps(key.as_dict(private=False))
    command = [sys.executable, "-m", "gateway.bench.baseline", url, public]
    async with (
        started(command, tmp_path / "log") as server,
        httpx.AsyncClient(
            base_url=server.address,
            headers={"Authorization": f"Bearer {_token(key)}", "Content-Type": "text/csv"},
            trust_env=False,
        ) as client,
    ):
        yield client


@pytest.mark.e2e
async def test_the_baseline_does_the_three_jobs(http: httpx.AsyncClient, tmp_path: Path) -> None:
    referrals, delivery = tmp_path / "aanmeldingen", tmp_path / "levering.csv"
    write_referrals(referrals, 3, lambda _: None)
    screening = Screening(8)

    for body in referrals.read_bytes().splitlines():
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/aanmeldingen", content=body, headers=headers)
        assert answer.status_code == 202
        assert answer.json()["besluit"] == "toegelaten"
    for commit_each in (True, False):
        screening.write(delivery, 4, lambda _: None)
        answer = await http.post(
            "/leveringen", params={"commit_each": commit_each}, content=delivery.read_bytes()
        )
        assert answer.json() == {"records": 4}

    assert (await http.get("/aantal")).json() == 11
    page = await http.get("/postvak", params={"offset": 2, "limit": 5})
    assert [event["sequence"] for event in page.json()] == ["3", "4", "5", "6", "7"]
    assert page.json()[1]["data"]["leden"][0]["zrm"]["scores"]


@pytest.mark.e2e
async def test_the_baseline_checks_the_token_of_each_request(
    http: httpx.AsyncClient, key: OKPKey
) -> None:
    forged = _token(OKPKey.generate_key("Ed25519"))
    for token in (forged, _token(key, lasts=-60), "x.y.z"):
        answer = await http.get("/aantal", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
