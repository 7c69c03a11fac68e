"""How fields are read and rendered: complete over the models, coarse where asked, never a guess."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.columns import (
    PATHS,
    AccountabilityView,
    Column,
    MemberView,
    PartnerUpdateView,
    ReferralView,
    StatusView,
    age_band,
    column_of,
    is_present,
)
from consent.protocol import Flow, load
from schemas.casework import Accountability, CaseStatus, StatusMessage
from schemas.fields import AT_RELEASE, FIELDS, PLACES, MessageKind, Place, Treatment
from schemas.identifiers import PartialDate
from schemas.partner_update import HelpKind, PartnerUpdate, Reachability, UpdateKind
from schemas.referral import Member, Referral
from schemas.zrm import ZrmDomain
from tests.support.strategies import (
    PREAMBLE,
    flow_toml,
    partial_dates,
    referrals,
    unhurried,
)

TODAY = date(2026, 3, 1)

MEMBER = Member.model_validate(
    {
        "rol": "kind",
        "burgerservicenummer": "999900018",
        "voorletters": "K.A.",
        "voorvoegsel": "van der",
        "achternaam": "Kanarie",
        "geboortedatum": "1980-05-01",
        "geslacht": "V",
        "ontvangtUitkering": False,
        "participatietrede": 4,
        "zrm": {"gemetenOp": "2026-02-01", "scores": {"inkomen": 2}},
    }
)
REFERRAL = Referral.model_validate(
    {
        "kenmerk": "DWI-1",
        "aangemeldOp": "2026-02-28",
        "grondslag": "wgs",
        "toelichting": "Vrije kanarie.",
        "huishouden": {
            "postcode": "1012AB",
            "straatnaam": "Kanariestraat",
            "huisnummer": 77,
            "huisnummertoevoeging": "3hg",
            "telefoonnummer": "020 555 0000",
            "geheimhouding": True,
            "leden": [MEMBER],
        },
    }
)
STATUS = StatusMessage.model_validate(
    {
        "kenmerk": "S-1",
        "uitwisselingId": "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
        "status": "afgesloten-bereikt",
        "peildatum": "2026-02-27",
        "afsluitreden": "overleden",
    }
)
ACCOUNTABILITY = Accountability.model_validate(
    {
        "kenmerk": "V-1",
        "uitwisselingId": "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
        "ontvanger": "altra",
        "status": "afgesloten-niet-bereikt",
        "gestartOp": "2025-11-30",
        "beeindigdOp": "2026-02-27",
        "afsluitreden": "overleden",
        "stadsdeel": "Noord",
        "aantalLeden": 3,
    }
)
# Never all at once: what belongs to one kind is no part of another. Columns read each by itself.
UPDATE = PartnerUpdate.model_construct(
    reference="P-1",
    kind=UpdateKind.CONTACT_CHANGED,
    as_of=date(2026, 2, 26),
    phone="020 555 0001",
    reachability=Reachability.NOT_REACHED,
    appointment_on=date(2026, 3, 9),
    help_kind=HelpKind.TREATMENT,
    note="Vrije update.",
)
SOURCES: dict[str, object] = {
    "lid": MemberView(MEMBER, "P" * 43),
    "zrm": MEMBER.zrm,
    "huishouden": REFERRAL.household,
    "aanmelding": ReferralView(REFERRAL, "Centrum", 1),
    "statusbericht": StatusView(STATUS, "DWI-1"),
    "verantwoording": AccountabilityView(ACCOUNTABILITY, "Q" * 43),
    "partnerbericht": PartnerUpdateView(UPDATE, "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e", "CB-1"),
}
# What leaves of the messages above when everything is admitted as it is; by hand.
AS_IT_IS: dict[str, object] = {
    "lid.pseudoniem": "P" * 43,
    "lid.rol": "kind",
    "lid.burgerservicenummer": "999900018",
    "lid.voorletters": "K.A.",
    "lid.voorvoegsel": "van der",
    "lid.achternaam": "Kanarie",
    "lid.geboortedatum": "1980-05-01",
    "lid.geslacht": "V",
    "lid.ontvangtUitkering": False,
    "lid.participatietrede": 4,
    "lid.zrm.gemetenOp": "2026-02-01",
    "lid.reedsBekend": None,
    "huishouden.postcode": "1012AB",
    "huishouden.straatnaam": "Kanariestraat",
    "huishouden.huisnummer": 77,
    "huishouden.huisnummertoevoeging": "3hg",
    "huishouden.geheimhouding": True,
    "huishouden.telefoonnummer": "020 555 0000",
    "aanmelding.aantalLeden": 1,
    "aanmelding.aangemeldOp": "2026-02-28",
    "aanmelding.grondslag": "wgs",
    "aanmelding.wijkteam": "Centrum",
    "aanmelding.toelichting": "Vrije kanarie.",
    "statusbericht.kenmerk": "DWI-1",
    "statusbericht.status": "afgesloten-bereikt",
    "statusbericht.peildatum": "2026-02-27",
    "statusbericht.afsluitreden": "overleden",
    "verantwoording.pseudoniem": "Q" * 43,
    "verantwoording.stadsdeel": "Noord",
    "verantwoording.status": "afgesloten-niet-bereikt",
    "verantwoording.gestartOp": "2025-11-30",
    "verantwoording.beeindigdOp": "2026-02-27",
    "verantwoording.afsluitreden": "overleden",
    "verantwoording.aantalLeden": 3,
    "partnerbericht.aanmelding": "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
    "partnerbericht.kenmerk": "CB-1",
    "partnerbericht.soort": "contactgegevens-gewijzigd",
    "partnerbericht.peildatum": "2026-02-26",
    "partnerbericht.bereikbaarheid": "niet-bereikbaar",
    "partnerbericht.afspraakOp": "2026-03-09",
    "partnerbericht.telefoonnummer": "020 555 0001",
    "partnerbericht.hulpvorm": "behandeling",
    "partnerbericht.toelichting": "Vrije update.",
}
GENERALISED: dict[str, tuple[str, object]] = {
    "lid.geboortedatum": ("leeftijdsgroep", "40-49"),
    "huishouden.postcode": ("postcodegebied", "1012"),
    "statusbericht.status": ("status", "beeindigd"),
    "verantwoording.status": ("status", "beeindigd"),
    "verantwoording.gestartOp": ("gestartIn", "2025-11"),
    "verantwoording.beeindigdOp": ("beeindigdIn", "2026-02"),
}
SCORES = {f"lid.zrm.{domain}" for domain in ZrmDomain}


def flow_with(path: str, treatment: Treatment) -> Flow:
    message = FIELDS[path].message
    return load(PREAMBLE + flow_toml(message=message, fields={path: treatment})).flows[0]


def column(path: str, treatment: Treatment) -> Column:
    return column_of(PATHS.index(path), path, flow_with(path, treatment))


def source_of(path: str) -> object:
    return SOURCES[PLACES[FIELDS[path].category].value]


def rendered(path: str, treatment: Treatment) -> object:
    found = column(path, treatment)
    value = found.read(source_of(path))
    leaves = value if found.render is None else found.render(value, TODAY)
    return json.loads(orjson.dumps(leaves))


def as_it_is(path: str) -> Treatment:
    (treatment,) = FIELDS[path].treatments - {Treatment.DROP, Treatment.GENERALISE}
    return treatment


def test_every_field_but_the_scores_is_read_from_its_own_place() -> None:
    # A field that comes into the vocabulary must be given its value here and its read there.
    # What is registered is read by nothing: a pseudonym comes in its place.
    registered = {"registratie.burgerservicenummer"}
    assert set(AS_IT_IS) == set(PATHS) - SCORES - registered
    assert {path: rendered(path, as_it_is(path)) for path in AS_IT_IS} == AS_IT_IS


def test_a_field_is_called_on_the_wire_as_its_path_ends() -> None:
    for path in AS_IT_IS:
        assert column(path, as_it_is(path)).wire == path.rpartition(".")[2]


def test_every_field_that_can_be_generalised_is() -> None:
    # One without a rule of its own would leave whole under the word "generaliseren".
    able = {path for path, field in FIELDS.items() if Treatment.GENERALISE in field.treatments}
    assert able - SCORES == set(GENERALISED)
    for path, (wire, value) in GENERALISED.items():
        assert column(path, Treatment.GENERALISE).wire == wire
        assert rendered(path, Treatment.GENERALISE) == value


@pytest.mark.parametrize("status", CaseStatus)
def test_a_generalised_status_is_one_of_three(status: CaseStatus) -> None:
    render = column("statusbericht.status", Treatment.GENERALISE).render
    assert render is not None
    assert render(status, TODAY) in ("ontvangen", "in-behandeling", "beeindigd")


@pytest.mark.parametrize("place", Place)
def test_names_on_the_wire_never_meet_in_one_object(place: Place) -> None:
    owners: dict[str, set[str]] = {}
    for path, field in FIELDS.items():
        if PLACES[field.category] is place:
            for treatment in field.treatments - {Treatment.DROP}:
                owners.setdefault(column(path, treatment).wire, set()).add(path)
    assert [names for names in owners.values() if len(names) > 1] == []


def test_every_column_has_a_bit_of_its_own() -> None:
    bits = [
        column_of(n, path, flow_with("lid.rol", Treatment.KEEP)).bit for n, path in enumerate(PATHS)
    ]
    assert sum(bits) == 2 ** len(PATHS) - 1


def test_a_column_without_a_line_is_not_kept() -> None:
    flow = flow_with("lid.rol", Treatment.KEEP)
    kept = [path for n, path in enumerate(PATHS) if column_of(n, path, flow).is_kept]
    assert kept == ["lid.rol"]


@pytest.mark.parametrize("is_admitted", [True, False])
def test_what_tells_of_an_address_hides_with_it(is_admitted: bool) -> None:
    text = flow_toml(fields={"lid.rol": Treatment.KEEP}, is_secret_address_admitted=is_admitted)
    flow = load(PREAMBLE + text).flows[0]
    hiding = {path for n, path in enumerate(PATHS) if column_of(n, path, flow).hides_with_address}
    assert hiding - {"aanmelding.toelichting", "partnerbericht.toelichting"} == (
        set()
        if is_admitted
        else {
            "huishouden.postcode",
            "huishouden.straatnaam",
            "huishouden.huisnummer",
            "huishouden.huisnummertoevoeging",
            "huishouden.telefoonnummer",
            "aanmelding.wijkteam",
            "partnerbericht.telefoonnummer",
        }
    )


@pytest.mark.parametrize(
    ("born", "today", "band"),
    [
        ("2026-03-01", TODAY, "0-9"),
        ("2016-03-02", TODAY, "0-9"),
        ("2016-03-01", TODAY, "10-19"),
        ("1996-03-01", TODAY, "30-39"),
        ("1996-03-02", TODAY, "20-29"),
        ("1996-02-29", date(2026, 2, 28), "20-29"),
        ("1996-02-29", date(2026, 3, 1), "30-39"),
        ("1996-02-29", date(2036, 2, 28), "30-39"),
        ("1996-02-29", date(2036, 2, 29), "40-49"),
        ("1926-03-01", TODAY, "100-109"),
        ("1980", TODAY, "40-49"),
        ("1986", TODAY, "onbekend"),  # 39 or 40
        ("1985", TODAY, "40-49"),  # 40 or 41
        ("1986-02", TODAY, "40-49"),
        ("1986-03", TODAY, "onbekend"),  # its first day is today, its last is not yet
        ("1986-04", TODAY, "30-39"),
        ("1986", date(2026, 12, 31), "40-49"),
        ("1986", date(2026, 12, 30), "onbekend"),
        ("2026-03-02", TODAY, "onbekend"),  # tomorrow
        ("2026-03", TODAY, "onbekend"),
        ("2200", TODAY, "onbekend"),
    ],
)
def test_age_bands(born: str, today: date, band: str) -> None:
    assert age_band(PartialDate(born), today) == band


def band_of(born: date, today: date) -> str:
    """The band by counting birthdays, one by one."""
    if born > today:
        return "onbekend"
    age = 0
    while (born.year + age + 1, born.month, born.day) <= (today.year, today.month, today.day):
        age += 1
    return f"{age // 10}0-{age // 10}9" if age >= 10 else "0-9"


@unhurried
@given(partial_dates(), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_invariant_09_unknown_age_is_said_to_be_unknown(born: PartialDate, today: date) -> None:
    first, last = date(*born.earliest), date(*born.latest)
    bands = {band_of(first + timedelta(n), today) for n in range((last - first).days + 1)}
    assert age_band(born, today) == (bands.pop() if len(bands) == 1 else "onbekend")


def wire(referral: Referral) -> Any:
    return json.loads(referral.model_dump_json(by_alias=True, exclude_none=True))


DERIVED = {"lid.pseudoniem", "aanmelding.aantalLeden", "aanmelding.wijkteam"}
SENT = sorted(
    path
    for path, field in FIELDS.items()
    if field.message is MessageKind.REFERRAL and path not in DERIVED | SCORES | AT_RELEASE
)


@unhurried
@given(referrals(3))
def test_a_field_is_present_when_all_whom_it_concerns_have_it(referral: Referral) -> None:
    sent = wire(referral)
    household = sent["huishouden"]
    for path in SENT:
        section, *_, name = path.split(".")
        where: list[Any] = {
            "lid": household["leden"],
            "huishouden": [household],
            "aanmelding": [sent],
        }[section]
        if path == "lid.zrm.gemetenOp":
            where = [member.get("zrm", {}) for member in where]
        if path != "huishouden.geheimhouding":
            assert is_present(referral, path) is all(name in part for part in where), path


def referral_of(*members: Mapping[str, object], **household: object) -> Referral:
    return Referral.model_validate(
        {
            "kenmerk": "1",
            "aangemeldOp": "2026-03-01",
            "huishouden": {"leden": list(members), **household},
        }
    )


def test_invariant_09_unknown_for_one_member_is_not_present() -> None:
    one, none = {"achternaam": "Kanarie"}, dict[str, str]()
    assert is_present(referral_of(one, one), "lid.achternaam")
    assert not is_present(referral_of(one, none), "lid.achternaam")
    assert not is_present(referral_of(none, one), "lid.achternaam")


@pytest.mark.parametrize("path", sorted(SCORES))
def test_invariant_09_unknown_score_is_not_present(path: str) -> None:
    other = "inkomen" if path != "lid.zrm.inkomen" else "justitie"
    domain = path.rpartition(".")[2]

    def scored(*domains: str) -> dict[str, object]:
        return {"zrm": {"gemetenOp": "2026-02-01", "scores": dict.fromkeys(domains, 3)}}

    assert is_present(referral_of(scored(domain), scored(domain, other)), path)
    assert not is_present(referral_of(scored(domain), scored(other)), path)
    assert not is_present(referral_of(scored(domain), {}), path)


def test_an_address_that_is_not_secret_has_that_said() -> None:
    assert is_present(referral_of({}, geheimhouding=False), "huishouden.geheimhouding")
    assert is_present(referral_of({}, geheimhouding=True), "huishouden.geheimhouding")
