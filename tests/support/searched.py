"""Made-up entries in real logs, and what a search over them must give, worked out the plain way."""

from __future__ import annotations

import random
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entry import encode_entry
from gateway.audit.merkle import leaf_hash
from gateway.reports.search import Wanted
from gateway.store.groups import Connection, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.log import open_volume

PARTNERS = ("dwi", "okt", "casebook", "ggz")
FLOWS = (None, "dwi-aanmelding", "okt-aanmelding", "casebook-status")
RULES = ("toegelaten", "geen-gegevensstroom", "instemming-onvolledig")
EVENTS = ("besluit", "verstrekking", "ontvangst", "instemming")
DECISIONS = ("toegelaten", "geweigerd", None)
OPERATIONS = ("log-search", "getPostvak", "partner-add")
START = 1_790_000_000_000


def seeded(seed: int) -> random.Random:
    """Choices that are the same at every run."""
    return random.Random(seed)  # noqa: S311  # nothing here is a secret


class Written(NamedTuple):
    """An entry as it was written, with its place."""

    series: int
    log: int
    position: int
    fields: dict[str, object]
    subjects: list[UUID]


def processing(
    random_: random.Random, at: int, exchange: UUID | None, **told: object
) -> dict[str, object]:
    """An entry of a processing log."""
    fields: dict[str, object] = {
        "decision": random_.choice(DECISIONS),
        "endTime": at,
        "event": random_.choice(EVENTS),
        "exchange": None if exchange is None else str(exchange),
        "flow": random_.choice(FLOWS),
        "recipient": random_.choice(PARTNERS),
        "rule": random_.choice(RULES),
        "sender": random_.choice(PARTNERS),
    }
    return fields | told


def access(
    random_: random.Random, at: int, exchange: UUID | None, **told: object
) -> dict[str, object]:
    """An entry of an access log."""
    target = None if exchange is None else {"id": str(exchange), "kind": "exchange"}
    fields: dict[str, object] = {
        "actor": {"id": random_.choice(PARTNERS), "key": None, "kind": "ketenpartner"},
        "endTime": at,
        "event": "toegang",
        "operation": random_.choice(OPERATIONS),
        "outcome": random_.choice((None, "geweigerd")),
        "target": target,
    }
    return fields | told


async def write(
    connection: Connection, series: int, fields: dict[str, object], subjects: list[UUID]
) -> Written:
    """Append one entry to a series."""
    entry = encode_entry({**fields, "id": str(new_id())})
    async with connection.transaction():
        await append_leaves(connection, series, [Leaf(leaf_hash(entry), entry, subjects)])
        volume = await open_volume(connection, series)
    return Written(series, volume.log, volume.size - 1, fields, subjects)


async def write_many(connection: Connection, count: int, random_: random.Random) -> list[Written]:
    """Entries in all four series; moments repeat and run back a little, as in a real log."""
    persons, exchanges = [new_id() for _ in range(9)], [new_id() for _ in range(12)]
    written = []
    for number in range(count):
        series = random_.choice((1, 1, 1, 2, 3, 4))
        make = processing if series <= 2 else access
        at = START + (number // 3) * 10 - random_.choice((0, 0, 25))
        exchange = random_.choice([None, *exchanges])
        subjects = random_.sample(persons, random_.randrange(4))
        written.append(await write(connection, series, make(random_, at, exchange), subjects))
    return written


def expected(written: list[Written], wanted: Wanted) -> list[tuple[int, int, int]]:
    """The places that a search must give, newest first: one plain look at every entry."""
    places = [_place(one) for one in written if _is_wanted(one, wanted)]
    return sorted(places, reverse=True)


def _place(one: Written) -> tuple[int, int, int]:
    at = one.fields["endTime"]
    assert isinstance(at, int)
    return at, one.log, one.position


def _is_wanted(one: Written, wanted: Wanted) -> bool:
    fields, at = one.fields, _place(one)[0]
    actor, target = fields.get("actor"), fields.get("target")
    parties = [fields.get("sender"), fields.get("recipient")]
    parties += [actor["id"]] if isinstance(actor, dict) else []
    exchange = target["id"] if isinstance(target, dict) else fields.get("exchange")
    told = {
        "partner": parties,
        "flow": [fields.get("flow")],
        "rule": [fields.get("rule")],
        "decision": [fields.get("decision", fields.get("outcome"))],
        "event": [fields["event"], fields.get("operation")],
    }
    return (
        one.series in wanted.series
        and all(
            getattr(wanted, name) is None or getattr(wanted, name) in values
            for name, values in told.items()
        )
        and (wanted.subject is None or wanted.subject in one.subjects)
        and (wanted.exchange is None or str(wanted.exchange) == exchange)
        and (wanted.since is None or at >= wanted.since)
        and (wanted.until is None or at < wanted.until)
    )


def some_wanted(written: list[Written], random_: random.Random) -> Wanted:
    """One to three conditions, of values that occur or do not."""
    one = random_.choice(written)
    at = _place(random_.choice(written))[0]
    exchange = one.fields.get("exchange")
    may: dict[str, object] = {
        "subject": random_.choice([*one.subjects, new_id()]),
        "exchange": UUID(exchange) if isinstance(exchange, str) else new_id(),
        "partner": random_.choice([*PARTNERS, "nobody"]),
        "flow": random_.choice([*FLOWS[1:], "no-flow"]),
        "rule": random_.choice(RULES),
        "decision": random_.choice(DECISIONS[:2]),
        "event": random_.choice([*EVENTS, *OPERATIONS, "toegang"]),
        "since": at,
        "until": at + random_.choice((0, 10, 1000)),
    }
    names = random_.sample(sorted(may), random_.randrange(4))
    series = frozenset(random_.sample((1, 2, 3, 4), random_.randrange(1, 5)))
    return Wanted(series=series, **{name: may[name] for name in names})  # type: ignore[arg-type]  # by name
