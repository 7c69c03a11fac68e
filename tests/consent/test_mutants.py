"""Mutation testing: which changes of the rules no test notices, and that each was judged."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mutants import TESTS, mutants_of, mutated

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/mutation.md"
WANTED = 95.0


def judged() -> set[str]:
    """The mutants that the page explains, by their names."""
    return set(re.findall(r"^- (\S+: `.+` -> `.+`): \S", PAGE.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("module", TESTS)
def test_every_mutant_is_a_change_that_compiles(module: str) -> None:
    path = ROOT / "consent" / f"{module}.py"
    plain = ast.unparse(ast.parse(path.read_text("utf-8")))
    every = mutants_of(module)
    assert len(every) > 50
    for mutant in every[::17]:
        assert mutant.number is not None
        tree = mutated(module, mutant.number)
        assert ast.unparse(tree) != plain
        compile(tree, str(path), "exec")


def test_what_the_page_explains_are_mutants_that_can_be_made() -> None:
    made = {mutant.name for module in TESTS for mutant in mutants_of(module)}
    assert judged() <= made


@pytest.mark.proof
def test_a_broken_rule_is_noticed() -> None:
    command = [sys.executable, "-m", "tests.support.mutants"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    print(f"\n{done.stdout}")  # noqa: T201  # the proof is these figures
    alive = set(re.findall(r"^alive: \d+: (.+)$", done.stdout, re.MULTILINE))
    (score,) = re.findall(r"^score: ([\d.]+) %", done.stdout, re.MULTILINE)
    assert float(score) >= WANTED
    assert alive <= judged(), "explain these in docs/mutation.md, or kill them"
