"""`sluis log verify`: for whoever does not believe us. Offline, under keys obtained elsewhere.

A log may be a folder, several folders (the volumes of one log), or an address; a proof or a
dossier is a file. The same is done by one file that needs no more than Python and `cryptography`
(`deploy/sluis_verify.py`), which shares nothing with this but the standards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.chain import VerifiedChain, chained, verify_volumes, volume_folders
from gateway.audit.dossier_proofs import MAX_DOSSIER_BYTES, DossierError, verify_dossier
from gateway.audit.folder import FolderReader, Progress
from gateway.audit.merkle import ProofError, leaf_hash
from gateway.audit.note import NoteError, encode_base64, parse_vkey
from gateway.audit.tlog_proof import MAX_PROOF_BYTES, read_tlog_proof, verify_tlog_proof
from gateway.audit.verify import VerificationError, VerifiedLog, verify_log
from gateway.cli.exchange import credentials_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.log_keys import (
    KeyFileOption,
    KeyOption,
    QuorumOption,
    contents_of,
    leaf_hash_of,
    needed_keys,
)
from gateway.cli.log_remote import RemoteLog, is_address
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.client import AsyncSluis

OlderOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--older",
        metavar="CHECKPOINT",
        help="An earlier checkpoint that you kept: must be extended.",
    ),
]


def verify(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="A log's folder, the folders of its volumes, its address, a .tlog-proof or a"
            " dossier (JSON).",
        ),
    ],
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    older: OlderOption = None,
    quorum: QuorumOption = 0,
    entry: Annotated[
        Path | None, typer.Option(help="With a .tlog-proof: the entry that it is about.")
    ] = None,
    leaf: Annotated[
        str | None, typer.Option(metavar="HASH", help="Or its leaf hash (bladhash).")
    ] = None,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="The log is not ours: its entries may be anything.")
    ] = False,
    partner: Annotated[
        str | None,
        typer.Option("--as", metavar="PARTNER", help="With a gateway's address: as whom to ask."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check a log, a proof or a dossier. Status 1, and the step that failed, if it does not hold.

    Nothing is asked of anyone but for a log named by its address.
    """
    output, vkeys = Output(as_json), needed_keys(key, key_file, quorum)
    olders = [contents_of(path) for path in older or ()]
    first = what[0]
    for each in what:
        if not is_address(each) and not Path(each).exists():
            raise Failure(
                f"{each} does not exist", "name a folder, a file or an address", WRONGLY_ASKED
            )
    is_log = is_address(first) or Path(first).is_dir()
    if len(what) > 1 and not all(Path(each).is_dir() for each in what):
        told = "several at once are the folders of one log's volumes"
        raise Failure(told, "verify other things one by one", WRONGLY_ASKED)
    if is_log:
        with output.progress() as steps:
            bar = _bar(steps)
            try:
                if is_address(first):
                    token = None if partner is None else _token(home, partner)
                    chain = _remote(first, token, vkeys, olders, quorum, bar, foreign)
                else:
                    chain = _folders(what, vkeys, olders, quorum, bar, foreign)
            except VerificationError as error:
                raise _not_verified(error) from error
        _show(output, chain, olders)
    elif entry is not None or leaf is not None:
        _proof(output, Path(first), entry, leaf, vkeys, quorum)
    else:
        _dossier(output, Path(first), vkeys, quorum)


def _folders(
    named: Sequence[str],
    vkeys: Sequence[str],
    olders: Sequence[bytes],
    quorum: int,
    progress: Progress,
    foreign: bool,
) -> VerifiedChain:
    folders = volume_folders([Path(each) for each in named])
    if not foreign:
        return verify_volumes(folders, vkeys, olders, quorum=quorum, progress=progress)
    if len(folders) > 1:
        raise Failure("a foreign log is one folder", "verify them one by one", WRONGLY_ASKED)
    keys = [parse_vkey(vkey) for vkey in vkeys]
    reader = FolderReader(folders[0])
    log = verify_log(reader, keys, olders, quorum=quorum, progress=progress, id_field=None)
    return VerifiedChain((log,), None)


def _remote(
    address: str,
    token: str | None,
    vkeys: Sequence[str],
    olders: Sequence[bytes],
    quorum: int,
    progress: Progress,
    foreign: bool,
) -> VerifiedChain:
    keys = [parse_vkey(vkey) for vkey in vkeys]
    id_field = None if foreign else "id"
    with RemoteLog(address, token) as reader:
        log = verify_log(reader, keys, olders, quorum=quorum, progress=progress, id_field=id_field)
    return chained([log])


def _token(home: Path, partner: str) -> str:
    credentials = credentials_of(home, partner)

    async def ask() -> str:
        async with AsyncSluis(credentials) as client:
            return await client.access_token()

    return asyncio.run(ask())


def _proof(
    output: Output,
    path: Path,
    entry: Path | None,
    leaf: str | None,
    vkeys: Sequence[str],
    quorum: int,
) -> None:
    proven = leaf_hash_of(leaf or "") if entry is None else leaf_hash(contents_of(entry))
    keys = [parse_vkey(vkey) for vkey in vkeys]
    try:
        proof = read_tlog_proof(contents_of(path, MAX_PROOF_BYTES + 1))
        opened = verify_tlog_proof(proof, proven, keys, quorum)
    except (NoteError, ProofError) as error:
        raise _does_not_hold(str(error)) from error
    stated = opened.checkpoint
    witnesses = [each.key.name for each in opened.cosignatures]
    told = {"origin": stated.origin, "size": stated.size, "index": proof.index}
    root = encode_base64(stated.root)
    output.result({"verified": True, **told, "root": root, "witnesses": witnesses})
    output.say("verified: the entry stands in the signed log", style="green")
    output.say(f"log      {stated.origin}")
    output.say(f"index    {amount(proof.index)} of {amount(stated.size)} entries")
    output.say(f"root     {root}")
    for name in witnesses:
        output.say(f"witness  {name}")


def _dossier(output: Output, path: Path, vkeys: Sequence[str], quorum: int) -> None:
    data = contents_of(path, MAX_DOSSIER_BYTES + 1)
    try:
        verified = verify_dossier(data, [parse_vkey(vkey) for vkey in vkeys], quorum)
    except DossierError as error:
        raise _does_not_hold(str(error), {"proof": error.number}) from error
    told = {"proofs": verified.proofs, "openings": verified.openings, "waiting": verified.waiting}
    output.result({"verified": True, **told, "logs": dict(verified.logs)})
    output.say(f"verified: {amount(verified.proofs)} proofs", style="green")
    output.say(f"opened   {amount(verified.openings)} commitments to this person")
    for origin, size in verified.logs.items():
        output.say(f"log      {origin}, {amount(size)} entries")
    if verified.waiting:
        output.say(f"waiting  {amount(verified.waiting)} entries have no proof yet")


def _bar(steps: Steps) -> Progress:
    def move(done: int, total: int) -> None:
        steps.move("Verifying", done, total, f"{amount(done)} of {amount(total)} entries")

    return move


def _show(output: Output, chain: VerifiedChain, olders: Sequence[bytes]) -> None:
    logs = [_as_json(log) for log in chain.volumes]
    newest = logs[-1]
    told = {"extendsOlder": bool(olders), "remarks": _remarks(chain)}
    more = {"volumes": logs, "follows": chain.before} if len(logs) > 1 or chain.before else {}
    output.result({"verified": True, **newest, **told, **more})
    checks = ["signature", "tree", "every entry"]
    checks += ["the older checkpoint"] * bool(olders) + ["the chain of volumes"] * (len(logs) > 1)
    output.say(f"verified: {', '.join(checks)}", style="green")
    for remark in _remarks(chain):
        output.say(f"REMARK   {remark}", style="yellow")
    for log in chain.volumes:
        output.say(f"log      {log.origin}")
        output.say(f"entries  {amount(log.size)}")
        output.say(f"root     {encode_base64(log.root)}")
        for each in log.cosignatures:
            output.say(f"witness  {each.key.name}")
        output.say()
        events = [(name, amount(count)) for name, count in sorted(log.events.items())]
        output.table(("Event", "Entries#"), events)


def _as_json(log: VerifiedLog) -> dict[str, object]:
    return {
        "origin": log.origin,
        "size": log.size,
        "root": encode_base64(log.root),
        "events": dict(sorted(log.events.items())),
        "witnesses": [each.key.name for each in log.cosignatures],
    }


def _remarks(chain: VerifiedChain) -> list[str]:
    remarks = [
        f"{amount(log.back_dated.entries)} entries of {log.origin} are dated more than an hour"
        f" before what stands before them, the first at index {amount(log.back_dated.first)}"
        for log in chain.volumes
        if log.back_dated is not None
    ]
    remarks += [
        f"{cut.origin} was cut from {amount(cut.published)} to {amount(cut.left)} entries when its"
        " database was put back: who has a checkpoint of more can show it"
        for cut in chain.cuts
    ]
    if chain.before is not None:
        remarks.append(f"this follows {chain.before}, which was not given")
    return remarks


def _does_not_hold(rule: str, details: dict[str, object] | None = None) -> Failure:
    remedy = "keep the file as it is, and ask whoever gave it to you"
    told = {"verified": False, "rule": rule, **(details or {})}
    return Failure(f"NOT VERIFIED: {rule}", remedy, NOT_DONE, told)


def _not_verified(error: VerificationError) -> Failure:
    details = {
        "verified": False,
        "step": int(error.step),
        "stepName": error.step.name.lower(),
        "file": error.file,
        "index": error.index,
        "rule": error.rule,
    }
    remedy = "keep this log as it is, and fetch it anew: if that fails too, it was altered"
    return Failure(f"NOT VERIFIED at {error}", remedy, NOT_DONE, details)
