"""How far mailboxes are: read for many recipients at once, without a lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.store.groups import Connection


class Head(NamedTuple):
    """The newest position of a mailbox, and the last that its recipient acknowledged."""

    last_position: int
    acknowledged: int
    is_suspended: bool


async def heads(connection: Connection, recipients: Sequence[str]) -> dict[str, Head]:
    """The mailboxes of these recipients; without those that have none."""
    rows = await connection.fetch(
        """select h.recipient, h.last_position, h.acknowledged, p.is_suspended
             from mailbox_head h join partner p on p.id = h.recipient
            where h.recipient = any($1)""",
        recipients,
    )
    return {row[0]: Head(row[1], row[2], row[3]) for row in rows}
