"""Tables for protected exchanges, safe contacts and emergency releases.

What belongs to a protected exchange stands in rows of its own: its persons are subjects of their
own under handles of another key, and its entries stand in log 2 (ADR 0014), so that nothing that
is counted, locked or read of anything else meets them. Names of professionals and what officers
write stand sealed, under a key of the row's own (invariant 3).

Revision ID: 0005
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = """
alter table exchange
    add column is_protected boolean not null default false,
    add column usable_until timestamptz;
insert into log_head (log, size) values (2, 0);

alter table partner drop constraint partner_kind_check;
alter table partner add constraint partner_kind_check
    check (kind in ('keten', 'toezicht', 'toezicht-beschermd'));

-- Who asked that an exchange be protected, and why.
create table protected_request (
    exchange uuid primary key,
    reason text not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    professional bytea not null
);
-- Append-only: whether a protected exchange may be told of is what its newest row says.
create table protected_decision (
    number bigint generated always as identity primary key,
    id uuid not null unique,
    exchange uuid not null,
    is_disclosed boolean not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    ground bytea not null,
    review_on date not null,
    officer text not null,
    decided_at timestamptz not null,
    signature bytea not null,
    entry uuid not null
);
create index protected_decision_exchange on protected_decision (exchange, number desc);

-- Whom never to notify of a person. By the handle, and not by the row of the person, which need
-- not exist: that somebody is known elsewhere may not be learnt here.
create table safe_contact (
    id uuid primary key,
    handle bytea not null,
    contact text not null,
    review_on date not null,
    recorded_for text not null,
    exchange uuid not null,
    recorded_at timestamptz not null,
    ended_at timestamptz,
    ended_by text
);
create index safe_contact_handle on safe_contact (handle) where ended_at is null;

-- One a release, written with it. `remark` is what the reviewer wrote.
create table emergency_review (
    exchange uuid primary key,
    reason text not null,
    step smallint not null,
    due_at timestamptz not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    professional bytea not null,
    officer text,
    outcome text check (outcome in ('terecht', 'onterecht')),
    remark bytea,
    reviewed_at timestamptz,
    signature bytea,
    entry uuid,
    check ((reviewed_at is null) = (outcome is null) and (reviewed_at is null) = (officer is null))
);
create index emergency_review_due on emergency_review (due_at) where reviewed_at is null;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
