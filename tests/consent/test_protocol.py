"""The protocol file: what may be put in force, and each contradiction by its own message."""

import hashlib
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import Protocol, ProtocolError, load
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
    assert [flow.id for flow in protocol.flows] == ["dwi-aanmelding", "casebook-terugkoppeling-dwi"]
    assert [f.id for f in protocol.flows_from("dwi", MessageKind.REFERRAL)] == ["dwi-aanmelding"]
    assert protocol.flows_from("dwi", MessageKind.STATUS) == ()
    assert protocol.flows_from("okt", MessageKind.REFERRAL) == ()


def test_the_example_protocol_marks_every_article_as_to_be_confirmed() -> None:
    for flow in load(EXAMPLE.read_text(encoding="utf-8")).flows:
        locks = flow.locks
        articles = [ground for ground in (locks.basis, locks.secrecy, locks.bsn) if ground]
        assert all("te bevestigen" in ground.article for ground in [*articles, *locks.special])


def test_the_example_protocol_opens_no_special_category_and_no_free_text() -> None:
    for flow in load(EXAMPLE.read_text(encoding="utf-8")).flows:
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
        "gegevensstroom anders-casebook-aanmelding: the same sender, recipient and message as "
        "dwi-casebook-aanmelding",
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
    "free text without a ground": (
        with_field("aanmelding.toelichting", "identificeren"),
        f"{FLOW}: sloten.beroepsgeheim: free text is admitted without a ground",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_each_contradiction_is_refused_by_its_own_message(name: str) -> None:
    text, message = CONTRADICTIONS[name]
    assert problems(text) == [message]


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
