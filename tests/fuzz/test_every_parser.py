"""Every parser on hypothesis's inputs: quick, on every run. `make proof` is thorough.

An input is a seed with pieces put in, taken out and doubled: mostly still in its format, so that
what lies behind the first check is reached. Leaks, crashes and slowness planted in a target of our
own show that each promise can be found broken.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import papers
from tests.fuzz.examining import CANARY, FindingError, Target, examine
from tests.fuzz.targets import CORPUS, TARGETS, mended, seeds

ROOT = Path(__file__).parents[2]
_READ = re.compile(r"read_json\(request, (\w+)\)")
EXAMPLES = 20
quickly = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
ODD = (
    CANARY, b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"9" * 400, b"-", b"1e999",
    b"[" * 3000, b"{\"a\":" * 3000, b"<a>" * 3000, b"<!DOCTYPE a>", b"&a;", b"]]>", b"\r", b"\n\n",
    b"0001-01-01", b"9999-12-31", b"2013-02-30", b"NaN", b"null", b"\\ud800", b"%00", b"=", b"+",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Iterator[None]:
    yield
    papers.clean()


@st.composite
def nearly(draw: st.DrawFn, target: Target) -> bytes:
    """A seed of this target, changed in a few places."""
    whole = draw(st.sampled_from(seeds(target)))[: target.longest]
    words = st.sampled_from((*ODD, *target.words())) | st.binary(max_size=12)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(whole)))
        end = min(len(whole), at + draw(st.integers(0, 24)))
        piece = draw(words)
        match draw(st.sampled_from(("put", "replace", "double", "cut"))):
            case "put":
                whole = whole[:at] + piece + whole[at:]
            case "replace":
                whole = whole[:at] + piece + whole[end:]
            case "double":
                whole = whole[:end] + whole[at:]
            case _:
                whole = whole[:at]
    return whole


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_nearly_right_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]

    @quickly
    @given(nearly(target))
    def holds(data: bytes) -> None:
        examine(target, data)

    holds()


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_once_treated_wrongly_no_longer_is(name: str) -> None:
    target = TARGETS[name]
    for data in (*(path.read_bytes() for path in mended(target)), *target.seeds(), b"", b"\x00"):
        examine(target, data)


def test_what_is_kept_belongs_to_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= TARGETS.keys()


def test_every_body_that_a_route_reads_is_a_target() -> None:
    """`read_json(request, Model)` is how routes read; the hot ones have their own `translate`."""
    routes = (ROOT / "gateway" / "api").glob("*.py")
    read = {name for path in routes for name in _READ.findall(path.read_text(encoding="utf-8"))}
    assert {f"body-{name}" for name in read - {"model"}} <= TARGETS.keys()


def test_the_docs_name_every_target() -> None:
    page = (ROOT / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    assert {name for name in TARGETS if f"`{name}`" not in page} == set()


def read_nothing(data: bytes) -> str:
    return ""


def leak(data: bytes) -> str:
    return f"the surname {data.decode('latin-1')} is too long"


def leak_beside(data: bytes) -> str:
    try:
        return str(int(data))
    except ValueError as error:
        raise KeyError("no number") from error


def crash(data: bytes) -> str:
    return str(data[10_000])


def dawdle(data: bytes) -> str:
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    return ""


def planted(reads: object, **changed: object) -> Target:
    made: dict[str, object] = {"name": "planted", "read": reads, "seeds": lambda: [b"x"], **changed}
    return Target(**made)  # type: ignore[arg-type]  # a broken promise each


def test_each_promise_can_be_found_broken() -> None:
    examine(planted(read_nothing), b"Voorbeeld")
    examine(planted(leak, names_input=True), b"Voorbeeld")
    for broken in (
        planted(leak),
        planted(leak_beside, raises=(KeyError,)),
        planted(dawdle, seconds=0.01),
    ):
        with pytest.raises(FindingError):
            examine(broken, b"Voorbeeld")
    with pytest.raises(IndexError):
        examine(planted(crash, raises=(KeyError,)), b"Voorbeeld")
