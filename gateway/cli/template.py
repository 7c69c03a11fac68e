"""`sluis template`: an empty table for professionals without a system of their own.

What it holds is the adapter's and in Dutch; docs/partners/generic.md tells how to fill it in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.registry import ADAPTERS
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import JsonOption, Output

_ADAPTER = "professional"
_EXPLANATION = "text/plain"
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def register(app: typer.Typer) -> None:
    """Mount this module's command."""
    app.command(name="template")(template)


def template(
    file: Annotated[
        Path, typer.Argument(help="What to write: a .xlsx or .csv.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Write an empty table of referrals: its columns, their rules in Dutch, and an example.

    The example's persons are invented and are never taken for a referral. A .csv gets its rules in
    a text beside it. An existing file is left alone.
    """
    output = Output(as_json)
    templates = ADAPTERS[_ADAPTER].templates
    media_type = _MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        told = "the name ends in neither .xlsx nor .csv"
        raise Failure(told, "name a .xlsx or a .csv", WRONGLY_ASKED)
    written = {file: templates[media_type]}
    if media_type == "text/csv":
        written[file.with_name(f"{file.stem}-uitleg.txt")] = templates[_EXPLANATION]
    for path in written:
        if path.exists():
            raise Failure(f"{path} exists", "name another file, or remove this one", WRONGLY_ASKED)
    for path, made in written.items():
        with path.open("xb") as opened:
            opened.write(made())
    output.result({"adapter": _ADAPTER, "mediaType": media_type, "files": list(map(str, written))})
    for path in written:
        output.say(f"written: {path}")
    output.aside("remove the example rows, fill it in, then: sluis send FILE --as PARTNER")
