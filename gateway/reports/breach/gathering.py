"""Everything that went under a scope, gathered and counted inside one transaction.

First the hand-overs, as the kind of scope has them; then who they were about, what they held, and
what is still under way; then the files that are made of them. Nothing is locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from gateway.audit.merkle import ProofError
from gateway.audit.note import encode_base64
from gateway.audit.stored import prove_inclusion
from gateway.audit.tiles import TileError
from gateway.audit.tlog_proof import TlogProof
from gateway.reports.breach.exposure import Exposure, Flows, special_streams, work_out
from gateway.reports.breach.findings import Looked
from gateway.reports.breach.order import Order, Tools
from gateway.reports.breach.overview import FORM
from gateway.reports.breach.persons import (
    Counted,
    Numbers,
    SecretAddresses,
    count_persons,
    count_secret_addresses,
    name_persons,
    written_names,
)
from gateway.reports.breach.scope import Scope, ScopeKind, millis
from gateway.reports.breach.soundness import rehashes
from gateway.store import exposed
from gateway.store import exposure as store
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, VERWERKINGEN, Connection
from gateway.store.reports import Span, leaves_with, spans_of

PROVEN = 50
"""Hand-overs with a proof of their own, at either end; the others are found by `regels.csv`."""


@dataclass(slots=True)
class Gathered:
    """What was gathered; `files` by their path in the pack."""

    exposure: Exposure
    counted: Counted
    secret: SecretAddresses
    looked: list[Looked]
    waiting: store.Waiting
    sent: int | None
    of_unknown_key: int
    altered: int
    files: dict[str, bytes]
    named: list[UUID]


async def spans_in(connection: Connection, scope: Scope, series: int) -> list[Span]:
    """The parts of the log that a scope rests on."""
    if scope.kind in (ScopeKind.STORED, ScopeKind.OFFICER):
        return []
    return await spans_of(connection, series, millis(scope.since), millis(scope.until))


async def gather(
    raw: Connection,
    tools: Tools,
    scope: Scope,
    spans: Sequence[Span],
    flows: Flows,
    pack: UUID,
    order: Order,
) -> Gathered:
    """Gather what went under a scope, in the caller's transaction."""
    is_protected = order.is_protected
    await store.settle_memory(raw)
    looked, traces = await _looked(raw, scope, is_protected)
    of_unknown_key = 0
    if scope.kind is ScopeKind.STORED:
        await store.gather_at_rest(raw, scope.epoch or 0, is_protected=is_protected)
    else:
        by_key = scope.kind in (ScopeKind.KEY, ScopeKind.CREDENTIAL)
        await store.gather_hand_overs(
            raw,
            spans,
            scope.filters,
            with_trace=by_key,
            rehashes=not all(rehashes(span) for span in spans),
        )
        if by_key:
            of_unknown_key = await store.keep_traces(raw, sorted(traces))
        if scope.kind is ScopeKind.CREDENTIAL:
            await store.add_reach(raw, scope.filters, is_protected=is_protected)
    streams = await exposed.streams(raw)
    exposure = work_out(
        streams,
        await exposed.person_groups(raw),
        await exposed.exchanges_exposed(raw),
        flows,
    )
    numbers = Numbers(tools.keys, "datalek", str(pack))
    special = special_streams(streams, flows)
    counted = await count_persons(raw, tools.vault, numbers, streams, special)
    secret = await count_secret_addresses(raw, tools.vault)
    files = {
        "personen.csv": counted.lines.getvalue().encode(),
        "bewijzen/regels.csv": await exposed.entries_exposed(raw),
        "bewijzen/bewijzen.json": await _proofs(raw, BESCHERMD if is_protected else VERWERKINGEN),
    }
    named = []
    if order.second is not None:
        named = await name_persons(raw, tools.vault)
        files["namen.csv"] = written_names(named, numbers)
    filters = scope.filters
    waiting = store.Waiting(0, 0, 0)
    if scope.kind not in (ScopeKind.STORED, ScopeKind.OFFICER):
        waiting = await store.waiting_for(raw, filters, is_protected=is_protected)
    sent = None
    if scope.partner is not None:
        by_name = filters._replace(sender=scope.partner, recipient=None)
        sent = await store.sent_by(raw, by_name, is_protected=is_protected)
    altered = await exposed.altered(raw)
    return Gathered(
        exposure,
        counted,
        secret,
        looked,
        waiting,
        sent,
        of_unknown_key,
        altered,
        files,
        sorted({one.subject for one in named}),
    )


async def _looked(
    raw: Connection, scope: Scope, is_protected: bool
) -> tuple[list[Looked], set[str]]:
    """What the party looked at by the access log, and in which requests a key was used."""
    party = scope.officer or scope.partner
    if party is None:
        return [], set()
    pattern = b'"actor":{"id":%b,' % orjson.dumps(party)
    if scope.key is not None:
        pattern += b'"key":%b,' % orjson.dumps(scope.key)
    # A page of a mailbox has one entry, whatever is in it: requests are looked for in both.
    series = (TOEGANG, TOEGANG_BESCHERMD) if is_protected else (TOEGANG,)
    begin, end = millis(scope.since), millis(scope.until)
    found: dict[str, tuple[int, set[UUID], int, int]] = {}
    traces: set[str] = set()
    for number, span in [(n, one) for n in series for one in await spans_of(raw, n, begin, end)]:
        async for page in leaves_with(raw, span, pattern):
            for leaf in page:
                entry = orjson.loads(leaf.entry)
                at = entry["endTime"]
                if not begin <= at < end:
                    continue
                traces.add(entry["traceId"])
                # Of a key everything that was done with it; of a partner whom it looked at.
                if number != series[-1] or not (leaf.subjects or scope.key):
                    continue
                times, persons, first, last = found.get(entry["operation"], (0, set(), at, at))
                persons.update(leaf.subjects)
                found[entry["operation"]] = (times + 1, persons, min(first, at), max(last, at))
    return [
        Looked(operation, times, len(persons), first, last)
        for operation, (times, persons, first, last) in sorted(found.items())
    ], traces


async def _proofs(raw: Connection, series: int) -> bytes:
    """Proofs of the first and last hand-overs, as `sluis log verify` reads them offline."""
    proofs: list[dict[str, object]] = []
    for one in await exposed.entries_at_the_ends(raw, PROVEN):
        try:
            found = await prove_inclusion(raw, series, one.hash)
        except (ProofError, TileError):
            found = None  # what does not hold is told by `soundness.py`
        text = None
        if found is not None:
            text = TlogProof(found.index, tuple(found.path), found.note.encode()).encode().decode()
        proofs.append(
            {
                "bewijs": text,
                "logregel": encode_base64(one.entry),
                "uitwisselingId": str(one.exchange),
            }
        )
    return orjson.dumps({"formaat": FORM, "bewijzen": proofs}, option=orjson.OPT_INDENT_2)
