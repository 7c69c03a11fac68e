"""Under which ground a referral came, so that a release can hold it to the grounds of today.

Empty where its sender stated none; null of messages that state none, and of those from before,
which are decided as until now.

Revision ID: 0019
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_STATEMENTS = "alter table exchange add column ground text"


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
