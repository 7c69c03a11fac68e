"""Stored parts under a newer protocol: cut to what both protocols say, never widened."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from consent.minimise import MinimisationPlan
from schemas.fields import FIELDS, MessageKind, Treatment
from schemas.referral import Referral
from tests.support.minimising import (
    ADDRESS,
    TRACES,
    WHOLE,
    canary_referral,
    flow_of,
    minimised,
    released,
)
from tests.support.strategies import referrals, treatments, unhurried


def wire_of(path: str, line: Treatment) -> str:
    coarse = {"lid.geboortedatum": "leeftijdsgroep", "huishouden.postcode": "postcodegebied"}
    if line is Treatment.GENERALISE and path in coarse:
        return coarse[path]
    return path.rsplit(".", maxsplit=1)[-1]


@unhurried
@given(
    referrals(),
    treatments(MessageKind.REFERRAL),
    treatments(MessageKind.REFERRAL),
    st.booleans(),
)
def test_a_stored_part_is_narrowed_to_what_both_protocols_say(
    referral: Referral, before: dict[str, Treatment], after: dict[str, Treatment], is_secret: bool
) -> None:
    older, newer = flow_of(before, is_secret), flow_of(after, is_secret)
    plan, under_old = MinimisationPlan(newer), MinimisationPlan(older)
    stored, fresh = minimised(older, referral), released(minimised(newer, referral))
    for part in stored.parts:
        narrowed = plan.narrow(part, under_old)
        was = json.loads(b"{" + part.fragment + b"}")
        paths = {
            wire_of(path, line): path
            for path, line in before.items()
            if FIELDS[path].category == part.category
        }
        want = {n: v for n, v in was.items() if after.get(paths[n]) == before[paths[n]]}
        if not want:
            assert narrowed is None
            continue
        assert narrowed == part._replace(fragment=orjson.dumps(want)[1:-1])
        if part.category != "zrm":
            assert want.items() <= fresh[part.member, part.category].items()


def test_a_stored_part_under_the_same_protocol_stays_as_it_is() -> None:
    plan = MinimisationPlan(flow_of(WHOLE))
    for part in minimised(flow_of(WHOLE), canary_referral()).parts:
        assert plan.narrow(part, MinimisationPlan(flow_of(WHOLE))) is part
        assert MinimisationPlan(flow_of({})).narrow(part, plan) is None


def test_a_protocol_that_stops_admitting_secret_addresses_holds_for_stored_parts() -> None:
    older, newer = MinimisationPlan(flow_of(WHOLE, True)), MinimisationPlan(flow_of(WHOLE, False))
    stored = minimised(flow_of(WHOLE, True), canary_referral()).parts
    narrowed = [newer.narrow(part, older) for part in stored]
    left = b"\n".join(part.fragment for part in narrowed if part is not None)
    for path in ADDRESS - {"aanmelding.wijkteam"}:
        assert TRACES[path] not in left
    assert b"wijkteam" not in left


def test_narrowing_leaves_no_date_of_measurement_without_a_score() -> None:
    both = {"lid.zrm.gemetenOp": Treatment.KEEP, "lid.zrm.inkomen": Treatment.KEEP}
    older = MinimisationPlan(flow_of(both))
    newer = MinimisationPlan(flow_of({"lid.zrm.gemetenOp": Treatment.KEEP}))
    stored = minimised(flow_of(both), canary_referral()).parts
    assert newer.narrow_all(stored, older) == []
