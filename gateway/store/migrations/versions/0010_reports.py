"""The reviews of the access log: which month was looked at, by whom, and what was found.

Append-only; a month may be reviewed more than once. `digest` is that of the report that was looked
at; what the officer wrote stands sealed under a key of the row's own (invariant 3).

Revision ID: 0010
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table access_review (
    id uuid primary key,
    month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
    officer text not null,
    finding text not null check (finding in ('geen', 'opvolgen', 'incident')),
    case_number text,
    digest bytea not null,
    kek_epoch integer not null,
    wrapped bytea not null,
    remark bytea,
    reviewed_at timestamptz not null,
    signature bytea not null,
    entry uuid not null
);
create index access_review_month on access_review (month, reviewed_at);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
