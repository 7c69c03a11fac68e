"""What is kept of a SuwiML answer: who it is about, and whether they receive a benefit. No more.

Claims, fraud, sanctions, the prosecutor's number and the partner stand in the same answer; a
referral for help has no use for them, so no model ever holds them (GDPR article 5.1.c).
"""

from __future__ import annotations

import re
from datetime import date

from lxml import etree

from adapters.hostile_xml import line_of
from adapters.reading import Reading
from adapters.tabular.columns import CellError, partial_date
from schemas.deliveries import Finding, Problem
from schemas.identifiers import PartialDate
from schemas.referral import Role, Sex

_DATE = re.compile(r"[0-9]{8}")
_BSN = re.compile(r"[0-9]{9}")
_Span = tuple[tuple[int, int, int], tuple[int, int, int]]
_UNKNOWN: _Span = ((0, 0, 0), (9999, 12, 31))
_NEVER: _Span = ((9999, 12, 31), (9999, 12, 31))
_UNKNOWN_NAME = "."
_SEXES = {"0": Sex.UNKNOWN, "1": Sex.MALE, "2": Sex.FEMALE, "9": Sex.UNKNOWN}
_NAMES = {
    "Voorletters": "voorletters",
    "Voorvoegsel": "voorvoegsel",
    "SignificantDeelVanDeAchternaam": "achternaam",
}


def read_client(client: etree._Element, today: date, reading: Reading) -> dict[str, object]:
    """The member that a `ClientSuwi` of sound structure describes; remarks go to `reading`."""
    member: dict[str, object] = {"rol": Role.APPLICANT}
    for element in client:
        text = (element.text or "").strip()
        name = str(element.tag)
        if name == "Burgerservicenr":
            _read_bsn(text, element, member, reading)
        elif name in _NAMES and text and text != _UNKNOWN_NAME:
            member[_NAMES[name]] = text
        elif name == "Geslacht" and text:
            _read_sex(text, element, member, reading)
        elif name == "Geboortedat" and text:
            _read_birth_date(text, element, member, reading)
    member["ontvangtUitkering"] = _receives_benefit(client, today, reading)
    return member


def _read_bsn(
    text: str, element: etree._Element, member: dict[str, object], reading: Reading
) -> None:
    reading.bsns.append(text)
    if _BSN.fullmatch(text):
        member["burgerservicenummer"] = text
    else:
        _object(reading, element, "lid.burgerservicenummer", Problem.INVALID)


def _read_sex(
    text: str, element: etree._Element, member: dict[str, object], reading: Reading
) -> None:
    if text in _SEXES:
        member["geslacht"] = _SEXES[text]
    else:
        _object(reading, element, "lid.geslacht", Problem.UNKNOWN_CODE)


def _read_birth_date(
    text: str, element: etree._Element, member: dict[str, object], reading: Reading
) -> None:
    try:
        if not _DATE.fullmatch(text):
            raise CellError(Problem.INVALID)
        member["geboortedatum"] = partial_date(text)
    except CellError as error:
        remarks = reading.wrong if error.refuses else reading.noted
        remarks.append(Finding(line_of(element), "lid.geboortedatum", error.problem))


def _receives_benefit(client: etree._Element, today: date, reading: Reading) -> bool | None:
    """Yes with a benefit relation that runs today, no if all have ended, otherwise unknown.

    A decision on an application is no ground: its code list is not public with the XSDs, and a
    benefit that was granted once may have ended since.
    """
    answers = [
        _is_running(relation, today, reading)
        for relation in client.iterfind("Uitkeringsverhouding")
    ]
    if any(answers):
        return True
    if not answers or None in answers:
        return None
    return False


def _is_running(relation: etree._Element, today: date, reading: Reading) -> bool | None:
    try:
        begin = _span(relation.findtext("DatBUitkeringsverhouding"), if_absent=_UNKNOWN)
        end = _span(relation.findtext("DatEUitkeringsverhouding"), if_absent=_NEVER)
    except CellError as error:
        _object(reading, relation, "lid.ontvangtUitkering", error.problem)
        return None
    day = (today.year, today.month, today.day)
    if begin[0] > day or end[1] < day:
        return False
    if begin[1] <= day <= end[0]:
        return True
    return None


def _span(text: str | None, if_absent: _Span) -> _Span:
    """The first and the last day that a date may be: zeros leave day, month or all unknown."""
    text = (text or "").strip()
    if not text:
        return if_absent
    if not _DATE.fullmatch(text):
        raise CellError(Problem.INVALID)
    if text == "00000000":
        return _UNKNOWN
    try:
        known = PartialDate(partial_date(text))
    except ValueError:
        raise CellError(Problem.INVALID) from None  # its text is not ours to pass on
    return known.earliest, known.latest


def _object(reading: Reading, element: etree._Element, path: str, problem: Problem) -> None:
    reading.wrong.append(Finding(line_of(element), path, problem))
