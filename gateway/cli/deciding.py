"""What `sluis bench decide` decides: a protocol of many rules, and households made up by numbers.

The bench itself may not know the rules. Each household is two adults and a child of nine under the
UAVG, with one statement about authority, a yes of each adult, and one parent's for the child.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

from consent.decide import Facts, FlowTable, asked_of, compile_table, decide
from consent.protocol import Flow, load
from consent.register import CATEGORY_ALL, Asked, ConsentEvent, Standing, standing
from consent.representation import PersonFacts, Statement
from gateway.bench.decide import Deciding
from gateway.bench.subjects import Database
from gateway.cli.bench_register import open_register
from schemas.decisions import Decision
from schemas.fields import MessageKind
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy, Ground

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
TODAY = date(2026, 3, 2)
PURPOSES, RECIPIENTS = 5, 20
FIELDS = (
    *(f"lid.{name}" for name in ("burgerservicenummer", "voorletters", "achternaam", "rol")),
    *(f"lid.{name}" for name in ("geboortedatum", "geslacht", "ontvangtUitkering")),
    *("lid.participatietrede", "huishouden.postcode", "aanmelding.aangemeldOp"),
)
_KEPT = {"rol", "geslacht", "ontvangtUitkering", "participatietrede", "aangemeldOp"}
_FIELD_LINES = "\n".join(
    f'"{path}" = "{"behouden" if path.rpartition(".")[2] in _KEPT else "identificeren"}"'
    for path in FIELDS
)
_PRESENT = frozenset(FIELDS)
_NOBODY: frozenset[str] = frozenset()


class Message(NamedTuple):
    """One message as deciding sees it: the flow that it names, and its members."""

    chosen: tuple[str, MessageKind, str, str]
    members: tuple[tuple[list[ConsentEvent], PersonFacts], ...]


class Turn:
    """A handful of messages, decided stage by stage; whatever is not a stage is not measured."""

    def __init__(self, table: FlowTable, messages: Sequence[Message]) -> None:
        self._table = table
        self._messages = messages
        self._flows: list[Flow] = []
        self._standings: list[list[Standing]] = []
        self._facts: list[Facts] = []
        self._decisions: list[Decision] = []

    def stages(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Finding the rules, telling where everybody stands, deciding."""
        yield "find", self._find
        asked = [asked_of(flow, self._table.protocol, NOW) for flow in self._flows]
        yield "standings", lambda: self._stand(asked)
        self._facts = [_facts(standings) for standings in self._standings]
        yield "decide", self._decide

    def outcomes(self) -> list[str]:
        """Each decision, whole."""
        return [repr(decision) for decision in self._decisions]

    def naive(self, count: int) -> list[str]:
        """The first messages, each by looking at one rule after the other."""
        return [repr(self._scan(message)) for message in self._messages[:count]]

    def _find(self) -> None:
        find = self._table.find
        self._flows = [flow for one in self._messages if (flow := find(*one.chosen)) is not None]

    def _stand(self, asked: Sequence[Asked]) -> None:
        self._standings = [
            [standing(events, this, person) for events, person in message.members]
            for message, this in zip(self._messages, asked, strict=True)
        ]

    def _decide(self) -> None:
        table = self._table
        self._decisions = [
            decide(table, flow, facts, _NOBODY, TODAY)
            for flow, facts in zip(self._flows, self._facts, strict=True)
        ]

    def _scan(self, message: Message) -> Decision:
        sender, kind, recipient, purpose = message.chosen
        found = None
        for flow in self._table.protocol.flows:
            if (
                flow.sender == sender
                and flow.message is kind
                and flow.recipient == recipient
                and flow.purpose == purpose
            ):
                found = flow
        assert found is not None  # noqa: S101  # the messages are made from the rules
        asked = asked_of(found, self._table.protocol, NOW)
        standings = [standing(events, asked, person) for events, person in message.members]
        return decide(self._table, found, _facts(standings), _NOBODY, TODAY)


def deciding(
    database: Callable[[Path], AbstractAsyncContextManager[Database]],
    told: Callable[[str, int, int | None], None],
) -> Deciding:
    """What the bench measures."""
    return Deciding(_turns, partial(open_register, database, told), told)


def _turns(rules: int) -> Callable[[int], Turn]:
    table = compile_table(load(_protocol(rules)))
    random = Random(1)  # noqa: S311  # nothing of it is a secret

    def make(count: int) -> Turn:
        return Turn(table, [_message(random, table) for _ in range(count)])

    return make


def _message(random: Random, table: FlowTable) -> Message:
    flow = random.choice(table.protocol.flows)
    one, other = _id(random), _id(random)
    born = [_day(random, date(1950, 1, 1), 18_000) for _ in range(2)]
    child = _day(random, date(2016, 3, 5), 360)
    gezag = Statement(
        AuthorityKind.PARENTAL, frozenset((one, other)), "brp", _day(random, date(2025, 12, 1), 85)
    )
    return Message(
        (flow.sender, flow.message, flow.recipient, flow.purpose),
        (
            ([_yes(random, flow)], PersonFacts((PartialDate(born[0].isoformat()),))),
            ([_yes(random, flow)], PersonFacts((PartialDate(born[1].isoformat()),))),
            (
                [_yes(random, flow)._replace(decided_by=DecidedBy.PARENT, decider=one)],
                PersonFacts((PartialDate(child.isoformat()),), (gezag,)),
            ),
        ),
    )


def _yes(random: Random, flow: Flow) -> ConsentEvent:
    at = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=random.randrange(55))
    return ConsentEvent(_id(random), flow.purpose, flow.recipient, CATEGORY_ALL, True, at)


def _facts(standings: Sequence[Standing]) -> Facts:
    return Facts(Ground.SOCIAL_SUPPORT_ACT, _PRESENT, 0, standings)


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128))


def _day(random: Random, first: date, days: int) -> date:
    return first + timedelta(days=random.randrange(days))


def _protocol(rules: int) -> str:
    """So many rules as a file: senders, recipients and purposes in every combination."""
    senders = -(-rules // (RECIPIENTS * PURPOSES))
    recipients = [f"ontvanger-{n}" for n in range(RECIPIENTS)]
    chosen = [
        (f"verzender-{sender}", recipient, f"doel-{purpose}")
        for sender in range(senders)
        for recipient in recipients
        for purpose in range(PURPOSES)
    ][:rules]
    parties = sorted({party for sender, recipient, _ in chosen for party in (sender, recipient)})
    purposes = sorted({purpose for _, _, purpose in chosen})
    lines = ['[protocol]\nversie = "bench"\ntitel = "Bench"\n']
    lines += [f'[[doel]]\nid = "{name}"\nomschrijving = "Bench."\n' for name in purposes]
    lines.append(
        '[[overeenkomst]]\nid = "convenant"\nsoort = "convenant"\ntitel = "Bench"\n'
        f"partijen = {json.dumps(parties)}\ningang = 2026-01-01\neinde = 2030-12-31\n"
    )
    return "".join([*lines, *(_flow(number, *one) for number, one in enumerate(chosen))])


def _flow(number: int, sender: str, recipient: str, purpose: str) -> str:
    return f"""[[gegevensstroom]]
id = "stroom-{number}"
verzender = "{sender}"
ontvanger = "{recipient}"
bericht = "aanmelding"
doel = "{purpose}"
verwerkingsverantwoordelijke = "College"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/stroom-{number}"
toegelatenGrondslagen = ["participatiewet", "wmo2015"]
verplicht = ["aanmelding.aangemeldOp"]
sloten.grondslag = {{ soort = "publieke-taak", artikel = "art. 1" }}
sloten.bsn = {{ artikel = "art. 1" }}
sloten.instemming = {{ vereist = true, huishouden = "beperken", leeftijdsregime = "uavg" }}
bewaren = {{ aangehoudenDagen = 42, nietOpgehaaldDagen = 28, naOntvangstDagen = 14 }}
[gegevensstroom.velden]
{_FIELD_LINES}
"""
