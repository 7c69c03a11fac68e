"""The published JSON Schemas: valid, committed as the models have them, and of one mind with them.

Where a schema is looser than its model, the looseness is listed here by name.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, ValidationError

from schemas import export
from schemas.casework import StatusMessage
from schemas.referral import Referral
from tests.support.strategies import referrals, status_messages, unhurried

SCHEMAS: dict[str, Any] = export.json_schemas()
UUID_TEXT = "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e"
HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

EXAMPLES: dict[str, dict[str, Any]] = {
    "aanmelding": {
        "kenmerk": "DWI-1",
        "aangemeldOp": "2026-03-01",
        "grondslag": "wmo2015",
        "huishouden": {
            "postcode": "1012AB",
            "huisnummer": 7,
            "geheimhouding": True,
            "leden": [
                {
                    "rol": "aanmelder",
                    "burgerservicenummer": "999900018",
                    "geboortedatum": "1980-05",
                    "participatietrede": 3,
                    "zrm": {"gemetenOp": "2026-02-01", "scores": {"inkomen": 2}},
                    "instemming": {"gegeven": True, "op": "2026-02-01"},
                },
                {},
            ],
        },
    },
    "statusbericht": {
        "kenmerk": "S-1",
        "uitwisselingId": UUID_TEXT,
        "status": "afgesloten-bereikt",
        "peildatum": "2026-03-01",
        "afsluitreden": "overleden",
    },
    "eigen-status": {"kenmerk": "DWI-1", "status": "in-behandeling", "peildatum": "2026-03-01"},
    "antwoord": {
        "uitwisselingId": UUID_TEXT,
        "besluit": "geweigerd",
        "regel": "verplicht-gegeven-ontbreekt",
        "veld": "aanmelding.grondslag",
        "ontvangenOp": "2026-03-01T12:00:00Z",
        "bevindingen": ["lid.geboortedatum"],
        "ontvangstbewijs": {
            "logregelId": UUID_TEXT,
            "logboek": "sluis.voorbeeld.nl/verwerkingen",
            "bladhash": HASH,
            "zout": "AAAAAAAAAAAAAAAAAAAAAA==",
            "bodyVerbintenis": HASH,
            "toezegging": {
                "wortel": HASH,
                "positie": 0,
                "omvang": 2,
                "pad": [HASH],
                "sleutel": "sluis.voorbeeld.nl",
                "handtekening": HASH,
            },
        },
    },
    "leveringsverslag": {
        "leveringId": UUID_TEXT,
        "status": "verwerkt",
        "ontvangenOp": "2026-03-01T12:00:00Z",
        "verwerktOp": "2026-03-01T12:00:01Z",
        "bytes": 1000,
        "records": 3,
        "toegelaten": 1,
        "aangehouden": 1,
        "geweigerd": {"niet-leesbaar": 1},
        "dubbel": 0,
        "ontbrekend": {"lid.geboortedatum: ontbreekt": 1},
    },
    "recorduitkomst": {
        "record": 1,
        "regel": 2,
        "kenmerk": "DWI-1",
        "besluit": "geweigerd",
        "regelcode": "niet-leesbaar",
        "bevindingen": [{"regel": 2, "veld": "lid.geboortedatum", "bevinding": "ongeldig"}],
    },
    "pseudoniemwissel": {
        "van": 1,
        "naar": 2,
        "deel": 1,
        "sluit": True,
        "paren": [["A" * 43, "B" * 42 + "A"]],
    },
    "intrekkingsbericht": {
        "uitwisselingId": UUID_TEXT,
        "doel": "toeleiding-wijkteam",
        "categorie": "*",
        "lid": "A" * 43,
    },
    "kennisgeving": {
        "regel": "niet-vrijgegeven",
        "uitwisselingId": UUID_TEXT,
        "kenmerk": "DWI-1",
    },
    "correctiebericht": {
        "correctieId": UUID_TEXT,
        "uitwisselingId": UUID_TEXT,
        "soort": "rectificatie",
        "doel": "toeleiding-wijkteam",
        "velden": ["huishouden.straatnaam"],
        "waarden": {"huishouden": {"straatnaam": "Dam"}},
    },
    "overdracht": {
        "uitwisselingId": UUID_TEXT,
        "vanTeam": "centrum",
        "naarTeam": "stedelijke-balie",
        "peildatum": "2026-03-01",
        "reden": "grensgeval",
    },
    "signaal": {
        "regel": "eerste-contact-uitgebleven",
        "uitwisselingId": UUID_TEXT,
        "kenmerk": "DWI-1",
        "nummer": 1,
        "termijnDagen": 14,
    },
    "toedeling": {"uitwisselingId": UUID_TEXT, "team": "zuidoost"},
    "toedelingen": {
        "wachtend": [
            {
                "uitwisselingId": UUID_TEXT,
                "reden": "geen-postcode",
                "sinds": "2026-03-01T12:00:00Z",
                "isTeLaat": False,
            }
        ]
    },
    "partnerbericht": {
        "kenmerk": "PB-1",
        "uitwisselingId": UUID_TEXT,
        "soort": "bereikbaarheid-gewijzigd",
        "peildatum": "2026-03-01",
        "bereikbaarheid": "moeilijk-bereikbaar",
    },
    "verhuizing": {
        "kenmerk": "V-1",
        "uitwisselingId": UUID_TEXT,
        "postcode": "1104AB",
        "peildatum": "2026-03-01",
    },
    "aangehouden": {
        "aangehouden": [
            {
                "uitwisselingId": UUID_TEXT,
                "kenmerk": "DWI-1",
                "regel": "instemming-onvolledig",
                "sinds": "2026-03-01T12:00:00Z",
                "tot": "2026-04-12T12:00:00Z",
            }
        ]
    },
    "correctie": {
        "kenmerk": "C-1",
        "soort": "rectificatie",
        "berichtKenmerk": "DWI-1",
        "lid": {"plaats": 0},
        "waarden": {"lid.achternaam": "Goed", "lid.participatietrede": 3},
    },
    "correctie-vastgelegd": {
        "correctieId": UUID_TEXT,
        "uitwisselingId": UUID_TEXT,
        "soort": "annulering",
        "logregelId": UUID_TEXT,
        "vastgelegdOp": "2026-03-01T12:00:00Z",
    },
    "correctieverslag": {
        "correctieId": UUID_TEXT,
        "soort": "annulering",
        "uitwisselingId": UUID_TEXT,
        "vastgelegdOp": "2026-03-01T12:00:00Z",
        "ontvangers": [
            {
                "ontvanger": "casebook",
                "uitwisselingId": UUID_TEXT,
                "klaargezetOp": "2026-03-01T12:00:00Z",
            }
        ],
        "isGereed": False,
    },
    "terugroepverslag": {"toestemmingId": UUID_TEXT, "ontvangers": [], "isGereed": True},
}

Change = tuple[str, tuple[str | int, ...], object]
MEMBER = ("huishouden", "leden", 0)

REFUSED_BY_BOTH: list[Change] = [
    ("aanmelding", ("kenmerk",), ...),
    ("aanmelding", ("kenmerk",), "a b"),
    ("aanmelding", ("kenmerk",), 1),
    ("aanmelding", ("bsn",), "999900018"),
    ("aanmelding", ("aangemeldOp",), "2026-02-30"),
    ("aanmelding", ("aangemeldOp",), None),
    ("aanmelding", ("grondslag",), "awbz"),
    ("aanmelding", ("toelichting",), "x" * 4001),
    ("aanmelding", ("huishouden",), []),
    ("aanmelding", ("huishouden", "leden"), []),
    ("aanmelding", ("huishouden", "leden"), [{}] * 31),
    ("aanmelding", ("huishouden", "postcode"), "1012 AB"),
    ("aanmelding", ("huishouden", "huisnummer"), 0),
    ("aanmelding", ("huishouden", "huisnummer"), True),
    ("aanmelding", ("huishouden", "geheimhouding"), None),
    ("aanmelding", ("huishouden", "geheimhouding"), "ja"),
    ("aanmelding", ("huishouden", "telefoonnummer"), "bel mij"),
    ("aanmelding", (*MEMBER, "naam"), "x"),
    ("aanmelding", (*MEMBER, "rol"), "oma"),
    ("aanmelding", (*MEMBER, "burgerservicenummer"), "1234567"),
    ("aanmelding", (*MEMBER, "burgerservicenummer"), 999900018),
    ("aanmelding", (*MEMBER, "geboortedatum"), "1-5-1980"),
    ("aanmelding", (*MEMBER, "participatietrede"), 7),
    ("aanmelding", (*MEMBER, "participatietrede"), 2.5),
    ("aanmelding", (*MEMBER, "achternaam"), ""),
    ("aanmelding", (*MEMBER, "zrm", "scores"), {}),
    ("aanmelding", (*MEMBER, "zrm", "scores"), {"inkomen": 6}),
    ("aanmelding", (*MEMBER, "zrm", "scores"), {"humeur": 3}),
    ("aanmelding", (*MEMBER, "zrm", "gemetenOp"), ...),
    ("aanmelding", (*MEMBER, "instemming", "gegeven"), ...),
    ("aanmelding", (*MEMBER, "instemming", "door"), "buurman"),
    ("statusbericht", ("uitwisselingId",), "1"),
    ("statusbericht", ("status",), "beeindigd"),
    ("statusbericht", ("afsluitreden",), "geen zin"),
    ("statusbericht", ("toelichting",), "x"),
    ("eigen-status", ("status",), "klaar"),
    ("eigen-status", ("uitwisselingId",), UUID_TEXT),
    ("antwoord", ("besluit",), "misschien"),
    ("antwoord", ("regel",), "zomaar"),
    ("antwoord", ("ontvangstbewijs",), ...),
    ("antwoord", ("ontvangstbewijs", "toezegging", "omvang"), 257),
    ("antwoord", ("ontvangstbewijs", "toezegging", "positie"), -1),
    ("leveringsverslag", ("status",), "bezig"),
    ("leveringsverslag", ("geweigerd",), {"dubbel": "een"}),
    ("leveringsverslag", ("namen",), ["x"]),
    ("recorduitkomst", ("record",), 0),
    ("recorduitkomst", ("regel",), -1),
    ("recorduitkomst", ("bevindingen", 0, "bevinding"), "lelijk"),
    ("recorduitkomst", ("bevindingen", 0, "waarde"), "x"),
]
REFUSED_BY_THE_MODEL_ALONE: list[Change] = [
    ("aanmelding", (*MEMBER, "burgerservicenummer"), "999900019"),  # the eleven-test
    ("aanmelding", (*MEMBER, "burgerservicenummer"), "000000000"),
    ("aanmelding", (*MEMBER, "geboortedatum"), "1981-02-29"),  # no such day
    ("aanmelding", (*MEMBER, "geboortedatum"), "1849"),
    ("aanmelding", (*MEMBER, "achternaam"), "   "),  # nothing once blanks are off
    ("aanmelding", (*MEMBER, "achternaam"), "a\x00"),
    ("aanmelding", (*MEMBER, "participatietrede"), 3.0),  # a whole number to JSON Schema
    ("statusbericht", ("status",), "regiecheck"),  # and still a reason why it was closed
]


def changed(change: Change) -> Any:
    name, path, value = change
    message = deepcopy(EXAMPLES[name])
    target: Any = message
    for step in path[:-1]:
        target = target[step]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return message


def schema_takes(name: str, message: object) -> bool:
    return not list(_VALIDATORS[name].iter_errors(message))


def model_takes(name: str, message: object) -> bool:
    try:
        export.PUBLIC_MESSAGES[name].model_validate_json(json.dumps(message))
    except ValidationError:
        return False
    return True


_VALIDATORS: dict[str, Any] = {
    name: Draft202012Validator(schema, format_checker=FormatChecker(["date", "uuid"]))
    for name, schema in SCHEMAS.items()
}


def test_the_committed_schemas_are_those_of_the_models() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in export.FOLDER.iterdir()}
    assert committed == export.schema_files(), "run: python -m schemas.export"


def test_writing_replaces_what_is_stale(tmp_path: Path) -> None:
    folder = tmp_path / "json"
    export.write(folder)
    (folder / "vervallen.schema.json").write_text("{}")
    (folder / "aanmelding.schema.json").write_text("{}")
    export.write(folder)
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert written == export.schema_files()


def test_every_public_message_has_a_schema_and_an_example() -> None:
    assert set(SCHEMAS) == set(EXAMPLES) == set(export.PUBLIC_MESSAGES)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:sluis:v1:{name}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_object_in_a_schema_is_closed(name: str) -> None:
    for part in [SCHEMAS[name], *SCHEMAS[name].get("$defs", {}).values()]:
        if "properties" in part:
            assert part["additionalProperties"] is False, part["title"]


def test_exporting_twice_gives_the_same_text() -> None:
    assert export.schema_files() == export.schema_files()
    export.json_schemas()["aanmelding"].clear()
    assert export.json_schemas() == SCHEMAS


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_taken_by_schema_and_model(name: str) -> None:
    assert schema_takes(name, EXAMPLES[name])
    assert model_takes(name, EXAMPLES[name])


@pytest.mark.parametrize("change", REFUSED_BY_BOTH, ids=str)
def test_schema_and_model_refuse_alike(change: Change) -> None:
    assert not schema_takes(change[0], changed(change))
    assert not model_takes(change[0], changed(change))


@pytest.mark.parametrize("change", REFUSED_BY_THE_MODEL_ALONE, ids=str)
def test_the_model_refuses_what_a_schema_cannot_say(change: Change) -> None:
    assert schema_takes(change[0], changed(change))
    assert not model_takes(change[0], changed(change))


@unhurried
@given(st.one_of(referrals(), status_messages()))
def test_what_a_model_writes_its_schema_takes(message: Referral | StatusMessage) -> None:
    name = "aanmelding" if isinstance(message, Referral) else "statusbericht"
    for without_none in (True, False):
        written = json.loads(message.model_dump_json(by_alias=True, exclude_none=without_none))
        assert schema_takes(name, written)


def leaves(message: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps: list[tuple[str | int, Any]] = []
    if isinstance(message, dict):
        steps = list(message.items())
    elif isinstance(message, list):
        steps = list(enumerate(message))
    deeper = [leaf for step, part in steps for leaf in leaves(part, (*path, step))]
    return [*deeper, *([path] if path else [])]


@pytest.mark.parametrize("name", ["aanmelding", "statusbericht"])
def test_no_model_takes_what_its_schema_refuses(name: str) -> None:
    # Every place of the example is given every kind of value: the schema must be the looser one.
    stranger: list[object] = [None, True, 0, 1, 86400, 2.5, "", "x", "0", "off", [], {}, {"x": 1}]
    changes: list[Change] = [
        (name, path, value) for path in leaves(EXAMPLES[name]) for value in [*stranger, ...]
    ]
    looser = [
        change
        for change in changes
        if model_takes(name, changed(change)) and not schema_takes(name, changed(change))
    ]
    assert looser == []


def test_public_messages_are_models_with_wire_names_throughout() -> None:
    for model in export.PUBLIC_MESSAGES.values():
        assert issubclass(model, BaseModel)
        aliases = [field.alias or name for name, field in model.model_fields.items()]
        assert not [alias for alias in aliases if "_" in alias]
