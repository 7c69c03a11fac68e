"""The breach pack: looked up, checked and written as files, in one act of one officer.

1. Who asks: a privacy officer under mandate or the FG, by a signature with their registered key;
   the part on protected exchanges is for a privacy officer alone (invariant 14).
2. What is meant (`scope.py`), and everything that went under it, counted in the database.
3. Beside it, on a connection of its own: whether the log holds over that part (`soundness.py`).
4. The files. Nothing is written here: the caller writes them once the act's own entry is committed.

What it costs grows with what was exposed; the gateway goes on meanwhile, for nothing is locked.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import load
from gateway.audit.series import Logbooks
from gateway.identity.acts import (
    Act,
    Sign,
    check_officer,
    check_second,
    may_look,
    signed_act,
)
from gateway.identity.approvals import whole_second
from gateway.reports.breach.clock import Clock
from gateway.reports.breach.exposure import flows_of
from gateway.reports.breach.findings import Findings
from gateway.reports.breach.gathering import gather, spans_in
from gateway.reports.breach.naming import record_named
from gateway.reports.breach.notification import notification
from gateway.reports.breach.order import Order, Tools
from gateway.reports.breach.overview import overview_of
from gateway.reports.breach.scope import Scope, resolve
from gateway.reports.breach.soundness import Soundness, check_span
from gateway.reports.document import as_html, as_markdown
from gateway.store.groups import BESCHERMD, VERWERKINGEN, Connection
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredOfficer, moment_of, officers_by_id
from gateway.store.partners import list_partners
from gateway.store.protocols import all_protocols
from gateway.store.reports import Span


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, ready to be written; `files` by their path in its folder."""

    id: UUID
    findings: Findings
    overview: dict[str, object]
    files: dict[str, bytes]


async def make_pack(
    engine: AsyncEngine, tools: Tools, order: Order, sign: Sign, second_sign: Sign | None = None
) -> Pack:
    """Make a pack. Raises `MayNotActError`, `UnknownScopeError` or `UnknownPartnerError`."""
    pack = new_id()
    names = {partner.id: partner.name for partner in await list_partners(engine)}
    flows = flows_of([load(one.text) for one in await all_protocols(engine)])
    suspended_at = None
    async with engine.connect() as connection:
        moment = await moment_of(connection)
        now = whole_second(moment)
        officers = await officers_by_id(connection)
        _authorise(officers, order, moment)
        scope = await resolve(await driver_of(connection), order.asked)
        _sign_all(officers, order, scope, pack, now, sign, second_sign)
    if order.suspends and scope.partner is not None:
        await tools.suspend(engine, scope.partner)
        suspended_at = now
    series = BESCHERMD if order.is_protected else VERWERKINGEN
    async with engine.begin() as connection, engine.connect() as beside:
        # SQLAlchemy opens its transaction with its first statement.
        await moment_of(connection)
        await moment_of(beside)
        raw = await driver_of(connection)
        spans = await spans_in(raw, scope, series)
        gathered, soundness = await asyncio.gather(
            gather(raw, tools, scope, spans, flows, pack, order),
            _check(await driver_of(beside), tools.logbooks, series, spans),
        )
        soundness = [_with(one, gathered.altered) for one in soundness]
        if gathered.named:
            await record_named(raw, tools, order, officers[order.officer], pack, gathered.named)
        files = gathered.files
        findings = Findings(
            scope,
            gathered.exposure,
            gathered.counted.minors,
            gathered.counted.age_unknown,
            gathered.secret,
            gathered.looked,
            gathered.waiting,
            gathered.sent,
            gathered.of_unknown_key,
            soundness,
            None if order.discovered_at is None else Clock(order.discovered_at, now),
            order.case,
            now,
            order.officer,
            suspended_at,
            names,
            order.is_protected,
        )
    document = notification(findings)
    overview = overview_of(pack, findings)
    files |= {
        "melding.md": as_markdown(document).encode(),
        "melding.html": as_html(document).encode(),
        "overzicht.json": orjson.dumps(overview, option=orjson.OPT_INDENT_2),
        **{
            f"bewijzen/controlepunt-{n}.txt": one.checkpoint.encode()
            for n, one in enumerate(soundness, 1)
            if one.checkpoint
        },
    }
    files["inhoud.txt"] = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
    ).encode()
    return Pack(pack, findings, overview, files)


def _authorise(officers: dict[str, StoredOfficer], order: Order, now: datetime) -> None:
    officer = officers.get(order.officer)
    if order.is_protected or order.suspends:
        # The FG sees the figures; to look at what is protected, or to stop a partner, is to decide.
        check_officer(officer, now)
    else:
        may_look(officer, now)
    if order.second is None:
        return
    check_second(officers.get(order.second), check_officer(officer, now), now)


def _sign_all(
    officers: dict[str, StoredOfficer],
    order: Order,
    scope: Scope,
    pack: UUID,
    now: datetime,
    sign: Sign,
    second_sign: Sign | None,
) -> None:
    decided = {
        "case": order.case or "",
        "names": "ja" if order.second else "nee",
        "protected": "ja" if order.is_protected else "nee",
        "scope": scope.told,
    }
    signed_act(officers[order.officer], Act.BREACH, pack, now, decided, sign)
    if order.second is not None and second_sign is not None:
        signed_act(officers[order.second], Act.OPEN_NAMES, pack, now, decided, second_sign)


def _with(one: Soundness, altered: int) -> Soundness:
    """The same, with what was found where the hand-overs were counted."""
    if not altered or one.fault is not None:
        return one
    return replace(one, fault=f"{altered} verstrekkingen zijn veranderd")


async def _check(
    raw: Connection, logbooks: Logbooks, series: int, spans: Sequence[Span]
) -> list[Soundness]:
    return [await check_span(raw, logbooks, series, span) for span in spans]
