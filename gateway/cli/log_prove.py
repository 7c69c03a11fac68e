"""`sluis log prove`: that the entry of a receipt stands in the log, as a file to keep or hand on.

The file is a C2SP tlog-proof, which anyone checks offline: `sluis log verify FILE --leaf HASH`.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.note import encode_base64
from gateway.audit.tlog_proof import SUFFIX, TlogProof
from gateway.cli.evidence import Keys, Proven, keys_of, prove_entry
from gateway.cli.exchange import PartnerOption
from gateway.cli.failures import NOT_DONE, NOT_NOW, Failure
from gateway.cli.log_asking import (
    LogOption,
    by_whom,
    evidence_json,
    told_as_failures,
    with_client,
)
from gateway.cli.log_keys import KeyFileOption, KeyOption, leaf_hash_of, verifier_keys
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.client import AsyncSluis, Declined
from gateway.client.logbook import LogName


def prove(
    leaf_hash: Annotated[str, typer.Argument(help="The leaf hash (bladhash) of a receipt.")],
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=f"Where the proof goes (FILE{SUFFIX})."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Prove that the entry of a receipt stands in the log; --out keeps the proof as a file."""
    output = Output(as_json)
    vkeys, leaf = verifier_keys(key, key_file), leaf_hash_of(leaf_hash)

    async def fetch(client: AsyncSluis) -> tuple[Keys, Proven]:
        keys = await keys_of(client, vkeys, log)
        return keys, await prove_entry(client, leaf, keys, log)

    try:
        with told_as_failures():
            keys, proven = with_client(home, partner, fetch)
    except Declined as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        remedy = "a new entry is in one within a second; otherwise it is not in this log"
        raise Failure("no checkpoint holds this entry", remedy, NOT_NOW) from error
    text = TlogProof(proven.index, proven.path, proven.fetched.signed).encode()
    path = [encode_base64(step) for step in proven.path]
    told = {"leafHash": encode_base64(leaf), "index": proven.index, "path": path}
    output.result(told | evidence_json(keys, proven.fetched) | {"proof": text.decode()})
    size = proven.fetched.checkpoint.size
    output.say(f"proven: at index {amount(proven.index)} in a log of {amount(size)} entries")
    output.aside(by_whom(keys))
    if out is not None:
        _keep(out, text)
        output.aside(f"check it: sluis log verify {out} --leaf {leaf.hex()} --key VKEY")


def _keep(out: Path, text: bytes) -> None:
    try:
        with out.open("xb") as file:
            file.write(text)
    except OSError as error:
        told = f"{out} cannot be written: {error.strerror}"
        raise Failure(told, "name another file with --out", NOT_DONE) from None
