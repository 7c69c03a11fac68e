"""`sluis holds` and `sluis correct`, as somebody at DWI would use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from gateway.cli import main
from schemas.decisions import Rule
from schemas.notices import HeldReferral
from tests.support.parties import World

NOW = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)


def _hold(world: World, count: int) -> None:
    world.simulator.held = [
        HeldReferral(
            exchange_id=uuid4(),
            reference=f"DWI-{number}",
            rule=Rule.AGREEMENT_INCOMPLETE,
            since=NOW,
            ends_at=NOW + timedelta(days=42),
        )
        for number in range(count)
    ]


def _refer(world: World, count: int) -> list[str]:
    for number in range(count):
        world.simulator.exchanges[uuid4()] = ("dwi", f"DWI-{number}")
    return [f"DWI-{number}" for number in range(count)]


def test_what_waits_is_listed_with_its_end(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _hold(world, 2)
    assert main(["holds", "--as", "dwi"]) == 0
    told = capsys.readouterr()
    assert "DWI-1" in told.out
    assert "2026-02-23" in told.out
    assert "2 held" in told.err


def test_with_json_all_of_it_is_given_page_after_page(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _hold(world, 1203)
    assert main(["holds", "--as", "dwi", "--json"]) == 0
    held = json.loads(capsys.readouterr().out)["held"]
    assert [one["kenmerk"] for one in held] == [f"DWI-{n}" for n in range(1203)]


def test_a_file_of_references_is_annulled_and_again_without_effect(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    file = world.folder / "verkeerd.txt"
    file.write_text("\n".join([*_refer(world, 270), ""]))

    for _ in range(2):
        assert main(["correct", "annul", str(file), "--as", "dwi", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["annulled"] == 270
    assert len(world.simulator.corrections) == 270
    assert [one["reference"] for one in told["corrections"]] == [f"DWI-{n}" for n in range(270)]
    one = told["corrections"][7]["correctionId"]
    assert main(["correct", "show", one, "--as", "dwi"]) == 0


def test_an_exchange_id_does_as_well(world: World) -> None:
    _refer(world, 1)
    (exchange,) = world.simulator.exchanges
    file = world.folder / "verkeerd.txt"
    file.write_text(f"{exchange}\n")
    assert main(["correct", "annul", str(file), "--as", "dwi"]) == 0


def test_what_is_not_ours_is_told_by_line_and_the_rest_is_done(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    file = world.folder / "verkeerd.txt"
    file.write_text("\n".join([*_refer(world, 2), "", "999990019", "999990019"]))

    assert main(["correct", "annul", str(file), "--as", "dwi"]) == 1

    told = capsys.readouterr()
    assert "annulled" in told.out
    assert "4  no message of ours" in told.out
    assert all(
        str(receipt.correction_id) in told.out
        for _, receipt in world.simulator.corrections.values()
    )
    assert "999990019" not in told.out + told.err
    assert len(world.simulator.corrections) == 2

    assert main(["correct", "annul", str(file), "--as", "dwi", "--json"]) == 1
    told = capsys.readouterr()
    (refused,) = json.loads(told.out)["refused"]
    assert refused == {"line": 4, "problem": "no message of ours that can be annulled"}
    assert "999990019" not in told.out + told.err


@pytest.mark.parametrize("content", ["", "\n \n", "Jansen, P.\n"])
def test_a_file_that_names_nothing_is_refused_before_anything_is_sent(
    world: World, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = world.folder / "verkeerd.txt"
    file.write_text(content)
    assert main(["correct", "annul", str(file), "--as", "dwi"]) == 2
    told = capsys.readouterr()
    assert "remedy:" in told.err
    assert "Jansen" not in told.err


def test_a_correction_is_sent_and_followed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _refer(world, 1)
    file = world.folder / "correctie.json"
    file.write_text('{"kenmerk": "C-1", "soort": "annulering", "berichtKenmerk": "DWI-0"}')

    assert main(["correct", "send", str(file), "--as", "dwi", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["correct", "show", made["correctieId"], "--as", "dwi"]) == 0

    told = capsys.readouterr().out
    assert "casebook" in told
    assert "annulering" in told


def test_a_correction_that_cannot_be_read_is_told_by_place(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    file = world.folder / "correctie.json"
    file.write_text('{"kenmerk": "C-1", "soort": "Jansen", "berichtKenmerk": "DWI-0"}')
    assert main(["correct", "send", str(file), "--as", "dwi"]) == 2
    told = capsys.readouterr().err
    assert "soort: is none of the values" in told
    assert "Jansen" not in told


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("kenmerk = 'Jansen'", "it is not JSON"),
        ('{"soort": "annulering", "Jansen": "x"}', "kenmerk: is missing; ?: is no key that"),
        (
            '{"kenmerk": "C-1", "soort": "annulering"}',
            "uitwisseling: wordt op precies een manier genoemd",
        ),
        (
            '{"kenmerk": "C-1", "soort": "annulering", "uitwisselingId": "Jansen"}',
            "uitwisselingId: is no UUID",
        ),
        (
            '{"kenmerk": "C-1", "soort": "bezwaar", "berichtKenmerk": "D",'
            ' "lid": {"burgerservicenummer": "Jansen"}}',
            "lid.burgerservicenummer: moet een burgerservicenummer zijn",
        ),
        ('["Jansen"]', "does not do"),
    ],
)
def test_each_problem_of_a_correction_is_told_by_place_and_rule_and_never_by_value(
    world: World, capsys: pytest.CaptureFixture[str], content: str, problems: str
) -> None:
    file = world.folder / "correctie.json"
    file.write_text(content)
    assert main(["correct", "send", str(file), "--as", "dwi"]) == 2
    told = capsys.readouterr().err
    assert problems in told
    assert "Jansen" not in told
