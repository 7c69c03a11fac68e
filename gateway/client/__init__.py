"""The gateway as a partner uses it: a small typed client, with and without `await`.

    mine = credentials.load(Path("var/partners/dwi"))
    with Sluis(mine) as sluis:
        delivery = sluis.deliver(Path("levering.csv"))
        report = sluis.wait(delivery.delivery_id)
        for outcome in sluis.outcomes(report.delivery_id):
            ...

It knows the schemas and nothing of the server, so that a partner can take it as it is.
"""

from gateway.client import credentials
from gateway.client.api import AsyncSluis
from gateway.client.blocking import Sluis
from gateway.client.credentials import Credentials
from gateway.client.errors import (
    Conflict,
    Contradicted,
    Declined,
    FieldError,
    Garbled,
    Misconfigured,
    NotAdmitted,
    Refused,
    SluisError,
    Unacceptable,
    Unavailable,
    Unreachable,
)
from gateway.client.mailbox import Event, Notice, Page, PageForm, RawPage
from gateway.client.own_format import OwnAnswer
from gateway.client.transport import Retrying

__all__ = [
    "AsyncSluis",
    "Conflict",
    "Contradicted",
    "Credentials",
    "Declined",
    "Event",
    "FieldError",
    "Garbled",
    "Misconfigured",
    "NotAdmitted",
    "Notice",
    "OwnAnswer",
    "Page",
    "PageForm",
    "RawPage",
    "Refused",
    "Retrying",
    "Sluis",
    "SluisError",
    "Unacceptable",
    "Unavailable",
    "Unreachable",
    "credentials",
]
