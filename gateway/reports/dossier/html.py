"""The page as one HTML file: no script, nothing fetched from anywhere, readable by a screen reader.

Rules: WCAG 2.2 AA. Language and title are named, headings go down one level at a time, tables have
a caption and headings with a scope, contrast is 7:1 or more, text reflows at 320 pixels, and Dutch
on an English page says that it is. The policy in the head lets nothing in but the styles that are
here, by their hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import assert_never

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
    Tone,
    pieces,
)

_STYLE = """
:root { color-scheme: light; }
html { font-size: 106.25%; }
body { margin: 0; background: #fff; color: #1b1b1b; line-height: 1.55;
  font-family: "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; color: #0b3a6f; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 2.6rem 0 .6rem; padding-top: .9rem;
  border-top: 3px solid #0b3a6f; color: #0b3a6f; }
h3 { font-size: 1.1rem; line-height: 1.3; margin: 2rem 0 .4rem; }
p { margin: .5rem 0 .8rem; }
.lead { font-size: 1.1rem; }
.note { border-left: 4px solid #6b6b6b; padding: .1rem 0 .1rem .8rem; color: #333; }
.mark { background: #fff3c4; border: 2px solid #7a5b00; padding: .5rem .8rem; font-weight: 700; }
ul { margin: .4rem 0 1rem; padding-left: 1.3rem; }
li { margin: .2rem 0; }
dl { margin: .6rem 0 1.2rem; display: grid; grid-template-columns: 12rem 1fr; gap: .35rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
dd p { margin: 0 0 .25rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1.4rem; font-size: .95rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid #b5b5b5; overflow-wrap: break-word; }
th { border-bottom: 2px solid #1b1b1b; }
table.two th:first-child { width: 13rem; }
table.many td:nth-child(2) { min-width: 5rem; }
footer { max-width: 46rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: #444; }
a:focus, .wide:focus { outline: 3px solid #0b3a6f; outline-offset: 2px; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; gap: .1rem; }
  dd { margin-bottom: .6rem; }
}
@media print {
  @page { size: A4; margin: 20mm 18mm; }
  html { font-size: 10.5pt; }
  main, footer { max-width: none; padding: 0; }
  h2, h3, caption { break-after: avoid; }
  tr, dl { break-inside: avoid; }
  .wide { overflow: visible; }
}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CLASSES = {Tone.LEAD: ' class="lead"', Tone.NOTE: ' class="note"', Tone.PLAIN: ""}


def as_html(page: Page) -> bytes:
    """The page, whole."""
    language = page.language.value
    mark = "" if page.mark is None else f'<p class="mark" role="note">{escape(page.mark)}</p>\n'
    body = "\n".join(line for block in page.blocks for line in _block(block))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        f" style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{mark}<h1>{escape(page.title)}</h1>\n{body}\n</main>\n"
        f"<footer><p>{escape(page.footer)}</p></footer>\n</body>\n</html>\n"
    ).encode()


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, tone):
            yield f"<p{_CLASSES[tone]}>{_told(text)}</p>"
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{_told(item)}</li>" for item in items)
            yield "</ul>"
        case Facts(rows):
            yield "<dl>"
            for name, lines in rows:
                told = "".join(f"<p>{_told(line)}</p>" for line in lines)
                yield f"<dt>{escape(name)}</dt><dd>{told}</dd>"
            yield "</dl>"
        case Table():
            yield from _table(block)
        case _:
            assert_never(block)


def _told(text: Text) -> str:
    return "".join(
        f'<span lang="nl">{escape(one)}</span>' if isinstance(one, InDutch) else escape(one)
        for one in pieces(text)
    )


def _table(table: Table) -> Iterator[str]:
    # Reached by keyboard, so that whoever needs no mouse can move a table that is too wide.
    name = escape(table.caption, quote=True)
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{name}">'
    kind = "two" if len(table.headings) == 2 else "many"
    yield f'<table class="{kind}">'
    yield f"<caption>{escape(table.caption)}</caption>"
    heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in table.headings)
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{_told(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table></div>"
