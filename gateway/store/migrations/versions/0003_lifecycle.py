"""Tables for protocol drafts, approvals and their evidence, and versions that come in force later.

A planned version is brought in force by the first transaction that decides after its moment, by
the database's clock and behind the rules lock alone (`gateway/store/deciding.py`). `due_at` is the
first such moment, beside the generation, so that looking costs no statement of its own.

Revision ID: 0003
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = """
alter table protocol_version add column is_planned boolean not null default false;
alter table protocol_version add column recorded_at timestamptz not null default clock_timestamp();
update protocol_version set recorded_at = in_force_from;
alter table rules_generation add column due_at timestamptz;

create table officer (
    id text primary key,
    name text not null unique,
    role text not null check (role in ('proceseigenaar', 'privacyfunctionaris', 'fg')),
    key_id text not null unique,
    public_key bytea not null unique,
    mandate text,
    mandate_ends date,
    registered_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    check (role <> 'privacyfunctionaris' or (mandate is not null and mandate_ends is not null))
);
create table protocol_draft (
    digest bytea primary key,
    version text not null unique,
    body text not null,
    submitted_at timestamptz not null default clock_timestamp()
);
-- What an officer signed of a draft, once: an approval, or an advice with its text.
create table protocol_signature (
    draft bytea not null references protocol_draft (digest),
    officer text not null references officer (id),
    signed_at timestamptz not null,
    signature bytea not null,
    advice text check (advice in ('positief', 'negatief', 'met-voorwaarden')),
    advice_text text,
    primary key (draft, officer),
    check ((advice is null) = (advice_text is null))
);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
