"""What tests of minimisation share: one way to minimise and to read back, and a canary referral.

Every value of the canary referral is its own and can be searched for in what leaves.
"""

import json
from datetime import date
from typing import Any

from hypothesis import strategies as st

from consent.minimise import MinimisationPlan, Minimised
from consent.protocol import Flow, load
from schemas.casework import StatusMessage
from schemas.decisions import Permit, Rule
from schemas.fields import CATEGORIES, FIELDS, MessageKind, Treatment
from schemas.referral import Referral
from schemas.zrm import ZrmDomain
from tests.support.strategies import PREAMBLE, complete_bsn, flow_toml, refusals

TODAY = date(2026, 3, 1)
ADDRESS = {
    "huishouden.postcode",
    "huishouden.straatnaam",
    "huishouden.huisnummer",
    "huishouden.huisnummertoevoeging",
    "huishouden.telefoonnummer",
    "aanmelding.wijkteam",
}
OF_HOUSEHOLD = frozenset({"adres", "contact", "aanmelding", "vrije-tekst"})
"""The categories of what belongs to no member alone."""
TEAMS = st.none() | st.sampled_from(["Centrum", "Noord-Oost"])
Released = dict[tuple[int, str], dict[str, object]]
CANARIES: dict[str, object] = {
    "lid.burgerservicenummer": "999900018",
    "lid.voorletters": "Kanarievoorletters",
    "lid.voorvoegsel": "Kanarievoorvoegsel",
    "lid.achternaam": 'Kanarie "achternaam" \\ ü',
    "lid.geboortedatum": "1981-07-13",
    "lid.geslacht": "V",
    "lid.ontvangtUitkering": True,
    "lid.participatietrede": 6,
    "lid.rol": "kind",
    "huishouden.postcode": "9783QX",
    "huishouden.straatnaam": "Kanariestraat",
    "huishouden.huisnummer": 54321,
    "huishouden.huisnummertoevoeging": "Kantoev",
    "huishouden.telefoonnummer": "020 8642097",
    "huishouden.geheimhouding": True,
    "aanmelding.aangemeldOp": "2025-11-23",
    "aanmelding.grondslag": "wgs",
    "aanmelding.toelichting": "Kanarie in vrije tekst",
}
# What would betray a field of one of the canaries, whatever form it leaves in.
TRACES = {
    path: json.dumps(value, ensure_ascii=False).strip('"').encode()
    for path, value in CANARIES.items()
    if len(str(value)) >= 5 and value is not True
} | {"huishouden.postcode": b"9783", "lid.geboortedatum": b"1981"}
WHOLE = {
    path: min(field.treatments - {Treatment.DROP, Treatment.GENERALISE})
    for path, field in FIELDS.items()
    if field.message is MessageKind.REFERRAL
}


def wire(message: Referral | StatusMessage) -> Any:
    return json.loads(message.model_dump_json(by_alias=True, exclude_none=True))


def pseudonyms_of(members: tuple[int, ...]) -> list[str]:
    return [f"pseudoniem-van-{member}" for member in members]


def permit_of(
    referral: Referral, withheld: tuple[frozenset[str], ...] = (), applicant: int = 0
) -> Permit:
    everyone = tuple(range(len(referral.household.members)))
    return Permit("flow", Rule.PERMITTED, everyone, (), withheld, applicant)


@st.composite
def permits(draw: st.DrawFn, referral: Referral) -> Permit:
    """A permit for some of the members, some of whom refused a category of their own."""
    everyone = range(len(referral.household.members))
    members = tuple(sorted(draw(st.sets(st.sampled_from(everyone), min_size=1))))
    withheld = (
        tuple(draw(refusals(CATEGORIES - OF_HOUSEHOLD)) for _ in members)
        if draw(st.booleans())
        else ()
    )
    return Permit("flow", Rule.PERMITTED, members, (), withheld, draw(st.sampled_from(members)))


def flow_of(fields: dict[str, Treatment], is_secret_address_admitted: bool = True) -> Flow:
    text = flow_toml(fields=fields, is_secret_address_admitted=is_secret_address_admitted)
    return load(PREAMBLE + text).flows[0]


def minimised(
    flow: Flow,
    referral: Referral,
    permit: Permit | None = None,
    team: str | None = "Centrum",
    today: date = TODAY,
) -> Minimised:
    permit = permit or permit_of(referral)
    names = pseudonyms_of(permit.members)
    return MinimisationPlan(flow).referral(referral, permit, names, team, today)


def released(result: Minimised) -> Released:
    """What the recipient reads, a member and category each; a name said twice is an error."""
    found: Released = {}
    for part in result.parts:
        assert (part.member, part.category) not in found
        pairs = json.loads(b"{" + part.fragment + b"}", object_pairs_hook=list)
        assert len(dict(pairs)) == len(pairs) > 0
        found[part.member, part.category] = dict(pairs)
    return found


def everything(result: Minimised) -> bytes:
    return b"\n".join(part.fragment for part in result.parts)


def covered(category: str, refused: frozenset[str]) -> bool:
    return category in refused or category.split(".", maxsplit=1)[0] in refused


def canary_referral() -> Referral:
    def section(name: str) -> dict[str, object]:
        return {
            path.partition(".")[2]: value
            for path, value in CANARIES.items()
            if path.startswith(f"{name}.")
        }

    zrm = {"gemetenOp": "2024-08-09", "scores": dict.fromkeys(ZrmDomain, 2)}
    household = section("huishouden") | {"leden": [section("lid") | {"zrm": zrm}]}
    return Referral.model_validate(
        section("aanmelding") | {"kenmerk": "Kanariekenmerk-1", "huishouden": household}
    )


def canary_couple() -> Referral:
    """The canary referral with its one member twice, but for the number."""
    sent = wire(canary_referral())
    (one,) = sent["huishouden"]["leden"]
    sent["huishouden"]["leden"].append({**one, "burgerservicenummer": complete_bsn("99990003")})
    return Referral.model_validate(sent)
