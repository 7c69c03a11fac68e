from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.bench.processes import started
from gateway.client import AsyncSluis, credentials

pytestmark = pytest.mark.e2e


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's user can reach, also when the tests are run by root."""
    with tempfile.TemporaryDirectory(prefix="sluis-test-") as made:
        path = Path(made)
        path.chmod(0o711)
        yield path


async def test_a_sandbox_answers_at_the_address_that_it_prints(home: Path) -> None:
    command = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())"]
    options = ["serve", "--sandbox", "--port", "0", "--home", str(home)]

    async with started([*command, *options], home / "log") as server:
        async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
            ready = await http.get("/health/ready")
        own = credentials.load(home / "partners" / "dwi")
        async with AsyncSluis(own) as dwi:
            in_force = await dwi.protocol()

    assert ready.status_code == 200
    assert own.base_url == server.address
    assert "dwi-aanmelding" in in_force.text
