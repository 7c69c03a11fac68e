"""`sluis log reconcile` as an officer uses it: what a side lacks is named by its exchange."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.merkle import leaf_hash
from gateway.audit.note import VerifierKey
from gateway.audit.promise import promise
from gateway.cli import main
from tests.gateway.audit.logs import KEY as STRANGERS_KEY
from tests.gateway.audit.logs import Log
from tests.gateway.audit.tampering import KEY, SERIES, entry, time_of

VKEY = VerifierKey.of(SERIES, KEY).encode()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run_it(*words: str | Path) -> tuple[int, dict[str, Any]]:
        status = main(["log", *(str(word) for word in words), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run_it


def kept(log: Log, n: int, **other: object) -> str:
    """A receipt of one entry, promised under the log's key, as a partner's client keeps it."""
    told = json.loads(log.entries[n])
    group = promise(SERIES, [_leaf(log, n)], log.key)
    answer = {
        "uitwisselingId": told["exchange"],
        "besluit": told["decision"],
        "regel": "toegelaten",
        "ontvangenOp": datetime.fromtimestamp(time_of(n), UTC).isoformat(),
        "ontvangstbewijs": {
            "logregelId": told["id"],
            "logboek": SERIES,
            "bladhash": _text(_leaf(log, n)),
            "zout": _text(bytes(16)),
            "bodyVerbintenis": _text(bytes(32)),
            "toezegging": {
                "wortel": _text(group.root),
                "positie": 0,
                "omvang": 1,
                "pad": [],
                "sleutel": SERIES,
                "handtekening": _text(group.signature),
            },
        },
    }
    at = "2026-11-22T04:00:00Z"
    return json.dumps({"soort": "ontvangst", "bewaardOp": at, "antwoord": answer | other}) + "\n"


def _leaf(log: Log, n: int) -> bytes:
    return leaf_hash(log.entries[n])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_receipts_are_reconciled_offline_and_an_omission_is_named(run: Any, tmp_path: Path) -> None:
    entries = [
        entry("2026", n, event="besluit", decision="toegelaten", sender="dwi") for n in range(8)
    ]
    log = Log(entries, f"{SERIES}/2026", KEY)
    folder = log.export(tmp_path / "log")
    receipts = tmp_path / "dwi" / "ontvangstbewijzen"
    receipts.mkdir(parents=True)
    (receipts / "000001.jsonl").write_text("".join(kept(log, n) for n in range(8)))
    given = (receipts, folder, "--key", VKEY)
    status, told = run("reconcile", *given)
    assert (status, told["agrees"], told["agreed"], told["sender"]) == (0, True, 8, "dwi")
    assert run("reconcile", receipts.parent, *given[1:])[1] == told

    # The gateway left one out, and denies it: the receipt's signature says otherwise.
    shorter = Log([*entries[:3], *entries[4:]], log.origin, log.key).export(tmp_path / "korter")
    status, told = run("reconcile", receipts, shorter, "--key", VKEY)
    named = json.loads(entries[3])["exchange"]
    assert status == 1
    assert told["findings"] == [{"kind": "no-entry", "exchange": named, "log": None, "index": None}]

    # A receipt that the partner wrote itself accuses nobody.
    forged = Log(entries, log.origin, STRANGERS_KEY)
    (receipts / "000001.jsonl").write_text(
        kept(forged, 2) + "".join(kept(log, n) for n in range(8) if n != 2)
    )
    told = run("reconcile", *given)[1]
    assert [one["kind"] for one in told["findings"]] == ["no-promise"]
    (receipts / "000001.jsonl").write_text("".join(kept(log, n) for n in range(7)))
    told = run("reconcile", *given)[1]
    assert [(one["kind"], one["index"]) for one in told["findings"]] == [("no-receipt", 7)]
    assert run("reconcile", tmp_path / "leeg", folder, "--key", VKEY)[0] == 2
    assert run("reconcile", receipts)[0] == 2
