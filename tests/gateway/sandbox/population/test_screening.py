import csv
import io
import tracemalloc
from itertools import islice
from time import perf_counter

import pytest

from gateway.sandbox.population.bsn import is_test_bsn
from gateway.sandbox.population.generate import households
from gateway.sandbox.population.screening import (
    MOST_CLIENTS,
    screening_messages,
    screening_rows,
)
from gateway.sandbox.population.written import COLUMNS
from schemas.referral import Referral


def read(count: int, seed: int) -> list[dict[str, str]]:
    text = io.StringIO(b"".join(screening_rows(count, seed)).decode(), newline="")
    return list(csv.DictReader(text, delimiter=";", strict=True))


def test_each_row_has_every_column_and_a_number_of_its_own() -> None:
    found = read(3000, 1)
    assert len(found) == 3000
    for row in found:
        assert tuple(row) == COLUMNS
        assert None not in row.values()
        assert is_test_bsn(row["bsn"])
        assert row["rol"] == "aanmelder"
    assert len({row["bsn"] for row in found}) == 3000
    assert len({row["kenmerk"] for row in found}) == 3000


def test_clients_share_no_number_with_the_households() -> None:
    clients = {row["bsn"] for row in read(3000, 1)}
    assert clients.isdisjoint(member.bsn for h in households(1) for member in h.members)


def test_clients_have_the_programme_s_gaps() -> None:
    found = read(15_000, 2)
    assert 0.045 < sum(not row["geboortedatum"] for row in found) / 15_000 < 0.065
    assert 0.012 < sum(not row["achternaam"] for row in found) / 15_000 < 0.026
    assert 0.02 < sum(len(row["postcode"]) < 6 for row in found) / 15_000 < 0.045
    assert 0.75 < sum(int(row["zrm_inkomen"]) < 4 for row in found) / 15_000 < 0.79
    assert {row["instemming"] for row in found} == {"ja", "nee", ""}


def test_rows_and_messages_are_the_same_clients() -> None:
    messages = [Referral.model_validate_json(text) for text in screening_messages(500, 3)]
    for row, message in zip(read(500, 3), messages, strict=True):
        (member,) = message.household.members
        assert message.reference == row["kenmerk"]
        assert member.bsn is not None
        assert member.bsn.reveal() == row["bsn"]
        assert (member.surname or "", member.prefix or "") == (
            row["achternaam"],
            row["voorvoegsel"],
        )
        assert member.zrm is not None
        assert str(member.zrm.scores["justitie"]) == row["zrm_justitie"]  # type: ignore[index]
        said = {"ja": True, "nee": False, "": None}[row["instemming"]]
        assert (member.agreement.given if member.agreement else None) is said


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(screening_rows(600, 4)) == list(screening_rows(600, 4))
    assert list(screening_rows(600, 4)) != list(screening_rows(600, 5))


@pytest.mark.parametrize("count", [0, 1, 250, 251])
def test_any_number_of_rows_can_be_asked(count: int) -> None:
    assert b"".join(screening_rows(count, 1)).count(b"\n") == count + 1


@pytest.mark.parametrize("count", [-1, MOST_CLIENTS + 1])
def test_more_clients_than_there_are_test_numbers_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=str(MOST_CLIENTS)):
        screening_rows(count, 1)
    assert MOST_CLIENTS >= 1_000_000


def test_memory_stays_flat_however_long_the_run() -> None:
    def peak_of_next(chunks: int) -> int:
        tracemalloc.reset_peak()
        for _ in islice(run, chunks):
            pass
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    run = screening_rows(MOST_CLIENTS, 1)
    early = peak_of_next(20)
    late = peak_of_next(40)
    tracemalloc.stop()
    assert late < 1.1 * early


def test_a_million_rows_fit_in_a_minute() -> None:
    start = perf_counter()
    for _ in screening_rows(50_000, 1):
        pass
    assert perf_counter() - start < 60 / 20
