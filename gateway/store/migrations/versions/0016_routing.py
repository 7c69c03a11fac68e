"""What waits for a person to place it, whose place is hidden, moves, and first contacts.

None of it says where anybody lives: a placement has a reason and no team, a move an outcome and no
postcode (its reference and body are keyed prints), and of a secret address there is a keyed print
of the exchange, which tells nobody without the key which exchange that is (invariant 3).

Mailboxes that are there already are followed from their end on: whether somebody was helped with
what was handed over before, this gateway does not know.

Revision ID: 0016
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table placement (
    exchange uuid primary key,
    recipient text not null,
    reason text not null,
    since timestamptz not null,
    placed_at timestamptz,
    team_print bytea,
    entry uuid,
    check ((placed_at is null) = (entry is null))
);
create index placement_waiting on placement (recipient, exchange) where placed_at is null;
create table hidden_place (
    print bytea primary key
);
create table household_move (
    partner text not null,
    reference bytea not null,
    body bytea not null,
    exchange uuid not null,
    outcome text,
    entry uuid not null,
    recorded_at timestamptz not null,
    primary key (partner, reference)
);
create index household_move_age on household_move (recorded_at);
create table first_contact (
    exchange uuid primary key,
    due_at timestamptz,
    signals smallint not null default 0,
    ended_at timestamptz
);
create index first_contact_due on first_contact (due_at) where ended_at is null;
create index first_contact_ended on first_contact (ended_at) where ended_at is not null;
create table first_contact_place (
    recipient text primary key,
    position bigint not null
);
insert into first_contact_place (recipient, position)
select recipient, last_position from mailbox_head;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
