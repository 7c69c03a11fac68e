"""Leases: one holder at a time over all replicas, by database time and a fencing token.

A lease only keeps replicas from doing the same work twice. What must never happen twice is
guarded where it is written: `stands_until_commit`, inside the writing transaction, refuses a
holder that was paused past its term, and keeps whoever takes over waiting until that transaction
ends. The token rises with each change of hands, so that one holder's two terms differ as well.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class Lease(NamedTuple):
    """A lease as its holder knows it; whether it still stands is for the database to say."""

    name: str
    holder: UUID
    token: int


async def take_lease(
    connection: Connection, name: str, holder: UUID, seconds: float
) -> Lease | None:
    """A new term for this holder, or None while another's has not run out."""
    token = await connection.fetchval(
        """insert into lease as held (name, holder, token, expires_at)
           values ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
           on conflict (name) do update
              set holder = excluded.holder, token = held.token + 1,
                  expires_at = clock_timestamp() + make_interval(secs => $3)
            where held.holder = excluded.holder or held.expires_at <= clock_timestamp()
           returning token""",
        name,
        holder,
        seconds,
    )
    return None if token is None else Lease(name, holder, token)


async def renew_lease(connection: Connection, lease: Lease, seconds: float) -> bool:
    """Extend the term; False once another has taken over."""
    renewed = await connection.fetchval(
        """update lease set expires_at = clock_timestamp() + make_interval(secs => $4)
            where name = $1 and holder = $2 and token = $3 returning true""",
        *lease,
        seconds,
    )
    return renewed is not None


async def give_up_lease(connection: Connection, lease: Lease) -> None:
    """End the term now, so that another replica need not wait for it to run out."""
    await connection.execute(
        """update lease set expires_at = clock_timestamp()
            where name = $1 and holder = $2 and token = $3""",
        *lease,
    )


async def stands_until_commit(connection: Connection, lease: Lease) -> bool:
    """Whether the lease stands; if so, nobody else gets it before this transaction ends."""
    stands = await connection.fetchval(
        """select true from lease
            where name = $1 and holder = $2 and token = $3 and expires_at > clock_timestamp()
              for update""",
        *lease,
    )
    return stands is not None
