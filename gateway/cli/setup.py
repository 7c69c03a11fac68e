"""What a gateway needs before it can exchange anything: a protocol in force, and partners.

For trying out, `prepare_sandbox` does it with the example protocol and a stand-in for each of its
parties, whose keys are made here and now (`sluis sandbox PARTY` plays them); a municipality uses
`sluis protocol enforce` and `sluis partner add`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol, load
from gateway.audit.access import Action, new_trace
from gateway.cli.database import Doing, RecordingEngine, act_of
from gateway.cli.registration import ensure_sandbox_partner
from gateway.settings import Settings
from gateway.store.database import Addresses
from gateway.store.partners import NewPartner
from gateway.store.protocols import put_in_force

EXAMPLE = Path(__file__).parents[2] / "consent" / "protocols" / "samen-doen-voorbeeld.toml"

SANDBOX = (
    NewPartner("dwi", "DWI (proefpartij)", "00000099000000002000", "dwi"),
    NewPartner("casebook", "Casusregister (proefpartij)", "00000099000000003000", "generic"),
    NewPartner("toezicht", "Toezicht (proefpartij)", "00000099000000004000", "generic", "toezicht"),
    NewPartner("okt", "Ouder- en Kindteam (proefpartij)", "00000099000000005000", "okt"),
    NewPartner("ggz", "GGZ-instelling (proefpartij)", "00000099000000006000", "ggz"),
    NewPartner("madi", "MADI (proefpartij)", "00000099000000007000", "professional"),
    NewPartner("dwzs", "DWZS (proefpartij)", "00000099000000008000", "professional"),
    NewPartner("altra", "Altra (proefpartij)", "00000099000000009000", "generic"),
    NewPartner("spirit", "Spirit (proefpartij)", "00000099000000010000", "generic"),
    NewPartner("sra", "SRA (proefpartij)", "00000099000000011000", "generic"),
    NewPartner("gi", "Gecertificeerde instelling (proefpartij)", "00000099000000012000", "generic"),
    NewPartner("veilig-thuis", "Veilig Thuis (proefpartij)", "00000099000000013000", "generic"),
)


def read_protocol(path: Path | None) -> Protocol:
    """The protocol file; the example where none is named. Raises `ProtocolError` or `OSError`."""
    return load((path or EXAMPLE).read_text(encoding="utf-8"))


async def prepare_sandbox(settings: Settings, database: Addresses) -> None:
    """Put the protocol in force and register the sandbox partners with keys of their own.

    Done again, it changes nothing but the address at which they find the gateway.
    """

    async def prepare(engine: AsyncEngine) -> None:
        protocol = read_protocol(settings.protocol)
        await put_in_force(engine, protocol.version, protocol.digest, protocol.text)
        for partner in SANDBOX:
            await ensure_sandbox_partner(engine, partner, settings.home, settings.base_url)

    engine = RecordingEngine(database.sqlalchemy_url, act_of(Doing(Action.CREATE), new_trace()))
    try:
        await engine.recorded(prepare)
    finally:
        await engine.dispose()
