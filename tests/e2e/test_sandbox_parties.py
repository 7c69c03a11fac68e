"""Every party of the sandbox on a gateway as it is served plays its part, also with faults."""

from __future__ import annotations

from collections import Counter

from gateway.client import AsyncSluis, Event
from gateway.client.credentials import load
from gateway.sandbox.dossiers import MemoryDossiers
from gateway.sandbox.faults import Fault
from gateway.sandbox.onward import (
    ALTRA,
    GI,
    SCALE_DOWN,
    SPIRIT,
    VEILIG_THUIS,
    handing_on,
    referred_onward,
)
from gateway.sandbox.parties import PARTS, Part
from gateway.sandbox.simulation import SENT, Manner, Round, Simulation
from schemas.casework import CaseStatus
from schemas.decisions import Outcome, Rule
from schemas.referral import Referral
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

DESTINATIONS = (ALTRA, SPIRIT, SCALE_DOWN, GI, VEILIG_THUIS)
REFERRERS = ("dwi", "okt", "ggz", "madi", "dwzs")


async def play(
    gateway: RunningGateway, party: str, manner: Manner | None = None, part: Part | None = None
) -> Round:
    folder = gateway.home / "partners" / party
    async with AsyncSluis(load(folder)) as client:
        store = None if part is None else MemoryDossiers()
        simulation = Simulation(client, folder, manner, part=part, store=store)
        return await simulation.round()


async def test_every_party_plays_its_part(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway:
        sent = {party: (await play(gateway, party, Manner(8))).sent for party in REFERRERS}
        casebook = await play(gateway, "casebook")
        back = {party: await play(gateway, party, Manner(0)) for party in PARTS}

        for party, one in sent.items():
            assert one.count(Outcome.ACCEPTED), party
            assert not one.unreadable, party
            assert not one.count(Outcome.REFUSED), party
        accepted = sum(one.count(Outcome.ACCEPTED) for one in sent.values())
        assert casebook.tally.received == {"nl.sluis.aanmelding": accepted}
        assert casebook.tally.acknowledged == accepted
        assert not casebook.tally.refused
        accounts = casebook.tally.accounts[Outcome.ACCEPTED]
        assert accounts == casebook.tally.accounts.total() > 0
        assert back["sra"].tally.received["nl.sluis.verantwoording"] == accounts
        assert back["dwi"].files
        for party in ("okt", "ggz", "madi", "dwzs"):
            assert back[party].tally.received["nl.sluis.statusbericht"], party
        retours = list((gateway.home / "partners" / "okt" / SENT).glob("JW315-*.antwoord.xml"))
        assert len(retours) == 6


async def test_families_go_onward_and_every_answer_comes_back(postgres: TestServer) -> None:
    def to_all(event: Event) -> list[Referral]:
        made = [referred_onward(event, to) for to in DESTINATIONS]
        return [one for one in made if one is not None]

    async with running_gateway(postgres) as gateway:
        assert (await play(gateway, "okt", Manner(6))).sent.count(Outcome.ACCEPTED)
        onward = Part("casebook", "refers all onward", then=lambda _, __: handing_on(to_all))
        tally = (await play(gateway, "casebook", part=onward)).tally
        handed = {to for to, outcome in tally.handed_on if outcome is Outcome.ACCEPTED}
        assert handed == {to.recipient for to in DESTINATIONS}
        assert all(outcome is Outcome.ACCEPTED for _, outcome in tally.handed_on)

        answered = 0
        for party in ("altra", "spirit"):
            provider = (await play(gateway, party)).tally
            assert (
                provider.received["nl.sluis.aanmelding"] == tally.handed_on[party, Outcome.ACCEPTED]
            )
            assert provider.statuses[CaseStatus.ACTIVE] == provider.received.total()
            answered += provider.statuses.total()
        for party in ("gi", "veilig-thuis"):
            told = (await play(gateway, party)).tally
            assert told.received["nl.sluis.aanmelding"] == tally.handed_on[party, Outcome.ACCEPTED]
            assert not told.statuses
        okt = (await play(gateway, "okt", Manner(0))).tally
        assert okt.own >= okt.received["nl.sluis.aanmelding"] > 0
        read = (await play(gateway, "casebook", part=Part("casebook", "reads"))).tally
        assert read.received["nl.sluis.statusbericht"] == answered + okt.own


async def test_what_comes_twice_late_or_wrong_harms_nobody(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway:
        twice = (await play(gateway, "madi", Manner(4, fault=Fault.DUPLICATE))).sent
        assert twice.files == 2
        assert await gateway.count("exchange") == 4
        wrong = (await play(gateway, "madi", Manner(4, fault=Fault.WRONG))).sent
        assert wrong.outcomes[Outcome.REFUSED, Rule.UNREADABLE] == 1
        assert sum(wrong.outcomes.values()) == 4
        fhir = (await play(gateway, "ggz", Manner(2, fault=Fault.WRONG))).sent
        assert fhir.outcomes == Counter({(Outcome.REFUSED, Rule.UNREADABLE): 2})

        late = (await play(gateway, "casebook", Manner(0, fault=Fault.LATE))).tally
        assert late.acknowledged > 0
        assert not late.statuses
        then = (await play(gateway, "casebook", Manner(0, fault=Fault.DUPLICATE))).tally
        assert then.statuses.total() > 0
        assert not then.refused

        # A party that is started anew goes on with others than it sent before.
        before = await gateway.count("exchange")
        for _ in range(2):
            assert (await play(gateway, "ggz", Manner(2))).sent.files == 2
        assert await gateway.count("exchange") == before + 4
