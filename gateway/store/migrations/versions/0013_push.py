"""Push delivery: where partners want their mail, how each lane stands, and what was refused.

No row names a person: a dead letter is an exchange's place in a mailbox, and its reason a code of
ours, never what the endpoint answered.

Revision ID: 0013
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table endpoint (
    partner text primary key references partner (id),
    url text,
    encryption_key jsonb,
    registered_at timestamptz not null default clock_timestamp(),
    check (url is not null or encryption_key is not null)
);
create table push_lane (
    partner text primary key references endpoint (partner) on delete cascade,
    stopped text check (stopped in ('beheerder', 'adres-vervallen')),
    failures integer not null default 0,
    failing_since timestamptz,
    reason text,
    retry_at timestamptz,
    trying bigint not null default 0,
    refusals integer not null default 0,
    suspicions integer not null default 0,
    dead_in_a_row integer not null default 0,
    delivered_at timestamptz
);
create table dead_letter (
    recipient text not null references partner (id),
    position bigint not null,
    exchange uuid not null,
    reason text not null,
    died_at timestamptz not null,
    replayed_at timestamptz,
    primary key (recipient, position)
);
create index dead_letter_exchange on dead_letter (exchange);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
