"""Golden vectors for a protocol of two flows: decided, minimised, and compared byte for byte.

Each was written and checked by hand from the protocol's text; nothing regenerates them. A vector
may change lines of the protocol first, and says which.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consent.decide import Facts, FlowTable, compile_table, decide
from consent.minimise import MinimisationPlan, Minimised
from consent.protocol import Flow, load
from consent.register import Standing
from schemas.casework import StatusMessage
from schemas.decisions import Permit, Rule
from schemas.fields import MessageKind
from schemas.referral import Referral

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "tests/vectors/minimise/protocol.toml"
VECTORS = {path.stem: path for path in (ROOT / "tests/vectors/minimise").glob("*.json")}


def read(name: str) -> Any:
    return json.loads(VECTORS[name].read_text(encoding="utf-8"))


def table_of(vector: Any) -> FlowTable:
    text = PROTOCOL.read_text(encoding="utf-8")
    for old, new in vector["protocol"]["replace"]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return compile_table(load(text))


def flow_of(table: FlowTable, vector: Any, message: MessageKind) -> Flow:
    flow = table.find(vector["sender"], message)
    assert flow is not None
    return flow


def permit_of(table: FlowTable, flow: Flow, vector: Any, referral: Referral) -> Permit:
    standings = [
        Standing(one["given"], (UUID(one["event"]),), frozenset(one["refused"]))
        for one in vector["standings"]
    ]
    facts = Facts(referral.ground, {"aanmelding.aangemeldOp"}, vector["applicant"], standings)
    permit = decide(table, flow, facts, frozenset(), date.fromisoformat(vector["today"]))
    assert isinstance(permit, Permit)
    return permit


def check(result: Minimised, vector: Any) -> None:
    parts = [(part.member, part.category, part.fragment.decode()) for part in result.parts]
    assert parts == [tuple(part) for part in vector["parts"]]
    assert list(result.released) == vector["released"]
    assert list(result.removed) == vector["removed"]


@pytest.mark.parametrize("name", sorted(name for name in VECTORS if "status" not in name))
def test_invariant_04_a_referral_leaves_as_its_vector_says(name: str) -> None:
    vector = read(name)
    table = table_of(vector)
    flow = flow_of(table, vector, MessageKind.REFERRAL)
    referral = Referral.model_validate_json(json.dumps(vector["message"]))
    permit = permit_of(table, flow, vector, referral)
    assert permit.rule is Rule.PERMITTED
    assert list(permit.members) == vector["members"]
    assert [str(consent) for consent in permit.consents] == vector["consents"]
    names = [vector["pseudonyms"][member] for member in permit.members]
    today = date.fromisoformat(vector["today"])
    check(MinimisationPlan(flow).referral(referral, permit, names, vector["team"], today), vector)


@pytest.mark.parametrize("name", sorted(name for name in VECTORS if "status" in name))
def test_invariant_04_a_status_leaves_as_its_vector_says(name: str) -> None:
    vector = read(name)
    flow = flow_of(table_of(vector), vector, MessageKind.STATUS)
    message = StatusMessage.model_validate_json(json.dumps(vector["message"]))
    today = date.fromisoformat(vector["today"])
    permit = Permit(flow.id, Rule.PERMITTED, (0,))
    check(MinimisationPlan(flow).status(message, permit, vector["reference"], today), vector)


def test_invariant_13_the_reduced_vector_holds_nothing_of_who_left() -> None:
    vector = read("reduced-household")
    left = json.dumps(vector["parts"]) + json.dumps(vector["released"] + vector["removed"])
    for trace in ("Weg", "999900043", "1979", "verslaving", "huisvesting", "2026-02-01", "aaaa"):
        assert trace not in left
        assert trace in VECTORS["reduced-household"].read_text(encoding="utf-8")


def test_every_case_that_we_promise_has_its_vector() -> None:
    promised = {
        "full-household",
        "reduced-household",
        "secret-address",
        "generalised",
        "narrower-no",
        "status-to-referrer",
    }
    assert promised <= set(VECTORS)
