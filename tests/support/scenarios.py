"""Scenarios of the table run for real: protocol, register, decision and minimisation.

Nothing is replaced. What leaves is compared whole: every field of the flow goes but those that the
scenario names, and the message that goes in holds every field that there is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import orjson

from consent.columns import is_present
from consent.decide import Emergency, Facts, FlowTable, asked_of, compile_table, decide
from consent.minimise import MinimisationPlan, Minimised, covers
from consent.protocol import Flow, ProtocolError, load
from consent.register import NOTHING_RECORDED, Standing, standing
from schemas.casework import Accountability, StatusMessage
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import CATEGORIES, FIELDS, MessageKind, Treatment
from schemas.partner_update import HelpKind, PartnerUpdate, Reachability, UpdateKind
from schemas.referral import Ground, Referral
from schemas.zrm import ZrmDomain
from tests.support.scenario_table import (
    ROOT,
    Resident,
    Scenario,
    events_of,
    identity,
    now_of,
    person_of,
    table,
)
from tests.support.strategies import complete_bsn

EXAMPLE = ROOT / "consent/protocols/samen-doen-voorbeeld.toml"


@cache
def example() -> FlowTable:
    return compile_table(load(EXAMPLE.read_text(encoding="utf-8")))


@cache
def flows() -> dict[str, Flow]:
    return {flow.id: flow for flow in example().protocol.flows}


def flow_named(scenario: Scenario) -> Flow | None:
    """The flow that the scenario is about; None where it is about there being none."""
    return None if scenario.stroom is None else flows()[scenario.stroom]


class Outcome(NamedTuple):
    """What came of a scenario."""

    decision: Decision
    content: Minimised | None


def problems_without(scenario: Scenario) -> list[str]:
    """What loading says of the example protocol when one lock of a flow is taken out."""
    assert scenario.stroom is not None
    assert scenario.zonder is not None
    text = EXAMPLE.read_text(encoding="utf-8")
    head, found, rest = text.partition(f'[[gegevensstroom]]\nid = "{scenario.stroom}"\n')
    assert found
    mine, more, others = rest.partition("\n[[gegevensstroom]]\n")
    lock = re.compile(rf"^{scenario.zonder} = (?:\[\n.*?^\]|.*?)\n", re.MULTILINE | re.DOTALL)
    cut, count = lock.subn("", mine, count=1)
    assert count == 1, scenario.zonder
    try:
        load(head + found + cut + more + others)
    except ProtocolError as error:
        return error.problems
    return []


def run(scenario: Scenario) -> Outcome:
    """Decide and minimise one scenario, as the road does."""
    flow = flow_named(scenario)
    message = flow.message if flow else scenario.bericht
    found = example().find(
        scenario.van or (flow.sender if flow else ""),
        message,
        scenario.aan or (flow.recipient if flow and "ontvanger" in scenario.noemt else None),
        scenario.doel or (flow.purpose if flow and "doel" in scenario.noemt else None),
    )
    closed = frozenset(scenario.geschorst)
    if message is not MessageKind.REFERRAL:
        standings = [NOTHING_RECORDED]
        if flow is not None and flow.locks.agreement.required:
            standings = _standings(scenario, flow)
        facts = Facts(None, frozenset(), 0, standings)
        decision = decide(example(), found, facts, closed, scenario.dag)
        if isinstance(decision, Hold):  # what names no person cannot wait for one
            decision = Refuse(decision.flow, decision.rule)
        assert found is not None or not isinstance(decision, Permit)
        return Outcome(
            decision,
            _of_case(scenario, found, decision) if found and isinstance(decision, Permit) else None,
        )
    referral = _referral(scenario, flow)
    decision = decide(example(), found, _facts(scenario, found, referral), closed, scenario.dag)
    if not isinstance(decision, Permit):
        return Outcome(decision, None)
    assert found is not None
    names = [f"pseudoniem-{n}" for n in decision.members]
    plan = MinimisationPlan(_narrowed(found, decision))
    return Outcome(decision, plan.referral(referral, decision, names, "Wijkteam", scenario.dag))


def expected_fields(scenario: Scenario, flow: Flow) -> tuple[frozenset[str], frozenset[str]]:
    """What must leave, and what must be named as left behind."""
    carried = {p for p, treatment in flow.fields.items() if treatment is not Treatment.DROP}
    if scenario.nood is not None and flow.emergency is not None:
        carried = set(flow.emergency.fields)
    behind = {path for name in scenario.niet_mee for path in paths_of(name)}
    there = {path for path, field in FIELDS.items() if field.message is flow.message}
    there -= set(scenario.mist)
    if scenario.leden and all(one.geboren == "onbekend" for one in scenario.leden):
        there -= {"lid.geboortedatum"}
    if not scenario.status.startswith("afgesloten"):
        there -= {"statusbericht.afsluitreden"}
        there -= {"verantwoording.afsluitreden", "verantwoording.beeindigdOp"}
    if not scenario.geheim:
        there -= {"huishouden.geheimhouding"}
    return frozenset((carried & there) - behind), frozenset(there - (carried - behind))


def paths_of(name: str) -> Sequence[str]:
    """The fields that a word of the table means: a field, a category, or one of its own terms."""
    if name in FIELDS:
        return (name,)
    if name in table().begrippen:
        return table().begrippen[name]
    assert name in CATEGORIES, name
    return tuple(p for p, field in FIELDS.items() if covers({name}, field.category))


def _narrowed(flow: Flow, permit: Permit) -> Flow:
    if permit.rule is not Rule.EMERGENCY or flow.emergency is None:
        return flow
    listed = {path: flow.fields[path] for path in flow.emergency.fields}
    return flow.model_copy(update={"fields": listed})


def _facts(scenario: Scenario, flow: Flow | None, referral: Referral) -> Facts:
    present = {
        path
        for path, field in FIELDS.items()
        if field.message is MessageKind.REFERRAL and is_present(referral, path)
    }
    now, asked = now_of(scenario), scenario.nood
    standings = [NOTHING_RECORDED] * len(referral.household.members)
    if flow is not None and flow.locks.agreement.required:
        standings = _standings(scenario, flow)
    applicant = next(
        (n for n, m in enumerate(referral.household.members) if m.role == "aanmelder"), 0
    )
    return Facts(
        referral.ground,
        present,
        applicant,
        standings,
        scenario.beschermd,
        None if asked is None else Emergency(asked.stap, now + timedelta(hours=asked.uren)),
        now,
    )


def _standings(scenario: Scenario, flow: Flow) -> list[Standing]:
    question = asked_of(flow, example().protocol, now_of(scenario))
    return [
        standing(events_of(scenario, flow, one, number), question, person_of(one))
        for number, one in enumerate(_residents(scenario, flow))
    ]


def _residents(scenario: Scenario, flow: Flow | None) -> tuple[Resident, ...]:
    """Who lives there; where the table says nothing, one adult, who agrees where that is asked."""
    if scenario.leden:
        return scenario.leden
    asks = flow is not None and flow.locks.agreement.required
    return (Resident(zegt=("ja",) if asks else ()),)


def _referral(scenario: Scenario, flow: Flow | None) -> Referral:
    """A referral that holds every field there is, less what the scenario says is missing."""
    ground = scenario.grondslag or next(iter(flow.admitted_grounds if flow else ()), None)
    household: dict[str, Any] = {
        "postcode": "1012AB",
        "straatnaam": "Proefstraat",
        "huisnummer": 12,
        "huisnummertoevoeging": "hs",
        "telefoonnummer": "020 1234567",
        "geheimhouding": scenario.geheim,
        "leden": [
            _member(one, number) for number, one in enumerate(_residents(scenario, flow), start=1)
        ],
    }
    sent: dict[str, Any] = {
        "kenmerk": "PROEF-1",
        "aangemeldOp": scenario.dag,
        "grondslag": Ground(ground) if ground else Ground.NONE,
        "toelichting": "Proef.",
        "huishouden": household,
    }
    for path in scenario.mist:
        place, _, name = path.partition(".")
        holders = {"lid": household["leden"], "huishouden": [household], "aanmelding": [sent]}
        for holder in holders[place]:
            del holder[name]
    return Referral.model_validate(sent)


def _member(one: Resident, number: int) -> dict[str, Any]:
    born = None if one.geboren == "onbekend" else one.geboren.split(" of ")[0]
    return {
        "rol": one.rol or ("aanmelder" if number == 1 else "overig"),
        "burgerservicenummer": complete_bsn(f"99999{number:03d}"),
        "voorletters": "P.",
        "voorvoegsel": "de",
        "achternaam": "Proef",
        "geboortedatum": born,
        "geslacht": "O",
        "ontvangtUitkering": True,
        "participatietrede": 2,
        "zrm": {"gemetenOp": "2026-01-12", "scores": dict.fromkeys(ZrmDomain, 2)},
    }


def _of_case(scenario: Scenario, flow: Flow, permit: Permit) -> Minimised:
    if flow.message is MessageKind.REGISTRATION:
        # Nothing is handed over but a pseudonym in the place of the number.
        return Minimised([], tuple(flow.fields), ())
    if flow.message is MessageKind.PARTNER_UPDATE:
        # Never all of these at once in one message; here, to see which could go.
        update = PartnerUpdate.model_construct(
            reference="PROEF-2", kind=UpdateKind.CONTACT_CHANGED, as_of=scenario.dag,
            phone="020 1234567", reachability=Reachability.REACHABLE, appointment_on=scenario.dag,
            help_kind=HelpKind.TREATMENT, note="Proef.",
        )  # fmt: skip
        plan, case = MinimisationPlan(flow), identity("uitwisseling")
        return plan.partner_update(update, permit, str(case), "PROEF-1", scenario.dag)
    plan, closed = MinimisationPlan(flow), scenario.status.startswith("afgesloten")
    wire: dict[str, Any] = {
        "kenmerk": "RIS-1",
        "uitwisselingId": identity("uitwisseling"),
        "status": scenario.status,
    }
    reason = {"afsluitreden": "wil-geen-contact"} if closed else {}
    if flow.message is MessageKind.STATUS:
        status = StatusMessage.model_validate(wire | {"peildatum": scenario.dag} | reason)
        return plan.status(status, permit, "PROEF-1", scenario.dag)
    ended = {"beeindigdOp": "2026-02-20"} if closed else {}
    report = Accountability.model_validate(
        wire
        | {"ontvanger": flow.recipient, "gestartOp": "2026-01-05", "stadsdeel": "Noord"}
        | {"aantalLeden": 3}
        | ended
        | reason
    )
    return plan.accountability(report, permit, "pseudoniem", scenario.dag)


def values_of(content: Minimised) -> dict[str, Any]:
    """What the recipient reads, by wire name (of several members the last)."""
    found: dict[str, Any] = {}
    for part in content.parts:
        found |= orjson.loads(b"{" + part.fragment + b"}")
    return found
