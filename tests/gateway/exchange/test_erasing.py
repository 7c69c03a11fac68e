"""From a request to erase to the end: who decides, who asks, who is told first, what stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.exchange.asking import Capacity, MayNotAskError, Request
from gateway.exchange.carrying_out import CarryingOut, DueErasures
from gateway.exchange.deciding import deciding
from gateway.exchange.erasing import (
    DecisionExistsError,
    Erasing,
    Ground,
    Plan,
    Shown,
    UnknownPersonError,
)
from gateway.exchange.erasure_answer import answer_to
from gateway.exchange.erasure_steps import ErasureTools, UnknownDecisionError, WrongStepError
from gateway.exchange.proof import BREACH, CONSENT
from gateway.identity.acts import MayNotActError
from gateway.pseudonyms.domains import ProofHandles
from gateway.store.groups import PURGED
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.telemetry import Telemetry
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import KEYS, Road, notices
from tests.support.messages import fresh_bsn, member, referral, status_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]

SELF = Request(Capacity.SELF, "paspoort aan de balie")
TERM = timedelta(days=30)
ENDS = date(2099, 1, 1)


@dataclass
class Desk:
    """Officers with their keys, and a desk on the road's database and clock."""

    road: Road
    signing: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    journal: list[UUID] = field(default_factory=list)
    heard: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def line(subject: UUID, now: datetime) -> None:
            self.journal.append(subject)

        tools = ErasureTools(
            self.road.vault, ProofHandles(KEYS), self.road.now, TERM, line,
            lambda persons: self.heard.extend(subject for subject, _ in persons),
        )  # fmt: skip
        opened = partial(deciding, self.road.pool, self.road.consents._load_book)
        self.erasing = Erasing(opened, tools)
        self.carrying_out = CarryingOut(opened, tools)

    async def appoint(self, officer: str, role: str, name: str | None = None) -> None:
        key = Ed25519PrivateKey.generate()
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        mandate = ("M-1", ENDS) if role == "privacyfunctionaris" else (None, None)
        self.signing[officer] = key
        await add_officer(
            self.road.engine,
            NewOfficer(officer, name or officer, role, uuid4().hex, raw, *mandate),
        )

    async def shown(self, decision: UUID) -> Shown:
        return await self.erasing.shown(decision, "fg", self.signing["fg"].sign)

    async def plan(self, bsn: str) -> Plan:
        return await self.erasing.plan(self.handle(bsn), "po", self.signing["po"].sign)

    def handle(self, bsn: str) -> bytes:
        return self.road.handles.of(Bsn(bsn))

    async def decide(
        self,
        bsn: str,
        *,
        officer: str = "po",
        ground: Ground = Ground.OBJECTION,
        request: Request = SELF,
        also: frozenset[str] = frozenset(),
        confirmed: bool = True,
    ) -> UUID:
        sign = self.signing[officer].sign
        made = await self.erasing.decide(
            self.handle(bsn), ground, request, "Z-1", also, officer, sign
        )
        if confirmed:
            await self.erasing.confirm(made.id, "eigenaar", self.signing["eigenaar"].sign)
        return made.id

    async def erase(self, bsn: str, **more: Any) -> UUID:
        """Decide, and carry out to the end, whoever has to be told."""
        decision = await self.decide(bsn, **more)
        if (await self.carrying_out.carry_out(decision)).erased is None:
            for recipient in ("casebook", "dwi"):
                await self.road.acknowledge(recipient)
            assert (await self.carrying_out.carry_out(decision)).erased is not None
        return decision


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(road: Road) -> Desk:
    desk = Desk(road)
    for officer, role in (
        ("po", "privacyfunctionaris"),
        ("po-twee", "privacyfunctionaris"),
        ("eigenaar", "proceseigenaar"),
        ("fg", "fg"),
    ):
        await desk.appoint(officer, role)
    await desk.appoint("po-dubbel", "privacyfunctionaris", "Po")
    return desk


@pytest.fixture
def desk(made: Desk) -> Desk:
    made.journal.clear()
    made.heard.clear()
    made.road.ahead = timedelta()
    return made


# Who decides (invariant 11).


async def test_invariant_11_a_decision_takes_two_persons(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    decision = await desk.decide(ann, confirmed=False)

    with pytest.raises(MayNotActError, match="1 of 2"):
        await desk.carrying_out.carry_out(decision)
    for officer in ("po", "fg"):
        with pytest.raises(MayNotActError):
            await desk.erasing.confirm(decision, officer, desk.signing[officer].sign)
    await desk.erasing.confirm(decision, "po-twee", desk.signing["po-twee"].sign)

    assert (await desk.carrying_out.carry_out(decision)).erased is not None


async def test_invariant_11_one_person_under_two_ids_is_one(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    decision = await desk.decide(ann, confirmed=False)
    with pytest.raises(MayNotActError, match="another person"):
        await desk.erasing.confirm(decision, "po-dubbel", desk.signing["po-dubbel"].sign)


async def test_invariant_11_only_the_registered_key_signs(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    for officer in ("eigenaar", "fg", "niemand"):
        with pytest.raises(MayNotActError):
            await desk.erasing.decide(
                desk.handle(ann), Ground.OBJECTION, SELF, "Z", frozenset(), officer,
                desk.signing["po"].sign,
            )  # fmt: skip
    with pytest.raises(MayNotActError, match="not the key"):
        await desk.erasing.decide(
            desk.handle(ann), Ground.OBJECTION, SELF, "Z", frozenset(), "po",
            desk.signing["fg"].sign,
        )  # fmt: skip


@pytest.mark.parametrize("column", ["ground = 'd-onrechtmatig'", "classes = '{}'", "subject = id"])
async def test_invariant_11_a_row_that_was_changed_carries_nothing_out(
    desk: Desk, column: str
) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    decision = await desk.decide(ann)
    await desk.road.pool.execute(f"update erasure_decision set {column} where id = $1", decision)  # noqa: S608  # words of this test
    with pytest.raises(MayNotActError, match="does not verify"):
        await desk.carrying_out.carry_out(decision)
    assert await desk.road.subject(ann) is not None


async def test_a_person_has_one_open_decision(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    decision = await desk.decide(ann)
    with pytest.raises(DecisionExistsError) as refused:
        await desk.decide(ann)
    assert refused.value.decision == decision
    await desk.erasing.withdraw(decision, "po", desk.signing["po"].sign)
    with pytest.raises(WrongStepError):
        await desk.carrying_out.carry_out(decision)
    assert await desk.decide(ann) != decision


async def test_of_nobody_there_is_nothing_to_decide(desk: Desk) -> None:
    with pytest.raises(UnknownPersonError):
        await desk.plan(fresh_bsn())
    with pytest.raises(UnknownPersonError):
        await desk.decide(fresh_bsn())
    with pytest.raises(UnknownDecisionError):
        await desk.carrying_out.carry_out(uuid4())


# Who asks (invariant 9).


async def test_a_child_is_asked_for_by_who_the_register_names(desk: Desk) -> None:
    mother, child = fresh_bsn(), fresh_bsn()
    young = member(child, agreed=None, rol="kind", geboortedatum="2016-03-01")
    await desk.road.refer(referral(member(mother), young))
    parent = Request(Capacity.PARENT, "paspoort", desk.handle(mother))
    for request in (SELF, parent, Request(Capacity.PARENT, "paspoort")):
        with pytest.raises(MayNotAskError):
            await desk.decide(child, request=request)

    subject, holder = await desk.road.subject(child), await desk.road.subject(mother)
    await desk.road.pool.execute(
        """insert into authority_statement
                  (id, subject, kind, holders, source, as_of, recorded_for)
           values ($1, $2, 'gezag', array[$3::uuid], 'brp', current_date, 'dwi')""",
        uuid4(),
        subject,
        holder,
    )

    await desk.erase(child, request=parent)
    assert await desk.road.subject(child) is None


async def test_without_being_asked_only_on_grounds_of_its_own(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    nobody = Request(Capacity.NOBODY, "geen verzoek")
    with pytest.raises(MayNotAskError):
        await desk.decide(ann, request=nobody)
    await desk.erase(ann, request=nobody, ground=Ground.TERM_OVER)


# Recipients first (GDPR article 19).


async def test_invariant_10_recipients_are_told_first_and_the_erasure_waits(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    (event,) = await road.pull()
    name = event["subject"]
    await road.acknowledge()
    decision = await desk.decide(ann)

    progress = await desk.carrying_out.carry_out(decision)

    assert (progress.erased, progress.waits_for) == (None, ["casebook"])
    assert await road.subject(ann) is not None
    (told,) = notices(await road.pull(), "kennisgeving")
    assert told == {
        "regel": "vernietigen",
        "uitwisselingId": answer["uitwisselingId"],
        "doel": "toeleiding-wijkteam",
        "lid": name,
    }
    assert (await desk.carrying_out.carry_out(decision)).erased is None  # fetched is not read
    await road.acknowledge()
    done = await desk.carrying_out.carry_out(decision)
    assert done.erased is not None
    assert await road.subject(ann) is None


async def test_after_the_days_it_goes_on_and_the_notice_outlives_the_person(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    decision = await desk.decide(ann)
    due = DueErasures(desk.carrying_out, Telemetry(road.log))
    await desk.carrying_out.carry_out(decision)
    road.ahead = timedelta(days=6, hours=23)
    assert await due.pass_once() == 0
    road.ahead = timedelta(days=7, minutes=1)

    assert await due.pass_once() == 1

    assert await road.subject(ann) is None
    (told,) = notices(await road.pull(), "kennisgeving")
    assert told["regel"] == "vernietigen"
    assert await due.pass_once() == 0


async def test_the_key_of_a_notice_goes_when_it_was_received(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    await desk.erase(ann)
    keepers = "select count(*) from subject where id in (select keeper from erasure_notice)"
    road.ahead = timedelta(days=40)
    while any(await road.retention.pass_once()):
        pass
    await road.retention.pass_once()
    assert await road.pool.fetchval(keepers) == 0


async def test_from_the_order_on_nothing_more_is_handed_over(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    answer = await road.refer(referral(member(ann)))
    await road.acknowledge()
    waits = await road.refer(referral(member(ann)))
    decision = await desk.decide(ann)
    await desk.carrying_out.carry_out(decision)

    later = await road.refer(referral(member(ann)))
    status = await road.report_status(status_of(answer["uitwisselingId"]))

    assert later["besluit"] == "aangehouden"
    assert status["besluit"] == "geweigerd"
    handed = [event for event in await road.pull() if event["type"] == "nl.sluis.aanmelding"]
    assert handed == []
    assert await road.state(waits) == PURGED


async def test_what_was_handed_over_since_is_told_before_the_erasure(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    decision = await desk.decide(ann)
    await desk.carrying_out.carry_out(decision)
    await road.acknowledge()
    # As an emergency release would, which rests on nobody's agreement.
    await road.pool.execute("delete from restriction")
    late = await road.refer(referral(member(ann)))
    await road.pull()

    progress = await desk.carrying_out.carry_out(decision)

    assert (progress.erased, progress.waits_for) == (None, ["casebook"])
    abouts = {one["uitwisselingId"] for one in notices(await road.pull(), "kennisgeving")}
    assert late["uitwisselingId"] in abouts


async def test_who_got_nothing_is_not_told_and_nobody_is_waited_for(desk: Desk) -> None:
    ann = fresh_bsn()
    await desk.road.refer(referral(member(ann)))
    decision = await desk.decide(ann)
    assert (await desk.carrying_out.carry_out(decision)).erased is not None
    assert (await desk.shown(decision)).told == []


# What is left behind.


async def test_each_step_leaves_its_entry_and_the_erasure_names_decision_and_ground(
    desk: Desk,
) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    before = await road.last_index()
    decision = await desk.erase(ann)

    entries = await road.entries(before)

    steps = [e.entry["step"] for e in entries if e.event == "vernietigingsbesluit"]
    assert steps == ["besloten", "meebesloten", "aangezegd"]
    said = next(e.entry for e in entries if e.event == "vernietiging")
    assert (said["decision"], said["ground"]) == (str(decision), "c-bezwaar")
    assert [one["class"] for one in said["kept"]] == [CONSENT]
    assert len(desk.heard) >= 3


async def test_the_journal_has_its_line_before_the_commit(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    subject, decision = await road.subject(ann), await desk.decide(ann)

    async def fails(subject: UUID, now: datetime) -> None:
        raise OSError("disk full")

    tools = desk.carrying_out._tools
    broken = ErasureTools(tools.vault, tools.proofs, tools.clock, TERM, fails)
    with pytest.raises(OSError, match="disk full"):
        await CarryingOut(desk.carrying_out._opened, broken).carry_out(decision)
    assert await road.subject(ann) == subject
    await desk.carrying_out.carry_out(decision)
    assert desk.journal == [subject]


async def test_a_plan_counts_and_names_nobody(desk: Desk) -> None:
    road, ann, ben = desk.road, fresh_bsn(), fresh_bsn()
    await road.refer(referral(member(ann), member(ben, rol="partner")))
    await road.acknowledge()
    await road.refer(referral(member(ann)))
    await road.refer(referral(member(ann), member(agreed=None, rol="partner")))

    plan = await desk.plan(ann)

    assert (plan.held.received, plan.held.waiting, plan.held.held) == (1, 1, 1)
    assert plan.held.disclosures == 1
    assert [(one.recipient, one.exchanges) for one in plan.disclosed] == [("casebook", 1)]
    assert plan.laws == ["wmo2015", "participatiewet", "wgs"]
    assert plan.decision is None
    for officer, signer in (("eigenaar", "eigenaar"), ("po", "fg"), ("niemand", "po")):
        with pytest.raises(MayNotActError):
            await desk.erasing.plan(desk.handle(ann), officer, desk.signing[signer].sign)


async def test_what_stays_is_told_with_its_ground_and_found_again_for_proof_alone(
    desk: Desk,
) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.say(ann, True, category="zrm")
    await road.acknowledge()
    subject = await road.subject(ann)
    decision = await desk.erase(ann)

    shown = await desk.shown(decision)
    (kept,) = await desk.erasing.proof(desk.handle(ann), "po", desk.signing["po"].sign)

    assert set(shown.kept) == set(kept.classes) == {CONSENT, BREACH}
    assert [evidence for _, evidence in kept.consents] == [None, "FORMULIER-7"]
    assert [one.recipient for one in kept.disclosures] == ["casebook"]
    told = answer_to(shown, {"casebook": "het team"})
    assert "het team, voor het laatst op" in told
    assert "Grond: AVG art. 17 lid 3 onder e" in told
    assert str(subject) not in told
    assert ann not in told
    # Nothing of the ordinary road finds it.
    handle = "select count(*) from kept where handle = $1"
    assert await road.pool.fetchval(handle, desk.handle(ann)) == 0
    assert await desk.erasing.proof(desk.handle(fresh_bsn()), "po", desk.signing["po"].sign) == []
    with pytest.raises(MayNotActError):
        await desk.erasing.proof(desk.handle(ann), "fg", desk.signing["fg"].sign)


async def test_invariant_10_what_stays_goes_by_itself_on_its_date_with_an_entry(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    subject = await road.subject(ann)
    decision = await desk.erase(ann)
    until = max((await desk.shown(decision)).kept.values())
    left = """select (select count(*) from consent_event where subject = $1)
                   + (select count(*) from disclosure where subject = $1)
                   + (select count(*) from kept where subject = $1)"""
    road.ahead = timedelta(days=(until - road.now().date()).days)
    await road.retention.pass_once()
    assert await road.pool.fetchval(left, subject) == 3
    before = await road.last_index()
    road.ahead += timedelta(days=1)

    await road.retention.pass_once()

    assert await road.pool.fetchval(left, subject) == 0
    gone = [e for e in await road.entries(before) if e.entry.get("kept")]
    assert [e.entry["reason"] for e in gone][-1] == "bewaartermijn-verstreken"
    assert any(e.subjects == [subject] and len(e.entry["subjects"]) == 1 for e in gone)


async def test_a_class_that_would_stay_goes_where_the_decision_says_so(desk: Desk) -> None:
    road, ann = desk.road, fresh_bsn()
    await road.refer(referral(member(ann)))
    await road.acknowledge()
    subject = await road.subject(ann)
    await desk.erase(ann, also=frozenset({CONSENT, BREACH}))
    for table in ("consent_event", "disclosure", "kept"):
        rows = f"select count(*) from {table} where subject = $1"  # noqa: S608  # words of this test
        assert await road.pool.fetchval(rows, subject) == 0
