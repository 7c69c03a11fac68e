"""Key epochs of pseudonyms: what two officers decided, and whose pairs a recipient is given.

A pair stands as the person's random id, never as pseudonyms: these are made when the part is handed
over, so that whoever is erased before is in no mapping, and nothing in the database leads from an
old pseudonym to a new one.

Revision ID: 0015
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_STATEMENTS = """
-- Epoch 1 is everybody's first and has no row. `after_position` is the last position of the
-- recipient's mailbox at which events bear the pseudonyms of the epoch before.
create table pseudonym_epoch (
    id uuid primary key,
    recipient text not null references partner (id),
    epoch integer not null check (epoch > 1),
    from_epoch integer not null,
    case_number text not null,
    decided_at timestamptz not null,
    entry uuid not null,
    announced_at timestamptz,
    withdrawn_at timestamptz,
    switched_at timestamptz,
    after_position bigint,
    unique (recipient, epoch),
    check (from_epoch < epoch),
    check ((switched_at is null) = (after_position is null))
);
create unique index pseudonym_epoch_open on pseudonym_epoch (recipient)
    where switched_at is null and withdrawn_at is null;
create table pseudonym_epoch_signature (
    decision uuid not null references pseudonym_epoch (id),
    officer text not null references officer (id),
    act text not null,
    signed_at timestamptz not null,
    signature bytea not null,
    primary key (decision, officer),
    unique (decision, act)
);
-- The parts of a mapping, each an exchange in the recipient's mailbox.
create table pseudonym_part (
    exchange uuid primary key,
    decision uuid not null references pseudonym_epoch (id),
    number integer not null,
    is_closing boolean not null default false,
    unique (decision, number)
);
create table pseudonym_pair (
    exchange uuid not null,
    subject uuid not null,
    linkage_group text not null,
    is_protected boolean not null,
    primary key (exchange, subject, linkage_group)
);
create index pseudonym_pair_subject on pseudonym_pair (subject);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
