"""Whom to compare a new person with: those who share something with them, not everybody.

A person is looked up by several keys, so that an error in one field leaves the others: birth date
(as it is and with day and month swapped), the sound of a surname with the year of birth or the
first initial, address, telephone. A key that very many share tells nobody apart and is passed over,
unless the person has no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.client.particulars import Particulars, sound

MOST_SHARING = 500


class Blocks:
    """Known persons by their keys."""

    def __init__(self, persons: Sequence[Particulars]) -> None:
        self._persons = persons
        self._by_key: dict[tuple[str, ...], list[int]] = {}
        for number, one in enumerate(persons):
            for key in set(_keys(one)):
                self._by_key.setdefault(key, []).append(number)

    def near(self, new: Particulars) -> Iterator[Particulars]:
        """Everybody who shares a key, each once, in the order in which they were given."""
        found = [self._by_key.get(key, []) for key in {*_keys(new), *_swapped(new)}]
        telling = [numbers for numbers in found if len(numbers) <= MOST_SHARING] or found
        for number in sorted({number for numbers in telling for number in numbers}):
            yield self._persons[number]


def _keys(one: Particulars) -> Iterator[tuple[str, ...]]:
    if one.birth is not None and one.birth[2] is not None:
        yield "geboren", *map(str, one.birth)
    for part in one.surname_parts:
        if one.birth is not None:
            yield "naam en jaar", sound(part), str(one.birth[0])
        if one.initials:
            yield "naam en letter", sound(part), one.initials[0]
    if one.address:
        yield "adres", one.address
    if len(one.phone) == 9:
        yield "telefoon", one.phone


def _swapped(one: Particulars) -> Iterable[tuple[str, ...]]:
    if one.birth is None or one.birth[2] is None:
        return ()
    year, month, day = one.birth
    return (("geboren", str(year), str(day), str(month)),)
