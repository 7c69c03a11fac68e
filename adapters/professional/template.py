"""An empty table to fill in: the columns, their rules in Dutch, and an example that is none.

The example's persons are invented, and its reference says what it is: a delivery that still has it
gets those rows refused and the others read. In CSV, which holds one table only, the rules are a
text beside it.
"""

from __future__ import annotations

import csv
import io

from adapters.professional.columns import CHOICES, COLUMNS, EXAMPLE
from adapters.professional.rules import RULES
from adapters.tabular.columns import REQUIRED, Column, Part
from adapters.tabular.written import Guide, Look, WrittenSheet, write_workbook

_REFERENCE = f"{EXAMPLE}-1"
_APPLICANT = {
    "kenmerk": _REFERENCE,
    "aangemeld_op": "01-12-2025",
    "grondslag": "wmo2015",
    "rol": "aanmelder",
    "bsn": "999990019",
    "voorletters": "A.",
    "voorvoegsel": "van",
    "achternaam": "Voorbeeld",
    "geboortedatum": "01-05-1980",
    "geslacht": "V",
    "postcode": "1012 AB",
    "straatnaam": "Voorbeeldstraat",
    "huisnummer": "12",
    "telefoon": "020 000 0000",
    "geheimhouding": "nee",
    "instemming": "ja",
    "instemming_op": "28-11-2025",
    "instemming_door": "betrokkene",
    "instemming_wijze": "schriftelijk",
    "instemming_bewijs": "formulier-1",
    "zrm_datum": "28-11-2025",
    "zrm_inkomen": "2",
    "zrm_huisvesting": "3",
}
_CHILD = {
    "kenmerk": _REFERENCE,
    "rol": "kind",
    "bsn": "999990020",
    "achternaam": "Voorbeeld",
    "geboortedatum": "2016",
    "instemming": "ja",
    "instemming_op": "28-11-2025",
    "instemming_door": "ouder",
    "instemming_door_lid": "1",
    "gezag_houders": "1",
    "gezag_bron": "brp",
    "gezag_op": "27-11-2025",
}
EXAMPLE_ROWS = (_APPLICANT, _CHILD)
"""Synthetic persons; their numbers pass the eleven-test and belong to nobody."""

_HOW = (
    "Eén rij is één persoon. Rijen onder elkaar met hetzelfde kenmerk zijn één huishouden.",
    "Wat voor het hele huishouden geldt, vult u alleen in de eerste rij van dat huishouden in.",
    "Laat leeg wat u niet weet; vul nooit een gok in. Kolommen die u niet gebruikt, mogen weg.",
    f"Rijen met {EXAMPLE} in het kenmerk zijn verzonnen personen: haal ze weg voor u verstuurt.",
    "Alleen gewone waarden: geen formules, geen verborgen rijen of kolommen, geen macro's.",
    "Datums: 31-12-2025. Van een geboortedatum mag de dag of de maand ontbreken: 05-1980 schrijft"
    " u als 1980-05, alleen het jaar als 1980.",
    "Wat u invult wordt niet vanzelf doorgegeven: het privacyprotocol bepaalt wat er doorgaat.",
)


def csv_template() -> bytes:
    """UTF-8 with a byte order mark, `;` and CRLF, so that a Dutch spreadsheet opens it as it is."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(COLUMNS)
    rows.writerows(_cells(row) for row in EXAMPLE_ROWS)
    return text.getvalue().encode("utf-8-sig")


def xlsx_template() -> bytes:
    """A workbook: the sheet to fill in, and one that explains it."""
    filled = [(Look.HEADING, list(COLUMNS)), *((Look.EXAMPLE, _cells(r)) for r in EXAMPLE_ROWS)]
    explained = [
        (Look.HEADING, ["kolom", "geldt voor", "verplicht", "wat u invult", "voorbeeld"]),
        *((Look.TEXT, _explained(column)) for column in COLUMNS.values()),
        (Look.TEXT, []),
        *((Look.TEXT, [line]) for line in _HOW),
    ]
    guides = [Guide(name, RULES[name], CHOICES.get(name, ())) for name in COLUMNS]
    return write_workbook(
        [
            WrittenSheet("Aanmeldingen", filled, [max(12, len(n) + 3) for n in COLUMNS], guides),
            WrittenSheet("Uitleg", explained, [34, 12, 11, 90, 22]),
        ]
    )


def explanation() -> bytes:
    """The rules as a text, for whoever fills in CSV."""
    lines = [*_HOW, ""]
    for column in COLUMNS.values():
        name, of, required, rule, example = _explained(column)
        told = f"{name} ({of}{', verplicht' if required == 'ja' else ''})"
        lines += [told, f"    {rule}"]
        if example:
            lines.append(f"    Voorbeeld: {example}")
    return ("\n".join(lines) + "\n").encode()


def _cells(row: dict[str, str]) -> list[str]:
    return [row.get(name, "") for name in COLUMNS]


def _explained(column: Column) -> list[str]:
    of_household = column.part in (Part.REFERRAL, Part.HOUSEHOLD, Part.PROTECTION)
    example = _APPLICANT.get(column.name) or _CHILD.get(column.name, "")
    return [
        column.name,
        "huishouden" if of_household else "persoon",
        "ja" if column.name in REQUIRED else "nee",
        RULES[column.name],
        example,
    ]
