"""Every nl-core example that Nictiz publishes goes in, or is refused with its code and place."""

import json
from pathlib import Path

import pytest
from lxml import etree

from adapters.ggz.resources import MODELS
from schemas.deliveries import Translated
from schemas.referral import Sex
from tests.adapters.ggz.fhir_xml import resource_of
from tests.adapters.ggz.nl_core_rules import RULES, broken_by
from tests.adapters.ggz.written import (
    CONSENT,
    HL7,
    PATIENT,
    REQUEST,
    TASK,
    Json,
    bundle,
    consent,
    entry,
    patient,
    record_of,
    referral_of,
    service_request,
    task,
    told_of,
)

PROFILES = Path(__file__).parents[4] / "shared" / "standards" / "fhir" / "profiles"
FOLDER = Path(__file__).parents[4] / "shared" / "standards" / "fhir" / "nl-core-examples"
EXAMPLES = sorted(FOLDER.glob("*.xml")) if FOLDER.is_dir() else []
needs_examples = pytest.mark.skipif(
    not EXAMPLES, reason=f"the nl-core examples are not at {FOLDER}: nothing was checked"
)
BY_KIND = {
    path.stem: (resource["resourceType"], resource)
    for path in EXAMPLES
    for resource in [resource_of(path.read_bytes())]
}
PATIENTS = sorted(name for name, (kind, _) in BY_KIND.items() if kind == "Patient")
CONSENTS = sorted(name for name, (kind, _) in BY_KIND.items() if kind == "Consent")
OTHERS = sorted(name for name, (kind, _) in BY_KIND.items() if kind not in MODELS)


def with_patient(example: Json) -> Json:
    return bundle(
        entry(PATIENT, example),
        entry(REQUEST, service_request()),
        entry(TASK, task()),
        entry(CONSENT, consent()),
    )


@needs_examples
def test_every_example_is_looked_at() -> None:
    assert (len(EXAMPLES), len(PATIENTS), len(CONSENTS), len(OTHERS)) == (74, 8, 3, 63)


@pytest.mark.parametrize("name", PATIENTS)
def test_a_patient_of_nl_core_goes_in(name: str) -> None:
    record = record_of(with_patient(BY_KIND[name][1]))
    assert isinstance(record, Translated), record.findings


@pytest.mark.parametrize("name", CONSENTS)
def test_a_consent_to_treatment_is_no_consent_to_this(name: str) -> None:
    """nl-core's Consents are treatment directives: wills, not permissions to hand over."""
    example = {**BY_KIND[name][1], "patient": {"reference": PATIENT}}
    told = told_of(bundle(
        entry(PATIENT, patient()), entry(REQUEST, service_request()), entry(TASK, task()),
        entry(CONSENT, example),
    ))  # fmt: skip
    assert {line for line, _, _ in told} == {4}
    places = {field for _, field, _ in told}
    assert places & {"Consent.scope", "Consent.status", "Consent.sourceAttachment",
                     "Consent.provision.code"}  # fmt: skip
    assert all(field.startswith("Consent.") for field in places)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_needed_is_refused_by_its_place(name: str) -> None:
    kind, example = BY_KIND[name]
    whole = bundle()
    whole["entry"].append(entry("urn:uuid:4d1b6d9e-0c5e-4a5e-9a3e-000000000009", example))
    named = {"Condition", "Observation", "Encounter", "Procedure", "CarePlan"}
    place = f"Bundle.entry.resource.{kind}" if kind in named else "Bundle.entry.resource"
    assert told_of(whole) == [(5, place, "onbekende-kolom")]


@pytest.mark.parametrize("name", [*PATIENTS, *CONSENTS, *OTHERS])
def test_an_example_outside_a_bundle_is_refused(name: str) -> None:
    assert told_of(BY_KIND[name][1]) == [(0, "Bundle.resourceType", "ongeldig")]


@needs_examples
def test_what_is_read_of_a_patient_is_what_dutch_registers_have() -> None:
    """Read by hand in `nl-core-Patient-01`; the postcode is written with its space there."""
    referral = referral_of(with_patient(BY_KIND["nl-core-Patient-01"][1]))
    (member,) = referral.household.members
    assert member.bsn is not None
    assert member.bsn.reveal() == "111222333"
    assert (member.initials, member.prefix, member.surname) == ("J.P.M.", "van", "Putten")
    assert member.birth_date is not None
    assert member.birth_date.reveal() == "1934-04-28"
    assert member.sex is Sex.FEMALE
    household = referral.household
    assert (household.street, household.house_number) == ("1e Jacob van Campenstr", 15)
    assert (household.postcode, household.phone) == ("1012NX", "+31611234567")
    assert household.house_number_suffix is None


@needs_examples
@pytest.mark.parametrize(
    ("name", "initials", "prefix", "surname"),
    [
        ("complete", "J.P.M.", "van", "Putten"),
        ("firstNames", "H.J.W.", None, "Schemer"),
        ("firstNamesAndInitials", "H.J.W.", None, "Schemer"),
        ("firstNamesAndInitialsSeparate", "H.W.", None, "Schemer"),
        ("initials", "H.J.W.", None, "Schemer"),
    ],
)
def test_names_are_read_as_nictiz_explains_them(
    name: str, initials: str, prefix: str | None, surname: str
) -> None:
    referral = referral_of(with_patient(BY_KIND[f"nl-core-NameInformation-{name}"][1]))
    (member,) = referral.household.members
    assert (member.initials, member.prefix, member.surname) == (initials, prefix, surname)


@needs_examples
def test_nothing_else_of_a_patient_enters_the_referral() -> None:
    """Marital status, nationality, language, contacts and e-mail stand in the same example."""
    referral = referral_of(with_patient(BY_KIND["nl-core-Patient-01"][1]))
    written = referral.model_dump_json(by_alias=True)
    for gone in ("Divorced", "Nederlandse", "giesput", "Giessen", "zoon", "Johanna", "Meerling"):
        assert gone not in written
    assert set(json.loads(written)) >= {"kenmerk", "huishouden"}


@pytest.mark.skipif(not PROFILES.is_dir(), reason=f"no profiles at {PROFILES}: nothing was checked")
def test_the_rules_that_we_keep_are_those_of_the_profiles() -> None:
    of = {"f": "http://hl7.org/fhir"}
    told: dict[str, str] = {}
    for path in PROFILES.glob("*.xml"):
        for rule in etree.parse(str(path)).iterfind(".//f:constraint", of):
            key, expression = rule.find("f:key", of), rule.find("f:expression", of)
            assert key is not None
            assert expression is not None
            told[str(key.get("value"))] = str(expression.get("value"))
    assert told == {key: expression for key, (expression, _) in RULES.items()}


def test_a_name_that_breaks_a_rule_is_told() -> None:
    bare = {"family": "Proef"}
    parts = {"_family": {"extension": [{"url": f"{HL7}humanname-own-name", "valueString": "P"}]}}
    whole = {"given": ["A"], "_given": [{"extension": [
        {"url": f"{HL7}iso21090-EN-qualifier", "valueCode": "BR"}]}]}  # fmt: skip
    for name, broken in (
        (bare, ["nl-core-NameInformation-01"]),
        (parts, ["nl-core-NameInformation-02"]),
        (whole, ["nl-core-NameInformation-01"]),
        ({**bare, **parts, **whole, "text": "A. Proef"}, []),
    ):
        assert list(broken_by({"entry": [{"resource": {"name": [name]}}]})) == broken


@pytest.mark.parametrize("name", PATIENTS)
def test_nictiz_s_own_patients_keep_the_rules(name: str) -> None:
    assert not list(broken_by({"entry": [{"resource": BY_KIND[name][1]}]}))
