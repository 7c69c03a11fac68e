"""Keys that are about to expire are announced: in the partner's mailbox, and to the operator.

At 60, 30, 14, 7 and 1 day before, once each, and of the key that is good longest alone: who has
registered a newer one has nothing to be told. A suspended partner is told nothing. Whoever was
away for a while gets the stage that holds now and none of those that passed. The notice is an
exchange with an entry of its own, as every notice is; it concerns no person, so it is sealed under
a key that is nobody's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

import asyncpg

from gateway.audit.access import new_trace
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.notices import Topic, Whom, add_notice
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import RuleBook
from gateway.store.groups import Connection, NewSubject, admit_subjects
from gateway.store.ids import new_id
from gateway.store.key_notices import NewestKey, drop_idle, newest_keys, note_told
from gateway.store.notices import NoticeRows, with_mailbox, write_notice_heads, write_notices
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, Vault
from gateway.vault.keys import epoch_of
from schemas.notices import Advice, AdviceRule, NoticeKind

STAGES = (1, 7, 14, 30, 60)
"""Days before the end at which a partner is told."""
EVERY_SECONDS = 300.0
_DAY = timedelta(days=1)


def stage_of(expires_at: datetime, now: datetime) -> int | None:
    """The stage that holds now; None where there is time enough, or none left."""
    if expires_at <= now:
        return None
    left = math.ceil((expires_at - now) / _DAY)
    return next((stage for stage in STAGES if left <= stage), None)


class KeyExpiry(Repeated):
    """Announces keys that expire, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        vault: Vault,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        every: float = EVERY_SECONDS,
    ) -> None:
        super().__init__("key-expiry-waits", telemetry, every)
        self._pool = pool
        self._load_book = load_book
        self._vault = vault
        self._clock = clock

    async def turn(self) -> bool:
        """Look; never twice without a pause."""
        await self.look()
        return False

    async def look(self) -> int:
        """Tell whoever must be told now; gives how many were."""
        now = self._clock()
        async with deciding(self._pool, self._load_book) as (connection, book):
            keys = await newest_keys(connection)
            due = [(key, stage) for key in keys if (stage := stage_of(key.expires_at, now))]
            told = await self._tell(connection, book, due, now)
            await drop_idle(connection)
        self._telemetry.gauge("partner_keys_expiring", len(due))
        self._telemetry.gauge("partner_keys_expired", sum(key.expires_at <= now for key in keys))
        for key, stage in told:
            self._telemetry.log("partner-key-expires", partner=key.partner, count=stage)
        return len(told)

    async def _tell(
        self,
        connection: Connection,
        book: RuleBook,
        due: list[tuple[NewestKey, int]],
        now: datetime,
    ) -> list[tuple[NewestKey, int]]:
        rows, trace = NoticeRows(), new_trace()
        reachable = await with_mailbox(connection, {key.partner for key, _ in due})
        told: list[tuple[NewestKey, int]] = []
        for key, stage in due:
            keeper, itself = new_id(), new_id()
            if key.partner not in reachable or not await note_told(
                connection, key, stage, keeper, now
            ):
                continue
            sealing, wrapped = self._vault.new_key(keeper, CONTENT, epoch_of(now))
            await admit_subjects(connection, {}, [NewSubject(keeper, *wrapped)])
            advice = Advice(
                rule=AdviceRule.KEY_EXPIRES,
                exchange_id=itself,
                key_id=key.kid,
                ends_at=key.expires_at,
            )
            nobody = Whom(0, keeper, sealing, 0)
            topic = Topic(NoticeKind.ADVICE, itself, key.partner, None)
            add_notice(rows, topic, advice, [nobody], book, trace, now, keeper=nobody)
            told.append((key, stage))
        # It is about nobody, so there is nobody whom it could endanger.
        await write_notices(connection, rows, is_screened=False)
        await write_notice_heads(connection, rows)
        return told
