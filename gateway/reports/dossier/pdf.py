"""The page as a PDF that a screen reader can read: tagged, PDF/UA-1, checked while it is made.

Typst sets it, from a template of ours that takes the text as data: nothing in it can become
markup, and nothing is fetched. Fonts are those that come with it, so that the same page gives the
same bytes on every machine.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import assert_never

import typst

from gateway.reports.dossier.page import (
    Block,
    Bullets,
    Facts,
    Heading,
    InDutch,
    Page,
    Paragraph,
    Table,
    Text,
    pieces,
)

_TEMPLATE = Path(__file__).with_name("dossier.typ")
_NARROWEST, _WIDEST = 6, 40
_BOX = "\u25a1"
_UNDISPLAYED = re.compile(r'the text `?"(.*?)"`? could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")


def as_pdf(page: Page, moment: datetime) -> bytes:
    """The page, whole; `moment` is the date of the document.

    A character that no font here has (an emoji, another script) stands as a box: the HTML has it.
    """
    data = {
        "title": page.title,
        "language": page.language.value,
        "footer": page.footer,
        "mark": page.mark,
        "blocks": [_block(block) for block in page.blocks],
    }
    text = json.dumps(_printable(data), ensure_ascii=False)
    lost: set[str] = set()
    while True:
        try:
            return _compiled(text, moment)
        except typst.TypstError as error:
            # PDF/UA asks that every character can be shown, and names those that cannot.
            found = _without_glyph(str(error)) - lost
            if not found:
                raise
            lost |= found
            text = "".join(_BOX if one in found else one for one in text)


def _compiled(text: str, moment: datetime) -> bytes:
    made = typst.compile(
        _TEMPLATE.read_bytes(),
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards="ua-1",
        timestamp=int(moment.timestamp()),
        sys_inputs={"page": text},
    )
    assert isinstance(made, bytes)  # noqa: S101  # one document, and no file to write it to
    return made


def _printable(value: object) -> object:
    """The same with a box for whatever controls, joins or is private: it has no shape to set."""
    match value:
        case str():
            return "".join(_BOX if unicodedata.category(one)[0] == "C" else one for one in value)
        case dict():
            return {name: _printable(one) for name, one in value.items()}
        case list():
            return [_printable(one) for one in value]
        case _:
            return value


def _without_glyph(told: str) -> set[str]:
    """The characters beyond ASCII that an error says cannot be displayed."""
    texts = _UNDISPLAYED.findall(told)
    plain = (_ESCAPED.sub(lambda one: chr(int(one[1], 16)), text) for text in texts)
    return {one for text in plain for one in text if not one.isascii()} - {_BOX}


def _block(block: Block) -> dict[str, object]:
    match block:
        case Heading(level, text):
            return {"kind": "heading", "level": level, "text": text}
        case Paragraph(text, tone):
            return {"kind": "paragraph", "text": _told(text), "tone": tone.value}
        case Bullets(items):
            return {"kind": "bullets", "items": [_told(one) for one in items]}
        case Facts(rows):
            told = [{"name": name, "lines": [_told(one) for one in lines]} for name, lines in rows]
            return {"kind": "facts", "rows": told}
        case Table(caption, headings, rows):
            return {
                "kind": "table",
                "caption": caption,
                "headings": list(headings),
                "rows": [[_told(cell) for cell in row] for row in rows],
                "widths": _widths(block),
            }
        case _:
            assert_never(block)


def _told(text: Text) -> list[dict[str, object]]:
    return [{"text": one, "nl": isinstance(one, InDutch)} for one in pieces(text)]


def _widths(table: Table) -> list[int]:
    """How wide each column is beside the others: as its longest cell, within bounds."""
    columns = zip(table.headings, *table.rows, strict=True)
    longest = [max(sum(map(len, pieces(cell))) for cell in column) for column in columns]
    return [min(max(one, _NARROWEST), _WIDEST) for one in longest]
