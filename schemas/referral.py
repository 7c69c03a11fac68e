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

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.identifiers import Bsn, Day, PartialDate, PartnerId, Postcode
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
PurposeId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,60}$")]
"""A purpose (doel) as the protocol names it."""
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
    """Who decided on a member's agreement (door wie).

    `PARENT` and `GUARDIAN` are each one holder of authority; `HOLDERS` are all of them jointly.
    """

    SELF = "betrokkene"
    PARENT = "ouder"
    GUARDIAN = "voogd"
    HOLDERS = "gezaghouders"
    MENTOR = "mentor"
    CURATOR = "curator"


class Manner(StrEnum):
    """How an agreement was given (wijze)."""

    WRITTEN = "schriftelijk"
    SPOKEN = "mondeling"
    DIGITAL = "digitaal"


class AuthorityKind(StrEnum):
    """What a statement about a person's representation says (soort)."""

    PARENTAL = "gezag"
    CURATELE = "curatele"
    MENTORSHIP = "mentorschap"
    DECEASED = "overleden"


class AuthoritySource(StrEnum):
    """Where a statement about authority was looked up (bron)."""

    BRP = "brp"
    REGISTER = "gezagsregister"
    COURT = "rechterlijke-uitspraak"
    STATED = "opgave"


Place = Annotated[int, Field(ge=0, lt=MAX_MEMBERS, strict=True)]
"""A member by their place in `leden`, counted from 0."""
EvidenceHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the evidence (form, recording), in hexadecimal."""


class Agreement(Wire):
    """A member's agreement (instemming) as the sender recorded it, with its evidence."""

    given: StrictBool = Field(alias="gegeven")
    decided_on: Day = Field(alias="op")
    decided_by: DecidedBy = Field(alias="door", default=DecidedBy.SELF)
    decider: Place | None = Field(alias="doorLid", default=None)
    valid_until: Day | None = Field(alias="geldigTot", default=None)
    manner: Manner | None = Field(alias="wijze", default=None)
    evidence: Reference | None = Field(alias="bewijs", default=None)
    evidence_hash: EvidenceHash | None = Field(alias="bewijsHash", default=None)


class Holder(Wire):
    """Who holds authority: a member of this household by place, or anybody by BSN."""

    member: Place | None = Field(alias="lid", default=None)
    bsn: Bsn | None = Field(alias="burgerservicenummer", default=None)

    @model_validator(mode="after")
    def _is_one(self) -> Holder:
        if (self.member is None) == (self.bsn is None):
            raise PydanticCustomError("houder", "noemt een lid of een burgerservicenummer")
        return self


class Authority(Wire):
    """Who may decide for a member (gezag), as looked up in a source on a day.

    No holders: nobody holds that authority, such as a curatele that was ended.
    """

    kind: AuthorityKind = Field(alias="soort", default=AuthorityKind.PARENTAL)
    holders: list[Holder] = Field(alias="houders", default_factory=list, max_length=4)
    source: AuthoritySource = Field(alias="bron")
    as_of: Day = Field(alias="peildatum")


class Professional(Wire):
    """Who answers for an exceptional exchange, by name and function."""

    name: Name = Field(alias="naam")
    function: Name = Field(alias="functie")


class ProtectionReason(StrEnum):
    """Why the household must not learn of an exchange (reden); a code, never a story."""

    CHILD = "veiligheid-kind"
    PARTNER = "veiligheid-partner"
    PROFESSIONAL = "veiligheid-professional"


class ProtectionRequest(Wire):
    """A named professional asks that this exchange be protected (beschermde uitwisseling)."""

    professional: Professional = Field(alias="professional")
    reason: ProtectionReason = Field(alias="reden")


class EmergencyReason(StrEnum):
    """What makes an emergency (reden); a code, never a story."""

    DANGER_CHILD = "acuut-gevaar-kind"
    DANGER_ADULT = "acuut-gevaar-volwassene"
    SUICIDE = "suicidegevaar"
    VIOLENCE = "acuut-geweld"


class EmergencyRequest(Wire):
    """A named professional asks an emergency release (noodverstrekking), after the meldcode."""

    professional: Professional = Field(alias="professional")
    reason: EmergencyReason = Field(alias="reden")
    step: Annotated[int, Field(ge=1, le=5, strict=True)] = Field(alias="meldcodeStap")
    until: AwareDatetime = Field(alias="tot")


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
    further_agreements: list[Agreement] = Field(
        alias="verdereInstemmingen", default_factory=list, max_length=8
    )
    authority: list[Authority] = Field(alias="gezag", default_factory=list, max_length=8)

    @property
    def agreements(self) -> list[Agreement]:
        """Everything that was decided about this member, by whomever."""
        return ([] if self.agreement is None else [self.agreement]) + self.further_agreements


def _each_somebody_else(members: list[Member]) -> list[Member]:
    # One number with two members links one person's data and consent to another.
    numbers = [member.bsn for member in members if member.bsn is not None]
    if len(set(numbers)) != len(numbers):
        raise PydanticCustomError("tegenstrijdig", "heeft een nummer bij twee leden")
    return members


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
    members: Annotated[
        list[Member],
        Field(min_length=1, max_length=MAX_MEMBERS),
        AfterValidator(_each_somebody_else),
    ] = Field(alias="leden")


class Referral(Wire):
    """One household put forward by one sender for help (aanmelding)."""

    reference: Reference = Field(alias="kenmerk")
    referred_on: Day = Field(alias="aangemeldOp")
    ground: Ground | None = Field(alias="grondslag", default=None)
    household: Household = Field(alias="huishouden")
    note: FreeText | None = Field(alias="toelichting", default=None)
    recipient: PartnerId | None = Field(alias="ontvanger", default=None)
    purpose: PurposeId | None = Field(alias="doel", default=None)
    protection: ProtectionRequest | None = Field(alias="bescherming", default=None)
    emergency: EmergencyRequest | None = Field(alias="noodverstrekking", default=None)

    @model_validator(mode="after")
    def _names_members(self) -> Referral:
        count = len(self.household.members)
        for member in self.household.members:
            places = [agreement.decider for agreement in member.agreements]
            places += [holder.member for a in member.authority for holder in a.holders]
            if any(place is not None and place >= count for place in places):
                raise PydanticCustomError("lid", "noemt een lid dat er niet is")
        if self.protection is not None and self.emergency is not None:
            raise PydanticCustomError("bescherming", "gaat niet samen met een noodverstrekking")
        return self
