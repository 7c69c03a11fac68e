"""The demo's steps for privacy officers: answer a person, erase one, review a month, be checked.

Every step is a command as an officer types it, run as a process of its own against the gateway
that serves; the story reads what it says with `--json`. Officers and persons are synthetic.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from gateway.cli.failures import Failure
from gateway.client.disk import write_whole

_MAIN = "import sys; from gateway.cli import main; sys.exit(main())"
VERIFIER = Path(__file__).parents[2] / "deploy" / "sluis_verify.py"
"""The auditor's own verifier; it is in the repository and not in the package."""
OFFICERS = {
    "functionaris": ("privacyfunctionaris", ["--mandate", "DEMO", "--mandate-ends", "2099-12-31"]),
    "eigenaar": ("proceseigenaar", []),
}
_COMMAND_SECONDS = 120.0


class OfficersDesk:
    """Runs officers' commands in one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        now = datetime.now(ZoneInfo("Europe/Amsterdam"))
        self._stamp = f"{now:%Y%m%dT%H%M%S}"
        self._today, self._month = f"{now:%Y-%m-%d}", f"{now:%Y-%m}"

    async def open(self) -> None:
        """Register two synthetic officers, once."""
        known = {one["id"] for one in (await self._sluis("officer", "list"))["officers"]}
        for name, (role, mandate) in OFFICERS.items():
            if name not in known:
                told = f"Synthetische {role}"
                await self._sluis(
                    "officer", "add", name, "--name", told, "--role", role, *mandate, "--sandbox"
                )

    async def answer(self, bsn: str, vkeys: Sequence[str]) -> dict[str, Any]:
        """Make and release what was shared about a person, and check it as an outsider would."""
        person = self._person(bsn)
        draft = await self._sluis(
            "dossier", "subject", str(person), "--capacity", "self",
            "--identified-by", "paspoort", "--case", f"DEMO-{self._stamp}", *_AS,
        )  # fmt: skip
        folder = self._home / "dossiers" / self._stamp
        released = await self._sluis(
            "dossier", "release", draft["dossier"], "--to", str(folder), *_AS
        )
        person.unlink()
        named = [word for vkey in vkeys for word in ("--key", vkey)]
        checked = await self._sluis("log", "verify", str(folder / "dossier.json"), *named)
        return {"folder": folder, "draft": draft, "released": released, "checked": checked}

    async def erase(self, bsn: str) -> dict[str, Any]:
        """Carry out a decision of two persons to erase somebody who withdrew."""
        person = self._person(bsn)
        decided = await self._sluis(
            "erase", "decide", str(person), "--ground", "b-toestemming-ingetrokken",
            "--capacity", "self", "--identified-by", "paspoort gezien",
            "--case", f"DEMO-{self._stamp}", *_AS,
        )  # fmt: skip
        person.unlink()
        await self._sluis("erase", "confirm", decided["decision"], "--as", "eigenaar")
        return await self._sluis("erase", "carry-out", decided["decision"])

    async def review(self) -> dict[str, Any]:
        """The month's report on access, and an exercise in telling of a breach."""
        month = await self._sluis("report", "access", "--month", self._month, *_AS)
        folder = self._home / "datalekken" / self._stamp
        breach = await self._sluis(
            "dossier", "breach", "--partner", "casebook", "--since", self._today,
            "--reason", "oefening", "--case", f"OEFENING-{self._stamp}",
            "--folder", str(folder), *_AS,
        )  # fmt: skip
        return {"month": month, "breach": breach, "folder": folder}

    async def audit(self, log: Path, vkey: str) -> bool:
        """Whether the auditor's verifier accepts a log, and refuses it with one byte changed."""
        if not await self._verifies(log, vkey):
            return False
        bundle = next(path for path in _files(log) if "entries" in path.parts)
        whole = bundle.read_bytes()
        bundle.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        try:
            return not await self._verifies(log, vkey)
        finally:
            bundle.write_bytes(whole)

    async def _verifies(self, log: Path, vkey: str) -> bool:
        status, *_ = await _run([sys.executable, str(VERIFIER), str(log), "--key", vkey])
        return status == 0

    def _person(self, bsn: str) -> Path:
        path = self._home / f".person-{self._stamp}"
        write_whole(path, f"{bsn}\n".encode())
        return path

    async def _sluis(self, *words: str) -> dict[str, Any]:
        return await command(self._home, *words)


async def command(
    home: Path, *words: str, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """What one command says with `--json`; raise `Failure` where it ends with another status."""
    place = ("--home", str(home), "--json")
    line = [sys.executable, "-c", _MAIN, *words, *place]
    status, told, aside = await _run(line, environment)
    if status != 0:
        why = aside.decode(errors="replace").strip()
        raise Failure(f"`sluis {' '.join(words[:2])}` ended with status {status}: {why}")
    found: dict[str, Any] = orjson.loads(told)
    return found


_AS = ("--as", "functionaris")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def _run(
    line: list[str], environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, bytes, bytes]:
    """A command's status, what it printed, and what it said aside."""
    process = await asyncio.create_subprocess_exec(
        *line,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            told, aside = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, told, aside
