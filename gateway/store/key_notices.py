"""Which partners were told that a key of theirs expires, and when; each stage of each key once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class NewestKey(NamedTuple):
    """The key of a partner that is good longest. Suspended partners have none here."""

    partner: str
    kid: str
    expires_at: datetime


async def newest_keys(connection: Connection) -> list[NewestKey]:
    """Of every partner that exchanges: its key that is good longest, by partner."""
    rows = await connection.fetch(
        """select distinct on (k.partner) k.partner, k.kid, k.expires_at
             from partner_key k join partner p on p.id = k.partner
            where not p.is_suspended
            order by k.partner, k.expires_at desc, k.kid"""
    )
    return [NewestKey(*row) for row in rows]


async def note_told(
    connection: Connection, key: NewestKey, days: int, keeper: UUID, now: datetime
) -> bool:
    """Note that a partner is told; False where it was before, by whichever replica."""
    noted = await connection.fetchval(
        """insert into key_notice (partner, kid, days, told_at, keeper)
           values ($1, $2, $3, $4, $5) on conflict do nothing returning true""",
        key.partner,
        key.kid,
        days,
        now,
        keeper,
    )
    return noted is not None


async def drop_idle(connection: Connection) -> None:
    """Remove the keys of notices that were received and cleared, or never fetched in time."""
    await connection.execute(
        """delete from subject where id in (
               select n.keeper from key_notice n join subject s on s.id = n.keeper
                where not exists (select from part p where p.subject = n.keeper) limit 100)"""
    )
