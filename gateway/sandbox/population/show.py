"""What `sluis population` shows: each table with the report's number where ours differs.

A cell that agrees stands alone; one that differs reads `ours ≠ printed` and is marked.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from gateway.sandbox.population.contradictions import Contradiction, contradictions
from gateway.sandbox.population.generate import Population
from gateway.sandbox.population.tables import Cell, Table, compare, differences, lines


def render_tables(population: Population) -> RenderableType:
    """The population beside the report, the contradictions, and the verdict in one line."""
    tables = compare(population.households)
    heading = Text.assemble(
        ("Synthetische bevolking", "bold"),
        f", zaadgetal {population.seed}: niemand hierin bestaat. Naast de Voortgangsrapportage "
        "Samen DOEN in de buurt 2014, peildatum 31-12-2013.",
    )
    return Group(
        heading,
        *(_shown(table) for table in tables),
        _shown_contradictions(contradictions()),
        verdict(tables),
    )


def verdict(tables: Iterable[Table]) -> Text:
    """How many cells were compared, and how many differ."""
    seen = tuple(tables)
    compared, differing = len(lines(seen)), len(differences(seen))
    if differing:
        return Text(f"{compared} cellen vergeleken, {differing} wijken af.", "bold red")
    return Text(f"{compared} cellen vergeleken, alle gelijk aan het verslag.", "bold green")


def _shown(table: Table) -> RichTable:
    where = "In de tekst" if table.number == "tekst" else f"Tabel {table.number}"
    shown = RichTable(title=f"{where}: {table.title}", title_justify="left")
    shown.add_column("")
    for column in table.columns:
        shown.add_column(column, justify="right")
    for row in table.rows:
        shown.add_row(row.label, *(_cell(cell, row.unit) for cell in row.cells))
    return shown


def _cell(cell: Cell, unit: str) -> Text:
    ours = _number(cell.generated, unit)
    if cell.differs:
        return Text(f"{ours} ≠ {_number(cell.printed, unit)}", "bold red")
    return Text(ours)


def _number(value: int, unit: str) -> str:
    grouped = f"{value:,}".replace(",", ".")
    return f"{grouped} {unit}" if unit else grouped


def _shown_contradictions(found: Iterable[Contradiction]) -> RichTable:
    shown = RichTable(
        title="Waar het verslag zichzelf tegenspreekt", title_justify="left", show_lines=True
    )
    for column in ("onderwerp", "het verslag zegt", "hier gevolgd"):
        shown.add_column(column)
    for one in found:
        says = "\n".join(f"{reading.where}: {reading.says}" for reading in one.readings)
        shown.add_row(one.subject, says, one.followed)
    return shown
