"""docs/joining.md does what it says: nine commands, a fresh home, a stopwatch."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support.parties import SLUIS
from tests.support.running_gateway import reachable_folder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "joining.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.M)
AT_MOST = 10
SECONDS = 300.0
"""A bound, for a machine that does much else; measured: 54 s at a load of 10, setting up apart."""
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SETUP, SERVE = "make setup", "sluis serve"


def test_a_newcomer_needs_at_most_ten_commands() -> None:
    assert 0 < len(COMMANDS) <= AT_MOST
    assert COMMANDS[0].strip() == SETUP
    assert re.search("^setup:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert f"{_WORDS[len(COMMANDS)]} commands" in PAGE


@pytest.mark.e2e
async def test_a_new_partner_gets_its_first_referral_accepted_as_the_page_tells_it(
    tmp_path: Path,
) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not there: the commands of docs/joining.md were not run")
    (tmp_path / "consent").symlink_to(ROOT / "consent")
    with reachable_folder() as home:
        environment = _environment(home)
        begun, taken, printed = time.monotonic(), {}, {}
        serving: asyncio.subprocess.Process | None = None
        try:
            for command in (one.strip() for one in COMMANDS[1:]):
                started = time.monotonic()
                if command == SERVE:
                    serving = await _serving(environment, tmp_path)
                else:
                    printed[command] = await _ran(command, environment, tmp_path)
                taken[command.splitlines()[0][:60]] = time.monotonic() - started
        finally:
            if serving is not None:
                serving.terminate()
                await serving.wait()
        total = time.monotonic() - begun
    for command, seconds in taken.items():
        print(f"{seconds:6.1f} s  {command}")  # noqa: T201  # the stopwatch is what is asked for
    print(f"{total:6.1f} s  from the first command to the last")  # noqa: T201  # the same
    _check(printed, tmp_path)
    assert total < SECONDS


def _check(printed: dict[str, str], folder: Path) -> None:
    """What a newcomer sees at the end of it."""
    (sent,) = (text for command, text in printed.items() if command.startswith("sluis send"))
    assert re.search(r"^accepted +1 *$", sent, re.M), sent
    (pulled,) = (text for command, text in printed.items() if command.startswith("sluis pull"))
    event = json.loads(pulled.splitlines()[0])
    assert event["type"] == "nl.sluis.aanmelding"
    (tested,) = (text for command, text in printed.items() if command.startswith("sluis partner t"))
    assert "niet-geslaagd" not in tested
    letter = (folder / "aansluiten.md").read_text(encoding="utf-8")
    assert "madi-aanmelding" in letter


def _environment(home: Path) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUIS_")}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    return {**kept, "PATH": path, "SLUIS_HOME": str(home), "SLUIS_PORT": str(port)}


async def _ran(command: str, environment: dict[str, str], folder: Path) -> str:
    sluis = " ".join(f"'{word}'" for word in SLUIS)
    script = f'set -eu\nsluis() {{ {sluis} "$@"; }}\n{command}\n'
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS):
        out, aside = await shell.communicate()
    assert shell.returncode == 0, (command, out.decode(), aside.decode())
    return out.decode()


async def _serving(environment: dict[str, str], folder: Path) -> asyncio.subprocess.Process:
    """The gateway, as in a second terminal, once it says that it answers."""
    serving = await asyncio.create_subprocess_exec(
        *SLUIS, "serve", cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert serving.stdout is not None
    async with asyncio.timeout(SECONDS):
        while b"serving on" not in (line := await serving.stdout.readline()):
            assert line, "it ended"
    return serving
