"""Each of the fourteen invariants has a test named after it, or docs/invariants.md says what waits.

And what that page says of tests is so: a file that it names for an invariant holds such a test.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")
SECTIONS = {
    int(number): text
    for number, text in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
NUMBERS = range(1, 15)


def named_after(number: int, source: str) -> list[str]:
    """The tests in a source that are named after an invariant, with or without the zero."""
    return re.findall(
        rf"^\s*(?:async )?def (test_invariant_0?{number}_\w+)\(", source, re.MULTILINE
    )


SOURCES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


def is_later(section: str) -> bool:
    return re.search(r"^- later: \S", section, re.MULTILINE) is not None


def test_a_test_is_known_by_the_whole_number() -> None:
    names = ("test_invariant_01_a", "test_invariant_01_b", "test_invariant_11_c")
    source = "".join(f"    async def {name}():\n" for name in names)
    assert named_after(1, source) == ["test_invariant_01_a", "test_invariant_01_b"]
    assert named_after(11, source) == ["test_invariant_11_c"]


def test_every_invariant_has_its_section() -> None:
    assert list(SECTIONS) == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_invariant_is_held_by_a_test_or_said_to_come_later(number: int) -> None:
    found = [name for source in SOURCES.values() for name in named_after(number, source)]
    assert found or is_later(SECTIONS[number])


@pytest.mark.parametrize("number", NUMBERS)
def test_every_file_named_for_an_invariant_holds_such_a_test(number: int) -> None:
    line = re.search(r"^- Tests: (.*?)(?=^- |\Z)", SECTIONS[number], re.MULTILINE | re.DOTALL)
    named = [] if line is None else re.findall(r"`(tests/[^`]+\.py)`", line[1].partition(";")[0])
    assert [path for path in named if not named_after(number, SOURCES.get(ROOT / path, ""))] == []
