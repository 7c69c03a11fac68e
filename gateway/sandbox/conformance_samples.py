"""Made-up households for the conformance script, in the format that a partner speaks.

Each is one adult who agreed, so that by the simplest flow nothing has to be waited for. What is to
be wrong is spoilt in the bytes: the canonical message cannot hold it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from gateway.sandbox.conformance_flow import TriedFlow
from gateway.sandbox.ggz import as_bundle
from gateway.sandbox.outgoing import FHIR
from gateway.sandbox.population.bsn import failing_eleven_test
from gateway.sandbox.wire import as_dict, ndjson
from schemas.referral import Referral

NDJSON = "application/x-ndjson"
CSV = "text/csv"
_COLUMNS = (
    *("kenmerk", "aangemeld_op", "grondslag", "rol", "bsn", "voorletters", "achternaam"),
    *("geboortedatum", "geslacht", "postcode", "huisnummer", "instemming", "instemming_op"),
)
_IN_ROWS = ("dwi", "professional")


class Sample(NamedTuple):
    """A file in the partner's own format."""

    content: bytes
    media_type: str


def household(reference: str, bsn: str, flow: TriedFlow, today: date) -> Referral:
    """One invented adult, who agreed."""
    message: dict[str, object] = {
        "kenmerk": reference,
        "aangemeldOp": today.isoformat(),
        "ontvanger": flow.recipient,
        "doel": flow.purpose,
        "huishouden": {
            "postcode": "1102AB",
            "huisnummer": 1,
            "leden": [
                {
                    "rol": "aanmelder",
                    "burgerservicenummer": bsn,
                    "voorletters": "P.",
                    "achternaam": "Proefpersoon",
                    "geboortedatum": "1980-05-01",
                    "geslacht": "O",
                    "instemming": {
                        "gegeven": True,
                        "op": today.isoformat(),
                        "wijze": "schriftelijk",
                        "bewijs": "PROEF",
                    },
                }
            ],
        },
    }
    if flow.ground is not None:
        message["grondslag"] = flow.ground
    return Referral.model_validate(message)


def sample(adapter: str, referrals: Sequence[Referral]) -> Sample:
    """The households as a partner with this adapter sends them."""
    if adapter in _IN_ROWS:
        return Sample(_rows(referrals), CSV)
    if adapter == "ggz" and len(referrals) == 1:
        return Sample(as_bundle(referrals[0]).content, FHIR)
    return Sample(ndjson(referrals), NDJSON)


def spoilt(made: Sample, bsn: str) -> Sample:
    """The same, with a number that fails the eleven-test."""
    wrong = failing_eleven_test(bsn)
    return made._replace(content=made.content.replace(bsn.encode(), wrong.encode()))


def _rows(referrals: Sequence[Referral]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in referrals:
        message = as_dict(one)
        home = message["huishouden"]
        member = home["leden"][0]
        writer.writerow(
            [
                message["kenmerk"],
                message["aangemeldOp"],
                message.get("grondslag", ""),
                member["rol"],
                member["burgerservicenummer"],
                member["voorletters"],
                member["achternaam"],
                member["geboortedatum"],
                member["geslacht"],
                home["postcode"],
                home["huisnummer"],
                "ja",
                member["instemming"]["op"],
            ]
        )
    return text.getvalue().encode()
