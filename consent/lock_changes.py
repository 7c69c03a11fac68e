"""What changes in a flow's fields and locks: what goes to whom, on which basis, asked of whom."""

from __future__ import annotations

from collections.abc import Iterator

from consent.change import (
    Change,
    Direction,
    consent_change,
    ground_change,
    label_of,
    more_is_wider,
    replaced,
)
from consent.labels import BASES, HOUSEHOLD_RULES, REGIMES, SPECIALS, TREATMENTS, Label
from consent.protocol import Flow, HouseholdRule
from schemas.fields import Treatment

# How much of a person each treatment shows, least first.
_SHOWS = {
    Treatment.DROP: 0,
    Treatment.PSEUDONYMISE: 1,
    Treatment.GENERALISE: 2,
    Treatment.KEEP: 3,
    Treatment.IDENTIFY: 3,
}


_EXPLICIT = Label("uitdrukkelijke toestemming", "Explicit consent")


def field_change(path: str, then: Treatment, now: Treatment, recipient: str) -> Change:
    label, topic = label_of(path), f"velden.{path}"
    if now is Treatment.DROP:
        told = Label(
            f"Niet langer mee naar {recipient}: {label.nl}.",
            f"No longer to {recipient}: {label.en}.",
        )
        return Change(topic, Direction.NARROWS, told)
    form = TREATMENTS[now]
    if then is Treatment.DROP:
        told = Label(
            f"Voortaan mee naar {recipient}: {label.nl}, {form.nl}.",
            f"From now on to {recipient}: {label.en}, {form.en}.",
        )
        return Change(topic, Direction.WIDENS, told)
    before = TREATMENTS[then]
    told = Label(
        f"Voortaan {form.nl}: {label.nl}; dat was {before.nl}.",
        f"From now on {form.en}: {label.en}; it was {before.en}.",
    )
    return Change(topic, more_is_wider(_SHOWS[then], _SHOWS[now]), told)


def lock_changes(was: Flow, now: Flow) -> Iterator[Change]:
    then, here = was.locks, now.locks
    if then.basis != here.basis:
        yield replaced(
            "sloten.grondslag",
            Label("De grondslag", "The basis"),
            Label(f"{BASES[then.basis.kind].nl}, {then.basis.article}", _basis_en(was)),
            Label(f"{BASES[here.basis.kind].nl}, {here.basis.article}", _basis_en(now)),
        )
    before = {ground.special: ground for ground in then.special}
    after = {ground.special: ground for ground in here.special}
    for special in sorted(before.keys() | after.keys()):
        one, other = before.get(special), after.get(special)
        yield from ground_change(
            "sloten.bijzonder",
            Label(
                f"De uitzondering voor {SPECIALS[special].nl}",
                f"The exception for {SPECIALS[special].en}",
            ),
            None if one is None else one.article,
            None if other is None else other.article,
        )
        if one is not None and other is not None and one.by_consent != other.by_consent:
            yield consent_change(SPECIALS[special], _EXPLICIT, is_asked=other.by_consent)
    secrecy, reads = then.secrecy, here.secrecy
    yield from ground_change(
        "sloten.beroepsgeheim",
        Label("De grond voor doorbreking van het beroepsgeheim", "The ground to break secrecy"),
        None if secrecy is None else secrecy.article,
        None if reads is None else reads.article,
    )
    if secrecy is not None and reads is not None and secrecy.by_consent != reads.by_consent:
        yield consent_change(
            Label("doorbreking van het beroepsgeheim", "breaking secrecy"),
            Label("toestemming", "Consent"),
            is_asked=reads.by_consent,
        )
    yield from ground_change(
        "sloten.bsn",
        Label("De grond voor het gebruik van het BSN", "The ground for the BSN"),
        None if then.bsn is None else then.bsn.article,
        None if here.bsn is None else here.bsn.article,
    )
    yield from _agreement_changes(was, now)


def _agreement_changes(was: Flow, now: Flow) -> Iterator[Change]:
    then, here = was.locks.agreement, now.locks.agreement
    topic = "sloten.instemming"
    if then.required and not here.required:
        told = Label("Instemming wordt niet meer gevraagd.", "Agreement is asked no more.")
        yield Change(topic, Direction.WIDENS, told)
        return
    if not here.required:
        return
    of = HOUSEHOLD_RULES[here.household]
    if not then.required:
        told = Label(f"Voortaan is instemming nodig {of.nl}.", f"Agreement is asked {of.en}.")
        yield Change(topic, Direction.NARROWS, told)
    elif then.household is not here.household:
        direction = Direction.NARROWS if here.household is HouseholdRule.ALL else Direction.WIDENS
        told = Label(f"Instemming is nodig {of.nl}.", f"Agreement is asked {of.en}.")
        yield Change(topic, direction, told)
    if then.regime is not here.regime:
        regime = REGIMES[here.regime]
        told = Label(f"Voor kinderen: {regime.nl}.", f"For children: {regime.en}.")
        yield Change(topic, Direction.OTHER, told)


def _basis_en(flow: Flow) -> str:
    return f"{BASES[flow.locks.basis.kind].en}, {flow.locks.basis.article}"
