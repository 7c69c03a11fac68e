"""Tables for the consent register and the facts it rests on.

Birth dates stand sealed under the person's own key, on the person's row; statements about authority
name persons by their random ids only (invariant 3). Both are append-only in meaning: a birth date
that differs is kept beside the first, a newer statement beside the older.

Revision ID: 0002
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = """
alter table subject add column facts bytea;
alter table consent_event
    add column decider uuid,
    add column valid_until timestamptz,
    add column manner text,
    add column evidence_hash text;
create table authority_statement (
    id uuid primary key,
    subject uuid not null,
    kind text not null,
    holders uuid[] not null,
    source text not null,
    as_of date not null,
    recorded_at timestamptz not null default now(),
    recorded_for text not null
);
create index authority_statement_subject on authority_statement (subject);
-- How far a pass over all persons is that is made once a day, in steps: the last day that was done
-- whole, the day under way, and the last person of it.
create table daily_pass (
    name text primary key,
    done_for date not null,
    working_on date,
    after uuid
);
insert into daily_pass (name, done_for) values ('verjaardagen', current_date - 1);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
