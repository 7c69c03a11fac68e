"""Verifiers that we did not write accept an exported log, and refuse it with one byte changed.

`pymerkle` is a development dependency and always runs. `aics-tlog` runs where it is installed (it
asks for Python 3.12). Three in Go (`golang.org/x/mod/sumdb`, `transparency-dev/merkle`, Tessera's
`fsck`) run in `make proof`, where a Go toolchain is found (on the path, or SLUIS_GO) that can have
their modules (from its proxy, or from the vendor folder that SLUIS_GO_VENDOR names). Whatever
cannot run says so as a skipped test. Each gets a time limit: one verifier was seen to hang.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymerkle
import pytest

from gateway.audit import merkle
from gateway.audit.tiles import Bundle, split_bundle
from tests.gateway.audit.logs import Log, files_of, numbered, without_waiting

SIZE, OLDER = 700, 300
SECONDS = 20.0
PROGRAM = Path(__file__).parent / "independent"
GO = os.environ.get("SLUIS_GO") or shutil.which("go")


@dataclass(frozen=True)
class Exported:
    """A log folder, an older checkpoint, and our proofs, as files."""

    log: Log
    folder: Path
    older: Path
    proofs: Path


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    log = numbered(SIZE)
    hashes = merkle.leaf_hashes(log.entries)
    told = {
        "Inclusion": [
            {"Index": n, "Path": [_text(step) for step in merkle.inclusion_proof(hashes, n)]}
            for n in (0, 1, 255, 256, 511, SIZE - 1)
        ],
        "Consistency": [_text(step) for step in merkle.consistency_proof(hashes, OLDER)],
    }
    (tmp_path / "older").write_bytes(log.signed(OLDER))
    (tmp_path / "proofs.json").write_text(json.dumps(told))
    folder = log.export(tmp_path / "log")
    return Exported(log, folder, tmp_path / "older", tmp_path / "proofs.json")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def flipped(files: list[Path], count: int, seed: int = 1) -> Iterator[Path]:
    """Each time one bit of one file is another; it is put back afterwards."""
    chance = random.Random(seed)  # noqa: S311
    for number in range(count):
        file = files[number % len(files)]
        whole = file.read_bytes()
        bent = bytearray(whole)
        bent[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        file.write_bytes(bent)
        yield file
        file.write_bytes(whole)


# pymerkle: a tree library; it reads our entries and checks our roots.


def test_pymerkle_agrees_with_every_root_and_refuses_a_changed_entry(exported: Exported) -> None:
    def agrees() -> bool:
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for index in range(-(-SIZE // 256)):
            bundle = Bundle(index, min(256, SIZE - index * 256))
            for entry in split_bundle((exported.folder / bundle.path).read_bytes(), bundle):
                tree.append_entry(entry)
        lines = (exported.folder / "checkpoint").read_text().split("\n")
        older = exported.older.read_text().split("\n")
        return bool(
            tree.get_root(int(lines[1])) == base64.b64decode(lines[2])
            and tree.get_root(int(older[1])) == base64.b64decode(older[2])
        )

    with without_waiting():
        assert agrees()
        bundle = exported.folder / Bundle(1).path
        whole = bundle.read_bytes()
        for at in (5, len(whole) // 2 + 3, len(whole) - 1):
            bundle.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert not agrees()


# aics-tlog: a C2SP verifier on the command line.

AICS = os.environ.get("SLUIS_AICS_TLOG") or shutil.which("aics-tlog")


def aics_accepts(it: Exported, index: int) -> bool:
    """Signature, growth since the older checkpoint, and one entry out of its bundle."""
    given = ("--log-key", it.log.vkey, "--tiles", it.folder)
    leaf = it.folder.parent / "leaf"
    leaf.write_bytes(it.log.entries[index])
    return all(
        done(AICS, *words, *given)
        for words in (
            ("verify-checkpoint",),
            ("verify-consistency", "--old-checkpoint", it.older),
            ("verify-inclusion", "--index", index, "--leaf", leaf),
        )
    )


@pytest.mark.proof
@pytest.mark.skipif(AICS is None, reason="NOT RUN: there is no aics-tlog (SLUIS_AICS_TLOG)")
def test_aics_tlog_accepts_the_log_and_refuses_a_changed_byte(exported: Exported) -> None:
    assert aics_accepts(exported, 600)
    read = [exported.folder / name for name in ("checkpoint", "tile/0/002.p/188")]
    refused = sum(not aics_accepts(exported, 600) for _ in flipped([*read, exported.older], 12))
    assert refused == 12
    print(f"\naics-tlog accepted the log and refused {refused} of 12 changed bytes")  # noqa: T201


# In Go: the checksum database's own library, a tree library, and another log's own checker.


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in `independent`, built; skips where it cannot be."""
    if GO is None:
        pytest.skip("NOT RUN: there is no Go toolchain (SLUIS_GO)")
    place = tmp_path_factory.mktemp("go") / "check"
    shutil.copytree(PROGRAM, place)
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    vendor = os.environ.get("SLUIS_GO_VENDOR")
    if vendor is not None:
        shutil.copytree(vendor, place / "vendor")
        shutil.copy(Path(vendor).parent / "go.mod", place / "go.mod")
        environment["GOFLAGS"] = "-mod=vendor"
    words = [GO, "build", "-o", "check", "."]
    built = subprocess.run(
        words, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if built.returncode:
        pytest.skip(f"NOT RUN: the Go modules cannot be had: {built.stderr.strip()[-200:]}")
    return place / "check"


@pytest.mark.proof
@pytest.mark.parametrize("verifier", ["sumdb", "merkle", "fsck"])
def test_go_verifiers_accept_the_log_and_refuse_a_changed_byte(
    verifier: str, go_program: Path, exported: Exported
) -> None:
    def accepts() -> bool:
        given = (exported.folder, exported.log.vkey, exported.older, exported.proofs)
        return done(go_program, verifier, *given)

    assert accepts()
    # A tree library reads no tiles; the other two read every file of the log.
    read = [
        file
        for file in files_of(exported.folder)
        if verifier != "merkle" or file.name == "checkpoint" or "entries" in file.parts
    ]
    count = 100
    refused = sum(not accepts() for _ in flipped(read, count))
    assert refused == count
    print(f"\n{verifier} accepted the log and refused {refused} of {count} changed bytes")  # noqa: T201


def done(*words: object) -> bool:
    """Whether a command ends well, within its time."""
    command = [str(word) for word in words]
    return (
        subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0
    )
