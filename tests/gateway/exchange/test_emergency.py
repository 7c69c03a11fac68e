"""Emergency release (noodverstrekking): a basis of its own, within bounds, and reviewed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.exchange.oversight import (
    AlreadyReviewedError,
    ReviewOutcome,
    ReviewWatch,
    UnknownCaseError,
    list_reviews,
    review_emergency,
)
from gateway.identity.acts import MayNotActError
from gateway.store.groups import BESCHERMD
from gateway.store.lifecycle import NewOfficer, add_officer, end_officer
from gateway.telemetry import Telemetry
from schemas.referral import EmergencyRequest
from tests.gateway.exchange.road import Road, open_road, without_envelope
from tests.support import protected
from tests.support.messages import bsn, member, referral
from tests.support.protected import emergency

TEXT = protected.protocol("1.0")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LISTED = {"achternaam", "postcode", "telefoonnummer", "leden"}


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


async def appoint(road: Road, officer: str = "pf", role: str = "privacyfunctionaris") -> None:
    raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    ends = (datetime.now(UTC) + timedelta(days=30)).date()
    new = NewOfficer(officer, officer, role, f"kid-{officer}", raw, "besluit 7", ends)
    await add_officer(road.engine, new)


async def review(road: Road, answer: dict[str, Any], officer: str = "pf", **changes: Any) -> Any:
    given: dict[str, Any] = {
        "outcome": ReviewOutcome.JUSTIFIED,
        "remark": "Gebeld met J.",
        "sign": KEY.sign,
    }
    exchange = UUID(answer["uitwisselingId"])
    given |= changes
    return await review_emergency(
        road.engine, road.vault, exchange, officer, given["outcome"], given["remark"], given["sign"]
    )


def keys_of(data: object) -> set[str]:
    if isinstance(data, dict):
        return set(data) | {key for value in data.values() for key in keys_of(value)}
    if isinstance(data, list):
        return {key for value in data for key in keys_of(value)}
    return set()


async def test_it_goes_without_agreement_and_with_the_listed_fields_alone(road: Road) -> None:
    answer = await road.refer(emergency(member(agreed=None), member(agreed=False)), "okt")
    assert (answer["besluit"], answer["regel"]) == ("toegelaten", "noodverstrekking")
    (data,) = without_envelope(await road.pull())
    assert len(data["huishouden"]["leden"]) == 2
    assert keys_of(data) <= LISTED | {"huishouden", "aanmelding", "kenmerk", "pseudoniem"}
    assert {"achternaam", "postcode", "telefoonnummer"} <= keys_of(data)


@pytest.mark.parametrize("missing", ["professional", "reden", "meldcodeStap", "tot"])
async def test_each_piece_of_the_request_must_be_there(missing: str) -> None:
    request = emergency(member())["noodverstrekking"]
    EmergencyRequest.model_validate(request)
    del request[missing]
    with pytest.raises(ValueError, match=missing):
        EmergencyRequest.model_validate(request)


@pytest.mark.parametrize("missing", ["naam", "functie"])
async def test_the_professional_has_a_name_and_a_function(missing: str) -> None:
    request = emergency(member())["noodverstrekking"]
    del request["professional"][missing]
    with pytest.raises(ValueError, match=missing):
        EmergencyRequest.model_validate(request)


@pytest.mark.parametrize(
    ("hours", "step"),
    [
        pytest.param(13.0, 4, id="longer than the protocol has it"),
        pytest.param(25.0, 4, id="longer than a day"),
        pytest.param(-0.1, 4, id="over before it began"),
        pytest.param(6.0, 1, id="before the meldcode's steps were taken"),
        pytest.param(6.0, 3, id="one step too early"),
    ],
)
async def test_what_is_out_of_bounds_is_refused(road: Road, hours: float, step: int) -> None:
    until = datetime.now(UTC) + timedelta(hours=hours)
    answer = await road.refer(emergency(member(), until=until, step=step), "okt")
    assert (answer["besluit"], answer["regel"], answer["veld"]) == (
        "geweigerd",
        "noodverstrekking-niet-toegelaten",
        "aanmelding.noodverstrekking",
    )
    assert await road.pull() == []
    assert await road.pool.fetchval("select count(*) from emergency_review") == 0


async def test_a_flow_without_it_admits_none(road: Road) -> None:
    request = emergency(member())["noodverstrekking"]
    answer = await road.refer(referral(noodverstrekking=request), "dwi")
    assert answer["regel"] == "noodverstrekking-niet-toegelaten"


async def test_it_leaves_no_mark_in_the_register(road: Road) -> None:
    authority = {
        "soort": "gezag",
        "houders": [{"burgerservicenummer": bsn(81)}],
        "bron": "brp",
        "peildatum": "2026-01-01",
    }
    child = member(bsn(82), rol="kind", geboortedatum="2020-01-01", gezag=[authority])
    await road.refer(emergency(member(bsn(83), agreed=False), child), "okt")
    for table in ("consent_event", "authority_statement"):
        assert await road.pool.fetchval(f"select count(*) from {table}") == 0  # noqa: S608
    facts = await road.pool.fetch("select facts from subject")
    assert [row[0] for row in facts] == [None, None]


async def test_it_is_not_protected_by_itself(road: Road) -> None:
    await road.refer(emergency(member()), "okt")
    assert [one.entry["rule"] for one in await road.entries()] == ["noodverstrekking"]
    assert await road.entries(log=BESCHERMD) == []
    assert not await road.pool.fetchval("select is_protected from exchange")


async def test_after_its_moment_it_is_not_handed_over_any_more(road: Road) -> None:
    await road.refer(emergency(member()), "okt")
    assert "data" in (await road.pull())[0]
    road.ahead = timedelta(hours=5, minutes=59)
    assert "data" in (await road.pull())[0]
    road.ahead = timedelta(hours=6, minutes=1)
    assert "data" not in (await road.pull())[0]


async def test_what_nobody_fetched_in_time_is_kept_by_nobody(road: Road) -> None:
    answer = await road.refer(emergency(member()), "okt")
    road.ahead = timedelta(hours=6, minutes=1)
    await road.retention.pass_once()
    assert await road.boxes(answer) == 0


async def test_a_protocol_that_knows_it_no_more_takes_it_back(road: Road) -> None:
    await road.refer(emergency(member()), "okt")
    without = protected.REFER.replace(protected.EMERGENCY, "")
    await road.put_in_force(protected.protocol("2.0", protected.DWI, without, protected.BACK))
    assert "data" not in (await road.pull())[0]


async def test_a_newer_list_narrows_it_and_never_widens_it(road: Road) -> None:
    await road.refer(emergency(member()), "okt")
    narrower = protected.REFER.replace('"huishouden.telefoonnummer"], ', "], ").replace(
        '"huishouden.postcode", ]', '"huishouden.postcode"]'
    )
    assert narrower != protected.REFER
    await road.put_in_force(protected.protocol("2.0", protected.DWI, narrower, protected.BACK))
    (data,) = without_envelope(await road.pull())
    assert "telefoonnummer" not in keys_of(data)
    assert {"achternaam", "postcode"} <= keys_of(data)
    assert "burgerservicenummer" not in keys_of(data)


async def test_a_no_takes_nothing_back_that_never_rested_on_agreement(road: Road) -> None:
    person = bsn(84)
    await road.refer(emergency(member(person)), "okt")
    await road.say(person, False, partner="okt")
    (event,) = await road.pull()
    assert "data" in event
    await road.acknowledge()
    await road.say(person, False, partner="okt")
    assert await road.pull() == []
    assert await road.pool.fetchval("select count(*) from notice") == 0


async def test_invariant_11_its_review_is_made_with_it_and_the_name_is_sealed(road: Road) -> None:
    answer = await road.refer(emergency(member()), "okt")
    (one,) = await list_reviews(road.engine, with_done=False)
    assert str(one.exchange) == answer["uitwisselingId"]
    assert (one.reason, one.step) == ("acuut-gevaar-kind", 4)
    assert timedelta(days=2, hours=23) < one.due_at - datetime.now(UTC) <= timedelta(days=3)
    assert b"Nachtegaal" not in one.professional
    for table in ("emergency_review", "exchange", "log_leaf"):
        rows = await road.pool.fetch(f"select t::text from {table} t")  # noqa: S608
        assert not any("Nachtegaal" in row[0] for row in rows)


async def test_invariant_11_a_review_is_logged_and_made_once(
    road: Road,
) -> None:
    answer = await road.refer(emergency(member()), "okt")
    await appoint(road)
    _, professional = await review(road, answer)
    assert professional is not None
    assert professional.name == "J. Zwijgzaam-Nachtegaal"
    last = (await road.entries())[-1].entry
    assert (last["event"], last["outcome"], "key" in last) == ("beoordeling", "terecht", False)
    assert last["exchange"] == answer["uitwisselingId"]
    assert "Gebeld" not in str(last)
    with pytest.raises(AlreadyReviewedError):
        await review(road, answer, outcome=ReviewOutcome.UNJUSTIFIED)
    assert await list_reviews(road.engine, with_done=False) == []
    (done,) = await list_reviews(road.engine, with_done=True)
    assert (done.officer, done.outcome) == ("pf", "terecht")


@pytest.mark.parametrize("role", ["fg", "proceseigenaar"])
async def test_invariant_11_only_a_privacy_officer_reviews(road: Road, role: str) -> None:
    answer = await road.refer(emergency(member()), "okt")
    await appoint(road, role=role)
    with pytest.raises(MayNotActError, match="a privacy officer decides"):
        await review(road, answer)


async def test_invariant_11_nobody_reviews_under_another_name(road: Road) -> None:
    answer = await road.refer(emergency(member()), "okt")
    with pytest.raises(MayNotActError, match="no officer"):
        await review(road, answer)
    await appoint(road)
    with pytest.raises(MayNotActError, match="not the key"):
        await review(road, answer, sign=Ed25519PrivateKey.generate().sign)
    await end_officer(road.engine, "pf")
    with pytest.raises(MayNotActError, match="no longer"):
        await review(road, answer)
    with pytest.raises(MayNotActError):
        await review(road, {"uitwisselingId": str(UUID(int=7))})
    assert len(await list_reviews(road.engine, with_done=False)) == 1


async def test_what_is_no_emergency_has_no_review(road: Road) -> None:
    answer = await road.refer(referral(), "dwi")
    await appoint(road)
    with pytest.raises(UnknownCaseError):
        await review(road, answer)


async def test_a_review_that_is_overdue_shows_in_metrics_and_log(road: Road) -> None:
    await road.refer(emergency(member()), "okt")
    telemetry = Telemetry(road.log)
    watch = ReviewWatch(road.pool, road.now, telemetry)
    assert await watch.look() == 0
    assert "sluis_emergency_reviews_overdue 0" in telemetry.metrics()
    road.ahead = timedelta(days=3, minutes=1)
    assert await watch.look() == 1
    assert "sluis_emergency_reviews_overdue 1" in telemetry.metrics()
    assert "emergency-review-overdue" in road.log.getvalue()


def test_nothing_can_switch_the_rules_off() -> None:
    """Never a bypass flag: the one word in the message is the request, and it has bounds."""
    root = Path(__file__).parents[3]
    settings = (root / "gateway" / "settings.py").read_text(encoding="utf-8").lower()
    assert not any(word in settings for word in ("bypass", "emergency", "override", "nood"))
