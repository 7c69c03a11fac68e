"""What one partner recorded of one person: its own yeses and noes, and nobody else's.

A withdrawal that was recorded elsewhere is not in it, nor where the person stands: a benefits
agency must not read a refusal out of it.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from gateway.pseudonyms.domains import Handles
from gateway.store.consents import consents_recorded_for, statements_recorded_for, subject_of
from schemas.consents import ConsentOverview, ConsentQuery, RecordedAuthority, RecordedConsent

NOBODY = UUID(int=0)


async def overview(
    pool: asyncpg.Pool, handles: Handles, partner: str, query: ConsentQuery
) -> ConsentOverview:
    """What this partner recorded; of a person whom nobody met it is empty, as of any other."""
    async with pool.acquire() as connection:
        subject = await subject_of(connection, handles.of(query.bsn))
        # Asked of nobody too, so that how long it takes does not tell who is known (invariant 14).
        events = await consents_recorded_for(connection, subject or NOBODY, partner)
        statements = await statements_recorded_for(connection, subject or NOBODY, partner)
    return ConsentOverview(
        consents=[RecordedConsent.model_validate(dict(row)) for row in events],
        authority=[RecordedAuthority.model_validate(dict(row)) for row in statements],
    )
