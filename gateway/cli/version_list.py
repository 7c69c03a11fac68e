"""`sluis protocol list`: every version, and what was signed of it."""

from __future__ import annotations

from datetime import datetime

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli.database import on_database, settings_of
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import shown
from gateway.store.lifecycle import StoredDraft, StoredSignature, all_drafts
from gateway.store.protocols import StoredProtocol, all_protocols, protocol_in_force
from gateway.store.rules import NoProtocolError


def register(commands: typer.Typer) -> None:
    """Mount this module's command below `sluis protocol`."""
    commands.command("list")(list_all)


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List every version: in force, planned, superseded, and the drafts with what they await."""
    output = Output(as_json)

    async def read(
        engine: AsyncEngine,
    ) -> tuple[list[StoredProtocol], str, list[tuple[StoredDraft, list[StoredSignature]]]]:
        try:
            in_force = (await protocol_in_force(engine)).version
        except NoProtocolError:
            in_force = ""
        return await all_protocols(engine), in_force, await all_drafts(engine)

    versions, in_force, drafts = on_database(settings_of(home), read)
    placed = {one.version for one in versions}
    signed = {draft.version: signatures for draft, signatures in drafts}
    rows = [
        (draft.version, "draft", "", _signatures(signatures), draft.digest)
        for draft, signatures in drafts
        if draft.version not in placed
    ]
    for one in versions:
        state = "in force" if one.version == in_force else "superseded"
        if one.is_planned and one.version != in_force:
            state = "planned"
        told = _signatures(signed.get(one.version, []))
        rows.append((one.version, state, shown(one.in_force_from), told, one.digest))
    output.result(
        {
            "versions": [
                {
                    "version": version,
                    "state": state,
                    "inForceFrom": _moment_json(versions, version),
                    "digest": digest.hex(),
                    "signatures": [_signature_json(s) for s in signed.get(version, [])],
                }
                for version, state, _, _, digest in rows
            ]
        }
    )
    table = [(*row[:4], row[4].hex()[:16]) for row in rows]
    output.table(("Version", "State", "From", "Signed by", "Digest"), table)
    for version, state, *_ in rows:
        if state in ("draft", "planned"):
            _show_advice(output, version, signed.get(version, []))
    if not rows:
        output.say("There is no version yet: see `sluis protocol submit --help`.")


def _show_advice(output: Output, version: str, signatures: list[StoredSignature]) -> None:
    for one in signatures:
        if one.advice is not None:
            output.say()
            output.say(f"The FG on version {version}, {one.advice}:", "bold")
            output.say(one.advice_text or "")


def _signatures(signatures: list[StoredSignature]) -> str:
    return ", ".join(
        one.officer if one.advice is None else f"{one.officer} ({one.advice})" for one in signatures
    )


def _signature_json(one: StoredSignature) -> dict[str, object]:
    return {
        "officer": one.officer,
        "signedAt": one.signed_at.isoformat(),
        "advice": one.advice,
        "adviceText": one.advice_text,
    }


def _moment_json(versions: list[StoredProtocol], version: str) -> str | None:
    found: datetime | None = next(
        (one.in_force_from for one in versions if one.version == version), None
    )
    return None if found is None else found.isoformat()
