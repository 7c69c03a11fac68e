"""Households of the population as parties beside DWI put them forward, in the canonical message.

No party refers what another one does: each takes its own share of the households that did not
come through DWI. Figures of these parties are not public, so shares and what members say are our
assumptions. Days are moved to those of last year, as for DWI, and agreements are of this week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

import orjson

from gateway.sandbox.population.assumptions import (
    AGREEMENT_ALL,
    AGREEMENT_NONE,
    AGREEMENT_NOT_RECORDED,
    AGREEMENT_ONE_REFUSES,
)
from gateway.sandbox.population.chance import Weighted, below, seeded
from gateway.sandbox.population.delivery import later, years_until
from gateway.sandbox.population.generate import DEFAULT_SEED, MOST_HOUSEHOLDS, households
from gateway.sandbox.population.household import Children, Household, Person, PostcodeState, Source
from gateway.sandbox.population.written import address, identity, scored
from gateway.sandbox.population.zrm import Patterns, patterns, scores
from schemas.referral import AuthoritySource, DecidedBy, Ground, Referral, Role

_SIXTEEN, _TWELVE = 16, 12


@dataclass(frozen=True, slots=True)
class Practice:
    """How one party refers; `share` is its place among those that divide the households."""

    party: str
    prefix: str
    ground: Ground | None
    share: int
    concerns: Callable[[Household], bool]
    is_of_applicant_alone: bool = False
    asks_all_holders: bool = False
    """Whether all who hold authority over a child agree (Jeugdwet), or one of them (UAVG)."""


def _is_named(household: Household) -> bool:
    return all(member.surname and member.birth_date for member in household.members)


def _is_family(household: Household) -> bool:
    return household.children is Children.WITH and _is_named(household)


def _has_postcode(household: Household) -> bool:
    return household.postcode_state is PostcodeState.FULL and _is_named(household)


PRACTICES = {
    one.party: one
    for one in (
        Practice("okt", "OKT", Ground.YOUTH_ACT, 0, _is_family, asks_all_holders=True),
        Practice("ggz", "GGZ", None, 1, _is_named, is_of_applicant_alone=True),
        Practice("madi", "MADI", Ground.SOCIAL_SUPPORT_ACT, 2, _is_named),
        Practice("dwzs", "DWZS", Ground.SOCIAL_SUPPORT_ACT, 3, _has_postcode),
    )
}


def put_forward(
    party: str, today: date, seed: int = DEFAULT_SEED, *, skip: int = 0
) -> Iterator[Referral]:
    """What a party refers, without end for any practical use; the same for the same seed and day.

    `skip` leaves out the first so many. A reference names the day, and a seed that is not the
    usual one, since dates and persons are then others.
    """
    practice = PRACTICES[party]
    rng, drawn = seeded(seed, "put-forward", party), patterns(seed)
    saying = Weighted(
        {
            _all_agree: AGREEMENT_ALL,
            _nobody_agrees: AGREEMENT_NONE,
            _not_recorded: AGREEMENT_NOT_RECORDED,
            _one_refuses: AGREEMENT_ONE_REFUSES,
        }
    )
    met = 0
    for household in households(seed, MOST_HOUSEHOLDS):
        if household.source is Source.DWI or household.number % len(PRACTICES) != practice.share:
            continue
        if not practice.concerns(household):
            continue
        said = saying.draw(rng)(rng, len(household.members))
        met += 1
        if met > skip:
            number = household.number if seed == DEFAULT_SEED else f"{seed}-{household.number}"
            reference = f"{practice.prefix}-{today:%y%m%d}-{number}"
            yield _referral(practice, household, reference, said, today, drawn)


Said = tuple[bool | None, ...]


def _all_agree(_: Random, members: int) -> Said:
    return (True,) * members


def _nobody_agrees(_: Random, members: int) -> Said:
    return (False,) * members


def _not_recorded(_: Random, members: int) -> Said:
    return (None,) * members


def _one_refuses(rng: Random, members: int) -> Said:
    refuses = below(rng, members)
    return tuple(place != refuses for place in range(members))


def _referral(
    practice: Practice,
    household: Household,
    reference: str,
    said: Said,
    today: date,
    drawn: Patterns,
) -> Referral:
    years = years_until(today)
    members = household.members[:1] if practice.is_of_applicant_alone else household.members
    moved = [replace(one, birth_date=one.birth_date and later(one.birth_date, years))
             for one in members]  # fmt: skip
    on = today - timedelta(days=1 + household.number % 5)
    told = [_member(practice, one, place, moved, said[place], on)
            for place, one in enumerate(moved)]  # fmt: skip
    rng = seeded(household.number, "put-forward-zrm")
    measured = scores(rng, drawn.uncounted[household.number % len(drawn.uncounted)])
    told[0]["zrm"] = scored(on, measured)
    message: dict[str, object] = {
        "kenmerk": reference,
        "aangemeldOp": on,
        "huishouden": {**address(household), "leden": told},
    }
    if practice.ground is not None:
        message["grondslag"] = practice.ground.value
    return Referral.model_validate_json(orjson.dumps(message))


def _member(
    practice: Practice,
    member: Person,
    place: int,
    members: list[Person],
    agreed: bool | None,
    on: date,
) -> dict[str, object]:
    told = identity(member)
    age = _age(member, on)
    holders = holders_among([one.role for one in members])
    if member.role is Role.CHILD and age < _SIXTEEN + 2 and holders:
        told["gezag"] = [{"houders": [{"lid": one} for one in holders],
                          "bron": AuthoritySource.REGISTER.value, "peildatum": on}]  # fmt: skip
    if agreed is not None:
        told |= agreements(agreed, on, age, holders, f"{practice.prefix}-IF-{place + 1}",
                           is_of_all=practice.asks_all_holders)  # fmt: skip
    return told


def agreements(
    agreed: bool, on: date, age: int, holders: list[int], evidence: str, *, is_of_all: bool
) -> dict[str, object]:
    """`instemming`, and `verdereInstemmingen` where more than one has to say it.

    Below 16 those who hold authority: under the Youth Act all of them, each by themselves, and
    from 12 the child too (Jeugdwet art. 7.3.4); otherwise one of them (UAVG art. 5).
    """
    base = {"gegeven": agreed, "op": on, "bewijs": evidence}
    given: list[dict[str, object]] = []
    if age < _SIXTEEN and holders:
        speaking = holders if is_of_all else holders[:1]
        given = [{**base, "door": DecidedBy.PARENT.value, "doorLid": one} for one in speaking]
    if not given or (is_of_all and _TWELVE <= age < _SIXTEEN):
        given.append({**base, "door": DecidedBy.SELF.value})
    further = {"verdereInstemmingen": given[1:]} if len(given) > 1 else {}
    return {"instemming": given[0], **further}


def holders_among(roles: list[Role]) -> list[int]:
    """Who holds authority over the children of a made-up household: applicant and partner."""
    return [place for place, role in enumerate(roles) if role in (Role.APPLICANT, Role.PARTNER)]


def _age(member: Person, on: date) -> int:
    born = member.birth_date
    if born is None:
        return 0 if member.role is Role.CHILD else _SIXTEEN + 2
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
