"""`sluis send` and `sluis pull`: exchanging as a partner does, over the same API as any partner."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.pulling import Pulled, Wish, pull_mailbox
from gateway.cli.sending import send_one, send_watched
from gateway.cli.sinks import Form, Held, opened
from gateway.client import Credentials, Sluis
from gateway.client import credentials as client_credentials

PartnerOption = Annotated[
    str, typer.Option("--as", metavar="PARTNER", help="The partner whose credentials are used.")
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    app.command()(send)
    app.command()(pull)
    app.command()(token)


def send(
    partner: PartnerOption,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A delivery: .csv, .fhir.json, .json, .ndjson, .xlsx or .xml.", show_default=False
        ),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            "--watch",
            metavar="DIR",
            help="Send what appears in DIR, put reports and status files there, until stopped.",
        ),
    ] = None,
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between looks, with --watch.")
    ] = 5.0,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send a delivery and show what was accepted, held and refused, and why.

    Status 1 if the gateway could not read the delivery; single refused records are no failure.
    """
    output = Output(as_json)
    if (file is None) == (watch is None):
        raise Failure("name a FILE, or --watch DIR", "see `sluis send --help`", WRONGLY_ASKED)
    credentials = credentials_of(home, partner)
    if file is not None:
        if not asyncio.run(send_one(credentials, file, output)):
            raise typer.Exit(NOT_DONE)
    elif watch is not None:
        asyncio.run(send_watched(credentials, watch, every, output))


def pull(
    partner: PartnerOption,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as messages come.")] = False,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="How messages are written; csv is the partner's own status file."
            " (default: table at a terminal, else ndjson)",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where messages go, instead of stdout."),
    ] = None,
    ack: Annotated[
        bool | None,
        typer.Option(
            "--ack/--no-ack",
            help="Acknowledge what is written (default: only with --out).",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds before asking again where the gateway could not."),
    ] = 2.0,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CURSOR",
            help="Pull from here, also what was acknowledged: while the gateway keeps it.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Pull a partner's mailbox, in order; what is acknowledged is given again with --from alone."""
    output = Output(as_json)
    chosen = _form(form, out, follow, output)
    acknowledge = out is not None if ack is None else ack
    # Bars between the messages on one screen would spoil both.
    shows_progress = out is not None or chosen is Form.TABLE or not output.is_terminal
    wish = Wish(chosen, acknowledge, follow, every, shows_progress, start)
    credentials = credentials_of(home, partner)
    with opened(chosen, out, output) as sink:
        pulled = asyncio.run(pull_mailbox(credentials, wish, sink, output))
        told = _as_json(partner, pulled, out)
        if isinstance(sink, Held):
            told["messages"] = [item.model_dump(mode="json", by_alias=True) for item in sink.events]
    output.result(told)
    _summarise(output, pulled, out)


def token(
    partner: PartnerOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Print an access token for a call by hand: curl -H "Authorization: Bearer $(sluis token ..)".

    For the minutes that it is good it is as good as the partner's key: keep it to yourself.
    """
    output = Output(as_json)
    with Sluis(credentials_of(home, partner)) as client:
        asked = client.access_token()
    output.result({"partner": partner, "accessToken": asked})
    output.say(asked)


def credentials_of(home: Path, partner: str) -> Credentials:
    # The name becomes a folder, so it may not lead out of one.
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,30}", partner):
        raise Failure(
            "--as takes a partner's short name",
            "lower-case letters, digits and hyphens, such as dwi",
            WRONGLY_ASKED,
        )
    return client_credentials.load(home / "partners" / partner)


def _form(form: Form | None, out: Path | None, follow: bool, output: Output) -> Form:
    """The form that was asked for or is fitting; raise `Failure` where two wishes contradict."""
    if form is None:
        is_read_by_a_person = output.is_terminal and out is None and not follow
        form = Form.TABLE if is_read_by_a_person and not output.as_json else Form.NDJSON
    if follow and form in (Form.JSON, Form.TABLE):
        raise Failure(f"--follow never ends, and {form} must", "use ndjson or csv", WRONGLY_ASKED)
    if output.as_json and out is None and (follow or form in (Form.CSV, Form.TABLE)):
        raise Failure(
            "--json prints one object on stdout, so the messages need a place of their own",
            "add --out FILE",
            WRONGLY_ASKED,
        )
    if form is Form.TABLE and out is not None:
        raise Failure("a table is for the screen", "use ndjson, json or csv", WRONGLY_ASKED)
    return form


def _as_json(partner: str, pulled: Pulled, out: Path | None) -> dict[str, object]:
    return {
        "partner": partner,
        "received": pulled.messages,
        "byType": dict(pulled.by_type),
        "acknowledged": pulled.acknowledged,
        "cursor": pulled.cursor,
        "out": None if out is None else str(out),
    }


def _summarise(output: Output, pulled: Pulled, out: Path | None) -> None:
    kinds = ", ".join(
        f"{amount(count)} {name.removeprefix('nl.sluis.')}"
        for name, count in sorted(pulled.by_type.items())
        if count
    )
    place = f" into {out}" if out is not None else ""
    output.aside(f"{amount(pulled.messages)} messages{place}" + (f": {kinds}" if kinds else ""))
    if pulled.acknowledged:
        output.aside(f"{amount(pulled.acknowledged)} acknowledged")
    elif pulled.messages:
        output.aside("not acknowledged: they will be given again (--out FILE or --ack)")
