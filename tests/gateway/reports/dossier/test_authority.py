"""Who may ask for whose dossier: children of 11, 13 and 17, guardians, disputes, and the dead."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.representation import PersonFacts, Statement
from gateway.reports.dossier.authority import DENIALS, Asking, Capacity, Denial, denied
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind

TODAY = date(2026, 11, 22)
DAYS = 365
FATHER, MOTHER, STRANGER = (UUID(int=n) for n in (1, 2, 3))
AS_OF = date(2026, 1, 1)


def person(
    birth: str | None,
    *holders: UUID,
    kind: AuthorityKind = AuthorityKind.PARENTAL,
    as_of: date = AS_OF,
) -> PersonFacts:
    births = () if birth is None else (PartialDate(birth),)
    statements = (Statement(kind, frozenset(holders), "brp", as_of),) if holders else ()
    return PersonFacts(births, statements)


def answer(who: PersonFacts, capacity: Capacity, *args: object, **told: object) -> Denial | None:
    return denied(who, Asking(capacity, *args, **told), TODAY, DAYS)  # type: ignore[arg-type]


ELEVEN, THIRTEEN, SIXTEEN, SEVENTEEN = "2015-05-01", "2013-05-01", "2010-11-22", "2009-05-01"
ADULT = "1980-05-01"


def test_a_parent_with_authority_asks_for_a_child_of_eleven() -> None:
    child = person(ELEVEN, FATHER, MOTHER)
    assert answer(child, Capacity.PARENT, FATHER) is None
    assert answer(child, Capacity.GUARDIAN, MOTHER) is None


def test_a_parent_without_authority_does_not() -> None:
    assert answer(person(ELEVEN, MOTHER), Capacity.PARENT, FATHER) is Denial.NO_AUTHORITY
    assert answer(person(ELEVEN), Capacity.PARENT, FATHER) is Denial.NO_AUTHORITY
    assert answer(person(ELEVEN, MOTHER), Capacity.PARENT, None) is Denial.NO_AUTHORITY


def test_a_child_of_eleven_does_not_ask_alone() -> None:
    assert answer(person(ELEVEN, MOTHER), Capacity.SELF) is Denial.TOO_YOUNG


def test_for_a_child_of_thirteen_both_ask() -> None:
    child = person(THIRTEEN, MOTHER)
    assert answer(child, Capacity.PARENT, MOTHER) is Denial.WITH_CHILD
    assert answer(child, Capacity.SELF) is Denial.TOO_YOUNG
    assert answer(child, Capacity.PARENT, MOTHER, True) is None
    assert answer(child, Capacity.PARENT, FATHER, True) is Denial.NO_AUTHORITY


@pytest.mark.parametrize("birth", [SIXTEEN, SEVENTEEN])
def test_from_sixteen_on_the_child_asks_and_nobody_for_it(birth: str) -> None:
    child = person(birth, MOTHER)
    assert answer(child, Capacity.SELF) is None
    assert answer(child, Capacity.PARENT, MOTHER, True) is Denial.OLD_ENOUGH


def test_an_adult_asks_or_sends_an_attorney_with_a_mandate() -> None:
    assert answer(person(ADULT), Capacity.SELF) is None
    assert answer(person(ADULT), Capacity.ATTORNEY) is Denial.NO_MANDATE
    assert answer(person(ADULT), Capacity.ATTORNEY, mandate="M-7") is None
    assert answer(person(ADULT, MOTHER), Capacity.PARENT, MOTHER) is Denial.OLD_ENOUGH


@pytest.mark.parametrize(
    ("kind", "capacity"),
    [
        (AuthorityKind.CURATELE, Capacity.CURATOR),
        (AuthorityKind.MENTORSHIP, Capacity.MENTOR),
    ],
)
def test_a_curator_or_mentor_asks_in_the_place_of_an_adult(
    kind: AuthorityKind, capacity: Capacity
) -> None:
    adult = person(ADULT, MOTHER, kind=kind)
    assert answer(adult, capacity, MOTHER) is None
    assert answer(adult, capacity, FATHER) is Denial.NO_AUTHORITY
    assert answer(adult, Capacity.SELF) is Denial.REPRESENTED
    assert answer(adult, Capacity.ATTORNEY, mandate="M-7") is Denial.REPRESENTED


def test_a_curator_of_somebody_else_s_kind_does_not() -> None:
    adult = person(ADULT, MOTHER, kind=AuthorityKind.MENTORSHIP)
    assert answer(adult, Capacity.CURATOR, MOTHER) is Denial.NO_AUTHORITY
    assert answer(person(ADULT), Capacity.CURATOR, MOTHER) is Denial.NO_AUTHORITY


def test_an_old_guardianship_still_keeps_the_person_from_asking_alone() -> None:
    adult = person(ADULT, MOTHER, kind=AuthorityKind.CURATELE, as_of=date(2020, 1, 1))
    assert answer(adult, Capacity.SELF) is Denial.REPRESENTED
    assert answer(adult, Capacity.CURATOR, MOTHER) is Denial.NO_AUTHORITY


def test_nobody_asks_for_who_died() -> None:
    dead = person(ADULT, MOTHER, kind=AuthorityKind.DECEASED)
    assert all(
        answer(dead, capacity, MOTHER, True, "M-7") is Denial.DECEASED for capacity in Capacity
    )


def test_disputed_authority_is_none() -> None:
    child = PersonFacts(
        (PartialDate(ELEVEN),),
        (
            Statement(AuthorityKind.PARENTAL, frozenset({MOTHER}), "brp", AS_OF),
            Statement(AuthorityKind.PARENTAL, frozenset({MOTHER, FATHER}), "opgave", AS_OF),
        ),
    )
    assert answer(child, Capacity.PARENT, MOTHER) is Denial.NO_AUTHORITY
    assert answer(child, Capacity.PARENT, FATHER) is Denial.NO_AUTHORITY


def test_stale_authority_is_none() -> None:
    child = person(ELEVEN, MOTHER, as_of=date(2025, 11, 21))
    assert answer(child, Capacity.PARENT, MOTHER) is Denial.NO_AUTHORITY


def test_an_unknown_age_lets_nobody_ask() -> None:
    for capacity in Capacity:
        told = answer(person(None, MOTHER), capacity, MOTHER, True, "M-7")
        assert told in (Denial.AGE_UNKNOWN, Denial.NO_AUTHORITY), capacity


def test_the_identity_document_tells_an_age_that_is_not_recorded() -> None:
    document = PartialDate(ADULT)
    assert answer(PersonFacts(), Capacity.SELF, document=document) is None
    # Beside another date it leaves the age open, and does not settle it.
    assert answer(person(ELEVEN), Capacity.SELF, document=document) is Denial.AGE_UNKNOWN


def test_a_year_alone_is_enough_where_every_age_gives_the_same_answer() -> None:
    assert answer(person("1980"), Capacity.SELF) is None
    assert answer(person("2014"), Capacity.SELF) is Denial.TOO_YOUNG
    assert answer(person("2010"), Capacity.SELF) is Denial.AGE_UNKNOWN


def test_every_denial_has_words_and_a_remedy() -> None:
    assert set(DENIALS) == set(Denial)
    assert all(told and remedy for told, remedy in DENIALS.values())


_BIRTHS = st.dates(date(1940, 1, 1), date(2026, 11, 21)).map(lambda day: day.isoformat())
_KINDS = st.sampled_from(AuthorityKind)
_HOLDERS = st.frozensets(st.sampled_from([FATHER, MOTHER, STRANGER]), max_size=3)
_STATEMENTS = st.lists(
    st.builds(
        Statement,
        _KINDS,
        _HOLDERS,
        st.sampled_from(["brp", "opgave"]),
        st.dates(date(2024, 1, 1), date(2026, 11, 22)),
    ),
    max_size=3,
).map(tuple)
_ASKING = st.tuples(
    st.sampled_from(Capacity),
    st.sampled_from([None, FATHER, MOTHER]),
    st.booleans(),
    st.sampled_from([None, "M-7"]),
).map(lambda told: Asking(*told))


@given(_BIRTHS, _STATEMENTS, _ASKING, st.sampled_from([4, 7]))
def test_invariant_9_knowing_less_of_a_birth_date_never_lets_anybody_in(
    birth: str, statements: tuple[Statement, ...], asking: Asking, kept: int
) -> None:
    known = PersonFacts((PartialDate(birth),), statements)
    for vaguer in (
        PersonFacts((PartialDate(birth[:kept]),), statements),
        PersonFacts((), statements),
    ):
        if denied(known, asking, TODAY, DAYS) is not None:
            assert denied(vaguer, asking, TODAY, DAYS) is not None


@given(_BIRTHS, _STATEMENTS, _ASKING)
def test_whoever_is_nobody_s_holder_never_gets_another_s_dossier(
    birth: str, statements: tuple[Statement, ...], asking: Asking
) -> None:
    nobody = asking._replace(requester=UUID(int=99))
    if not asking.capacity.is_as_self:
        told = denied(PersonFacts((PartialDate(birth),), statements), nobody, TODAY, DAYS)
        assert told is not None
