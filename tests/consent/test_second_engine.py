"""A second engine must agree: the same protocol as Cedar policies, over a whole finite space.

Every way to name a flow, ground, required field, suspension, day, protection and emergency is
crossed with every other; and under every flow each constellation of what up to three members said,
with each place of the applicant. The answers compared are whole: outcome, members, what each of
them keeps back, and whether the household must not learn of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from typing import NamedTuple
from uuid import UUID

import cedarpy
import pytest

from consent.decide import Emergency, Facts, FlowTable, compile_table, decide
from consent.protocol import load
from consent.register import NOTHING_RECORDED, Standing
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind
from schemas.referral import Ground
from tests.support.cedar_policies import MEMBERS, policies_of

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HEALTH, ADDRESS = "zrm.verslaving", "adres"
CATEGORIES = (ADDRESS, HEALTH)
EVENT = (UUID(int=1),)
SAID: dict[str, Standing] = {
    "": NOTHING_RECORDED,
    "nee": Standing(False),
    "nee, en niet het adres": Standing(False, (), frozenset({ADDRESS})),
    "ja": Standing(True, EVENT),
    "ja, niet het adres": Standing(True, EVENT, frozenset({ADDRESS})),
    "ja, ook de zorg": Standing(True, EVENT, frozenset(), frozenset({HEALTH})),
    "ja, niet het adres, wel de zorg": Standing(
        True, EVENT, frozenset({ADDRESS}), frozenset({HEALTH})
    ),
}
HOUSEHOLDS = [said for count in (1, 2, 3) for said in product(SAID, repeat=count)]
DAYS = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1), date(2026, 6, 30), date(2026, 7, 1)]
# Step of the meldcode and minutes that are asked; none where it is no emergency.
EMERGENCIES = [None, (3, 60), (5, 480), (3, 481), (3, 0), (4, 60)]
REQUIRED = ("lid.rol", "lid.geslacht")
_BATCH = 2000


class Situation(NamedTuple):
    """One point: a message as it arrives, and what is known of its members."""

    sender: str
    recipient: str
    purpose: str
    ground: str
    present: tuple[str, ...]
    suspended: tuple[str, ...]
    day: date
    is_protection_asked: bool
    emergency: tuple[int, int] | None
    said: tuple[str, ...]
    applicant: int


def protocol() -> str:
    """Six flows in which every kind of rule meets every other."""

    def covenant(name: str, kind: str, first: str, last: str) -> str:
        return f"""[[overeenkomst]]
id = "{name}"
soort = "{kind}"
titel = "Proef"
partijen = ["aa", "bb", "cc", "xx", "yy"]
ingang = {first}
einde = {last}
"""

    def flow(name: str, sender: str, recipient: str, purpose: str, *lines: str) -> str:
        return f"""[[gegevensstroom]]
id = "{name}"
verzender = "{sender}"
ontvanger = "{recipient}"
bericht = "aanmelding"
doel = "{purpose}"
verwerkingsverantwoordelijke = "College"
verwerkingsactiviteit = "https://register.voorbeeld.nl/proef"
bewaren = {{ aangehoudenDagen = 4, nietOpgehaaldDagen = 2, naOntvangstDagen = 1 }}
sloten.grondslag = {{ soort = "publieke-taak", artikel = "art. 1" }}
{chr(10).join(lines)}
"""

    grounds = 'toegelatenGrondslagen = ["wmo2015", "geen"]'
    required = f"verplicht = {json.dumps(list(REQUIRED))}"
    first, second = 'overeenkomst = "eerste"', 'overeenkomst = "tweede"'
    processor = 'verwerker = "L."\nverwerkersovereenkomst = "verwerking"'
    everybody = 'sloten.instemming = { vereist = true, huishouden = "allen" }'
    reduced = 'sloten.instemming = { vereist = true, huishouden = "beperken" }'
    nobody = "sloten.instemming = { vereist = false }"
    always = 'bescherming = { soort = "altijd", artikel = "art. 2" }'
    on_request = 'bescherming = { soort = "professional", artikel = "art. 2" }'
    urgent = (
        'nood = { artikel = "art. 3", velden = ["lid.rol"], meldcodeStappen = [3, 5], uren = 8 }'
    )
    plain = 'velden = { "lid.rol" = "behouden", "lid.geslacht" = "behouden" }'
    health = plain.replace("{ ", '{ "lid.zrm.verslaving" = "behouden", ')
    by_consent = (
        'sloten.bijzonder = [{ soort = "gezondheid", artikel = "art. 9", '
        "uitdrukkelijkeToestemming = true }]"
    )
    by_article = 'sloten.bijzonder = [{ soort = "gezondheid", artikel = "art. 9" }]'
    return "".join(
        [
            '[protocol]\nversie = "proef"\ntitel = "Proef"\n',
            '[[doel]]\nid = "hulp"\nomschrijving = "Hulp."\n',
            '[[doel]]\nid = "onderzoek"\nomschrijving = "Onderzoek."\n',
            covenant("eerste", "convenant", "2026-01-01", "2026-12-31"),
            covenant("tweede", "convenant", "2020-01-01", "2026-06-30"),
            covenant("verwerking", "verwerkersovereenkomst", "2026-03-01", "2026-06-30"),
            flow("a1", "aa", "xx", "hulp", first, processor, grounds, required, everybody, plain),
            flow("a2", "aa", "xx", "onderzoek", second, required, reduced, plain),
            flow("a3", "aa", "yy", "hulp", first, nobody, always, urgent, plain),
            flow("b1", "bb", "xx", "hulp", first, reduced, on_request, urgent, by_consent, health),
            flow("b2", "bb", "yy", "onderzoek", second, grounds, everybody, on_request, by_article,
                 health),
            flow("c1", "cc", "yy", "hulp", second, everybody, urgent, by_consent, health),
        ]
    )  # fmt: skip


NAMED = {
    "a1": ("aa", "xx", "hulp"),
    "a2": ("aa", "xx", "onderzoek"),
    "a3": ("aa", "yy", "hulp"),
    "b1": ("bb", "xx", "hulp"),
    "b2": ("bb", "yy", "onderzoek"),
    "c1": ("cc", "yy", "hulp"),
}


def arrivals() -> Iterator[Situation]:
    """Every way that a message can arrive, whatever its flow, with a few households."""
    households = [("ja", "ja"), ("ja", "nee"), ("", "ja"), ("ja, niet het adres",)]
    presences = [(), REQUIRED[:1], REQUIRED[1:], REQUIRED]
    for sender, recipient, purpose, ground, present, suspended, day, asks, urgent, said in product(
        ["aa", "bb", "cc", "dd"],
        ["", "xx", "yy", "zz"],
        ["", "hulp", "onderzoek", "anders"],
        ["", "geen", "wmo2015", "wgs"],
        presences,
        [(), ("aa",), ("xx",), ("bb", "yy")],
        DAYS,
        [False, True],
        EMERGENCIES,
        households,
    ):
        yield Situation(
            sender, recipient, purpose, ground, present, suspended, day, asks, urgent, said, 0
        )


def households() -> Iterator[Situation]:
    """Under every flow, every constellation of what the members said."""
    for chosen, asks, urgent, said, applicant in product(
        NAMED.values(), [False, True], [None, (3, 60)], HOUSEHOLDS, [0, 1, 2, 5]
    ):
        yield Situation(
            *chosen, "wmo2015", REQUIRED, (), date(2026, 3, 1), asks, urgent, said, applicant
        )


def by_us(table: FlowTable, point: Situation) -> frozenset[str]:
    """Our decision, as the answers to the questions that the policies ask."""
    flow = table.find(
        point.sender, MessageKind.REFERRAL, point.recipient or None, point.purpose or None
    )
    emergency = None
    if point.emergency is not None:
        step, minutes = point.emergency
        emergency = Emergency(step, NOW + timedelta(minutes=minutes))
    facts = Facts(
        Ground(point.ground) if point.ground else None,
        frozenset(point.present),
        point.applicant,
        [SAID[one] for one in point.said],
        point.is_protection_asked,
        emergency,
        NOW,
    )
    return _answers(decide(table, flow, facts, frozenset(point.suspended), point.day))


def _answers(decision: Decision) -> frozenset[str]:
    match decision:
        case Refuse():
            return frozenset()
        case Hold(flow=flow):
            return frozenset({f"{flow} aangehouden"})
        case Permit(flow=flow):
            found = {f"{flow} lid {member}" for member in decision.members}
            if decision.rule is Rule.EMERGENCY:
                found |= {f"{flow} nood"}
                found |= {f"{flow} verborgen nood"} if decision.is_protected else set()
            else:
                found |= {f"{flow} beschermd" if decision.is_protected else f"{flow} gewoon"}
            for member, kept in zip(decision.members, decision.withheld, strict=False):
                found |= {f"{flow} lid {member} zonder {category}" for category in kept}
            return frozenset(found)


class Cedar:
    """The second engine, with its policies read once."""

    def __init__(self, text: str) -> None:
        self._policies = {
            sender: (cedarpy.PolicySet.from_str(found.text), found.names)
            for sender in ("aa", "bb", "cc")
            if (found := policies_of(text, sender, CATEGORIES)).names
        }
        self._entities = cedarpy.Entities.from_json_str("[]")

    def answers(self, sender: str, points: Sequence[Situation]) -> list[frozenset[str]]:
        """Its answers about messages of one sender; of an unknown sender there are none."""
        if sender not in self._policies:
            return [frozenset()] * len(points)
        policies, names = self._policies[sender]
        requests = [
            {
                "principal": f'Partner::"{sender}"',
                "action": 'Action::"aanmelding"',
                "resource": 'Message::"m"',
                "context": _context(point),
            }
            for point in points
        ]
        found = []
        for result in cedarpy.is_authorized_batch(requests, policies, self._entities):
            assert not result.diagnostics.errors
            reasons = result.diagnostics.reasons
            found.append(frozenset(names[int(one.removeprefix("policy"))] for one in reasons))
        return found


def _context(point: Situation) -> str:
    step, minutes = point.emergency or (0, 0)
    said = []
    for member, one in enumerate(point.said):
        standing = SAID[one]
        said += [f"{member} ja"] if standing.given else []
        said += [f"{member} nee {category}" for category in standing.refused]
        said += [f"{member} ja {category}" for category in standing.granted]
    return json.dumps(
        {
            "ontvanger": point.recipient,
            "doel": point.purpose,
            "grondslag": point.ground,
            "aanwezig": point.present,
            "geschorst": point.suspended,
            "dag": point.day.toordinal(),
            "beschermd": point.is_protection_asked,
            "stap": step,
            "minuten": minutes,
            "leden": len(point.said),
            "gezegd": said,
            "aanmelder": point.applicant,
        }
    )


def differences(points: Iterator[Situation]) -> tuple[int, list[Situation], set[str]]:
    """How many points were compared, those that differ, and every answer that was met."""
    text = protocol()
    table, cedar = compile_table(load(text)), Cedar(text)
    compared, differing, met = 0, [], set[str]()
    while batch := list(islice(points, _BATCH)):
        for sender in sorted({point.sender for point in batch}):
            own = [point for point in batch if point.sender == sender]
            for point, theirs in zip(own, cedar.answers(sender, own), strict=True):
                ours = by_us(table, point)
                met |= ours
                if ours != theirs:
                    differing.append(point)
        compared += len(batch)
    return compared, differing, met


EXPECTED = {
    *(f"{flow} {answer}" for flow in NAMED for answer in ("lid 0", "lid 1", "lid 2")),
    *(f"{flow} gewoon" for flow in NAMED if flow != "a3"),
    *(f"{flow} aangehouden" for flow in NAMED if flow != "a3"),
    *(f"{flow} beschermd" for flow in ("a3", "b1", "b2")),
    *(f"{flow} nood" for flow in ("a3", "b1", "c1")),
    *(f"{flow} verborgen nood" for flow in ("a3", "b1")),
    *(f"{flow} lid {n} zonder {HEALTH}" for flow in ("b1", "c1") for n in range(MEMBERS)),
    *(
        f"{flow} lid {n} zonder {ADDRESS}"
        for flow in ("a1", "a2", "b1", "b2", "c1")
        for n in range(MEMBERS)
    ),
}


@pytest.mark.parametrize(
    ("space", "step"), [(arrivals, 397), (households, 19)], ids=["arrivals", "households"]
)
def test_a_second_engine_agrees_on_a_sample(
    space: Callable[[], Iterator[Situation]], step: int
) -> None:
    compared, differing, met = differences(islice(space(), 0, None, step))
    assert compared > 1900
    assert not differing
    assert met <= EXPECTED
    if space is households:
        assert met == EXPECTED


def test_the_second_engine_is_no_echo() -> None:
    # A protocol that is changed in one word is told apart: the comparison can fail.
    text = protocol().replace('huishouden = "allen"', 'huishouden = "beperken"', 1)
    table, cedar = compile_table(load(text)), Cedar(protocol())
    points = [point for point in islice(households(), 0, None, 31) if point.sender == "aa"]
    ours = [by_us(table, point) for point in points]
    assert ours != cedar.answers("aa", points)


@pytest.mark.proof
def test_a_second_engine_agrees_on_more_than_a_million_points() -> None:
    total = 0
    for space in (households, arrivals):
        compared, differing, _ = differences(space())
        assert not differing
        total += compared
    print(f"\nsecond engine (Cedar): {total:,} points compared, no difference")  # noqa: T201
    assert total >= 1_000_000
