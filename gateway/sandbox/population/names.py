"""Invented surnames and addresses: syllables that no family and no street is called after.

A few carry letters outside ASCII, as Dutch registers do, so that encodings are put to the test.
Full postcodes lie in the right district, with letters at random; the street does not exist.
Telephone numbers follow 020 with a zero, which no subscriber's number does.
"""

from __future__ import annotations

from random import Random

from gateway.sandbox.population.assumptions import HAS_PREFIX, POSTCODE_AREAS
from gateway.sandbox.population.chance import below, choose
from gateway.sandbox.population.household import District, PostcodeState

_HEADS = ("Xando", "Quive", "Zylo", "Wuxa", "Jypa", "Fyndo", "Kwazi", "Yvolo", "Vraxi", "Plozu")
_HEARTS = ("ri", "mo", "te", "lu", "ba", "né", "ska", "vë", "do", "fi", "pu", "go")
_TAILS = ("zorp", "qué", "xel", "zyst", "quab", "fynx", "wozz", "jöx", "plyx", "zwim", "kryf")
SURNAMES = tuple(head + heart + tail for head in _HEADS for heart in _HEARTS for tail in _TAILS)

_PREFIXES = ("van", "de", "van der", "el", "ten", "van 't")
_INITIALS = "ABCDEFGHIJKLMNOPRSTVWZ"
_STREETS = tuple(
    head + tail
    for head in ("Proef", "Voorbeeld", "Schijn", "Oefen", "Verzin", "Sluisproef")
    for tail in ("straat", "kade", "laan", "plein", "hof", "dreef")
)
# SA, SD and SS are never issued, and these letters only lately or not at all: F I O Q U Y.
_POSTCODE_LETTERS = tuple(
    first + second
    for first in "ABCDEGHJKLMNPRSTVWXZ"
    for second in "ABCDEGHJKLMNPRSTVWXZ"
    if first + second not in ("SA", "SD", "SS")
)


def surname(rng: Random) -> tuple[str | None, str]:
    """A prefix (voorvoegsel), or none, and a surname."""
    prefix = choose(rng, _PREFIXES) if rng.random() * 100 < HAS_PREFIX else None
    return prefix, choose(rng, SURNAMES)


def initials(rng: Random) -> str:
    """One or two initials."""
    first = choose(rng, _INITIALS) + "."
    return first if rng.random() < 0.5 else first + choose(rng, _INITIALS) + "."


def postcode(rng: Random, district: District, state: PostcodeState) -> str | None:
    """A postcode of the district, as much of it as is registered."""
    if state is PostcodeState.MISSING:
        return None
    area = choose(rng, POSTCODE_AREAS[district])
    return f"{area}{choose(rng, _POSTCODE_LETTERS)}" if state is PostcodeState.FULL else str(area)


def street(rng: Random) -> str:
    """A street that does not exist."""
    return choose(rng, _STREETS)


def phone(rng: Random) -> str:
    """A number in Amsterdam's area code that cannot be dialled."""
    return f"020-0{below(rng, 1_000_000):06d}"
