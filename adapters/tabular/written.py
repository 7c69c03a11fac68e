"""Workbooks written: text cells alone, so that what a program opens is what was put in.

The least of ECMA-376 that Excel, LibreOffice and Google Sheets open without a question. Columns are
formatted as text, also where they are still empty: a BSN keeps its zero and a date stays as typed.
The same sheets give the same bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MADE = (1980, 1, 1, 0, 0, 0)
_LAST_ROW = 20_000
_MAX_LIST = 255
"""Signs of a list of choices, and of a prompt, as in every spreadsheet program."""
# What XML cannot hold, and what would be read as an escape (ECMA-376 part 1, 22.9.2.19).
_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class Look(IntEnum):
    """How a row looks: the place of its style in `_STYLES`."""

    TEXT = 1
    HEADING = 2
    EXAMPLE = 3


_STYLES = (
    f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="3"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font>'
    '<font><i/><sz val="11"/><color rgb="FF7F7F7F"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    + "".join(
        f'<xf numFmtId="49" fontId="{font}" fillId="0" borderId="0" xfId="0"'
        ' applyNumberFormat="1" applyFont="1" applyAlignment="1">'
        '<alignment vertical="top" wrapText="1"/></xf>'
        for font in range(3)
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>'
    "</cellStyles></styleSheet>"
)


@dataclass(frozen=True, slots=True)
class Guide:
    """What a column says when a cell of it is chosen, and the values that it offers."""

    title: str
    prompt: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenSheet:
    """One sheet: rows with their look, how wide each column is, and guides by column."""

    name: str
    rows: Sequence[tuple[Look, Sequence[str]]]
    widths: Sequence[int]
    guides: Sequence[Guide] = field(default=())


def write_workbook(sheets: Sequence[WrittenSheet]) -> bytes:
    """The workbook's bytes."""
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": _content_types(numbers),
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _workbook(sheets),
        "xl/_rels/workbook.xml.rels": _relations(
            [
                *((f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers),
                (f"rId{len(sheets) + 1}", "styles", "styles.xml"),
            ]
        ),
        "xl/styles.xml": _STYLES,
        **{f"xl/worksheets/sheet{n}.xml": _sheet(sheet) for n, sheet in enumerate(sheets, 1)},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name, _MADE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, f"{_HEAD}{part}")
    return content.getvalue()


def _content_types(numbers: Iterable[int]) -> str:
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in numbers
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{sheets}</Types>'
    )


def _relations(relations: Iterable[tuple[str, str, str]]) -> str:
    named = "".join(
        f'<Relationship Id="{key}" Type="{_DOCUMENT}/{kind}" Target="{target}"/>'
        for key, kind, target in relations
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{named}</Relationships>'


def _workbook(sheets: Sequence[WrittenSheet]) -> str:
    named = "".join(
        f'<sheet name={quoteattr(sheet.name)} sheetId="{n}" r:id="rId{n}"/>'
        for n, sheet in enumerate(sheets, 1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{named}</sheets></workbook>'


def _sheet(sheet: WrittenSheet) -> str:
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{width}" style="{Look.TEXT:d}" customWidth="1"/>'
        for at, width in enumerate(sheet.widths, 1)
    )
    rows = "".join(_row(number, *row) for number, row in enumerate(sheet.rows, 1))
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f"</sheetView></sheetViews><cols>{columns}</cols><sheetData>{rows}</sheetData>"
        f"{_guides(sheet.guides)}</worksheet>"
    )


def _row(number: int, look: Look, cells: Sequence[str]) -> str:
    written = "".join(
        f'<c r="{letters(at)}{number}" s="{look:d}" t="inlineStr">'
        f'<is><t xml:space="preserve">{_text(cell)}</t></is></c>'
        for at, cell in enumerate(cells)
        if cell
    )
    return f'<row r="{number}">{written}</row>'


def _guides(guides: Sequence[Guide]) -> str:
    if not guides:
        return ""
    written = "".join(_guide(letters(at), guide) for at, guide in enumerate(guides))
    return f'<dataValidations count="{len(guides)}">{written}</dataValidations>'


def _guide(column: str, guide: Guide) -> str:
    choices = ",".join(guide.choices)
    is_list = bool(choices) and len(choices) <= _MAX_LIST
    kind = ' type="list" errorStyle="warning" showErrorMessage="1"' if is_list else ""
    formula = f'<formula1>"{escape(choices)}"</formula1>' if is_list else ""
    return (
        f'<dataValidation{kind} allowBlank="1" showInputMessage="1"'
        f" promptTitle={quoteattr(guide.title[:32])} prompt={quoteattr(guide.prompt[:_MAX_LIST])}"
        f' sqref="{column}2:{column}{_LAST_ROW}">{formula}</dataValidation>'
    )


def _text(cell: str) -> str:
    return escape(_ESCAPE.sub(lambda sign: f"_x{ord(sign[0]):04X}_", cell))


def letters(at: int) -> str:
    """`A` for 0, `Z` for 25, `AA` for 26."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name
