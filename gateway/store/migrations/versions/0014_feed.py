"""Whom a recipient says that it knows already (registratie, ADR 0027).

A person stands here by the random subject id and nothing else: no reference of the recipient's, no
pseudonym. The row goes with the person (`gateway/store/erasure.py`) and by its own term.

Revision ID: 0014
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table registration (
    recipient text not null references partner (id),
    subject uuid not null,
    registered_at timestamptz not null,
    expires_at timestamptz not null,
    entry uuid not null,
    primary key (recipient, subject)
);
create index registration_subject on registration (subject);
create index registration_expiry on registration (expires_at);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
