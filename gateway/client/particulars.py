"""What is compared of a person: names, birth date, address and company, each in one spelling.

Registers differ in capitals, diacritics, ij and y, in whether a prefix (voorvoegsel) stands apart,
before or in the surname, and in how much of a birth date they hold. What is unknown is None or
empty, never guessed at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

from gateway.client.mailbox import Event

Birth = tuple[int, int | None, int | None]
"""Year, month and day; of what is registered in part, the rest is None."""

_PREFIXES = frozenset(
    (
        *("a", "aan", "af", "al", "auf", "aus", "bei", "ben", "bij", "bint", "d", "da", "dal"),
        *("dalla", "de", "degli", "dei", "del", "della", "den", "der", "des", "di", "do", "don"),
        *("dos", "du", "e", "een", "el", "en", "het", "ibn", "im", "in", "la", "las", "le", "les"),
        *("lo", "los", "of", "onder", "op", "over", "s", "t", "te", "ten", "ter", "toe", "tot"),
        *("uit", "van", "vande", "vanden", "vander", "ver", "vom", "von", "voor", "zu", "zum"),
    )
)
_RUN_TOGETHER = frozenset(first + second for first in _PREFIXES for second in (*_PREFIXES, ""))
_WORDS = re.compile(r"[^\W\d_]+")
_NOT_A_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Particulars:
    """One person, by the pseudonym or place under which the casebook has them."""

    key: str
    message: str = ""
    """The message that told of them last: two in one message are two persons."""
    has_bsn: bool = False
    surname: str = ""
    surname_parts: tuple[str, ...] = ()
    initials: str = ""
    birth: Birth | None = None
    sex: str = ""
    postcode: str = ""
    address: str = ""
    phone: str = ""
    company: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Particulars({self.key[:8]})"


def persons_in(event: Event) -> Iterator[Particulars]:
    """Everybody whom a referral is about, as far as it says who they are."""
    home = event.data.get("huishouden")
    members = home.get("leden") if isinstance(home, dict) else None
    if not isinstance(home, dict) or not isinstance(members, list):
        return
    people = [member for member in members if isinstance(member, dict)]
    marks = [_mark(member) for member in people]
    for number, member in enumerate(people):
        others = frozenset(mark for n, mark in enumerate(marks) if n != number and mark)
        key = _text(member, "pseudoniem") or f"{event.id}:{number}"
        yield replace(particulars(key, member, home, others), message=str(event.id))


def particulars(
    key: str,
    member: Mapping[str, JsonValue],
    home: Mapping[str, JsonValue],
    company: frozenset[str] = frozenset(),
) -> Particulars:
    """A member and their household, under the names that messages give their fields."""
    parts = surname_parts(_text(member, "achternaam"))
    postcode = _text(home, "postcode").replace(" ", "").upper()
    number = _text(home, "huisnummer")
    return Particulars(
        key,
        "",
        bool(member.get("burgerservicenummer")),
        "".join(parts),
        parts,
        initials_of(_text(member, "voorletters")),
        birth_of(_text(member, "geboortedatum")),
        _text(member, "geslacht") if _text(member, "geslacht") in ("V", "M") else "",
        postcode,
        f"{postcode}/{number}" if len(postcode) == 6 and number else "",
        _NOT_A_DIGIT.sub("", _text(home, "telefoonnummer"))[-9:],
        company,
    )


def surname_parts(surname: str) -> tuple[str, ...]:
    """The names of a surname without prefixes, each in one spelling: `van der Meij-de Boer`."""
    words = [plain(word) for word in _WORDS.findall(surname)]
    words = [word for word in words if word]
    return tuple(word for word in words if word not in _PREFIXES) or tuple(words)


def initials_of(text: str) -> str:
    """Initials as capitals alone, of `A.B.`, `AB`, `a b` or first names written out."""
    words = _WORDS.findall(text)
    if len(words) == 1 and words[0].isupper():
        return plain(words[0]).upper()
    return "".join(plain(word)[:1].upper() for word in words)


def birth_of(text: str) -> Birth | None:
    """A birth date as far as it is known: `1980`, `1980-05`, `1980-05-01`; zeros are unknown."""
    found = re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", text)
    if found is None or int(found[1]) == 0:
        return None
    month, day = (int(part) if part and int(part) else None for part in found.group(2, 3))
    return int(found[1]), month, None if month is None else day


def plain(word: str) -> str:
    """A word without capitals and diacritics, with ij as y, as both are written for either.

    Nothing is left of one that has no letter: a fraction, a diacritic by itself.
    """
    bare = unicodedata.normalize("NFKD", word).casefold()
    letters = "".join(one for one in bare if one.isalpha() and not unicodedata.combining(one))
    return letters.replace("ij", "y")


def sound(name: str) -> str:
    """Roughly how a name begins, for looking up: doubled letters and vowels after the first go."""
    heard = name.replace("ck", "k").replace("ph", "f").replace("th", "t").replace("dt", "t")
    heard = heard.translate(str.maketrans("czvgq", "ksfhk"))
    kept = heard[:1]
    for letter in heard[1:]:
        if letter not in "aeiouyhw" and letter != kept[-1]:
            kept += letter
    return kept[:4]


def is_near_name(one: str, other: str) -> bool:
    """Whether one slip lies between two names: a letter more, less, another, or two swapped."""
    if len(one) > len(other):
        one, other = other, one
    if len(one) < 4 or len(other) - len(one) > 1:
        return False
    at = 0
    while at < len(one) and one[at] == other[at]:
        at += 1
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return swapped or one[at + 1 :] == other[at + 1 :]


def is_run_together(one: str, other: str) -> bool:
    """Whether one is the other with its prefixes written into it: `vandenberg` and `berg`."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    if len(shorter) < 3 or not longer.endswith(shorter):
        return False
    rest = longer[: len(longer) - len(shorter)]
    return rest in _RUN_TOGETHER


def is_swapped(one: Birth, other: Birth) -> bool:
    """Whether day and month changed places."""
    return one[0] == other[0] and one[1] == other[2] and one[2] == other[1]


def _mark(member: Mapping[str, JsonValue]) -> str:
    """By what a housemate is known again; nothing where that would be anybody."""
    birth, initials = (
        birth_of(_text(member, "geboortedatum")),
        initials_of(_text(member, "voorletters")),
    )
    return f"{birth}{initials[0]}" if birth and birth[1] and initials else ""


def _text(fields: Mapping[str, JsonValue], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value).strip()
