"""Where the printed report contradicts itself: both readings, and which one is followed.

Found by adding up every row and column of every table and comparing each total with every other
table that prints it. Shown to the user, so in Dutch. `tests` recompute each one from the margins.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What one place in the report says."""

    where: str
    says: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two readings that cannot both be the whole story, and what the generator does."""

    subject: str
    readings: tuple[Reading, ...]
    followed: str


def contradictions() -> tuple[Contradiction, ...]:
    """Every contradiction found; none is bent silently."""
    return (
        Contradiction(
            "Aantal huishoudens op 31-12-2013",
            (
                Reading("tabel 3.6 en 3.13", "3.689"),
                Reading("tabel 3.7 en 4.2", "3.690"),
            ),
            "3.690 dossiers, waarvan één zonder fase: dat telt in 3.7 en 4.2 en niet in 3.6 en "
            "3.13, zodat alle vier de tabellen uitkomen.",
        ),
        Contradiction(
            "Huishoudens in Centrum",
            (Reading("tabel 3.13", "236"), Reading("tabel 3.7", "237")),
            "237; het dossier zonder fase staat in Centrum. De andere stadsdelen kloppen.",
        ),
        Contradiction(
            "Volledige eerste ZRM-metingen",
            (Reading("tabel 3.12", "n = 1.683"), Reading("tabel 4.2", "2.045 volledig")),
            "2.045 volledige metingen, waarvan er 1.683 meetellen in 3.12. De overige 362 hebben "
            "dezelfde aandelen, zodat beide lezingen dezelfde percentages geven.",
        ),
        Contradiction(
            "Dossiers waarin een eerste ZRM is nagegaan",
            (
                Reading("tabel 4.2, ZRM", "2.045 + 767 = 2.812"),
                Reading("tabel 4.2, dossiers", "3.690"),
            ),
            "2.812; de 878 andere zijn in geen van beide regels geteld. Het verslag zegt niet "
            "welke dat zijn: hier de 426 in instroom en 452 van de niet bereikte.",
        ),
        Contradiction(
            "Problemen met justitie bij de eerste meting",
            (
                Reading("tabel 3.12 A, allen (n = 1.683)", "28 %"),
                Reading("tabel 3.12 B, gevolgden (n = 256)", "8 %, bij de tweede meting 9 %"),
            ),
            "Beide zoals gedrukt; de 1.427 anderen komen dan op 32 %. Het is het enige domein "
            "waarop de gevolgden lager scoren dan allen, dus 28 kan een zetfout voor 8 zijn.",
        ),
        Contradiction(
            "Aanmeldingen door DWI in 2013",
            (
                Reading("tekst, screening", "2.200 aanmeldingen door DWI"),
                Reading("tabel 3.7", "3.690 - 1.416 = 2.274 dossiers erbij, van alle bronnen"),
            ),
            "Alle 2.200 zijn dossiers geworden; voor alle andere bronnen blijven er dan 74 over "
            "in 2013. Waarschijnlijker is dat niet elke aanmelding een dossier werd, maar hoeveel "
            "staat er niet.",
        ),
    )
