"""A person as somebody else writes them down: the errors that registers of persons have.

The shares are assumptions, on the high side of what is told of municipal registers, so that figures
are not better than life: wrong or partial birth dates, moves, names of partners, lost prefixes and
diacritics, slips of the hand, and much that is not filled in.
"""

from __future__ import annotations

import unicodedata
from random import Random
from typing import NamedTuple

from pydantic import JsonValue

from gateway.client.particulars import Particulars, birth_of, particulars
from gateway.sandbox.population.chance import below, choose
from gateway.sandbox.population.household import Household, Person

_LETTERS = "abcdefghijklmnoprstuvwz"


class Home(NamedTuple):
    """An address with a telephone."""

    postcode: str | None
    number: int | None
    phone: str | None


class Written(NamedTuple):
    """A person as a register has them."""

    key: str
    prefix: str | None
    surname: str | None
    initials: str | None
    birth: str | None
    sex: str | None
    home: Home
    company: frozenset[str]

    def particulars(self) -> Particulars:
        """As the client compares them."""
        surname = " ".join(part for part in (self.prefix, self.surname) if part)
        member: dict[str, JsonValue] = {
            "achternaam": surname,
            "voorletters": self.initials,
            "geboortedatum": self.birth,
            "geslacht": self.sex,
        }
        postcode, number, phone = self.home
        home: dict[str, JsonValue] = {
            "postcode": postcode,
            "huisnummer": number,
            "telefoonnummer": phone,
        }
        return particulars(self.key, member, home, self.company)


def as_written(named: tuple[Household, str | None]) -> list[Written]:
    """The members of a household, as the casebook has them; with another surname where given."""
    household, common = named
    home = Home(household.postcode, household.house_number, household.phone)
    marks = [_mark(one) for one in household.members]
    family = household.members[0].surname
    return [
        Written(
            one.bsn,
            one.prefix,
            common if common and one.surname and one.surname == family else one.surname,
            one.initials,
            one.birth_date.isoformat() if one.birth_date else None,
            one.sex.value,
            home,
            frozenset(mark for n, mark in enumerate(marks) if n != number and mark),
        )
        for number, one in enumerate(household.members)
    ]


def misspelt(rng: Random, one: Written, other: Written, key: str) -> Particulars:
    """The person as another writes them; who moved lives where `other` does."""
    changed = one._replace(
        key=key,
        **_name(rng, one, other),
        initials=_initials(rng, one.initials),
        birth=_birth(rng, one.birth),
        sex=_sex(rng, one.sex),
        home=_home(rng, one.home, other.home),
        company=one.company if rng.random() < 0.6 else frozenset(),
    )
    return changed.particulars()


def _name(rng: Random, one: Written, other: Written) -> dict[str, str | None]:
    prefix, surname, chance = one.prefix, one.surname, rng.random()
    if surname is None or chance < 0.01:
        return {"prefix": prefix, "surname": None}
    if chance < 0.05:
        surname = _slip(rng, surname)
    elif chance < 0.10 and other.surname:
        surname = f"{other.surname}-{surname}" if below(rng, 2) else f"{surname}-{other.surname}"
    elif chance < 0.13 and prefix:
        surname = prefix.replace(" ", "").replace("'", "") + surname.lower()
        prefix = None
    if rng.random() < 0.3:
        bare = unicodedata.normalize("NFKD", surname)
        surname = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return {"prefix": None if rng.random() < 0.15 else prefix, "surname": surname}


def _slip(rng: Random, name: str) -> str:
    at = below(rng, len(name) - 1)
    match below(rng, 4):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + choose(rng, _LETTERS) + name[at:]
        case 2:
            return name[:at] + choose(rng, _LETTERS) + name[at + 1 :]
        case _:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _initials(rng: Random, initials: str | None) -> str | None:
    chance = rng.random()
    if initials is None or chance < 0.03:
        return None
    if chance < 0.05:
        return choose(rng, _LETTERS).upper() + "."
    if chance < 0.35:
        return initials[:2]
    return initials.replace(".", "") if chance < 0.55 else initials


def _birth(rng: Random, born: str | None) -> str | None:
    chance = rng.random()
    if born is None or chance < 0.03:
        return None
    year, month, day = born.split("-")
    if chance < 0.11:
        return year
    if chance < 0.15:
        return f"{year}-{month}"
    if chance < 0.17 and int(day) <= 12:
        return f"{year}-{day}-{month}"
    if chance < 0.19:
        wrong = [f"{int(year) + choose(rng, (-10, -1, 1, 10))}-{month}-{day}"]
        wrong.append(f"{year}-{month}-{1 + below(rng, 28):02d}")
        wrong.append(f"{year}-{1 + below(rng, 12):02d}-{min(int(day), 28):02d}")
        return choose(rng, wrong)
    return born


def _sex(rng: Random, sex: str | None) -> str | None:
    chance = rng.random()
    if chance < 0.03:
        return None
    return {"V": "M", "M": "V"}.get(sex or "") if chance < 0.035 else sex


def _home(rng: Random, home: Home, other: Home) -> Home:
    chance = rng.random()
    postcode, number, _ = other if chance < 0.12 else home
    if chance > 0.92:
        postcode = number = None
    elif chance > 0.84:
        postcode, number = (postcode[:4] if postcode else None), None
    elif chance > 0.82 and number is not None:
        number += choose(rng, (-2, -1, 1, 2, 10))
    chance = rng.random()
    if chance < 0.4:
        return Home(postcode, number, None)
    return Home(postcode, number, other.phone if chance < 0.5 else home.phone)


def _mark(person: Person) -> str:
    """As `gateway.client.particulars` knows a housemate again."""
    born = birth_of(person.birth_date.isoformat()) if person.birth_date else None
    return f"{born}{person.initials[0]}" if born else ""
