"""The privacy protocol: one TOML file that lists every admitted flow; what it omits does not pass.

Loading checks the file whole and refuses it on any contradiction, naming rule and key; a loaded
protocol is therefore one that may be put in force. Five locks are named separately, since none
opens another: (a) a basis with its article, (b) an exception for special-category or criminal
data (GDPR articles 9 and 10), (c) a ground for breaking professional secrecy, (d) a ground for
the BSN (Wabb article 10), (e) agreement as safeguard. A missing agreement blocks; a given one
supplies none of the others.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, ValidationError

from schemas.fields import FIELDS, FieldDefinition, FieldKind, MessageKind, Special, Treatment
from schemas.identifiers import Day, PartnerId
from schemas.referral import Ground, PurposeId

DIGEST_BYTES = 32
PROCESSOR_AGREEMENT = "verwerkersovereenkomst"
"""The kind of covenant that binds a processor (GDPR article 28)."""


class ProtocolError(Exception):
    """The protocol may not be put in force; `problems` says why, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BasisKind(StrEnum):
    """The bases of GDPR article 6 that a municipality can rest on."""

    PUBLIC_TASK = "publieke-taak"
    LEGAL_DUTY = "wettelijke-plicht"
    CONTRACT = "overeenkomst-met-betrokkene"
    VITAL_INTEREST = "vitaal-belang"
    CONSENT = "toestemming"


class AgeRegime(StrEnum):
    """Whose law says who decides for a minor (leeftijdsregime).

    `UAVG` (UAVG article 5): below 16 a legal representative decides, from 16 the person.
    `JEUGDWET` (Jeugdwet article 7.3.4 and 7.3.5) and `WGBO` (BW 7:447, 7:450, 7:465): below 12 the
    holders of authority, from 12 to 15 child and holders, from 16 the person.
    """

    UAVG = "uavg"
    JEUGDWET = "jeugdwet"
    WGBO = "wgbo"


class Protection(StrEnum):
    """When an exchange is one that the household must not learn of (beschermde uitwisseling)."""

    ALWAYS = "altijd"
    PROFESSIONAL = "professional"


class HouseholdRule(StrEnum):
    """What happens when some members have not agreed."""

    ALL = "allen"
    REDUCE = "beperken"


Article = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]


class Basis(_Part):
    """Lock (a): the basis and the article it rests on."""

    kind: BasisKind = Field(alias="soort")
    article: Article = Field(alias="artikel")


class SpecialGround(_Part):
    """Lock (b): the exception that admits special-category or criminal data.

    `by_consent`: the exception is explicit consent (GDPR article 9(2)(a)); then such a field goes
    only for members with an explicit yes on its very category.
    """

    special: Special = Field(alias="soort")
    article: Article = Field(alias="artikel")
    by_consent: StrictBool = Field(alias="uitdrukkelijkeToestemming", default=False)


class ArticleGround(_Part):
    """Lock (d): an article. No agreement ever opens it (Wabb article 10)."""

    article: Article = Field(alias="artikel")


class SecrecyGround(_Part):
    """Lock (c): an article; `by_consent` where the person's consent is what breaks secrecy."""

    article: Article = Field(alias="artikel")
    by_consent: StrictBool = Field(alias="toestemming", default=False)


class AgreementRule(_Part):
    """Lock (e): whether the household's agreement is asked, and of whom."""

    required: StrictBool = Field(alias="vereist")
    household: HouseholdRule = Field(alias="huishouden", default=HouseholdRule.ALL)
    regime: AgeRegime = Field(alias="leeftijdsregime", default=AgeRegime.UAVG)


class Locks(_Part):
    """The locks of one flow (sloten)."""

    basis: Basis = Field(alias="grondslag")
    special: tuple[SpecialGround, ...] = Field(alias="bijzonder", default=())
    secrecy: SecrecyGround | None = Field(alias="beroepsgeheim", default=None)
    bsn: ArticleGround | None = Field(alias="bsn", default=None)
    agreement: AgreementRule = Field(alias="instemming")


class Retention(_Part):
    """How long the gateway keeps content (bewaren), in days."""

    hold_days: Annotated[int, Field(alias="aangehoudenDagen", strict=True, ge=1, le=365)]
    unclaimed_days: Annotated[int, Field(alias="nietOpgehaaldDagen", strict=True, ge=1, le=365)]
    after_receipt_days: Annotated[int, Field(alias="naOntvangstDagen", strict=True, ge=0, le=60)]


class ProtectedRule(_Part):
    """Whether an exchange is protected by rule, or where a named professional may ask it.

    `secrecy` breaks professional secrecy where otherwise consent does: a protected exchange asks
    nobody.
    """

    when: Protection = Field(alias="soort")
    article: Article = Field(alias="artikel")
    secrecy: Article | None = Field(alias="beroepsgeheim", default=None)


class EmergencyRule(_Part):
    """Emergency release (noodverstrekking): a basis of its own, never a way around the rules.

    `hours` is how long a release may be asked for, `review_days` within how many days a privacy
    officer must have reviewed it.
    """

    article: Article = Field(alias="artikel")
    fields: tuple[str, ...] = Field(alias="velden", min_length=1)
    steps: tuple[Annotated[int, Field(ge=1, le=5, strict=True)], ...] = Field(
        alias="meldcodeStappen", min_length=1
    )
    hours: Annotated[int, Field(alias="uren", strict=True, ge=1, le=24)] = 24
    review_days: Annotated[int, Field(alias="beoordelingDagen", strict=True, ge=1, le=14)] = 3


class Flow(_Part):
    """One admitted stream (gegevensstroom): who sends what to whom, why, and which fields."""

    id: PartnerId
    sender: PartnerId = Field(alias="verzender")
    recipient: PartnerId = Field(alias="ontvanger")
    message: MessageKind = Field(alias="bericht")
    purpose: str = Field(alias="doel")
    controller: str = Field(alias="verwerkingsverantwoordelijke", min_length=2)
    processor: str | None = Field(alias="verwerker", default=None)
    processor_agreement: str | None = Field(alias="verwerkersovereenkomst", default=None)
    covenant: str = Field(alias="overeenkomst")
    processing_activity: str = Field(alias="verwerkingsactiviteit", pattern=r"^https?://\S+$")
    admitted_grounds: tuple[Ground, ...] = Field(alias="toegelatenGrondslagen", default=())
    secret_address_admitted: StrictBool = Field(alias="geheimAdresToegelaten", default=False)
    locks: Locks = Field(alias="sloten")
    retention: Retention = Field(alias="bewaren")
    protection: ProtectedRule | None = Field(alias="bescherming", default=None)
    emergency: EmergencyRule | None = Field(alias="nood", default=None)
    fields: dict[str, Treatment] = Field(alias="velden")
    required: tuple[str, ...] = Field(alias="verplicht", default=())
    linkage_group: str = Field(alias="koppelgroep", default="casus")
    first_contact_days: Annotated[int, Field(strict=True, ge=1, le=365)] | None = Field(
        alias="eersteContactDagen", default=None
    )

    @property
    def agreements(self) -> tuple[str, ...]:
        """The signed agreements that must be in force for this flow."""
        return (self.covenant,) + (
            () if self.processor_agreement is None else (self.processor_agreement,)
        )


class Covenant(_Part):
    """A signed agreement between the parties (convenant, verwerkersovereenkomst)."""

    id: str
    kind: str = Field(alias="soort")
    title: str = Field(alias="titel")
    parties: tuple[PartnerId, ...] = Field(alias="partijen", min_length=2)
    starts: Day = Field(alias="ingang")
    ends: Day = Field(alias="einde")

    def is_in_force(self, on: date) -> bool:
        return self.starts <= on <= self.ends


class Purpose(_Part):
    """Why data pass (doel)."""

    id: PurposeId
    description: str = Field(alias="omschrijving")
    keep_days: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        alias="bewaarDagen", default=None
    )


class _Head(_Part):
    version: str = Field(alias="versie", pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,40}$")
    title: str = Field(alias="titel")
    remark: str = Field(alias="opmerking", default="")
    authority_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = Field(
        alias="gezagGeldigDagen", default=365
    )
    erasure_signatures: Annotated[int, Field(strict=True, ge=1, le=2)] = Field(
        alias="vernietigenHandtekeningen", default=2
    )
    erasure_wait_days: Annotated[int, Field(strict=True, ge=0, le=28)] = Field(
        alias="vernietigenWachtDagen", default=7
    )


class _File(_Part):
    head: _Head = Field(alias="protocol")
    purposes: tuple[Purpose, ...] = Field(alias="doel")
    covenants: tuple[Covenant, ...] = Field(alias="overeenkomst")
    flows: tuple[Flow, ...] = Field(alias="gegevensstroom")


class Protocol:
    """A checked protocol; `digest` (SHA-256 of the file's bytes) names it in every entry."""

    def __init__(self, text: str, file: _File) -> None:
        self.text = text
        self.digest = hashlib.sha256(text.encode()).digest()
        self.version = file.head.version
        self.title = file.head.title
        self.remark = file.head.remark
        self.authority_days = file.head.authority_days
        self.erasure_signatures = file.head.erasure_signatures
        self.erasure_wait_days = file.head.erasure_wait_days
        self.flows = file.flows
        self.purposes = {purpose.id: purpose for purpose in file.purposes}
        self.covenants = {covenant.id: covenant for covenant in file.covenants}

    @property
    def parties(self) -> frozenset[str]:
        """Everybody who sends or receives under this protocol."""
        return frozenset(party for flow in self.flows for party in (flow.sender, flow.recipient))

    def flows_from(self, sender: str, message: MessageKind) -> tuple[Flow, ...]:
        """The flows that this sender may start with this kind of message."""
        return tuple(f for f in self.flows if f.sender == sender and f.message == message)


def load(text: str) -> Protocol:
    """Read and check a protocol file. Raises `ProtocolError` with every problem found."""
    try:
        text.encode()
        file = _File.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise ProtocolError([_schema_problem(item) for item in error.errors()]) from error
    except RecursionError as error:
        raise ProtocolError(["not TOML that can be read: nested too deeply"]) from error
    except ValueError as error:  # not TOML, an enormous number, half a surrogate pair
        raise ProtocolError([f"not TOML: {error}"]) from error
    problems = list(_contradictions(file))
    if problems:
        raise ProtocolError(problems)
    return Protocol(text, file)


def _schema_problem(item: object) -> str:
    assert isinstance(item, dict)  # noqa: S101  # pydantic's own error shape
    where = ".".join(str(step) for step in item["loc"])
    return f"{where}: {item['msg']}"


def _contradictions(file: _File) -> Iterator[str]:
    yield from _doubles("doel", [purpose.id for purpose in file.purposes])
    yield from _doubles("overeenkomst", [covenant.id for covenant in file.covenants])
    yield from _doubles("gegevensstroom", [flow.id for flow in file.flows])
    seen: dict[tuple[str, str, MessageKind, str], str] = {}
    covenants = {covenant.id: covenant for covenant in file.covenants}
    purposes = {purpose.id for purpose in file.purposes}
    for flow in file.flows:
        where = f"gegevensstroom {flow.id}"
        key = (flow.sender, flow.recipient, flow.message, flow.purpose)
        if key in seen:
            yield f"{where}: the same sender, recipient, message and purpose as {seen[key]}"
        seen.setdefault(key, flow.id)
        is_registration = flow.message is MessageKind.REGISTRATION
        if flow.sender == flow.recipient and not is_registration:
            yield f"{where}: verzender and ontvanger are the same"
        if is_registration and flow.sender != flow.recipient:
            yield f"{where}: ontvanger: what a registratie gives goes back to its verzender"
        if is_registration and flow.locks.agreement.required:
            yield f"{where}: sloten.instemming: nobody is asked for a registratie"
        if flow.purpose not in purposes:
            yield f"{where}: doel is not described"
        covenant = covenants.get(flow.covenant)
        if covenant is None:
            yield f"{where}: overeenkomst is not listed"
        elif not {flow.sender, flow.recipient} <= set(covenant.parties):
            yield f"{where}: overeenkomst is not signed by both parties"
        yield from _processor_problems(flow, covenants, where)
        if flow.admitted_grounds and flow.message is not MessageKind.REFERRAL:
            yield f"{where}: toegelatenGrondslagen: a {flow.message} states no ground"
        yield from _field_problems(flow, where)
        yield from _lock_problems(flow, where)
        yield from _consent_problems(flow, where)
        yield from _exception_problems(flow, where)
        if flow.first_contact_days is not None and flow.message is not MessageKind.REFERRAL:
            yield f"{where}: eersteContactDagen: a {flow.message} asks no contact"
    for covenant in file.covenants:
        if covenant.ends < covenant.starts:
            yield f"overeenkomst {covenant.id}: einde lies before ingang"


def _doubles(what: str, names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{what} {name}: named twice"


def _field_problems(flow: Flow, where: str) -> Iterator[str]:
    for path, treatment in flow.fields.items():
        field = FIELDS.get(path)
        if field is None or field.message is not flow.message:
            yield f"{where}: velden: {path} is no field of {flow.message}"
        elif treatment not in field.treatments:
            admitted = ", ".join(sorted(field.treatments))
            yield f"{where}: velden: {path} cannot be '{treatment}' (possible: {admitted})"
    for path in flow.required:
        if flow.fields.get(path, Treatment.DROP) is Treatment.DROP:
            yield f"{where}: verplicht: {path} is required and dropped"


def _lock_problems(flow: Flow, where: str) -> Iterator[str]:
    admitted = [
        FIELDS[path]
        for path, treatment in flow.fields.items()
        if path in FIELDS and treatment is not Treatment.DROP
    ]
    opened = {ground.special for ground in flow.locks.special}
    for special in (Special.HEALTH, Special.CRIMINAL):
        paths = _paths(admitted, special)
        if paths and special not in opened:
            yield f"{where}: sloten.bijzonder: no '{special}' exception, but {paths} is admitted"
        if special in opened and not paths:
            yield f"{where}: sloten.bijzonder: '{special}' is opened for no field"
    for special in sorted(opened - {Special.HEALTH, Special.CRIMINAL}):
        yield f"{where}: sloten.bijzonder: '{special}' is no special category"
    bsn = _paths(admitted, Special.BSN)
    if bsn and flow.locks.bsn is None:
        yield f"{where}: sloten.bsn: no ground, but {bsn} is admitted"
    if flow.locks.bsn is not None and not bsn:
        yield f"{where}: sloten.bsn: a ground for a BSN that is not admitted"
    if any(f.kind is FieldKind.FREE_TEXT for f in admitted) and flow.locks.secrecy is None:
        yield f"{where}: sloten.beroepsgeheim: free text is admitted without a ground"


def _consent_problems(flow: Flow, where: str) -> Iterator[str]:
    secrecy, is_asked = flow.locks.secrecy, flow.locks.agreement.required
    if flow.locks.basis.kind is BasisKind.CONSENT and not is_asked:
        yield f"{where}: sloten.instemming: rests on consent and does not ask it"
    if secrecy is not None and secrecy.by_consent and not is_asked:
        yield f"{where}: sloten.beroepsgeheim: broken by consent, and consent is not asked"
    for ground in flow.locks.special:
        if ground.by_consent and not is_asked:
            yield f"{where}: sloten.bijzonder: '{ground.special}' by consent, and it is not asked"
        if ground.by_consent and ground.special is Special.CRIMINAL:
            # UAVG article 32(a) knows it, article 33 asks more for processing on request of others.
            yield f"{where}: sloten.bijzonder: consent alone does not open 'strafrechtelijk'"


def _processor_problems(flow: Flow, covenants: dict[str, Covenant], where: str) -> Iterator[str]:
    if (flow.processor is None) != (flow.processor_agreement is None):
        yield f"{where}: verwerker and verwerkersovereenkomst are named together, or neither"
    if flow.processor_agreement is None:
        return
    signed = covenants.get(flow.processor_agreement)
    if signed is None:
        yield f"{where}: verwerkersovereenkomst is not listed"
    elif signed.kind != PROCESSOR_AGREEMENT:
        yield f"{where}: verwerkersovereenkomst names a {signed.kind}"


def _exception_problems(flow: Flow, where: str) -> Iterator[str]:
    if flow.protection is not None:
        if flow.message is not MessageKind.REFERRAL:
            yield f"{where}: bescherming: a {flow.message} cannot be protected"
        if flow.locks.basis.kind is BasisKind.CONSENT:
            yield f"{where}: bescherming: a protected exchange cannot rest on consent"
        if flow.protection.when is Protection.ALWAYS and flow.locks.agreement.required:
            yield f"{where}: bescherming: always protected, and yet agreement is asked"
    if flow.emergency is None:
        return
    if flow.message is not MessageKind.REFERRAL:
        yield f"{where}: nood: a {flow.message} is no emergency"
    for path in flow.emergency.fields:
        if flow.fields.get(path, Treatment.DROP) is Treatment.DROP:
            yield f"{where}: nood.velden: {path} is a field that the flow itself drops"


def _paths(fields: list[FieldDefinition], special: Special) -> str:
    return ", ".join(sorted(field.path for field in fields if field.special is special))
