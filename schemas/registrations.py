"""Whom a recipient knows already (registratie): a number and its own dossier key in, a name back.

The name is the recipient's own pseudonym, the one that its messages bear. The dossier key is only
said back, so that the recipient finds its line; the gateway does not keep it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.identifiers import Bsn, Pseudonym
from schemas.referral import Reference, Wire

MOST_AT_ONCE = 1000
"""Persons in one request; who knows more sends more requests."""


class Registration(Wire):
    """One person whom the recipient knows, under its own key of the dossier."""

    bsn: Bsn = Field(alias="burgerservicenummer")
    reference: Reference = Field(alias="kenmerk")


class RegistrationResult(StrEnum):
    """What holds of one person from now on (uitkomst)."""

    REGISTERED = "geregistreerd"
    ENDED = "beeindigd"
    REFUSED = "geweigerd"


class RegistrationOutcome(Wire):
    """What became of one line of a request; `number` counts lines from 1.

    The same line again has the same outcome: it says how it is now, and not what it changed.
    """

    number: Annotated[int, Field(ge=1)] = Field(alias="nummer")
    reference: Reference | None = Field(alias="kenmerk", default=None)
    result: RegistrationResult = Field(alias="uitkomst")
    pseudonym: Pseudonym | None = Field(alias="pseudoniem", default=None)
    field: str | None = Field(alias="veld", default=None)
    rule: str | None = Field(alias="regel", default=None)


class RegistrationAnswer(Wire):
    """An outcome for each line, in their order."""

    outcomes: list[RegistrationOutcome] = Field(alias="uitkomsten")
