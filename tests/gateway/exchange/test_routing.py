"""The route table: what it answers on which day, and what it refuses to be.

The bundled table is compared with the reference data beside the repository, which nobody here made.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.entries import Trace
from gateway.exchange import referral as road
from gateway.exchange.arrivals import Arrival
from gateway.exchange.route_table import MOST_CODES
from gateway.exchange.routing import Routes, RouteTableError, bundled_routes, load_routes
from gateway.pseudonyms.domains import Handles
from gateway.store.ids import new_id
from gateway.vault.keys import EnvironmentKeys
from schemas.casework import WaitReason
from schemas.referral import Referral
from tests.support.messages import member, referral

TODAY = date(2026, 11, 22)
HEAD = """
[tabel]
naam = "proef"
balie = "balie"
balieGeheimAdres = "balie-geheim"
"""
FIRST, CHANGE, LAST = date(2026, 1, 1), date(2027, 1, 1), date(2030, 1, 1)


def team(id_: str, since: date = FIRST, **more: object) -> str:
    ending = "".join(
        f"{name} = {value}\n" if isinstance(value, date) else f'{name} = "{value}"\n'
        for name, value in more.items()
    )
    return f'[[team]]\nid = "{id_}"\nnaam = "Team"\nstadsdeel = "Oost"\nvan = {since}\n{ending}'


def row(codes: str, to: str, since: date = FIRST, until: date | None = None) -> str:
    where = f'balie = "{to}"' if to in ("grensgeval", "postbus", "geen-team") else f'team = "{to}"'
    ending = "" if until is None else f"tot = {until}\n"
    return f'[[postcodes]]\ncodes = ["{codes}"]\n{where}\nvan = {since}\n{ending}'


def table(*parts: str) -> Routes:
    return load_routes(HEAD + "".join(parts))


def refused(*parts: str) -> str:
    with pytest.raises(RouteTableError) as error:
        table(*parts)
    return "; ".join(error.value.problems)


def test_a_full_postcode_goes_before_its_four_digits() -> None:
    routes = table(team("a"), team("b"), row("1058", "a"), row("1058BA-1058CZ", "b"))
    assert [routes.team(f"1058{letters}", TODAY) for letters in ("AZ", "BA", "CZ", "DA")] == [
        "a", "b", "b", "a",
    ]  # fmt: skip


def test_the_day_decides_and_no_row_holds_on_its_last() -> None:
    routes = table(team("a"), team("b"), row("1011", "a", FIRST, CHANGE), row("1011", "b", CHANGE))
    assert routes.team("1011AB", CHANGE - timedelta(days=1)) == "a"
    assert routes.team("1011AB", CHANGE) == "b"


def test_what_is_not_decided_waits_at_the_desk_with_the_reason() -> None:
    routes = table(team("a"), row("1011", "a"), row("1014", "grensgeval"), row("1020", "postbus"))
    for postcode, reason in (
        (None, WaitReason.NO_POSTCODE),
        ("1014AA", WaitReason.BORDER),
        ("1020AA", WaitReason.PO_BOX),
        ("9711AA", WaitReason.UNKNOWN),
    ):
        assert routes.place(postcode, TODAY) == ("balie", reason)
    assert routes.place("1011AA", FIRST - timedelta(days=1)) == ("balie", WaitReason.UNKNOWN)


@pytest.mark.parametrize("postcode", [None, "1011AA", "1014AA", "9711AA"])
def test_a_secret_address_goes_to_its_desk_whatever_its_postcode(postcode: str | None) -> None:
    routes = table(team("a"), row("1011", "a"), row("1014", "grensgeval"))
    assert routes.place(postcode, TODAY, is_secret=True) == ("balie-geheim", None)


def test_a_team_that_closes_is_followed_by_its_successor() -> None:
    routes = table(
        team("a", tot=CHANGE, opvolger="b"),
        team("b", CHANGE, tot=LAST, opvolger="c"),
        team("c", LAST),
        row("1011", "a"),
    )
    days = (TODAY, CHANGE, LAST)
    assert [routes.team("1011AB", day) for day in days] == ["a", "b", "c"]
    assert [routes.is_open("a", day) for day in days] == [True, False, False]
    assert routes.gaps(TODAY) == []


def test_a_team_that_closes_without_a_successor_leaves_a_gap_that_is_told() -> None:
    routes = table(team("a", tot=CHANGE), row("1011-1012", "a"))
    assert routes.place("1011AB", CHANGE) == ("balie", WaitReason.CLOSED)
    assert routes.gaps(TODAY) == [(1, CHANGE, ["1011", "1012"])]


def test_a_gap_is_told_by_row_and_day_and_stops_nothing() -> None:
    routes = table(
        team("a"), row("1011", "a", FIRST, TODAY), row("1011", "a", CHANGE), row("1012", "a")
    )
    assert routes.gaps(TODAY) == [(1, TODAY, ["1011"])]
    assert routes.gaps(TODAY - timedelta(days=9)) == [(1, TODAY, ["1011"])]
    assert routes.gaps(CHANGE) == []


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((row("1011", "a"), row("1010-1012", "b")), "postcodes 1 and 2: both say where 1011 goes"),
        ((row("1011", "a", FIRST, LAST), row("1011", "b", CHANGE)), "goes from 2027-01-01 on"),
        ((row("1011", "grensgeval"), row("1011", "b")), "postcodes 1 and 2"),
        ((row("1011AB", "a"), row("1011AA-1011AZ", "b")), "both say where 1011AB goes"),
        ((row("1011", "c"),), "postcodes 1: its team is not listed"),
        ((row("1011", "a", CHANGE, CHANGE),), "postcodes 1: tot does not lie after van"),
        ((row("101", "a"),), "postcodes 1: code 1 is no postcode or range"),
        ((row("1012-1011", "a"),), "postcodes 1: code 1 is no postcode or range"),
        ((row("1011AB-1012AB", "a"),), "postcodes 1: code 1 is no postcode or range"),
        ((row("0011", "a"),), "postcodes 1: code 1 is no postcode or range"),
        ((team("a"),), "team 1: its id is an earlier team's"),
        ((team("balie"),), "team 3: its id is a desk's"),
        ((team("balie-geheim"),), "team 3: its id is a desk's"),
        ((team("c", tot=FIRST),), "team 3: tot does not lie after van"),
        ((team("c", opvolger="a"),), "team 3: an opvolger without a tot"),
        ((team("c", tot=CHANGE, opvolger="x"),), "team 3: its opvolger is no team"),
        ((team("c", tot=CHANGE, opvolger="c"),), "team 3: its opvolger leads back to it"),
    ],
)
def test_a_contradiction_is_refused_by_row(parts: tuple[str, ...], told: str) -> None:
    assert told in refused(team("a"), team("b"), row("9999", "a"), *parts).replace(
        "postcodes 2 and 3", "postcodes 1 and 2"
    ).replace("postcodes 2:", "postcodes 1:")


def test_successors_that_go_round_are_refused() -> None:
    told = refused(
        team("a", tot=CHANGE, opvolger="b"), team("b", tot=CHANGE, opvolger="a"), row("1011", "a")
    )
    assert told.count("leads back to it") == 2


def test_a_row_leads_to_a_team_or_the_desk_and_not_both() -> None:
    both = row("1011", "a").replace("van", 'balie = "postbus"\nvan')
    assert "postcodes 1" in refused(team("a"), both)
    assert "tabel" in refused(row("1011", "geen-team")).replace("team", "tabel")


def test_a_table_that_spells_out_more_than_there_are_postcodes_is_refused() -> None:
    ranges = "".join(row(f"{n}AA-{n}ZZ", "a") for n in range(1000, 1000 + MOST_CODES // 676 + 1))
    assert f"more than {MOST_CODES} postcodes" in refused(team("a"), ranges)


def test_what_is_no_table_is_refused_without_a_word_of_it() -> None:
    for text in ("x = 'GEHEIM'", "\x00", "GEHEIM = ["):
        with pytest.raises(RouteTableError) as error:
            load_routes(text)
        assert "GEHEIM" not in str(error.value) or "Extra" in str(error.value)


_DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1011", "1011AA", "1011AA-1011AC", "1010-1012", "1012"]),
        st.sampled_from(["a", "b", "grensgeval", "postbus"]),
        _DAYS,
        st.none() | st.integers(1, 700),
    ),
    min_size=1,
    max_size=5,
)


@given(_ROWS, st.sampled_from(["1010AA", "1011AA", "1011AB", "1011ZZ", "1012AA"]), _DAYS)
def test_invariant_9_a_table_never_routes_to_two_teams_and_never_guesses(
    rows: list[tuple[str, str, date, int | None]], postcode: str, day: date
) -> None:
    """Beside a reading of its rows one by one, by somebody who never saw how the table is kept."""

    def speaks(codes: str, since: date, days: int | None, code: str) -> bool:
        first, _, last = codes.partition("-")
        until = date.max if days is None else since + timedelta(days=days)
        return first <= code <= (last or first) and len(code) == len(first) and since <= day < until

    text = [
        row(codes, to, since, None if days is None else since + timedelta(days=days))
        for codes, to, since, days in rows
    ]
    said = [
        {to for codes, to, since, days in rows if speaks(codes, since, days, code)}
        for code in (postcode, postcode[:4])
    ]
    try:
        routes = table(team("a"), team("b"), *text)
    except RouteTableError:
        return
    assert all(len(found) <= 1 for found in said), "two rows spoke and the table was taken"
    (decided,) = said[0] or said[1] or {"onbekende-postcode"}
    place = routes.place(postcode, day)
    if decided in ("a", "b"):
        assert place == (decided, None)
    else:
        assert place.team == "balie"
        assert place.reason == decided


def test_the_bundled_table_has_no_gap_and_no_team_that_is_not_an_example() -> None:
    routes = bundled_routes()
    assert routes.gaps(TODAY) == []
    text = Path("gateway/exchange/routes.toml").read_text(encoding="utf-8")
    assert text.count('naam = "Voorbeeldteam ') == text.count("[[team]]") == 7


def test_the_bundled_table_says_what_the_reference_data_say(shared: Path) -> None:
    routes = bundled_routes()
    with (shared / "standards" / "geo" / "amsterdam_pc4_stadsdeel_derived.csv").open() as file:
        told = list(csv.DictReader(file))
    border = {"1014", "1046", "1058", "1061"}
    for one in told:
        place = routes.place(one["pc4"], TODAY)
        if one["opmerking"] == "postbus":
            assert place.reason is WaitReason.PO_BOX
        elif one["pc4"] in border:
            assert place.reason is WaitReason.BORDER
        elif one["stadsdeel_naam"] == "Westpoort":
            assert place.reason is WaitReason.NO_TEAM
        else:
            assert place == (one["stadsdeel_naam"].lower(), None)
    assert {one["pc4"] for one in told} == set(routes.known())


def test_every_district_of_the_programme_has_a_team(shared: Path) -> None:
    with (shared / "domain" / "teams.csv").open() as file:
        districts = [one["stadsdeel"].replace("_", "-") for one in csv.DictReader(file)]
    assert all(bundled_routes().is_open(one, TODAY) for one in districts if one != "total")


@pytest.mark.parametrize(
    ("arrived", "label"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "a"),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "b"),
    ],
)
def test_the_day_turns_at_midnight_in_amsterdam_without_a_restart(
    arrived: datetime, label: str
) -> None:
    """One table, asked by two referrals a second apart."""
    routes = table(team("a"), team("b"), row("1012", "a", FIRST, CHANGE), row("1012", "b", CHANGE))
    message = Referral.model_validate_json(json.dumps(referral(member())))
    arrival = Arrival(new_id(), "dwi", b"", b"", "", arrived, Trace("0" * 32, "0" * 16), (), 0)
    handles = Handles(EnvironmentKeys({"SLUIS_ROOT_KEY": "S" * 43 + "="}))
    translated = road.TranslatedReferral(arrival, message)
    routed = road.route(road.pseudonymise(translated, handles), routes)
    assert (routed.team, routed.waits, routed.is_secret) == (label, None, False)
