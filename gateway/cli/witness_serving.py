"""`sluis witness serve`: a witness on a port, until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from gateway.audit.note import KeyKind, NoteError, VerifierKey, parse_vkey
from gateway.audit.witness_book import BookError, open_book
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.output import JsonOption, Output
from gateway.cli.stopping import until_told
from gateway.cli.witness_server import WitnessServer, signer_in

_GRACE_SECONDS = 5


def serve(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Its key and what it remembers stand here.")
    ],
    origin: Annotated[
        list[str],
        typer.Option(
            "--origin",
            metavar="VKEY",
            help="The verifier key of a log to witness, from a source you trust; may be repeated.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="The witness's name, at its first start: getuige.voorbeeld.nl/sluis."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8090,
    as_json: JsonOption = False,
) -> None:
    """Be a witness: cosign what extends what you saw before, and nothing else (C2SP tlog-witness).

    Run it at a place of your own; it needs no gateway and no database. It speaks plain HTTP: put
    a TLS proxy before it. What it prints first is its verifier key, which logs need to add it.
    """
    output = Output(as_json)
    trusted = trusted_keys(origin)
    try:
        signer = signer_in(folder, name)
        book = open_book(folder)
    except NoteError as error:
        remedy = "a name is like a web address: no spaces and no plus"
        raise Failure(f"this name will not do: {error}", remedy, WRONGLY_ASKED) from error
    except BookError as error:
        remedy = "end the other process; a damaged book is mended from a copy, never by guess"
        raise Failure(str(error), remedy, NOT_NOW) from error
    listener = _listener(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    server = WitnessServer(signer, trusted, book, told=output.aside)
    vkey = signer.verifier.encode()
    output.result({"vkey": vkey, "address": address, "origins": sorted(trusted)})
    output.say(vkey)
    output.aside(f"witnessing {', '.join(sorted(trusted))} on {address}; Ctrl-C stops")
    try:
        asyncio.run(until_told(_serve(server, listener)))
    finally:
        book.close()


def trusted_keys(vkeys: Sequence[str]) -> dict[str, list[VerifierKey]]:
    """The keys by origin, which is their name. Raises `Failure` for one that will not do."""
    trusted: dict[str, list[VerifierKey]] = {}
    for vkey in vkeys:
        try:
            key = parse_vkey(vkey.strip())
        except NoteError as error:
            remedy = "copy it whole: sluis/.../verwerkingen/2026+1a2b3c4d+AbC..."
            raise Failure(f"a log's key will not do: {error}", remedy, WRONGLY_ASKED) from error
        if key.kind is KeyKind.COSIGNATURE:
            raise Failure(
                "that is a witness's key, not a log's", "give the log's own key", WRONGLY_ASKED
            )
        trusted.setdefault(key.name, []).append(key)
    return trusted


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Failure(f"port {port} cannot be used", "choose another: --port N", NOT_NOW) from error
    listener.setblocking(False)
    return listener


async def _serve(server: WitnessServer, listener: socket.socket) -> None:
    config = uvicorn.Config(
        server,
        loop="none",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    await _Server(config).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the command decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
