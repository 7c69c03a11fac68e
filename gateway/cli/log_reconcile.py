"""`sluis log reconcile`: a sender's receipts against the log; what is missing on a side is named.

Offline, an officer holds the receipts that a partner gave against an exported log, both ways. Over
HTTP a partner, who may not read entries, holds its own receipts against proofs, which is one way:
that there are no entries without a receipt takes the log itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit.chain import verify_volumes, volume_folders
from gateway.audit.folder import FolderReader
from gateway.audit.merkle import ProofError
from gateway.audit.note import KeyKind, NoteError, VerifierKey, decode_base64, parse_vkey
from gateway.audit.promise import verify_promise
from gateway.audit.reconciling import (
    Finding,
    Held,
    Kind,
    NoSenderError,
    Placed,
    Reconciled,
    Reported,
    reconcile,
)
from gateway.audit.trusted import open_trusted
from gateway.audit.verify import VerificationError
from gateway.audit.walk import covered_entries
from gateway.cli.evidence import Keys, keys_of, prove_entry
from gateway.cli.exchange import credentials_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.log_asking import bar_of, told_as_failures, with_client
from gateway.cli.log_keys import KeyFileOption, KeyOption, QuorumOption, needed_keys, verifier_keys
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.client import AsyncSluis, Declined
from gateway.client.proving import PROMISED_WITHIN
from gateway.client.receipts import FOLDER, KeptAnswer, KeptOutcome, read_kept
from schemas.receipts import Promise, Receipt

_AT_ONCE = 4
_SHOWN = 50
_MEANINGS = {
    Kind.NO_PROMISE: "the receipt is not signed by the gateway: it proves nothing",
    Kind.NO_ENTRY: "the gateway signed for it, and the log has no entry of it",
    Kind.OTHER_ENTRY: "the log has another entry of it than the one that was signed for",
    Kind.OTHER_DECISION: "the entry says something else than the receipt",
    Kind.TWO_ENTRIES: "the log has a first decision on it twice",
    Kind.TWO_RECEIPTS: "there are two receipts of it that differ",
    Kind.NO_RECEIPT: "the log has an entry of it, and there is no receipt",
}


def reconcile_log(
    receipts: Annotated[
        Path | None,
        typer.Argument(
            help=f"A partner's folder with `{FOLDER}`; with --as, by default its own.",
            show_default=False,
        ),
    ] = None,
    log: Annotated[
        list[Path] | None,
        typer.Argument(metavar="LOG...", help="An exported log: its folder, or its volumes'."),
    ] = None,
    partner: Annotated[
        str | None,
        typer.Option("--as", metavar="PARTNER", help="Ask the gateway for proofs, as a partner."),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(help="Whose receipts they are, where not one of them has its entry."),
    ] = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    quorum: QuorumOption = 0,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Hold receipts against the log. Status 1 if they do not agree; each exchange is named.

    With LOG: offline, every receipt and every entry of the sender. With --as: every receipt.
    """
    output = Output(as_json)
    if (partner is None) == (not log):
        raise Failure(
            "name a LOG, or --as PARTNER", "see `sluis log reconcile --help`", WRONGLY_ASKED
        )
    with output.progress() as steps:
        if partner is not None:
            vkeys = verifier_keys(key, key_file)
            folder = receipts or credentials_of(home, partner).folder
            found = _asked(home, partner, _answers(folder), vkeys, steps)
        else:
            vkeys = needed_keys(key, key_file, quorum)
            found = _offline(receipts, log or [], vkeys, quorum, sender, steps)
    _show(output, found, is_both_ways=partner is None)


def _offline(
    receipts: Path | None,
    named: Sequence[Path],
    vkeys: Sequence[str],
    quorum: int,
    sender: str | None,
    steps: Steps,
) -> Reconciled:
    answers = _answers(receipts)
    keys, folders = [parse_vkey(vkey) for vkey in vkeys], volume_folders(named)
    try:
        chain = verify_volumes(folders, vkeys, quorum=quorum, progress=bar_of(steps, "Verifying"))
    except VerificationError as error:
        told = f"the log does not verify: {error}"
        raise Failure(told, "`sluis log verify` says more", NOT_DONE) from error
    origins = {volume.origin for volume in chain.volumes}
    # A promise names the series; where volumes had no names yet, their origin was the same.
    series = frozenset(origins | {origin.rpartition("/")[0] for origin in origins})
    held = [_held(one, keys) for one in answers]
    reported = _reported(receipts)
    try:
        return reconcile(held, reported, _placed(folders, keys), series, sender)
    except NoSenderError as error:
        raise Failure(str(error), "name the sender with --sender", WRONGLY_ASKED) from error


def _placed(folders: Sequence[Path], keys: Sequence[VerifierKey]) -> Iterator[Placed]:
    """Every entry of logs that were verified; read again, and held to the signed root again."""
    for folder in folders:
        reader = FolderReader(folder)
        stated = open_trusted(reader.checkpoint(), keys).checkpoint
        index = 0
        for _, entries in covered_entries(reader, stated):
            for entry in entries:
                yield Placed(stated.origin, index, entry)
                index += 1


def _answers(folder: Path | None) -> list[KeptAnswer]:
    kept = list(read_kept(_partner_folder(folder)))
    if not kept:
        told = f"no receipts in {folder}"
        raise Failure(told, f"name the folder that holds `{FOLDER}`", WRONGLY_ASKED)
    return [one for one in kept if isinstance(one, KeptAnswer)]


def _reported(folder: Path | None) -> list[Reported]:
    return [
        Reported(kept.exchange_id, kept.decision)
        for kept in read_kept(_partner_folder(folder))
        if isinstance(kept, KeptOutcome) and kept.exchange_id is not None
    ]


def _partner_folder(folder: Path | None) -> Path:
    if folder is None:
        raise Failure("no receipts were named", "name a partner's folder", WRONGLY_ASKED)
    # The folder of the receipts itself will do as well: that is what a partner hands on.
    return folder.parent if folder.name == FOLDER else folder


def _held(kept: KeptAnswer, keys: Sequence[VerifierKey]) -> Held:
    answer, receipt = kept.answer, kept.answer.receipt
    return Held(
        answer.exchange_id,
        receipt.entry_id,
        kept.leaf_hash,
        receipt.promise.key_name,
        str(answer.decision),
        answer.received_at,
        _is_promised(receipt, receipt.promise, keys),
    )


def _is_promised(receipt: Receipt, promise: Promise, keys: Sequence[VerifierKey]) -> bool:
    """Whether one of the log's keys, under whatever of its volumes' names, signed for it."""
    try:
        leaf, root = decode_base64(receipt.leaf_hash), decode_base64(promise.root)
        path = [decode_base64(step) for step in promise.path]
        signature = decode_base64(promise.signature)
    except NoteError:
        return False
    series = promise.key_name
    return any(
        verify_promise(
            series,
            leaf,
            promise.index,
            promise.size,
            path,
            root,
            signature,
            Ed25519PublicKey.from_public_bytes(key.public),
        )
        for key in keys
        if key.kind is KeyKind.ED25519 and series in (key.name, key.name.rpartition("/")[0])
    )


def _asked(
    home: Path, partner: str, answers: Sequence[KeptAnswer], vkeys: Sequence[str], steps: Steps
) -> Reconciled:
    by_leaf = {one.leaf_hash: one for one in answers}
    own = [
        one
        for one in by_leaf.values()
        if one.answer.receipt.promise.key_name.endswith("/verwerkingen")
    ]
    move = bar_of(steps, "Proving")

    async def ask(client: AsyncSluis) -> list[Finding | bool]:
        keys = await keys_of(client, vkeys)
        found: list[Finding | bool] = []
        for first in range(0, len(own), _AT_ONCE):
            some = own[first : first + _AT_ONCE]
            found += await asyncio.gather(*(_prove(client, one, keys) for one in some))
            move(len(found), len(own))
        return found

    with told_as_failures():
        found = with_client(home, partner, ask)
    findings = tuple(one for one in found if isinstance(one, Finding))
    agreed, elsewhere = found.count(True), len(by_leaf) - len(own)
    return Reconciled(partner, len(own), 0, agreed, found.count(False), elsewhere, 0, findings)


async def _prove(client: AsyncSluis, kept: KeptAnswer, keys: Keys) -> Finding | bool:
    """True where it is proven, False where it waits."""
    exchange = kept.answer.exchange_id
    if not _held(kept, keys.verifiers).is_promised:
        return Finding(Kind.NO_PROMISE, exchange)
    try:
        await prove_entry(client, kept.leaf_hash, keys)
    except ProofError:
        return Finding(Kind.NO_ENTRY, exchange)
    except Declined as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        age = datetime.now(UTC) - kept.answer.received_at
        return (
            Finding(Kind.NO_ENTRY, exchange) if age > timedelta(seconds=PROMISED_WITHIN) else False
        )
    return True


def _show(output: Output, found: Reconciled, *, is_both_ways: bool) -> None:
    told: dict[str, object] = {
        "agrees": not found.findings,
        "sender": found.sender,
        "receipts": found.receipts,
        "records": found.records,
        "agreed": found.agreed,
        "waiting": found.waiting,
        "otherLogs": found.elsewhere,
        "entriesLookedAt": found.entries if is_both_ways else None,
        "findings": [
            {
                "kind": str(one.kind),
                "exchange": str(one.exchange),
                "log": one.log,
                "index": one.place,
            }
            for one in found.findings
        ],
    }
    if found.findings:
        _show_findings(output, found.findings)
        counted = Counter(one.kind for one in found.findings)
        summary = ", ".join(f"{amount(n)} {kind}" for kind, n in sorted(counted.items()))
        remedy = "keep the receipts and this log as they are: they are evidence"
        raise Failure(f"receipts and log do not agree: {summary}", remedy, NOT_DONE, told)
    output.result(told)
    output.say(
        f"agreed   {amount(found.agreed)} of {amount(found.receipts)} receipts", style="green"
    )
    if found.records:
        output.say(f"records  {amount(found.records)} of deliveries, told without a receipt each")
    if is_both_ways:
        output.say(f"entries  {amount(found.entries)} of {found.sender}, each accounted for")
    if found.waiting:
        output.say(f"waiting  {amount(found.waiting)} are newer than the log's last checkpoint")
    if found.elsewhere:
        output.say(f"others   {amount(found.elsewhere)} are of another log")
    if not is_both_ways:
        output.aside("that no entry is without a receipt takes the log itself: ask a supervisor")


def _show_findings(output: Output, findings: Sequence[Finding]) -> None:
    output.table(
        ("Exchange", "What", "Entry#"),
        [
            (str(one.exchange), _MEANINGS[one.kind], "" if one.place is None else amount(one.place))
            for one in findings[:_SHOWN]
        ],
    )
    if len(findings) > _SHOWN:
        output.say(f"and {amount(len(findings) - _SHOWN)} more: --json gives all")
