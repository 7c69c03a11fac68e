"""Leaves in a database, as the writers put them there, and every checkpoint that it ever had."""

from collections.abc import Sequence

import asyncpg

from gateway.audit import merkle
from gateway.audit.entry import encode_entry
from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.ids import new_id


def entry(size: int = 0) -> bytes:
    """An entry of the right shape, with so many bytes of padding."""
    return encode_entry({"id": str(new_id()), "event": "besluit", "v": "." * size})


def leaf(size: int = 0) -> Leaf:
    written = entry(size)
    return Leaf(merkle.leaf_hash(written), written, [])


async def append(pool: asyncpg.Pool, count: int, size: int = 0) -> list[bytes]:
    """Commit so many leaves in one transaction; gives their hashes."""
    leaves = [leaf(size) for _ in range(count)]
    async with pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, VERWERKINGEN, leaves)
    return [each.hash for each in leaves]


async def all_hashes(pool: asyncpg.Pool) -> list[bytes]:
    rows = await pool.fetch("select sha256('\\x00' || entry) from log_leaf order by index")
    return [row[0] for row in rows]


async def keep_every_checkpoint(pool: asyncpg.Pool) -> None:
    """Have the database itself remember what was ever committed, thinned or not."""
    await pool.execute(
        """create table ever (n bigint generated always as identity, size bigint, root bytea);
           create function keep() returns trigger language plpgsql as $$
           begin insert into ever (size, root) values (new.size, new.root); return null; end $$;
           create trigger keep after insert or update on log_checkpoint
              for each row execute function keep();"""
    )


async def every_checkpoint(pool: asyncpg.Pool) -> Sequence[tuple[int, bytes]]:
    return [tuple(row) for row in await pool.fetch("select size, root from ever order by n")]


async def newest_size(pool: asyncpg.Pool) -> int | None:
    size = await pool.fetchval("select max(size) from log_checkpoint")
    return None if size is None else int(size)
