"""Rights and corrections (correctie): what is to change in a message that was sent before.

Rectification, restriction and objection are the person's rights (GDPR articles 16, 18 and 21);
annulment and a member who left are the sender's own mistakes and news. All travel the same road
and reach every recipient (GDPR article 19).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.identifiers import Bsn, Pseudonym
from schemas.referral import MAX_MEMBERS, Reference, Wire

MAX_FIELDS = 40


class CorrectionKind(StrEnum):
    """What is asked (soort)."""

    RECTIFY = "rectificatie"
    RESTRICT = "beperking"
    LIFT = "opheffing-beperking"
    OBJECT = "bezwaar"
    ANNUL = "annulering"
    MEMBER_LEFT = "lid-vertrokken"

    @property
    def names_a_member(self) -> bool:
        """Whether it is always about one member."""
        return self not in (CorrectionKind.RECTIFY, CorrectionKind.ANNUL)

    @property
    def is_senders_own(self) -> bool:
        """Whether only who sent the message can ask it."""
        return self in (CorrectionKind.RECTIFY, CorrectionKind.ANNUL)


class MemberName(Wire):
    """Whom it is about: by BSN, by place in the message (from 0), or by the recipient's own name
    for them."""

    bsn: Bsn | None = Field(alias="burgerservicenummer", default=None)
    place: Annotated[int, Field(ge=0, lt=MAX_MEMBERS, strict=True)] | None = Field(
        alias="plaats", default=None
    )
    pseudonym: Pseudonym | None = Field(alias="pseudoniem", default=None)

    @model_validator(mode="after")
    def _one_name(self) -> MemberName:
        given = [one for one in (self.bsn, self.place, self.pseudonym) if one is not None]
        if len(given) != 1:
            raise PydanticCustomError("lid", "wordt op precies een manier genoemd")
        return self


FieldValue = Annotated[str, StringConstraints(max_length=4000)] | StrictInt | StrictBool
"""A new value, as it would stand in the message; the message's own schema reads it."""
FieldPath = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[a-zA-Z]+){1,2}$", max_length=60)]


class Correction(Wire):
    """One correction, under a key of its own (kenmerk), on one exchange.

    The exchange is named by its id, or by the sender's own key of the message, which is known for
    30 days. `values` are the new values by field path, such as `lid.achternaam`.
    """

    reference: Reference = Field(alias="kenmerk")
    kind: CorrectionKind = Field(alias="soort")
    exchange_id: UUID | None = Field(alias="uitwisselingId", default=None)
    message: Reference | None = Field(alias="berichtKenmerk", default=None)
    member: MemberName | None = Field(alias="lid", default=None)
    values: dict[FieldPath, FieldValue] = Field(
        alias="waarden", default_factory=dict, max_length=MAX_FIELDS
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Correction:
        if (self.exchange_id is None) == (self.message is None):
            raise PydanticCustomError("uitwisseling", "wordt op precies een manier genoemd")
        if (self.kind is CorrectionKind.RECTIFY) != bool(self.values):
            raise PydanticCustomError("waarden", "horen bij een rectificatie, en alleen daarbij")
        needs = self.kind.names_a_member or any(path.startswith("lid.") for path in self.values)
        if needs != (self.member is not None):
            raise PydanticCustomError("lid", "hoort bij deze soort, of juist niet")
        return self


class CorrectionReceipt(Wire):
    """What was recorded, and by which log entry; the same again for a repeat."""

    correction_id: UUID = Field(alias="correctieId")
    exchange_id: UUID = Field(alias="uitwisselingId")
    kind: CorrectionKind = Field(alias="soort")
    entry_id: UUID = Field(alias="logregelId")
    recorded_at: datetime = Field(alias="vastgelegdOp")
