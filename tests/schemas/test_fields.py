"""The protocol's vocabulary: complete over the messages, one place a category, locks where due."""

from typing import get_args

import pytest
from pydantic import BaseModel

from schemas.casework import Accountability, StatusMessage
from schemas.fields import (
    CATEGORIES,
    FIELDS,
    PLACES,
    FieldKind,
    MessageKind,
    Place,
    Special,
    Treatment,
)
from schemas.partner_update import PartnerUpdate
from schemas.referral import (
    Agreement,
    Authority,
    EmergencyRequest,
    Holder,
    Household,
    Member,
    Professional,
    ProtectionRequest,
    Referral,
)
from schemas.zrm import ZrmDomain, ZrmMeasurement

# What a message holds that no protocol can admit, each with its reason.
NEVER_ADMITTED = {
    "aanmelding.kenmerk": "the sender's own key goes back to that sender alone, at release",
    "aanmelding.huishouden": "holds fields of its own",
    "huishouden.leden": "holds fields of its own",
    "lid.zrm": "holds fields of its own",
    "lid.zrm.scores": "holds a field a domain",
    "aanmelding.ontvanger": "chooses among flows",
    "aanmelding.doel": "chooses among flows",
    "aanmelding.bescherming": "asks that the exchange be protected, and goes no further",
    "aanmelding.noodverstrekking": "asks an emergency release, and goes no further",
    "lid.instemming": "feeds the consent register and goes no further",
    "lid.verdereInstemmingen": "feeds the consent register and goes no further",
    "lid.gezag": "says who may decide, and goes no further",
    "statusbericht.uitwisselingId": "names the exchange inside the gateway",
    "verantwoording.kenmerk": "the casebook's own key goes back to it alone",
    "verantwoording.uitwisselingId": "names the exchange inside the gateway",
    "verantwoording.ontvanger": "chooses among flows",
    "partnerbericht.uitwisselingId": "names the exchange inside the gateway",
    "partnerbericht.aanmeldingKenmerk": "names the exchange inside the gateway",
}
# What a recipient may get and no sender wrote.
DERIVED = {
    "lid.pseudoniem",
    "aanmelding.aantalLeden",
    "aanmelding.wijkteam",
    "verantwoording.pseudoniem",
    "lid.reedsBekend",
    "partnerbericht.aanmelding",
    "registratie.burgerservicenummer",
}
SECTIONS: dict[str, type[BaseModel]] = {
    "aanmelding": Referral,
    "huishouden": Household,
    "lid": Member,
    "lid.zrm": ZrmMeasurement,
    "statusbericht": StatusMessage,
    "verantwoording": Accountability,
    "partnerbericht": PartnerUpdate,
}


def wire_paths() -> set[str]:
    return {
        f"{section}.{field.alias or name}"
        for section, model in SECTIONS.items()
        for name, field in model.model_fields.items()
    }


def test_a_new_field_of_a_message_is_in_the_vocabulary_or_named_as_never_admitted() -> None:
    assert wire_paths() - set(FIELDS) == set(NEVER_ADMITTED)


def test_the_vocabulary_names_no_field_that_no_message_has() -> None:
    scores = {f"lid.zrm.{domain}" for domain in ZrmDomain}
    assert set(FIELDS) - wire_paths() - scores == DERIVED
    assert scores <= set(FIELDS)


def test_every_part_of_a_referral_is_looked_at() -> None:
    # A model that comes to stand inside a message brings fields that the tests above must see.
    def inside(model: type[BaseModel]) -> set[type[BaseModel]]:
        found = {model}
        for field in model.model_fields.values():
            for part in [field.annotation, *_deep(field.annotation)]:
                if isinstance(part, type) and issubclass(part, BaseModel):
                    found |= inside(part)
        return found

    # None of these holds a field that could ever leave: `NEVER_ADMITTED` names where they stand.
    inert = {Agreement, Authority, Holder, Professional, ProtectionRequest, EmergencyRequest}
    found = (
        inside(Referral) | inside(StatusMessage) | inside(Accountability) | inside(PartnerUpdate)
    )
    assert found == set(SECTIONS.values()) | inert


def _deep(annotation: object) -> list[object]:
    return [part for arg in get_args(annotation) for part in (arg, *_deep(arg))]


def test_each_category_stands_in_one_place() -> None:
    for category in CATEGORIES:
        # Set beside `PLACES`, which would hide a second place by overwriting the first.
        places = {
            "zrm" if path.startswith("lid.zrm.") else path.partition(".")[0]
            for path, field in FIELDS.items()
            if field.category == category
        }
        assert places == {PLACES[category].value}, category
    assert set(PLACES) == set(CATEGORIES)
    assert set(PLACES.values()) == set(Place)


def test_a_field_is_known_by_its_own_path() -> None:
    assert all(path == field.path for path, field in FIELDS.items())


def test_a_field_belongs_to_the_message_that_its_path_names() -> None:
    for path, field in FIELDS.items():
        section = path.partition(".")[0]
        of_its_own = {
            "statusbericht": MessageKind.STATUS,
            "verantwoording": MessageKind.ACCOUNTABILITY,
            "partnerbericht": MessageKind.PARTNER_UPDATE,
            "registratie": MessageKind.REGISTRATION,
        }
        assert field.message is of_its_own.get(section, MessageKind.REFERRAL)


def test_every_field_can_be_dropped_and_can_be_admitted() -> None:
    for path, field in FIELDS.items():
        assert Treatment.DROP in field.treatments, path
        assert field.treatments - {Treatment.DROP}, path


def test_what_identifies_is_never_kept_without_saying_so() -> None:
    for path, field in FIELDS.items():
        if field.kind in (FieldKind.IDENTIFIER, FieldKind.FREE_TEXT):
            assert Treatment.KEEP not in field.treatments, path
        else:
            assert Treatment.IDENTIFY not in field.treatments, path


def test_what_points_at_a_person_or_a_door_is_an_identifier() -> None:
    identifying = {path for path, field in FIELDS.items() if field.kind is FieldKind.IDENTIFIER}
    assert identifying == {
        "lid.burgerservicenummer",
        "lid.voorletters",
        "lid.voorvoegsel",
        "lid.achternaam",
        "lid.geboortedatum",
        "huishouden.postcode",
        "huishouden.straatnaam",
        "huishouden.huisnummer",
        "huishouden.huisnummertoevoeging",
        "huishouden.telefoonnummer",
        "partnerbericht.telefoonnummer",
        "registratie.burgerservicenummer",
    }
    free = {path for path, field in FIELDS.items() if field.kind is FieldKind.FREE_TEXT}
    assert free == {"aanmelding.toelichting", "partnerbericht.toelichting"}


def test_only_the_pseudonym_is_pseudonymised() -> None:
    paths = [p for p, field in FIELDS.items() if Treatment.PSEUDONYMISE in field.treatments]
    # A number that is registered comes back as a pseudonym, and goes nowhere else.
    registered = "registratie.burgerservicenummer"
    assert paths == ["lid.pseudoniem", "verantwoording.pseudoniem", registered]


@pytest.mark.parametrize(
    ("special", "paths"),
    [
        (Special.BSN, {"lid.burgerservicenummer", "registratie.burgerservicenummer"}),
        (
            Special.HEALTH,
            {
                "lid.zrm.fysiekeGezondheid",
                "lid.zrm.geestelijkeGezondheid",
                "lid.zrm.verslaving",
                "partnerbericht.hulpvorm",
            },
        ),
        (Special.CRIMINAL, {"lid.zrm.justitie"}),
    ],
)
def test_special_data_ask_for_a_lock_of_their_own(special: Special, paths: set[str]) -> None:
    assert {path for path, field in FIELDS.items() if field.special is special} == paths


def test_each_zrm_domain_is_a_category_of_its_own_under_zrm() -> None:
    for domain in ZrmDomain:
        assert FIELDS[f"lid.zrm.{domain}"].category == f"zrm.{domain}"
    scores = [field.category for path, field in FIELDS.items() if path.startswith("lid.zrm.")]
    assert len(set(scores)) == len(scores) == len(ZrmDomain) + 1
