"""Whatever is done to a log, both verifiers notice, with the keys and one older checkpoint.

`make proof` does more than a thousand tamperings and prints how many of each kind.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.merkle import leaf_hash
from tests.gateway.audit.tampering import (
    KINDS,
    SERIES,
    SIGNED,
    World,
    entry,
    export,
    is_different,
    opened,
    predecessor,
    proven,
    signed,
)
from tests.gateway.audit.verdicts import Case, both

EACH, EACH_IN_PROOF = 3, 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    assert made.folders
    return made


def try_all(world: World, place: Path, each: int, seed: int) -> Counter[str]:
    """So many of each way; gives how many were noticed by both verifiers, by kind."""
    noticed: Counter[str] = Counter()
    for kind, ways in KINDS.items():
        for way in ways:
            for number in range(each):
                at = place / f"{way.__name__}-{number}"
                at.mkdir()
                chance = random.Random(f"{seed}/{way.__name__}/{number}")  # noqa: S311
                case = way(world, chance, at)
                assert is_different(case, world), f"{way.__name__} did nothing"
                verdict = both(case)
                assert verdict.is_noticed, (way.__name__, number, seed)
                if way in SIGNED:  # then nothing but the older checkpoint gives it away
                    assert both(replace(case, olders=[])).refusal is None, way.__name__
                noticed[kind] += 1
                shutil.rmtree(at)
    return noticed


def test_what_nobody_touched_holds(world: World) -> None:
    assert both(world.untouched).refusal is None
    assert both(world.untouched).remarks == 0
    # The volumes may come in any order, and in one folder.
    turned = [*reversed(world.folders)]
    assert not both(Case(world.keys, turned, [world.older], quorum=2)).is_noticed
    assert not both(Case(world.keys, [world.place], [world.older], quorum=2)).is_noticed


def test_an_untouched_proof_and_dossier_hold(world: World) -> None:
    for n in (0, 5, 255, 256, 419):
        proof = proven(world.newest, n, f"{SERIES}/2026").encode()
        case = Case(world.keys, quorum=2, proof=proof, entry=world.newest[n])
        assert both(case).refusal is None
    chance = random.Random(1)  # noqa: S311
    told = [opened(n, chance) for n in (0, 17, 269)]
    told[1] = {"bewijs": told[1]["bewijs"], "bladhash": _leaf_hash(told[1])}
    told[2] |= {"bladhash": None, "verbintenis": None}
    told.append({"bewijs": None, "bladhash": told[1]["bladhash"]})
    dossier = json.dumps({"bewijzen": told, "anders": "geeft niet"}).encode()
    assert both(Case(world.keys, quorum=2, dossier=dossier)).refusal is None


def _leaf_hash(told: dict[str, object]) -> str:
    return base64.b64encode(leaf_hash(base64.b64decode(str(told["logregel"])))).decode()


def test_a_volume_without_the_one_before_is_remarked_upon(world: World) -> None:
    verdict = both(Case(world.keys, world.folders[1:], [world.older], quorum=2))
    assert verdict.refusal is None
    assert verdict.remarks == 1


def test_a_volume_that_was_cut_by_a_restore_holds_and_is_told(world: World, tmp_path: Path) -> None:
    # Of 300 published entries 220 were left; the new volume says both.
    left = export(tmp_path / "2025", f"{SERIES}/2025", world.closed[:220])
    named = json.loads(predecessor(f"{SERIES}/2025", world.closed, 5))["predecessor"]
    rest = json.loads(predecessor(f"{SERIES}/2025", world.closed[:220], 5))["predecessor"]
    named["restored"] = {name: rest[name] for name in ("root", "size")}
    entries = list(world.newest)
    entries[5] = entry("2026", 5, event="voorganger", predecessor=named, subjects=[])
    newest = export(tmp_path / "2026", f"{SERIES}/2026", entries)
    for before in (left, world.folders[0]):
        verdict = both(Case(world.keys, [before, newest]))
        assert (verdict.refusal, verdict.remarks) == (None, 1)
    published = signed(f"{SERIES}/2025", world.closed[:260])
    assert both(Case(world.keys, [left, newest], [published])).refusal is not None
    # Of a whole volume nothing was left: the new one follows the one before that.
    gone = {**named, "origin": f"{SERIES}/2025-2", "restored": rest}
    entries[5] = entry("2026", 5, event="voorganger", predecessor=gone, subjects=[])
    after = export(tmp_path / "2026-2", f"{SERIES}/2026", entries)
    verdict = both(Case(world.keys, [left, after]))
    assert (verdict.refusal, verdict.remarks) == (None, 1)
    assert both(Case(world.keys, [world.folders[0], after])).refusal is not None
    other = export(tmp_path / "anders", f"{SERIES}/2025", world.closed[:219])
    assert both(Case(world.keys, [other, newest])).refusal is not None


def test_every_kind_of_tampering_is_noticed_by_both_verifiers(world: World, tmp_path: Path) -> None:
    noticed = try_all(world, tmp_path, EACH, seed=1)
    assert set(noticed) == set(KINDS)


@pytest.mark.proof
def test_a_thousand_tamperings_are_noticed_by_both_verifiers(world: World, tmp_path: Path) -> None:
    noticed = try_all(world, tmp_path, EACH_IN_PROOF, seed=20261122)
    print(f"\n{noticed.total()} tamperings, all noticed by both: {dict(noticed)}")  # noqa: T201
    assert noticed.total() >= 1000
