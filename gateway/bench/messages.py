"""What the benches send: the synthetic population, made and written before anything is measured.

Every member of a bench's household agreed, so that each message is permitted and walks all the
stages; households in deliveries keep the population's own mix, with some that must wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from gateway.sandbox.population.delivery import DwiReferral, MemberAgreement, dwi_delivery
from gateway.sandbox.population.generate import DEFAULT_SEED, households
from gateway.sandbox.population.household import Household, Source
from gateway.sandbox.population.screening import screening_rows
from gateway.sandbox.population.written import COLUMNS, as_csv, as_json
from schemas.referral import DecidedBy, Role

Told = Callable[[int], None]
"""Told now and then how many were made."""

TELL_EVERY = 500
_AGREED = COLUMNS.index("instemming")
_SCREENED_ON = COLUMNS.index("aangemeld_op")


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
    return dwi_delivery(DEFAULT_SEED, count, source=map(_of_dwi, households(count=count)))


def _of_dwi(household: Household) -> Household:
    return replace(household, source=Source.DWI)


def _agreed(referral: DwiReferral) -> DwiReferral:
    number, members = referral.household.number, referral.household.members
    return replace(
        referral,
        agreements=tuple(
            MemberAgreement(
                True,
                referral.referred_on,
                DecidedBy.PARENT if member.role is Role.CHILD else DecidedBy.SELF,
                f"IF-{number:07d}-{place}",
            )
            for place, member in enumerate(members, 1)
        ),
    )


def _with_agreement(row: bytes) -> bytes:
    columns = row.split(b";")
    answer = (b"ja", columns[_SCREENED_ON], DecidedBy.SELF.encode(), b"IF-" + columns[0])
    columns[_AGREED : _AGREED + len(answer)] = answer
    return b";".join(columns) + b"\n"


def _write(path: Path, pieces: Iterable[bytes], told: Told) -> None:
    with path.open("wb") as file:
        for number, piece in enumerate(pieces):
            file.write(piece)
            if number % TELL_EVERY == 0:
                told(number)
