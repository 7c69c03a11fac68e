"""A professional without a system (MADI, DWZS): a workbook filled in by hand, or a CSV export.

The columns are those of docs/partners/generic.md. A workbook holds text cells alone, as a careful
person leaves them; it is written here anew and not with the adapter's own writer, so that what is
read back was said by somebody else.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from gateway.sandbox.outgoing import Outgoing
from gateway.sandbox.population.written import ZRM_COLUMNS
from gateway.sandbox.population.zrm import DOMAINS
from gateway.sandbox.wire import as_dict
from schemas.referral import Referral

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = (
    *("kenmerk", "aangemeld_op", "grondslag", "rol", "bsn", "voorletters", "voorvoegsel"),
    *("achternaam", "geboortedatum", "geslacht", "postcode", "straatnaam", "huisnummer"),
    *("toevoeging", "telefoon", "geheimhouding", "instemming", "instemming_op"),
    *("instemming_door", "instemming_door_lid", "instemming_bewijs", "gezag_houders"),
    *("gezag_bron", "gezag_op", "zrm_datum", *ZRM_COLUMNS),
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_MADE = (1980, 1, 1, 0, 0, 0)


def as_workbook(name: str, referrals: Sequence[Referral]) -> Outgoing:
    """All of them in one `.xlsx`, on the sheet Aanmeldingen."""
    rows = [list(COLUMNS), *(row for one in referrals for row in rows_of(one))]
    return Outgoing(f"{name}.xlsx", _workbook(rows), XLSX, tuple(referrals))


def as_csv(name: str, referrals: Sequence[Referral]) -> Outgoing:
    """The same rows as a Dutch spreadsheet exports them."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in referrals:
        writer.writerows(rows_of(one))
    return Outgoing(f"{name}.csv", text.getvalue().encode("utf-8-sig"), "text/csv", (*referrals,))


def rows_of(referral: Referral) -> list[list[str]]:
    """One row a member; what belongs to the household stands in the first."""
    message = as_dict(referral)
    home = message["huishouden"]
    household = {
        "aangemeld_op": message["aangemeldOp"],
        "grondslag": message.get("grondslag", ""),
        "postcode": home.get("postcode", ""),
        "straatnaam": home.get("straatnaam", ""),
        "huisnummer": home.get("huisnummer", ""),
        "toevoeging": home.get("huisnummertoevoeging", ""),
        "telefoon": home.get("telefoonnummer", ""),
        "geheimhouding": "ja" if home.get("geheimhouding") else "nee",
    }
    rows = []
    for place, member in enumerate(home["leden"]):
        cells: dict[str, object] = {"kenmerk": message["kenmerk"], **_member(member)}
        if place == 0:
            cells |= household
        rows.append([str(cells.get(column, "")) for column in COLUMNS])
    return rows


def _member(member: dict[str, Any]) -> dict[str, object]:
    cells: dict[str, object] = {
        name: member.get(name, "")
        for name in ("rol", "voorletters", "voorvoegsel", "achternaam", "geboortedatum", "geslacht")
    }
    cells["bsn"] = member.get("burgerservicenummer", "")
    if (said := member.get("instemming")) is not None:
        cells |= {
            "instemming": "ja" if said["gegeven"] else "nee",
            "instemming_op": said["op"],
            "instemming_door": said["door"],
            "instemming_bewijs": said.get("bewijs", ""),
        }
        if "doorLid" in said:
            cells["instemming_door_lid"] = said["doorLid"] + 1
    for stated in member.get("gezag", [])[:1]:
        cells |= {
            "gezag_houders": " ".join(str(one["lid"] + 1) for one in stated["houders"]),
            "gezag_bron": stated["bron"],
            "gezag_op": stated["peildatum"],
        }
    if (zrm := member.get("zrm")) is not None:
        cells["zrm_datum"] = zrm["gemetenOp"]
        cells |= {
            column: zrm["scores"].get(domain.value, "")
            for column, domain in zip(ZRM_COLUMNS, DOMAINS, strict=True)
        }
    return cells


def _workbook(rows: Sequence[Sequence[str]]) -> bytes:
    cells = "".join(
        f'<row r="{number}">{"".join(_cell(text) for text in row)}</row>'
        for number, row in enumerate(rows, 1)
    )
    kind = f"{_SHEET_TYPE}.sheet.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET_TYPE}'
        '.worksheet+xml"/></Types>',
        "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Aanmeldingen" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData>'
        "</worksheet>",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in parts.items():
            # A fixed moment: the same rows are the same file, which the gateway knows again.
            written = zipfile.ZipInfo(name, _MADE)
            written.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(written, f'<?xml version="1.0" encoding="UTF-8"?>\n{part}')
    return content.getvalue()


def _cell(text: str) -> str:
    if not text:
        return "<c/>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )
