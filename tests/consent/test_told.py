"""Every sentence that officers and residents get to read, beside the ones that were read over.

The pages under told/ were read by a person; whoever changes a sentence changes it there by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from consent.checks import check_text
from consent.differences import differences, verdict
from consent.explain import Explanation, Question, explain_possible, explain_recorded
from consent.labels import Language
from consent.processing_register import (
    InForce,
    PartyName,
    activities,
    register_csv,
    register_json,
)
from consent.protocol import Flow, Protocol, load
from consent.simulation import Effect, Recorded, Simulation
from consent.told import Course
from schemas.decisions import Outcome, Rule
from schemas.fields import MessageKind
from tests.support.protocol_changes import (
    ADDICTION,
    AT,
    CHANGES,
    EMERGENCY,
    HEALTH,
    LOCKS,
    MORE,
    PROTECTED,
    SECOND,
    SECRECY,
    Change,
    at,
)
from tests.support.small_protocol import STATUS_FLOW, TEXT, changed, protocol

PAGES = Path(__file__).parent / "told"
TODAY = date(2026, 11, 22)
COVERED = {
    "id", "purpose", "controller", "processing_activity", "processor", "processor_agreement",
    "covenant", "admitted_grounds", "secret_address_admitted", "linkage_group", "locks",
    "retention", "fields", "required", "protection", "emergency", "first_contact_days",
}  # fmt: skip
NEW_FLOW_INSTEAD = {"sender", "recipient", "message"}


def told_differences() -> Iterator[str]:
    for name, (one, other) in CHANGES.items():
        before, after = protocol(*one), protocol(*other, version="2.0")
        for way, old, new in (("heen", before, after), ("terug", after, before)):
            for language in Language:
                found = differences(old, new)
                yield f"== {name}, {way}, {language}: {verdict(found).told(language)}"
                for flow in found:
                    yield f"{flow.flow or '-'} | {flow.between.told(language)} | {flow.widens}"
                    for change in flow.changes:
                        told = change.sentence.told(language)
                        yield f"  [{change.topic}] {change.direction}: {told}"


def told_explanations() -> Iterator[str]:
    rich = protocol(
        ADDICTION,
        (LOCKS, f"{HEALTH}, uitdrukkelijkeToestemming = true }}]\n{LOCKS}"),
        (LOCKS, SECRECY % ", toestemming = true" + LOCKS),
        SECOND,
        (AT, f'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\n{AT}'),
    )
    for by in (protocol(), rich):
        yield from _recorded(by)
        for question in (
            Question("dwi", "casebook", MessageKind.REFERRAL),
            Question("dwi", "casebook", MessageKind.REFERRAL, "terugkoppeling"),
            Question("casebook", "dwi", MessageKind.STATUS, "terugkoppeling"),
            *(
                Question("dwi", "casebook", MessageKind.REFERRAL, None, field)
                for field in (
                    "lid.zrm.verslaving",
                    "lid.zrm.justitie",
                    "lid.achternaam",
                    "lid.geslacht",
                    "aanmelding.toelichting",
                    "statusbericht.status",
                )
            ),
            Question("casebook", "dwi", MessageKind.STATUS, None, "statusbericht.afsluitreden"),
        ):
            for one in explain_possible(by, question, TODAY):
                yield from _told(f"{question}", one)
    consent = protocol(("publieke-taak", "toestemming"), ("vereist = false", "vereist = true"))
    question = Question("dwi", "casebook", MessageKind.REFERRAL)
    yield from _told("op toestemming", explain_possible(consent, question, TODAY)[0])
    bare = protocol(
        ('bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n', ""),
        ('"lid.burgerservicenummer" = "identificeren"\n', ""),
    )
    question = Question("dwi", "casebook", MessageKind.REFERRAL, None, "lid.burgerservicenummer")
    yield from _told("zonder BSN", explain_possible(bare, question, TODAY)[0])
    special = protocol(
        *at(PROTECTED % "professional"), *at(EMERGENCY % ('"lid.achternaam"', "5", 12, 2))
    )
    question = Question("dwi", "casebook", MessageKind.REFERRAL)
    yield from _told("met uitzonderingen", explain_possible(special, question, TODAY)[0])
    yield from _courses(special)
    yield from _told("na afloop", explain_possible(bare, question, date(2031, 1, 1))[0])


def _recorded(by: Protocol) -> Iterator[str]:
    fields = ("lid.achternaam", "lid.geboortedatum"), ("lid.zrm.verslaving", "huishouden.postcode")
    for outcome, rule, field in (
        (Outcome.ACCEPTED, Rule.PERMITTED, None),
        (Outcome.ACCEPTED, Rule.EMERGENCY, None),
        (Outcome.HELD, Rule.AGREEMENT_INCOMPLETE, None),
        (Outcome.REFUSED, Rule.FIELD_REQUIRED, "aanmelding.aangemeldOp"),
        (Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag"),
        (Outcome.REFUSED, Rule.NO_AGREEMENT_IN_FORCE, None),
        (Outcome.REFUSED, Rule.PARTNER_SUSPENDED, None),
        (Outcome.REFUSED, Rule.PROTECTION_NOT_ADMITTED, "aanmelding.bescherming"),
        (Outcome.REFUSED, Rule.EMERGENCY_NOT_ADMITTED, None),
        (Outcome.REFUSED, Rule.REFERENCE_REUSED, "kenmerk"),
    ):
        released, removed = fields if outcome is Outcome.ACCEPTED else ((), ())
        one = Recorded(
            by.digest, "dwi-aanmelding", outcome, rule, field, "dwi", "casebook", released, removed
        )
        yield from _told(f"{outcome}, {rule}", explain_recorded(by, one, Course.HANDED_OVER))
    status = Recorded(
        by.digest, "terugkoppeling-dwi", "toegelaten", "toegelaten", None, "casebook", "dwi", (), ()
    )
    yield from _told("status", explain_recorded(by, status, Course.HANDED_OVER))
    nothing = Recorded(by.digest, None, "geweigerd", Rule.NO_FLOW, None, "okt", None, (), ())
    yield from _told("geen stroom", explain_recorded(by, nothing, Course.WAITS))
    repeat = nothing._replace(rule=Rule.UNKNOWN_EXCHANGE)
    yield from _told("onbekende uitwisseling", explain_recorded(by, repeat, Course.WAITS))


def _courses(by: Protocol) -> Iterator[str]:
    released = "lid.achternaam", "lid.geboortedatum"
    removed = "lid.zrm.verslaving", "huishouden.postcode"
    for rule in (Rule.PERMITTED, Rule.EMERGENCY):
        for course in Course:
            one = Recorded(
                by.digest, "dwi-aanmelding", Outcome.ACCEPTED, rule, None, "dwi", "casebook",
                released, removed,
            )  # fmt: skip
            for field in (None, "lid.achternaam", "huishouden.postcode"):
                title = f"{rule}, {course.name}, {field or 'geheel'}"
                yield from _told(title, explain_recorded(by, one, course, field))


def _told(title: str, one: Explanation) -> Iterator[str]:
    yield f"== {title}"
    members = asdict(one) | {"digest": "-"}
    yield json.dumps(members, ensure_ascii=False, indent=1)


def told_findings() -> Iterator[str]:
    other = STATUS_FLOW.replace("terugkoppeling-dwi", "nog-een").replace(
        'doel = "terugkoppeling"', 'doel = "toeleiding"'
    )
    exceptions = at(PROTECTED.replace("5.2.6", "volgt") % "professional") + at(
        (EMERGENCY % ('"lid.achternaam"', "5", 12, 2)).replace("art. 6 lid 1 onder d", "volgt")
    )
    lacking: Change = (
        ADDICTION,
        (LOCKS, f"{HEALTH.replace('AVG art. 9 lid 2 onder a', 'volgt')} }}]\n{LOCKS}"),
        (LOCKS, SECRECY.replace("art. 5.3.3", "volgt").replace("2015 ", "") % "" + LOCKS),
        ("Wabb art. 10 (te bevestigen)", "volgt nog"),
    )
    idle = (
        "[[overeenkomst]]",
        '[[doel]]\nid = "ooit"\nomschrijving = "Ooit."\n\n[[overeenkomst]]\nid = "los"\n'
        'soort = "convenant"\ntitel = "Los"\npartijen = ["dwi", "okt"]\ningang = 2026-01-01\n'
        "einde = 2026-12-31\n\n[[overeenkomst]]",
    )
    for title, text, today in (
        ("gaaf", TEXT, TODAY),
        ("afgelopen", TEXT, date(2031, 1, 1)),
        ("laatste dag", TEXT, date(2030, 12, 31)),
        ("nog negentig dagen", TEXT, date(2030, 10, 2)),
        ("nog negenentachtig dagen", TEXT, date(2030, 10, 3)),
        ("nog niet begonnen", TEXT, date(2025, 12, 31)),
        ("eerste dag", TEXT, date(2026, 1, 1)),
        ("dubbele status", TEXT + other, TODAY),
        ("bewaren", changed(("aangehoudenDagen = 42", "aangehoudenDagen = 61")), TODAY),
        (
            "bewaren, op de grens",
            changed(("aangehoudenDagen = 42", "aangehoudenDagen = 18")),
            TODAY,
        ),
        ("grondslag", changed(("onder e", "onder c")), TODAY),
        ("zonder artikelen", changed(*lacking), TODAY),
        ("uitzonderingen zonder artikel", changed(*exceptions), TODAY),
        ("ongebruikt", changed(idle), TODAY),
        ("tegenspraak", changed(('"lid.achternaam" =', '"lid.schoenmaat" =')), TODAY),
        ("geen TOML", "[protocol\n", TODAY),
        (
            "tegenspraken",
            changed(
                ("einde = 2030-12-31", "einde = 2020-12-31"),
                ('id = "terugkoppeling"', 'id = "toeleiding"'),
                ('titel = "Proefprotocol"', "titel = 3"),
            ),
            TODAY,
        ),
        (
            "dubbele namen",
            changed(
                ("einde = 2030-12-31", "einde = 2020-12-31"),
                ('[[doel]]\nid = "terugkoppeling"', '[[doel]]\nid = "toeleiding"'),
            ),
            TODAY,
        ),
        ("op de dag", changed(("aangehoudenDagen = 42", "aangehoudenDagen = 60")), TODAY),
        (
            "andere termijnen",
            changed(
                ("bewaarDagen = 60", "bewaarDagen = 13"),
                ("aangehoudenDagen = 42", "aangehoudenDagen = 13"),
            ),
            TODAY,
        ),
        (
            "verwerker afgelopen",
            changed(
                (SECOND[0], SECOND[1].replace("einde = 2030-12-31", "einde = 2026-11-21")),
                (AT, f'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\n{AT}'),
            ),
            TODAY,
        ),
        (
            "zonder velden",
            changed(
                ('"statusbericht.kenmerk" = "behouden"\n', ""),
                ('"statusbericht.status" = "generaliseren"\n', ""),
                (
                    '"statusbericht.peildatum" = "behouden"',
                    '"statusbericht.peildatum" = "weglaten"',
                ),
            ),
            TODAY,
        ),
        (
            "antwoordt niets",
            TEXT[: TEXT.index("[[gegevensstroom]]")]
            + STATUS_FLOW
            + STATUS_FLOW.replace("terugkoppeling-dwi", "heen").replace(
                'verzender = "casebook"\nontvanger = "dwi"',
                'verzender = "dwi"\nontvanger = "casebook"',
            ),
            TODAY,
        ),
        ("twee letters", changed(("onder e;", "onder c; AVG art. 6 lid 1 onder b;")), TODAY),
        (
            "grondslag zonder nummer",
            changed(("AVG art. 6 lid 1 onder e; Wmo 2015 art. 2.1.1", "Wmo 2015")),
            TODAY,
        ),
        (
            "zonder betrokkenen",
            changed(('partijen = ["dwi", "casebook"]', 'partijen = ["dwi", "casebook", "b", "a"]')),
            TODAY,
        ),
        (
            "lange partijen",
            changed(
                (
                    'partijen = ["dwi", "casebook"]',
                    'partijen = ["dwi", "casebook", "spirit", "altra"]',
                )
            ),
            TODAY,
        ),
        (
            "twaalf",
            TEXT.replace(" (te bevestigen)", "").replace("\n", " # te bevestigen\n", 12),
            TODAY,
        ),
        (
            "dertien",
            TEXT.replace(" (te bevestigen)", "").replace("\n", " # te bevestigen\n", 16),
            TODAY,
        ),
        ("verkeerde waarde", changed(("aangehoudenDagen = 42", "aangehoudenDagen = 900")), TODAY),
        ("veel te bevestigen", TEXT.replace("art.", "art. (te bevestigen)"), TODAY),
        ("zeer veel", TEXT.replace("\n", " # te bevestigen\n"), TODAY),
    ):
        report = check_text(text, today)
        yield f"== {title}: {'leesbaar' if report.protocol else 'onleesbaar'}"
        for one in report.findings:
            yield f"{one.severity} {one.code} {one.line} [{one.rule}] {one.message}"


def told_register() -> Iterator[str]:
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 9)]
    rich = protocol(
        ADDICTION,
        (LOCKS, f"{HEALTH} }}]\n{LOCKS}"),
        SECOND,
        (AT, f'verwerker = "X BV"\nverwerkersovereenkomst = "tweede"\n{AT}'),
        version="2.0",
    )
    history = [
        InForce(protocol(), moments[0], moments[1]),
        InForce(rich, moments[1], moments[2]),
        InForce(protocol((STATUS_FLOW, ""), version="3.0"), moments[2], None),
    ]
    parties = {"casebook": PartyName("Casusregister", "00000099000000003000")}
    found = activities(history)
    yield register_csv(found, parties).replace("\r\n", "\n").removeprefix("\ufeff")
    yield json.dumps(register_json(found, parties), ensure_ascii=False, indent=1)


def told_simulations() -> Iterator[str]:
    released = ("aanmelding.aangemeldOp", "lid.achternaam", "lid.geboortedatum")
    withheld = ("huishouden.postcode", "lid.zrm.verslaving", "lid.geslacht")
    names = ("dwi-aanmelding", "dwi-eerste")
    yield "Listed is what the version that decided would not have come to itself."
    for name, (one, other) in (CHANGES | MORE).items():
        before, after = protocol(*one), protocol(*other, version="2.0")
        for way, old, new in (("heen", before, after), ("terug", after, before)):
            flow = next(f.id for f in old.flows if f.id in names)
            decisions = {
                "permit": (flow, Outcome.ACCEPTED, Rule.PERMITTED, None, released, withheld),
                "without date": (flow, Outcome.ACCEPTED, Rule.PERMITTED, None, released[1:], ()),
                "all leaves": (
                    flow,
                    Outcome.ACCEPTED,
                    Rule.PERMITTED,
                    None,
                    (*released, "huishouden.postcode", "lid.zrm.verslaving"),
                    (),
                ),
                "emergency": (flow, Outcome.ACCEPTED, Rule.EMERGENCY, None, released, withheld),
                "hold": (flow, Outcome.HELD, Rule.AGREEMENT_INCOMPLETE, None, (), ()),
                **{
                    f"refused {rule}": (flow, Outcome.REFUSED, rule, field, (), ())
                    for rule, field in (
                        (Rule.FIELD_REQUIRED, "aanmelding.aangemeldOp"),
                        (Rule.FIELD_REQUIRED, "lid.geslacht"),
                        (Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag"),
                        (Rule.NO_AGREEMENT_IN_FORCE, None),
                        (Rule.PARTNER_SUSPENDED, None),
                        (Rule.PROTECTION_NOT_ADMITTED, None),
                        (Rule.EMERGENCY_NOT_ADMITTED, None),
                        (Rule.REFERENCE_REUSED, None),
                    )
                },
                "status": (
                    "terugkoppeling-dwi",
                    Outcome.ACCEPTED,
                    Rule.PERMITTED,
                    None,
                    ("statusbericht.status",),
                    (),
                ),
                "no flow": (None, Outcome.REFUSED, Rule.NO_FLOW, None, (), ()),
                "unknown": (None, Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE, None, (), ()),
            }
            yield f"== {name}, {way}"
            for title, (of, outcome, rule, field, goes, stays) in decisions.items():
                sender = "casebook" if title in ("status", "no flow") else "dwi"
                was = Recorded(old.digest, of, outcome, rule, field, sender, None, goes, stays)
                judged = Simulation(new, {old.digest: old}, TODAY).take(was)
                if judged != Simulation(old, {old.digest: old}, TODAY).take(was):
                    fields = "".join(
                        f"; {told}: {', '.join(paths)}"
                        for told, paths in (
                            ("leaves", judged.leaves),
                            ("stays", judged.stays),
                            ("otherwise", judged.otherwise),
                        )
                    )
                    told = fields if judged.effect is Effect.FIELDS else ""
                    yield f"{title} | {judged.flow} | {judged.effect} | {judged.reason}{told}"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("differences.txt", told_differences),
        ("explanations.txt", told_explanations),
        ("findings.txt", told_findings),
        ("register.txt", told_register),
        ("simulations.txt", told_simulations),
    ],
)
def test_what_people_read_is_what_was_read_over(
    page: str, told: Callable[[], Iterator[str]]
) -> None:
    written = (PAGES / page).read_text(encoding="utf-8").splitlines()
    assert "\n".join(told()).splitlines() == written


def test_every_attribute_of_a_flow_stands_on_the_page() -> None:
    assert set(Flow.model_fields) == COVERED | NEW_FLOW_INSTEAD
    assert load(TEXT)
