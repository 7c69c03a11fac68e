"""The index that searching rests on; made from the log alone, and from nobody's identifiers.

A volume without a row in `search_cursor` was never looked at. The index of persons takes new rows
in a list and sorts them in later, a megabyte at a time: its pages lie all over, so one by one each
row would touch several.

Revision ID: 0007
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = """
create table search_kind (
    number integer generated always as identity primary key,
    series smallint not null,
    event text not null,
    operation text,
    flow text,
    sender text,
    recipient text,
    actor text,
    rule text,
    decision text,
    unique nulls not distinct
        (series, event, operation, flow, sender, recipient, actor, rule, decision)
);
create table search_entry (
    index bigint not null,
    at bigint not null,
    exchange uuid,
    kind integer not null,
    log smallint not null,
    subjects uuid[] not null
);
create index search_entry_kind on search_entry (kind, at);
create index search_entry_exchange on search_entry (exchange) where exchange is not null;
create index search_entry_subjects on search_entry using gin (subjects)
    with (gin_pending_list_limit = 1024);
create table search_cursor (
    log smallint primary key,
    reached bigint not null
);
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
