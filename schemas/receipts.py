"""What a sender keeps: the answer to one message, with a signed promise (ontvangstbewijs).

The promise binds the log entry's leaf hash: one signature covers the whole group of messages that
was committed together, and each receipt carries its inclusion path in that group's tree (RFC 6962
hashing). Once a signed checkpoint covers the entry, a proof is fetched by its leaf hash.
`bodyCommitment` is HMAC-SHA256 under `bodySalt` of the bytes that were sent: whoever holds the
salt can show what was received, and nobody else can guess it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from schemas.decisions import Outcome, Rule
from schemas.referral import Wire


class Promise(Wire):
    """A signature over the tree of one commit group, and this leaf's way to its root."""

    root: str = Field(alias="wortel", description="base64, 32 bytes: root of the group's tree")
    index: int = Field(alias="positie", ge=0)
    size: int = Field(alias="omvang", ge=1, le=256)
    path: list[str] = Field(alias="pad", description="base64, 32 bytes each: inclusion path")
    key_name: str = Field(alias="sleutel")
    signature: str = Field(alias="handtekening", description="base64 Ed25519 signature")


class Receipt(Wire):
    """The proof that a message was received and recorded (ontvangstbewijs)."""

    entry_id: UUID = Field(alias="logregelId")
    log: str = Field(alias="logboek", description="origin of the log")
    leaf_hash: str = Field(alias="bladhash", description="base64, 32 bytes")
    body_salt: str = Field(alias="zout", description="base64, 16 bytes")
    body_commitment: str = Field(alias="bodyVerbintenis", description="base64, 32 bytes")
    promise: Promise = Field(alias="toezegging")


class Answer(Wire):
    """The answer to one message: what was decided, by which rule, and the receipt."""

    exchange_id: UUID = Field(alias="uitwisselingId")
    decision: Outcome = Field(alias="besluit")
    rule: Rule = Field(alias="regel")
    field: str | None = Field(alias="veld", default=None)
    received_at: datetime = Field(alias="ontvangenOp")
    findings: list[str] = Field(
        alias="bevindingen", default_factory=list, description="fields that are missing or unclear"
    )
    receipt: Receipt = Field(alias="ontvangstbewijs")
