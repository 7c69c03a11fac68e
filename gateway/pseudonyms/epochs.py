"""A recipient's pseudonyms over its key epochs: which epoch an event bears follows from its place.

A recipient reads its mailbox in order. At one position of it an epoch ends: what stands there or
before bears the older pseudonyms, however late it is fetched and however often, and what was queued
after it the newer ones (ADR 0028). So one event never has two subjects, and no moment has to be the
same for all processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.pseudonyms.domains import Domain
from gateway.vault.keys import KeyProvider

FIRST_EPOCH = 1


class Switch(NamedTuple):
    """A recipient's move to another epoch: it begins after this position of the mailbox."""

    epoch: int
    after: int


class Lineage:
    """One recipient's pseudonyms within a linkage group, epoch after epoch."""

    __slots__ = ("_later", "first", "newest")

    def __init__(self, first: Domain, later: Sequence[tuple[int, Domain]] = ()) -> None:
        """`later` are domains with the position after which each begins, in their order."""
        self.first = first
        self._later = tuple(reversed(later))
        self.newest = later[-1][1] if later else first

    def at(self, position: int) -> Domain:
        """The domain of the event at a position of the recipient's mailbox."""
        for after, domain in self._later:
            if position > after:
                return domain
        return self.first

    def __iter__(self) -> Iterator[Domain]:
        """Every domain, newest first."""
        yield from (domain for _, domain in self._later)
        yield self.first


class Pseudonyms:
    """Makes domains, each once."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._made: dict[tuple[str, str, int], Domain] = {}

    def domain(self, recipient: str, linkage_group: str, epoch: int) -> Domain:
        """One recipient's pseudonyms within a linkage group and epoch."""
        named = (recipient, linkage_group, epoch)
        if named not in self._made:
            self._made[named] = Domain(self._keys, *named)
        return self._made[named]

    def lineage(self, recipient: str, linkage_group: str, switches: Sequence[Switch]) -> Lineage:
        """The same over all epochs; `switches` are the recipient's, in their order."""
        return Lineage(
            self.domain(recipient, linkage_group, FIRST_EPOCH),
            [(one.after, self.domain(recipient, linkage_group, one.epoch)) for one in switches],
        )
