"""A referral as its recipient finds it in the mailbox, for tests of what follows on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from gateway.client import Event
from gateway.sandbox.wire import as_dict
from schemas.referral import Referral

NOT_PASSED = ("instemming", "verdereInstemmingen", "gezag")


def handed_over(referral: Referral, position: int = 1, exchange: UUID | None = None) -> Event:
    """The message with pseudonyms, and without what a recipient never gets."""
    household: dict[str, Any] = as_dict(referral)["huishouden"]
    members = [
        {name: value for name, value in member.items() if name not in NOT_PASSED}
        | {"pseudoniem": f"{place:043d}"}
        for place, member in enumerate(household["leden"])
    ]
    for member in members:
        if "zrm" in member:
            member["zrm"] = {"gemetenOp": member["zrm"]["gemetenOp"], **member["zrm"]["scores"]}
    return Event.model_validate(
        {
            "id": exchange or uuid4(),
            "source": "urn:nld:oin:00000099000000001000:systeem:sluis",
            "type": "nl.sluis.aanmelding",
            "sequence": position,
            "time": "2026-11-22T10:00:00Z",
            "data": {"aanmelding": {}, "huishouden": {**household, "leden": members}},
        }
    )
