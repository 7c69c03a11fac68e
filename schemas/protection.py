"""Who may never be notified of a person (veilig contact): said with a protected exchange.

Only who sent or received the exchange can say it, and nobody can ask for it back: the list is for
privacy officers. It outlasts the exchange; a review date says when it is to be looked at again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from schemas.identifiers import Bsn, Day
from schemas.referral import Wire

PERSON, HOUSEHOLD = "betrokkene", "huisgenoten"
"""Contacts that are no partner: the person, and everybody who lives with them."""


def _no_doubles(contacts: list[str]) -> list[str]:
    if len(set(contacts)) < len(contacts):
        raise PydanticCustomError("dubbel", "noemt iemand twee keer")
    return contacts


Contact = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
"""A partner by its short name, `betrokkene` or `huisgenoten`."""


class SafeContactRequest(Wire):
    """Who may never be notified of a member of a protected exchange, until it is reviewed."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    bsn: Bsn = Field(alias="burgerservicenummer")
    contacts: Annotated[
        list[Contact], Field(min_length=1, max_length=20), AfterValidator(_no_doubles)
    ] = Field(alias="nietInlichten")
    review_on: Day = Field(alias="herzienOp")


class SafeContactReceipt(Wire):
    """What was recorded; its entry stands in the log of protected exchanges."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: datetime = Field(alias="vastgelegdOp")
