"""The official test persons (RvIG) walk the road: an input that nobody here made up.

Read from `../shared`, whose SOURCES.md says where they come from; skipped, loudly, without it.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from gateway.exchange.routing import bundled_routes
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

COLUMNS = (
    "kenmerk", "aangemeld_op", "grondslag", "rol", "bsn", "achternaam", "geboortedatum",
    "geslacht", "postcode", "straatnaam", "geheimhouding", "instemming", "instemming_op",
)  # fmt: skip
AMSTERDAM = "0363"
TODAY = date(2026, 11, 22)
"""Any day of the bundled table, whose rows have one beginning and no end."""
EXPECTED = {"team": 51, "geheim": 6, "grensgeval": 7, "geen-team": 5}


def persons(shared: Path) -> list[dict[str, Any]]:
    path = shared / "standards" / "brp" / "test-persons.json"
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def row_of(number: int, person: dict[str, Any]) -> dict[str, str]:
    place = person.get("verblijfplaats", {})
    return {
        "kenmerk": f"RVIG-{number}",
        "aangemeld_op": "2026-02-02",
        "grondslag": "participatiewet",
        "rol": "aanmelder",
        "bsn": person["burgerservicenummer"],
        "achternaam": person.get("naam", {}).get("geslachtsnaam", ""),
        "geboortedatum": person.get("geboorte", {}).get("datum", ""),
        "geslacht": person.get("geslacht", {}).get("code", ""),
        "postcode": place.get("postcode", ""),
        "straatnaam": place.get("straat", ""),
        "geheimhouding": "ja" if is_secret(person) else "nee",
        "instemming": "ja",
        "instemming_op": "2026-02-01",
    }


def is_secret(person: dict[str, Any]) -> bool:
    return str(person.get("geheimhoudingPersoonsgegevens", "0")) != "0"


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


async def delivered(gateway: RunningGateway, content: bytes) -> dict[str, Any]:
    async with gateway.partner("dwi") as dwi:
        headers = {"Content-Type": "text/csv"}
        answer = await dwi.post("/v1/leveringen", content=content, headers=headers)
        assert answer.status_code == 202, answer.text
        report: dict[str, Any] = answer.json()
        while report["status"] == "in-verwerking":
            await asyncio.sleep(0.05)
            report = (await dwi.get(f"/v1/leveringen/{report['leveringId']}")).json()
    return report


async def pulled(gateway: RunningGateway) -> dict[str, dict[str, Any]]:
    """What the casebook got, by BSN."""
    async with gateway.partner("casebook") as casebook:
        page = (await casebook.get("/v1/postvak")).json()
    households = [message["data"]["huishouden"] for message in page["berichten"]]
    return {
        household["leden"][0]["burgerservicenummer"]: message["data"]
        for household, message in zip(households, page["berichten"], strict=True)
    }


async def waiting(gateway: RunningGateway) -> dict[str, str]:
    """What waits for a person at the casebook: the reason by exchange, page after page."""
    found: dict[str, str] = {}
    async with gateway.partner("casebook") as casebook:
        cursor: dict[str, str] = {}
        while True:
            page = (await casebook.get("/v1/toedelingen", params={"aantal": "50", **cursor})).json()
            found |= {one["uitwisselingId"]: one["reden"] for one in page["wachtend"]}
            if page["volgende"] is None:
                return found
            cursor = {"na": page["volgende"]}


def dates(persons_: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """BSN and birth date as it must arrive: what is unknown is left out, never guessed at."""
    for person in persons_:
        raw = person.get("geboorte", {}).get("datum", "")
        year, month, day = raw[:4], raw[4:6], raw[6:]
        known = [part for part in (year, month, day) if part.strip("0")]
        if known:
            yield person["burgerservicenummer"], "-".join(known)


def is_grown_up(born: str) -> bool:
    """Eighteen before 1 February 2026, the day of the agreement, whatever day is left out."""
    latest = [born[:4], born[5:7] or "12", born[8:] or "31"]
    return "-".join(latest) <= "2008-01-31"


async def test_the_official_test_persons_arrive_as_they_are(
    postgres: TestServer, shared: Path
) -> None:
    everybody = persons(shared)
    async with running_gateway(postgres) as gateway:
        content = as_csv([row_of(n, person) for n, person in enumerate(everybody)])
        report = await delivered(gateway, content)
        assert report["records"] == len(everybody)
        assert report["toegelaten"] + report["aangehouden"] == len(everybody), report
        arrived = await pulled(gateway)
        queue = await waiting(gateway)
    # Who may decide for themselves arrives; a child, and who could be one, waits for a parent.
    assert set(arrived) >= {bsn for bsn, born in dates(everybody) if is_grown_up(born)}
    assert not set(arrived) & {bsn for bsn, born in dates(everybody) if born[:4] >= "2012"}
    known = {bsn for bsn, _ in dates(everybody)}
    assert set(arrived) <= known, "an unknown birth date means no"

    for bsn, born in dates(everybody):
        if bsn not in arrived:
            continue
        assert arrived[bsn]["huishouden"]["leden"][0]["geboortedatum"] == born
    expected: Counter[str] = Counter()
    routes = bundled_routes()
    for person in everybody:
        data = arrived.get(person["burgerservicenummer"])
        if data is None:
            continue
        household, postcode = data["huishouden"], row_of(0, person)["postcode"]
        if is_secret(person):
            assert not {"postcode", "straatnaam"} & set(household)
            assert "wijkteam" not in data["aanmelding"]
            continue
        place = routes.place(postcode if len(postcode) == 6 else None, TODAY)
        assert data["aanmelding"]["wijkteam"] == place.team
        if len(postcode) == 6:
            assert household["postcode"] == postcode
        if place.reason is not None:
            expected[place.reason.value] += 1
    assert Counter(queue.values()) == expected, "who has no team waits for a person, nobody else"
    assert expected.total() > 0


def in_amsterdam(shared: Path) -> list[dict[str, Any]]:
    return [
        person
        for person in persons(shared)
        if person.get("gemeenteVanInschrijving", {}).get("code") == AMSTERDAM
    ]


def test_official_persons_in_amsterdam_reach_a_team_or_the_desk(shared: Path) -> None:
    """Counted, so that a table that guesses or loses somebody is noticed."""
    routes = bundled_routes()
    places = [
        routes.place(
            person.get("verblijfplaats", {}).get("postcode"), TODAY, is_secret=is_secret(person)
        )
        for person in in_amsterdam(shared)
    ]
    reasons = Counter("team" if one.reason is None else one.reason.value for one in places)
    reasons["geheim"] = sum(one.team == routes.secret_desk for one in places)
    assert reasons == EXPECTED
    assert sum(reasons.values()) - reasons["geheim"] == len(places)
