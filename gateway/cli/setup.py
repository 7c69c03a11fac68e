"""What a gateway needs before it can exchange anything: a protocol in force, and partners.

For trying out, `prepare_sandbox` does it with the example protocol and two partners whose keys are
made here and now; a real municipality uses `sluis protocol approve` and `sluis partner add`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consent.protocol import Protocol, load
from gateway.client import credentials
from gateway.identity.keys import from_jwk
from gateway.settings import Settings
from gateway.store.database import Addresses
from gateway.store.partners import (
    AlreadyRegisteredError,
    NewPartner,
    PartnerKey,
    add_key,
    register_partner,
)
from gateway.store.protocols import put_in_force

EXAMPLE = Path(__file__).parents[2] / "consent" / "protocols" / "samen-doen-voorbeeld.toml"
KEY_LIFETIME = timedelta(days=365)


class SandboxPartner(NamedTuple):
    """A made-up counterpart for trying out."""

    id: str
    name: str
    oin: str
    adapter: str
    kind: str


SANDBOX = (
    SandboxPartner("dwi", "DWI (proefpartij)", "00000099000000002000", "dwi", "keten"),
    SandboxPartner(
        "casebook", "Casusregister RIS (proefpartij)", "00000099000000003000", "generic", "keten"
    ),
    SandboxPartner(
        "toezicht", "Functionaris gegevensbescherming (proefpartij)", "00000099000000004000",
        "generic", "toezicht",
    ),
)  # fmt: skip


def read_protocol(path: Path | None) -> Protocol:
    """The protocol file; the example where none is named. Raises `ProtocolError`."""
    return load((path or EXAMPLE).read_text(encoding="utf-8"))


async def prepare_sandbox(settings: Settings, database: Addresses) -> None:
    """Put the protocol in force and register the sandbox partners with keys of their own.

    Done again, it changes nothing but the address at which they find the gateway.
    """
    engine = create_async_engine(database.sqlalchemy_url, hide_parameters=True)
    try:
        protocol = read_protocol(settings.protocol)
        await put_in_force(engine, protocol.version, protocol.digest, protocol.text)
        for partner in SANDBOX:
            await _register(engine, settings, partner)
    finally:
        await engine.dispose()


async def _register(engine: AsyncEngine, settings: Settings, partner: SandboxPartner) -> None:
    folder = settings.home / "partners" / partner.id
    if (folder / credentials.SETTINGS_FILE).exists():
        credentials.point_at(folder, settings.base_url)
    else:
        credentials.create(folder, partner=partner.id, base_url=settings.base_url)
    own = credentials.load(folder)
    public = from_jwk({**own.key.as_dict(private=False), "kid": own.key_id})
    key = PartnerKey(public.kid, public.jwk, datetime.now(UTC) + KEY_LIFETIME)
    try:
        await register_partner(engine, NewPartner(*partner), [key])
    except AlreadyRegisteredError:
        try:
            await add_key(engine, partner.id, key)
        except AlreadyRegisteredError:
            return
