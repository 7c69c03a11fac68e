"""Workbooks made by hand, part by part, so that a test can put anything in any of them."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from adapters.professional.columns import COLUMNS
from adapters.tabular.delivery_xlsx import XlsxReader
from adapters.tabular.written import Look, WrittenSheet, write_workbook

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORKBOOK = (
    f'<workbook {MAIN} xmlns:r="{RELATIONS}"><sheets>'
    '<sheet name="Blad1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    f'<Relationship Id="rId3" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>'
)
STYLES = (
    f'<styleSheet {MAIN}><numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy"/>'
    '<numFmt numFmtId="165" formatCode="000000000"/>'
    '<numFmt numFmtId="166" formatCode="d/m;@"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 17, 164, 165, 166, 22, 20, 49))
    + "</cellXfs></styleSheet>"
)
"""Styles by place: 1 a day, 2 month and year, 3 year, 4 nine zeros, 5 no year, 6 moment, 7 time."""
DAY, MONTH, YEAR, ZEROS, NO_YEAR, MOMENT, TIME = range(1, 8)


def reader(today: date) -> XlsxReader:
    """A reader of the professionals' columns."""
    return XlsxReader(today, COLUMNS)


def zipped(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()


def parts_of(sheet: str | bytes, **changed: str) -> dict[str, str | bytes]:
    """A workbook's parts around one sheet; `shared`, `workbook`, `rels` and `styles` may differ."""
    return {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": changed.get("workbook", WORKBOOK),
        "xl/_rels/workbook.xml.rels": changed.get("rels", RELS),
        "xl/sharedStrings.xml": changed.get("shared", f"<sst {MAIN}/>"),
        "xl/styles.xml": changed.get("styles", STYLES),
        "xl/worksheets/sheet1.xml": sheet,
    }


def sheet_of(rows: Iterable[str], before: str = "") -> str:
    return f"<worksheet {MAIN}>{before}<sheetData>{''.join(rows)}</sheetData></worksheet>"


def cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def number(value: object, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def row(*cells: str, attributes: str = "") -> str:
    return f"<row {attributes}>{''.join(c if c.startswith('<') else cell(c) for c in cells)}</row>"


def filled(names: Sequence[str], *rows: Sequence[str], **changed: str) -> bytes:
    """A workbook of one sheet; a cell that starts with `<` is XML of its own."""
    sheet = sheet_of([row(*names), *(row(*cells) for cells in rows)], changed.pop("before", ""))
    return zipped(parts_of(sheet, **changed))


def written(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows as our own writer writes them."""
    names = list(dict.fromkeys(name for one in rows for name in one))
    cells = [[one.get(name, "") for name in names] for one in rows]
    looks = [(Look.HEADING, names), *((Look.TEXT, one) for one in cells)]
    return write_workbook([WrittenSheet("Aanmeldingen", looks, [12] * len(names))])
