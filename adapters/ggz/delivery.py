"""One FHIR R4 transaction Bundle to one referral: a household, put forward by a treatment team.

The pattern is that of the Dutch generic functions: a Task (`fulfill`) asks to carry out a
ServiceRequest for a Patient. The JSON is hostile until shown otherwise: bounded in size, depth and
entries, no name twice, nothing fetched, nothing repeated (docs/partners/ggz.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from pydantic import ValidationError

from adapters.first_bytes import BOM, mistaken_kind
from adapters.ggz.bundle import Opened, open_bundle
from adapters.ggz.consent import read_consents
from adapters.ggz.patient import is_secret, read_household, read_member
from adapters.ggz.resources import ServiceRequest, Task
from adapters.json_stream import ElementParser
from adapters.port import UnreadableDelivery
from adapters.reading import Reading, refuse, settle
from schemas.deliveries import Finding, Problem, Record
from schemas.referral import Referral

MAX_BYTES = 512 * 1024
"""One Bundle: thirty Patients of nl-core with their narratives take about half of it."""
_ENOUGH = 512  # to say what a file is, if it is no Bundle

_FULFILL = ("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")
_FULL_STOP = "\n\n"


class BundleReader:
    """Reads one `application/fhir+json` delivery: one Bundle, which is one referral."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._buffer = bytearray()
        self._is_too_long = False

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """Nothing yet: a transaction is taken whole or not at all."""
        if self._is_too_long:
            return ()
        self._buffer += chunk
        if len(self._buffer) > MAX_BYTES:
            self._is_too_long = True
            del self._buffer[_ENOUGH:]
        return ()

    def close(self) -> Iterable[Record]:
        """The Bundle's one record."""
        body = bytes(self._buffer)
        self._buffer.clear()
        mistake = mistaken_kind(body, "json")
        if mistake is not None:
            raise UnreadableDelivery(Problem.INVALID, mistake)
        body = body.removeprefix(BOM).strip(b" \t\r\n")
        if not body:
            raise UnreadableDelivery(Problem.MISSING, "bestand (leeg)")
        if self._is_too_long:
            return [_broken(Problem.TOO_LONG)]
        return [self._read(body)]

    def _read(self, body: bytes) -> Record:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return _broken(Problem.ENCODING)
        parsed = ElementParser().parse(text, 0, 0)
        if parsed is None or parsed[1] != len(text):
            return _broken(Problem.BROKEN)
        element = parsed[0]
        if element.problem is not None or not isinstance(element.value, dict):
            return _broken(element.problem or Problem.INVALID)
        return read_bundle(element.value, self._today)


def read_bundle(value: dict[str, object], today: date) -> Record:
    """The record of one Bundle."""
    opened = open_bundle(value)
    reading = Reading((0,), "", [])
    # What is only told once all of it was understood: half a Bundle has no applicant.
    pair = None if opened.wrong else _focus(opened)
    if pair is None:
        _name(opened, reading)
        return refuse(reading, opened.wrong)
    task, request, applicant = pair
    _name(opened, reading)
    entries = [applicant, *(entry for entry in opened.patients if entry != applicant)]
    reading.lines = tuple(entries)
    message = _message(opened, request, entries, reading, today)
    message["kenmerk"] = task.identifier[0].value or ""
    if opened.wrong:
        return refuse(reading, opened.wrong)
    try:
        outcome: Referral | ValidationError = Referral.model_validate(message)
    except ValidationError as error:
        outcome = error
    return replace(settle(reading, outcome, today), slip=_slip(opened))


def _slip(opened: Opened) -> str:
    """What the answer repeats of the Bundle: the kind of each entry, in their order."""
    kinds = {
        **dict.fromkeys(opened.patients, "Patient"),
        **dict.fromkeys(opened.requests, "ServiceRequest"),
        **dict.fromkeys(opened.tasks, "Task"),
        **dict.fromkeys(opened.consents, "Consent"),
    }
    return " ".join(kinds[entry] for entry in sorted(kinds))


def _message(
    opened: Opened, request: ServiceRequest, entries: list[int], reading: Reading, today: date
) -> dict[str, object]:
    members = [
        read_member(
            opened.patients[entry],
            entry,
            today,
            is_applicant=place == 0,
            opened=opened,
            reading=reading,
        )
        for place, entry in enumerate(entries)
    ]
    numbers = [one["burgerservicenummer"] for one in members if "burgerservicenummer" in one]
    if len(set(numbers)) != len(numbers):
        opened.object(0, "Patient.identifier", Problem.CONTRADICTION)
    household = read_household(opened.patients[entries[0]], entries[0], today, reading)
    secrecy = [is_secret(opened.patients[entry], entry, opened) for entry in entries]
    household["geheimhouding"] = any(secrecy)
    household["leden"] = members
    places = {entry: place for place, entry in enumerate(entries)}
    message: dict[str, object] = {
        "aangemeldOp": request.authored_on,
        "huishouden": household,
        **read_consents(opened, places, members, today),
    }
    if request.note:
        # Whether free text goes anywhere is the protocol's; for this partner it names none.
        message["toelichting"] = _FULL_STOP.join(one.text for one in request.note)
    return message


def _focus(opened: Opened) -> tuple[Task, ServiceRequest, int] | None:
    """The one Task, the ServiceRequest that it is about, and whose it is."""
    for found, place in ((opened.tasks, "Task"), (opened.requests, "ServiceRequest")):
        if len(found) != 1:
            problem = Problem.TOO_MANY if found else Problem.MISSING
            opened.object(0, f"Bundle.entry.resource.{place}", problem)
    if not opened.patients:
        opened.object(0, "Bundle.entry.resource.Patient", Problem.MISSING)
    if opened.wrong:
        return None
    (task_entry, task), (request_entry, request) = (
        next(iter(opened.tasks.items())),
        next(iter(opened.requests.items())),
    )
    if _FULFILL not in [(one.system, one.code) for one in task.code.coding]:
        opened.object(task_entry, "Task.code", Problem.UNKNOWN_CODE)
    if opened.targets.get(task.focus.reference or "") != request_entry:
        opened.object(task_entry, "Task.focus", Problem.INVALID)
    applicant = opened.patient_at(request.subject)
    if applicant is None:
        opened.object(request_entry, "ServiceRequest.subject", Problem.INVALID)
    elif opened.patient_at(task.patient) != applicant:
        opened.object(task_entry, "Task.for", Problem.CONTRADICTION)
    if not task.identifier[0].value:
        opened.object(task_entry, "Task.identifier", Problem.MISSING)
    return None if opened.wrong or applicant is None else (task, request, applicant)


def _name(opened: Opened, reading: Reading) -> None:
    """What a refusal may be known by; a BSN in it is looked for among all that came."""
    for task in opened.tasks.values():
        reading.reference = task.identifier[0].value or ""
    for patient in opened.patients.values():
        reading.bsns += [one.value for one in patient.identifier if one.value]


def _broken(problem: Problem) -> Record:
    return refuse(Reading((0,), "", []), [Finding(0, "Bundle", problem)])
