"""What a partner was seen to do, counted: for the conformance of one whose key is not here.

Counts alone, of ordinary exchanges: whether there was a protected one must not show (ADR 0014).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from gateway.store.groups import Connection


class Seen(NamedTuple):
    """How often each was seen since a moment."""

    accepted: int
    unreadable: int
    reused: int
    no_flow: int
    mixed_deliveries: int
    deliveries: int
    acknowledged: int


async def seen_of(connection: Connection, partner: str, since: datetime) -> Seen:
    """What this partner did since then."""
    row = await connection.fetchrow(
        """select count(*) filter (where rule = 'toegelaten'),
                  count(*) filter (where rule = 'niet-leesbaar'),
                  count(*) filter (where rule = 'kenmerk-hergebruikt'),
                  count(*) filter (where rule = 'geen-gegevensstroom')
             from exchange
            where sender = $1 and received_at >= $2 and not is_protected and kind in (1, 2, 3)""",
        partner,
        since,
    )
    deliveries = await connection.fetchrow(
        # A tally counts protected records as well.
        """select count(*),
                  count(*) filter (where d.tally ? 'geweigerd/niet-leesbaar' and exists (
                      select from exchange e
                       where e.sender = d.sender and e.received_at = d.received_at
                         and e.rule = 'toegelaten' and not e.is_protected))
             from delivery d where d.sender = $1 and d.received_at >= $2""",
        partner,
        since,
    )
    acknowledged = await connection.fetchval(
        """select count(*) from mailbox m join exchange e on e.id = m.exchange
            where m.recipient = $1 and m.acknowledged_at >= $2 and not e.is_protected""",
        partner,
        since,
    )
    assert row is not None  # noqa: S101  # a count always gives its row
    assert deliveries is not None  # noqa: S101  # the same
    return Seen(row[0], row[1], row[2], row[3], deliveries[1], deliveries[0], int(acknowledged))
