"""Projections of the log: how far each has come, what its receiver refused, and entries by trace.

A projection is bound to its receiver by the digest of kind, address and domain: its name says that
everything before the cursor was confirmed by *that* receiver. Traces are kept as the first eight
bytes of their id, which leads to few entries; what an entry says itself decides.

Revision ID: 0011
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table projection (
    name text primary key,
    series smallint not null,
    kind text not null,
    target bytea not null,
    log smallint not null,
    next_index bigint not null,
    lines bigint not null default 0,
    bytes bigint not null default 0,
    failures integer not null default 0,
    reason text,
    changed_at timestamptz not null default clock_timestamp()
);
create table projection_parked (
    projection text not null references projection (name) on delete cascade,
    log smallint not null,
    index bigint not null,
    reason text not null,
    parked_at timestamptz not null default clock_timestamp(),
    primary key (projection, log, index)
);
create table log_trace (
    trace bigint not null,
    log smallint not null,
    index bigint not null,
    primary key (trace, log, index)
);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
