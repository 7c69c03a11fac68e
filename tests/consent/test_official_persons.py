"""The official test persons (RvIG) by the rules of age, authority and secrecy.

Nobody here made these persons up: their birth dates are incomplete, their parents have authority,
or lost it, or nobody can tell, and some keep their address secret. Read from `../shared`, whose
SOURCES.md says where they come from; skipped, loudly, without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import pytest

from consent.decide import permit_protected
from consent.minimise import MinimisationPlan
from consent.protocol import AgeRegime
from consent.register import Asked, ConsentEvent, Standing, standing
from consent.representation import ADULT, FROM_12, FROM_16, UNDER_12, PersonFacts, Statement
from schemas.decisions import Permit, Rule
from schemas.identifiers import Bsn, PartialDate
from schemas.referral import AuthorityKind, DecidedBy, Referral
from tests.support.scenarios import example, flows

TODAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BANDS = ((12, UNDER_12), (16, FROM_12), (18, FROM_16), (999, ADULT))
Person = dict[str, Any]


@pytest.fixture
def people(shared: Path) -> list[Person]:
    path = shared / "standards" / "brp" / "test-persons.json"
    found: list[Person] = json.loads(path.read_text(encoding="utf-8"))
    return found


def raw_birth(person: Person) -> str:
    return str(person.get("geboorte", {}).get("datum", ""))


def births(person: Person) -> tuple[PartialDate, ...]:
    """The date as it is known; zeros stand for what is not."""
    raw = raw_birth(person)
    known = [part for part in (raw[:4], raw[4:6], raw[6:]) if part.strip("0")]
    return (PartialDate("-".join(known)),) if known else ()


def identity(bsn: str) -> UUID:
    return uuid5(NAMESPACE_DNS, bsn)


def holders(person: Person) -> frozenset[UUID] | None:
    """Who has authority over this person; None where the source cannot tell, or has no say."""
    for one in person["gezag"]:
        if one["type"] == "TijdelijkGeenGezag":
            return frozenset()
        if one.get("minderjarige", {}).get("burgerservicenummer") == person["burgerservicenummer"]:
            named = [
                *one.get("ouders", []),
                *one.get("derden", []),
                *(one[who] for who in ("ouder", "derde") if who in one),
            ]
            return frozenset(identity(holder["burgerservicenummer"]) for holder in named)
    return None


def by_indication(person: Person) -> frozenset[UUID] | None:
    """Who has authority by the court's register (indicatieGezagMinderjarige)."""
    code = person.get("indicatieGezagMinderjarige", {}).get("code", "")
    parents = {one.get("ouderAanduiding"): one for one in person["ouders"]}
    named = [parents.get(digit, {}).get("burgerservicenummer") for digit in code]
    return frozenset(map(identity, named)) if named and all(named) else None


def facts(person: Person, *stated: Statement) -> PersonFacts:
    found = holders(person)
    known = () if found is None else (parental(found, "brp"),)
    return PersonFacts(births(person), (*known, *stated))


def parental(persons: frozenset[UUID], source: str) -> Statement:
    return Statement(AuthorityKind.PARENTAL, persons, source, TODAY - timedelta(20))


def yes(by: DecidedBy = DecidedBy.SELF, decider: UUID | None = None) -> ConsentEvent:
    name = f"{by}{decider}"
    at = NOON - timedelta(hours=3)
    return ConsentEvent(identity(name), "hulp", "team", "*", True, at, by, decider)


def stands(person: PersonFacts, regime: AgeRegime, *said: ConsentEvent) -> Standing:
    return standing(said, Asked("hulp", "team", regime, NOON, TODAY), person)


def minors(people: list[Person]) -> Iterator[tuple[Person, int]]:
    """Who is surely a minor today and alive, with their age."""
    for person in people:
        raw = raw_birth(person)
        if births(person) and births(person)[0].is_complete and "overlijden" not in person:
            age = TODAY.year - int(raw[:4]) - (f"{TODAY:%m%d}" < raw[4:])
            if age < 18:
                yield person, age


def possible_days(person: Person) -> list[date]:
    """Every day on which this person may have been born."""
    raw = raw_birth(person)
    first = date(int(raw[:4]), int(raw[4:6]) or 1, int(raw[6:]) or 1)
    known = (int(raw[:4]), int(raw[4:6]), int(raw[6:]))
    days = [first + timedelta(n) for n in range(366)]
    return [day for day in days if agrees(known, day)]


def agrees(known: tuple[int, int, int], day: date) -> bool:
    return all(
        part in (0, of_day)
        for part, of_day in zip(known, (day.year, day.month, day.day), strict=True)
    )


def test_a_person_may_be_every_age_that_the_date_leaves_open(people: list[Person]) -> None:
    incomplete = [p for p in people if births(p) and not births(p)[0].is_complete]
    unknown = [p for p in people if not births(p)]
    assert len(incomplete) == 4
    assert len(unknown) == 3
    days = [TODAY, *(date(year, 7, 1) for year in range(1960, 2026))]
    for person in incomplete:
        for day in days:
            ages = {
                day.year - born.year - ((day.month, day.day) < (born.month, born.day))
                for born in possible_days(person)
            }
            if min(ages) < 0:
                continue  # not born yet on some of these days
            assert facts(person).ages(day) == sum(
                bit
                for (end, bit), start in zip(BANDS, (0, 12, 16, 18), strict=True)
                if any(start <= age < end for age in ages)
            )
    for person in unknown:
        assert facts(person).ages(TODAY) == UNDER_12 | FROM_12 | FROM_16 | ADULT


def test_every_birthday_changes_who_decides_on_the_day_itself(people: list[Person]) -> None:
    changed = 0
    for person in people:
        known = births(person)
        if not known or not known[0].is_complete:
            continue
        born, one = possible_days(person)[0], facts(person)
        for turning, before, after in (
            (12, UNDER_12, FROM_12),
            (16, FROM_12, FROM_16),
            (18, FROM_16, ADULT),
        ):
            year = born.year + turning
            is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
            on_first_of_march = (born.month, born.day) == (2, 29) and not is_leap
            day = date(year, 3, 1) if on_first_of_march else born.replace(year=year)
            assert one.ages(day - timedelta(1)) == before
            assert one.ages(day) == after
            assert one.next_birthday(day - timedelta(1)) == day
            changed += 1
    assert changed == 3 * (len(people) - 7)


def test_holders_of_authority_speak_for_a_child_as_its_law_has_it(people: list[Person]) -> None:
    counted = {"one": 0, "two": 0, "none": 0}
    for person, age in minors(people):
        named, one = holders(person), facts(person)
        own = [yes()] if age >= 12 else []
        said = [yes(DecidedBy.PARENT, holder) for holder in sorted(named or ())]
        together, stranger = yes(DecidedBy.HOLDERS), yes(DecidedBy.PARENT, identity("iemand"))
        for regime in AgeRegime:
            by_themself = stands(one, regime, yes()).given
            assert by_themself is (True if age >= 16 else None)
            if age >= 16:
                continue
            assert stands(one, regime, *own, stranger).given is None
            if not named:
                counted["none"] += 1
                assert stands(one, regime, *own, together, yes(DecidedBy.PARENT)).given is None
                continue
            assert stands(one, regime, *own, *said).given is True
            assert stands(one, regime, *own, together).given is True
            counted["one" if len(named) == 1 else "two"] += 1
            if len(named) > 1:
                alone = stands(one, regime, *own, said[0]).given
                assert alone is (True if regime is AgeRegime.UAVG else None)
            if age >= 12 and regime is not AgeRegime.UAVG:
                assert stands(one, regime, *said).given is None
    assert min(counted.values()) > 10, counted


def test_sources_that_contradict_each_other_let_nobody_speak(people: list[Person]) -> None:
    disputed = agreed = 0
    for person, age in minors(people):
        named, indicated = holders(person), by_indication(person)
        if named is None or indicated is None or age >= 16:
            continue
        one = facts(person, parental(indicated, "gezagsregister"))
        said = [yes(), *(yes(DecidedBy.PARENT, holder) for holder in named | indicated)]
        is_disputed = named != indicated
        disputed, agreed = disputed + is_disputed, agreed + (not is_disputed)
        for regime in AgeRegime:
            assert stands(one, regime, *said).given is (None if is_disputed else True)
    assert (disputed, agreed) == (1, 1)


def test_who_stands_in_the_register_of_curatele_does_not_decide_alone(
    people: list[Person],
) -> None:
    found = [person for person in people if person.get("indicatieCurateleRegister")]
    assert len(found) == 5
    curator = identity("curator")
    for person in found:
        stated = Statement(
            AuthorityKind.CURATELE, frozenset({curator}), "rechterlijke-uitspraak", TODAY
        )
        one = facts(person, stated)
        for regime in AgeRegime:
            assert stands(facts(person), regime, yes()).given is True
            assert stands(one, regime, yes()).given is None
            assert stands(one, regime, yes(DecidedBy.CURATOR, curator)).given is True


def test_nobody_agrees_for_the_dead(people: list[Person]) -> None:
    found = [person for person in people if "overlijden" in person]
    assert len(found) == 16
    for person in found:
        one = facts(person, Statement(AuthorityKind.DECEASED, frozenset(), "brp", TODAY))
        for regime in AgeRegime:
            said = [yes(), yes(DecidedBy.HOLDERS), yes(DecidedBy.PARENT), yes(DecidedBy.CURATOR)]
            assert stands(one, regime, *said).given is None


def referral_of(person: Person) -> Referral | None:
    place = person.get("verblijfplaats", {})
    bsn = person["burgerservicenummer"]
    try:
        Bsn(bsn)
    except ValueError:
        return None
    household = {
        "postcode": place.get("postcode"),
        "straatnaam": place.get("straat"),
        "telefoonnummer": "020 1234567",
        "geheimhouding": person.get("geheimhoudingPersoonsgegevens") == "1",
        "leden": [{"burgerservicenummer": bsn, "rol": "aanmelder"}],
    }
    known = {name: value for name, value in household.items() if value is not None}
    sent = {"kenmerk": "RVIG-1", "aangemeldOp": TODAY, "toelichting": "x", "huishouden": known}
    return Referral.model_validate(sent)


def test_a_secret_address_goes_nowhere_unless_the_rule_names_it(people: list[Person]) -> None:
    secret = [person for person in people if person.get("geheimhoudingPersoonsgegevens") == "1"]
    assert len(secret) == 33
    hidden = shown = 0
    for person in people:
        referral = referral_of(person)
        if referral is None or referral.household.postcode is None:
            continue
        is_secret = person in secret
        for flow in flows().values():
            if flow.message != "aanmelding" or "huishouden.postcode" not in flow.fields:
                continue
            permit = permit_of(flow.id)
            content = MinimisationPlan(flow).referral(referral, permit, ["p"], "Team", TODAY)
            gone = b" ".join(part.fragment for part in content.parts)
            traces = ("huishouden.postcode", "huishouden.telefoonnummer", "aanmelding.wijkteam")
            leaves = any(path in content.released for path in traces)
            assert leaves is (not is_secret or flow.secret_address_admitted)
            if is_secret and not leaves:
                assert referral.household.postcode[:4].encode() not in gone
                assert b"020 1234567" not in gone
                hidden += 1
            else:
                shown += 1
    assert min(hidden, shown) > 50, (hidden, shown)


def permit_of(flow: str) -> Permit:
    one = flows()[flow]
    if one.protection is not None:
        return permit_protected(example(), one, 1, 0)
    return Permit(flow, Rule.PERMITTED, (0,), applicant=0)
