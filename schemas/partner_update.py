"""What a partner tells of a case that is running already (partnerbericht): small, typed, by code.

Whoever referred somebody, or was referred somebody onward, names the case by its own key of it or
by the exchange, and never a person. Messages can come in any order: of each kind the newest day
counts, and of one day the greatest key, so that whoever has the same messages knows the same
(`newest`). Whoever reads them has no key of the sender's: there the event's id stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import Day
from schemas.referral import FreeText, Reference, Wire

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{5,18}[0-9]$")]


class UpdateKind(StrEnum):
    """What is told (soort)."""

    CONTACT_CHANGED = "contactgegevens-gewijzigd"
    REACHABILITY_CHANGED = "bereikbaarheid-gewijzigd"
    NEW_APPOINTMENT = "nieuwe-afspraak"
    HELP_STARTED = "hulp-gestart"
    HELP_STOPPED = "hulp-gestopt"


class Reachability(StrEnum):
    """Whether the household can be reached (bereikbaarheid)."""

    REACHABLE = "bereikbaar"
    HARD_TO_REACH = "moeilijk-bereikbaar"
    NOT_REACHED = "niet-bereikbaar"


class HelpKind(StrEnum):
    """What help started or stopped (hulpvorm). Treatment makes the whole a field of health."""

    INCOME = "inkomen"
    WORK = "werk"
    DEBTS = "schulden"
    SOCIAL_WORK = "maatschappelijk-werk"
    PARENTING = "opvoeden"
    TREATMENT = "behandeling"


_BELONGS = {
    "phone": ("telefoonnummer", (UpdateKind.CONTACT_CHANGED,)),
    "reachability": ("bereikbaarheid", (UpdateKind.REACHABILITY_CHANGED,)),
    "appointment_on": ("afspraakOp", (UpdateKind.NEW_APPOINTMENT,)),
    "help_kind": ("hulpvorm", (UpdateKind.HELP_STARTED, UpdateKind.HELP_STOPPED)),
}
"""Each field that goes with certain kinds only, by its wire name."""
_NEEDED = {
    UpdateKind.REACHABILITY_CHANGED: "reachability",
    UpdateKind.NEW_APPOINTMENT: "appointment_on",
}


class PartnerUpdate(Wire):
    """One thing that a partner tells of a running case (partnerbericht).

    The case is named in one way: `referral` is the sender's own key of what it referred, known for
    thirty days; `exchange_id` is always known.
    """

    reference: Reference = Field(alias="kenmerk")
    exchange_id: UUID | None = Field(alias="uitwisselingId", default=None)
    referral: Reference | None = Field(alias="aanmeldingKenmerk", default=None)
    kind: UpdateKind = Field(alias="soort")
    as_of: Day = Field(alias="peildatum")
    phone: Phone | None = Field(alias="telefoonnummer", default=None)
    reachability: Reachability | None = Field(alias="bereikbaarheid", default=None)
    appointment_on: Day | None = Field(alias="afspraakOp", default=None)
    help_kind: HelpKind | None = Field(alias="hulpvorm", default=None)
    note: FreeText | None = Field(alias="toelichting", default=None)

    @model_validator(mode="after")
    def _is_one_thing(self) -> PartnerUpdate:
        if (self.exchange_id is None) == (self.referral is None):
            raise PydanticCustomError(
                "casus", "noem uitwisselingId of aanmeldingKenmerk, een ervan"
            )
        for name, (wire, kinds) in _BELONGS.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise PydanticCustomError(wire, "hoort niet bij deze soort")
        needed = _NEEDED.get(self.kind)
        if needed is not None and getattr(self, needed) is None:
            raise PydanticCustomError(_BELONGS[needed][0], "hoort bij deze soort")
        return self


def newest(updates: Iterable[PartnerUpdate]) -> dict[UpdateKind, PartnerUpdate]:
    """What holds of one case: of each kind the message of the newest day, then the greatest key.

    Help that started and help that stopped are one kind here: what was told last is how it stands.
    """
    found: dict[UpdateKind, PartnerUpdate] = {}
    for one in updates:
        kind = UpdateKind.HELP_STARTED if one.kind is UpdateKind.HELP_STOPPED else one.kind
        known = found.get(kind)
        if known is None or (known.as_of, known.reference) < (one.as_of, one.reference):
            found[kind] = one
    return found
