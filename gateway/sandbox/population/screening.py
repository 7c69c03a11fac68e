"""Clients that DWI screens, one person each: deliveries and messages of any number for the bench.

15,000 clients were to be screened. They come from the same margins (districts, postcodes, missing
names and birth dates, ZRM shares) by chance rather than exactly, and are written as fast as a
bench needs. Their BSNs lie outside the stretch of the households.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from gateway.sandbox.population.assumptions import AGREEMENT_NONE, AGREEMENT_NOT_RECORDED
from gateway.sandbox.population.bsn import SCREENING, BsnSeries
from gateway.sandbox.population.chance import Weighted, below, choose, seeded
from gateway.sandbox.population.generate import DEFAULT_SEED
from gateway.sandbox.population.household import COMING_OF_AGE
from gateway.sandbox.population.margins import (
    BIRTH_DATE_MISSING,
    DWI_CLIENTS,
    PERSONS,
    POSTCODES,
    QUALITY_PERSONS,
    SURNAME_MISSING,
)
from gateway.sandbox.population.names import initials, postcode, street, surname
from gateway.sandbox.population.written import COLUMNS
from gateway.sandbox.population.zrm import DOMAINS, patterns, scores
from schemas.referral import DecidedBy, Ground, Role

MOST_CLIENTS = len(SCREENING)
_ROWS_PER_CHUNK = 250
_SCREENED_FROM, _SCREENED_DAYS = date(2014, 1, 1).toordinal(), 365
_ADULT_DAYS = 365 * 47
_DISTRICTS = Weighted({district: row.households for district, row in PERSONS.items()})
_POSTCODES = Weighted(POSTCODES)


@dataclass(frozen=True, slots=True)
class _Client:
    reference: str
    screened_on: str
    bsn: str
    initials: str
    prefix: str
    surname: str
    birth_date: str
    sex: str
    postcode: str
    street: str
    house_number: int
    ladder: int
    scores: tuple[int, ...]
    agreed: bool | None


def screening_rows(count: int = DWI_CLIENTS, seed: int = DEFAULT_SEED) -> Iterator[bytes]:
    """The CSV delivery: its header, then chunks of rows, in constant memory.

    Raises `ValueError` over `MOST_CLIENTS`.
    """
    return _chunks(map(_row, _clients(seed, count)))


def screening_messages(count: int = DWI_CLIENTS, seed: int = DEFAULT_SEED) -> Iterator[bytes]:
    """The same clients as canonical JSON, one message each; no incomplete postcodes."""
    return (_message(client).encode() for client in _clients(seed, count))


def _chunks(rows: Iterator[str]) -> Iterator[bytes]:
    yield (";".join(COLUMNS) + "\n").encode()
    while chunk := "".join(islice(rows, _ROWS_PER_CHUNK)):
        yield chunk.encode()


def _clients(seed: int, count: int) -> Iterator[_Client]:
    if not 0 <= count <= MOST_CLIENTS:
        raise ValueError(f"a screening has at most {MOST_CLIENTS} clients")
    return _drawn(seed, count)


def _drawn(seed: int, count: int) -> Iterator[_Client]:
    rng, bsns = seeded(seed, "screening"), BsnSeries(seed)
    measured = [scores(rng, pattern) for pattern in patterns(seed).counted]
    for place in range(count):
        prefix, last = surname(rng)
        if below(rng, QUALITY_PERSONS) < SURNAME_MISSING:
            prefix, last = None, ""
        said = below(rng, 100)
        born = COMING_OF_AGE.toordinal() - below(rng, _ADULT_DAYS)
        is_born_known = below(rng, QUALITY_PERSONS) >= BIRTH_DATE_MISSING
        yield _Client(
            reference=f"SCR-2014-{place:07d}",
            screened_on=date.fromordinal(_SCREENED_FROM + below(rng, _SCREENED_DAYS)).isoformat(),
            bsn=bsns.at(SCREENING.start + place),
            initials=initials(rng),
            prefix=prefix or "",
            surname=last,
            birth_date=date.fromordinal(born).isoformat() if is_born_known else "",
            sex="VM"[below(rng, 2)],
            postcode=postcode(rng, _DISTRICTS.draw(rng), _POSTCODES.draw(rng)) or "",
            street=street(rng),
            house_number=1 + below(rng, 400),
            ladder=1 + below(rng, 6),
            scores=choose(rng, measured),
            agreed=None
            if said < AGREEMENT_NOT_RECORDED
            else said >= AGREEMENT_NOT_RECORDED + AGREEMENT_NONE,
        )


# Both forms are written by hand, ten times faster than by a writer that looks for what must be
# escaped: every text in them is one of ours, and a test reads them back with a real reader.


def _row(client: _Client) -> str:
    c, agreement = client, ";;;"
    if c.agreed is not None:
        answer = "ja" if c.agreed else "nee"
        agreement = f"{answer};{c.screened_on};{DecidedBy.SELF.value};IF-{c.reference}"
    return (
        f"{c.reference};{c.screened_on};{Ground.PARTICIPATION_ACT.value};"
        f"{Role.APPLICANT.value};{c.bsn};{c.initials};{c.prefix};{c.surname};{c.birth_date};"
        f"{c.sex};{c.postcode};{c.street};{c.house_number};;;nee;ja;{c.ladder};{c.screened_on};"
        f"{';'.join(map(str, c.scores))};{agreement};;;;\n"
    )


def _message(client: _Client) -> str:
    c = client
    known = (
        ("voorvoegsel", c.prefix),
        ("achternaam", c.surname),
        ("geboortedatum", c.birth_date),
    )
    optional = "".join(f'"{name}":"{value}",' for name, value in known if value)
    scored = ",".join(
        f'"{domain.value}":{score}' for domain, score in zip(DOMAINS, c.scores, strict=True)
    )
    agreement = ""
    if c.agreed is not None:
        agreement = (
            f',"instemming":{{"gegeven":{"true" if c.agreed else "false"},'
            f'"op":"{c.screened_on}","door":"{DecidedBy.SELF.value}",'
            f'"bewijs":"IF-{c.reference}"}}'
        )
    home = f'"postcode":"{c.postcode}",' if len(c.postcode) == 6 else ""
    return (
        f'{{"kenmerk":"{c.reference}","aangemeldOp":"{c.screened_on}",'
        f'"grondslag":"{Ground.PARTICIPATION_ACT.value}","huishouden":{{{home}'
        f'"straatnaam":"{c.street}","huisnummer":{c.house_number},"geheimhouding":false,'
        f'"leden":[{{"rol":"{Role.APPLICANT.value}","burgerservicenummer":"{c.bsn}",'
        f'"voorletters":"{c.initials}",{optional}"geslacht":"{c.sex}",'
        f'"ontvangtUitkering":true,"participatietrede":{c.ladder},'
        f'"zrm":{{"gemetenOp":"{c.screened_on}","scores":{{{scored}}}}}{agreement}}}]}}}}'
    )
