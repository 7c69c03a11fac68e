"""How one volume of a log leads to the one before: by an entry with its size and root.

The entry stands in the volume that came after, as soon as the closed one is signed to its end; so
a checkpoint of the newest volume commits to everything before it.
"""

from __future__ import annotations

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import encode_base64
from gateway.audit.series import Logbooks
from gateway.store.groups import Connection, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.log import Volume, finish_volume, log_size, newest_checkpoint, now_millis

LOGKEEPING = "urn:sluis:logboek"
"""The processing activity of keeping the log itself."""


async def name_predecessor(connection: Connection, logbooks: Logbooks, volume: Volume) -> bool:
    """Name a closed volume in the open one, in the caller's transaction.

    False where it is not signed to its end yet, or was named before.
    """
    newest = await newest_checkpoint(connection, volume.log)
    if newest is None or newest.size < await log_size(connection, volume.log):
        return False
    if not await finish_volume(connection, volume.log):
        return False
    predecessor: dict[str, object] = {
        "origin": logbooks.origin(volume.series, volume.name),
        "root": encode_base64(newest.root),
        "size": newest.size,
    }
    leaf = predecessor_leaf({"predecessor": predecessor}, await now_millis(connection))
    await append_leaves(connection, volume.series, [leaf])
    return True


def predecessor_leaf(details: dict[str, object], now: int) -> Leaf:
    """The entry that names what came before a volume; `now` in milliseconds since 1970."""
    trace = new_trace()
    head = EntryHead(new_id(), Event.PREDECESSOR, trace, None, now, now)
    entry = write_entry(head, _RULE, [], details)
    return Leaf(leaf_hash(entry), entry, [])


_RULE = RuleFacts(
    flow=None, activity=LOGKEEPING, protocol_version="", protocol_digest=b"", locks={}
)
