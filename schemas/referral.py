"""The one canonical referral (aanmelding): one household put forward for help.

Every adapter translates to this and nothing else enters the road. Wire names are Dutch and
camelCase (NL GOV REST API Design Rules); unknown fields are refused, so that nothing crosses by
being overlooked. What the sender may not know is optional: the programme's files lack a birth
date in 5 % and a surname in 2 % of the persons, and a missing value is reported, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints
from pydantic_core import PydanticCustomError

from schemas.identifiers import Bsn, Day, PartialDate, Postcode
from schemas.zrm import ZrmMeasurement

MAX_MEMBERS = 30
"""Members of one household; the largest in the programme's figures is well below it."""


def _without_nul(text: str) -> str:
    # PostgreSQL cannot store U+0000, and its error would name the value.
    if "\x00" in text:
        raise PydanticCustomError("teken", "bevat een niet toegestaan teken")
    return text


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_without_nul),
]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
"""The sender's own key (kenmerk). It goes back to that sender and to nobody else."""
FreeText = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_without_nul)]


class Wire(BaseModel):
    """What crosses the border: nothing unknown, nothing changed after it was read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        # A message that is logged, or shown by a failing test, shows its kind and nothing else.
        return ()


class Role(StrEnum):
    """A member's place in the household (rol)."""

    APPLICANT = "aanmelder"
    PARTNER = "partner"
    CHILD = "kind"
    OTHER = "overig"


class Sex(StrEnum):
    """As the register has it (geslacht)."""

    MALE = "M"
    FEMALE = "V"
    UNKNOWN = "O"


class Ground(StrEnum):
    """The law under which the sender refers (grondslag), as the sender states it."""

    PARTICIPATION_ACT = "participatiewet"
    SOCIAL_SUPPORT_ACT = "wmo2015"
    YOUTH_ACT = "jeugdwet"
    DEBT_ASSISTANCE_ACT = "wgs"
    NONE = "geen"


class DecidedBy(StrEnum):
    """Who decided on a member's agreement (door wie)."""

    SELF = "betrokkene"
    PARENT = "ouder"
    GUARDIAN = "voogd"
    MENTOR = "mentor"
    CURATOR = "curator"


class Agreement(Wire):
    """A member's agreement (instemming) as the sender recorded it, with its evidence."""

    given: StrictBool = Field(alias="gegeven")
    decided_on: Day = Field(alias="op")
    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)
    evidence: Reference | None = Field(alias="bewijs", default=None)


class Member(Wire):
    """One person of the household (lid); each is a data subject of their own."""

    role: Role = Field(alias="rol", default=Role.OTHER)
    bsn: Bsn | None = Field(alias="burgerservicenummer", default=None)
    initials: Name | None = Field(alias="voorletters", default=None)
    prefix: Name | None = Field(alias="voorvoegsel", default=None)
    surname: Name | None = Field(alias="achternaam", default=None)
    birth_date: PartialDate | None = Field(alias="geboortedatum", default=None)
    sex: Sex | None = Field(alias="geslacht", default=None)
    receives_benefit: StrictBool | None = Field(alias="ontvangtUitkering", default=None)
    ladder: Annotated[int, Field(ge=1, le=6, strict=True)] | None = Field(
        alias="participatietrede", default=None
    )
    zrm: ZrmMeasurement | None = Field(alias="zrm", default=None)
    agreement: Agreement | None = Field(alias="instemming", default=None)


class Household(Wire):
    """Where the household lives (huishouden), with its members."""

    postcode: Postcode | None = Field(alias="postcode", default=None)
    street: Name | None = Field(alias="straatnaam", default=None)
    house_number: Annotated[int, Field(ge=1, le=99999, strict=True)] | None = Field(
        alias="huisnummer", default=None
    )
    house_number_suffix: Annotated[Name, StringConstraints(max_length=10)] | None = Field(
        alias="huisnummertoevoeging", default=None
    )
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{5,19}$")] | None = Field(
        alias="telefoonnummer", default=None
    )
    address_is_secret: StrictBool = Field(alias="geheimhouding", default=False)
    members: list[Member] = Field(alias="leden", min_length=1, max_length=MAX_MEMBERS)


class Referral(Wire):
    """One household put forward by one sender for help (aanmelding)."""

    reference: Reference = Field(alias="kenmerk")
    referred_on: Day = Field(alias="aangemeldOp")
    ground: Ground | None = Field(alias="grondslag", default=None)
    household: Household = Field(alias="huishouden")
    note: FreeText | None = Field(alias="toelichting", default=None)
