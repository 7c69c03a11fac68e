from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import typer

from gateway import cli
from gateway.cli import MODULES, all_commands, main
from gateway.cli.failures import Failure, failure_of
from gateway.cli.output import JsonOption, Output


def test_without_arguments_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    told = capsys.readouterr()
    assert "send" in told.out
    assert "pull" in told.out
    assert told.err == ""


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out.startswith("sluis 0.")


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (["nope"], "No such command 'nope'.", "see `sluis --help`"),
        (["send"], "Missing option '--as'.", "see `sluis send --help`"),
        (["partner", "add"], "Missing argument 'ID'.", "see `sluis partner add --help`"),
        (["partner", "nope"], "No such command 'nope'.", "see `sluis partner --help`"),
        (["send", "--as", "dwi"], "name a FILE, or --watch DIR", "see `sluis send --help`"),
        (
            ["send", "a.csv", "--watch", ".", "--as", "dwi"],
            "name a FILE, or --watch DIR",
            "see `sluis send --help`",
        ),
        (
            ["pull", "--as", "../dwi"],
            "--as takes a partner's short name",
            "lower-case letters, digits and hyphens, such as dwi",
        ),
        (
            ["pull", "--as", "dwi", "--follow", "--format", "json"],
            "--follow never ends, and json must",
            "use ndjson or csv",
        ),
        (
            ["pull", "--as", "dwi", "--format", "table", "--out", "x"],
            "a table is for the screen",
            "use ndjson, json or csv",
        ),
    ],
)
def test_what_is_asked_wrongly_is_told_with_its_remedy(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, remedy: str
) -> None:
    assert main(arguments) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"error: {message}\nremedy: {remedy}\n"


def test_with_json_a_failure_too_is_one_object_on_stdout(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["send", "a.csv", "--as", "dwi", "--home", str(tmp_path), "--json"]) == 2

    told = json.loads(capsys.readouterr().out)
    assert told["error"].startswith("there are no credentials of dwi")
    assert told["exitStatus"] == 2
    assert "--home" in told["remedy"]


def test_a_fault_of_ours_is_not_hidden() -> None:
    assert failure_of(ValueError("x")) is None


def test_a_disk_that_is_full_is_told_as_such() -> None:
    failure = failure_of(OSError(28, "No space left on device", "/var/verslag.txt"))

    assert failure is not None
    assert failure.message == "/var/verslag.txt: No space left on device"


def test_a_module_of_commands_is_mounted_by_naming_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        def register(self, app: typer.Typer) -> None:
            @app.command()
            def refuse() -> None:
                raise Failure("nothing to do", "ask something else", 7)

    monkeypatch.setattr(cli, "_needed", lambda _: (Other(),))

    assert main(["refuse"]) == 7
    assert capsys.readouterr().err == "error: nothing to do\nremedy: ask something else\n"


class Telling:
    """A module with one command, which tells what not every character set has."""

    def register(self, app: typer.Typer) -> None:
        @app.command()
        def tell(as_json: JsonOption = False) -> None:
            output = Output(as_json)
            output.result({"when": "’s avonds"})
            output.say("’s avonds in één zaak")


@pytest.mark.parametrize(
    ("given", "told"),
    [(["tell"], "?s avonds in één zaak\n"), (["tell", "--json"], '{"when": "\\u2019s avonds"}\n')],
)
def test_a_terminal_that_lacks_a_character_ends_no_command(
    monkeypatch: pytest.MonkeyPatch, given: list[str], told: str
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(cli, "_needed", lambda _: (Telling(),))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="iso8859-1"))

    assert main(given) == 0
    sys.stdout.flush()
    assert shown.getvalue().decode("iso8859-1") == told


def test_a_full_disk_under_stdout_is_told_once_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "_needed", lambda _: (Telling(),))
    monkeypatch.setattr(sys, "stdout", Full())

    assert main(["tell", "--json"]) == 1
    assert capsys.readouterr().err.startswith("error: No space left on device\nremedy: ")


def test_an_interrupt_while_commands_are_loaded_ends_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_needed", interrupted)
    assert main(["tell"]) == 130


def test_each_module_mounts_what_it_is_looked_up_for() -> None:
    for module, (name, mounted) in zip(all_commands(), MODULES.items(), strict=True):
        app = typer.Typer()
        app.callback()(lambda: None)
        module.register(app)
        group = typer.main.get_command(app)
        assert tuple(group.commands) == mounted, name  # type: ignore[attr-defined]  # a group's
