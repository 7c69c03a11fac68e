"""One wrapped SuwiML answer to one record.

The wrapper gives what the answer lacks: the sender's reference, the date of the referral and, if
it has one, its ground. Refused answers name elements of the structure, never what stood in them.
"""

from __future__ import annotations

from datetime import date

from lxml import etree
from pydantic import ValidationError

from adapters.dwi.suwi_client import read_client
from adapters.dwi.suwi_structure import (
    CLIENT,
    FAULT,
    NOTHING_FOUND,
    RESPONSE,
    structure_findings,
)
from adapters.dwi.values import COLUMNS
from adapters.hostile_xml import breaks
from adapters.reading import Reading, refuse, settle
from adapters.tabular.columns import CellError
from adapters.violations import MAX_FINDINGS
from schemas.deliveries import Finding, Problem, Record
from schemas.referral import Referral

WRAPPER = "urn:sluis:dwi:suwi-levering:1"
ROOT = f"{{{WRAPPER}}}suwiLevering"
ENTRY = f"{{{WRAPPER}}}aanmelding"
ENTRY_ATTRIBUTES = frozenset({"kenmerk", "aangemeldOp", "grondslag"})

_ANSWER = "suwi.BijstandsregelingenInfoResponse"
_COLUMN_OF = {"kenmerk": "kenmerk", "aangemeldOp": "aangemeld_op", "grondslag": "grondslag"}


def read_answer(
    entry: etree._Element, line: int, today: date, schema: etree.XMLSchema | None
) -> Record:
    """The record of one `aanmelding`, or of an answer that came without its wrapper."""
    is_bare = entry.tag == RESPONSE
    attributes = {} if is_bare else {str(name): str(entry.attrib[name]) for name in entry.attrib}
    answers = [entry] if is_bare else list(entry)
    reading = Reading((line,), attributes.get("kenmerk", "").strip(), [])
    message = _read_wrapper(attributes, line, reading)
    if (not is_bare and entry.tag != ENTRY) or len(answers) != 1 or answers[0].tag != RESPONSE:
        return refuse(reading, [Finding(line, _ANSWER, Problem.MISSING)])
    answer = answers[0]
    wrong = _check(answer, line, schema)
    if wrong:
        return refuse(reading, wrong)
    member = read_client(answer[0], today, reading)
    message["huishouden"] = {"leden": [member]}
    try:
        outcome: Referral | ValidationError = Referral.model_validate(message)
    except ValidationError as error:
        outcome = error
    return settle(reading, outcome, today)


def _read_wrapper(attributes: dict[str, str], line: int, reading: Reading) -> dict[str, object]:
    message: dict[str, object] = {}
    for name, text in attributes.items():
        cell = text.strip()
        if name not in ENTRY_ATTRIBUTES:
            reading.wrong.append(Finding(line, "aanmelding", Problem.UNKNOWN_COLUMN))
        elif cell:
            try:
                message[name] = COLUMNS[_COLUMN_OF[name]].convert(cell)
            except CellError as error:
                reading.wrong.append(Finding(line, f"aanmelding.{name}", error.problem))
    for name in ("kenmerk", "aangemeldOp"):
        if name not in message:
            reading.wrong.append(Finding(line, f"aanmelding.{name}", Problem.MISSING))
    return message


def _check(answer: etree._Element, line: int, schema: etree.XMLSchema | None) -> list[Finding]:
    """Why this answer is not a client's; empty if it is one of sound structure."""
    tags = [str(child.tag) for child in answer]
    if tags in ([FAULT], [NOTHING_FOUND]):
        name = "FWI" if tags == [FAULT] else "NietsGevonden"
        return [Finding(line, f"suwi.{name}", Problem.MISSING)]
    if tags not in ([CLIENT], [CLIENT, FAULT]):
        return [Finding(line, _ANSWER, Problem.INVALID)]
    if schema is not None and breaks(schema, answer):
        return [Finding(line, "suwi.schema", Problem.INVALID)]
    return structure_findings(answer[0], MAX_FINDINGS)
