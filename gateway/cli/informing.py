"""`sluis protocol texts`: what residents must be told of each flow (GDPR articles 13 and 14)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consent.information import information_text, is_told
from consent.labels import Language
from consent.protocol import Flow, Protocol, load
from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import find
from gateway.store.protocols import StoredProtocol, protocol_in_force


def register(commands: typer.Typer) -> None:
    """Mount this module's command below `sluis protocol`."""
    commands.command()(texts)


def texts(
    named: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION|FILE]", help="Another than the one in force."),
    ] = None,
    flow: Annotated[str | None, typer.Option(help="One flow only, by its id.")] = None,
    lang: Annotated[Language, typer.Option(help="The language of the texts.")] = Language.DUTCH,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=NAME", help="What residents know a party by; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write one file a flow to this folder.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the texts for residents: what is shared, why, with whom, and what they may do."""
    output, protocol, names = Output(as_json), _protocol(named, home), _names(name or [])
    if unknown := sorted(names.keys() - protocol.parties):
        raise Failure(
            f"the protocol names no party {', '.join(unknown)}",
            f"it names {', '.join(sorted(protocol.parties))}",
            WRONGLY_ASKED,
        )
    chosen = _chosen(protocol, flow)
    told = {one.id: information_text(protocol, one, names, lang) for one in chosen}
    parties = {party for one in chosen for party in (one.sender, one.recipient)}
    if unnamed := sorted(parties - names.keys()):
        asked = " ".join(f"--name {party}=..." for party in unnamed)
        output.aside(f"residents do not know a party by its id; name it: {asked}")
    output.result(
        {"texts": [{"flow": id_, "language": lang, "text": text} for id_, text in told.items()]}
    )
    if out is None:
        for text in told.values():
            output.say(text)
        return
    out.mkdir(parents=True, exist_ok=True)
    for id_, text in told.items():
        path = out / f"{id_}.{lang}.md"
        path.write_text(text, encoding="utf-8")
        output.say(str(path))
    output.aside("fill in what stands between square brackets before anybody gets these")


def _protocol(named: str | None, home: Path) -> Protocol:
    if named is not None:
        return find(named, home)
    stored: StoredProtocol = on_database(settings_of(home), protocol_in_force)
    return load(stored.text)


def _names(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    if any(not party or not name.strip() for party, _, name in pairs):
        raise Failure("a name reads ID=NAME", "such as --name dwi='Werk en Inkomen'", WRONGLY_ASKED)
    return {party: name.strip() for party, _, name in pairs}


def _chosen(protocol: Protocol, wanted: str | None) -> list[Flow]:
    flows = {flow.id: flow for flow in protocol.flows if is_told(flow)}
    if wanted is None:
        return list(flows.values())
    if wanted in flows:
        return [flows[wanted]]
    if any(flow.id == wanted for flow in protocol.flows):
        raise Failure(
            f"{wanted} is always protected: residents get no text on it",
            "every other text says in one general sentence that the law knows such exchanges",
        )
    raise Failure(f"the protocol has no flow {wanted}", f"it has {', '.join(flows)}", WRONGLY_ASKED)
