"""Tables for notices, recalls, corrections, restrictions, and whom was told what of whom.

No identifier stands in clear (invariant 3): persons appear by their random ids, references as
keyed prints, and rows of persons go with the person. What a notice says lies sealed in `part`.

Revision ID: 0004
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = """
-- Whom an exchange that was handed over concerned, kept when its parts go; while they are there,
-- `part` and `mailbox.released_at` say the same, so that a release writes nothing more.
create table disclosure (
    subject uuid not null,
    exchange uuid not null,
    member smallint not null,
    released_at timestamptz not null,
    primary key (subject, exchange)
);
create index disclosure_exchange on disclosure (exchange);

-- What the gateway itself puts into a mailbox: `about` is the exchange that it is about, `cause`
-- the consent event or correction that it follows from. Without a member it is about all of it.
create table notice (
    exchange uuid primary key,
    about uuid not null,
    recipient text not null,
    kind text not null,
    cause uuid,
    category text,
    member smallint,
    queued_at timestamptz not null default now()
);
create index notice_about on notice (about);
create index notice_cause on notice (cause);

create table correction (
    id uuid primary key,
    partner text not null,
    reference bytea,
    body bytea,
    about uuid not null,
    kind text not null,
    entry uuid not null,
    recorded_at timestamptz not null,
    unique (partner, reference)
);
create index correction_age on correction (recorded_at) where reference is not null;

-- Append-only: of one person, purpose and partner the newest row says how it is.
create table restriction (
    number bigint generated always as identity primary key,
    subject uuid not null,
    purpose text not null,
    correction uuid not null,
    is_lifted boolean not null,
    recorded_at timestamptz not null
);
create index restriction_subject on restriction (subject, purpose, number desc);

create index exchange_held on exchange (sender, id) where state = 2;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
