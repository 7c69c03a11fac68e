"""Other professionals (MADI, DWZS, certified institutions, Veilig Thuis, stadsdelen, team members).

Whoever has no system that speaks to Sluis fills in a workbook or exports CSV; whoever has one sends
canonical JSON. None of them needs code here: registration and a protocol version are enough.
"""

from __future__ import annotations

from functools import partial

from adapters.port import Adapter
from adapters.professional.columns import COLUMNS
from adapters.professional.template import csv_template, explanation, xlsx_template
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses as write_json
from adapters.tabular.delivery_csv import CsvReader
from adapters.tabular.delivery_xlsx import XlsxReader
from adapters.tabular.status_csv import write_statuses as write_csv

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

ADAPTER = Adapter(
    name="professional",
    readers={
        "text/csv": partial(CsvReader, columns=COLUMNS),
        XLSX: partial(XlsxReader, columns=COLUMNS),
        "application/json": JsonArrayReader,
        "application/x-ndjson": JsonLinesReader,
    },
    status_writers={"text/csv": write_csv, "application/json": write_json},
    templates={"text/csv": csv_template, XLSX: xlsx_template, "text/plain": explanation},
)
