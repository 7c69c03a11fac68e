"""What the benches send: the synthetic population, made and written before anything is measured.

Every member of a bench's household agreed, so that each message is permitted and walks all the
stages; households in deliveries keep the population's own mix, with some that must wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain, islice
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.sandbox.population.delivery import (
    DwiReferral,
    MemberAgreement,
    decided_by,
    dwi_delivery,
    years_later,
    years_until,
)
from gateway.sandbox.population.generate import DEFAULT_SEED, households
from gateway.sandbox.population.household import Household, Source
from gateway.sandbox.population.screening import screening_rows
from gateway.sandbox.population.written import COLUMNS, as_csv, as_json
from schemas.referral import DecidedBy, Role

Told = Callable[[int], None]
"""Told now and then how many were made."""

TELL_EVERY = 500
_AGREED = COLUMNS.index("instemming")
_BORN_ON = COLUMNS.index("geboortedatum")


def write_referrals(path: Path, count: int, told: Told) -> None:
    """`count` households as canonical messages, one a line; no two alike, no person twice."""
    _write(path, (body + b"\n" for body in as_json(map(_agreed, _referrals(count)))), told)


def write_households(path: Path, count: int, told: Told) -> None:
    """`count` households as DWI's CSV delivery, agreement in the population's mix."""
    _write(path, as_csv(_referrals(count)), told)


class Screening:
    """A stream of clients that DWI screened, one person each, to be cut into deliveries."""

    def __init__(self, count: int) -> None:
        chunks = screening_rows(count)
        self._header = next(chunks)
        lines = chain.from_iterable(chunk.splitlines() for chunk in chunks)
        self._rows = map(_with_agreement, lines)

    def write(self, path: Path, count: int, told: Told) -> None:
        """The next `count` clients as one CSV delivery."""
        _write(path, chain([self._header], islice(self._rows, count)), told)


def _referrals(count: int) -> Iterator[DwiReferral]:
    # Any household will do as one that DWI refers: where it came from is not in the message.
    source = map(_of_dwi, households(count=count))
    referrals = dwi_delivery(DEFAULT_SEED, count, source=source)
    return years_later(referrals, years_until(datetime.now(UTC).date()))


def _of_dwi(household: Household) -> Household:
    return replace(household, source=Source.DWI)


def _agreed(referral: DwiReferral) -> DwiReferral:
    number, household = referral.household.number, referral.household
    # Said today: an older agreement may have lapsed with a birthday since.
    on = datetime.now(ZoneInfo("Europe/Amsterdam")).date()
    # Every birth date known: who decides for a person of unknown age cannot be told.
    members = tuple(
        m if m.birth_date else replace(m, birth_date=_BORN[m.role]) for m in household.members
    )
    return replace(
        referral,
        household=replace(household, members=members),
        agreements=tuple(
            MemberAgreement(
                True,
                on,
                decided_by(member, on),
                f"IF-{number:07d}-{place}",
            )
            for place, member in enumerate(members, 1)
        ),
    )


_BORN = {role: date(1985, 5, 1) for role in Role} | {Role.CHILD: date(2017, 5, 1)}


def _with_agreement(row: bytes) -> bytes:
    columns = row.split(b";")
    # Once all of them were grown up; of unknown age nobody can say who decides.
    answer = (b"ja", b"2014-01-31", DecidedBy.SELF.encode(), b"IF-" + columns[0])
    columns[_BORN_ON] = columns[_BORN_ON] or b"1985-05-01"
    columns[_AGREED : _AGREED + len(answer)] = answer
    return b";".join(columns) + b"\n"


def _write(path: Path, pieces: Iterable[bytes], told: Told) -> None:
    with path.open("wb") as file:
        for number, piece in enumerate(pieces):
            file.write(piece)
            if number % TELL_EVERY == 0:
                told(number)
