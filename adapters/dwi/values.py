"""The columns of DWI's rows; how a cell is written, adapters/tabular/columns.py says.

Sluis's own design (the 2013 format is not public); described column by column in
docs/partners/dwi.md.
"""

from __future__ import annotations

from adapters.tabular.columns import (
    ADDRESS_COLUMNS,
    AGREEMENT_COLUMNS,
    AUTHORITY_COLUMNS,
    BENEFIT_COLUMNS,
    IDENTITY_COLUMNS,
    TEXT,
    YES_NO,
    ZRM_COLUMNS,
    Column,
    Columns,
    Part,
    full_date,
    one_of,
    phone,
)
from schemas.referral import Ground

COLUMNS: Columns = {
    column.name: column
    for column in (
        Column("kenmerk", Part.REFERRAL, "kenmerk", TEXT),
        Column("aangemeld_op", Part.REFERRAL, "aangemeldOp", full_date),
        Column("grondslag", Part.REFERRAL, "grondslag", one_of(Ground)),
        *IDENTITY_COLUMNS,
        *ADDRESS_COLUMNS,
        Column("telefoon", Part.HOUSEHOLD, "telefoonnummer", phone),
        Column("geheimhouding", Part.HOUSEHOLD, "geheimhouding", YES_NO),
        *BENEFIT_COLUMNS,
        *ZRM_COLUMNS,
        *AGREEMENT_COLUMNS,
        *AUTHORITY_COLUMNS,
        Column("toelichting", Part.REFERRAL, "toelichting", TEXT),
    )
}
