"""The CapabilityStatement promises what is taken, and nothing else."""

import json

from adapters.ggz import ADAPTER
from adapters.ggz.bundle import TAKEN
from tests.adapters.ggz.written import FHIR


def test_the_statement_names_what_is_taken() -> None:
    assert ADAPTER.description is not None
    statement = json.loads(ADAPTER.description("https://sluis.voorbeeld.nl/v1/fhir"))
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["format"] == [FHIR]
    assert statement["implementation"]["url"] == "https://sluis.voorbeeld.nl/v1/fhir"
    (rest,) = statement["rest"]
    assert {one["type"] for one in rest["resource"]} == set(TAKEN)
    assert rest["interaction"] == [{"code": "transaction"}]
    assert all("interaction" not in one for one in rest["resource"])


def test_another_release_in_the_media_type_is_refused() -> None:
    assert ADAPTER.parameters == {"fhirversion": "4.0"}
