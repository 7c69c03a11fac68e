"""That a request is about a protected exchange, told to whoever records the request.

Its entry in the access log then stands with those of protected exchanges, also where the request is
refused after all: the open log is as it would have been without (invariant 14, ADR 0014). Nothing
is told of who is no party: to them it does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from gateway.store.corrections import corrected
from gateway.store.groups import Connection

Apart = Callable[[], None]
"""Called as soon as it is known, once or more often."""


def nobody() -> None:
    """For who records nothing."""


async def tell_apart(connection: Connection, exchange: UUID, apart: Apart) -> None:
    """Tell of an exchange of who asks, where it is protected."""
    subject = await corrected(connection, exchange, locks=False)
    if subject is not None and subject.is_protected:
        apart()
