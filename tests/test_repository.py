"""House rules that no linter can express: on names, files and pages of this repository.

Which modules may hold a citizen service number in clear, what no file may name, how long a file
may be, that exceptions give their reason, and that the pages which list things list all of them.
Each rule that searches text is first tried on a text that breaks it, so that it can fail.
"""

import ast
import codecs
import io
import os
import re
import shutil
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "consent", "adapters", "gateway")
LONGEST_FILE = 600  # lines; most files should stay under 270

# The only homes of a BSN in clear. Shrink this list where you can; adding to it is a decision.
BSN_HOMES = (
    "schemas",
    "adapters",
    "consent.minimise",
    "gateway.bench",
    "gateway.exchange",
    "gateway.pseudonyms",
    "gateway.sandbox",
)

# Turned by 13 letters, so that this page does not hold what it looks for: hosts of package
# registries, folders of one machine, names of tools.
NOWHERE = re.compile(
    codecs.decode(
        r"clgubaubfgrq|clcv\.bet|ertvfgel\.aczwf|qro\.qrovna|/jbex/|/snez/|/ebbg/"
        r"|pynhqr|naguebcvp|fhontrag|snez-fghqvb|snez-orapu",
        "rot13",
    ),
    re.IGNORECASE,
)

EXCEPTION = re.compile(
    r"#\s*(?:noqa\b(?::\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?|type:\s*ignore\b(?:\[[^]]*])?)"
)


@cache
def files() -> tuple[Path, ...]:
    """All that would be committed: tracked or new, and not ignored; paths from the root."""
    if shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=False,
            text=True,
        )
        if listed.returncode == 0 and listed.stdout:
            paths = {Path(name) for name in listed.stdout.split("\0") if name}
            return tuple(sorted(path for path in paths if (ROOT / path).is_file()))
    return tuple(sorted(files_without_git()))


def files_without_git() -> Iterator[Path]:
    """The same for an unpacked archive: all but caches, environments and the gateway's data."""
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [
            name
            for name in folders
            if (not name.startswith(".") or name == ".ci")
            and name != "__pycache__"
            and here / name != Path("var")
        ]
        yield from (here / name for name in names)


def sources() -> list[Path]:
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in PACKAGES]


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_within(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def names_bsn(source: str) -> bool:
    """Whether a module imports `Bsn`, under any name, or reaches it through its module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(names=names, module=module):
                imported = {alias.name for alias in names}
                if "Bsn" in imported or (
                    "*" in imported and (module or "").split(".")[0] == "schemas"
                ):
                    return True
            case ast.Attribute(attr="Bsn"):
                return True
    return False


def unexplained_exceptions(source: str) -> list[int]:
    """Lines that silence a checker without naming what and saying why."""
    lines = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        silenced = EXCEPTION.findall(token.string)
        reason = EXCEPTION.sub("", token.string)
        is_blanket = any(not re.search(r":\s*[A-Z]+[0-9]|\[", found) for found in silenced)
        if silenced and (is_blanket or not re.search(r"[A-Za-z]{4}", reason)):
            lines.append(token.start[0])
    return lines


@pytest.mark.parametrize(
    "source",
    [
        "from schemas.identifiers import Bsn",
        "from schemas.identifiers import Bsn as Number",
        "from schemas import Bsn",
        "from schemas.identifiers import *",
        "import schemas.identifiers\nx = schemas.identifiers.Bsn",
        "def late():\n    from schemas.identifiers import Bsn",
    ],
)
def test_every_way_to_import_bsn_is_seen(source: str) -> None:
    assert names_bsn(source)


def test_bsn_stays_in_its_few_homes() -> None:
    strangers = [
        str(path)
        for path in sources()
        if not is_within(module_name(path), BSN_HOMES)
        and names_bsn((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert strangers == []


@pytest.mark.parametrize("turned", ["uggcf://clcv.bet/fvzcyr", "/jbex/znva", "Pynhqr jebgr guvf"])
def test_what_no_file_may_name_is_seen(turned: str) -> None:
    assert NOWHERE.search(codecs.decode(turned, "rot13"))


def test_no_file_names_a_registry_a_machine_or_a_tool() -> None:
    found = []
    for path in files():
        content = (ROOT / path).read_bytes()
        if b"\0" in content:
            continue
        text = f"{path}\n{content.decode('utf-8', 'replace')}"
        found += [
            f"{path}:{number}"
            for number, line in enumerate(text.splitlines())
            if NOWHERE.search(line)
        ]
    assert found == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9].*==.*\\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\S", text, re.MULTILINE)) > 0
    assert "://" not in text


def test_both_locks_pin_the_same_versions() -> None:
    runtime, dev = (
        dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text("utf-8"), re.M))
        for lock in ("requirements.lock", "requirements-dev.lock")
    )
    assert {name: dev.get(name) for name in runtime} == runtime


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"].values()
    wanted = {
        re.split(r"[^A-Za-z0-9._-]", requirement)[0]
        for requirements in (project["project"]["dependencies"], *groups)
        for requirement in requirements
        if isinstance(requirement, str)
    }
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    explained = re.findall(r"^- `([^`]+)`: \S.+$", page, re.MULTILINE)
    assert sorted(explained) == sorted(wanted)


def test_no_source_file_is_too_long() -> None:
    sizes = {path: (ROOT / path).read_text(encoding="utf-8").count("\n") for path in sources()}
    assert {str(path): size for path, size in sizes.items() if size > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("comment", "is_accepted"),
    [
        ("# noqa: S608 - the table name is a constant of ours", True),
        ("# noqa: S608, PLR0912 (one long table)", True),
        ("# type: ignore[arg-type]  # the stub forgets None", True),
        ("# the stub forgets None  # type: ignore[arg-type]", True),
        ("# noqa: S608", False),
        ("# noqa: S608, PLR0912", False),
        ("# noqa  because it is fine", False),
        ("# type: ignore  # because it is fine", False),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore[arg-type]  # noqa: S608", False),
        ("# a comment of no concern", True),
    ],
)
def test_an_exception_needs_its_code_and_its_reason(comment: str, is_accepted: bool) -> None:
    assert (unexplained_exceptions(f"x = 1  {comment}\n") == []) is is_accepted


def test_every_lint_exception_gives_its_reason() -> None:
    unexplained = [
        f"{path}:{line}"
        for path in sources()
        for line in unexplained_exceptions((ROOT / path).read_text(encoding="utf-8"))
    ]
    assert unexplained == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/adr"
    index = (folder / "0000-how-we-decide.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})]\((\S+)\) \|", index, re.MULTILINE)
    pages = sorted(path.name for path in folder.glob("*.md"))
    assert [name for _, name in listed] == pages
    assert [number for number, _ in listed] == [name[:4] for name in pages]
    assert [int(number) for number, _ in listed] == list(range(len(pages)))


def test_import_contracts_know_every_part_of_the_gateway() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (inside,) = (entry for entry in contracts if entry.get("containers") == ["gateway"])
    assert inside["exhaustive"] is True
    known = set(re.findall(r"\w+", " ".join(inside["layers"])))
    parts = {path.parts[1].removesuffix(".py") for path in sources() if path.parts[0] == "gateway"}
    assert parts - {"__init__"} <= known

    between = " ".join(layer for entry in contracts for layer in entry.get("layers", []))
    missing = {part for part in known if f"(gateway.{part})" not in between}
    assert missing <= {"cli"}  # it starts client, sandbox and server alike


def test_no_source_folder_is_hidden_from_the_linters() -> None:
    folders = {path.parent for path in sources()}
    assert [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()] == []
