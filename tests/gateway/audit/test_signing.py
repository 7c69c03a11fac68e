"""One step of the log, against a real database."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit import merkle
from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.note import VerifierKey
from gateway.audit.proofs import tree_root
from gateway.audit.signing import STEP_LEAVES, CheckpointSigner, LogDamagedError
from gateway.audit.stored import held_bundle, held_tiles, prove_inclusion
from gateway.audit.tiles import Bundle, Tile, edge_tiles, split_bundle
from gateway.store.groups import VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.lease import Lease, take_lease
from gateway.store.log import (
    LeaseLostError,
    LogMovedError,
    TileRewrittenError,
    newest_checkpoint,
)
from tests.gateway.audit.leaves import (
    all_hashes,
    append,
    every_checkpoint,
    keep_every_checkpoint,
    newest_size,
)
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY

Connection = asyncpg.pool.PoolConnectionProxy


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
async def lease(connection: Connection) -> Lease:
    lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 60.0)
    assert lease is not None
    return lease


def signer() -> CheckpointSigner:
    return CheckpointSigner(VERWERKINGEN, ORIGIN, KEY)


async def all_of(one: CheckpointSigner, connection: Connection, lease: Lease) -> list[int]:
    steps = []
    while added := await one.extend(connection, lease):
        steps.append(added)
    return steps


async def test_an_empty_log_has_a_checkpoint(connection: Connection, lease: Lease) -> None:
    assert await signer().extend(connection, lease) == 0
    newest = await newest_checkpoint(connection, VERWERKINGEN)
    assert newest is not None
    opened = open_checkpoint(newest.note.encode(), [VerifierKey.of(ORIGIN, KEY)])
    assert (opened.checkpoint.size, opened.checkpoint.root) == (0, merkle.EMPTY_ROOT)


@pytest.mark.parametrize("counts", [(1,), (255, 1, 1), (256, 300), (1, 511, 70_000, 3)])
async def test_the_signed_root_is_that_of_all_leaves(
    pool: asyncpg.Pool, connection: Connection, lease: Lease, counts: tuple[int, ...]
) -> None:
    one = signer()
    for count in counts:
        await append(pool, count)
        steps = await all_of(one, connection, lease)
        assert sum(steps) == count
        assert max(steps) <= STEP_LEAVES
        newest = await newest_checkpoint(connection, VERWERKINGEN)
        assert newest is not None
        opened = open_checkpoint(newest.note.encode(), [VerifierKey.of(ORIGIN, KEY)])
        hashes = await all_hashes(pool)
        assert opened.checkpoint.size == newest.size == len(hashes)
        assert opened.checkpoint.root == newest.root == merkle.root(hashes)


async def test_another_signer_goes_on_from_what_is_stored(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    for count in (3, 300, 253, 65_536, 1):
        await append(pool, count)
        await all_of(signer(), connection, lease)
    newest = await newest_checkpoint(connection, VERWERKINGEN)
    assert newest is not None
    assert newest.root == merkle.root(await all_hashes(pool))
    tiles = await held_tiles(connection, VERWERKINGEN, edge_tiles(newest.size))
    assert tree_root(tiles, newest.size) == newest.root


async def test_every_older_width_of_a_tile_is_still_there(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one = signer()
    hashes: list[bytes] = []
    for count in (3, 200, 60):
        hashes += await append(pool, count)
        await one.extend(connection, lease)
    for width in (1, 3, 203, 256):
        tile = Tile(0, 0, width)
        held = await held_tiles(connection, VERWERKINGEN, [tile])
        assert held.read(tile) == b"".join(hashes[:width])
    assert Tile(0, 1, 8) not in await held_tiles(connection, VERWERKINGEN, [Tile(0, 1, 8)])


async def test_entries_beyond_the_checkpoint_are_not_served(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    hashes = await append(pool, 5)
    assert await held_bundle(connection, VERWERKINGEN, Bundle(0, 5)) is None
    await signer().extend(connection, lease)
    late = await append(pool, 1)
    bundle = Bundle(0, 5)
    data = await held_bundle(connection, VERWERKINGEN, bundle)
    assert data is not None
    assert merkle.leaf_hashes(split_bundle(data, bundle)) == hashes
    assert await held_bundle(connection, VERWERKINGEN, Bundle(0, 6)) is None
    assert await held_bundle(connection, VERWERKINGEN, Bundle(2**62)) is None
    assert await prove_inclusion(connection, VERWERKINGEN, hashes[4]) is not None
    assert await prove_inclusion(connection, VERWERKINGEN, late[0]) is None
    assert await prove_inclusion(connection, VERWERKINGEN, bytes(32)) is None


async def test_every_proof_verifies(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    hashes = await append(pool, 700)
    await signer().extend(connection, lease)
    root = merkle.root(hashes)
    for index in (0, 1, 255, 256, 511, 512, 699):
        proof = await prove_inclusion(connection, VERWERKINGEN, hashes[index])
        assert proof is not None
        assert (proof.index, proof.size) == (index, 700)
        merkle.verify_inclusion(
            index=index, size=700, leaf=hashes[index], proof=proof.path, root=root
        )


async def test_invariant_05_an_altered_entry_is_never_signed(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one = signer()
    await append(pool, 10)
    await one.extend(connection, lease)
    await append(pool, 1000)
    await pool.execute("update log_leaf set entry = set_byte(entry, 9, 33) where index = 733")
    for each in (one, one, signer()):
        with pytest.raises(LogDamagedError) as refused:
            await each.extend(connection, lease)
        assert (refused.value.reason, refused.value.index) == ("leaf-altered", 733)
    assert await newest_size(pool) == 10
    assert await pool.fetchval("select max(length(hashes)) from log_tile") == 10 * 32


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("delete from log_leaf where index = 40", "leaf-missing"),
        ("delete from log_leaf where index >= 30", "leaf-missing"),
        ("update log_leaf set index = 1000 where index = 34", "leaf-missing"),
        ("update log_head set size = 29", "shorter-than-signed"),
        ("delete from log_tile", "tile-missing"),
        (
            "update log_tile set hashes = set_byte(hashes, 100, get_byte(hashes, 100) # 1)",
            "tile-altered",
        ),
        ("update log_tile set hashes = substring(hashes for 29 * 32)", "tile-missing"),
        ("update log_checkpoint set root = sha256('')", "checkpoint-altered"),
        ("update log_checkpoint set size = 29", "checkpoint-altered"),
        ("update log_checkpoint set note = replace(note, '30', '31')", "signed-by-another-key"),
    ],
)
async def test_a_damaged_log_is_not_signed(
    pool: asyncpg.Pool, connection: Connection, lease: Lease, damage: str, reason: str
) -> None:
    await append(pool, 30)
    await signer().extend(connection, lease)
    await append(pool, 30)
    before = await connection.fetchval("select count(*) from log_checkpoint")
    await pool.execute(damage)
    with pytest.raises(LogDamagedError) as refused:
        await signer().extend(connection, lease)
    assert refused.value.reason == reason
    assert await connection.fetchval("select count(*) from log_checkpoint") == before


async def test_a_log_of_another_key_or_name_is_not_continued(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    await append(pool, 3)
    await signer().extend(connection, lease)
    await append(pool, 3)
    for origin, key in ((ORIGIN, OTHER_KEY), ("sluis.example/elders", KEY)):
        with pytest.raises(LogDamagedError) as refused:
            await CheckpointSigner(VERWERKINGEN, origin, key).extend(connection, lease)
        assert refused.value.reason == "signed-by-another-key"
    assert await newest_size(pool) == 3


async def test_a_database_put_back_under_a_running_gateway_is_not_signed(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one = signer()
    await append(pool, 5)
    await one.extend(connection, lease)
    await pool.execute(
        """create table old_checkpoint as table log_checkpoint;
           create table old_tile as table log_tile"""
    )
    await append(pool, 5)
    await one.extend(connection, lease)

    await pool.execute(
        """delete from log_leaf where index >= 5;
           update log_head set size = 5;
           truncate log_checkpoint, log_tile;
           insert into log_checkpoint table old_checkpoint;
           insert into log_tile table old_tile"""
    )
    one.forget()  # as after the lost connection
    await append(pool, 7)  # other entries under the numbers that were signed
    for _ in range(2):
        with pytest.raises(LogDamagedError) as refused:
            await one.extend(connection, lease)
        assert (refused.value.reason, refused.value.index) == ("rolled-back", 10)

    await all_of(signer(), connection, lease)  # one that does not know signs on ...
    with pytest.raises(LogDamagedError) as refused:
        await one.extend(connection, lease)  # ... which the one that does still sees
    assert (refused.value.reason, refused.value.index) == ("rewritten", 10)


async def test_what_another_replica_published_is_taken_over(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one, other = signer(), signer()
    await append(pool, 300)
    await one.extend(connection, lease)
    await append(pool, 300)
    await other.extend(connection, lease)
    await append(pool, 1)
    with pytest.raises(LogMovedError):
        await one.extend(connection, lease)
    assert await one.extend(connection, lease) == 1
    assert await newest_size(pool) == 601


async def test_a_holder_paused_past_its_term_writes_nothing(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one = signer()
    await append(pool, 3)
    await pool.execute("update lease set expires_at = now()")
    with pytest.raises(LeaseLostError):
        await one.extend(connection, lease)
    newer = await take_lease(connection, lease.name, new_id(), 60.0)
    assert newer is not None
    assert newer.token > lease.token
    with pytest.raises(LeaseLostError):
        await one.extend(connection, lease)
    assert await newest_size(pool) is None
    assert await pool.fetchval("select count(*) from log_tile") == 0
    assert await one.extend(connection, newer) == 3


async def test_a_tile_only_grows(pool: asyncpg.Pool, connection: Connection, lease: Lease) -> None:
    one = signer()
    await append(pool, 3)
    await one.extend(connection, lease)
    await append(pool, 3)
    # Behind the back of a signer that has the tree in memory, and so does not look at the tile.
    await pool.execute("update log_tile set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1)")
    with pytest.raises(TileRewrittenError):
        await one.extend(connection, lease)
    assert await newest_size(pool) == 3


async def test_checkpoints_are_thinned_to_one_a_minute(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    one = signer()
    for _ in range(5):
        await append(pool, 1)
        await one.extend(connection, lease)
    kept = await pool.fetch("select size from log_checkpoint order by size")
    assert [row[0] for row in kept] == [1, 5]
    await pool.execute(
        "update log_checkpoint set signed_at = now() - interval '61 s' where size = 1"
    )
    for _ in range(3):
        await append(pool, 1)
        await one.extend(connection, lease)
    kept = await pool.fetch("select size from log_checkpoint order by size")
    assert [row[0] for row in kept] == [1, 5, 8]


async def test_memory_does_not_grow_with_the_backlog(
    pool: asyncpg.Pool, connection: Connection, lease: Lease
) -> None:
    for _ in range(20):
        await append(pool, 1000, size=2000)
    one = signer()
    tracemalloc.start()
    try:
        assert await all_of(one, connection, lease) == [STEP_LEAVES, 20_000 - STEP_LEAVES]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000  # the backlog is 41 MB


STEPS = st.one_of(
    st.tuples(st.just("append"), st.sampled_from((1, 2, 255, 256, 300))),
    st.tuples(st.sampled_from(("extend", "take over", "expire")), st.integers(0, 2)),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=25))
async def test_no_order_of_steps_makes_two_roots(
    pool: asyncpg.Pool, steps: list[tuple[str, int]]
) -> None:
    """Three replicas that lose and take the lease in any order sign one history."""
    await pool.execute("truncate log_leaf, log_tile, log_checkpoint, lease")
    await pool.execute("update log_head set size = 0; drop table if exists ever cascade")
    await pool.execute("drop function if exists keep cascade")
    await keep_every_checkpoint(pool)
    signers = [signer() for _ in range(3)]
    held: list[Lease | None] = [None] * 3
    async with pool.acquire() as connection:
        for step, number in steps:
            if step == "append":
                await append(pool, number)
            elif step == "expire":
                await connection.execute("update lease set expires_at = now()")
            elif step == "take over":
                held[number] = await take_lease(connection, "p", new_id(), 60.0) or held[number]
            elif lease := held[number]:
                with suppress(LeaseLostError, LogMovedError):
                    await signers[number].extend(connection, lease)
    hashes, ever = await all_hashes(pool), await every_checkpoint(pool)
    sizes = [size for size, _ in ever]
    assert sizes == sorted(set(sizes))
    assert all(root == merkle.root(hashes[:size]) for size, root in ever)
