"""`sluis`: the command line. Each module of commands mounts itself; here is what all share.

Errors that are expected end in a message and a remedy (failures.py); a traceback means a fault of
ours, and never shows the values of variables, which may be somebody's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Protocol

import typer

from gateway.cli import (
    bench,
    consent,
    correcting,
    emergency,
    exchange,
    log,
    officer,
    partner,
    population,
    protected,
    protocol,
    run,
)
from gateway.cli.failures import Failure, failure_of
from gateway.cli.output import Output


class CommandModule(Protocol):
    """A module with commands."""

    def register(self, app: typer.Typer) -> None:
        """Mount them."""


COMMANDS: tuple[CommandModule, ...] = (
    run,
    exchange,
    correcting,
    consent,
    log,
    partner,
    officer,
    protocol,
    emergency,
    protected,
    population,
    bench,
)
"""All that has commands, in the order in which `sluis --help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Read here as well, since a wrong option is told before any command could read its own.
    output = Output(as_json="--json" in given)
    app = _app()
    try:
        status = app(args=given, prog_name="sluis", standalone_mode=False)
    except typer.TyperException as error:
        # Without a message, what it had to say was the help, which it printed.
        if message := error.format_message():
            output.failed(Failure(message, _help_for(app, given), error.exit_code))
        return error.exit_code
    except typer.Abort:
        return 130
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        output.failed(failure)
        return failure.status
    return status if isinstance(status, int) else 0


def _app() -> typer.Typer:
    app = typer.Typer(
        name="sluis",
        help="Sluis: a privacy-preserving data exchange gateway between agencies.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_shared)
    for module in COMMANDS:
        module.register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sluis {version('sluis')}")
        raise typer.Exit


def _shared(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """What stands before the command; `--version` was answered by its callback."""


def _help_for(app: typer.Typer, given: Sequence[str]) -> str:
    names = {
        item.name or getattr(item.callback, "__name__", "") for item in app.registered_commands
    }
    command = next((f" {word}" for word in given if word in names), "")
    return f"see `sluis{command} --help`"
