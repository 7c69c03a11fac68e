"""A Bundle is a referral, or is refused by the entry and the element that are wrong."""

import json
from datetime import date

import pytest

from adapters.ggz.resources import REFUSED
from schemas.deliveries import Problem, Translated
from schemas.referral import DecidedBy, Referral, Role
from tests.adapters.feeding import read, refusal
from tests.adapters.ggz.written import (
    CONSENT,
    HL7,
    PATIENT,
    REQUEST,
    TASK,
    TERMS,
    Json,
    bundle,
    consent,
    entry,
    patient,
    provision,
    reader,
    record_of,
    referral_of,
    service_request,
    task,
    told_of,
    with_part,
)

OTHER = "urn:uuid:4d1b6d9e-0c5e-4a5e-9a3e-000000000007"


def with_member(**more: Json) -> Json:
    whole = bundle()
    whole["entry"].append(entry(OTHER, patient("999990020", **more)))
    return whole


def with_consent(**more: Json) -> Json:
    return with_part(4, **more)


def test_a_bundle_is_a_referral() -> None:
    referral = referral_of(bundle())
    assert referral.reference == "GGZ-2013-0001"
    assert referral.referred_on == date(2013, 12, 31)
    assert (referral.purpose, referral.recipient) == ("hulp-naast-behandeling", "casebook")
    (member,) = referral.household.members
    assert member.role is Role.APPLICANT
    assert member.agreement is not None
    assert member.agreement.given
    assert member.agreement.decided_by is DecidedBy.SELF
    assert member.agreement.decided_on == date(2013, 12, 30)
    assert member.agreement.evidence == "FORM-1"
    assert referral.note is None


def test_where_chunks_are_cut_makes_no_difference() -> None:
    body = json.dumps(bundle()).encode()
    (whole,) = read(reader(), body)
    (pieces,) = read(reader(), body, *range(1, len(body), 7))
    assert pieces == whole


def test_references_may_be_relative() -> None:
    whole = bundle(
        {**entry("", patient(id="p1")), "fullUrl": "https://epd.voorbeeld.nl/fhir/Patient/p1"},
        entry(REQUEST, service_request(id="s1", subject={"reference": "Patient/p1"})),
        entry(TASK, task(focus={"reference": "ServiceRequest/s1"},
                         **{"for": {"reference": "https://epd.voorbeeld.nl/fhir/Patient/p1"}})),
    )  # fmt: skip
    assert referral_of(whole).household.members[0].agreement is None


def test_a_bundle_without_consent_is_for_the_register_to_judge() -> None:
    whole = bundle()
    del whole["entry"][3]
    referral = referral_of(whole)
    assert referral.household.members[0].agreements == []
    assert referral.purpose is None


def test_every_patient_is_a_member_and_the_subject_comes_first() -> None:
    whole = with_member(extension=[{"url": "urn:sluis:fhir:rol", "valueCode": "kind"}])
    whole["entry"].reverse()
    members = referral_of(whole).household.members
    assert [member.role for member in members] == [Role.APPLICANT, Role.CHILD]
    assert members[1].bsn is not None
    assert members[1].bsn.reveal() == "999990020"


def test_a_secret_address_of_anybody_is_the_household_s() -> None:
    secret = [{"url": "urn:sluis:fhir:geheimhouding", "valueBoolean": True}]
    assert referral_of(with_member(extension=secret)).household.address_is_secret
    assert not referral_of(bundle()).household.address_is_secret


def test_a_parent_s_consent_is_one_holder_s() -> None:
    whole = with_member()
    whole["entry"][3]["resource"]["performer"] = [{"reference": PATIENT}, {"reference": OTHER}]
    agreements = referral_of(whole).household.members[0].agreements
    assert [(one.decided_by, one.decider) for one in agreements] == [
        (DecidedBy.SELF, None),
        (DecidedBy.PARENT, 1),
    ]


@pytest.mark.parametrize("changed", [
    {"status": "rejected"},
    {"provision": provision(type="deny")},
    {"status": "rejected", "provision": None, "performer": []},
])  # fmt: skip
def test_a_refused_consent_is_a_no(changed: Json) -> None:
    agreement = referral_of(with_consent(**changed)).household.members[0].agreement
    assert agreement is not None
    assert not agreement.given


def test_the_day_of_a_consent_is_amsterdam_s() -> None:
    """Half past eleven in the evening in UTC is after midnight in Amsterdam, in winter too."""
    referral = referral_of(with_consent(dateTime="2013-12-29T23:30:00.123Z"))
    assert referral.household.members[0].agreements[0].decided_on == date(2013, 12, 30)


@pytest.mark.parametrize(("end", "of_a_yes", "of_a_no"), [
    ("2014-06-30", date(2014, 6, 30), date(2014, 6, 30)),
    ("2014-06-30T12:00:00+02:00", date(2014, 6, 29), date(2014, 6, 30)),
    ("2014-06-30T23:59:59+02:00", date(2014, 6, 30), date(2014, 6, 30)),
    ("2014-06-30T22:30:00Z", date(2014, 6, 30), date(2014, 7, 1)),
    ("2014-07-01T00:00:00+02:00", date(2014, 6, 30), date(2014, 7, 1)),
])  # fmt: skip
def test_a_yes_that_ends_within_a_day_does_not_hold_on_that_day(
    end: str, of_a_yes: date, of_a_no: date
) -> None:
    for kind, last in (("permit", of_a_yes), ("deny", of_a_no)):
        said = provision(type=kind, period={"end": end})
        agreement = referral_of(with_consent(provision=said)).household.members[0].agreement
        assert agreement is not None
        assert agreement.valid_until == last


def test_a_note_goes_to_where_the_protocol_drops_it() -> None:
    referral = referral_of(with_part(2, note=[{"text": "een"}, {"text": "twee"}]))
    assert referral.note == "een\n\ntwee"


@pytest.mark.parametrize(("changed", "place", "problem"), [
    ({"status": "draft"}, "Consent.status", "onbekende-code"),
    ({"status": "inactive"}, "Consent.status", "onbekende-code"),
    ({"status": "entered-in-error"}, "Consent.status", "onbekende-code"),
    ({"scope": {"coding": [{"system": f"{TERMS}consentscope", "code": "treatment"}]}},
     "Consent.scope", "onbekende-code"),
    ({"patient": {"reference": "Patient/elders"}}, "Consent.patient", "ongeldig"),
    ({"performer": []}, "Consent.performer", "ontbreekt"),
    ({"performer": [{"reference": "RelatedPerson/1"}]}, "Consent.performer", "ongeldig"),
    ({"dateTime": "2013-12"}, "Consent.dateTime", "ongeldig"),
    ({"dateTime": "2013-02-30"}, "Consent.dateTime", "ongeldig"),
    ({"dateTime": 20131230}, "Consent.dateTime", "ongeldig"),
    ({"dateTime": "9999-12-31T23:59:59Z"}, "Consent.dateTime", "ongeldig"),
    ({"provision": None}, "Consent.provision", "ontbreekt"),
    ({"provision": provision(purpose=[])}, "Consent.provision.purpose", "ontbreekt"),
    ({"provision": provision(actor=[])}, "Consent.provision.actor", "ontbreekt"),
    ({"provision": provision(purpose=[{"system": f"{TERMS}v3-ActReason", "code": "TREAT"}])},
     "Consent.provision.purpose", "onbekende-code"),
    ({"provision": provision(actor=provision()["actor"] * 2)},
     "Consent.provision.actor", "onbekende-code"),
    ({"provision": provision(action=[{"coding": [{"code": "collect"}]}])},
     "Consent.provision.action", "onbekende-code"),
    ({"provision": provision(period={"start": "2014-01-02"})},
     "Consent.provision.period", "datum-in-toekomst"),
    ({"provision": provision(period={"end": "2014"})}, "Consent.provision.period", "ongeldig"),
    ({"provision": provision(provision=[{"type": "deny"}])},
     "Consent.provision.provision", "onbekende-kolom"),
    ({"provision": provision(code=[{"text": "alleen wonen"}])},
     "Consent.provision.code", "onbekende-kolom"),
    ({"provision": provision(data=[{"meaning": "instance"}])},
     "Consent.provision.data", "onbekende-kolom"),
])  # fmt: skip
def test_a_yes_that_says_less_is_none(changed: Json, place: str, problem: str) -> None:
    assert (4, place, problem) in told_of(with_consent(**changed))


def test_a_consent_of_the_future_is_refused() -> None:
    assert told_of(with_consent(dateTime="2014-01-02")) == [
        (1, "lid.instemming.op", "datum-in-toekomst")
    ]


def test_yes_and_no_on_one_day_contradict_each_other() -> None:
    whole = bundle()
    whole["entry"].append(entry("urn:uuid:x", consent(provision=provision(type="deny"))))
    assert told_of(whole) == [(5, "Consent.provision.type", "tegenstrijdig")]


def test_consents_to_two_recipients_contradict_each_other() -> None:
    whole = bundle()
    elsewhere = provision()
    elsewhere["actor"][0]["reference"]["identifier"]["value"] = "dwi"
    whole["entry"].append(entry("urn:uuid:x", consent(provision=elsewhere)))
    assert told_of(whole) == [(5, "Consent.provision.actor", "tegenstrijdig")]


@pytest.mark.parametrize(("number", "changed", "place", "problem"), [
    (1, {"active": False}, "Patient.active", "onbekende-code"),
    (1, {"deceasedBoolean": True}, "Patient.deceasedBoolean", "onbekende-code"),
    (1, {"identifier": "x"}, "Patient.identifier", "ongeldig"),
    (1, {"gender": "F"}, "Patient.gender", "onbekende-code"),
    (1, {"naam": "x"}, "Patient", "onbekende-kolom"),
    (1, {"extension": [{"url": "urn:sluis:fhir:rol", "valueCode": "oom"}]},
     "Patient.extension", "onbekende-code"),
    (1, {"extension": [{"url": "urn:sluis:fhir:geheimhouding", "valueString": "ja"}]},
     "Patient.extension", "ongeldig"),
    (1, {"birthDate": "1980-13-01"}, "lid.geboortedatum", "ongeldig"),
    (1, {"birthDate": "2014-01-02"}, "lid.geboortedatum", "datum-in-toekomst"),
    (2, {"status": "draft"}, "ServiceRequest.status", "onbekende-code"),
    (2, {"intent": "plan"}, "ServiceRequest.intent", "onbekende-code"),
    (2, {"doNotPerform": True}, "ServiceRequest.doNotPerform", "onbekende-code"),
    (2, {"authoredOn": "2013"}, "ServiceRequest.authoredOn", "ongeldig"),
    (2, {"subject": {"reference": TASK}}, "ServiceRequest.subject", "ongeldig"),
    (3, {"status": "completed"}, "Task.status", "onbekende-code"),
    (3, {"code": {"coding": [{"code": "fulfill"}]}}, "Task.code", "onbekende-code"),
    (3, {"focus": {"reference": PATIENT}}, "Task.focus", "ongeldig"),
    (3, {"focus": {"reference": TASK}}, "Task.focus", "ongeldig"),
    (3, {"for": {"reference": TASK}}, "Task.for", "tegenstrijdig"),
    (3, {"identifier": []}, "Task.identifier", "ontbreekt"),
    (3, {"identifier": [{"value": "A"}, {"value": "B"}]}, "Task.identifier", "te-veel"),
    (3, {"identifier": [{"system": "x"}]}, "Task.identifier", "ontbreekt"),
])  # fmt: skip
def test_what_is_wrong_is_told_by_its_place(
    number: int, changed: Json, place: str, problem: str
) -> None:
    told = told_of(with_part(number, **changed))
    assert [(field, code) for _, field, code in told] == [(place, problem)]
    assert {line for line, _, _ in told} == {number}


def test_an_impossible_reference_is_refused_at_its_field() -> None:
    told = told_of(with_part(3, identifier=[{"value": "urn:uuid:1"}]))
    assert [(field, code) for _, field, code in told] == [("aanmelding.kenmerk", "ongeldig")]


def test_a_reference_with_a_bsn_in_it_is_refused_and_not_repeated() -> None:
    record = record_of(with_part(3, identifier=[{"value": "P999990019"}]))
    assert not isinstance(record, Translated)
    assert record.reference is None
    assert [one.field for one in record.findings] == ["aanmelding.kenmerk"]


def test_a_refused_bundle_keeps_its_reference() -> None:
    record = record_of(with_part(2, status="draft"))
    assert not isinstance(record, Translated)
    assert record.reference == "GGZ-2013-0001"


@pytest.mark.parametrize(("bsn", "place", "problem"), [
    ("999990018", "lid.burgerservicenummer", "elfproef"),
    ("99999001", "Patient.identifier", "ongeldig"),
    ("999.990.019", "Patient.identifier", "ongeldig"),
])  # fmt: skip
def test_a_wrong_bsn_may_be_another_person_s(bsn: str, place: str, problem: str) -> None:
    whole = bundle()
    whole["entry"][0]["resource"]["identifier"][0]["value"] = bsn
    assert told_of(whole) == [(1, place, problem)]


@pytest.mark.parametrize("gone", [
    {"use": "old"}, {"use": "temp"},
    {"period": {"end": "2013"}}, {"period": {"start": "2014-01-02"}},
    {"period": {"start": "2001-01-01", "end": "2013-12-31T12:00:00+01:00"}},
])  # fmt: skip
def test_a_bsn_that_does_not_hold_now_is_nobody_s(gone: Json) -> None:
    """A number that was corrected stays in a record as `old`: it was another person's."""
    now = patient()["identifier"][0]
    then = {**now, "value": "999990020", **gone}
    (member,) = referral_of(with_part(1, identifier=[then])).household.members
    assert member.bsn is None
    (member,) = referral_of(with_part(1, identifier=[then, now])).household.members
    assert member.bsn is not None
    assert member.bsn.reveal() == "999990019"


def test_a_bsn_of_before_is_looked_for_in_the_reference_as_well() -> None:
    whole = with_part(3, identifier=[{"value": "P999990019"}])
    whole["entry"][0]["resource"]["identifier"][0]["use"] = "old"
    assert [field for _, field, _ in told_of(whole)] == ["aanmelding.kenmerk"]


@pytest.mark.parametrize("period", [
    {"start": "2013", "end": "2014"}, {"start": "2014-01-01", "end": "2014-01-01"},
    {"start": "2014-01-01T00:00:00+01:00"}, {},
])  # fmt: skip
def test_what_holds_today_is_read(period: Json) -> None:
    whole = bundle()
    for part in ("identifier", "name", "address"):
        whole["entry"][0]["resource"][part][0]["period"] = period
    household = referral_of(whole).household
    assert household.postcode == "1012AB"
    assert household.members[0].bsn is not None
    assert household.members[0].surname == "Proef"


def test_a_name_address_or_number_of_before_is_not_read() -> None:
    over = {"period": {"end": "2013-06-30"}}
    household = referral_of(with_part(
        1,
        name=[{"use": "official", "family": "Eerder", **over}, {"use": "official", "family": "Nu"}],
        address=[{"use": "home", "postalCode": "1012AB", **over},
                 {"use": "home", "postalCode": "1102AB"}],
        telecom=[{"system": "phone", "value": "0201234567", **over}],
    )).household  # fmt: skip
    assert household.members[0].surname == "Nu"
    assert (household.postcode, household.phone) == ("1102AB", None)


def test_nobody_lives_at_a_postal_address() -> None:
    post = {"type": "postal", "postalCode": "1012AB"}
    assert referral_of(with_part(1, address=[post])).household.postcode is None
    both = [{"use": "home", **post}, {"use": "home", "type": "both", "postalCode": "1102AB"}]
    assert referral_of(with_part(1, address=both)).household.postcode == "1102AB"


def test_between_two_homes_people_choose() -> None:
    homes = [{"use": "home", "postalCode": code} for code in ("1012AB", "1102AB")]
    record = record_of(with_part(1, address=homes))
    assert isinstance(record, Translated)
    assert isinstance(record.message, Referral)
    assert record.message.household.postcode is None
    told = [(one.field, one.problem.value) for one in record.findings]
    assert ("huishouden.postcode", "tegenstrijdig") in told
    same = [{"use": "home", "postalCode": code} for code in ("1012AB", "1012 ab")]
    assert referral_of(with_part(1, address=same)).household.postcode == "1012AB"


def test_what_is_asked_of_an_entry_may_not_mean_something_else() -> None:
    whole = bundle()
    whole["entry"][1]["request"]["modifierExtension"] = [{"url": "x", "valueBoolean": True}]
    whole["entry"][2]["request"]["verzoek"] = "x"
    assert told_of(whole) == [
        (2, "Bundle.entry.request.modifierExtension", "onbekende-kolom"),
        (3, "Bundle.entry.request", "onbekende-kolom"),
    ]


def test_two_bsns_contradict_each_other_and_one_twice_does_not() -> None:
    number = patient()["identifier"][0]
    assert told_of(with_part(1, identifier=[number, {**number, "value": "999990020"}])) == [
        (1, "Patient.identifier", "tegenstrijdig")
    ]
    assert referral_of(with_part(1, identifier=[number, number]))
    twice = bundle()
    twice["entry"].append(entry(OTHER, patient()))
    assert told_of(twice) == [(0, "Patient.identifier", "tegenstrijdig")]


def test_a_number_of_another_system_is_no_bsn() -> None:
    record = record_of(with_part(1, identifier=[{"system": "urn:oid:1", "value": "999990019"}]))
    assert isinstance(record, Translated)
    assert (1, "lid.burgerservicenummer", Problem.MISSING) in [
        (one.line, one.field, one.problem) for one in record.findings
    ]


def test_what_is_not_whole_is_left_out_and_noted() -> None:
    parts = {"extension": [{"url": f"{HL7}iso21090-ADXP-houseNumber", "valueString": "7 hs"}]}
    address = [{"use": "home", "_line": [parts], "line": ["Straat 7 hs"], "postalCode": "1012"}]
    telecom = [{"system": "phone", "value": "bel de buren"}]
    record = record_of(with_part(1, address=address, telecom=telecom, birthDate="1980"))
    assert isinstance(record, Translated)
    assert [(one.field, one.problem.value) for one in record.findings] == [
        ("huishouden.huisnummer", "ongeldig"),
        ("huishouden.postcode", "onvolledig"),
        ("huishouden.telefoonnummer", "ongeldig"),
        ("lid.geboortedatum", "onvolledig"),
        ("lid.zrm", "ontbreekt"),
    ]


@pytest.mark.parametrize(("kind", "element"), [
    (kind, element)
    for kind in ("Patient", "ServiceRequest", "Task", "Consent")
    for element in sorted(REFUSED[kind])
])  # fmt: skip
def test_what_tells_of_illness_or_changes_the_rest_is_refused(kind: str, element: str) -> None:
    number = ["Patient", "ServiceRequest", "Task", "Consent"].index(kind) + 1
    assert told_of(with_part(number, **{element: []})) == [
        (number, f"{kind}.{element}", "onbekende-kolom")
    ]


@pytest.mark.parametrize("kind", ["Condition", "Observation", "RelatedPerson", "x", None, 7, []])
def test_another_resource_refuses_the_bundle(kind: Json) -> None:
    whole = bundle()
    whole["entry"].append(entry("urn:uuid:x", {"resourceType": "Patient"}))
    whole["entry"][4]["resource"] = {"resourceType": kind}
    ((line, place, problem),) = told_of(whole)
    assert (line, problem) == (5, "onbekende-kolom")
    assert place in ("Bundle.entry.resource", f"Bundle.entry.resource.{kind}")


@pytest.mark.parametrize("resource", [
    {"resourceType": "ReferralRequest"},
    {"resourceType": "ProcedureRequest"},
    {"resourceType": "Patient", "animal": {}},
    {"resourceType": "Patient",
     "meta": {"profile": ["http://fhir.nl/fhir/StructureDefinition/nl-core-patient"]}},
    {"resourceType": "Patient", "meta": {"profile": [f"{HL7}Patient|4.3.0"]}},
    {"resourceType": "Patient",
     "meta": {"profile": ["http://hl7.org/fhir/5.0/StructureDefinition/Patient"]}},
    {"resourceType": "Consent", "decision": "permit"},
    {"resourceType": "Consent", "provision": [{}]},
    {"resourceType": "Consent", "except": [{"type": "deny"}]},
    {"resourceType": "Task", "requestedPeriod": {}},
    {"resourceType": "Task", "context": {}},
    {"resourceType": "ServiceRequest", "reason": [{}]},
])  # fmt: skip
def test_another_release_of_fhir_is_refused_as_that(resource: Json) -> None:
    whole = bundle()
    whole["entry"][0] = entry(PATIENT, resource)
    assert (1, "fhirVersion", "ongeldig") in told_of(whole)


@pytest.mark.parametrize("profile", [
    "http://nictiz.nl/fhir/StructureDefinition/nl-core-Patient",
    f"{HL7}Patient", f"{HL7}Patient|4.0.1", "http://hl7.org/fhir/4.0/StructureDefinition/Patient",
    "https://epd.voorbeeld.nl/ons-profiel|9.9", 7,
])  # fmt: skip
def test_r4_is_taken_under_any_profile_of_its_own(profile: Json) -> None:
    assert referral_of(with_part(1, meta={"profile": [profile]}))


@pytest.mark.parametrize(("changed", "place", "problem"), [
    ({"type": "batch"}, "Bundle.type", "onbekende-code"),
    ({"type": None}, "Bundle.type", "onbekende-code"),
    ({"entry": []}, "Bundle.entry", "ontbreekt"),
    ({"entry": ["x"]}, "Bundle.entry", "ongeldig"),
    ({"entry": [{}] * 201}, "Bundle.entry", "te-veel"),
    ({"resourceType": "Patient"}, "Bundle.resourceType", "ongeldig"),
    ({"Kanarie": 1}, "Bundle", "onbekende-kolom"),
    ({"implicitRules": "x"}, "Bundle.implicitRules", "onbekende-kolom"),
])  # fmt: skip
def test_what_is_wrong_with_the_bundle_is_told_of_the_bundle(
    changed: Json, place: str, problem: str
) -> None:
    assert told_of(bundle(**changed)) == [(0, place, problem)]


@pytest.mark.parametrize(("changed", "place"), [
    ({"request": {"method": "PUT", "url": "Patient"}}, "Bundle.entry.request.method"),
    ({"request": {"method": "POST", "url": "Patient?naam=x"}}, "Bundle.entry.request.url"),
    ({"request": None}, "Bundle.entry.request"),
    ({"fullUrl": REQUEST}, "Bundle.entry.fullUrl"),
    ({"resource": None}, "Bundle.entry.resource"),
    ({"response": {}}, "Bundle.entry.response"),
])  # fmt: skip
def test_what_is_wrong_with_an_entry_is_told_of_the_entry(changed: Json, place: str) -> None:
    whole = bundle()
    whole["entry"][0].update(changed)
    assert place in [field for line, field, _ in told_of(whole) if line in (1, 2)]


@pytest.mark.parametrize(("left_out", "place", "problem"), [
    (0, "Bundle.entry.resource.Patient", "ontbreekt"),
    (1, "Bundle.entry.resource.ServiceRequest", "ontbreekt"),
    (2, "Bundle.entry.resource.Task", "ontbreekt"),
])  # fmt: skip
def test_a_bundle_lacks_none_of_three(left_out: int, place: str, problem: str) -> None:
    whole = bundle()
    del whole["entry"][left_out]
    assert (0, place, problem) in told_of(whole)


def test_two_tasks_are_two_transactions() -> None:
    whole = bundle()
    whole["entry"].append(entry("urn:uuid:x", task()))
    assert told_of(whole) == [(0, "Bundle.entry.resource.Task", "te-veel")]


def test_more_than_thirty_patients_are_no_household() -> None:
    whole = bundle()
    for number in range(30):
        whole["entry"].append(entry(f"urn:uuid:{number}", patient(identifier=[])))
    assert [(field, code) for _, field, code in told_of(whole)] == [("huishouden.leden", "te-veel")]


def test_many_notes_are_one_text_too_long() -> None:
    told = told_of(with_part(2, note=[{"text": "x" * 100}] * 150))
    assert [(field, code) for _, field, code in told] == [("aanmelding.toelichting", "te-lang")]


@pytest.mark.parametrize(("body", "problem"), [
    (b'{"resourceType": "Bundle"', Problem.BROKEN),
    (b'{"resourceType": "Bundle"} x', Problem.BROKEN),
    (b'{"resourceType": "Bundle", "resourceType": "Bundle"}', Problem.CONTRADICTION),
    (b'{"resourceType": "\xff"}', Problem.ENCODING),
    (b"7", Problem.INVALID),
    (b"[" * 200_000 + b"]" * 200_000, Problem.INVALID),
    (b'{"a":' * 60_000 + b"1" + b"}" * 60_000, Problem.INVALID),
    (b'{"a":"' + b"x" * 2_000_000 + b'"}', Problem.TOO_LONG),
])  # fmt: skip
def test_what_is_no_json_object_is_one_refused_record(body: bytes, problem: Problem) -> None:
    if body.startswith(b"["):
        body = b'{"a":' + body + b"}"
    (record,) = read(reader(), body)
    assert not isinstance(record, Translated)
    assert [(one.line, one.field, one.problem) for one in record.findings] == [
        (0, "Bundle", problem)
    ]


@pytest.mark.parametrize(("body", "where"), [
    (b"", "bestand (leeg)"),
    (b" \n", "bestand (leeg)"),
    (b"<Bundle xmlns='http://hl7.org/fhir'/>", "bestand (dit is XML)"),
    (b"%PDF-1.7", "bestand (dit is een PDF)"),
    (b"PK\x03\x04" + b"x" * 3_000_000, "bestand (dit is een Excel- of ZIP-bestand)"),
])  # fmt: skip
def test_another_file_is_told_what_it_is(body: bytes, where: str) -> None:
    assert refusal(reader(), body)[1] == where


def test_a_byte_order_mark_is_passed_over() -> None:
    (record,) = read(reader(), b"\xef\xbb\xbf" + json.dumps(bundle()).encode())
    assert isinstance(record, Translated)


def test_the_day_of_an_unresolved_consent_never_counts() -> None:
    """One that is about somebody else gives this patient no agreement."""
    whole = bundle()
    whole["entry"][3]["resource"]["patient"] = {"reference": CONSENT}
    assert told_of(whole) == [(4, "Consent.patient", "ongeldig")]
