"""Onboarding: partners that are testing, notices of keys that expire, and succession of partners.

A succession counts once two officers signed it, each with what they signed beside it; a drawn-back
one stays as it was. Of each predecessor one stands. `carries` says what goes over, and nothing else
does. `keeper` is a row of `subject` that is nobody: its key seals the notice, which is about no
person.

Revision ID: 0017
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATEMENTS = """
alter table partner add column is_testing boolean not null default false;
create table key_notice (
    partner text not null references partner (id),
    kid text not null,
    days smallint not null,
    told_at timestamptz not null,
    keeper uuid not null,
    primary key (partner, kid, days)
);
create table succession (
    id uuid primary key,
    predecessor text not null references partner (id),
    successor text not null references partner (id),
    ground text not null,
    case_number text not null,
    starts_on date not null,
    carries text[] not null,
    decided_by text not null,
    decided_at timestamptz not null,
    signature bytea not null,
    confirmed_by text,
    confirmed_at timestamptz,
    second_signature bytea,
    ended_at timestamptz,
    check (predecessor <> successor),
    check (cardinality(carries) > 0),
    check ((confirmed_at is null) = (confirmed_by is null)),
    check ((confirmed_at is null) = (second_signature is null))
);
create unique index succession_standing on succession (predecessor) where ended_at is null;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
