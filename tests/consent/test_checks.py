"""What a check of a protocol finds, at which line, and whether it keeps it from coming in force."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from consent.checks import Finding, Severity, check_text
from tests.support.small_protocol import STATUS_FLOW, TEXT, changed

TODAY = date(2026, 11, 22)


def found(text: str, severity: Severity, today: date = TODAY) -> list[Finding]:
    return check_text(text, today).of(severity)


def the_one(text: str, severity: Severity, code: str, today: date = TODAY) -> Finding:
    matching = [one for one in found(text, severity, today) if one.code == code]
    assert len(matching) == 1, found(text, severity, today)
    return matching[0]


def at(text: str, one: Finding) -> str:
    assert one.line is not None
    return text.splitlines()[one.line - 1]


def test_a_sound_protocol_has_no_errors() -> None:
    report = check_text(TEXT, TODAY)
    assert report.protocol is not None
    assert report.of(Severity.ERROR) == []


def test_a_contradiction_is_an_error_with_its_rule_and_line() -> None:
    text = changed(('"lid.achternaam" =', '"lid.schoenmaat" ='))
    report = check_text(text, TODAY)
    assert report.protocol is None
    (one,) = report.of(Severity.ERROR)
    assert (one.code, one.rule) == ("contradiction", "gegevensstroom dwi-aanmelding")
    assert at(text, one).startswith('"lid.schoenmaat"')


def test_what_is_no_toml_at_all_is_an_error() -> None:
    (one,) = found("[protocol\nversie", Severity.ERROR)
    assert one.line == 1


def test_an_ended_covenant_closes_its_flows_for_good() -> None:
    errors = found(TEXT, Severity.ERROR, date(2031, 1, 1))
    assert {one.code for one in errors} == {"unreachable"}
    assert {one.rule for one in errors} == {
        "gegevensstroom dwi-aanmelding",
        "gegevensstroom terugkoppeling-dwi",
    }
    assert all(at(TEXT, one).startswith("overeenkomst = ") for one in errors)


def test_a_covenant_of_later_or_of_not_much_longer_is_for_a_person_to_judge() -> None:
    before = found(TEXT, Severity.WARNING, date(2025, 12, 31))
    assert len([one for one in before if one.code == "not-yet-open"]) == 2
    soon = found(TEXT, Severity.WARNING, date(2030, 12, 1))
    assert len([one for one in soon if one.code == "ends-soon"]) == 2


def test_a_flow_that_hands_over_nothing_is_never_of_use() -> None:
    text = changed(
        ('"statusbericht.kenmerk" = "behouden"\n', ""),
        ('"statusbericht.status" = "generaliseren"\n', ""),
        ('"statusbericht.peildatum" = "behouden"', '"statusbericht.peildatum" = "weglaten"'),
    )
    assert the_one(text, Severity.ERROR, "unreachable").rule == "gegevensstroom terugkoppeling-dwi"


def test_two_status_flows_between_the_same_parties_shadow_each_other() -> None:
    other = STATUS_FLOW.replace("terugkoppeling-dwi", "nog-een").replace(
        'doel = "terugkoppeling"', 'doel = "toeleiding"'
    )
    errors = [one for one in found(TEXT + other, Severity.ERROR) if one.code == "shadowed"]
    assert [one.rule for one in errors] == [
        "gegevensstroom terugkoppeling-dwi",
        "gegevensstroom nog-een",
    ]


def test_a_status_flow_that_answers_nothing_is_pointed_out() -> None:
    alone = TEXT[: TEXT.index("[[gegevensstroom]]")] + STATUS_FLOW
    assert the_one(alone, Severity.WARNING, "answers-nothing").rule.endswith("terugkoppeling-dwi")


def test_keeping_longer_than_the_purpose_is_an_error_on_the_term() -> None:
    text = changed(("aangehoudenDagen = 42", "aangehoudenDagen = 61"))
    one = the_one(text, Severity.ERROR, "retention")
    assert at(text, one) == "aangehoudenDagen = 61"
    assert "61" in one.message
    assert "60" in one.message


def test_terms_that_together_exceed_the_purpose_are_pointed_out() -> None:
    assert the_one(TEXT, Severity.WARNING, "retention-in-all").message.startswith("a message can")
    short = changed(("aangehoudenDagen = 42", "aangehoudenDagen = 18"))
    assert not [f for f in found(short, Severity.WARNING) if f.code == "retention-in-all"]


def test_a_purpose_that_bounds_nothing_is_pointed_out() -> None:
    assert the_one(TEXT, Severity.WARNING, "unbounded").rule == "doel terugkoppeling"


def test_an_article_that_is_none_is_no_basis() -> None:
    text = changed(("Wabb art. 10 (te bevestigen)", "volgt nog"))
    one = the_one(text, Severity.ERROR, "no-basis")
    assert at(text, one).startswith("bsn = ")


@pytest.mark.parametrize(
    ("article", "is_error"),
    [
        ("AVG art. 6 lid 1 onder c; Wmo 2015 art. 2.1.1", True),
        ("AVG art. 6, eerste lid, onder e, Wmo 2015", False),
        ("AVG artikel 6 lid 1 sub e", False),
        ("GDPR 6(1)(c)", True),
        ("GDPR 6(1)(e)", False),
        ("Wmo 2015 art. 2.1.1", False),
    ],
)
def test_a_basis_and_its_letter_in_article_6_belong_together(article: str, is_error: bool) -> None:
    text = changed(("AVG art. 6 lid 1 onder e; Wmo 2015 art. 2.1.1", article))
    assert bool([f for f in found(text, Severity.ERROR) if f.code == "no-basis"]) is is_error


def test_an_exception_that_cites_none_is_pointed_out() -> None:
    def with_exception(article: str) -> str:
        return changed(
            ('"lid.zrm.verslaving" = "weglaten"', '"lid.zrm.verslaving" = "behouden"'),
            (
                "instemming = { vereist = true",
                f'bijzonder = [{{ soort = "gezondheid", artikel = "{article}" }}]\n'
                "instemming = { vereist = true",
            ),
        )

    text = with_exception("Jeugdwet art. 7.3")
    assert at(text, the_one(text, Severity.WARNING, "exception")).startswith("bijzonder")
    for article in ("AVG art. 9 lid 2 onder h", "UAVG art. 30 lid 3"):
        warnings = found(with_exception(article), Severity.WARNING)
        assert not [one for one in warnings if one.code == "exception"]


def test_what_nobody_uses_is_pointed_out() -> None:
    text = changed(
        ('partijen = ["dwi", "casebook"]', 'partijen = ["dwi", "casebook", "okt"]'),
        (
            "[[overeenkomst]]",
            '[[doel]]\nid = "ooit"\nomschrijving = "Ooit."\nbewaarDagen = 5\n\n[[overeenkomst]]',
        ),
    )
    unused = [one for one in found(text, Severity.WARNING) if one.code == "unused"]
    assert [(one.rule, one.message) for one in unused] == [
        ("doel ooit", "no flow has this purpose"),
        ("overeenkomst convenant", "okt signed it and is in no flow under it"),
    ]
    assert at(text, unused[1]).startswith("partijen")


def test_what_is_still_to_be_confirmed_is_counted_once() -> None:
    one = the_one(TEXT, Severity.WARNING, "unconfirmed")
    assert one.message.startswith("2 lines")
    assert "te bevestigen" in at(TEXT, one)
    assert not [
        f
        for f in found(TEXT.replace(" (te bevestigen)", ""), Severity.WARNING)
        if f.code == one.code
    ]


EXAMPLE = Path(__file__).parents[2] / "consent" / "protocols" / "samen-doen-voorbeeld.toml"


def example(*changes: tuple[str, str]) -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def test_what_asks_nobody_cannot_break_secrecy_by_consent() -> None:
    line = next(
        line for line in example().splitlines() if line.startswith('beroepsgeheim = "Jeugdwet')
    )
    text = example((f"{line}\n", ""))
    one = the_one(text, Severity.ERROR, "no-basis")
    assert (one.rule, "nobody is asked" in one.message) == ("gegevensstroom okt-aanmelding", True)


def test_an_emergency_carries_nothing_that_goes_by_explicit_consent_alone() -> None:
    head, _, tail = example().partition('id = "ggz-aanmelding"')
    text = (
        head
        + 'id = "ggz-aanmelding"'
        + tail.replace("velden = [\n", 'velden = [\n    "lid.zrm.verslaving",\n', 1)
    )
    assert "lid.zrm.verslaving" in the_one(text, Severity.ERROR, "no-basis").message


def test_one_yes_does_not_open_two_flows_that_ask_it_by_other_rules() -> None:
    head, _, tail = example().partition('id = "dwzs-aanmelding"')
    text = (
        head
        + 'id = "dwzs-aanmelding"'
        + tail.replace('leeftijdsregime = "uavg"', 'leeftijdsregime = "jeugdwet"', 1)
    )
    one = the_one(text, Severity.ERROR, "shared-agreement")
    assert "dwi-aanmelding" in one.message


def test_what_cannot_wait_is_pointed_out_where_it_asks_agreement() -> None:
    head, _, tail = example().partition('id = "casebook-terugkoppeling-dwi"')
    text = (
        head
        + 'id = "casebook-terugkoppeling-dwi"'
        + tail.replace("instemming = { vereist = false }", "instemming = { vereist = true }", 1)
    )
    the_one(text, Severity.WARNING, "cannot-wait")


WHOLE = EXAMPLE.read_text(encoding="utf-8")


def test_who_gets_people_by_pseudonym_alone_may_not_register_numbers() -> None:
    assert found(WHOLE, Severity.ERROR) == []
    head, sep, own = WHOLE.partition('[[gegevensstroom]]\nid = "casebook-registratie"\n')
    for_funder = own.replace('verzender = "casebook"', 'verzender = "sra"').replace(
        'ontvanger = "casebook"', 'ontvanger = "sra"'
    )
    for_funder = for_funder.replace("convenant-samen-doen", "convenant-verantwoording")
    # In a linkage group of its own a name leads to no other; in the same it is the same.
    assert found(head + sep + for_funder, Severity.ERROR) == []
    activity = "\nverwerkingsactiviteit ="
    grouped = for_funder.replace(activity, '\nkoppelgroep = "verantwoording"' + activity)
    text = head + sep + grouped
    one = the_one(text, Severity.ERROR, "names-the-nameless")
    assert "casebook-verantwoording-sra" in one.message
    assert at(text, one).startswith("[gegevensstroom.velden]")


def test_a_registration_comes_back_to_its_sender_and_asks_nobody() -> None:
    wrong = WHOLE.replace(
        'verzender = "casebook"\nontvanger = "casebook"',
        'verzender = "casebook"\nontvanger = "dwi"',
    )
    (one,) = found(wrong, Severity.ERROR)
    assert "goes back to its verzender" in one.message


def test_a_partners_message_may_ask_agreement_and_is_not_warned_of() -> None:
    codes = {one.code for one in found(WHOLE, Severity.WARNING)}
    assert "cannot-wait" not in codes
