"""The pages say what the code does: every problem, rule, finding, setting and event stands there.

Both ways: what the code has is on the page, and what is on the page the code still has. The tour of
docs/api.md is run by test_api_tour.py.
"""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from gateway.api.problems import Problem as ProblemAnswer
from gateway.identity import errors
from gateway.settings import PREFIX, Settings
from schemas.decisions import Rule
from schemas.deliveries import Problem

ROOT = Path(__file__).resolve().parents[1]
PROBLEMS = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
GATEWAY = sorted((ROOT / "gateway").rglob("*.py"))

# The framework's own answers bear the phrase of their status.
FRAMEWORK = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_TIMEOUT,
)


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table whose header row begins with this."""
    table = page.split(f"\n| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def codes(page: str, header: str) -> list[str]:
    """The first cells of a table, which name one code each."""
    return [row[0].strip("`") for row in rows(page, header)]


def calls(path: Path, *names: str) -> Iterator[ast.Call]:
    """The calls of functions or methods with one of these names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names:
                yield node


def texts(node: ast.AST) -> list[str]:
    """Every text that stands in an expression."""
    found = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return [value for value in found if isinstance(value, str)]


def first(call: ast.Call) -> list[str]:
    """What a call of our telemetry is told first, if that is a text."""
    is_ours = "elemetry." in ast.unparse(call.func)
    return texts(call.args[0]) if is_ours and isinstance(call.args[0], ast.Constant) else []


def raised_problems() -> dict[str, set[int]]:
    """The problem titles that are written in the API's code, with the statuses beside them."""
    found: dict[str, set[int]] = {}
    for path in GATEWAY:
        if path.parent.name != "api":
            continue
        for call in calls(path, "Problem"):
            named = {p.attr for p in ast.walk(call.args[0]) if isinstance(p, ast.Attribute)}
            statuses = {int(HTTPStatus[name]) for name in named if name in HTTPStatus.__members__}
            for title in texts(call.args[1]):
                found.setdefault(title, set()).update(statuses)
        for call in calls(path, "_absent"):
            found[texts(call.args[0])[0]] = {HTTPStatus.NOT_FOUND}
    return found


def test_every_problem_is_described_with_its_type_and_status() -> None:
    raised = raised_problems() | {status.phrase: {int(status)} for status in FRAMEWORK}
    described = {row[1]: row for row in rows(PROBLEMS, "type | title | status")}

    assert sorted(described) == sorted(raised)
    for title, row in described.items():
        assert int(row[2]) in raised[title], title
        kind = str(ProblemAnswer(int(row[2]), title, "").members()["type"])
        assert row[0] == f"`{kind.removeprefix('urn:sluis:probleem:')}`"


def test_every_rule_is_described() -> None:
    assert sorted(codes(PROBLEMS, "rule | decision")) == sorted(Rule)


def test_every_finding_is_described() -> None:
    assert sorted(codes(PROBLEMS, "finding")) == sorted(Problem)


def test_every_error_of_the_token_endpoint_is_described() -> None:
    kinds = errors.OAuthError.__subclasses__()
    assert sorted(codes(PROBLEMS, "error")) == sorted(kind.code for kind in kinds)


def test_every_setting_is_described_with_its_default() -> None:
    described = {row[0].strip("`"): row[1] for row in rows(OPERATING, "variable")}
    defaults = {
        PREFIX + name.upper(): "none" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert described == {**defaults, "SLUIS_ROOT_KEY": "none"}


def test_every_event_of_the_log_is_described() -> None:
    logged = {
        name for path in GATEWAY for call in calls(path, "log", "fault") for name in first(call)
    }
    # Repeated work hands its event to the base that logs it.
    logged |= {
        name
        for path in GATEWAY
        if "(Repeated)" in path.read_text(encoding="utf-8")
        for call in calls(path, "__init__")
        for name in texts(call.args[0])
    }
    described = {
        event for row in rows(OPERATING, "event") for event in re.findall(r"`([^`]+)`", row[0])
    }
    assert described == logged


def test_every_counter_is_described() -> None:
    counted = {name for path in GATEWAY for call in calls(path, "count") for name in first(call)}
    assert set(codes(OPERATING, "counter")) == {f"sluis_{name}_total" for name in counted}


@pytest.mark.parametrize(
    "path",
    sorted(path for path in (ROOT / "deploy").iterdir() if path.is_file()),
    ids=lambda path: path.name,
)
def test_deployment_names_settings_that_exist(path: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"SLUIS_ROOT_KEY"}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", path.read_text(encoding="utf-8"))) <= known


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made where the pages are read."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize(
    "page",
    [
        *sorted((ROOT / "docs").rglob("*.md")),
        *(ROOT / name for name in ("README.md", "deploy/README.md", "CHANGELOG.md")),
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"]\((?!\w+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []
