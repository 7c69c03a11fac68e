"""Where partners want their mail brought, and the key under which it is to be sealed for them.

A partner without an endpoint pulls, as before; one with an encryption key gets `data` sealed, when
it pulls as well as when it is brought. A release reads the key inside its own transaction, so that
nothing leaves unsealed once a key's registration has committed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.groups import Connection
from gateway.store.history import driver_of
from gateway.store.partners import UnknownPartnerError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where mail is brought (None: the partner pulls), and the public JWK it is sealed for."""

    url: str | None
    encryption_key: Mapping[str, str] | None = None


async def set_endpoint(engine: AsyncEngine, partner: str, endpoint: Endpoint) -> Endpoint:
    """Register, or change, a partner's endpoint; as it is now. Raises `UnknownPartnerError`."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("select 1")
        return await write_endpoint(await driver_of(connection), partner, endpoint)


async def write_endpoint(connection: Connection, partner: str, endpoint: Endpoint) -> Endpoint:
    """The same in a transaction that is open already. Raises `UnknownPartnerError`.

    What is not given stays as it was registered: a new address does not end the sealing, nor a new
    key the bringing. A new address begins with a clean slate: what the old one failed at says
    nothing of it. An operator's stop stays until it is lifted.
    """
    key = None if endpoint.encryption_key is None else json.dumps(dict(endpoint.encryption_key))
    if await connection.fetchval("select true from partner where id = $1", partner) is None:
        raise UnknownPartnerError("there is no partner with this id")
    (row,) = await connection.fetch(
        """insert into endpoint (partner, url, encryption_key) values ($1, $2, $3::text::jsonb)
           on conflict (partner) do update
              set url = coalesce(excluded.url, endpoint.url),
                  encryption_key = coalesce(excluded.encryption_key, endpoint.encryption_key),
                  registered_at = clock_timestamp()
           returning url, encryption_key::text""",
        partner,
        endpoint.url,
        key,
    )
    stopped = await connection.fetchval(
        "delete from push_lane where partner = $1 returning nullif(stopped, 'adres-vervallen')",
        partner,
    )
    await connection.execute(
        "insert into push_lane (partner, stopped) values ($1, $2)", partner, stopped
    )
    return _endpoint(*row)


async def remove_endpoint(engine: AsyncEngine, partner: str) -> bool:
    """Bring a partner nothing any more, and seal nothing for it; whether that is a change.

    Raises `UnknownPartnerError`.
    """
    async with engine.begin() as connection:
        await connection.exec_driver_sql("select 1")
        driver = await driver_of(connection)
        if await driver.fetchval("select true from partner where id = $1", partner) is None:
            raise UnknownPartnerError("there is no partner with this id")
        gone = await driver.fetchval(
            "delete from endpoint where partner = $1 returning true", partner
        )
        return gone is not None


async def endpoint_of(engine: AsyncEngine, partner: str) -> Endpoint | None:
    """What a partner registered, if it did."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql("select 1")
        return await read_endpoint(await driver_of(connection), partner)


async def read_endpoint(connection: Connection, partner: str) -> Endpoint | None:
    """The same, inside a transaction of the gateway's own."""
    row = await connection.fetchrow(
        "select url, encryption_key::text from endpoint where partner = $1", partner
    )
    return None if row is None else _endpoint(*row)


def _endpoint(url: str | None, key: str | None) -> Endpoint:
    return Endpoint(url, None if key is None else json.loads(key))
