"""Nothing carries over from a partner to its successor without a decision of two officers."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consent.protocol import load
from gateway.app import Books
from gateway.exchange import succession as acts
from gateway.exchange.first_contact import FirstContacts
from gateway.exchange.succession import NotInProtocolError, UnknownSuccessionError, Wanted
from gateway.exchange.successors import Carry
from gateway.identity.acts import MayNotActError
from gateway.reports.dossier.contents import Course
from gateway.store.dossiers import party_names
from gateway.store.groups import PURGED
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.partners import NewPartner, list_partners, register_partner
from gateway.store.succession import SuccessionStandsError
from gateway.telemetry import Telemetry
from tests.gateway.exchange.road import EXAMPLE, KEYS, Road, notices
from tests.support.dossiers import Desk as DossierDesk
from tests.support.messages import Json, fresh_bsn, member, referral, status_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
TODAY = datetime.now(UTC).date()
PROTOCOL = load(EXAMPLE)
PARTNERS = ("altra", "spirit", "madi", "dwzs")
OFFICERS = (("pf", "privacyfunctionaris"), ("po", "proceseigenaar"), ("fg", "fg"))


class Desk:
    """Officers who decide, on a road."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.keys = {officer: Ed25519PrivateKey.generate() for officer, _ in OFFICERS}

    async def appoint(self) -> None:
        for officer, role in OFFICERS:
            raw = self.keys[officer].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            is_pf = role == "privacyfunctionaris"
            mandate = ("M-1", TODAY + timedelta(days=365)) if is_pf else (None, None)
            new = NewOfficer(officer, f"Mevrouw {officer}", role, uuid4().hex, raw, *mandate)
            await add_officer(self.road.engine, new)

    async def decide(
        self, old: str, new: str, *carries: Carry, day: date = TODAY, officer: str = "pf"
    ) -> UUID:
        wanted = Wanted(old, new, "overname", "Z-2019-7", day, frozenset(carries))
        sign = self.keys[officer].sign
        return (await acts.decide(self.road.engine, wanted, PROTOCOL, officer, sign)).id

    async def confirm(self, decision: UUID, officer: str = "po") -> int:
        done = await acts.confirm(
            self.road.engine,
            self.road.vault,
            decision,
            PROTOCOL,
            officer,
            self.keys[officer].sign,
        )
        return done.moved

    async def both(self, old: str, new: str, *carries: Carry, day: date = TODAY) -> int:
        return await self.confirm(await self.decide(old, new, *carries, day=day))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(road: Road) -> Desk:
    known = {one.id for one in await list_partners(road.engine)}
    for number, partner in enumerate(PARTNERS):
        oin = f"0000009900000007{number}000"
        if partner not in known:
            await register_partner(road.engine, NewPartner(partner, partner, oin, "generic"))
    desk = Desk(road)
    await desk.appoint()
    return desk


@pytest_asyncio.fixture(loop_scope="module")
async def desk(made: Desk) -> AsyncIterator[Desk]:
    yield made
    await made.road.pool.execute("update succession set ended_at = now() where ended_at is null")
    await made.road.pool.execute("update rules_generation set number = number + 1")
    for partner in (*PARTNERS, "casebook"):
        await made.road.acknowledge(partner)


async def _handed_to_altra(road: Road) -> str:
    told = await road.refer(
        referral(member(), grondslag="jeugdwet", ontvanger="altra", doel="jeugdhulp"), "casebook"
    )
    assert told["besluit"] == "toegelaten", told
    await road.acknowledge("altra")
    return str(told["uitwisselingId"])


async def _referred_by_madi(road: Road) -> Json:
    told = await road.refer(referral(member(), grondslag="wmo2015"), "madi")
    assert told["besluit"] == "toegelaten", told
    return told


async def test_without_a_decision_a_successor_is_a_stranger(desk: Desk) -> None:
    case = await _handed_to_altra(desk.road)
    told = await desk.road.report_status(status_of(case), "spirit")
    assert (told["besluit"], told["regel"]) == ("geweigerd", "uitwisseling-onbekend")


async def test_one_signature_carries_nothing(desk: Desk) -> None:
    case = await _handed_to_altra(desk.road)
    await desk.decide("altra", "spirit", Carry.CASES)
    told = await desk.road.report_status(status_of(case), "spirit")
    assert told["regel"] == "uitwisseling-onbekend"


async def test_who_took_over_hears_that_a_first_contact_is_late(desk: Desk) -> None:
    road = desk.road
    watch = FirstContacts(road.pool, Books(KEYS).of, road.vault, road.now, Telemetry(io.StringIO()))
    told = await _referred_by_madi(road)
    while await watch.turn():
        pass
    await desk.both("madi", "dwzs", Carry.REFERENCES)
    road.ahead += timedelta(days=14)
    try:
        await watch.signal()
    finally:
        road.ahead -= timedelta(days=14)
    (signal,) = notices(await road.pull("dwzs"), "signaal")
    assert signal["uitwisselingId"] == told["uitwisselingId"]
    assert notices(await road.pull("madi"), "signaal") == []


async def test_cases_go_over_and_the_referrer_gets_the_status_under_its_own_reference(
    desk: Desk,
) -> None:
    road = desk.road
    case = await _handed_to_altra(road)
    before = await road.last_index()
    await desk.both("altra", "spirit", Carry.CASES)

    told = await road.report_status(status_of(case), "spirit")

    assert told["besluit"] == "toegelaten"
    (status,) = [e for e in await road.pull("casebook") if e["type"] == "nl.sluis.statusbericht"]
    assert status["data"]["kenmerk"]
    steps = [one.entry for one in await road.entries(before) if one.event == "opvolging"]
    assert [one["step"] for one in steps] == ["besloten", "bevestigd"]
    assert "Mevrouw" not in json.dumps(steps)
    assert "pf" not in [value for one in steps for value in one.values()]


async def test_a_restriction_stops_what_a_successor_told_and_waits(desk: Desk) -> None:
    road, person = desk.road, fresh_bsn()
    told = await road.refer(
        referral(member(person), grondslag="jeugdwet", ontvanger="altra", doel="jeugdhulp"),
        "casebook",
    )
    await road.acknowledge("altra")
    await desk.both("altra", "spirit", Carry.CASES)
    status = await road.report_status(status_of(told["uitwisselingId"]), "spirit")
    assert status["besluit"] == "toegelaten"

    await road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": told["uitwisselingId"],
            "lid": {"burgerservicenummer": person},
        },
        partner="casebook",
    )

    assert await road.state(status) == PURGED


async def test_cases_alone_carry_no_mail_and_no_agreement(desk: Desk) -> None:
    road = desk.road
    waiting = await road.refer(
        referral(member(), grondslag="jeugdwet", ontvanger="altra", doel="jeugdhulp"), "casebook"
    )
    await desk.both("altra", "spirit", Carry.CASES)
    assert await road.pull("spirit") == []
    # What was decided for the predecessor is still decided for it, and for nobody else.
    (mine,) = await road.pull("altra")
    assert mine["id"] == waiting["uitwisselingId"]


async def test_before_its_day_a_decision_carries_nothing(desk: Desk) -> None:
    case = await _handed_to_altra(desk.road)
    await desk.both("altra", "spirit", Carry.CASES, day=TODAY + timedelta(days=2))
    told = await desk.road.report_status(status_of(case), "spirit")
    assert told["regel"] == "uitwisseling-onbekend"


async def test_references_go_over_so_that_the_successor_reads_how_it_went(desk: Desk) -> None:
    road = desk.road
    told = await _referred_by_madi(road)
    await desk.both("madi", "dwzs", Carry.REFERENCES)
    answer = await road.report_status(status_of(told["uitwisselingId"]))
    assert answer["besluit"] == "toegelaten"
    assert await road.pull("madi") == []
    (status,) = await road.pull("dwzs")
    assert status["type"] == "nl.sluis.statusbericht"


async def test_waiting_statuses_go_over_once_with_an_entry_each(desk: Desk) -> None:
    road = desk.road
    told = await _referred_by_madi(road)
    waiting = await road.report_status(status_of(told["uitwisselingId"]))
    before = await road.last_index()

    assert await desk.both("madi", "dwzs", Carry.MAIL) == 1

    (old,) = await road.pull("madi")
    assert old["type"] == "nl.sluis.vervallen"
    assert await road.state(waiting) == PURGED
    (new,) = await road.pull("dwzs")
    assert new["type"] == "nl.sluis.statusbericht"
    (entry,) = [one for one in await road.entries(before) if one.entry.get("step") == "overgezet"]
    assert entry.entry["about"] == waiting["uitwisselingId"]
    assert len(entry.entry["subjects"]) == 1
    (taken_out,) = [one for one in await road.entries(before) if one.event == "verwijdering"]
    assert taken_out.entry["exchange"] == waiting["uitwisselingId"]
    assert await road.acknowledge("dwzs") == 1


async def test_the_person_reads_in_their_dossier_who_got_it(desk: Desk) -> None:
    road, number = desk.road, fresh_bsn()
    told = await road.refer(referral(member(number), grondslag="wmo2015"), "madi")
    await road.report_status(status_of(told["uitwisselingId"]))
    await desk.both("madi", "dwzs", Carry.MAIL)
    await road.acknowledge("dwzs")
    officers = DossierDesk(road)
    officers.keys = desk.keys

    written = await officers.draft(number)

    sharings = {one.recipient: one.course for one in written.dossier.sharings}
    assert sharings["dwzs"] is Course.SHARED
    assert sharings["madi"] is Course.REMOVED


async def test_what_was_handed_over_before_does_not_go_over(desk: Desk) -> None:
    road = desk.road
    told = await _referred_by_madi(road)
    await road.report_status(status_of(told["uitwisselingId"]))
    await road.pull("madi")
    assert await desk.both("madi", "dwzs", Carry.MAIL) == 0
    assert await road.pull("dwzs") == []


async def test_a_protected_case_never_goes_over(desk: Desk) -> None:
    road = desk.road
    asked = {"professional": {"naam": "M. de Boer", "functie": "maatschappelijk werker"}}
    hidden = await road.refer(
        referral(
            member(agreed=None), grondslag="wmo2015",
            bescherming={**asked, "reden": "veiligheid-partner"},
        ),
        "madi",
    )  # fmt: skip
    assert hidden["besluit"] == "toegelaten", hidden
    await road.report_status(status_of(hidden["uitwisselingId"]))
    assert await desk.both("madi", "dwzs", Carry.MAIL, Carry.REFERENCES) == 0
    await road.report_status(status_of(hidden["uitwisselingId"]))
    assert await road.pull("dwzs") == []


async def test_what_ended_carries_nothing_more(desk: Desk) -> None:
    road = desk.road
    case = await _handed_to_altra(road)
    decision = await desk.decide("altra", "spirit", Carry.CASES)
    await desk.confirm(decision)
    await acts.end(road.engine, decision, PROTOCOL, "pf", desk.keys["pf"].sign)
    told = await road.report_status(status_of(case), "spirit")
    assert told["regel"] == "uitwisseling-onbekend"
    with pytest.raises(UnknownSuccessionError):
        await acts.end(road.engine, decision, PROTOCOL, "pf", desk.keys["pf"].sign)


async def test_who_may_decide_and_confirm(desk: Desk) -> None:
    for officer in ("po", "fg"):
        with pytest.raises(MayNotActError):
            await desk.decide("altra", "spirit", Carry.CASES, officer=officer)
    decision = await desk.decide("altra", "spirit", Carry.CASES)
    with pytest.raises(SuccessionStandsError):
        await desk.decide("altra", "spirit", Carry.CASES)
    for officer in ("pf", "fg"):
        with pytest.raises(MayNotActError):
            await desk.confirm(decision, officer)
    await desk.confirm(decision)
    with pytest.raises(UnknownSuccessionError, match="confirmed before"):
        await desk.confirm(decision)


async def test_what_was_changed_after_it_was_signed_is_not_confirmed(desk: Desk) -> None:
    decision = await desk.decide("altra", "spirit", Carry.CASES)
    await desk.road.pool.execute(
        "update succession set carries = '{zaken,postvak}' where id = $1", decision
    )
    with pytest.raises(MayNotActError, match="not what the first officer signed"):
        await desk.confirm(decision)


async def test_a_decision_opens_no_flow_that_the_protocol_does_not_name(desk: Desk) -> None:
    with pytest.raises(NotInProtocolError):
        await desk.decide("altra", "madi", Carry.CASES)


async def test_mail_goes_on_the_day_and_not_before(desk: Desk) -> None:
    decision = await desk.decide("madi", "dwzs", Carry.MAIL, day=TODAY + timedelta(days=2))
    with pytest.raises(MayNotActError, match="first day"):
        await desk.confirm(decision)


async def test_dossiers_say_who_took_over(desk: Desk) -> None:
    async with desk.road.pool.acquire() as connection:
        before = await party_names(connection)
    await desk.both("altra", "spirit", Carry.CASES)
    async with desk.road.pool.acquire() as connection:
        names = await party_names(connection)
    assert names.pop("altra") == f"{before['altra']} (later overgenomen door {before['spirit']})"
    assert names == {one: told for one, told in before.items() if one != "altra"}
