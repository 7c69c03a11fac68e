"""docs/client.md does what it says: every example is run against a gateway, in a new process."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.client import errors
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|text)\n(.*?)^```", PAGE, re.DOTALL | re.M)
EXAMPLES = [text for kind, text in BLOCKS if kind == "python"]
EXPECTED = [text for kind, text in BLOCKS if kind == "text"]


@pytest.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


@pytest.mark.e2e
async def test_every_example_prints_what_stands_below_it(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    shutil.copytree(gateway.home / "partners", tmp_path / "partners")
    mark = "=== block ==="
    script = tmp_path / "examples.py"
    script.write_text(f"\nprint({mark!r})\n".join(EXAMPLES), encoding="utf-8")

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script.name,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    printed = [block.strip() for block in out.decode().split(mark)]
    assert printed == [block.strip() for block in EXPECTED]


def test_examples_are_short_and_each_shows_what_it_prints() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds == ["python", "text"] * len(EXAMPLES)
    for example in EXAMPLES:
        assert len(ast.unparse(ast.parse(example)).splitlines()) <= 16, example


def test_every_error_stands_on_the_page_with_what_to_do() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.SluisError)
    }
    assert told == kinds - {"SluisError"}
