"""`sluis run`, `sluis demo` and `sluis serve`: a gateway of one's own in a minute."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.database import settings_of
from gateway.cli.failures import NOT_DONE
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.serving import Serving, serving, telemetry_of
from gateway.cli.setup import prepare_sandbox
from gateway.cli.stage import Story
from gateway.cli.stopping import until_told
from gateway.cli.story import tell
from gateway.cli.witness import told_of_witnesses
from gateway.cli.workers import COMMAND, until_orphaned
from gateway.settings import Settings

PortOption = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any free one.")
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    app.command()(run)
    app.command()(demo)
    app.command()(serve)
    app.command(COMMAND, hidden=True)(serve_worker)


def run(
    port: PortOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Try Sluis out: set it up, do the main job on synthetic data, show it, then serve."""
    output = Output(as_json)
    uvloop.run(until_told(_tell(settings_of(home, port), output, goes_on=True)))


def demo(
    port: PortOption = 0, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Do what `run` does and end; status 0 only if every step did what it should."""
    output = Output(as_json)
    story = uvloop.run(_tell(settings_of(home, port), output, goes_on=False))
    if not story.held:
        raise typer.Exit(NOT_DONE)


def serve(
    port: PortOption = None,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="First put the protocol (the example, unless SLUIS_PROTOCOL names another) in"
            " force and register the sandbox partners, for trying out.",
        ),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Serve, with the embedded PostgreSQL or the one that SLUIS_DATABASE_URL names.

    One line on stdout, `serving on ADDRESS`, says when it answers; its log goes to stderr.
    """
    uvloop.run(until_told(_serve(settings_of(home, port), sandbox)))


def serve_worker(home: HomeOption = DEFAULT_HOME) -> None:
    """One more process of a gateway that is being served; started by it, never by hand."""
    uvloop.run(until_told(_serve_worker(settings_of(home))))


async def _serve_worker(settings: Settings) -> None:
    async with serving(settings, telemetry_of(settings), is_worker=True):
        await until_orphaned()


async def _serve(settings: Settings, sandbox: bool) -> None:
    prepare = prepare_sandbox if sandbox else None
    async with serving(settings, telemetry_of(settings), prepare=prepare) as served:
        # Whoever started us as a process reads this line: it is flushed, and its form is kept.
        Output().say(f"serving on {served.settings.base_url}")
        await served.task


async def _tell(settings: Settings, output: Output, *, goes_on: bool) -> Story:
    begun = time.monotonic()
    # One of the story's parties is brought its mail, to an address on this machine.
    settings = settings.model_copy(update={"push_private": True})
    output.say("Sluis: everybody below is synthetic; every party is a stand-in.", style="bold")
    log_path = settings.home / "gateway.log"
    settings.home.mkdir(parents=True, exist_ok=True)
    with log_path.open("a", encoding="utf-8") as stream:
        async with serving(
            settings, telemetry_of(settings, stream), prepare=prepare_sandbox
        ) as served:
            output.aside(f"gateway ready in {time.monotonic() - begun:.1f} s")
            witnessed = await told_of_witnesses(served.database)
            story = await tell(settings.home, served.gateway, output)
            _summarise(story, served, log_path, output, time.monotonic() - begun)
            output.say()
            output.say(f"Evidence: {witnessed}.")
            if goes_on:
                output.say()
                output.say(f"Serving on {served.settings.base_url}; Ctrl-C stops.", style="bold")
                await served.task
    return story


def _summarise(
    story: Story, served: Serving, log_path: Path, output: Output, seconds: float
) -> None:
    output.say()
    output.say("Summary", style="bold")
    output.table(
        ("Held", "What was claimed and seen from outside"),
        [("yes" if holds else "NO", told) for told, holds in story.claims],
        {"NO": "red"},
    )
    output.table(
        ("Step", "Seconds#"),
        [(title, f"{taken:.1f}") for title, taken in story.seconds.items()],
    )
    counted = story.counted
    output.say(
        f"{amount(counted['accepted'])} accepted, {amount(counted['held'])} held,"
        f" {amount(counted['refused'])} refused, {amount(counted['statuses'])} statuses back;"
        f" {amount(counted['entries'])} log entries; {seconds:.1f} s in all"
    )
    base = served.settings.base_url
    home = served.settings.home
    output.say()
    output.say("To look further:")
    for what, where in (
        ("API description", f"{base}/v1/openapi.json"),
        ("health", f"{base}/health/ready"),
        ("log key", f"{base}/v1/logboek/sleutels"),
        ("each party's side", str(home / "partners")),
        ("gateway's log", str(log_path)),
    ):
        output.say(f"  {what:18} {where}")
    output.result(
        {
            "held": story.held,
            "claims": [{"claim": told, "held": holds} for told, holds in story.claims],
            "counts": counted,
            "seconds": {**story.seconds, "total": round(seconds, 2)},
            "logKey": served.gateway.vkey,
            "address": base,
        }
    )
