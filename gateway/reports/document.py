"""A report as a document: sections with sentences and tables, written as Markdown or HTML.

The HTML is one file without scripts or anything from elsewhere: it is opened from a safe or a mail,
offline, and printed. It keeps to WCAG 2.2 AA: language, one main heading, headings in order, table
headers with a scope and a caption, contrast above 4.5, no meaning by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape


class Tone(StrEnum):
    """How a sentence is meant."""

    PLAIN = "gewoon"
    WARNING = "let-op"
    TO_FILL_IN = "in-te-vullen"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or two."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of a form, with what is known; what a person must fill in says so."""

    question: str
    answer: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; a heading that ends in `#` is of numbers."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Paragraph | Answer | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it."""

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Document:
    """A report. `lead` stands at its head: what it is, when and by whom it was made."""

    title: str
    lead: Sequence[Paragraph]
    sections: Sequence[Section]


TO_FILL_IN = "Zelf invullen"
_MARKS = {Tone.WARNING: "Let op: ", Tone.TO_FILL_IN: f"{TO_FILL_IN}: "}


def as_markdown(document: Document) -> str:
    """The document as Markdown (CommonMark with tables)."""
    lines = [f"# {_plain(document.title)}", ""]
    for paragraph in document.lead:
        lines += [_marked(paragraph), ""]
    for section in document.sections:
        lines += [f"## {_plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown_of(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_of(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield _marked(block)
        case Answer():
            box = "[ ]" if block.is_open else "[x]"
            told = f"**{TO_FILL_IN}.** {_plain(block.answer)}" if block.is_open else block.answer
            yield f"- {box} **{_plain(block.question)}** {told if block.is_open else _plain(told)}"
        case Table():
            yield f"*{_plain(block.caption)}*"
            yield ""
            if not block.rows:
                yield "Geen."
                return
            yield "| " + " | ".join(_plain(one.rstrip("#")) for one in block.headings) + " |"
            yield "|" + "|".join("--:" if h.endswith("#") else "---" for h in block.headings) + "|"
            for row in block.rows:
                yield "| " + " | ".join(_plain(cell) for cell in row) + " |"


def _marked(paragraph: Paragraph) -> str:
    text = _plain(paragraph.text)
    mark = _MARKS.get(paragraph.tone)
    return text if mark is None else f"**{mark.strip()}** {text}"


def _plain(text: str) -> str:
    """A text that no reader of Markdown takes for more: names come from a register."""
    for sign in ("\\", "|", "*", "_", "`", "<", "[", "]", "#"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def as_html(document: Document) -> str:
    """The document as one HTML file."""
    title = escape(document.title)
    body = [f"<h1>{title}</h1>"]
    body += [_paragraph(one) for one in document.lead]
    for section in document.sections:
        body.append(f"<section><h2>{escape(section.title)}</h2>")
        in_list = False
        for block in section.blocks:
            if isinstance(block, Answer) != in_list:
                body.append("</dl>" if in_list else "<dl>")
                in_list = not in_list
            body.append(_html_of(block))
        body.append("</dl></section>" if in_list else "</section>")
    return (
        '<!doctype html>\n<html lang="nl"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _html_of(block: Block) -> str:
    match block:
        case Paragraph():
            return _paragraph(block)
        case Answer():
            told = escape(block.answer)
            if block.is_open:
                told = f'<strong class="open">{TO_FILL_IN}.</strong> {told}'
            name = ' class="open"' if block.is_open else ""
            return f"<div{name}><dt>{escape(block.question)}</dt><dd>{told}</dd></div>"
        case Table():
            return _table(block)


def _paragraph(one: Paragraph) -> str:
    mark = _MARKS.get(one.tone)
    if mark is None:
        return f"<p>{escape(one.text)}</p>"
    return f'<p class="{one.tone.value}"><strong>{mark.strip()}</strong> {escape(one.text)}</p>'


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>"
    if not table.rows:
        return f'<p class="none"><b>{escape(table.caption)}</b> Geen.</p>'
    numeric = [heading.endswith("#") for heading in table.headings]
    head = "".join(
        f'<th scope="col"{_right(n)}>{escape(heading.rstrip("#"))}</th>'
        for heading, n in zip(table.headings, numeric, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_right(n)}>{escape(cell)}</td>" for cell, n in zip(row, numeric, strict=True)
        )
        + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>"
    )


def _right(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


_STYLE = """
:root{color-scheme:light}
body{margin:0;background:#fff;color:#1a1a1a;font:16px/1.55 system-ui,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem}
h2{font-size:1.2rem;margin:2.25rem 0 .6rem;padding-top:.9rem;border-top:2px solid #154273}
p{max-width:46rem;margin:.5rem 0}
.let-op{background:#fff4ce;border-left:5px solid #8a6100;padding:.6rem .9rem}
.in-te-vullen{background:#eef3f9;border-left:5px solid #154273;padding:.6rem .9rem}
.wide{overflow-x:auto;margin:1rem 0}
.wide:focus-visible{outline:3px solid #154273;outline-offset:2px}
table{border-collapse:collapse;min-width:50%;font-size:.95rem}
caption{text-align:left;font-weight:600;padding:.25rem 0 .4rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-bottom:1px solid #ccc}
thead th{border-bottom:2px solid #555;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
dl{margin:1rem 0}
dl div{display:grid;grid-template-columns:minmax(14rem,22rem) 1fr;gap:.25rem 1.25rem;
padding:.5rem 0;border-bottom:1px solid #ddd}
dt{font-weight:600}dd{margin:0}
dl div.open{background:#eef3f9;padding-left:.6rem;margin-left:-.6rem}
strong.open{color:#154273}
@media(max-width:42rem){dl div{grid-template-columns:1fr}}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}h2{break-after:avoid}
tr,dl div{break-inside:avoid}.wide{overflow:visible}
.let-op,.in-te-vullen,dl div.open{print-color-adjust:exact}}
"""
