"""What a dossier says, apart from its words: the form of `dossier.json`.

Codes, field paths and moments, in Dutch names; the sentences around them are made elsewhere, so
that both languages tell the same. Nothing here is of anybody but the person: what would tell of
other members of a household, or of what is withheld, never comes this far (`telling`).
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import orjson
from pydantic import Field

from consent.protocol import AgeRegime, BasisKind
from gateway.reports.dossier.authority import Capacity
from schemas.fields import MessageKind, Treatment
from schemas.referral import AuthorityKind, DecidedBy, Manner, Wire


class Course(StrEnum):
    """What became of a message (verloop)."""

    SHARED = "gedeeld"
    WAITS = "klaargezet"
    HELD = "aangehouden"
    REFUSED = "geweigerd"
    REMOVED = "verwijderd"


class Lock(StrEnum):
    """What a ground opened (slot)."""

    BASIS = "grondslag"
    HEALTH = "gezondheid"
    CRIMINAL = "strafrechtelijk"
    SECRECY = "beroepsgeheim"
    BSN = "bsn"
    PROTECTION = "bescherming"
    EMERGENCY = "nood"


class What(StrEnum):
    """What happened (wat)."""

    ARRIVED = "ontvangen"
    DECIDED = "besloten"
    FETCHED = "opgehaald"
    NOT_SENT = "niet-verzonden"
    CONFIRMED = "bevestigd"
    REMOVED = "verwijderd"
    DAMAGED = "niet-leesbaar"
    CORRECTED = "aangepast"
    RESTRICTED = "beperkt"
    OBJECTED = "bezwaar"
    LIFTED = "opgeheven"
    ANNULLED = "geannuleerd"
    CONSENT = "toestemming"
    LAPSED = "vervallen"
    AUTHORITY = "gezag"
    ERASED = "vernietigd"
    KNOWN = "bekend"
    KNOWN_NO_LONGER = "niet-meer-bekend"
    OTHER = "anders"


class Ground(Wire):
    """A ground that opened one lock; `by_consent` where the person's own consent is the ground."""

    lock: Lock = Field(alias="slot")
    basis: BasisKind | None = Field(alias="soort", default=None)
    article: str = Field(alias="artikel")
    by_consent: bool = Field(alias="metToestemming", default=False)


class Happening(Wire):
    """One thing that happened, with the log entries that hold it."""

    at: datetime = Field(alias="op")
    what: What = Field(alias="wat")
    party: str | None = Field(alias="partij", default=None)
    reason: str | None = Field(alias="reden", default=None)
    entry: UUID = Field(alias="logregel")


class FieldTold(Wire):
    """One field, and what was done with it."""

    path: str = Field(alias="gegeven")
    treatment: Treatment = Field(alias="behandeling")


class Value(Wire):
    """One value that the gateway still holds of the person."""

    path: str = Field(alias="gegeven")
    value: str = Field(alias="waarde")


class Kept(Wire):
    """How many days the gateway keeps content at most."""

    hold_days: int = Field(alias="aangehoudenDagen")
    unclaimed_days: int = Field(alias="nietOpgehaaldDagen")
    after_receipt_days: int = Field(alias="naOntvangstDagen")


class Sharing(Wire):
    """One message about the person (uitwisseling).

    `is_exact`: `fields` are those that went of this person; otherwise those that such a message may
    hold, since the log holds one list for a whole household. `copy_` is what the gateway still
    holds; `is_copy_whole` is no where something in it may be of others.
    """

    number: int = Field(alias="nummer")
    exchange: UUID = Field(alias="uitwisselingId")
    message: MessageKind | None = Field(alias="bericht")
    sender: str = Field(alias="verzender")
    recipient: str | None = Field(alias="ontvanger")
    received_at: datetime = Field(alias="ontvangenOp")
    purpose: str | None = Field(alias="doel")
    purpose_told: str | None = Field(alias="doelInWoorden")
    course: Course = Field(alias="verloop")
    rule: str = Field(alias="regel")
    field: str | None = Field(alias="gegeven", default=None)
    is_emergency: bool = Field(alias="isNoodverstrekking", default=False)
    review: str | None = Field(alias="beoordeling", default=None)
    is_nameless: bool = Field(alias="zonderNaam", default=False)
    is_stopped: bool = Field(alias="gebruikGestopt", default=False)
    is_agreed: bool | None = Field(alias="instemmingNodig", default=None)
    regime: AgeRegime | None = Field(alias="leeftijdsregels", default=None)
    controller: str | None = Field(alias="verwerkingsverantwoordelijke", default=None)
    processor: str | None = Field(alias="verwerker", default=None)
    protocol: str | None = Field(alias="protocolversie", default=None)
    grounds: list[Ground] = Field(alias="grondslagen", default_factory=list)
    is_exact: bool = Field(alias="isPrecies", default=False)
    fields: list[FieldTold] = Field(alias="gegevens", default_factory=list)
    left: list[str] = Field(alias="achtergebleven", default_factory=list)
    kept: Kept | None = Field(alias="bewaren", default=None)
    gone_at: datetime | None = Field(alias="uiterlijkWegOp", default=None)
    happenings: list[Happening] = Field(alias="verlooplijst", default_factory=list)
    consents: list[int] = Field(alias="toestemmingen", default_factory=list)
    copy_: list[Value] = Field(alias="inhoud", default_factory=list)
    is_copy_whole: bool = Field(alias="isInhoudHeel", default=True)


class ConsentTold(Wire):
    """One yes or no that was recorded about the person (toestemming)."""

    number: int = Field(alias="nummer")
    given: bool = Field(alias="gegeven")
    is_withdrawal: bool = Field(alias="isIntrekking")
    purpose: str = Field(alias="doel")
    purpose_told: str | None = Field(alias="doelInWoorden")
    recipient: str = Field(alias="ontvanger")
    category: str = Field(alias="categorie")
    decided_on: date = Field(alias="op")
    decided_by: DecidedBy = Field(alias="door")
    manner: Manner | None = Field(alias="wijze")
    valid_until: date | None = Field(alias="geldigTot")
    recorded_for: str = Field(alias="vastgelegdDoor")


class Represented(Wire):
    """What was looked up of who may decide for the person; without who that is."""

    kind: AuthorityKind = Field(alias="soort")
    holders: int = Field(alias="aantal")
    source: str = Field(alias="bron")
    as_of: date = Field(alias="peildatum")


class Stop(Wire):
    """A restriction or objection of the person's, or that one was lifted."""

    purpose: str = Field(alias="doel")
    purpose_told: str | None = Field(alias="doelInWoorden")
    kind: str = Field(alias="soort")
    party: str = Field(alias="via")
    at: datetime = Field(alias="op")
    is_lifted: bool = Field(alias="isOpgeheven")


class Look(Wire):
    """That somebody looked at what is about the person: when, as what, and why; never who."""

    at: datetime = Field(alias="op")
    by: str = Field(alias="hoedanigheid")
    operation: str = Field(alias="handeling")
    reason: str | None = Field(alias="reden")
    entry: UUID = Field(alias="logregel")


class Opening(Wire):
    """What shows that a commitment in an entry is the person's: entry key and subject id."""

    key: str = Field(alias="sleutel")
    person: UUID = Field(alias="persoon")


class Closed(Wire):
    """The same of an entry that stays closed: `value` is the commitment that stands in it."""

    key: str = Field(alias="sleutel")
    person: UUID = Field(alias="persoon")
    value: str = Field(alias="waarde")


class Proof(Wire):
    """The proof of one entry: C2SP tlog-proof text, and the entry or its hash, both in base64.

    `proof` is missing while no signed checkpoint covers the entry.
    """

    entry_id: UUID = Field(alias="logregelId")
    origin: str = Field(alias="logboek")
    proof: str | None = Field(alias="bewijs")
    entry: str | None = Field(alias="logregel", default=None)
    leaf_hash: str | None = Field(alias="bladhash", default=None)
    opening: Opening | None = Field(alias="opening", default=None)
    closed: Closed | None = Field(alias="verbintenis", default=None)


class Release(Wire):
    """Who released it, by the id of the officer's key, and the signature over the contents."""

    at: datetime = Field(alias="op")
    key: str = Field(alias="sleutel")
    digest: str = Field(alias="samenvatting")
    signature: str = Field(alias="handtekening")


class Dossier(Wire):
    """The whole of it, but for the proofs."""

    id: UUID = Field(alias="dossierId")
    salt: str = Field(alias="zout")
    case: str = Field(alias="zaak")
    made_at: datetime = Field(alias="gemaaktOp")
    capacity: Capacity = Field(alias="hoedanigheid")
    is_known: bool = Field(alias="isBekend")
    parties: dict[str, str] = Field(alias="partijen", default_factory=dict)
    controllers: list[str] = Field(alias="verantwoordelijken", default_factory=list)
    protocol: str | None = Field(alias="protocol", default=None)
    sharings: list[Sharing] = Field(alias="uitwisselingen", default_factory=list)
    consents: list[ConsentTold] = Field(alias="toestemmingen", default_factory=list)
    represented: list[Represented] = Field(alias="vertegenwoordiging", default_factory=list)
    stops: list[Stop] = Field(alias="beperkingen", default_factory=list)
    looks: list[Look] = Field(alias="inzagen", default_factory=list)
    others: list[Happening] = Field(alias="overig", default_factory=list)
    held: list[Value] = Field(alias="bewaard", default_factory=list)
    keys: list[str] = Field(alias="logsleutels", default_factory=list)


class Written(Wire):
    """`dossier.json`: contents and proofs, and the release that an officer signed.

    A draft is the same without a release.
    """

    format: Literal["sluis-dossier-v1"] = Field(alias="formaat", default="sluis-dossier-v1")
    dossier: Dossier = Field(alias="dossier")
    proofs: list[Proof] = Field(alias="bewijzen")
    release: Release | None = Field(alias="vrijgave", default=None)

    def contents(self) -> bytes:
        """What is signed: canonical JSON (RFC 8785) of all but the release."""
        told = self.model_dump(mode="json", by_alias=True, exclude={"release"})
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)

    def digest(self) -> bytes:
        """SHA-256 of what is signed."""
        return hashlib.sha256(self.contents()).digest()
