"""Group commit: who is answered with what when groups fail, wait, repeat, or are given up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from gateway.exchange.arrivals import Recorded
from gateway.exchange.committer import (
    OverloadedError,
    PoisonedMessageError,
    StorageUnavailableError,
)
from schemas.decisions import Outcome, Rule
from tests.support.committing import Desk, open_desk
from tests.support.messages import bsn, fresh_reference, member, referral


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


async def test_a_message_alone_is_committed_at_once(desk: Desk) -> None:
    async with desk.committer() as committer:
        recorded = await committer.submit(desk.arrived(referral()))

    assert recorded.outcome is Outcome.ACCEPTED
    assert await desk.effects() == (1, 1, 1)


async def test_what_queued_meanwhile_is_the_next_group_of_at_most_its_size(desk: Desk) -> None:
    async with desk.committer(group_size=64) as committer:
        async with desk.writers_held() as reached:
            first = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            rest = [
                asyncio.create_task(committer.submit(desk.arrived(referral()))) for _ in range(150)
            ]
            await asyncio.sleep(0)
        recorded = await asyncio.gather(first, *rest)

    sizes = await desk.pool.fetch("select length(leaf_hashes) / 32 from commit_group order by id")
    assert [row[0] for row in sizes] == [1, 64, 64, 22]
    assert len({one.exchange for one in recorded}) == 151
    assert await desk.effects() == (151, 151, 151)


async def test_a_full_queue_is_overload_for_its_own_sender_alone(desk: Desk) -> None:
    messages = [desk.arrived(referral()) for _ in range(4)]
    bound = sum(message.arrival.size for message in messages[:3])
    other = desk.arrived(referral(), sender="casebook")
    async with desk.committer(bytes_per_sender=bound) as committer:
        async with desk.writers_held() as reached:
            waiting = [asyncio.create_task(committer.submit(one)) for one in messages[:3]]
            await reached()
            with pytest.raises(OverloadedError):
                await committer.submit(messages[3])
            of_another = asyncio.create_task(committer.submit(other))
            await asyncio.sleep(0)
            assert not of_another.done()
        await asyncio.gather(*waiting, of_another)
        # What was answered makes room again.
        await committer.submit(messages[3])

    assert await desk.count("exchange") == 5


async def test_invariant_07_who_gives_up_waiting_loses_and_doubles_nothing(desk: Desk) -> None:
    under_way, queued, other = (referral() for _ in range(3))
    async with desk.committer() as committer:
        async with desk.writers_held() as reached:
            first = asyncio.create_task(committer.submit(desk.arrived(under_way)))
            await reached()
            second = asyncio.create_task(committer.submit(desk.arrived(queued)))
            third = asyncio.create_task(committer.submit(desk.arrived(other)))
            await asyncio.sleep(0)
            first.cancel()
            second.cancel()
        await third
        # In the middle of its commit it was recorded all the same; in the queue it was not.
        assert await desk.count("exchange") == 2
        again = await committer.submit(desk.arrived(under_way))
        anew = await committer.submit(desk.arrived(queued))

    assert (again.is_repeat, anew.is_repeat) == (True, False)
    assert await desk.effects() == (3, 3, 3)


async def test_who_gives_up_waiting_makes_room(desk: Desk) -> None:
    message = desk.arrived(referral())
    async with desk.committer(bytes_per_sender=message.arrival.size * 3 // 2) as committer:
        async with desk.writers_held() as reached:
            first = asyncio.create_task(committer.submit(message))
            await reached()
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            second = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await asyncio.sleep(0)
            assert not second.done()
        assert (await second).outcome is Outcome.ACCEPTED


async def test_invariant_07_a_repeat_in_the_queue_meets_its_first_message(desk: Desk) -> None:
    message = referral()
    other_body = {**message, "aangemeldOp": "2013-01-01"}
    async with desk.committer() as committer:
        async with desk.writers_held() as reached:
            blocker = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            three = [
                asyncio.create_task(committer.submit(desk.arrived(one)))
                for one in (message, message, other_body)
            ]
            await asyncio.sleep(0)
        first, repeat, reused = await asyncio.gather(*three)
        await blocker

    assert (first.is_repeat, repeat.is_repeat) == (False, True)
    assert (repeat.exchange, repeat.entry) == (first.exchange, first.entry)
    assert (reused.outcome, reused.rule) == (Outcome.REFUSED, Rule.REFERENCE_REUSED)
    assert await desk.effects() == (3, 2, 3)


async def refused_by_constraint(desk: Desk, table: str, print_: bytes) -> None:
    """Make the database refuse one message, by the keyed print of its reference."""
    await desk.pool.execute(
        f"alter table {table} add check (reference <> '\\x{print_.hex()}'::bytea)"
    )


async def test_invariant_08_what_the_database_refuses_harms_nobody_else(desk: Desk) -> None:
    messages = [desk.arrived(referral()) for _ in range(9)]
    await refused_by_constraint(desk, "fingerprint", messages[5].arrival.reference)
    async with desk.committer() as committer:
        async with desk.writers_held() as reached:
            blocker = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            waiting = [asyncio.create_task(committer.submit(one)) for one in messages]
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await blocker

    assert [type(one) for one in outcomes] == [
        PoisonedMessageError if n == 5 else Recorded for n in range(9)
    ]
    assert await desk.effects() == (9, 9, 9)


async def test_invariant_08_what_we_cannot_work_out_harms_nobody_else(desk: Desk) -> None:
    """A person whose key was damaged: nothing about them can be sealed."""
    damaged = member()
    messages = [desk.arrived(referral()) for _ in range(4)]
    messages.insert(2, desk.arrived(referral(damaged)))
    async with desk.committer() as committer:
        await committer.submit(desk.arrived(referral(damaged)))
        await desk.pool.execute("update subject set wrapped = $1", os.urandom(60))
        async with desk.writers_held() as reached:
            blocker = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            waiting = [asyncio.create_task(committer.submit(one)) for one in messages]
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await blocker

    assert [type(one) for one in outcomes] == [
        PoisonedMessageError if n == 2 else Recorded for n in range(5)
    ]
    assert await desk.effects() == (6, 6, 6)


@pytest.mark.parametrize("day", ["0001-01-01", "1583-01-01", "1937-07-01"])
async def test_any_day_that_there_was_can_be_one_of_agreement(desk: Desk, day: str) -> None:
    oldest = member(instemming={"gegeven": True, "op": day, "door": "betrokkene"})
    async with desk.committer() as committer:
        recorded = await committer.submit(desk.arrived(referral(oldest)))

    # It is stored, and counts for nothing: nobody agreed before they were born.
    assert recorded.outcome is Outcome.HELD


async def test_a_deadlock_is_tried_again(desk: Desk) -> None:
    async with desk.committer() as committer, desk.pool.acquire() as rival:
        await rival.execute("begin; select 1 from log_head for update")
        submitted = asyncio.create_task(committer.submit(desk.arrived(referral())))
        await desk.somebody_waits()
        # The writer holds the mailbox and waits for the log; we do it the other way round, and
        # the database ends the one that waited longest.
        await rival.execute("update mailbox_head set acknowledged = acknowledged")
        await rival.execute("commit")
        recorded = await submitted

    assert recorded.outcome is Outcome.ACCEPTED
    assert await desk.effects() == (1, 1, 1)
    assert '"group-retried"' in desk.log.getvalue()


async def test_a_database_that_goes_away_under_a_group_is_asked_again(desk: Desk) -> None:
    async with desk.committer() as committer:
        async with desk.writers_held() as reached:
            submitted = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            await desk.pool.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where wait_event_type = 'Lock' and datname = current_database()"""
            )
            await asyncio.sleep(0.05)
            assert not submitted.done()
        recorded = await submitted

    assert recorded.outcome is Outcome.ACCEPTED
    assert await desk.effects() == (1, 1, 1)


async def test_a_database_without_our_tables_is_no_fault_of_the_message(desk: Desk) -> None:
    """Half a migration, a lost right, a full disk: none of these is told to a sender as its own."""
    async with desk.committer() as committer:
        await desk.pool.execute("alter table part rename to part_elders")
        with pytest.raises(StorageUnavailableError):
            await committer.submit(desk.arrived(referral()))
        await desk.pool.execute("alter table part_elders rename to part")
        await committer.submit(desk.arrived(referral()))

    assert await desk.effects() == (1, 1, 1)


async def test_a_delivery_yields_to_single_messages(desk: Desk) -> None:
    async def nothing_more(*_: object) -> None:
        """The delivery's progress is of no interest here."""

    order: list[str] = []

    def note(name: str) -> object:
        return lambda _: order.append(name)

    async with desk.committer() as committer:
        async with desk.writers_held() as reached:
            blocker = asyncio.create_task(committer.submit(desk.arrived(referral())))
            await reached()
            tasks = []
            for name in ("batch 1", "batch 2"):
                batch = [desk.arrived(referral()) for _ in range(3)]
                tasks.append(asyncio.create_task(committer.submit_batch(batch, nothing_more)))
                tasks[-1].add_done_callback(note(name))  # type: ignore[arg-type]
                await asyncio.sleep(0)
            single = asyncio.create_task(committer.submit(desk.arrived(referral())))
            single.add_done_callback(note("single"))  # type: ignore[arg-type]
            await asyncio.sleep(0)
        await asyncio.gather(blocker, *tasks, single)

    assert order == ["single", "batch 1", "batch 2"]


async def test_who_waits_when_the_gateway_stops_is_told_and_not_recorded(desk: Desk) -> None:
    async with desk.writers_held() as reached:
        async with desk.committer() as committer:
            waiting = [
                asyncio.create_task(committer.submit(desk.arrived(referral()))) for _ in range(3)
            ]
            await reached()
        told = await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(one) for one in told} == {OverloadedError}
    assert await desk.effects() == (0, 0, 0)


async def test_two_writers_on_the_same_persons_and_references_agree(desk: Desk) -> None:
    """Many messages about few persons, each sent twice at once: one effect each."""
    shared = [member(bsn(n)) for n in range(3)]
    messages = [
        referral(
            shared[n % 3], {**shared[(n + 1) % 3], "rol": "partner"}, reference=fresh_reference()
        )
        for n in range(60)
    ]
    async with desk.committer(writers=4, group_size=7) as committer:
        recorded = await asyncio.gather(
            *(committer.submit(desk.arrived(one)) for one in messages + messages[::-1])
        )

    assert await desk.effects() == (60, 60, 60)
    assert await desk.count("subject") == 3
    by_reference: dict[bytes, set[object]] = {}
    for one in recorded:
        by_reference.setdefault(one.arrival.reference, set()).add(one.exchange)
    assert {len(exchanges) for exchanges in by_reference.values()} == {1}
    positions = await desk.pool.fetch("select position from mailbox order by position")
    assert [row[0] for row in positions] == list(range(1, 61))
    indices = await desk.pool.fetch("select index from log_leaf order by index")
    assert [row[0] for row in indices] == list(range(60))


async def test_invariant_01_what_cannot_be_queued_is_no_success(desk: Desk) -> None:
    """A recipient that the protocol names and nobody registered yet has no mailbox."""
    await desk.pool.execute("delete from mailbox_head where recipient = 'casebook'")
    async with desk.committer() as committer:
        with suppress(PoisonedMessageError, StorageUnavailableError):
            recorded = await committer.submit(desk.arrived(referral()))
            assert recorded.outcome is not Outcome.ACCEPTED

    assert await desk.count("mailbox") == 0
