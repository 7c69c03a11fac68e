"""A Patient by nl-core (zib 2020, Nictiz): who it is, and where the household lives. No more.

The surname is the person's own (`humanname-own-name`), as Dutch registers have it; initials come
from official names alone. What is absent is left absent: no part of an address is read out of a
line of text, and no BSN out of another naming system.
"""

from __future__ import annotations

import re
from datetime import date

from adapters.ggz.bundle import Opened
from adapters.ggz.resources import (
    BSN_SYSTEM,
    ROLE_EXTENSION,
    SECRECY_EXTENSION,
    Address,
    Extended,
    HumanName,
    Patient,
)
from adapters.reading import Reading
from schemas.deliveries import Finding, Problem
from schemas.referral import Role, Sex

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_SEXES = {"male": Sex.MALE, "female": Sex.FEMALE, "other": Sex.UNKNOWN, "unknown": Sex.UNKNOWN}
_ROLES = {role.value: role for role in Role if role is not Role.APPLICANT}
_POSTCODE = re.compile(r"[1-9][0-9]{3}[A-Z]{2}")
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,19}")
_PHONE_SIGNS = str.maketrans("", "", "()./")
_BSN = re.compile(r"[0-9]{9}")


def read_member(
    patient: Patient,
    entry: int,
    today: date,
    *,
    is_applicant: bool,
    opened: Opened,
    reading: Reading,
) -> dict[str, object]:
    """The member that this Patient describes; what is wrong goes to `opened`."""
    stated = _role(patient, entry, opened)
    member: dict[str, object] = {"rol": Role.APPLICANT if is_applicant else stated}
    _read_bsn(patient, entry, today, member, opened, reading)
    _read_name(patient, today, member)
    if patient.birth_date is not None:
        member["geboortedatum"] = patient.birth_date
    if patient.gender is not None:
        member["geslacht"] = _SEXES[patient.gender]
    return member


def read_household(
    patient: Patient, entry: int, today: date, reading: Reading
) -> dict[str, object]:
    """Address and telephone of the person who is referred."""
    household: dict[str, object] = {}
    addresses = _lived_at(patient, today)
    address = next(iter(addresses), None)
    if len({_postcode(one) for one in addresses}) > 1:
        # Which of them to go to is for people to say (design, 4: no ambiguous postcode is guessed).
        _note(reading, entry, "huishouden.postcode", Problem.CONTRADICTION)
    elif address is not None:
        parts = _parts(next(iter(address.line_parts), None))
        _keep(household, "straatnaam", parts.get("iso21090-ADXP-streetName"))
        _keep(household, "huisnummertoevoeging", parts.get("iso21090-ADXP-buildingNumberSuffix"))
        _read_number(parts.get("iso21090-ADXP-houseNumber"), entry, household, reading)
        postcode = _postcode(address)
        if _POSTCODE.fullmatch(postcode):
            household["postcode"] = postcode
        elif postcode:
            _note(reading, entry, "huishouden.postcode", Problem.INCOMPLETE)
    phones = [one for one in patient.telecom if one.system == "phone" and one.holds_on(today)]
    if phones and phones[0].value:
        phone = phones[0].value.translate(_PHONE_SIGNS).strip()
        if _PHONE.fullmatch(phone):
            household["telefoonnummer"] = phone
        else:
            _note(reading, entry, "huishouden.telefoonnummer", Problem.INVALID)
    return household


def _lived_at(patient: Patient, today: date) -> list[Address]:
    """The home addresses of today; without any, those of which the use is not said."""
    now = [one for one in patient.address if one.kind != "postal" and one.holds_on(today)]
    return [one for one in now if one.use == "home"] or [one for one in now if one.use is None]


def _postcode(address: Address) -> str:
    return (address.postcode or "").replace(" ", "").upper()


def is_secret(patient: Patient, entry: int, opened: Opened) -> bool:
    """Whether the address may be told to nobody who need not know it."""
    stated = [one for one in patient.extension if one.url == SECRECY_EXTENSION]
    if any(one.flag is None for one in stated):
        opened.object(entry, "Patient.extension", Problem.INVALID)
    return any(one.flag for one in stated)


def _role(patient: Patient, entry: int, opened: Opened) -> Role:
    stated = [one.code for one in patient.extension if one.url == ROLE_EXTENSION]
    if not stated:
        return Role.OTHER
    role = _ROLES.get(stated[0] or "")
    if role is None or len(stated) > 1:
        opened.object(entry, "Patient.extension", Problem.UNKNOWN_CODE)
        return Role.OTHER
    return role


def _read_bsn(
    patient: Patient,
    entry: int,
    today: date,
    member: dict[str, object],
    opened: Opened,
    reading: Reading,
) -> None:
    numbers = [one for one in patient.identifier if one.system == BSN_SYSTEM]
    # One that was corrected stays in a record as `old`, and may be somebody else's.
    stated = {one.value for one in numbers if one.value and one.holds_on(today)}
    # What is not a BSN is looked for in the reference as well: it may be mistyped.
    reading.bsns += sorted(stated)
    if len(stated) > 1:
        opened.object(entry, "Patient.identifier", Problem.CONTRADICTION)
    for bsn in stated:
        if _BSN.fullmatch(bsn):
            member["burgerservicenummer"] = bsn
        else:
            opened.object(entry, "Patient.identifier", Problem.INVALID)


def _read_name(patient: Patient, today: date, member: dict[str, object]) -> None:
    now = [one for one in patient.name if one.holds_on(today)]
    names = [one for one in now if one.use == "official"]
    if not names:  # without a use it may be anything but a nickname or a former name, so the first
        names = [one for one in now if one.use is None][:1]
    surname = next((one for one in names if one.family), None)
    if surname is not None:
        parts = _parts(surname.family_parts)
        own = parts.get("humanname-own-name")
        _keep(member, "achternaam", own or surname.family)
        _keep(member, "voorvoegsel", parts.get("humanname-own-prefix") if own else None)
    initials = [_initials(one, qualified="IN") for one in names]
    complete = surname or next(iter(names), None)
    if complete is not None:
        own_names = _initials(complete, qualified=None)
        _keep(member, "voorletters", own_names or next(filter(None, initials), None))


def _initials(name: HumanName, qualified: str | None) -> str:
    """Initials, of names with this qualifier or, without one, of all but the call name."""
    letters = []
    for place, given in enumerate(name.given):
        beside = name.given_parts[place] if place < len(name.given_parts) else None
        said = None if beside is None else _codes(beside).get("iso21090-EN-qualifier")
        if not given or said == "CL" or (qualified is not None and said != qualified):
            continue
        letters.append(given if said == "IN" else f"{given.strip()[:1]}.")
    return "".join(letters)


def _read_number(
    text: str | None, entry: int, household: dict[str, object], reading: Reading
) -> None:
    if not text:
        return
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text):
        household["huisnummer"] = int(text)
    else:
        _note(reading, entry, "huishouden.huisnummer", Problem.INVALID)


def _parts(beside: Extended | None) -> dict[str, str]:
    """The named parts of a value, as HL7's extensions give them."""
    found = [] if beside is None else beside.extension
    return {one.url.removeprefix(_HL7): one.text for one in found if one.text}


def _codes(beside: Extended) -> dict[str, str]:
    return {one.url.removeprefix(_HL7): one.code for one in beside.extension if one.code}


def _keep(group: dict[str, object], name: str, text: str | None) -> None:
    if text and text.strip():
        group[name] = text.strip()


def _note(reading: Reading, entry: int, place: str, problem: Problem) -> None:
    reading.noted.append(Finding(entry, place, problem))
