"""How well candidates are proposed for persons without a BSN: precision and recall, measured.

Households of the synthetic population are what the casebook knows; of some a member is left out.
Then come persons without a BSN: known ones, as another professional would write them down, with the
errors that registers have; and strangers, among whom, as the hardest, the members left out, who
share surname, address and telephone with persons who are known. Thresholds were set on one seed and
are measured on others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import NamedTuple

from gateway.bench.misspelling import Written, as_written, misspelt
from gateway.client.candidates import KnownPersons, Outcome, nearest
from gateway.client.particulars import Particulars
from gateway.sandbox.population.chance import below, choose, seeded
from gateway.sandbox.population.generate import households
from gateway.sandbox.population.household import Household
from gateway.sandbox.population.names import SURNAMES

SEEDS = (11, 12, 13)
"""Seeds that nothing was set on."""
_LEFT_OUT = 0.15
_COMMON = 0.5
"""Share of households that bear one of the most common names, as in no invented register."""


class Kind(NamedTuple):
    """A new person, and the known one that they are, if any."""

    written: Particulars
    truth: str | None
    kind: str


@dataclass(slots=True)
class Measured:
    """What was proposed of how many new persons."""

    known: int = 0
    new: int = 0
    same: int = 0
    right: Counter[Outcome] = field(default_factory=Counter)
    """Of persons who are known: the right one was proposed first, with this outcome."""
    wrong: Counter[Outcome] = field(default_factory=Counter)
    """Somebody else was proposed first, with this outcome."""
    wrong_by_kind: Counter[str] = field(default_factory=Counter)
    """Wrong candidates, by what kind of person the new one was."""
    indexing: float = 0.0
    """Seconds."""
    took: list[float] = field(default_factory=list)
    """Seconds a new person, sorted."""
    cpu: float = 0.0
    """Processor seconds of all new persons together."""

    @property
    def precision(self) -> float:
        """Of those proposed as candidates, the share that is right."""
        proposed = self.right[Outcome.CANDIDATE] + self.wrong[Outcome.CANDIDATE]
        return self.right[Outcome.CANDIDATE] / proposed if proposed else 1.0

    @property
    def recall(self) -> float:
        """Of persons who are known, the share for whom the right one is a candidate."""
        return self.right[Outcome.CANDIDATE] / self.same if self.same else 1.0

    @property
    def shown(self) -> float:
        """The same, of those for whom the right one is shown first, as unsure too."""
        right = self.right[Outcome.CANDIDATE] + self.right[Outcome.UNSURE]
        return right / self.same if self.same else 1.0


Propose = Callable[[Particulars], tuple[Outcome, str | None]]
"""Whom a new person might be: the nearest known person's key."""


def measure(seed: int, persons: int, new: int) -> tuple[Measured, Measured]:
    """Propose for `new` persons whom of `persons` known ones they might be; half of them are.

    Ours, and beside it the usual rule: surname and birth date are the same, of one person alone.
    """
    written, left_out = _known(seed, persons)
    known = [one.particulars() for one in written]
    rng = seeded(seed, "candidates", "new")
    arriving = list(islice(_arriving(rng, written, left_out), new))
    return _proposed(_by_evidence, known, arriving), _proposed(_by_equality, known, arriving)


def _proposed(
    indexed: Callable[[Sequence[Particulars]], Propose],
    known: Sequence[Particulars],
    arriving: Sequence[Kind],
) -> Measured:
    done = Measured(known=len(known), new=len(arriving))
    began = time.perf_counter()
    propose = indexed(known)
    done.indexing = time.perf_counter() - began
    spent = time.process_time()
    for one in arriving:
        began = time.perf_counter()
        outcome, key = propose(one.written)
        done.took.append(time.perf_counter() - began)
        done.same += one.truth is not None
        if outcome is Outcome.NONE:
            continue
        (done.right if key == one.truth else done.wrong)[outcome] += 1
        if key != one.truth and outcome is Outcome.CANDIDATE:
            done.wrong_by_kind[one.kind] += 1
    done.cpu = time.process_time() - spent
    done.took.sort()
    return done


def _by_evidence(known: Sequence[Particulars]) -> Propose:
    index = KnownPersons(known)

    def propose(new: Particulars) -> tuple[Outcome, str | None]:
        found = index.proposals(new)
        return nearest(found), found[0].known.key if found else None

    return propose


def _by_equality(known: Sequence[Particulars]) -> Propose:
    same: dict[object, list[str]] = {}
    for one in known:
        same.setdefault((one.surname, one.birth), []).append(one.key)

    def propose(new: Particulars) -> tuple[Outcome, str | None]:
        found = same.get((new.surname, new.birth), [])
        is_told = bool(new.surname and new.birth) and len(found) == 1
        return (Outcome.CANDIDATE, found[0]) if is_told else (Outcome.NONE, None)

    return propose


def _known(seed: int, persons: int) -> tuple[list[Written], list[Written]]:
    """Persons whom the casebook knows, and members of the same households whom it does not."""
    rng, known, left_out = seeded(seed, "candidates", "known"), list[Written](), list[Written]()
    for home in households(seed, persons):
        members = as_written(_with_common_name(rng, home))
        for one in members:
            is_out = len(members) > 1 and rng.random() < _LEFT_OUT
            (left_out if is_out else known).append(one)
        if len(known) >= persons:
            break
    return known, left_out


def _with_common_name(rng: Random, home: Household) -> tuple[Household, str | None]:
    """The household, and the name that half of all households share with many others."""
    if rng.random() >= _COMMON:
        return home, None
    # The smaller of two draws, squared: the commonest name is that of one household in fifty.
    return home, SURNAMES[int(len(SURNAMES) * rng.random() ** 2 * 0.5)]


def _arriving(rng: Random, known: Sequence[Written], left_out: Sequence[Written]) -> Iterator[Kind]:
    """One known person and one stranger after the other, without end."""
    number = 0
    while True:
        number += 1
        one = choose(rng, known)
        yield Kind(misspelt(rng, one, choose(rng, known), f"n{number}"), one.key, "known")
        number += 1
        if below(rng, 2):
            other = choose(rng, left_out)
            yield Kind(misspelt(rng, other, choose(rng, known), f"n{number}"), None, "housemate")
        else:
            stranger = _stranger(rng, known)
            yield Kind(misspelt(rng, stranger, choose(rng, known), f"n{number}"), None, "stranger")


def _stranger(rng: Random, known: Sequence[Written]) -> Written:
    """Somebody with the name of one, the birth date of a second and the address of a third."""
    name, born, home = (choose(rng, known) for _ in range(3))
    return name._replace(birth=born.birth, sex=born.sex, home=home.home, company=frozenset())
