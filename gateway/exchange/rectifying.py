"""New values for named fields of a message that was sent before (rectificatie, GDPR article 16).

The values are read by the message's own schema and minimised by the flow that the message goes by.
They only ever take the place of values that are there: what a member withheld, the protocol drops
or a secret address hides is not there, and does not come in this way. An address that becomes
secret is the one thing that is added, and it takes the address away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson

from consent.columns import column_of
from consent.minimise import MinimisationPlan, Part
from consent.protocol import Flow
from gateway.exchange.routing import Routes
from schemas.decisions import Permit, Rule
from schemas.fields import FIELDS, PLACES, FieldKind, MessageKind, Place, Treatment
from schemas.referral import Referral

SECRECY = "huishouden.geheimhouding"
POSTCODE, _TEAM = "huishouden.postcode", "aanmelding.wijkteam"
_ADDRESS, _SECRET = FIELDS[SECRECY].category, SECRECY.rpartition(".")[2]
_MEASURED = "lid.zrm.gemetenOp"
_NOT_CORRECTED = frozenset({"lid.burgerservicenummer", "lid.rol", "aanmelding.grondslag"})
"""What the message was decided by, or about whom it is: annul it, and send another."""
RECTIFIABLE = frozenset(
    path
    for path, field in FIELDS.items()
    if field.message is MessageKind.REFERRAL
    and field.kind is not FieldKind.DERIVED
    and path not in _NOT_CORRECTED
)
_OWN = (Place.MEMBER, Place.ZRM)
ByCategory = dict[str, dict[str, Any]]
"""Values by category and wire name, as a recipient reads them."""


class NotRectifiableError(Exception):
    """A field that cannot be corrected."""


class Rectification(NamedTuple):
    """New values by field path, and a message that holds nothing but these."""

    values: Mapping[str, object]
    referral: Referral

    @property
    def makes_secret(self) -> bool:
        return self.referral.household.address_is_secret


def read_values(values: Mapping[str, object]) -> Rectification:
    """Read new values. Raises `NotRectifiableError`, or pydantic's `ValidationError`."""
    if not RECTIFIABLE.issuperset(values):
        raise NotRectifiableError("a field that cannot be corrected")
    raw: dict[str, Any] = {
        "kenmerk": "correctie",
        "aangemeldOp": "2000-01-01",
        "huishouden": {"leden": [{}]},
    }
    _put(raw, 0, values)
    if "zrm" in raw["huishouden"]["leden"][0]:
        raw["huishouden"]["leden"][0]["zrm"].setdefault("gemetenOp", "2000-01-01")
        raw["huishouden"]["leden"][0]["zrm"].setdefault("scores", {"inkomen": 1})
    return Rectification(values, _read(raw))


def released_fields(paths: Sequence[str], flow: Flow) -> list[str]:
    """Those of these fields that the flow lets pass, in whatever treatment."""
    return sorted(p for p in paths if flow.fields.get(p, Treatment.DROP) is not Treatment.DROP)


def minimised(
    rectification: Rectification,
    flow: Flow,
    routes: Routes,
    today: date,
    *,
    is_hidden: bool = False,
) -> ByCategory:
    """The new values as the flow lets them pass, the label of the team among them.

    `is_hidden` where the place was secret before: then no postcode leads to a team.
    """
    paths = set(rectification.values)
    if rectification.makes_secret or (POSTCODE in paths and not is_hidden):
        paths.add(_TEAM)
    fields = {path: treatment for path, treatment in flow.fields.items() if path in paths}
    plan = MinimisationPlan(flow.model_copy(update={"fields": fields}))
    household = rectification.referral.household
    team = routes.place(household.postcode, today, is_secret=household.address_is_secret).team
    permit = Permit(flow.id, Rule.PERMITTED, (0,), applicant=0)
    content = plan.referral(rectification.referral, permit, [""], team, today)
    new: ByCategory = {p.category: orjson.loads(b"{%b}" % p.fragment) for p in content.parts}
    if _MEASURED in fields and fields[_MEASURED] is not Treatment.DROP:
        # A date of measurement goes with scores; alone it dates those that are there.
        new["zrm"] = {"gemetenOp": rectification.values[_MEASURED]}
    return new


def rectified(
    parts: Sequence[Part],
    member: int | None,
    new: ByCategory,
    flow: Flow,
    *,
    makes_secret: bool,
    is_hidden: bool = False,
    holder: int | None = None,
) -> tuple[list[Part], ByCategory]:
    """Stored parts with the new values in the place of the old, and which values those are.

    `is_hidden` where the place was secret before. `holder` is whose parts the household's stand
    with: there it is told that an address is secret, also of a household that told none.
    """
    hidden = hidden_with_address(flow) if makes_secret or is_hidden else {}
    new = {
        category: {n: v for n, v in values.items() if n not in hidden.get(category, ())}
        for category, values in new.items()
    }
    kept: list[Part] = []
    told: ByCategory = {}
    for part in parts:
        category = part.category
        if PLACES[category] in _OWN and part.member != member:
            kept.append(part)
            continue
        before = orjson.loads(b"{%b}" % part.fragment)
        given = new.get(category, {})
        changes = {name: given[name] for name in before if name in given}
        if makes_secret and _SECRET in given:
            changes[_SECRET] = True
        after = {
            name: value
            for name, value in (before | changes).items()
            if name not in hidden.get(category, ())
        }
        if changes:
            told[category] = {name: value for name, value in changes.items() if name in after}
        if after == before:
            kept.append(part)
        elif after:
            kept.append(part._replace(fragment=orjson.dumps(after)[1:-1]))
    if makes_secret and holder is not None and _SECRET in new.get(_ADDRESS, ()):
        if all(part.category != _ADDRESS for part in parts):
            kept.append(Part(holder, _ADDRESS, orjson.dumps({_SECRET: True})[1:-1]))
        told.setdefault(_ADDRESS, {})[_SECRET] = True
    return kept, {category: values for category, values in told.items() if values}


def as_message(told: ByCategory) -> bytes:
    """Values in the form of the message that they correct."""
    member: dict[str, Any] = {}
    household: dict[str, Any] = {}
    referral: dict[str, Any] = {}
    for category, values in told.items():
        match PLACES[category]:
            case Place.MEMBER:
                member |= values
            case Place.ZRM:
                member.setdefault("zrm", {}).update(values)
            case Place.HOUSEHOLD:
                household |= values
            case _:
                referral |= values
    if member:
        household["leden"] = [member]
    places = {"aanmelding": referral, "huishouden": household}
    return orjson.dumps({name: values for name, values in places.items() if values})


def in_whole(whole: Referral, member: int | None, rectification: Rectification) -> Referral:
    """A message that is held, with the new values. Raises pydantic's `ValidationError`."""
    raw = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
    _put(raw, member or 0, rectification.values)
    return _read(raw)


def without_member(whole: Referral, member: int) -> Referral:
    """A message that is held, without one member, and without what may be about them.

    Who said what for whom entered the register on arrival; it names members by their place, which
    would lead to others now, so it goes.
    """
    said: dict[str, object] = {"agreement": None, "further_agreements": [], "authority": []}
    stays = [
        one.model_copy(update=said)
        for number, one in enumerate(whole.household.members)
        if number != member
    ]
    household = whole.household.model_copy(update={"members": stays})
    return whole.model_copy(update={"household": household, "note": None})


def _put(raw: dict[str, Any], member: int, values: Mapping[str, object]) -> None:
    for path, value in values.items():
        place, *steps = path.split(".")
        if place == "lid":
            at = raw["huishouden"]["leden"][member]
            if steps[0] == "zrm":
                at = at.setdefault("zrm", {})
                if steps[1] != "gemetenOp":
                    at = at.setdefault("scores", {})
        else:
            at = raw["huishouden"] if place == "huishouden" else raw
        at[steps[-1]] = value


def _read(raw: dict[str, Any]) -> Referral:
    # By its JSON, as on arrival: a day in text is a day there and nothing else.
    return Referral.model_validate_json(orjson.dumps(raw), by_alias=True, by_name=False)


def hidden_with_address(flow: Flow) -> dict[str, set[str]]:
    """What a secret address takes away, by category: the fields that the flow hides with it."""
    hidden: dict[str, set[str]] = {}
    for path in flow.fields:
        column = column_of(0, path, flow)
        if column.hides_with_address:
            hidden.setdefault(FIELDS[path].category, set()).add(column.wire)
    return hidden
