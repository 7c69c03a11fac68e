"""Dossiers for data subjects: drafts, what was released, and what was not.

What a draft says lies sealed under the person's own data key, so that it closes with the person;
the row names them by their random id alone (invariant 3). `digest` is of what was sealed, which
holds a random value of its own.

Revision ID: 0012
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table dossier (
    id uuid primary key,
    subject uuid,
    requester uuid,
    capacity text not null,
    identified_by text not null,
    mandate text,
    is_together boolean not null default false,
    case_number text not null,
    state text not null check (state in ('concept', 'vrijgegeven', 'geweigerd', 'vervallen')),
    drafted_by text not null,
    drafted_at timestamptz not null,
    draft_signature bytea not null,
    ends_at timestamptz not null,
    sealed bytea,
    digest bytea not null,
    decided_by text,
    decided_at timestamptz,
    signature bytea,
    reason text,
    check ((decided_at is null) = (decided_by is null)),
    check ((state = 'geweigerd') = (reason is not null))
);
create index dossier_ends on dossier (ends_at) where sealed is not null;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
