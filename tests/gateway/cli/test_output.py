"""Tables: no word of them is ever cut."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.cli.output import Output

IDS = [str(UUID(int=number)) for number in range(2)]
REASON = "an acute threat to a person's life " * 4


@pytest.mark.parametrize("width", [20, 60, 80, 100, 120])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_id_is_whole_at_every_width(
    width: int,
    is_terminal: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))
    version = "2026.11-proef-" + "x" * 40
    rows = [(one, version, REASON, "12") for one in IDS]

    Output().table(("Id", "Version", "Reason", "Count#"), rows)

    told = capsys.readouterr().out
    assert all(told.count(one) == 1 for one in IDS)
    assert told.count(version) == 2
    assert "…" not in told


def test_what_does_not_fit_beside_each_other_is_told_in_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("a" * 70, "b" * 70), ("c", "")]
    Output().table(("First", "Second#"), rows)
    assert capsys.readouterr().out.splitlines() == [
        f"First   {'a' * 70}",
        f"Second  {'b' * 70}",
        "",
        "First   c",
        "Second  ",
    ]


def test_the_widest_column_gives_way_and_the_others_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().table(("Rule", "What"), [("doel terugkoppeling dwi", REASON)])
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("Rule                     What")
    assert second.startswith("doel terugkoppeling dwi  an acute threat")
    assert max(map(len, (first, second, third))) <= 120
