from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.client import Event
from gateway.sandbox.dossiers import Dossiers, FolderDossiers, MemoryDossiers


def _event(position: int, kind: str = "aanmelding") -> Event:
    return Event(
        id=uuid4(),
        source="urn:nld:oin:00000099000000001000:systeem:sluis",
        type=f"nl.sluis.{kind}",
        sequence=position,
        time=datetime(2013, 12, 31, tzinfo=UTC),
        data={"huishouden": {"leden": []}},
    )


@pytest.fixture(params=["memory", "folder"])
def dossiers(request: pytest.FixtureRequest, tmp_path: Path) -> Dossiers:
    return MemoryDossiers() if request.param == "memory" else FolderDossiers(tmp_path / "casebook")


def test_nothing_is_kept_at_first(dossiers: Dossiers) -> None:
    assert dossiers.last_position is None
    assert list(dossiers.unreported()) == []


def test_what_is_kept_is_known(dossiers: Dossiers) -> None:
    events = [_event(7), _event(8, "vervallen"), _event(9)]

    dossiers.keep(events)
    dossiers.keep([])

    assert dossiers.last_position == 9
    assert all(dossiers.has(event.id) for event in events)
    assert not dossiers.has(uuid4())
    assert [event.id for event in dossiers.unreported()] == [events[0].id, events[2].id]
    dossiers.mark_reported([events[0].id])
    assert [event.id for event in dossiers.unreported()] == [events[2].id]


def test_a_folder_is_read_back_as_it_was_left(tmp_path: Path) -> None:
    events = [_event(1), _event(2)]
    before = FolderDossiers(tmp_path / "casebook")
    before.keep(events)
    before.mark_reported([events[0].id])

    after = FolderDossiers(tmp_path / "casebook")

    assert after.last_position == 2
    assert after.has(events[0].id)
    assert list(after.unreported()) == [events[1]]


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path: Path, cut: int) -> None:
    events = [_event(1), _event(2)]
    FolderDossiers(tmp_path).keep(events)
    path = tmp_path / "dossiers.ndjson"
    path.write_bytes(path.read_bytes()[:-cut])

    after = FolderDossiers(tmp_path)

    assert after.last_position == 1
    after.keep([events[1]])
    assert [event.id for event in FolderDossiers(tmp_path).unreported()] == [e.id for e in events]


@pytest.mark.parametrize("size", [10, 65_535, 65_536, 65_537, 200_000])
def test_an_unfinished_first_line_of_any_length_is_dropped(tmp_path: Path, size: int) -> None:
    (tmp_path / "dossiers.ndjson").write_bytes(b"x" * size)

    assert FolderDossiers(tmp_path).last_position is None
    assert (tmp_path / "dossiers.ndjson").read_bytes() == b""


def test_dossiers_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    FolderDossiers(tmp_path / "casebook").keep([_event(1)])

    for path in (tmp_path / "casebook").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
