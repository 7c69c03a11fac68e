"""Minimisation against a second reading of the protocol, written from the wire's point of view.

`expected` walks a message as JSON, by the protocol's own paths; what it finds must be all that
leaves. It calls nothing of what it checks, age bands apart, which have tests of their own.
"""

from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent.columns import age_band
from consent.minimise import _KNOWN_NAMES, MinimisationPlan, _names
from consent.protocol import Flow, load
from schemas.casework import Accountability, StatusMessage
from schemas.decisions import Permit, Rule
from schemas.fields import FIELDS, MessageKind, Treatment
from schemas.identifiers import PartialDate
from schemas.partner_update import PartnerUpdate
from schemas.referral import Referral
from schemas.zrm import ZrmDomain
from tests.support.minimising import (
    ADDRESS,
    TEAMS,
    TODAY,
    TRACES,
    WHOLE,
    Released,
    canary_couple,
    canary_referral,
    covered,
    everything,
    flow_of,
    minimised,
    permit_of,
    permits,
    pseudonyms_of,
    released,
    wire,
)
from tests.support.strategies import (
    IN_FORCE,
    PREAMBLE,
    flow_toml,
    referral_flows,
    referrals,
    status_messages,
    treatments,
    unhurried,
)

ALONE = Permit("flow", Rule.PERMITTED, (0,))
"""Of the one person whom a message on a case is about, who withholds nothing."""
FOLDED = {
    "instroom": "ontvangen",
    "regiecheck": "ontvangen",
    "in-beheer-actief": "in-behandeling",
    "in-beheer-passief": "in-behandeling",
    "afgesloten-bereikt": "beeindigd",
    "afgesloten-niet-bereikt": "beeindigd",
}


def treated(path: str, value: Any, line: Treatment, today: date) -> tuple[str, object]:
    """The name and value of one admitted field as its recipient reads it."""
    name = path.rsplit(".", maxsplit=1)[-1]
    if line is not Treatment.GENERALISE:
        return name, value
    if path == "lid.geboortedatum":
        return "leeftijdsgroep", age_band(PartialDate(value), today)
    if path == "huishouden.postcode":
        return "postcodegebied", value[:4]
    if path == "statusbericht.status":
        return name, FOLDED[value]
    return name, "probleem" if value < 4 else "geen-probleem"


def expected(  # one reader of a whole message, on purpose in one place
    flow: Flow, referral: Referral, permit: Permit, team: str | None, today: date
) -> tuple[Released, set[str], set[str]]:
    """What leaves, and the names of the fields that leave and that stay behind."""
    sent = wire(referral)
    household = sent["huishouden"]
    is_hidden = household["geheimhouding"] and not flow.secret_address_admitted
    withheld = dict(zip(permit.members, permit.withheld, strict=False))
    found: Released = {}
    gone: set[str] = set()
    out: set[str] = set()

    def meet(member: int, path: str, value: Any) -> None:
        line, category = flow.fields.get(path, Treatment.DROP), FIELDS[path].category
        is_refused = covered(category, withheld.get(member, frozenset()))
        if line is Treatment.DROP or is_refused or (is_hidden and path in ADDRESS):
            gone.add(path)
            return
        name, leaves = treated(path, value, line, today)
        found.setdefault((member, category), {})[name] = leaves
        out.add(path)

    def meet_all(member: int, section: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if f"{section}.{name}" in FIELDS:
                meet(member, f"{section}.{name}", value)

    for member in permit.members:
        person = household["leden"][member]
        own = {"pseudoniem": f"pseudoniem-van-{member}", "reedsBekend": None}
        meet_all(member, "lid", person | own)
        for domain, score in person.get("zrm", {}).get("scores", {}).items():
            meet(member, f"lid.zrm.{domain}", score)
        if any(who == member and category.startswith("zrm.") for who, category in found):
            meet(member, "lid.zrm.gemetenOp", person["zrm"]["gemetenOp"])
    if not household["geheimhouding"]:
        del household["geheimhouding"]  # said only where it is so
    derived = {"aantalLeden": len(permit.members)} | ({"wijkteam": team} if team else {})
    meet_all(permit.holder, "huishouden", household)
    meet_all(permit.holder, "aanmelding", sent | derived)
    return found, out, gone


@unhurried
@given(st.data(), referrals(), referral_flows(), TEAMS, IN_FORCE)
def test_invariant_04_only_admitted_fields_leave_in_their_treatment(
    data: st.DataObject, referral: Referral, flow: Flow, team: str | None, today: date
) -> None:
    permit = data.draw(permits(referral))
    # Where free text goes when members are left out has a test of its own.
    referral = referral.model_copy(update={"note": None})
    result = minimised(flow, referral, permit, team, today)
    values, out, gone = expected(flow, referral, permit, team, today)
    assert released(result) == values
    assert set(result.released) == out
    assert set(result.removed) - {"lid.zrm.gemetenOp"} == gone - {"lid.zrm.gemetenOp"}
    assert list(result.released) == sorted(result.released)
    assert list(result.removed) == sorted(result.removed)


def scalars(message: Any) -> list[object]:
    """Every value in a message, at any depth."""
    if isinstance(message, dict):
        return [value for part in message.values() for value in scalars(part)]
    if isinstance(message, list):
        return [value for part in message for value in scalars(part)]
    return [message]


@unhurried
@given(referrals(), referral_flows(), IN_FORCE)
def test_invariant_04_minimise_never_adds(referral: Referral, flow: Flow, today: date) -> None:
    sent = wire(referral)
    members = sent["huishouden"]["leden"]
    coarse = {"probleem", "geen-probleem", "onbekend", "Centrum", len(members)}
    coarse |= {f"{age}0-{age}9" for age in range(1, 60)} | {"0-9"}
    coarse |= {sent["huishouden"].get("postcode", "")[:4]}
    coarse |= set(pseudonyms_of(tuple(range(len(members)))))
    known = [*scalars(sent), *coarse]
    result = minimised(flow, referral, None, "Centrum", today)
    for (member, category), values in released(result).items():
        assert 0 <= member < len(members)
        assert category in {field.category for field in FIELDS.values()}
        for value in values.values():
            # Nothing stands where something comes when it is handed over.
            assert value is None or any(type(value) is type(one) and value == one for one in known)


def test_the_canaries_sing_when_everything_is_admitted() -> None:
    everything_sent = everything(minimised(flow_of(WHOLE), canary_referral()))
    assert [path for path, trace in TRACES.items() if trace not in everything_sent] == []
    assert b'"gemetenOp":"2024-08-09"' in everything_sent


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize("is_named", [True, False])
def test_invariant_04_dropping_a_field_removes_its_value(path: str, is_named: bool) -> None:
    fields = {other: line for other, line in WHOLE.items() if other != path}
    if is_named:
        fields[path] = Treatment.DROP
    before = minimised(flow_of(WHOLE), canary_referral())
    after = minimised(flow_of(fields), canary_referral())
    assert TRACES.get(path, b"\x00") not in everything(after)
    assert path not in after.released
    assert path in after.removed or path not in before.released
    wire_name, category = path.rpartition(".")[2], FIELDS[path].category
    want = released(before)
    want[0, category].pop(wire_name)
    if not want[0, category]:
        del want[0, category]
    assert released(after) == want


@unhurried
@given(treatments(MessageKind.REFERRAL))
def test_invariant_04_the_senders_own_key_and_agreement_never_leave(
    fields: dict[str, Treatment],
) -> None:
    sent = wire(canary_referral())
    sent["huishouden"]["leden"][0]["instemming"] = {
        "gegeven": True,
        "op": "2023-04-05",
        "bewijs": "Kanariebewijs",
    }
    left = everything(minimised(flow_of(fields), Referral.model_validate(sent)))
    for trace in (b"Kanariekenmerk", b"Kanariebewijs", b"2023-04-05", b"gegeven", b"kenmerk"):
        assert trace not in left


@unhurried
@given(referrals(), treatments(MessageKind.REFERRAL), st.data())
def test_invariant_04_a_stricter_protocol_never_releases_more(
    referral: Referral, fields: dict[str, Treatment], data: st.DataObject
) -> None:
    kept = [path for path, line in fields.items() if line is not Treatment.DROP]
    assume(kept)
    path = data.draw(st.sampled_from(kept))
    loose = minimised(flow_of(fields), referral)
    strict = minimised(flow_of(fields | {path: Treatment.DROP}), referral)
    assert set(strict.released) <= set(loose.released) - {path}
    for key, values in released(strict).items():
        assert values.items() <= released(loose)[key].items()


def test_invariant_04_a_protocol_without_fields_releases_nothing() -> None:
    result = minimised(flow_of({}), canary_referral())
    assert result.parts == []
    assert result.released == ()
    assert set(result.removed) >= set(WHOLE) - {"lid.zrm.gemetenOp"}


def test_invariant_05_every_field_that_stays_behind_is_named() -> None:
    assert set(minimised(flow_of({}), canary_referral()).removed) == set(WHOLE)


@pytest.mark.parametrize("domain", ZrmDomain)
def test_a_measurement_without_an_admitted_score_takes_its_date_along(domain: ZrmDomain) -> None:
    fields = {"lid.zrm.gemetenOp": Treatment.KEEP}
    assert minimised(flow_of(fields), canary_referral()).parts == []
    both = fields | {f"lid.zrm.{domain}": Treatment.KEEP}
    assert released(minimised(flow_of(both), canary_referral())) == {
        (0, f"zrm.{domain}"): {domain.value: 2},
        (0, "zrm"): {"gemetenOp": "2024-08-09"},
    }


@pytest.mark.parametrize("score", range(1, 6))
def test_a_generalised_score_says_problem_or_not(score: int) -> None:
    label = "probleem" if score <= 3 else "geen-probleem"
    zrm = {"gemetenOp": "2026-02-01", "scores": {"inkomen": score, "justitie": score}}
    referral = Referral.model_validate(
        {"kenmerk": "1", "aangemeldOp": "2026-03-01", "huishouden": {"leden": [{"zrm": zrm}]}}
    )
    flow = flow_of({"lid.zrm.inkomen": Treatment.GENERALISE, "lid.zrm.justitie": Treatment.KEEP})
    assert [part.fragment for part in minimised(flow, referral).parts] == [
        b'"inkomen":"%s"' % label.encode(),
        b'"justitie":%d' % score,
    ]


def test_a_false_answer_is_an_answer() -> None:
    referral = Referral.model_validate(
        {
            "kenmerk": "1",
            "aangemeldOp": "2026-03-01",
            "huishouden": {"leden": [{"ontvangtUitkering": False}]},
        }
    )
    result = minimised(flow_of({"lid.ontvangtUitkering": Treatment.KEEP}), referral)
    assert released(result) == {(0, "inkomen"): {"ontvangtUitkering": False}}


@unhurried
@given(referrals(), referral_flows(), TEAMS)
def test_a_secret_address_hides_all_that_tells_of_it(
    referral: Referral, flow: Flow, team: str | None
) -> None:
    household = referral.household.model_copy(update={"address_is_secret": True})
    result = minimised(flow, referral.model_copy(update={"household": household}), None, team)
    if flow.secret_address_admitted:
        admitted = {path for path, line in flow.fields.items() if line is not Treatment.DROP}
        assert not set(result.removed) & ADDRESS & admitted
    else:
        assert not set(result.released) & ADDRESS
        assert all("postcodegebied" not in values for values in released(result).values())


def test_a_secret_address_leaves_no_trace_of_itself() -> None:
    left = everything(minimised(flow_of(WHOLE, False), canary_referral()))
    for path in ADDRESS - {"aanmelding.wijkteam"}:
        assert TRACES[path] not in left
    assert b"wijkteam" not in left
    assert b"Centrum" not in left
    assert b'"geheimhouding":true' in left
    assert TRACES["lid.achternaam"] in left


def test_a_secret_address_takes_free_text_along() -> None:
    left = everything(minimised(flow_of(WHOLE, False), canary_referral()))
    assert TRACES["aanmelding.toelichting"] not in left


@unhurried
@given(referrals(), referral_flows(), TEAMS, IN_FORCE)
def test_minimising_is_pure(referral: Referral, flow: Flow, team: str | None, today: date) -> None:
    plan, permit = MinimisationPlan(flow), permit_of(referral)
    names = pseudonyms_of(permit.members)
    before = referral.model_dump_json()
    first = plan.referral(referral, permit, names, team, today)
    first.parts.reverse()
    again = plan.referral(referral, permit, names, team, today)
    assert again.parts == first.parts[::-1]
    assert again == MinimisationPlan(flow).referral(referral, permit, names, team, today)
    assert referral.model_dump_json() == before


@pytest.mark.parametrize("names", [[], ["p"], ["p", "q", "r"]])
def test_pseudonyms_that_do_not_fit_the_permit_stop_everything(names: list[str]) -> None:
    referral = canary_couple()
    plan = MinimisationPlan(flow_of(WHOLE))
    with pytest.raises(ValueError, match="zip"):
        plan.referral(referral, permit_of(referral), names, None, TODAY)


def status_flow(fields: dict[str, Treatment]) -> Flow:
    text = flow_toml(message=MessageKind.STATUS, fields=fields, is_agreement_asked=False)
    return load(PREAMBLE + text).flows[0]


@unhurried
@given(status_messages(), treatments(MessageKind.STATUS))
def test_invariant_04_only_admitted_fields_of_a_status_leave(
    message: StatusMessage, fields: dict[str, Treatment]
) -> None:
    sent = wire(message) | {"kenmerk": "eigen-kenmerk"}
    del sent["uitwisselingId"]
    paths = {f"statusbericht.{name}": value for name, value in sent.items()}
    admitted = {p for p in paths if fields.get(p, Treatment.DROP) is not Treatment.DROP}
    want = dict(treated(path, paths[path], fields[path], TODAY) for path in sorted(admitted))
    result = MinimisationPlan(status_flow(fields)).status(message, ALONE, "eigen-kenmerk", TODAY)
    assert released(result) == ({(0, "casusstatus"): want} if want else {})
    assert set(result.released) == admitted
    assert set(result.removed) == set(paths) - admitted


@unhurried
@given(status_messages())
def test_a_status_without_its_reason_does_not_tell_that_there_was_one(
    message: StatusMessage,
) -> None:
    plan = MinimisationPlan(status_flow({"statusbericht.status": Treatment.GENERALISE}))
    bare = message.model_copy(update={"close_reason": None})
    assert (
        plan.status(message, ALONE, "a", TODAY).parts == plan.status(bare, ALONE, "a", TODAY).parts
    )


@unhurried
@given(referrals(), status_messages(), referral_flows(), treatments(MessageKind.STATUS))
def test_a_plan_for_one_kind_of_message_releases_nothing_of_the_other(
    referral: Referral, message: StatusMessage, flow: Flow, fields: dict[str, Treatment]
) -> None:
    assert MinimisationPlan(flow).status(message, ALONE, "a", TODAY).parts == []
    assert minimised(status_flow(fields), referral).parts == []


ACCOUNTABILITY = Accountability.model_validate(
    {
        "kenmerk": "V-1",
        "uitwisselingId": "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
        "ontvanger": "altra",
        "status": "in-beheer-actief",
        "gestartOp": "2025-11-30",
        "stadsdeel": "Noord",
        "aantalLeden": 3,
    }
)
OF_ACCOUNTABILITY = {
    path: max(field.treatments - {Treatment.DROP}, key=lambda one: one is Treatment.GENERALISE)
    for path, field in FIELDS.items()
    if field.message is MessageKind.ACCOUNTABILITY
}


def accountability_flow(fields: dict[str, Treatment]) -> Flow:
    text = PREAMBLE + flow_toml(message=MessageKind.ACCOUNTABILITY, fields=fields)
    return load(text).flows[0]


def test_invariant_04_only_admitted_fields_of_an_accountability_leave() -> None:
    plan = MinimisationPlan(accountability_flow(OF_ACCOUNTABILITY))
    result = plan.accountability(ACCOUNTABILITY, ALONE, "pseudoniem", TODAY)
    assert released(result) == {
        (0, "verantwoording"): {
            "pseudoniem": "pseudoniem",
            "stadsdeel": "Noord",
            "status": "in-behandeling",
            "gestartIn": "2025-11",
            "aantalLeden": 3,
        }
    }
    assert result.removed == ()
    for left_out in OF_ACCOUNTABILITY:
        fewer = OF_ACCOUNTABILITY | {left_out: Treatment.DROP}
        less = MinimisationPlan(accountability_flow(fewer)).accountability(
            ACCOUNTABILITY, ALONE, "pseudoniem", TODAY
        )
        assert set(less.released) == set(result.released) - {left_out}
        assert set(less.removed) == {left_out} & set(result.released)


def test_what_the_person_refuses_of_a_message_on_their_case_stays_behind() -> None:
    plan = MinimisationPlan(accountability_flow(OF_ACCOUNTABILITY))
    refused = ALONE._replace(withheld=(frozenset({"verantwoording"}),))
    result = plan.accountability(ACCOUNTABILITY, refused, "pseudoniem", TODAY)
    assert (result.parts, result.released) == ([], ())
    assert set(result.removed) == {
        path
        for path in OF_ACCOUNTABILITY
        if path.split(".")[1] not in ("beeindigdOp", "afsluitreden")
    }


def test_an_accountability_says_nothing_of_the_casebooks_own_key() -> None:
    flow = accountability_flow(OF_ACCOUNTABILITY)
    result = MinimisationPlan(flow).accountability(ACCOUNTABILITY, ALONE, "pseudoniem", TODAY)
    assert b"V-1" not in everything(result)
    assert b"4b8c9d0e" not in everything(result)
    assert (
        MinimisationPlan(flow)
        .referral(canary_referral(), permit_of(canary_referral()), ["p"], None, TODAY)
        .parts
        == []
    )


def test_the_names_that_are_kept_ready_have_a_bound() -> None:
    for bits in range(4200):
        assert len(_names(bits)) == bits.bit_count()
        assert len(_KNOWN_NAMES) <= 4096


def test_a_phone_number_of_a_running_case_goes_unless_its_address_or_its_person_hides_it() -> None:
    fields = {"partnerbericht.soort": Treatment.KEEP,
              "partnerbericht.telefoonnummer": Treatment.IDENTIFY}  # fmt: skip
    text = PREAMBLE + flow_toml(message=MessageKind.PARTNER_UPDATE, fields=fields)
    plan = MinimisationPlan(load(text).flows[0])
    message = PartnerUpdate.model_validate(
        {
            "kenmerk": "PB-1",
            "aanmeldingKenmerk": "A-1",
            "soort": "contactgegevens-gewijzigd",
            "peildatum": "2026-01-02",
            "telefoonnummer": "020-5557913",
        }
    )
    kind = (0, "partnerbericht"), {"soort": "contactgegevens-gewijzigd"}
    number = (0, "nieuw-contact"), {"telefoonnummer": "020-5557913"}

    told = plan.partner_update(message, ALONE, "uitwisseling", None, TODAY)
    assert released(told) == dict([kind, number])
    hidden = plan.partner_update(message, ALONE, "uitwisseling", None, TODAY, hides=True)
    assert released(hidden) == dict([kind])
    refused = ALONE._replace(withheld=(frozenset({"contact"}),))
    kept_back = plan.partner_update(message, refused, "uitwisseling", None, TODAY)
    assert released(kept_back) == dict([kind])
