"""The protocol file: what may be put in force, and each contradiction by its own message."""

import hashlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import (
    DIGEST_BYTES,
    AgeRegime,
    BasisKind,
    HouseholdRule,
    Protection,
    Protocol,
    ProtocolError,
    load,
)
from schemas.fields import FIELDS, MessageKind, Special, Treatment
from tests.support.strategies import PREAMBLE, flow_toml, protocols, treatments, unhurried

EXAMPLE = Path(__file__).parents[2] / "consent/protocols/samen-doen-voorbeeld.toml"
FIELDS_ALONE = {"lid.rol": Treatment.KEEP}
SOUND = PREAMBLE + flow_toml(fields=FIELDS_ALONE)
FLOW = "gegevensstroom dwi-casebook-aanmelding"


def problems(text: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        load(text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def with_field(path: str, treatment: str) -> str:
    return SOUND + f'"{path}" = "{treatment}"\n'


def replaced(old: str, new: str, text: str = SOUND) -> str:
    assert old in text
    return text.replace(old, new)


def with_locks(line: str) -> str:
    return replaced("[gegevensstroom.sloten]\n", f"[gegevensstroom.sloten]\n{line}\n")


def test_the_example_protocol_loads_and_says_what_it_covers() -> None:
    protocol = load(EXAMPLE.read_text(encoding="utf-8"))
    assert {"dwi-aanmelding", "casebook-terugkoppeling-dwi"} <= {f.id for f in protocol.flows}
    assert [f.id for f in protocol.flows_from("dwi", MessageKind.REFERRAL)] == ["dwi-aanmelding"]
    assert protocol.flows_from("dwi", MessageKind.STATUS) == ()


def test_the_example_protocol_marks_every_article_as_to_be_confirmed() -> None:
    for flow in load(EXAMPLE.read_text(encoding="utf-8")).flows:
        locks = flow.locks
        articles = [ground for ground in (locks.basis, locks.secrecy, locks.bsn) if ground]
        assert all("te bevestigen" in ground.article for ground in [*articles, *locks.special])


def test_the_example_protocol_opens_no_special_category_and_no_free_text_to_or_from_dwi() -> None:
    for flow in load(EXAMPLE.read_text(encoding="utf-8")).flows:
        if "dwi" not in (flow.sender, flow.recipient):
            continue
        admitted = {path for path, line in flow.fields.items() if line is not Treatment.DROP}
        specials = {FIELDS[path].special for path in admitted}
        assert not specials & {Special.HEALTH, Special.CRIMINAL}
        assert "aanmelding.toelichting" not in admitted
        assert "statusbericht.afsluitreden" not in admitted
        assert not flow.locks.special


@pytest.mark.parametrize("text", [SOUND, SOUND + "# é €\n", EXAMPLE.read_text(encoding="utf-8")])
def test_the_digest_is_the_sha_256_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "protocol.toml"
    file.write_bytes(text.encode())
    with file.open("rb") as opened:
        expected = hashlib.file_digest(opened, "sha256").digest()
    assert load(text).digest == expected
    assert load(text + "\n").digest != expected


def test_a_protocol_keeps_its_text_as_it_was_put_in_force() -> None:
    assert load(SOUND).text == SOUND
    assert load(replaced("\n", "\r\n")).flows == load(SOUND).flows


def test_a_covenant_is_in_force_from_its_first_to_its_last_day() -> None:
    covenant = load(SOUND).covenants["convenant"]
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2030, 12, 31), date(2031, 1, 1)]
    assert [covenant.is_in_force(day) for day in days] == [False, True, True, False]


@unhurried
@given(protocols())
def test_every_protocol_without_a_contradiction_loads(protocol: Protocol) -> None:
    again = load(protocol.text)
    assert (again.flows, again.digest) == (protocol.flows, protocol.digest)


def test_a_protocol_that_admits_nothing_may_be_put_in_force() -> None:
    assert load("gegevensstroom = []\n" + PREAMBLE).flows == ()


def with_flow_line(line: str, before: str = "") -> str:
    text = replaced('doel = "hulp"\n', f'doel = "hulp"\n{line}\n')
    return replaced("[[gegevensstroom]]", before + "[[gegevensstroom]]", text)


PROCESSING = """[[overeenkomst]]
id = "verwerking"
soort = "verwerkersovereenkomst"
titel = "Verwerking"
partijen = ["dwi", "casebook"]
ingang = 2026-01-01
einde = 2030-12-31

"""
ON_REQUEST = 'bescherming = { soort = "professional", artikel = "art. 1" }'
EMERGENCY = 'nood = { artikel = "art. 2", velden = ["lid.rol"], meldcodeStappen = [5] }'
STATUS = PREAMBLE + flow_toml(
    message=MessageKind.STATUS, fields={"statusbericht.status": Treatment.KEEP}
)
HEALTH_BY_CONSENT = PREAMBLE + flow_toml(fields={"lid.zrm.verslaving": Treatment.KEEP}).replace(
    'artikel = "art. 9" }', 'artikel = "art. 9", uitdrukkelijkeToestemming = true }'
)
CONTRADICTIONS = {
    "the purpose is named twice": (
        SOUND + '[[doel]]\nid = "hulp"\nomschrijving = "Nog eens."\n',
        "doel hulp: named twice",
    ),
    "the covenant is named twice": (
        SOUND + PREAMBLE[PREAMBLE.index("[[overeenkomst]]") :],
        "overeenkomst convenant: named twice",
    ),
    "the flow is named twice": (
        SOUND + replaced('"casebook"', '"okt"', flow_toml(fields=FIELDS_ALONE)),
        f"{FLOW}: named twice",
    ),
    "two flows for the same": (
        SOUND + replaced('id = "dwi-', 'id = "anders-', flow_toml(fields=FIELDS_ALONE)),
        "gegevensstroom anders-casebook-aanmelding: the same sender, recipient, message and "
        "purpose as dwi-casebook-aanmelding",
    ),
    "to itself": (
        replaced('ontvanger = "casebook"', 'ontvanger = "dwi"'),
        f"{FLOW}: verzender and ontvanger are the same",
    ),
    "unknown purpose": (replaced('doel = "hulp"', 'doel = "x"'), f"{FLOW}: doel is not described"),
    "unknown covenant": (
        replaced('overeenkomst = "convenant"', 'overeenkomst = "x"'),
        f"{FLOW}: overeenkomst is not listed",
    ),
    "sender signed nothing": (
        replaced('["dwi", ', "["),
        f"{FLOW}: overeenkomst is not signed by both parties",
    ),
    "recipient signed nothing": (
        replaced(', "casebook"]', "]"),
        f"{FLOW}: overeenkomst is not signed by both parties",
    ),
    "covenant ends before it starts": (
        replaced("einde = 2030-12-31", "einde = 2025-12-31"),
        "overeenkomst convenant: einde lies before ingang",
    ),
    "no such field": (
        with_field("lid.nationaliteit", "behouden"),
        f"{FLOW}: velden: lid.nationaliteit is no field of aanmelding",
    ),
    "no such field, dropped": (
        with_field("lid.nationaliteit", "weglaten"),
        f"{FLOW}: velden: lid.nationaliteit is no field of aanmelding",
    ),
    "a field of another message": (
        with_field("statusbericht.status", "behouden"),
        f"{FLOW}: velden: statusbericht.status is no field of aanmelding",
    ),
    "a treatment that makes no sense": (
        with_field("lid.achternaam", "behouden"),
        f"{FLOW}: velden: lid.achternaam cannot be 'behouden' (possible: identificeren, weglaten)",
    ),
    "a pseudonym kept": (
        with_field("lid.pseudoniem", "behouden"),
        f"{FLOW}: velden: lid.pseudoniem cannot be 'behouden' "
        "(possible: pseudonimiseren, weglaten)",
    ),
    "required and not named": (
        PREAMBLE + flow_toml(fields=FIELDS_ALONE, required=["lid.achternaam"]),
        f"{FLOW}: verplicht: lid.achternaam is required and dropped",
    ),
    "required and dropped": (
        PREAMBLE + flow_toml(fields={"lid.rol": Treatment.DROP}, required=["lid.rol"]),
        f"{FLOW}: verplicht: lid.rol is required and dropped",
    ),
    "required and no field": (
        PREAMBLE + flow_toml(fields=FIELDS_ALONE, required=["lid.schoenmaat"]),
        f"{FLOW}: verplicht: lid.schoenmaat is required and dropped",
    ),
    "health without its exception": (
        with_field("lid.zrm.verslaving", "generaliseren")
        + '"lid.zrm.fysiekeGezondheid" = "behouden"\n',
        f"{FLOW}: sloten.bijzonder: no 'gezondheid' exception, but "
        "lid.zrm.fysiekeGezondheid, lid.zrm.verslaving is admitted",
    ),
    "justice without its exception": (
        with_field("lid.zrm.justitie", "behouden"),
        f"{FLOW}: sloten.bijzonder: no 'strafrechtelijk' exception, but "
        "lid.zrm.justitie is admitted",
    ),
    "health opened for nothing": (
        with_locks('bijzonder = [{ soort = "gezondheid", artikel = "AVG art. 9" }]'),
        f"{FLOW}: sloten.bijzonder: 'gezondheid' is opened for no field",
    ),
    "justice opened for nothing": (
        with_locks('bijzonder = [{ soort = "strafrechtelijk", artikel = "AVG art. 10" }]'),
        f"{FLOW}: sloten.bijzonder: 'strafrechtelijk' is opened for no field",
    ),
    "an exception for nothing special": (
        with_locks('bijzonder = [{ soort = "geen", artikel = "art. 0" }]'),
        f"{FLOW}: sloten.bijzonder: 'geen' is no special category",
    ),
    "an exception for the BSN": (
        with_locks('bijzonder = [{ soort = "bsn", artikel = "Wabb art. 10" }]'),
        f"{FLOW}: sloten.bijzonder: 'bsn' is no special category",
    ),
    "a status that states grounds": (
        STATUS.replace("toegelatenGrondslagen = []", 'toegelatenGrondslagen = ["wgs"]'),
        "gegevensstroom dwi-casebook-statusbericht: toegelatenGrondslagen: a statusbericht states "
        "no ground",
    ),
    "BSN without its ground": (
        with_field("lid.burgerservicenummer", "identificeren"),
        f"{FLOW}: sloten.bsn: no ground, but lid.burgerservicenummer is admitted",
    ),
    "a ground for no BSN": (
        with_locks('bsn = { artikel = "Wabb art. 10" }'),
        f"{FLOW}: sloten.bsn: a ground for a BSN that is not admitted",
    ),
    "consent that is not asked": (
        replaced('"publieke-taak"', '"toestemming"', replaced("vereist = true", "vereist = false")),
        f"{FLOW}: sloten.instemming: rests on consent and does not ask it",
    ),
    "secrecy broken by consent that is not asked": (
        replaced(
            "vereist = true",
            "vereist = false",
            with_locks('beroepsgeheim = { artikel = "art. 1", toestemming = true }'),
        ),
        f"{FLOW}: sloten.beroepsgeheim: broken by consent, and consent is not asked",
    ),
    "an exception by consent that is not asked": (
        replaced("vereist = true", "vereist = false", HEALTH_BY_CONSENT),
        f"{FLOW}: sloten.bijzonder: 'gezondheid' by consent, and it is not asked",
    ),
    "criminal data by consent": (
        replaced('soort = "gezondheid"', 'soort = "strafrechtelijk"', HEALTH_BY_CONSENT).replace(
            "lid.zrm.verslaving", "lid.zrm.justitie"
        ),
        f"{FLOW}: sloten.bijzonder: consent alone does not open 'strafrechtelijk'",
    ),
    "a processor without an agreement": (
        with_flow_line('verwerker = "Leverancier"'),
        f"{FLOW}: verwerker and verwerkersovereenkomst are named together, or neither",
    ),
    "a processor's agreement without a processor": (
        with_flow_line('verwerkersovereenkomst = "verwerking"', PROCESSING),
        f"{FLOW}: verwerker and verwerkersovereenkomst are named together, or neither",
    ),
    "an unknown processor's agreement": (
        with_flow_line('verwerker = "Leverancier"\nverwerkersovereenkomst = "verwerking"'),
        f"{FLOW}: verwerkersovereenkomst is not listed",
    ),
    "a covenant as the processor's agreement": (
        with_flow_line('verwerker = "Leverancier"\nverwerkersovereenkomst = "convenant"'),
        f"{FLOW}: verwerkersovereenkomst names a convenant",
    ),
    "protection on consent": (
        replaced('"publieke-taak"', '"toestemming"', with_flow_line(ON_REQUEST)),
        f"{FLOW}: bescherming: a protected exchange cannot rest on consent",
    ),
    "always protected and yet asked": (
        with_flow_line(ON_REQUEST.replace("professional", "altijd")),
        f"{FLOW}: bescherming: always protected, and yet agreement is asked",
    ),
    "a protected status": (
        replaced('bericht = "statusbericht"', f'bericht = "statusbericht"\n{ON_REQUEST}', STATUS),
        "gegevensstroom dwi-casebook-statusbericht: bescherming: a statusbericht cannot be "
        "protected",
    ),
    "an emergency by status": (
        replaced(
            'bericht = "statusbericht"',
            'bericht = "statusbericht"\n' + EMERGENCY.replace("lid.rol", "statusbericht.status"),
            STATUS,
        ),
        "gegevensstroom dwi-casebook-statusbericht: nood: a statusbericht is no emergency",
    ),
    "an emergency with a field that the flow drops": (
        with_flow_line(EMERGENCY.replace("lid.rol", "lid.geslacht")),
        f"{FLOW}: nood.velden: lid.geslacht is a field that the flow itself drops",
    ),
    "free text without a ground": (
        with_field("aanmelding.toelichting", "identificeren"),
        f"{FLOW}: sloten.beroepsgeheim: free text is admitted without a ground",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_each_contradiction_is_refused_by_its_own_message(name: str) -> None:
    text, message = CONTRADICTIONS[name]
    assert problems(text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        HEALTH_BY_CONSENT,
        with_locks('beroepsgeheim = { artikel = "art. 1", toestemming = true }'),
        with_flow_line('verwerker = "L."\nverwerkersovereenkomst = "verwerking"', PROCESSING),
        with_flow_line(ON_REQUEST),
        with_flow_line(EMERGENCY),
        replaced(
            "vereist = true",
            "vereist = false",
            with_flow_line(ON_REQUEST.replace("professional", "altijd")),
        ),
        replaced('"publieke-taak"', '"toestemming"'),
    ],
    ids=["by consent", "secrecy", "processor", "protection", "emergency", "always", "consent"],
)
def test_what_contradicts_nothing_may_be_put_in_force(text: str) -> None:
    assert len(load(text).flows) == 1


def test_what_a_flow_leaves_unsaid_is_the_careful_choice() -> None:
    flow = load(SOUND).flows[0]
    locks = flow.locks
    assert (flow.protection, flow.emergency, flow.processor_agreement) == (None, None, None)
    assert (locks.special, locks.secrecy, locks.bsn) == ((), None, None)
    unsaid = load(replaced("geheimAdresToegelaten = false\n", "")).flows[0]
    assert unsaid.secret_address_admitted is flow.secret_address_admitted is False
    assert load(SOUND).authority_days == 365
    assert load(SOUND).remark == ""
    assert flow.linkage_group == "casus"
    assert flow.required == ()
    assert locks.agreement.household is HouseholdRule.ALL
    plain = load(replaced(', huishouden = "allen"', "")).flows[0].locks.agreement
    assert (plain.household, plain.regime) == (HouseholdRule.ALL, AgeRegime.UAVG)
    emergency = load(with_flow_line(EMERGENCY)).flows[0].emergency
    assert emergency is not None
    assert (emergency.hours, emergency.review_days, emergency.steps) == (24, 3, (5,))
    special = load(HEALTH_BY_CONSENT.replace(", uitdrukkelijkeToestemming = true", "")).flows[0]
    assert [ground.by_consent for ground in special.locks.special] == [False]
    secrecy = load(with_locks('beroepsgeheim = { artikel = "art. 1" }')).flows[0].locks.secrecy
    assert secrecy is not None
    assert secrecy.by_consent is False


def test_the_agreements_of_a_flow_are_the_covenant_and_its_processors() -> None:
    assert load(SOUND).flows[0].agreements == ("convenant",)
    text = with_flow_line('verwerker = "L."\nverwerkersovereenkomst = "verwerking"', PROCESSING)
    assert load(text).flows[0].agreements == ("convenant", "verwerking")


def test_the_words_of_a_protocol_are_these() -> None:
    assert [*BasisKind] == [
        "publieke-taak",
        "wettelijke-plicht",
        "overeenkomst-met-betrokkene",
        "vitaal-belang",
        "toestemming",
    ]
    assert [*AgeRegime] == ["uavg", "jeugdwet", "wgbo"]
    assert [*Protection] == ["altijd", "professional"]
    assert [*HouseholdRule] == ["allen", "beperken"]
    assert len(load(SOUND).digest) == DIGEST_BYTES == 32


def test_an_article_has_three_letters_at_least() -> None:
    plain = 'artikel = "art. 1 (proef)"'
    assert load(replaced(plain, 'artikel = "9.1"')).flows[0].locks.basis.article == "9.1"
    assert problems(replaced(plain, 'artikel = "9. "'))


def test_a_covenant_may_be_of_one_day() -> None:
    one_day = load(replaced("einde = 2030-12-31", "einde = 2026-01-01")).covenants["convenant"]
    assert one_day.is_in_force(date(2026, 1, 1))
    assert not one_day.is_in_force(date(2026, 1, 2))


def test_a_controller_may_have_a_short_name_and_no_letter_for_one() -> None:
    assert load(replaced('"College"', '"BW"')).flows[0].controller == "BW"
    assert problems(replaced('"College"', '"B"'))


def test_the_parties_are_everybody_who_sends_or_receives() -> None:
    assert load(SOUND).parties == {"dwi", "casebook"}


def test_the_same_parties_may_exchange_for_several_purposes() -> None:
    text = SOUND + '[[doel]]\nid = "anders"\nomschrijving = "Anders."\nbewaarDagen = 1\n'
    second = flow_toml(fields=FIELDS_ALONE).replace('doel = "hulp"', 'doel = "anders"')
    protocol = load(text + second.replace('id = "dwi-', 'id = "anders-'))
    assert [flow.purpose for flow in protocol.flows] == ["hulp", "anders"]
    assert protocol.purposes["anders"].keep_days == 1
    assert protocol.purposes["hulp"].keep_days is None


def test_all_contradictions_are_named_at_once() -> None:
    text = replaced(
        'doel = "hulp"', 'doel = "x"', with_field("lid.burgerservicenummer", "identificeren")
    )
    text = replaced("einde = 2030-12-31", "einde = 2025-12-31", text)
    assert problems(text) == [
        f"{FLOW}: doel is not described",
        f"{FLOW}: sloten.bsn: no ground, but lid.burgerservicenummer is admitted",
        "overeenkomst convenant: einde lies before ingang",
    ]


@unhurried
@given(treatments(MessageKind.REFERRAL), st.sampled_from(["bijzonder", "bsn", "beroepsgeheim"]))
def test_no_lock_can_be_left_out(fields: dict[str, Treatment], lock: str) -> None:
    text = PREAMBLE + flow_toml(fields=fields)
    load(text)
    lines = text.splitlines()
    without = [line for line in lines if not line.startswith(f"{lock} = ")]
    if len(without) < len(lines):
        assert all(f"sloten.{lock}: " in problem for problem in problems("\n".join(without)))


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("", "kleur"),
        ("[protocol]", "protocol.kleur"),
        ("[[doel]]", "doel.0.kleur"),
        ("[[overeenkomst]]", "overeenkomst.0.kleur"),
        ("[[gegevensstroom]]", "gegevensstroom.0.kleur"),
        ("[gegevensstroom.sloten]", "gegevensstroom.0.sloten.kleur"),
        ("[gegevensstroom.bewaren]", "gegevensstroom.0.bewaren.kleur"),
    ],
)
def test_an_unknown_key_is_refused_wherever_it_stands(table: str, where: str) -> None:
    text = replaced(table, f"{table}\nkleur = 1") if table else f"kleur = 1\n{SOUND}"
    assert problems(text) == [f"{where}: Extra inputs are not permitted"]


@pytest.mark.parametrize("old", ["vereist", "soort", "artikel"])
def test_an_unknown_key_inside_a_lock_is_refused(old: str) -> None:
    assert len(problems(replaced(f"{old} = ", f"kleur = 1, {old} = "))) >= 1


@pytest.mark.parametrize(
    "key",
    [
        "versie",
        "titel",
        "omschrijving",
        "partijen",
        "ingang",
        "einde",
        "verzender",
        "ontvanger",
        "bericht",
        "doel",
        "verwerkingsverantwoordelijke",
        "overeenkomst",
        "verwerkingsactiviteit",
        "grondslag",
        "instemming",
        "aangehoudenDagen",
        "nietOpgehaaldDagen",
        "naOntvangstDagen",
        "[gegevensstroom.velden]",
    ],
)
def test_what_a_protocol_must_say_cannot_be_left_out(key: str) -> None:
    lines = SOUND.split("[gegevensstroom.velden]")[0] if key.startswith("[") else SOUND
    kept = [line for line in lines.splitlines() if not line.startswith(f"{key} = ")]
    assert any("Field required" in problem for problem in problems("\n".join(kept)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('id = "dwi-casebook-aanmelding"', 'id = "DWI naar casebook"'),
        ('verzender = "dwi"', 'verzender = "D"'),
        ('bericht = "aanmelding"', 'bericht = "memo"'),
        ('"publieke-taak"', '"gerechtvaardigd-belang"'),
        ("toegelatenGrondslagen = []", 'toegelatenGrondslagen = ["awbz"]'),
        ('"allen"', '"sommigen"'),
        ('"behouden"', '"bewaren"'),
        ('versie = "proef"', 'versie = ""'),
        ('versie = "proef"', 'versie = "../../etc"'),
        ("aangehoudenDagen = 42", "aangehoudenDagen = 0"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = 366"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = -1"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = nan"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = inf"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = 1.5"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = []"),
        ("naOntvangstDagen = 14", "naOntvangstDagen = 61"),
        ("ingang = 2026-01-01", "ingang = 07:32:00"),
        ("ingang = 2026-01-01", "ingang = 2026-01-01T12:00:00"),
        ("https://register", "javascript:register"),
        ("https://register", "https:// register"),
        ('artikel = "art. 1 (proef)"', 'artikel = ""'),
        ('partijen = ["dwi", "okt", "casebook"]', 'partijen = ["dwi"]'),
        ("vereist = true", 'vereist = "ja"'),
        ('huishouden = "allen"', 'leeftijdsregime = "awb"'),
        ('titel = "Proef"', 'titel = "Proef"\ngezagGeldigDagen = 0'),
        ('titel = "Proef"', 'titel = "Proef"\ngezagGeldigDagen = 3651'),
        ('titel = "Proef"', 'titel = "Proef"\ngezagGeldigDagen = "365"'),
        ('omschrijving = "Hulp."', 'omschrijving = "Hulp."\nbewaarDagen = 0'),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[]")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[0]")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[6]")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[5], uren = 0")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[5], uren = 25")}'),
        (
            'doel = "hulp"',
            f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[5], beoordelingDagen = 0")}',
        ),
        (
            'doel = "hulp"',
            f'doel = "hulp"\n{EMERGENCY.replace("[5]", "[5], beoordelingDagen = 15")}',
        ),
        ('doel = "hulp"', f'doel = "hulp"\n{EMERGENCY.replace(chr(34) + "lid.rol" + chr(34), "")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{ON_REQUEST.replace("professional", "soms")}'),
        ('doel = "hulp"', f'doel = "hulp"\n{ON_REQUEST.replace("art. 1", " ")}'),
    ],
)
def test_a_wrong_value_is_refused_and_named_by_its_place(old: str, new: str) -> None:
    found = problems(replaced(old, new))
    assert found
    assert all(":" in problem for problem in found)


NOT_A_PROTOCOL = [
    "",
    "\x00",
    "x",
    "=",
    "[",
    "[[",
    "[protocol]\n[protocol]",
    "protocol = 1",
    "protocol = []",
    "doel = {}",
    'doel = "x"',
    "gegevensstroom = [1, 'a', {}, [], 2026-01-01, 07:00:00, inf]",
    '"" = 1',
    '"a.b" = 1\n[a]\nb = 2',
    "'gegevensstroom' = [{velden = [1]}]",
    "gegevensstroom = [{velden = {'' = ''}, sloten = 1, id = 0x1}]",
    "gegevensstroom = [{sloten = {bijzonder = {soort = 1}}}]",
    "a = " + "[" * 50 + "]" * 50,
    "[" + ".".join("a" * 5000) + "]",
    "a = '\ud800'",
    "\ufeff" + SOUND,
]


@pytest.mark.parametrize("text", NOT_A_PROTOCOL, ids=range(len(NOT_A_PROTOCOL)))
def test_what_is_no_protocol_is_refused_with_a_message(text: str) -> None:
    assert all(problems(text))


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 20_000,
        replaced("aangehoudenDagen = 42", "aangehoudenDagen = " + "9" * 5000),
        SOUND + "# \ud800",
    ],
    ids=["deep", "large", "surrogate"],
)
def test_what_breaks_the_toml_reader_is_refused_with_a_message(text: str) -> None:
    assert all(problems(text))


def test_what_is_nested_too_deeply_is_said_to_be() -> None:
    nested = problems("a = " + "[" * 20_000)
    assert nested == ["not TOML that can be read: nested too deeply"]
    (broken,) = problems("a = ")
    assert broken.startswith("not TOML: ")


@unhurried
@given(st.text(max_size=200))
def test_weird_text_never_crashes(text: str) -> None:
    problems(text)


SCALAR = st.sampled_from(
    ["1", "-1", "nan", "true", '""', '"x"', "[]", "{}", "2026-01-01", "12:00:00", "[[]]", "[{}]"]
)


@unhurried
@given(st.data())
def test_a_weird_value_in_any_line_never_crashes(data: st.DataObject) -> None:
    lines = SOUND.splitlines()
    places = [n for n, line in enumerate(lines) if " = " in line]
    place = data.draw(st.sampled_from(places))
    lines[place] = f"{lines[place].split(' = ')[0]} = {data.draw(SCALAR)}"
    with suppress(ProtocolError):
        load("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vereist = true", 'vereist = "off"'),
        ("vereist = true", "vereist = 0"),
        ("geheimAdresToegelaten = false", 'geheimAdresToegelaten = "y"'),
        ("aangehoudenDagen = 42", 'aangehoudenDagen = "42"'),
        ("aangehoudenDagen = 42", "aangehoudenDagen = true"),
        ("aangehoudenDagen = 42", "aangehoudenDagen = 42.0"),
        ("ingang = 2026-01-01", "ingang = 0"),
        ("ingang = 2026-01-01", 'ingang = "0"'),
    ],
)
def test_no_value_is_made_from_something_else(old: str, new: str) -> None:
    problems(replaced(old, new))


@pytest.mark.parametrize(
    "text",
    [
        with_locks('bijzonder = [{ soort = "geen", artikel = "art. 0" }]'),
        with_locks('bijzonder = [{ soort = "bsn", artikel = "Wabb art. 10" }]'),
        replaced('artikel = "art. 1 (proef)"', 'artikel = "     "'),
        PREAMBLE
        + flow_toml(
            message=MessageKind.STATUS,
            fields={"statusbericht.status": Treatment.KEEP},
        ).replace("toegelatenGrondslagen = []", 'toegelatenGrondslagen = ["wgs"]'),
    ],
    ids=["an exception for nothing", "BSN as special", "a blank article", "grounds on a status"],
)
def test_what_no_lock_can_mean_is_refused(text: str) -> None:
    assert problems(text)
