"""The persons of a breach: numbered, counted, and only by a further act named.

A person has a number in the pack's own domain, which leads nowhere else (invariant 6). Birth dates
are opened to count who was a minor when their data first went, and addresses to count for whom an
address is secret; neither is shown of anybody. Names are opened for two officers alone (design,
section 6: re-identification is an act of two), as far as the gateway still holds them: mostly it
does not, and then the sender finds the person by its own reference.
"""

from __future__ import annotations

import csv
import hmac
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

import orjson

from gateway.reports.breach.scope import AMSTERDAM, local
from gateway.store.exposed import (
    ExposedPerson,
    KeptBox,
    KeptReference,
    Stream,
    exposed_persons,
    kept_boxes,
    persons_in,
    references,
)
from gateway.store.groups import Connection
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from gateway.vault.kept_forms import NEXT, bound_reference, bound_to, open_births, slot_of
from gateway.vault.keys import KeyProvider, KeyUnavailableError
from schemas.fields import Place

ADULT = 18
_MINUTE, _DAY = 60_000, 86_400_000
_SECRET = b'"geheimhouding":true'
_YES, _NO, _UNKNOWN = "ja", "nee", "onbekend"
HEADINGS = (
    "nummer", "eersteVerstrekking", "laatsteVerstrekking", "verstrekkingen", "ontvangers",
    "minderjarig", "bijzonderOfStrafrechtelijk", "gewist",
)  # fmt: skip


@dataclass(slots=True)
class Counted:
    """What was counted of the persons, and their lines."""

    minors: int = 0
    age_unknown: int = 0
    erased: int = 0
    lines: io.StringIO = field(default_factory=io.StringIO)


@dataclass(frozen=True, slots=True)
class SecretAddresses:
    """Whose address is secret, as far as the gateway still holds what was sent."""

    persons: int
    exchanges_looked_at: int


class Numbers:
    """The numbers of persons in one report; another report gives others."""

    def __init__(self, keys: KeyProvider, report: str, group: str) -> None:
        self._key = keys.secret(f"reports/numbers/{report}/{group}")

    def of(self, subject: UUID) -> str:
        """A person's number: 64 bits, in four groups that people can read aloud."""
        text = hmac.digest(self._key, subject.bytes, "sha256").hex().upper()
        return f"P-{text[:4]}-{text[4:8]}-{text[8:12]}-{text[12:16]}"


async def count_persons(
    connection: Connection,
    vault: Vault,
    numbers: Numbers,
    streams: Sequence[Stream],
    special: frozenset[int],
) -> Counted:
    """Go over every person of the scope once."""
    counted = Counted()
    writer = csv.writer(counted.lines, delimiter=";")
    writer.writerow(HEADINGS)
    met: dict[str, tuple[str, str]] = {}
    # Moments and days recur by the thousand, and telling one costs more than all else of a line.
    told, adult = cache(_minute_told), cache(_adult_born_by)
    async for page in exposed_persons(connection):
        for person in page:
            minor = _is_minor(person, vault, adult(person.first // _DAY))
            counted.minors += minor == _YES
            counted.age_unknown += minor == _UNKNOWN
            counted.erased += person.epoch is None
            if person.streams not in met:
                met[person.streams] = _told_of(person.streams, streams, special)
            recipients, is_special = met[person.streams]
            writer.writerow(
                (
                    numbers.of(person.subject),
                    told(person.first // _MINUTE),
                    told(person.last // _MINUTE),
                    person.hand_overs,
                    recipients,
                    minor,
                    is_special,
                    _NO if person.epoch is not None else _YES,
                )
            )
    return counted


def _told_of(met_in: str, streams: Sequence[Stream], special: frozenset[int]) -> tuple[str, str]:
    own = [stream for stream in streams if met_in[stream.number] == "1"]
    recipients = " ".join(sorted({stream.recipient for stream in own}))
    return recipients, _YES if any(stream.number in special for stream in own) else _NO


def _minute_told(minute: int) -> str:
    return local(minute * _MINUTE)


def _adult_born_by(day: int) -> str:
    """The last birth date of who is 18 on a day; days as UTC has them, which is close enough."""
    then = datetime.fromtimestamp(day * _DAY / 1000, AMSTERDAM).date()
    return f"{then.year - ADULT:04}{then:-%m-%d}"


def _is_minor(person: ExposedPerson, vault: Vault, adult: str) -> str:
    """Whether somebody was under 18 when their data first went; unknown is told as unknown."""
    if person.epoch is None or person.wrapped is None or person.facts is None:
        return _UNKNOWN
    try:
        wrapped = WrappedKey(person.epoch, person.wrapped)
        key = vault.unwrap(person.subject, CONTENT, wrapped)
    except (SealBrokenError, KeyUnavailableError):
        return _UNKNOWN
    births = [born.reveal() for born in open_births(person.subject, key, person.facts)]
    if not births:
        return _UNKNOWN
    # Of an incomplete date the last day that it can be: better a minor too many than one missed.
    return _YES if any((born + "-99-99")[:10] > adult for born in births) else _NO


async def count_secret_addresses(connection: Connection, vault: Vault) -> SecretAddresses:
    """Open the boxes that are still there, and see for whom an address is secret."""
    secret: set[UUID] = set()
    looked_at: set[UUID] = set()
    async for page in kept_boxes(connection):
        for box in page:
            content = _opened(box, vault)
            if content is None:
                continue
            looked_at.add(box.exchange)
            if _SECRET in slot_of(content, Place.HOUSEHOLD):
                secret.add(box.exchange)
    persons = await persons_in(connection, list(secret)) if secret else 0
    return SecretAddresses(persons, len(looked_at))


def _opened(box: KeptBox, vault: Vault) -> bytes | None:
    with suppress(SealBrokenError, KeyUnavailableError):
        key = _key_of(box, vault)
        return key.open(box.box, bound_to(box.exchange.bytes, box.member))
    return None


def _key_of(box: KeptBox, vault: Vault) -> DataKey:
    return vault.unwrap(box.subject, CONTENT, WrappedKey(box.epoch, box.wrapped))


NAME_HEADINGS = ("nummer", "burgerservicenummer", "naam", "geboortedatum", "verzender", "kenmerk",
                 "uitwisselingId")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """One person of one exchange, as far as the gateway can still name them."""

    subject: UUID
    exchange: UUID
    sender: str
    reference: str
    fields: Mapping[str, str]


async def name_persons(connection: Connection, vault: Vault) -> list[Named]:
    """Everybody of the scope, named as far as what is still here opens."""
    held: dict[tuple[UUID, UUID], dict[str, str]] = {}
    async for page in kept_boxes(connection):
        for box in page:
            content = _opened(box, vault)
            if content is not None:
                held[box.exchange, box.subject] = fields_of_member(content)
    named: list[Named] = []
    async for found in references(connection):
        for one in found:
            reference = _reference(one, vault)
            named += [
                Named(
                    subject,
                    one.exchange,
                    one.sender,
                    reference,
                    held.get((one.exchange, subject), {}),
                )
                for subject in one.subjects
            ]
    return named


def _reference(one: KeptReference, vault: Vault) -> str:
    if one.owner is None or one.sealed is None or one.epoch is None or one.wrapped is None:
        return ""
    with suppress(SealBrokenError, KeyUnavailableError):
        key = vault.unwrap(one.owner, CONTENT, WrappedKey(one.epoch, one.wrapped))
        return key.open(one.sealed, bound_reference(one.exchange.bytes)).decode()
    return ""


def written_names(named: Sequence[Named], numbers: Numbers) -> bytes:
    """The names as a table."""
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=";")
    writer.writerow(NAME_HEADINGS)
    for one in named:
        parts = (one.fields.get(n, "") for n in ("voorletters", "voorvoegsel", "achternaam"))
        writer.writerow(
            (
                numbers.of(one.subject),
                one.fields.get("burgerservicenummer", ""),
                _safe(" ".join(part for part in parts if part)),
                one.fields.get("geboortedatum", ""),
                one.sender,
                _safe(one.reference),
                str(one.exchange),
            )
        )
    return lines.getvalue().encode()


def _safe(text: str) -> str:
    """A text that a spreadsheet takes for no formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def fields_of_member(content: bytes) -> dict[str, str]:
    """What a box says of who its member is."""
    slot = slot_of(content, Place.MEMBER)
    if not slot:
        return {}
    written = orjson.loads(b"{%b}" % slot.replace(NEXT, b","))
    return {name: str(value) for name, value in written.items() if isinstance(value, str)}
