"""Two verifiers on one case: the gateway's, and the single file that shares no code with it."""

import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.audit.chain import verify_volumes, volume_folders
from gateway.audit.dossier_proofs import DossierError, verify_dossier
from gateway.audit.merkle import ProofError, leaf_hash
from gateway.audit.note import NoteError, parse_vkey
from gateway.audit.tlog_proof import read_tlog_proof, verify_tlog_proof
from gateway.audit.verify import VerificationError
from tests.gateway.audit.logs import without_waiting

SINGLE_FILE = Path(__file__).parents[3] / "deploy" / "sluis_verify.py"
LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why it was refused, or None; what was remarked; how long it took."""

    refusal: str | None
    remarks: int = 0
    seconds: float = 0.0

    @property
    def is_noticed(self) -> bool:
        return self.refusal is not None or self.remarks > 0


@dataclass(frozen=True)
class Case:
    """What an auditor has: folders, or a proof with its entry, or a dossier; keys, checkpoints."""

    keys: Sequence[str]
    folders: Sequence[Path] = ()
    olders: Sequence[bytes] = ()
    quorum: int = 0
    proof: bytes = b""
    entry: bytes = b""
    dossier: bytes = b""


@cache
def single_file() -> Any:
    """The single file, loaded as it stands."""
    spec = importlib.util.spec_from_file_location("sluis_verify", SINGLE_FILE)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["sluis_verify"] = module
    spec.loader.exec_module(module)
    return module


def by_gateway(case: Case) -> Verdict:
    """What the gateway's verifier says."""
    begun = time.perf_counter()
    remarks = 0
    try:
        keys = [parse_vkey(vkey) for vkey in case.keys]
        with without_waiting():
            if case.proof:
                proof = read_tlog_proof(case.proof)
                verify_tlog_proof(proof, leaf_hash(case.entry), keys, case.quorum)
            elif case.dossier:
                verify_dossier(case.dossier, keys, case.quorum)
            else:
                chain = verify_volumes(
                    volume_folders(case.folders), case.keys, case.olders, quorum=case.quorum
                )
                remarks = sum(log.back_dated is not None for log in chain.volumes)
                remarks += (chain.before is not None) + len(chain.cuts)
    except (VerificationError, NoteError, ProofError, DossierError) as error:
        return Verdict(str(error), 0, time.perf_counter() - begun)
    return Verdict(None, remarks, time.perf_counter() - begun)


def by_single_file(case: Case) -> Verdict:
    """What the single file says."""
    one, begun = single_file(), time.perf_counter()
    remarks = 0
    try:
        keys = [one.read_key(vkey) for vkey in case.keys]
        with without_waiting():
            if case.proof:
                one.verify_proof(case.proof, one.leaf_hash(case.entry), keys, case.quorum)
            elif case.dossier:
                one.verify_dossier(one.json.loads(case.dossier), keys, case.quorum)
            else:
                folders = one.volumes_in(list(case.folders))
                logs = one.verify_logs(folders, keys, list(case.olders), case.quorum)
                remarks = sum(len(log.remarks) for log in logs)
    except (one.Refused, ValueError) as error:
        return Verdict(str(error), 0, time.perf_counter() - begun)
    return Verdict(None, remarks, time.perf_counter() - begun)


def both(case: Case) -> Verdict:
    """The verdict of both, which must be one: it holds, it is remarked upon, or it is refused."""
    ours, theirs = by_gateway(case), by_single_file(case)
    assert (ours.refusal is None) == (theirs.refusal is None), (ours, theirs)
    assert ours.remarks == theirs.remarks, (ours, theirs)
    assert max(ours.seconds, theirs.seconds) < LONGEST_SECONDS
    return ours
