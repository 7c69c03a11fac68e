"""The partner as a witness: an honest log passes, and each way to rewrite one is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.client.checkpoints import read_checkpoint
from gateway.client.errors import Contradicted, Misconfigured
from gateway.client.memory import CheckpointMemory
from gateway.client.watch import EVERY_SECONDS, NAMED_WITHIN, LogWatch
from tests.gateway.audit.logs import KEY, OTHER_KEY, Log
from tests.gateway.audit.witnessed import forked
from tests.gateway.client.shown_log import SERIES, ShownLog, opening, text, volume


class Session:
    """One session of a partner; its clock moves when the test says so."""

    def __init__(self, folder: Path, shown: ShownLog) -> None:
        self.memory = CheckpointMemory(folder)
        self.shown = shown
        self.time = 1000.0
        self.watch = LogWatch(self.memory, shown.ask, elapsed=lambda: self.time, now=self.now)

    def now(self) -> float:
        return self.time

    async def hears(self, header: str) -> None:
        """An answer comes, and some time later another call is made."""
        self.watch.heard(header)
        self.time += EVERY_SECONDS
        await self.watch.before_call()

    async def contradicts(self, header: str, rule: str) -> Path:
        with pytest.raises(Contradicted, match=rule) as caught:
            await self.hears(header)
        with pytest.raises(Contradicted):
            await self.watch.before_call()
        with pytest.raises(Contradicted):
            await self.watch.at_end()
        place = caught.value.evidence
        assert (place / "getoond").exists()
        return place

    @property
    def kept(self) -> tuple[str, int]:
        found = self.memory.kept()
        assert found is not None
        return found.origin.removeprefix(f"{SERIES}/"), found.size


@pytest.fixture
def shown() -> ShownLog:
    return ShownLog([volume("2026", 60)])


@pytest.fixture
def session(tmp_path: Path, shown: ShownLog) -> Session:
    return Session(tmp_path, shown)


def fork_of(size: int) -> Log:
    return Log(forked(size, 10).entries, f"{SERIES}/2026")


async def test_what_is_seen_first_is_kept_with_the_key(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(20))

    assert session.kept == ("2026", 20)
    assert session.memory.path.read_bytes() == shown.open.signed(20)
    assert session.memory.key_path.read_text() == f"{shown.open.vkey}\n"


async def test_a_log_that_grows_is_followed(session: Session, shown: ShownLog) -> None:
    for size in (0, 1, 20, 21, 60):
        await session.hears(shown.header(size))
    assert session.kept == ("2026", 60)


async def test_a_repeated_header_costs_nothing(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(20))
    asked = len(shown.asked)
    for _ in range(100):
        await session.hears(shown.header(20))
    assert len(shown.asked) == asked


async def test_proofs_are_asked_at_most_once_a_second(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(1))
    asked = len(shown.asked)
    for size in range(2, 12):
        session.watch.heard(shown.header(size))
        session.time += 0.01
        await session.watch.before_call()
    assert len(shown.asked) == asked

    await session.watch.at_end()
    # Each of the ten views, not the newest alone.
    assert len(shown.asked) - asked == 10
    assert session.kept == ("2026", 11)


async def test_another_root_at_the_same_size_is_seen_at_once(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    session.watch.heard(shown.header(40, fork_of(60)))
    with pytest.raises(Contradicted, match="differ"):
        await session.watch.before_call()  # no second needs to pass


async def test_a_forked_log_is_seen(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    shown.volumes = [fork_of(60)]
    place = await session.contradicts(shown.header(50), "does not hold what it stated")

    assert (place / "bewaard").read_bytes() == volume("2026", 60).signed(40)
    assert (place / "getoond").read_bytes() == fork_of(60).signed(50)
    assert session.kept == ("2026", 40)


async def test_a_view_that_was_shown_once_is_compared_too(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(20))
    session.watch.heard(shown.header(30, fork_of(60)))
    await session.contradicts(shown.header(40), "does not hold")


async def test_a_log_that_was_rolled_back_is_seen(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    shown.size = 30
    await session.contradicts(shown.header(30), "shorter than it was")


async def test_an_older_answer_is_no_rollback(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    await session.hears(shown.header(30))
    assert session.kept == ("2026", 40)


async def test_an_older_answer_of_another_log_is_seen(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    await session.contradicts(shown.header(30, fork_of(60)), "does not hold")


async def test_another_key_is_seen(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    shown.volumes = [volume("2026", 60, OTHER_KEY)]
    await session.contradicts(shown.header(50), "own key did not sign")


async def test_another_gateways_log_is_seen(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    other = Log(shown.open.entries, "sluis/ander/verwerkingen/2026", KEY)
    await session.contradicts(text(other.signed(50)), "another gateway")


async def test_a_gateway_that_cannot_prove_has_contradicted_itself(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    larger = volume("2026", 90).signed(90)
    await session.contradicts(text(larger), "cannot show")


async def test_a_road_that_fails_contradicts_nothing(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(20))
    shown.is_away = True
    await session.hears(shown.header(40))
    await session.watch.at_end()
    assert session.kept == ("2026", 20)

    shown.is_away = False
    session.time += EVERY_SECONDS
    await session.watch.before_call()
    assert session.kept == ("2026", 40)


async def test_what_is_no_checkpoint_is_passed_over(session: Session, shown: ShownLog) -> None:
    for header in ("", "nee", text(b"iets"), "\u2014"):
        await session.hears(header)
    await session.watch.at_end()
    assert shown.asked == []


async def test_a_later_session_compares_with_what_was_kept(
    tmp_path: Path, session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    shown.volumes = [fork_of(60)]

    later = Session(tmp_path, shown)
    await later.contradicts(shown.header(50), "does not hold")


async def test_a_key_that_was_put_there_is_never_asked_for(tmp_path: Path, shown: ShownLog) -> None:
    memory = CheckpointMemory(tmp_path)
    memory.folder.mkdir(parents=True)
    memory.key_path.write_text(volume("2026", 1, OTHER_KEY).vkey)

    session = Session(tmp_path, shown)
    await session.contradicts(shown.header(20), "own key did not sign")
    assert shown.asked == []


async def test_a_new_volume_is_followed_by_its_opening_entry(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    next_year = volume("2027", 7)
    next_year.entries[2] = opening(shown.open)
    shown.volumes.append(next_year)

    await session.hears(shown.header(7))
    assert session.kept == ("2027", 7)


async def test_several_volumes_are_followed_back(session: Session, shown: ShownLog) -> None:
    await session.hears(shown.header(40))
    for name in ("2027", "2028", "2029"):
        added = volume(name, 9)
        added.entries[1] = opening(shown.open)
        shown.volumes.append(added)

    await session.hears(shown.header(9))
    assert session.kept == ("2029", 9)


async def test_a_new_volume_that_names_another_past_is_seen(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    next_year = volume("2027", 7)
    next_year.entries[0] = opening(fork_of(60))
    shown.volumes.append(next_year)
    await session.contradicts(shown.header(7), "does not hold")


async def test_a_new_volume_that_names_an_older_end_is_seen(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    next_year = volume("2027", 7)
    next_year.entries[0] = opening(shown.open, size=30)
    shown.volumes.append(next_year)
    await session.contradicts(shown.header(7), "older end")


async def test_a_new_volume_may_take_a_moment_to_name_the_one_before(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    shown.volumes.append(volume("2027", 3))
    await session.hears(shown.header(3))
    assert session.kept == ("2026", 40)

    session.time += NAMED_WITHIN
    await session.contradicts(shown.header(3), "does not name")


async def test_a_late_answer_of_the_older_volume_is_no_contradiction(
    session: Session, shown: ShownLog
) -> None:
    old = shown.open
    next_year = volume("2027", 7)
    next_year.entries[0] = opening(old)
    shown.volumes.append(next_year)
    await session.hears(shown.header(7))
    await session.hears(shown.header(40, old))
    assert session.kept == ("2027", 7)


async def test_a_recovery_is_followed_where_it_says_what_is_gone(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(50))
    whole = shown.open
    after = volume("2026-2", 5)
    after.entries[0] = opening(whole, size=55, restored=30)
    # Of the older volume there is no more than was restored.
    shown.volumes = [volume("2026", 30), after]

    await session.hears(shown.header(5))
    assert session.kept == ("2026-2", 5)


async def test_a_recovery_that_lost_a_whole_volume_is_followed(
    tmp_path: Path, session: Session, shown: ShownLog
) -> None:
    """The database is of before 2027: of that volume nothing is left, of 2026 all that was."""
    older = shown.open
    await session.hears(shown.header(40))
    lost = volume("2027", 9)
    lost.entries[0] = opening(older)
    (tmp_path / "ander").mkdir()
    of_2027 = Session(tmp_path / "ander", ShownLog([older, lost]))
    await of_2027.hears(text(lost.signed(7)))

    after = volume("2027-2", 5)
    after.entries[0] = opening(lost, restored=50, of=older)
    shown.volumes = [older, after]
    of_2027.shown.volumes = shown.volumes
    for one in (session, of_2027):
        await one.hears(shown.header(5))
        assert one.kept == ("2027-2", 5)


async def test_a_recovery_that_names_less_than_was_seen_is_seen(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(40))
    after = volume("2026-2", 5)
    after.entries[0] = opening(shown.open, size=35, restored=30)
    shown.volumes = [volume("2026", 30), after]
    await session.contradicts(shown.header(5), "older end")


async def test_a_recovery_that_rewrites_what_was_restored_is_seen(
    session: Session, shown: ShownLog
) -> None:
    await session.hears(shown.header(20))
    other = fork_of(60)
    after = volume("2026-2", 5)
    after.entries[0] = opening(other, size=55, restored=30)
    shown.volumes = [Log(other.entries[:30], other.origin), after]
    await session.contradicts(shown.header(5), "does not hold")


async def test_two_sessions_at_once_never_forget(tmp_path: Path, shown: ShownLog) -> None:
    one, other = Session(tmp_path, shown), Session(tmp_path, shown)
    await one.hears(shown.header(20))
    await other.hears(shown.header(40))
    await other.watch.at_end()
    await one.hears(shown.header(30))
    await one.watch.at_end()

    assert one.kept == ("2026", 40)


def test_a_damaged_memory_is_told(tmp_path: Path, shown: ShownLog) -> None:
    memory = CheckpointMemory(tmp_path)
    memory.folder.mkdir(parents=True)
    memory.path.write_bytes(b"iets anders")
    with pytest.raises(Misconfigured, match="damaged"):
        Session(tmp_path, shown)


def test_the_memory_is_for_its_owner_alone(tmp_path: Path, shown: ShownLog) -> None:
    memory = CheckpointMemory(tmp_path)
    assert memory.keep(read_checkpoint(shown.open.signed(3)), None)
    assert os.stat(memory.path).st_mode & 0o777 == 0o600  # noqa: PTH116  # the mode alone
    assert os.stat(memory.folder).st_mode & 0o777 == 0o700  # noqa: PTH116  # the mode alone
