"""`sluis log checkpoint --kept`: what a partner's client remembers of the log, without asking."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.exchange import credentials_of
from gateway.cli.failures import NOT_DONE, Failure
from gateway.cli.output import Output, amount
from gateway.client.memory import CheckpointMemory


def show_kept(home: Path, partner: str, output: Output) -> None:
    """Print it, and what to do where the gateway contradicted it. Raises `Failure` for none."""
    folder = credentials_of(home, partner).folder
    assert folder is not None  # noqa: S101  # they were read from one
    memory = CheckpointMemory(folder)
    kept, key, evidence = memory.kept(), memory.key(), memory.evidence()
    if kept is None:
        remedy = f"any call does it: sluis pull --as {partner} --no-ack"
        raise Failure("nothing is kept yet", remedy, NOT_DONE)
    output.result(
        {
            "path": str(memory.path),
            "origin": kept.origin,
            "size": kept.size,
            "checkpoint": kept.note.decode(),
            "key": None if key is None else key.encode(),
            "contradictions": [str(place) for place in evidence],
        }
    )
    output.say(kept.note.decode().removesuffix("\n"))
    output.aside(f"entries: {amount(kept.size)}; kept in {memory.path}")
    output.aside(f"hold an exported log against it: sluis log verify FOLDER --older {memory.path}")
    if evidence:
        output.say()
        output.say("The gateway contradicted itself. Both sides stand in", style="red")
        for place in evidence:
            output.say(f"  {place}")
        output.say(
            "Give them to the supervisor; nothing is sent until it is explained. Only then move"
        )
        output.say(f"them away, and remove {memory.path} to begin anew with what is shown by then.")
