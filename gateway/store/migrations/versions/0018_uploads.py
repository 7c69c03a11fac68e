"""Uploads that may break off and go on, and the trace of the request that brought a delivery.

An upload's pieces stand in `delivery_chunk` under its own id, sealed as those of a delivery: when
it is complete the same id and key become the delivery's, and no byte is moved. `fence` rises with
every request that may write, so that of two writers the older loses. What the sender said the
file's digest is, is sealed too: a digest without a key can be guessed at (invariant 3).
`upload_ended` remembers for a while what became of one, for a sender who never heard it.

Revision ID: 0018
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table upload (
    id uuid primary key,
    sender text not null,
    adapter text not null,
    media_type text not null,
    length bigint,
    received bigint not null default 0,
    fence bigint not null default 0,
    kek_epoch integer not null,
    wrapped bytea not null,
    sealed_digest bytea,
    expires_at timestamptz not null,
    check (received >= 0 and (length is null or received <= length))
);
create index upload_of_sender on upload (sender);
create index upload_expiry on upload (expires_at);
create table upload_ended (
    id uuid primary key,
    sender text not null,
    delivery uuid not null,
    size bigint not null,
    is_repeat boolean not null,
    expires_at timestamptz not null
);
create index upload_ended_expiry on upload_ended (expires_at);
alter table delivery add column trace text;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
