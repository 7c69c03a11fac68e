"""Tables for decisions to erase, for what stays as proof, and for the epochs of keys.

Persons appear by their random ids, which lead nowhere once their row is gone; who asked stands
sealed under a key of the decision's own (invariant 3). What stays of a person who was erased is
found by a handle of another key than any other table's, and by nothing else (ADR 0018).

Revision ID: 0008
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table erasure_decision (
    id uuid primary key,
    subject uuid not null,
    ground text not null,
    capacity text not null,
    case_number text not null,
    classes text[] not null,
    signatures smallint not null check (signatures in (1, 2)),
    wait_days smallint not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    request bytea not null,
    decided_at timestamptz not null,
    entry uuid not null,
    ordered_at timestamptz,
    carried_out_at timestamptz,
    erasure_entry uuid,
    backups_until timestamptz,
    withdrawn_at timestamptz
);
-- A person has one decision that is still to be carried out.
create unique index erasure_decision_open on erasure_decision (subject)
    where carried_out_at is null and withdrawn_at is null;
create index erasure_decision_due on erasure_decision (ordered_at)
    where carried_out_at is null and withdrawn_at is null and ordered_at is not null;
create table erasure_signature (
    decision uuid not null references erasure_decision (id),
    officer text not null references officer (id),
    act text not null,
    signed_at timestamptz not null,
    signature bytea not null,
    primary key (decision, officer),
    unique (decision, act)
);
-- What recipients are told first (GDPR article 19). `keeper` is a row of `subject` that is nobody:
-- under its key the notice is sealed, so that it outlives the person until it is fetched.
create table erasure_notice (
    notice uuid primary key,
    decision uuid not null references erasure_decision (id),
    about uuid not null,
    recipient text not null,
    keeper uuid not null
);
create index erasure_notice_decision on erasure_notice (decision);

-- What stays of a person who was erased, restricted to proof, each class until its date.
create table kept (
    subject uuid primary key,
    handle bytea,
    kek_epoch integer not null,
    wrapped bytea not null
);
create index kept_handle on kept (handle);
create table kept_class (
    subject uuid not null references kept (subject),
    class text not null,
    until date not null,
    primary key (subject, class)
);
create index kept_class_until on kept_class (until);

-- Since when nothing is wrapped under an epoch's key any more, and when that key was destroyed.
create table key_epoch (
    epoch integer primary key,
    emptied_at timestamptz,
    destroyed_at timestamptz,
    entry uuid
);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
