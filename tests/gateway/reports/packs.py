"""A breach pack of a road, made by an officer whose key the test holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.audit.signing import CheckpointSigner
from gateway.reports.breach.order import Order, Tools
from gateway.reports.breach.pack import Pack, make_pack
from gateway.reports.breach.scope import Asked
from gateway.store.groups import BESCHERMD, VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.lease import take_lease
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.log import open_volume
from tests.gateway.exchange.road import KEYS, LOGBOOKS, Road

OFFICER, OWNER, FG = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2, 3))
_ROLES = {"pf": "privacyfunctionaris", "eigenaar": "proceseigenaar", "fg": "fg"}
SIGNING = {"pf": OFFICER, "eigenaar": OWNER, "fg": FG}


async def appoint(road: Road) -> None:
    """A privacy officer under mandate, a process owner, and an FG."""
    for officer, key in SIGNING.items():
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        has_mandate = officer == "pf"
        await add_officer(
            road.engine,
            NewOfficer(
                officer,
                f"Persoon {officer}",
                _ROLES[officer],
                f"kid-{officer}",
                raw,
                "besluit 7" if has_mandate else None,
                (datetime.now(UTC) + timedelta(days=30)).date() if has_mandate else None,
            ),
        )


async def sign_log(road: Road, *which: int) -> None:
    """Checkpoints over all that stands in the logs by now."""
    async with road.pool.acquire() as connection:
        for series in which or (VERWERKINGEN, BESCHERMD):
            volume = await open_volume(connection, series)
            lease = await take_lease(connection, f"publisher/{series}", new_id(), 60.0)
            assert lease is not None
            origin = LOGBOOKS.origin(series, volume.name)
            signer = CheckpointSigner(volume.log, origin, LOGBOOKS.key(series))
            while await signer.extend(connection, lease):
                pass
            await connection.execute("delete from lease")


def asked(**changes: Any) -> Asked:
    """About the last hour."""
    now = datetime.now(UTC)
    return replace(Asked(now - timedelta(hours=1), now + timedelta(hours=1)), **changes)


async def pack(road: Road, officer: str = "pf", **changes: Any) -> Pack:
    """A pack about what `changes` name; what is no scope of its own goes to the order."""
    about = {
        name: changes.pop(name)
        for name in ("partner", "flow", "key", "credential", "since", "until")
        if name in changes
    }
    order = Order(asked(**about), officer, **changes)
    second = None if order.second is None else SIGNING[order.second].sign
    tools = Tools(road.vault, KEYS, LOGBOOKS)
    return await make_pack(road.engine, tools, order, SIGNING[officer].sign, second)
