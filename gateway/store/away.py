"""How it shows that the database cannot be used now: the connection, its pool, or the server.

Drivers raise these from many places and by several names; whoever answers "try again later" names
this one tuple. A statement that breaks a constraint is not among what callers of it execute.
"""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

DATABASE_AWAY: tuple[type[Exception], ...] = (
    DBAPIError,
    PoolTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What SQLAlchemy on asyncpg raises when the database is gone, going, starting or too slow."""
