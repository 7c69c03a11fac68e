"""The canonical referral at the border: what it takes, what it refuses, what its errors hide."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.casework import StatusMessage
from schemas.referral import MAX_MEMBERS, Household, Member, Referral, Role, Wire
from tests.support.strategies import referrals, status_messages, unhurried

WHOLE: dict[str, Any] = {
    "kenmerk": "DWI-2026/0001",
    "aangemeldOp": "2026-03-01",
    "grondslag": "participatiewet",
    "toelichting": "Belt op dinsdag.",
    "huishouden": {
        "postcode": "1012AB",
        "straatnaam": "Proefstraat",
        "huisnummer": 7,
        "huisnummertoevoeging": "2hg",
        "telefoonnummer": "+31 20 0000000",
        "geheimhouding": False,
        "leden": [
            {
                "rol": "aanmelder",
                "burgerservicenummer": "999900018",
                "voorletters": "A.",
                "voorvoegsel": "van",
                "achternaam": "Proef",
                "geboortedatum": "1980-05",
                "geslacht": "V",
                "ontvangtUitkering": True,
                "participatietrede": 3,
                "zrm": {"gemetenOp": "2026-02-01", "scores": {"inkomen": 2}},
                "instemming": {"gegeven": True, "op": "2026-02-01", "bewijs": "F-1"},
            }
        ],
    },
}
SECTIONS = {
    "aanmelding": (),
    "huishouden": ("huishouden",),
    "lid": ("huishouden", "leden", 0),
    "zrm": ("huishouden", "leden", 0, "zrm"),
    "instemming": ("huishouden", "leden", 0, "instemming"),
}
MEMBER, HOUSEHOLD = SECTIONS["lid"], SECTIONS["huishouden"]


def changed(section: tuple[str | int, ...], **values: object) -> bytes:
    """The whole referral as JSON, with fields of one section set; `...` takes a field away."""
    message = deepcopy(WHOLE)
    target = message
    for step in section:
        target = target[step]  # type: ignore[index]  # a path through known JSON
    for name, value in values.items():
        if value is ...:
            target.pop(name)
        else:
            target[name] = value
    return json.dumps(message).encode()


def refusal(body: bytes) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Referral.model_validate_json(body)
    return caught.value


def test_a_whole_referral_is_read_and_written_alike() -> None:
    referral = Referral.model_validate_json(json.dumps(WHOLE))
    written = json.loads(referral.model_dump_json(by_alias=True, exclude_none=True))
    expected = deepcopy(WHOLE)
    expected["huishouden"]["leden"][0]["instemming"]["door"] = "betrokkene"
    for member in expected["huishouden"]["leden"]:
        member |= {"verdereInstemmingen": [], "gezag": []}
    assert written == expected


def test_a_member_of_whom_nothing_is_known_is_taken() -> None:
    body = json.dumps({"kenmerk": "1", "aangemeldOp": "2026-03-01", "huishouden": {"leden": [{}]}})
    (member,) = Referral.model_validate_json(body).household.members
    assert member == Member(role=Role.OTHER)
    nothing = {"role": Role.OTHER, "further_agreements": [], "authority": []}
    assert member.model_dump(exclude_none=True) == nothing


@unhurried
@given(referrals())
def test_every_referral_survives_its_own_wire(referral: Referral) -> None:
    body = referral.model_dump_json(by_alias=True)
    assert Referral.model_validate_json(body) == referral


@pytest.mark.parametrize("section", SECTIONS)
def test_unknown_fields_are_refused_everywhere(section: str) -> None:
    error = refusal(changed(SECTIONS[section], inkomstenbron="x"))
    (detail,) = error.errors()
    assert detail["type"] == "extra_forbidden"
    assert detail["loc"] == (*SECTIONS[section], "inkomstenbron")


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ("aanmelding", "kenmerk"),
        ("aanmelding", "aangemeldOp"),
        ("aanmelding", "huishouden"),
        ("huishouden", "leden"),
        ("zrm", "gemetenOp"),
        ("zrm", "scores"),
        ("instemming", "gegeven"),
        ("instemming", "op"),
    ],
)
def test_what_cannot_be_missed_is_required(section: str, field: str) -> None:
    (detail,) = refusal(changed(SECTIONS[section], **{field: ...})).errors()
    assert (detail["type"], detail["loc"]) == ("missing", (*SECTIONS[section], field))


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ("aanmelding", "kenmerk"),
        ("aanmelding", "toelichting"),
        ("huishouden", "straatnaam"),
        ("huishouden", "huisnummertoevoeging"),
        ("huishouden", "telefoonnummer"),
        ("huishouden", "postcode"),
        ("lid", "voorletters"),
        ("lid", "voorvoegsel"),
        ("lid", "achternaam"),
        ("lid", "burgerservicenummer"),
        ("lid", "geboortedatum"),
        ("instemming", "bewijs"),
    ],
)
@pytest.mark.parametrize("text", ["\x00", "a\x00", "\x00a", "1012AB\x00"])
def test_nul_is_refused_in_every_text(section: str, field: str, text: str) -> None:
    refusal(changed(SECTIONS[section], **{field: text}))


@pytest.mark.parametrize("field", ["achternaam", "straatnaam", "toelichting"])
def test_half_a_surrogate_pair_is_refused(field: str) -> None:
    section = {"achternaam": "lid", "straatnaam": "huishouden"}.get(field, "aanmelding")
    refusal(changed(SECTIONS[section], **{field: "\ud800"}))


@pytest.mark.parametrize(
    ("section", "field", "taken", "refused"),
    [
        ("aanmelding", "kenmerk", ["a", "A" * 64, "0/._-"], ["", "A" * 65, "-a", "a b", "a\n"]),
        ("aanmelding", "toelichting", ["", "x" * 4000], ["x" * 4001]),
        ("aanmelding", "grondslag", ["geen", None], ["Participatiewet", "", "wmo"]),
        ("huishouden", "postcode", ["1000AA", "9999ZZ", None], ["0999AA", "1012ab", "1012 AB", ""]),
        ("huishouden", "straatnaam", ["x", "x" * 200, None], ["", "   ", "\t\n", "x" * 201]),
        ("huishouden", "huisnummer", [1, 99999, None], [0, -1, 100_000, 10**30]),
        ("huishouden", "huisnummertoevoeging", ["a", "x" * 10], ["", "x" * 11]),
        ("huishouden", "telefoonnummer", ["020123", "+31-20-1"], ["12345", "bel mij", "٠٢٠١٢٣"]),
        ("huishouden", "leden", [[{}], [{}] * MAX_MEMBERS], [[], [{}] * (MAX_MEMBERS + 1), [None]]),
        ("lid", "achternaam", ["x" * 200, " x "], ["", " ", "x" * 201]),
        ("lid", "rol", ["partner", "overig"], ["Partner", "", None]),
        ("lid", "geslacht", ["M", "V", "O", None], ["m", "X", ""]),
        ("lid", "participatietrede", [1, 6, None], [0, 7, -1]),
        ("lid", "geboortedatum", ["1980", None], ["", "0000-00-00", "1980-02-30"]),
        ("zrm", "scores", [{"inkomen": 1}, {"justitie": 5}], [{}, {"inkomen": 0}, {"inkomen": 6}]),
        ("instemming", "door", ["ouder", "curator"], ["buurman", "", None]),
    ],
)  # fmt: skip
def test_bounds(section: str, field: str, taken: list[object], refused: list[object]) -> None:
    for value in taken:
        Referral.model_validate_json(changed(SECTIONS[section], **{field: value}))
    for value in refused:
        refusal(changed(SECTIONS[section], **{field: value}))


@pytest.mark.parametrize("value", [True, False, 3.0, 3.5, "3", [3], {"3": 3}])
@pytest.mark.parametrize(
    ("section", "field"),
    [("huishouden", "huisnummer"), ("lid", "participatietrede"), ("zrm", "scores")],
)
def test_a_whole_number_is_never_made_from_something_else(
    section: str, field: str, value: object
) -> None:
    given_ = {"inkomen": value} if field == "scores" else value
    refusal(changed(SECTIONS[section], **{field: given_}))


def test_one_number_is_one_member_s() -> None:
    number = {"burgerservicenummer": "999990019"}
    error = refusal(changed(("huishouden",), leden=[number, {}, number, {}]))
    assert [(one["loc"], one["type"]) for one in error.errors()] == [
        (("huishouden", "leden"), "tegenstrijdig")
    ]
    # Without its first zero it is the same number.
    short = [{"burgerservicenummer": text} for text in ("000009830", "00009830")]
    assert refusal(changed(("huishouden",), leden=short))
    Referral.model_validate_json(changed(("huishouden",), leden=[number, {}, {}]))


def test_white_space_around_a_name_is_taken_off_and_inside_it_is_kept() -> None:
    body = changed(MEMBER, achternaam="  de  Wit\t")
    assert Referral.model_validate_json(body).household.members[0].surname == "de  Wit"


def test_a_message_does_not_change_after_it_was_read() -> None:
    referral = Referral.model_validate(WHOLE)
    with pytest.raises(ValidationError, match="frozen"):
        referral.household.members[0].surname = "Ander"  # type: ignore[misc]  # that is the test


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"huishouden":' * 300,
        b'{"kenmerk": NaN}',
    ],
)
def test_broken_json_is_a_validation_error_and_nothing_worse(body: bytes) -> None:
    refusal(body)


CANARY = "Kanarie999900018"
CANARIES = [
    changed(MEMBER, burgerservicenummer=CANARY),
    changed(MEMBER, geboortedatum=CANARY),
    changed(MEMBER, achternaam=CANARY + "\x00"),
    changed(MEMBER, rol=CANARY),
    changed(MEMBER, participatietrede=CANARY),
    changed(HOUSEHOLD, postcode=CANARY),
    changed(HOUSEHOLD, telefoonnummer=CANARY),
    changed(HOUSEHOLD, leden=CANARY),
    changed((), aangemeldOp=CANARY),
    changed((), kenmerk=CANARY + " "),
    changed((), toelichting=CANARY * 300),
    changed((), onbekend=CANARY),
    changed(SECTIONS["zrm"], scores={"inkomen": CANARY}),
    changed(SECTIONS["instemming"], gegeven=CANARY),
    json.dumps(WHOLE).encode() + CANARY.encode(),
]


@pytest.mark.parametrize("body", CANARIES)
def test_an_error_without_its_input_names_no_value(body: bytes) -> None:
    error = refusal(body)
    assert CANARY not in error.json(include_input=False, include_url=False)
    assert CANARY not in str(error.errors(include_input=False, include_url=False))


@pytest.mark.parametrize("body", CANARIES)
def test_invariant_03_an_error_that_is_logged_as_it_is_names_no_value(body: bytes) -> None:
    error = refusal(body)
    assert CANARY not in str(error)
    assert CANARY not in repr(error)


def test_invariant_03_a_referral_that_is_logged_as_it_is_shows_no_value() -> None:
    referral = Referral.model_validate(WHOLE)
    for shown in (repr(referral), str(referral), repr(referral.household.members)):
        for value in ("Proef", "1012AB", "+31 20", "Belt", "DWI-2026", "A.", "F-1"):
            assert value not in shown


@unhurried
@given(referrals())
def test_a_shown_referral_hides_its_numbers(referral: Referral) -> None:
    for member in referral.household.members:
        if member.bsn is not None:
            assert member.bsn.reveal() not in repr(referral)


def test_a_shown_member_hides_number_and_birth_date() -> None:
    shown = repr(Referral.model_validate(WHOLE))
    assert "999900018" not in shown
    assert "1980-05" not in shown


@pytest.mark.parametrize(
    ("section", "wire", "name"),
    [
        ("aanmelding", "kenmerk", "reference"),
        ("huishouden", "geheimhouding", "address_is_secret"),
        ("lid", "burgerservicenummer", "bsn"),
        ("zrm", "gemetenOp", "measured_on"),
        ("instemming", "gegeven", "given"),
    ],
)
def test_the_border_can_read_by_the_wire_names_alone(section: str, wire: str, name: str) -> None:
    # Our own code builds messages by their English names; whoever reads a body must rule those out.
    target = WHOLE
    for step in SECTIONS[section]:
        target = target[step]  # type: ignore[index]  # a path through known JSON
    body = changed(SECTIONS[section], **{wire: ..., name: target[wire]})
    with pytest.raises(ValidationError):
        Referral.model_validate_json(body, by_alias=True, by_name=False)
    Referral.model_validate_json(json.dumps(WHOLE), by_alias=True, by_name=False)


@pytest.mark.parametrize("value", ["off", "n", "yes", "t", 0, 1, 0.0, "0"])
@pytest.mark.parametrize(
    ("section", "field"),
    [("huishouden", "geheimhouding"), ("lid", "ontvangtUitkering"), ("instemming", "gegeven")],
)
def test_yes_and_no_are_never_guessed(section: str, field: str, value: object) -> None:
    refusal(changed(SECTIONS[section], **{field: value}))


@pytest.mark.parametrize("value", [0, 86400, "0", "86400", "2026-03-01T00:00:00Z", -86400.0])
@pytest.mark.parametrize(
    ("section", "field"),
    [("aanmelding", "aangemeldOp"), ("zrm", "gemetenOp"), ("instemming", "op")],
)
def test_a_date_is_never_made_from_something_else(section: str, field: str, value: object) -> None:
    refusal(changed(SECTIONS[section], **{field: value}))


@pytest.mark.parametrize("value", ["      ", "------", "+      "])
def test_a_telephone_number_has_digits(value: str) -> None:
    refusal(changed(HOUSEHOLD, telefoonnummer=value))


@unhurried
@given(st.one_of(referrals(), status_messages()))
def test_every_wire_model_forbids_what_it_does_not_know(message: Referral | StatusMessage) -> None:
    body = json.loads(message.model_dump_json(by_alias=True)) | {"extra": 1}
    with pytest.raises(ValidationError):
        type(message).model_validate(body)


def test_the_wire_base_is_closed_and_frozen() -> None:
    def below(model: type[Wire]) -> list[type[Wire]]:
        return [model, *(deeper for child in model.__subclasses__() for deeper in below(child))]

    for model in below(Wire):
        assert model.model_config["extra"] == "forbid", model
        assert model.model_config["frozen"] is True, model
    assert Household in below(Wire)
