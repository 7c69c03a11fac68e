"""The journal keeps every line that it was given, shows what was done to it, and fails closed."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.vault.journal import Journal
from gateway.vault.journal_folder import (
    LOCK,
    MAGIC,
    NOTHING_BEFORE,
    JournalUnavailableError,
    UnsafeJournalFolderError,
    files_of,
    head_of,
    make_folder,
)
from gateway.vault.journal_reading import ReadJournal, lines_in_order, read_journal
from gateway.vault.keys import EnvironmentKeys

KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()})
OTHER_KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(bytes(32)).decode()})
DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: datetime = DAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "journal"
    make_folder(made)
    return made


def said(number: int) -> Mapping[str, object]:
    return {"at": number, "kind": "proef", "word": "x" * (number % 7)}


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *words], stdout=subprocess.PIPE)


def numbers(read: ReadJournal) -> list[object]:
    return [line.content["at"] for line in read.lines]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


async def written(folder: Path, *days: int) -> Clock:
    """As many lines a day, on days that follow each other."""
    clock, at = Clock(), 0
    journal = Journal(folder, KEYS, clock)
    for count in days:
        for _ in range(count):
            at += 1
            await journal.write([said(at)])
        clock.now += timedelta(days=1)
    return clock


async def test_what_was_written_is_read_back_in_order(folder: Path) -> None:
    await written(folder, 3, 2)

    read = read_journal(folder, KEYS)

    assert numbers(read) == [1, 2, 3, 4, 5]
    assert read.faults == []
    assert [line.day for line in read.lines][-1] == date(2026, 11, 23)


async def test_a_line_says_nothing_in_clear_and_its_length_tells_no_kind(folder: Path) -> None:
    journal = Journal(folder, KEYS, Clock())
    await journal.write([{"kind": "a", "handle": "geheim-handvat"}])
    await journal.write([{"kind": "een-veel-langere-soort", "handle": "geheim-handvat" * 5}])

    whole = files_of(folder)[0][1].read_bytes()

    assert b"geheim" not in whole
    assert b"kind" not in whole
    _, first, second = whole.splitlines()
    assert len(first) == len(second)


async def test_files_are_for_their_owner_alone(folder: Path) -> None:
    await written(folder, 1)

    assert modes(folder) == {0o700, 0o600}
    os.chmod(folder, 0o755)  # noqa: PTH101, S103  # that it is refused is what is tested
    with pytest.raises(UnsafeJournalFolderError, match="chmod 700"):
        make_folder(folder)


async def test_the_form_of_a_file_is_as_it_was_agreed(folder: Path) -> None:
    await written(folder, 1)

    head, line = lines_of(folder / "2026-11-22.journal")

    assert head == b"sluis-journal-v1 2026-11-22 " + b"0" * 64 + b"\n"
    number, before, _ = line.split(b" ")
    assert number == b"1"
    # SHA-256 of the 93 bytes of that head, by sha256sum.
    assert before == b"45e82adf0076107c90f21d928c8ed9122e6f13701dfa642d44cbe5b85da7c7da"


async def test_other_keys_open_no_line(folder: Path) -> None:
    await written(folder, 2)

    read = read_journal(folder, OTHER_KEYS)

    assert read.lines == []
    assert {fault.rule for fault in read.faults} == {"line-damaged"}


async def test_a_line_that_was_taken_out_shows(folder: Path) -> None:
    await written(folder, 5)
    path = folder / "2026-11-22.journal"
    lines = lines_of(path)

    path.write_bytes(b"".join(lines[:3] + lines[4:]))

    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 2, 4, 5]
    assert [(fault.number, fault.rule) for fault in read.faults] == [(4, "line-missing")]


async def test_the_end_of_an_older_file_that_was_cut_off_shows(folder: Path) -> None:
    await written(folder, 3, 1)
    path = folder / "2026-11-22.journal"

    path.write_bytes(b"".join(lines_of(path)[:-1]))

    faults = read_journal(folder, KEYS).faults
    assert [(fault.file, fault.rule) for fault in faults] == [
        ("2026-11-23.journal", "file-missing")
    ]


async def test_a_file_that_was_taken_out_shows(folder: Path) -> None:
    await written(folder, 1, 1, 1)

    (folder / "2026-11-23.journal").unlink()

    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 3]
    assert [fault.rule for fault in read.faults] == ["file-missing"]


async def test_lines_that_changed_places_or_files_do_not_pass(folder: Path) -> None:
    await written(folder, 3, 3)
    first, second = folder / "2026-11-22.journal", folder / "2026-11-23.journal"
    head, *lines = lines_of(first)
    other_head, *others = lines_of(second)

    first.write_bytes(b"".join([head, lines[1], lines[0], lines[2]]))
    second.write_bytes(b"".join([other_head, lines[0], *others[1:]]))

    read = read_journal(folder, KEYS)
    assert {fault.rule for fault in read.faults} >= {"line-missing", "line-damaged"}
    # A line opens on its own day alone.
    assert numbers(read) == [2, 1, 3, 5, 6]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(at=0.78125, bit=5)
def test_no_flipped_bit_passes_unnoticed(folder: Path, at: float, bit: int) -> None:
    path = folder / "2026-11-22.journal"
    if not path.exists():
        asyncio.run(written(folder, 4))
    whole = path.read_bytes()
    place = int(at * (len(whole) - 1))  # the last byte is the end of the last line
    changed = bytearray(whole)
    changed[place] ^= 1 << bit
    try:
        path.write_bytes(changed)
        read = read_journal(folder, KEYS)
    finally:
        path.write_bytes(whole)

    assert read.faults
    assert all(line.content["kind"] == "proef" for line in read.lines)


async def test_a_beginning_of_a_line_is_cut_off_by_the_next_writer(folder: Path) -> None:
    await written(folder, 2)
    path = folder / "2026-11-22.journal"
    path.write_bytes(path.read_bytes() + lines_of(path)[-1][:70])

    assert numbers(read_journal(folder, KEYS)) == [1, 2]
    await Journal(folder, KEYS, Clock()).write([said(3)])

    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 2, 3]
    assert read.faults == []


async def test_a_file_without_its_head_is_begun_anew(folder: Path) -> None:
    await written(folder, 2)
    (folder / "2026-11-23.journal").write_bytes(MAGIC)

    await Journal(folder, KEYS, Clock(DAY + timedelta(days=1))).write([said(3)])

    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 2, 3]
    assert read.faults == []


async def test_a_clock_that_goes_back_breaks_no_chain(folder: Path) -> None:
    clock = await written(folder, 1, 1)
    clock.now = DAY

    await Journal(folder, KEYS, clock).write([said(3)])

    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 2, 3]
    assert read.faults == []
    assert read.lines[-1].day == date(2026, 11, 23)


async def test_two_writers_share_a_folder(folder: Path) -> None:
    one, other = Journal(folder, KEYS, Clock()), Journal(folder, KEYS, Clock())

    for at in range(1, 21):
        await (one if at % 3 else other).write([said(at)])
    await asyncio.gather(*(j.write([said(99)]) for j in (one, other) for _ in range(20)))

    read = read_journal(folder, KEYS)
    assert numbers(read) == [*range(1, 21), *([99] * 40)]
    assert read.faults == []


async def test_what_waits_for_the_disk_is_written_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0

    def slow(handle: int) -> None:
        nonlocal syncs
        syncs += 1
        time.sleep(0.02)

    journal = Journal(folder, KEYS, Clock())
    await journal.write([said(0)])
    monkeypatch.setattr("gateway.vault.journal._sync", slow)  # a slow disk: nothing of ours

    await asyncio.gather(*(journal.write([said(at)]) for at in range(1, 51)))

    assert syncs <= 3
    assert numbers(read_journal(folder, KEYS)) == list(range(51))


async def test_without_its_folder_it_writes_nothing_and_makes_none(folder: Path) -> None:
    journal = Journal(folder, KEYS, Clock())
    await journal.write([said(1)])
    gone = folder.with_name("weg")
    shutil.move(folder, gone)

    with pytest.raises(JournalUnavailableError):
        await journal.write([said(2)])

    # Had it come back empty, it would now be moved into it.
    shutil.move(gone, folder)
    await journal.write([said(3)])
    assert numbers(read_journal(folder, KEYS)) == [1, 3]


async def test_a_file_that_vanishes_is_not_written_to_unseen(folder: Path) -> None:
    journal = Journal(folder, KEYS, Clock())
    await journal.write([said(1)])
    (folder / "2026-11-22.journal").unlink()

    await journal.write([said(2)])

    assert numbers(read_journal(folder, KEYS)) == [2]


async def test_a_file_that_was_cut_short_stops_the_writer(folder: Path) -> None:
    journal = Journal(folder, KEYS, Clock())
    await journal.write([said(1), said(2)])
    path = folder / "2026-11-22.journal"
    os.truncate(path, len(b"".join(lines_of(path)[:2])))

    with pytest.raises(JournalUnavailableError, match="cut-short"):
        await journal.write([said(3)])


async def test_a_full_file_takes_no_more(folder: Path) -> None:
    journal = Journal(folder, KEYS, Clock(), max_bytes=1500)
    await journal.write([said(1), said(2)])

    with pytest.raises(JournalUnavailableError, match="full"):
        await journal.write([said(3), said(4)])

    assert numbers(read_journal(folder, KEYS)) == [1, 2]


async def test_a_line_beyond_the_bound_is_refused(folder: Path) -> None:
    with pytest.raises(JournalUnavailableError, match="line-too-long"):
        await Journal(folder, KEYS, Clock()).write([{"word": "x" * 70_000}])


async def test_a_full_disk_fails_the_act_and_leaves_the_chain_whole(tmp_path: Path) -> None:
    """/dev/full answers as a full disk does; a file of another day goes on."""
    folder = tmp_path / "journal"
    make_folder(folder)
    await written(folder, 1)
    (folder / "2026-11-23.journal").symlink_to("/dev/full")
    clock = Clock(DAY + timedelta(days=1))
    journal = Journal(folder, KEYS, clock)

    with pytest.raises(JournalUnavailableError):
        await journal.write([said(2)])

    (folder / "2026-11-23.journal").unlink()
    await journal.write([said(3)])
    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 3]
    assert read.faults == []


async def test_a_write_that_fails_half_way_is_taken_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder, KEYS, Clock())
    await journal.write([said(1)])

    def fails(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("gateway.vault.journal._sync", fails)  # the disk: nothing of ours
        with pytest.raises(JournalUnavailableError, match="no-space-left-on-device"):
            await journal.write([said(2)])

    await journal.write([said(3)])
    read = read_journal(folder, KEYS)
    assert numbers(read) == [1, 3]
    assert read.faults == []


_HOLDER = """
import fcntl, os, sys, time
handle = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_root_writes_is_its_owners(folder: Path) -> None:
    """A command by root on the first act of a day must not shut the gateway's own user out."""
    os.chown(folder, 65534, 65534)

    await written(folder, 1)

    assert {path.stat().st_uid for path in files_in(folder)} == {65534}


async def test_a_stopped_process_with_the_lock_does_not_stop_everybody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(folder, 1)
    monkeypatch.setattr("gateway.vault.journal_folder.LOCK_SECONDS", 0.3)
    holder = started(_HOLDER, str(folder / LOCK))
    try:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        with pytest.raises(JournalUnavailableError, match="locked"):
            await Journal(folder, KEYS, Clock()).write([said(2)])
    finally:
        holder.kill()
        holder.communicate()
    await Journal(folder, KEYS, Clock()).write([said(3)])


_WRITER = textwrap.dedent(
    """
    import asyncio, base64, sys
    from pathlib import Path
    from gateway.vault.journal import Journal
    from gateway.vault.keys import EnvironmentKeys

    KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()})

    async def main():
        journal, at = Journal(Path(sys.argv[1]), KEYS), 0
        while True:
            at += 1
            await journal.write([{"at": at, "kind": sys.argv[2]}])
            print(at, flush=True)

    asyncio.run(main())
    """
)


async def test_writers_that_are_killed_lose_no_line_that_was_answered(folder: Path) -> None:
    """Two processes on one folder, killed at some moment, over and over."""
    answered: dict[str, int] = {}
    for life in range(6):
        names = [f"{life}-a", f"{life}-b"]
        writers = {name: started(_WRITER, str(folder), name) for name in names}
        await asyncio.sleep(0.8 + 0.05 * life)
        for name, process in writers.items():
            process.send_signal(signal.SIGKILL)
            told, _ = await asyncio.to_thread(process.communicate)
            answered[name] = len(told.splitlines())

    read = read_journal(folder, KEYS)

    assert read.faults == []
    assert sum(answered.values()) > 20
    for name, count in answered.items():
        own = [line.content["at"] for line in read.lines if line.content["kind"] == name]
        assert own[:count] == list(range(1, count + 1))
        assert len(own) <= count + 1


async def test_old_files_go_and_the_newest_never_does(folder: Path) -> None:
    await written(folder, 1, 1, 1)
    journal = Journal(folder, KEYS, Clock())

    assert journal.forget(date(2026, 11, 24)) == 2
    assert journal.forget(date(2027, 11, 24)) == 0

    read = read_journal(folder, KEYS)
    assert numbers(read) == [3]
    assert read.faults == []


async def test_journals_of_several_machines_are_read_in_the_order_of_their_moments(
    tmp_path: Path,
) -> None:
    read = []
    for name, moments in (("a", (1, 4, 5)), ("b", (2, 3, 6))):
        make_folder(tmp_path / name)
        journal = Journal(tmp_path / name, KEYS, Clock())
        for at in moments:
            await journal.write([said(at)])
        read.append(read_journal(tmp_path / name, KEYS))

    assert [line.content["at"] for line in lines_in_order(read)] == [1, 2, 3, 4, 5, 6]


def test_the_head_of_a_first_file_follows_on_nothing() -> None:
    assert head_of(date(2026, 11, 22), NOTHING_BEFORE).endswith(b" " + b"0" * 64 + b"\n")
