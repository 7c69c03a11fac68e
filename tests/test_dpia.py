"""docs/dpia.md points at what is there: files, commands, and the headings that a DPIA must have."""

import re
from collections.abc import Iterator
from pathlib import Path

import typer

from gateway.cli import all_commands
from tests.support.scenario_table import table

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "dpia.md").read_text(encoding="utf-8")


def command_lines() -> set[str]:
    """Every command, as a person types it."""
    app = typer.Typer()
    for module in all_commands():
        module.register(app)
    return set(_below(typer.main.get_command(app), "sluis"))


def _below(command: object, typed: str) -> Iterator[str]:
    for name, one in getattr(command, "commands", {}).items():
        yield f"{typed} {name}"
        yield from _below(one, f"{typed} {name}")


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:consent|schemas|gateway|tests)/[\w/.-]+)`", PAGE)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_command_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(sluis [a-z]+ [a-z]+)`", PAGE))
    assert len(named) >= 8
    assert named - command_lines() == set()


def test_the_questions_of_the_model_and_of_the_law_are_there() -> None:
    numbered = re.findall(r"^### (\d+)\. ", PAGE, re.MULTILINE)
    assert numbered == [str(n) for n in range(1, 16)]
    assert re.findall(r"^## ([A-D])\. ", PAGE, re.MULTILINE) == list("ABCD")
    assert re.findall(r"^\| \((.)\) ", PAGE, re.MULTILINE) == list("abcd")


def test_it_counts_the_cases_as_they_are() -> None:
    assert f"[{len(table().scenarios())} cases in Dutch](decisions.md)" in PAGE
