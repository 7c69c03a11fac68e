"""What `sluis bench deliver` may not know itself: how recipients come into a gateway's database.

They are copies of the casebook, each with a flow and a key of its own, made for the occasion. The
endpoints stand stopped until the bench lets them loose.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.bench.deliver import Delivering, name_of
from gateway.bench.processes import BenchFailed
from gateway.bench.subjects import Gateway
from gateway.cli.setup import EXAMPLE
from gateway.client import Credentials
from gateway.client.tokens import TokenAnswer, TokenSource
from gateway.identity.keys import read_public_key
from gateway.store.database import database_folder
from gateway.store.embedded import running_address
from gateway.store.endpoints import Endpoint, remove_endpoint, set_endpoint
from gateway.store.history import driver_of
from gateway.store.partners import NewPartner, PartnerKey, list_partners, register_partner
from gateway.store.pushes import lane_standings, set_stopped

_FLOW = re.compile(
    r'^\[\[gegevensstroom]]\nid = "dwi-aanmelding"\n[\s\S]*?(?=^\[\[gegevensstroom]])', re.MULTILINE
)
_PARTIES = 'partijen = ["dwi", "casebook", "madi", "dwzs"]'


def delivering() -> Delivering:
    """All of it, with keys of its own."""
    keys = defaultdict[int, ECKey](lambda: ECKey.generate_key("P-256"))
    return Delivering(_protocol, _registering(keys), _tokens(keys), _aim, _loose, _forget)


def _protocol(folder: Path, number: int) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    found = _FLOW.search(text)
    if found is None or text.count(_PARTIES) != 1:
        raise BenchFailed("the example protocol is not the one that this bench knows")
    # No first contact is waited for: nobody answers here.
    flow = re.sub(r"^(eersteContactDagen .*|#.*)\n", "", found[0], flags=re.MULTILINE)
    names = [name_of(n) for n in range(number)]
    flows = [
        flow.replace('id = "dwi-aanmelding"', f'id = "dwi-aanmelding-{name}"').replace(
            'ontvanger = "casebook"', f'ontvanger = "{name}"'
        )
        for name in names
    ]
    parties = ", ".join(f'"{name}"' for name in ["dwi", "casebook", "madi", "dwzs", *names])
    path = folder / "protocol.toml"
    path.write_text("\n".join([text.replace(_PARTIES, f"partijen = [{parties}]"), *flows]))
    return path


def _registering(keys: Mapping[int, ECKey]) -> Callable[[Path, int], Awaitable[None]]:
    async def register(home: Path, number: int) -> None:
        until = datetime.now(UTC) + timedelta(days=1)
        async with _engine(home) as engine:
            for n in range(number):
                oin = f"0000009901{n:010d}"
                public = read_public_key(keys[n].as_pem(private=False))
                new = NewPartner(name_of(n), f"Ontvanger {n} (proefpartij)", oin, "generic")
                await register_partner(engine, new, [PartnerKey(public.kid, public.jwk, until)])

    return register


def _tokens(keys: Mapping[int, ECKey]) -> Callable[[Gateway, int], Awaitable[list[str]]]:
    async def tokens(subject: Gateway, number: int) -> list[str]:
        async with httpx.AsyncClient(base_url=subject.address, trust_env=False) as http:

            async def ask(form: Callable[[], dict[str, str]]) -> TokenAnswer:
                answer = await http.post("/oauth/token", data=form())
                return TokenAnswer.model_validate_json(answer.raise_for_status().content)

            found = []
            for n in range(number):
                key = keys[n]
                mine = Credentials(name_of(n), subject.address, key.thumbprint(), key)
                found.append(await TokenSource(mine, ask).token())
            return found

    return tokens


async def _aim(home: Path, number: int, url: str) -> None:
    async with _engine(home) as engine:
        for n in range(number):
            await set_endpoint(engine, name_of(n), Endpoint(f"{url}/{name_of(n)}"))
        await _set_stopped(engine, "beheerder")


async def _loose(home: Path) -> None:
    async with _engine(home) as engine:
        await _set_stopped(engine, None)


async def _forget(home: Path) -> None:
    async with _engine(home) as engine:
        for partner in await list_partners(engine):
            if partner.id.startswith("r0"):
                await remove_endpoint(engine, partner.id)


@asynccontextmanager
async def _engine(home: Path) -> AsyncIterator[AsyncEngine]:
    address = await asyncio.to_thread(running_address, database_folder(home))
    engine = create_async_engine(f"postgresql+asyncpg://{address}", hide_parameters=True)
    try:
        yield engine
    finally:
        await engine.dispose()


async def _set_stopped(engine: AsyncEngine, why: str | None) -> None:
    """All in one transaction: they begin together."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("select 1")
        driver = await driver_of(connection)
        for lane in await lane_standings(driver):
            await set_stopped(driver, lane.partner, why)
