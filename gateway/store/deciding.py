"""Where each deciding or releasing transaction begins: behind the rules lock, by today's rules."""

from __future__ import annotations

from gateway.store.groups import Connection

RULES_LOCK = 0x51_0151
"""Held shared by every deciding or releasing transaction, alone by a change of rules."""


async def begin_deciding(connection: Connection) -> int:
    """Open the transaction behind the rules lock; gives the rules' generation.

    A version whose moment has come is brought in force first, as a change of rules like any other:
    whoever decides by the version before it commits first, and whoever comes after reads the new
    one. The database's clock alone says when, so that replicas need not agree on the time.
    """
    while True:
        await connection.execute(f"begin; select pg_advisory_xact_lock_shared({RULES_LOCK})")
        generation = await connection.fetchrow(
            "select number, coalesce(due_at <= clock_timestamp(), false) from rules_generation"
        )
        assert generation is not None  # noqa: S101  # the migration made its one row
        number, is_due = generation
        if not is_due:
            return int(number)
        await connection.execute("rollback")
        await connection.execute(f"begin; {_BRING_IN_FORCE}; commit")


# Of writers that come here together one does it, and the others find nothing due any more. A crash
# leaves the version due, for whoever decides next.
_BRING_IN_FORCE = f"""select pg_advisory_xact_lock({RULES_LOCK});
update protocol_version set is_planned = false
 where is_planned and in_force_from <= clock_timestamp();
update rules_generation
   set number = number + 1,
       due_at = (select min(in_force_from) from protocol_version where is_planned)
 where due_at <= clock_timestamp()"""
