"""Four series of logs, each a chain of volumes.

A volume is one C2SP log: its number is the `log` of its leaves, tiles and checkpoints. A new one is
opened each year, and after a database was put back (`sluis recover`). Of a series one volume is
open; `is_final` says that a closed one is signed to its end. What was written before volumes had
names stays under the series' own name.

Revision ID: 0006
"""

from gateway.store.migrations.statements import no_way_back, run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_YEAR = "to_char(clock_timestamp() at time zone 'Europe/Amsterdam', 'YYYY')"
_STATEMENTS = f"""
alter table log_head
    add column series smallint,
    add column name text not null default '',
    add column opened_at timestamptz not null default clock_timestamp(),
    add column closed_at timestamptz,
    add column is_final boolean not null default false;
update log_head set series = log;
update log_head set name = {_YEAR} where size = 0;
insert into log_head (log, size, series, name) values (3, 0, 3, {_YEAR}), (4, 0, 4, {_YEAR});
alter table log_head alter column series set not null;
alter table log_head add unique (series, name);
create unique index log_head_open on log_head (series) where closed_at is null;
"""


def upgrade() -> None:
    """Create what is new."""
    run(_STATEMENTS)


downgrade = no_way_back
