"""`sluis bench candidates`: how well and how fast candidates for persons without BSN are proposed.

No server and no database: the comparison is the client's, and the persons are synthetic.
"""

from __future__ import annotations

from statistics import median
from typing import Annotated

import typer

from gateway.bench.candidates import SEEDS, Measured, measure
from gateway.cli.output import JsonOption, Output, amount
from gateway.client.candidates import Outcome


def candidates(
    persons: Annotated[
        int, typer.Option("--persons", min=100, max=300_000, help="Persons who are known.")
    ] = 30_000,
    new: Annotated[
        int, typer.Option("--new", min=100, max=100_000, help="New persons, each time.")
    ] = 4_000,
    as_json: JsonOption = False,
) -> None:
    """Candidates for persons without BSN: precision, recall and speed, on three seeds.

    Half of the new persons are known, written with errors; of the others half share their home
    with a known person, and half a name and a birth date with two.
    """
    output = Output(as_json)
    runs = []
    with output.progress() as steps:
        for number, seed in enumerate(SEEDS):
            steps.move("Comparing", number, len(SEEDS), f"seed {seed}")
            runs.append((seed, *measure(seed, persons, new)))
        steps.end("Comparing", f"{amount(new * len(SEEDS))} new persons")
    ours, theirs = _figures([one for _, one, _ in runs]), _figures([two for _, _, two in runs])
    ratio = round(float(str(ours["rate"])) / float(str(theirs["rate"])), 4)
    output.result(
        {**ours, "seeds": list(SEEDS), "baselines": {"equality": {**theirs, "ratio": ratio}}}
    )
    rows = [_row(f"seed {seed}", one) for seed, one, _ in runs]
    rows += [_row("the same surname and birth date", two) for _, _, two in runs[:1]]
    output.table(("Run", "Known#", "Precision#", "Recall#", "Shown first#", "Wrong#"), rows)
    output.say(
        "Recall: of new persons who are known, whose right person is a candidate. Shown first: the"
        " same with the unsure. Wrong: candidates that are somebody else."
    )
    output.say(
        f"Indexing {amount(runs[0][1].known)} persons took {runs[0][1].indexing:.1f} s;"
        f" one new person takes {ours['p50Ms']} ms (median), {ours['p99Ms']} ms at most for 99 %."
    )


def _row(name: str, one: Measured) -> tuple[str, ...]:
    wrong = one.wrong[Outcome.CANDIDATE]
    return (
        name,
        amount(one.known),
        f"{one.precision:.4f}",
        f"{one.recall:.3f}",
        f"{one.shown:.3f}",
        amount(wrong),
    )


def _figures(runs: list[Measured]) -> dict[str, object]:
    """The median of the runs, but for what counts: there the worst."""
    return {
        "rate": round(median(len(one.took) / sum(one.took) for one in runs), 1),
        "p50Ms": round(median(1000 * one.took[len(one.took) // 2] for one in runs), 4),
        "p99Ms": round(median(1000 * one.took[len(one.took) * 99 // 100] for one in runs), 4),
        "cpuUsPerMessage": round(median(1e6 * one.cpu / len(one.took) for one in runs), 2),
        "indexingSeconds": round(median(one.indexing for one in runs), 3),
        "known": runs[0].known,
        "precision": round(min(one.precision for one in runs), 4),
        "recall": round(min(one.recall for one in runs), 4),
        "shownFirst": round(min(one.shown for one in runs), 4),
    }
