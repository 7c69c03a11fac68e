from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import Event
from gateway.sandbox.casework import seeded_casework
from schemas.casework import CaseStatus


def _event(position: int, exchange: UUID | None = None) -> Event:
    return Event(
        id=exchange or uuid4(),
        source="urn:nld:oin:00000099000000001000:systeem:sluis",
        type="nl.sluis.aanmelding",
        sequence=position,
        time=datetime(2013, 12, 31, 23, 59, tzinfo=UTC),
    )


@given(st.integers(), st.integers(min_value=1), st.uuids())
def test_the_same_seed_and_place_give_the_same_statuses(
    seed: int, position: int, exchange: UUID
) -> None:
    event = _event(position, exchange)

    statuses = seeded_casework(seed)(event)

    assert statuses == seeded_casework(seed)(event)
    assert 1 <= len(statuses) <= 3
    assert {item.exchange_id for item in statuses} == {exchange}
    assert {item.as_of for item in statuses} == {date(2013, 12, 31)}
    assert len({item.reference for item in statuses}) == len(statuses)
    assert not any(item.status.is_closed for item in statuses[:-1])


def test_cases_come_as_far_as_the_programme_reported() -> None:
    decide = seeded_casework(2013)
    last = Counter(decide(_event(position))[-1].status for position in range(1, 20_001))

    # Households by phase, table 3.13 of the programme's report of 2014: 3,689 in all.
    reported = {
        CaseStatus.INTAKE: 426,
        CaseStatus.ACTIVE: 1164,
        CaseStatus.PASSIVE: 245,
        CaseStatus.CLOSED_REACHED: 720,
        CaseStatus.CLOSED_NOT_REACHED: 1134,
    }
    for status, count in reported.items():
        assert last[status] / 20_000 == pytest.approx(count / 3689, abs=0.01)


def test_another_seed_decides_otherwise() -> None:
    events = [_event(position) for position in range(1, 50)]

    assert [*map(seeded_casework(1), events)] != [*map(seeded_casework(2), events)]
