"""The columns of other professionals: the shared ones, and what their work asks for beside them.

Between organisations a guardian is seldom of the household, agreement is given by whom the law
names, and Veilig Thuis must be able to ask for protection. Emergencies stay with JSON: nobody fills
in a table then. Described column by column in docs/partners/generic.md.
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
    CellError,
    Column,
    Columns,
    Part,
    full_date,
    holders,
    one_of,
    phone,
)
from schemas.deliveries import Problem
from schemas.referral import (
    MAX_MEMBERS,
    AuthorityKind,
    AuthoritySource,
    Ground,
    Manner,
    ProtectionReason,
)

EXAMPLE = "VOORBEELD"
"""What the reference of a template's example begins with; it is never taken for a referral."""


def _reference(cell: str) -> str:
    if cell.upper().startswith(EXAMPLE):
        raise CellError(Problem.INVALID)
    return cell


def _dialled(cell: str) -> str:
    """A number that can be dialled: a spreadsheet takes the first zero, and then it is no number.

    Which zero was taken cannot be known of a number from abroad, so it is left out, not repaired.
    """
    number = phone(cell)
    if not number.startswith(("0", "+")):
        raise CellError(Problem.INCOMPLETE, refuses=False)
    return number


def _place(cell: str) -> int:
    """A member of this household by number, counted from 1."""
    if not (cell.isascii() and cell.isdigit() and len(cell) < 3):
        raise CellError(Problem.INVALID)
    if not 1 <= int(cell) <= MAX_MEMBERS:
        raise CellError(Problem.INVALID)
    return int(cell) - 1


def _holders(cell: str) -> object:
    """Members by number, or anybody by BSN: `1 2`, `1 999990019`."""
    found: list[object] = []
    for one in cell.split():
        if len(one) in (8, 9):
            found.append({"burgerservicenummer": one})
        else:
            of_household = holders(one)
            found += of_household if isinstance(of_household, list) else []
    return found


_AUTHORITY = tuple(
    Column(column.name, column.part, column.key, _holders) if column.key == "houders" else column
    for column in AUTHORITY_COLUMNS
)

COLUMNS: Columns = {
    column.name: column
    for column in (
        Column("kenmerk", Part.REFERRAL, "kenmerk", _reference),
        Column("aangemeld_op", Part.REFERRAL, "aangemeldOp", full_date),
        Column("grondslag", Part.REFERRAL, "grondslag", one_of(Ground)),
        Column("doel", Part.REFERRAL, "doel", TEXT),
        Column("ontvanger", Part.REFERRAL, "ontvanger", TEXT),
        *IDENTITY_COLUMNS,
        *ADDRESS_COLUMNS,
        Column("telefoon", Part.HOUSEHOLD, "telefoonnummer", _dialled),
        Column("geheimhouding", Part.HOUSEHOLD, "geheimhouding", YES_NO),
        *BENEFIT_COLUMNS,
        *AGREEMENT_COLUMNS,
        Column("instemming_door_lid", Part.AGREEMENT, "doorLid", _place),
        Column("instemming_wijze", Part.AGREEMENT, "wijze", one_of(Manner)),
        Column("instemming_tot", Part.AGREEMENT, "geldigTot", full_date),
        *_AUTHORITY,
        Column("gezag_soort", Part.AUTHORITY, "soort", one_of(AuthorityKind)),
        *ZRM_COLUMNS,
        Column("toelichting", Part.REFERRAL, "toelichting", TEXT),
        Column("bescherming_reden", Part.PROTECTION, "reden", one_of(ProtectionReason)),
        Column("bescherming_naam", Part.PROTECTION, "naam", TEXT),
        Column("bescherming_functie", Part.PROTECTION, "functie", TEXT),
    )
}

CHOICES: dict[str, tuple[str, ...]] = {
    "grondslag": tuple(Ground),
    "rol": ("aanmelder", "partner", "kind", "overig"),
    "geslacht": ("M", "V", "O"),
    "gezag_bron": tuple(AuthoritySource),
    "gezag_soort": tuple(AuthorityKind),
    "instemming_wijze": tuple(Manner),
    "instemming_door": ("betrokkene", "ouder", "voogd", "gezaghouders", "mentor", "curator"),
    "bescherming_reden": tuple(ProtectionReason),
    **dict.fromkeys(("geheimhouding", "uitkering", "instemming"), ("ja", "nee")),
    "trede": tuple("123456"),
    **{name: tuple("12345") for name in COLUMNS if name.startswith("zrm_") and name != "zrm_datum"},
}
"""What a template offers to choose from; other spellings may be read as well."""
