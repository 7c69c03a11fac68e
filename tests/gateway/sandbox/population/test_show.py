import io
from dataclasses import replace

from rich.console import Console

from gateway.sandbox.population.generate import Population, population
from gateway.sandbox.population.show import render_tables


def shown(people: Population) -> str:
    screen = io.StringIO()
    Console(file=screen, width=150).print(render_tables(people))
    return screen.getvalue()


def test_the_exact_population_is_shown_beside_the_report_without_a_difference() -> None:
    text = shown(population(1))
    assert "179 cellen vergeleken, alle gelijk aan het verslag." in text
    assert "≠" not in text
    for title in ("Tabel 3.13", "Tabel 3.6", "Tabel 3.7", "Tabel 3.12", "Tabel 4.2"):
        assert title in text
    assert "niemand hierin bestaat" in text
    assert "3.689" in text
    assert "Waar het verslag zichzelf tegenspreekt" in text


def test_a_differing_cell_is_marked_with_both_figures() -> None:
    people = population(1)
    text = shown(replace(people, households=people.households[1:]))
    assert "3.689 ≠ 3.690" in text
    assert "wijken af" in text


def test_no_person_is_shown() -> None:
    people = population(1)
    text = shown(people)
    assert not any(member.bsn in text for h in people.households[:500] for member in h.members)
