"""Candidates for persons without a BSN: what counts, what never does, and who decides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.candidates import measure
from gateway.client.candidates import KnownPersons, Outcome, nearest
from gateway.client.candidates_kept import (
    FILE,
    Decided,
    Decisions,
    Verdict,
    rename_decided,
    still_open,
)
from gateway.client.particulars import Particulars, particulars
from tests.support.messages import Json

HOME: Json = {"postcode": "1012AB", "huisnummer": 1, "telefoonnummer": "020-0123456"}
ANNE: Json = {
    "achternaam": "van Xandorizorp",
    "voorletters": "A.B.",
    "geboortedatum": "1980-05-01",
    "geslacht": "V",
}


def person(key: str, changes: Json | None = None, home: Json | None = None) -> Particulars:
    return particulars(key, {**ANNE, **(changes or {})}, HOME if home is None else home)


def crowd(count: int = 2000) -> list[Particulars]:
    """Others, of whom a tenth share one surname."""
    return [
        particulars(
            f"p{n}",
            {
                "achternaam": "Jansen"
                if n % 10 == 0
                else f"Naam{'abcdefghij'[n % 7]}{chr(97 + n % 23)}",
                "voorletters": f"{chr(65 + n % 22)}.",
                "geboortedatum": f"{1940 + n % 70}-{1 + n % 12:02d}-{1 + n % 28:02d}",
                "geslacht": "VM"[n % 2],
            },
            {"postcode": f"10{n % 90 + 10}AB", "huisnummer": n % 300},
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def known() -> KnownPersons:
    return KnownPersons([person("anne"), *crowd()])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"achternaam": "Xandorizorp"},
        {"achternaam": "vanxandorizorp"},
        {"achternaam": "Xandorizorq"},
        {"achternaam": "Jansen-van Xandorizorp"},
        {"voorletters": "Anna"},
        {"voorletters": None},
        {"geboortedatum": "1980-01-05"},
        {"geboortedatum": "1980-05"},
        {"geslacht": None},
    ],
)
def test_one_error_or_gap_leaves_a_candidate(known: KnownPersons, changes: Json) -> None:
    found = known.proposals(person("nieuw", changes))
    assert nearest(found) is Outcome.CANDIDATE
    assert found[0].known.key == "anne"


def test_a_person_who_moved_is_a_candidate_still(known: KnownPersons) -> None:
    moved = person("nieuw", home={"postcode": "1099ZZ", "huisnummer": 9})
    assert nearest(known.proposals(moved)) is Outcome.CANDIDATE


@pytest.mark.parametrize(
    "changes",
    [
        {"voorletters": "C.", "geboortedatum": "2012-03-04"},
        {"voorletters": "C.", "geboortedatum": "2012-03-04", "geslacht": "M"},
        {"voorletters": "Z.", "geboortedatum": None, "geslacht": "M"},
    ],
)
def test_who_shares_only_the_home_and_the_surname_is_no_candidate(
    known: KnownPersons, changes: Json
) -> None:
    assert nearest(known.proposals(person("nieuw", changes))) is not Outcome.CANDIDATE


def test_a_twin_is_no_candidate(known: KnownPersons) -> None:
    assert nearest(known.proposals(person("nieuw", {"voorletters": "C."}))) is not Outcome.CANDIDATE


def test_where_two_known_persons_are_as_near_neither_is_a_candidate() -> None:
    twins = [person("een"), person("twee", {"voorletters": "A.C."}), *crowd()]
    found = KnownPersons(twins).proposals(person("nieuw", {"voorletters": "A."}))
    assert {one.known.key for one in found} == {"een", "twee"}
    assert {one.outcome for one in found} == {Outcome.UNSURE}


def test_agreeing_on_a_common_surname_counts_for_less(known: KnownPersons) -> None:
    common, rare = (
        dict(known.compared(person("x", {"achternaam": name}), person("y", {"achternaam": name})))
        for name in ("Jansen", "Xandorizorp")
    )
    assert common["achternaam"] + 4 < rare["achternaam"]


@given(
    st.sets(st.sampled_from(["achternaam", "voorletters", "geboortedatum", "geslacht"]), min_size=1)
)
def test_what_is_missing_is_no_evidence_for_or_against(fields: set[str]) -> None:
    index = KnownPersons([person("anne"), *crowd(50)])
    lacking = person("nieuw", dict.fromkeys(fields))
    whole = dict(index.compared(person("nieuw"), person("anne")))
    told = dict(index.compared(lacking, person("anne")))
    assert told == {name: bits for name, bits in whole.items() if name not in fields}


def test_nobody_is_a_candidate_on_nothing(known: KnownPersons) -> None:
    assert known.proposals(particulars("nieuw", {}, {})) == []


def test_two_in_one_message_are_two_persons() -> None:
    one = Particulars("a", message="m", surname="x", surname_parts=("x",), birth=(1980, 1, 1))
    other = Particulars("b", message="m", surname="x", surname_parts=("x",), birth=(1980, 1, 1))
    assert KnownPersons([one, other]).proposals(one) == []


def test_precision_is_kept_on_a_population_of_which_nothing_was_set() -> None:
    """As `docs/pseudonyms.md` has it, on fewer persons; `sluis bench candidates` prints all."""
    ours, usual = measure(21, 2000, 1000)
    assert ours.precision >= 0.985
    assert ours.recall >= 0.84
    assert ours.shown >= 0.96
    assert ours.recall > usual.recall + 0.15


# A human decides.


def decided(verdict: Verdict = Verdict.SAME, new: str = "nieuw", known: str = "anne") -> Decided:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Decided(new=new, known=known, verdict=verdict, by="J. Coördinator", at=at, score=20.5)


def test_what_was_decided_is_kept_and_not_proposed_again(
    known: KnownPersons, tmp_path: Path
) -> None:
    new = person("nieuw")
    proposals = known.proposals(new)
    assert still_open(proposals, new, Decisions(tmp_path)) == proposals
    Decisions(tmp_path).add(decided(Verdict.OTHER))
    assert still_open(proposals, new, Decisions(tmp_path)) == []
    kept = Decisions(tmp_path).of("anne", "nieuw")
    assert kept == decided(Verdict.OTHER)
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_later_decision_replaces_an_earlier_one_and_both_stay_to_be_read(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path).add(decided()).add(decided(Verdict.OTHER))
    assert decisions.of("nieuw", "anne") == decided(Verdict.OTHER)
    assert not decisions.decided_same("nieuw")
    assert len((tmp_path / FILE).read_text().splitlines()) == 2


def test_a_line_that_a_crash_cut_short_was_never_kept(tmp_path: Path) -> None:
    Decisions(tmp_path).add(decided())
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"nieuw":"x","be')
    Decisions(tmp_path).add(decided(Verdict.OTHER, new="ander"))
    read = Decisions(tmp_path)
    assert read.of("nieuw", "anne") == decided()
    assert read.of("ander", "anne") == decided(Verdict.OTHER, new="ander")


def test_decisions_follow_their_persons_into_another_epoch(tmp_path: Path) -> None:
    rename_decided(tmp_path, {"a": "b"})
    Decisions(tmp_path).add(decided())
    for _ in range(2):
        rename_decided(tmp_path, {"anne": "anna", "nieuw": "nieuwer"})
        assert Decisions(tmp_path).of("nieuwer", "anna") == decided(new="nieuwer", known="anna")
    assert Decisions(tmp_path).of("nieuw", "anne") is None
