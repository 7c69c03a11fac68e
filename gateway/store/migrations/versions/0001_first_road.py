"""The tables of the first road: partners, protocol, subjects, exchanges, mailbox, log, deliveries.

No column holds an identifier in clear (invariant 3): persons appear as random subject ids, found
through a keyed handle; content stands in sealed boxes only. Positions and log indices are handed
out by head rows under lock, so they are dense and never skip (design, "Order").

Revision ID: 0001
"""

from alembic import op

from gateway.store.migrations.statements import no_way_back, run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
create table partner (
    id text primary key,
    name text not null,
    oin text not null unique,
    adapter text not null,
    kind text not null check (kind in ('keten', 'toezicht')),
    is_suspended boolean not null default false,
    registered_at timestamptz not null default now()
);
create table partner_key (
    partner text not null references partner (id),
    kid text not null,
    jwk jsonb not null,
    expires_at timestamptz not null,
    primary key (partner, kid)
);
create table used_assertion (
    fingerprint bytea primary key,
    expires_at timestamptz not null
);
create index used_assertion_expiry on used_assertion (expires_at);

create table protocol_version (
    digest bytea primary key,
    version text not null unique,
    body text not null,
    in_force_from timestamptz not null
);
-- One row, raised by every change of partners or protocol: a writer that knows an older number
-- reads both again before it decides.
create table rules_generation (
    only_row boolean primary key default true check (only_row),
    number bigint not null
);
insert into rules_generation (number) values (1);

-- A value that only the keys of this database open, so that others are noticed before any harm.
create table key_check (
    only_row boolean primary key default true check (only_row),
    sealed bytea not null
);

create table subject (
    id uuid primary key,
    handle bytea unique,
    gate bigint not null default 0,
    kek_epoch integer not null,
    wrapped bytea not null
);
create table consent_event (
    id uuid primary key,
    subject uuid not null,
    purpose text not null,
    recipient text not null,
    category text not null,
    given boolean not null,
    decided_by text not null,
    decided_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    recorded_for text not null,
    evidence bytea,
    supersedes uuid
);
create index consent_event_subject on consent_event (subject);

create table commit_group (
    id uuid primary key,
    committed_at timestamptz not null default now(),
    leaf_hashes bytea not null,
    key_name text not null,
    signature bytea not null
);
create table fingerprint (
    sender text not null,
    reference bytea not null,
    body bytea not null,
    exchange uuid not null,
    made_at timestamptz not null default now(),
    primary key (sender, reference)
);
create index fingerprint_age on fingerprint (made_at);
create table exchange (
    id uuid primary key,
    kind smallint not null,
    state smallint not null,
    sender text not null,
    recipient text,
    flow text,
    decision smallint not null,
    rule text not null,
    field text,
    protocol bytea not null,
    received_at timestamptz not null,
    entry uuid not null,
    commit_group uuid not null,
    group_index smallint not null,
    findings text[] not null,
    owner uuid,
    sealed_reference bytea,
    expires_at timestamptz not null
);
create index exchange_expiry on exchange (expires_at) where state in (1, 2, 3);
create table part (
    exchange uuid not null,
    member smallint not null,
    subject uuid not null,
    gate bigint not null,
    box bytea not null,
    primary key (exchange, member)
);
create index part_subject on part (subject);
create table held (
    exchange uuid primary key,
    sealed bytea not null,
    subjects uuid[] not null
);
create index held_subjects on held using gin (subjects);

create table mailbox_head (
    recipient text primary key references partner (id),
    last_position bigint not null default 0,
    acknowledged bigint not null default 0
);
create table mailbox (
    recipient text not null,
    position bigint not null,
    exchange uuid not null,
    released_at timestamptz,
    releases integer not null default 0,
    acknowledged_at timestamptz,
    primary key (recipient, position)
);
create index mailbox_exchange on mailbox (exchange);

create table log_head (
    log smallint primary key,
    size bigint not null
);
insert into log_head (log, size) values (1, 0);
create table log_leaf (
    log smallint not null,
    index bigint not null,
    hash bytea not null,
    entry bytea not null,
    subjects uuid[] not null,
    primary key (log, index)
);
create index log_leaf_hash on log_leaf (hash);
create table log_tile (
    log smallint not null,
    level smallint not null,
    index bigint not null,
    hashes bytea not null,
    primary key (log, level, index)
);
create table log_checkpoint (
    log smallint not null,
    size bigint not null,
    root bytea not null,
    note text not null,
    signed_at timestamptz not null default now(),
    primary key (log, size)
);
create table lease (
    name text primary key,
    holder uuid not null,
    token bigint not null,
    expires_at timestamptz not null
);

create table delivery (
    id uuid primary key,
    sender text not null,
    adapter text not null,
    media_type text not null,
    fingerprint bytea not null,
    state text not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    bytes bigint not null,
    received_at timestamptz not null,
    finished_at timestamptz,
    records bigint not null default 0,
    tally jsonb not null default '{}',
    error text,
    unique (sender, fingerprint)
);
create table delivery_chunk (
    delivery uuid not null,
    number integer not null,
    sealed bytea not null,
    primary key (delivery, number)
);
create table delivery_outcome (
    delivery uuid not null,
    first_record bigint not null,
    last_record bigint not null,
    sealed bytea not null,
    primary key (delivery, first_record)
);
"""
# Columns that hold ciphertext or hashes do not compress; trying costs time on every row.
_UNCOMPRESSED = (
    ("part", "box"),
    ("log_leaf", "entry"),
    ("log_tile", "hashes"),
    ("delivery_chunk", "sealed"),
    ("delivery_outcome", "sealed"),
)


def upgrade() -> None:
    """Create every table."""
    run(_TABLES)
    for table, column in _UNCOMPRESSED:
        op.execute(f"alter table {table} alter column {column} set storage external")


downgrade = no_way_back
