"""The tables that are read and changed off the hot road: partners, protocol, spent assertions.

The migrations make the schema; these definitions only serve SQLAlchemy's queries. A test reflects
the migrated database and compares, so that the two cannot part.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
    CheckConstraint("kind in ('keten', 'toezicht')"),
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
)

RULES_GENERATION = Table(
    "rules_generation",
    METADATA,
    Column("only_row", Boolean, primary_key=True, server_default=true()),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("only_row"),
)

MAILBOX_HEAD = Table(
    "mailbox_head",
    METADATA,
    Column("recipient", Text, ForeignKey("partner.id"), primary_key=True),
    Column("last_position", BigInteger, nullable=False, server_default="0"),
    Column("acknowledged", BigInteger, nullable=False, server_default="0"),
)
