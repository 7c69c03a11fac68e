"""The tables that are read and changed off the hot road: partners, protocol, officers, assertions.

The migrations make the schema; these definitions only serve SQLAlchemy's queries. A test reflects
the migrated database and compares, so that the two cannot part.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

METADATA = MetaData()

_MOMENT = TIMESTAMP(timezone=True)

PARTNER = Table(
    "partner",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("oin", Text, nullable=False, unique=True),
    Column("adapter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("is_suspended", Boolean, nullable=False, server_default=false()),
    Column("registered_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("is_testing", Boolean, nullable=False, server_default=false()),
    CheckConstraint("kind in ('keten', 'toezicht', 'toezicht-beschermd')"),
)

PARTNER_KEY = Table(
    "partner_key",
    METADATA,
    Column("partner", Text, ForeignKey("partner.id"), primary_key=True),
    Column("kid", Text, primary_key=True),
    Column("jwk", JSONB, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
)

USED_ASSERTION = Table(
    "used_assertion",
    METADATA,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("expires_at", _MOMENT, nullable=False),
    Index("used_assertion_expiry", "expires_at"),
)

PROTOCOL_VERSION = Table(
    "protocol_version",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("version", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("in_force_from", _MOMENT, nullable=False),
    Column("is_planned", Boolean, nullable=False, server_default=false()),
    Column("recorded_at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
)

OFFICER = Table(
    "officer",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("key_id", Text, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("mandate", Text),
    Column("mandate_ends", Date),
    Column("registered_at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
    Column("ended_at", _MOMENT),
    CheckConstraint("role in ('proceseigenaar', 'privacyfunctionaris', 'fg')"),
    CheckConstraint(
        "role <> 'privacyfunctionaris' or (mandate is not null and mandate_ends is not null)"
    ),
)

PROTOCOL_DRAFT = Table(
    "protocol_draft",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("version", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("submitted_at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
)

PROTOCOL_SIGNATURE = Table(
    "protocol_signature",
    METADATA,
    Column("draft", LargeBinary, ForeignKey("protocol_draft.digest"), primary_key=True),
    Column("officer", Text, ForeignKey("officer.id"), primary_key=True),
    Column("signed_at", _MOMENT, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("advice", Text),
    Column("advice_text", Text),
    CheckConstraint("advice in ('positief', 'negatief', 'met-voorwaarden')"),
    CheckConstraint("(advice is null) = (advice_text is null)"),
)

RULES_GENERATION = Table(
    "rules_generation",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=true()),
    Column("number", BigInteger, nullable=False),
    Column("due_at", _MOMENT),
    CheckConstraint("only_row"),
)

MAILBOX_HEAD = Table(
    "mailbox_head",
    METADATA,
    Column("recipient", Text, ForeignKey("partner.id"), primary_key=True),
    Column("last_position", BigInteger, nullable=False, server_default="0"),
    Column("acknowledged", BigInteger, nullable=False, server_default="0"),
)
