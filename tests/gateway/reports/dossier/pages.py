"""A page with one of each block, and texts that want to be something else."""

from __future__ import annotations

from consent.labels import Language
from gateway.reports.dossier.page import (
    Bullets,
    Facts,
    Heading,
    Page,
    Paragraph,
    Table,
    Tone,
)

HOSTILE = '<script>alert(1)</script> &amp; "quoted" #[evil] $x$ *bold* \\ @ref {{x}} `code` 🜁'


def page(text: str = "Gewone tekst.", *, mark: str | None = None) -> Page:
    """One of everything, each with this text in it."""
    return Page(
        title=f"Titel {text}",
        language=Language.DUTCH,
        blocks=[
            Paragraph(text, Tone.LEAD),
            Facts([(text, [text, text]), ("Leeg", [""])]),
            Heading(2, text),
            Paragraph(text, Tone.NOTE),
            Bullets([text, text]),
            Heading(3, text),
            Table(text, ("Een", text), [(text, "b"), ("c", text)]),
            Table("Leeg", ("Een", "Twee"), []),
        ],
        footer=text,
        mark=mark,
    )
