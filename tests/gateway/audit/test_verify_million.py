"""A log of a million entries verifies within a minute, by either verifier, in little memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.folder import write_folder
from gateway.audit.merkle import Frontier, leaf_hash
from gateway.audit.note import VerifierKey
from tests.gateway.audit.logs import KEY
from tests.gateway.audit.tampering import entry
from tests.gateway.audit.verdicts import SINGLE_FILE

ORIGIN = "sluis/00000099000000001000/verwerkingen/2026"
ENTRIES = 1_000_000
OLDER = 654_321
SECONDS = 60.0

_COMMON = """
import resource, sys, time
from pathlib import Path
log, vkey, older, deploy = sys.argv[1:]
begun = time.perf_counter()
{verify}
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - begun, time.process_time(), used.ru_maxrss // 1024)
"""
_OURS = """
from gateway.audit.verify import verify_folder
verify_folder(Path(log), [vkey], older_checkpoint=Path(older).read_bytes())
"""
_SINGLE = """
sys.path.insert(0, deploy)
import sluis_verify
assert sluis_verify.main([log, '--key', vkey, '--older', older]) == 0
"""


def entries() -> Iterator[bytes]:
    """Entries of the usual size, each with an id of its own."""
    one = entry(
        "2026", 1, id=str(UUID(int=0)), released=[f"lid.veld{n}" for n in range(12)], text="." * 150
    )
    before, after = one.split(str(UUID(int=0)).encode())
    for n in range(ENTRIES):
        yield b"%b00000000-0000-0000-0000-%012x%b" % (before, n, after)


@pytest.mark.proof
def test_a_million_entries_verify_within_a_minute_by_both_verifiers(tmp_path: Path) -> None:
    tree = Frontier()
    for n, raw in enumerate(entries()):
        tree.append([leaf_hash(raw)])
        if n + 1 == OLDER:
            older = sign_checkpoint(Checkpoint(ORIGIN, OLDER, tree.root()), KEY)
    size = len(raw)
    newest = sign_checkpoint(Checkpoint(ORIGIN, ENTRIES, tree.root()), KEY)
    write_folder(tmp_path / "log", entries(), newest)
    (tmp_path / "older").write_bytes(older)
    vkey = VerifierKey.of(ORIGIN, KEY).encode()
    print(f"\n{ENTRIES:,} entries of {size} bytes:")  # noqa: T201  # the proof is these figures
    for name, verify in (("gateway", _OURS), ("single file", _SINGLE)):
        words = [tmp_path / "log", vkey, tmp_path / "older", SINGLE_FILE.parent]
        command = [sys.executable, "-c", _COMMON.format(verify=verify), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        seconds, busy, megabytes = done.stdout.split()[-3:]
        told = f"{float(seconds):.1f} s ({float(busy):.1f} s of processor time), {megabytes} MB"
        print(f"  {name}: {told}")  # noqa: T201  # the proof is these figures
        # Of a machine that others share, only the processor's time says anything.
        assert float(busy) < SECONDS, name
