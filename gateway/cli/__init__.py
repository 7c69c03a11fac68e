"""`sluis`: the command line. Each module of commands mounts itself; here is what all share.

Errors that are expected end in a message and a remedy (failures.py); a traceback means a fault of
ours, and never shows the values of variables, which may be somebody's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any, Protocol

import typer

from gateway.cli.database import named_act
from gateway.cli.failures import Failure, failure_of
from gateway.cli.output import Output


class CommandModule(Protocol):
    """A module with commands."""

    def register(self, app: typer.Typer) -> None:
        """Mount them."""


MODULES: dict[str, tuple[str, ...]] = {
    "run": ("run", "demo", "serve", "serve-worker"),
    "exchange": ("send", "pull", "token"),
    "knowing": ("register",),
    "template": ("template",),
    "sandbox": ("sandbox",),
    "correcting": ("holds", "correct"),
    "consent": ("consent",),
    "log": ("log",),
    "project": ("project",),
    "partner": ("partner",),
    "push": ("push",),
    "officer": ("officer",),
    "protocol": ("protocol",),
    "emergency": ("emergency",),
    "protected": ("protected", "safe-contact"),
    "dossier": ("dossier",),
    "erase": ("erase",),
    "keys": ("keys",),
    "report": ("report",),
    "routes": ("routes",),
    "population": ("population",),
    "backup": ("backup", "restore"),
    "recover": ("recover",),
    "candidates": ("candidates",),
    "witness": ("witness",),
    "receipts": ("receipts",),
    "bench": ("bench",),
}
"""What each module of commands mounts, in the order in which `sluis --help` lists them."""


def all_commands() -> tuple[CommandModule, ...]:
    """Every module of commands."""
    return tuple(_module(name) for name in MODULES)


def _module(name: str) -> CommandModule:
    found: CommandModule = import_module(f"{__name__}.{name}")
    return found


def _needed(given: Sequence[str]) -> tuple[CommandModule, ...]:
    """The modules that this command line takes: importing all takes longer than most commands."""
    if given and given[0] == "--version":
        return ()
    for name, mounted in MODULES.items():
        if given and given[0] in mounted:
            return (_module(name),)
    return all_commands()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Read here as well, since a wrong option is told before any command could read its own.
    output = Output(as_json="--json" in given)
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that is not UTF-8 lacks some of what we say: a mark there, and no traceback
        # after the deed was done.
        sys.stdout.reconfigure(errors="replace")
    try:
        command = typer.main.get_command(_app(_needed(given)))
    except KeyboardInterrupt:  # loading takes a second, and who mistyped does not wait for it
        return 130
    _name_acts(command, ())
    try:
        status = command(args=given, prog_name="sluis", standalone_mode=False)
    except typer.TyperException as error:
        # Without a message, what it had to say was the help, which it printed.
        if message := error.format_message():
            output.failed(Failure(message, _help_for(command, given), error.exit_code))
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


def _app(modules: Sequence[CommandModule]) -> typer.Typer:
    app = typer.Typer(
        name="sluis",
        help="Sluis: a privacy-preserving data exchange gateway between agencies.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_shared)
    for module in modules:
        module.register(app)
    return app


def _name_acts(command: Any, path: tuple[str, ...]) -> None:
    """Have each command's acts recorded under its own name: `partner.suspend`."""
    commands: dict[str, Any] = getattr(command, "commands", {})
    for name, one in commands.items():
        _name_acts(one, (*path, name))
    if not commands and command.callback is not None:
        command.callback = named_act(".".join(path), command.callback)


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


def _help_for(command: Any, given: Sequence[str]) -> str:
    """Where the command that was meant is explained: as far as the words name one."""
    path = ["sluis"]
    for word in given:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        path.append(word)
    return f"see `{' '.join(path)} --help`"
