"""A protocol's text as Cedar policies: its meaning written down a second time.

Read from the TOML itself and from the vocabulary of fields; nothing of the protocol's loader or of
the decision is called. Every policy is a `permit` that answers one question about a message, and an
evaluation names each that is satisfied: together they are the whole decision.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.fields import FIELDS

MEMBERS = 3
"""The most members of a message that the policies speak of."""
Flow = Mapping[str, Any]


class Policies(NamedTuple):
    """The policies about one sender; `names` are their questions, in order."""

    text: str
    names: list[str]


def policies_of(protocol: str, sender: str, categories: Iterable[str]) -> Policies:
    """Every policy about the messages of one sender, and about these categories."""
    file = tomllib.loads(protocol)
    flows = [flow for flow in file["gegevensstroom"] if flow["verzender"] == sender]
    signed = {one["id"]: one for one in file["overeenkomst"]}
    texts, names = [], []
    for flow in flows:
        others = [other for other in flows if other is not flow]
        for name, when in _questions(flow, others, signed, sorted(categories)):
            names.append(f"{flow['id']} {name}")
            texts.append(
                f'permit(principal == Partner::"{sender}", action == Action::"{flow["bericht"]}", '
                f"resource) when {{ {when} }};"
            )
    return Policies("\n".join(texts), names)


def _questions(
    flow: Flow, others: Sequence[Flow], signed: Mapping[str, Any], categories: Sequence[str]
) -> Iterator[tuple[str, str]]:
    arrives = _all(
        [
            _is_meant(flow),
            *(f"!({_is_meant(other)})" for other in others if other["bericht"] == flow["bericht"]),
            _nobody_is_suspended(flow),
            *(_is_in_force(signed[name]) for name in _agreements(flow)),
            _ground_is_admitted(flow),
            *(f'context.aanwezig.contains("{path}")' for path in flow.get("verplicht", [])),
        ]
    )
    hidden, may_hide = _is_hidden(flow)
    emergency = _all([arrives, "context.stap > 0", _emergency_is_admitted(flow)])
    ordinary = _all([arrives, "context.stap == 0", may_hide, f"!({hidden})"])
    protected = _all([arrives, "context.stap == 0", may_hide, hidden])
    agreement = flow["sloten"]["instemming"]
    agreed = _has_agreed(agreement)
    passes = _all([ordinary, agreed])
    yield "gewoon", passes
    yield "aangehouden", _all([ordinary, f"!({agreed})"])
    yield "beschermd", protected
    yield "nood", emergency
    yield "verborgen nood", _all([emergency, hidden])
    explicit = _explicit(flow)
    for member in range(MEMBERS):
        is_there = f"context.leden > {member}"
        own_yes = f'context.gezegd.contains("{member} ja")' if agreement["vereist"] else "true"
        goes = _any([_all([passes, own_yes]), protected, emergency])
        yield f"lid {member}", _all([is_there, goes])
        for category in categories:
            kept = [_all([protected, "true" if category in explicit else "false"])]
            if agreement["vereist"]:
                refuses = f'context.gezegd.contains("{member} nee {category}")'
                lacks = f'!context.gezegd.contains("{member} ja {category}")'
                keeps = _any([refuses, lacks] if category in explicit else [refuses])
                kept.append(_all([passes, own_yes, keeps]))
            yield f"lid {member} zonder {category}", _all([is_there, _any(kept)])


def _is_meant(flow: Flow) -> str:
    """A message that names no recipient, or no purpose, may mean any."""
    return _all(
        [
            f'(context.{name} == "" || context.{name} == "{flow[name]}")'
            for name in ("ontvanger", "doel")
        ]
    )


def _nobody_is_suspended(flow: Flow) -> str:
    return _all(
        [f'!context.geschorst.contains("{flow[who]}")' for who in ("verzender", "ontvanger")]
    )


def _agreements(flow: Flow) -> list[str]:
    return [flow[key] for key in ("overeenkomst", "verwerkersovereenkomst") if key in flow]


def _is_in_force(signed: Mapping[str, Any]) -> str:
    first, last = signed["ingang"].toordinal(), signed["einde"].toordinal()
    return f"context.dag >= {first} && context.dag <= {last}"


def _ground_is_admitted(flow: Flow) -> str:
    grounds = flow.get("toegelatenGrondslagen", [])
    return _any([f'context.grondslag == "{ground}"' for ground in grounds]) if grounds else "true"


def _is_hidden(flow: Flow) -> tuple[str, str]:
    """When the household must not learn of it, and whether asking for that is admitted."""
    match flow.get("bescherming", {}).get("soort"):
        case "altijd":
            return "true", "true"
        case "professional":
            return "context.beschermd", "true"
        case _:
            return "false", "!context.beschermd"


def _emergency_is_admitted(flow: Flow) -> str:
    if "nood" not in flow:
        return "false"
    steps, hours = flow["nood"]["meldcodeStappen"], flow["nood"].get("uren", 24)
    named = _any([f"context.stap == {step}" for step in steps])
    return _all([named, "context.minuten > 0", f"context.minuten <= {hours * 60}"])


def _has_agreed(agreement: Mapping[str, Any]) -> str:
    if not agreement["vereist"]:
        return "true"
    everybody = _all(
        [
            "context.leden > 0",
            *(
                f'(context.leden <= {member} || context.gezegd.contains("{member} ja"))'
                for member in range(MEMBERS)
            ),
        ]
    )
    if agreement.get("huishouden", "allen") == "allen":
        return everybody
    applicant = _any(
        [
            f'(context.aanmelder == {member} && context.gezegd.contains("{member} ja"))'
            for member in range(MEMBERS)
        ]
    )
    return _any([everybody, applicant])


def _explicit(flow: Flow) -> set[str]:
    """The categories of this flow that only a yes of their own lets through."""
    asked = {
        ground["soort"]
        for ground in flow["sloten"].get("bijzonder", [])
        if ground.get("uitdrukkelijkeToestemming")
    }
    return {
        FIELDS[path].category
        for path, treatment in flow["velden"].items()
        if treatment != "weglaten" and FIELDS[path].special.value in asked
    }


def _all(conditions: Iterable[str]) -> str:
    return " && ".join(f"({one})" for one in conditions)


def _any(conditions: Iterable[str]) -> str:
    return " || ".join(f"({one})" for one in conditions)
