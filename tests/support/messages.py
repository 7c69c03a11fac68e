"""Messages as a partner puts them on the wire: plain dictionaries, so that any rule can be broken.

Persons are made up; their BSNs are from the range kept for tests.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from gateway.sandbox.population.bsn import BsnSeries

Json = dict[str, Any]

_numbers = itertools.count(1)
_bsns = BsnSeries(seed=41)


def fresh_reference(prefix: str = "KM") -> str:
    """A reference that no other message of this run bears."""
    return f"{prefix}-{next(_numbers)}"


def bsn(number: int) -> str:
    """The n-th test person's BSN."""
    return _bsns.at(number)


def fresh_bsn() -> str:
    return _bsns.at(100_000 + next(_numbers))


def member(number: str | None = None, *, agreed: bool | None = True, **changes: Any) -> Json:
    """A member with all that the protocol lets pass; `agreed=None` says nothing of agreement."""
    made: Json = {
        "rol": "aanmelder",
        "burgerservicenummer": fresh_bsn() if number is None else number,
        "voorletters": "A.",
        "achternaam": "Voorbeeld",
        "geboortedatum": "1980-05-01",
        "geslacht": "V",
    }
    if agreed is not None:
        made["instemming"] = {"gegeven": agreed, "op": "2013-11-01", "door": "betrokkene"}
    return {**made, **changes}


def referral(*members: Json, reference: str | None = None, **changes: Any) -> Json:
    """A referral that the example protocol lets pass from DWI to the casebook."""
    made: Json = {
        "kenmerk": fresh_reference() if reference is None else reference,
        "aangemeldOp": "2013-12-31",
        "grondslag": "participatiewet",
        "huishouden": {
            "postcode": "1012AB",
            "straatnaam": "Voorbeeldstraat",
            "huisnummer": 1,
            "leden": list(members) or [member()],
        },
    }
    return {**made, **changes}


def held_referral(**changes: Any) -> Json:
    """One that waits, since a member said nothing."""
    return referral(member(), member(agreed=None, rol="partner"), **changes)


def refused_referral(**changes: Any) -> Json:
    """One that the protocol does not admit."""
    return referral(**{"grondslag": "geen", **changes})


def status_of(exchange: str | UUID, reference: str | None = None, **changes: Any) -> Json:
    """A status message on an exchange."""
    made: Json = {
        "kenmerk": fresh_reference("ST") if reference is None else reference,
        "uitwisselingId": str(exchange),
        "status": "in-beheer-actief",
        "peildatum": "2014-01-31",
    }
    return {**made, **changes}


def changed(message: Json, path: str, value: Any) -> Json:
    """The message with one value put in its place: `huishouden.leden.0.rol`."""
    made = copy.deepcopy(message)
    *steps, last = path.split(".")
    at: Any = made
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[int(last) if isinstance(at, list) else last] = value
    return made


def lines_of(messages: Iterable[Mapping[str, Any]]) -> bytes:
    """A delivery as NDJSON."""
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


HEADER = (
    "kenmerk;aangemeld_op;grondslag;rol;bsn;voorletters;achternaam;geboortedatum;postcode;"
    "straatnaam;huisnummer;telefoon;instemming;instemming_op;toelichting"
)


def csv_row(**cells: str) -> str:
    """A row of DWI's file under `HEADER`."""
    filled = {
        "kenmerk": fresh_reference("CSV"),
        "aangemeld_op": "2013-12-31",
        "grondslag": "participatiewet",
        "rol": "aanmelder",
        "bsn": fresh_bsn(),
        "voorletters": "B.",
        "achternaam": "Voorbeeld",
        "geboortedatum": "1975-02-03",
        "postcode": "1012AB",
        "straatnaam": "Voorbeeldstraat",
        "huisnummer": "2",
        "telefoon": "",
        "instemming": "ja",
        "instemming_op": "2013-11-01",
        "toelichting": "",
        **cells,
    }
    return ";".join(filled[name] for name in HEADER.split(";"))


def csv_of(rows: Iterable[str]) -> bytes:
    """A file of DWI's."""
    return "\n".join([HEADER, *rows, ""]).encode()
