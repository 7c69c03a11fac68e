"""`sluis population`: the synthetic population's tables beside those of the programme's report."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.failures import NOT_DONE
from gateway.cli.output import JsonOption, Output
from gateway.sandbox.population.contradictions import contradictions
from gateway.sandbox.population.delivery import dwi_delivery, years_later, years_until
from gateway.sandbox.population.generate import DEFAULT_SEED, population
from gateway.sandbox.population.show import render_tables
from gateway.sandbox.population.tables import compare, differences, lines
from gateway.sandbox.population.written import as_csv


def register(app: typer.Typer) -> None:
    """Mount this module's command."""
    app.command(name="population")(show)


def show(
    seed: Annotated[
        int, typer.Option(help="Another seed gives other persons, not other counts.")
    ] = DEFAULT_SEED,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write DWI's delivery of 2,200 as CSV."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the synthetic population and compare it with the printed report, cell by cell.

    Status 1 if a cell differs.
    """
    output = Output(as_json)
    made = population(seed)
    tables = compare(made.households)
    differing = differences(tables)
    output.result(
        {
            "seed": seed,
            "cells": [asdict(line) for line in lines(tables)],
            "differing": len(differing),
            "contradictions": [asdict(one) for one in contradictions()],
        }
    )
    output.render(render_tables(made))
    if write is not None:
        with write.open("wb") as file:
            # As of last year: an agreement of 2013 has lapsed with the birthdays since.
            recent = years_later(dwi_delivery(seed), years_until(datetime.now(UTC).date()))
            file.writelines(as_csv(recent))
        output.aside(f"written: {write} (synthetic persons, dated as of last year)")
    if differing:
        raise typer.Exit(NOT_DONE)
