"""Witnesses of the logs: who they are, where each stands, and what they cosigned.

A witnessed checkpoint keeps its note, since the log's own old checkpoints are thinned out; every
witness is offered the same ones, so that several can vouch for one.

Revision ID: 0009
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table witness (
    vkey text primary key,
    name text not null,
    url text not null,
    may_be_private boolean not null,
    sees_protected boolean not null,
    added_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz
);
create unique index witness_name on witness (name) where removed_at is null;

create table witness_quorum (
    is_only boolean primary key default true check (is_only),
    quorum smallint not null check (quorum between 0 and 100)
);
insert into witness_quorum (quorum) values (0);

create table witnessed_checkpoint (
    log smallint not null,
    size bigint not null,
    note text not null,
    offered_at timestamptz not null default clock_timestamp(),
    primary key (log, size)
);
create table cosignature (
    log smallint not null,
    size bigint not null,
    vkey text not null references witness,
    line text not null,
    signed_at timestamptz not null,
    primary key (log, size, vkey),
    foreign key (log, size) references witnessed_checkpoint on delete cascade
);
-- Where a witness stands with a volume: the size it cosigned last, and since when it fails.
create table witness_standing (
    vkey text not null references witness,
    log smallint not null,
    size bigint not null default 0,
    cosigned_at timestamptz,
    failures integer not null default 0,
    failing_since timestamptz,
    reason text,
    primary key (vkey, log)
);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
