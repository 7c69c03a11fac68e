"""What the gateway publishes for anyone to check: its log (logboek) and its protocol.

Paths are those of C2SP tlog-tiles. Checking what was fetched is the verifier's work, not this
client's: it only knows how to ask.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

FULL = 256
"""Entries in a full bundle, and hashes in a full tile."""


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProtocolInForce(_Published):
    """The privacy protocol (privacyprotocol) that decides now."""

    version: str = Field(alias="versie")
    digest: str
    in_force_since: datetime = Field(alias="vanKrachtSinds")
    text: str = Field(alias="tekst")


class InclusionProof(_Published):
    """An entry's way to the root of a signed checkpoint (RFC 6962)."""

    index: int
    size: int = Field(alias="omvang")
    path: list[str] = Field(alias="pad", description="base64, 32 bytes each")
    checkpoint: str = Field(alias="controlepunt", description="the signed note")


class LogName(StrEnum):
    """Which series of logs; those of protected exchanges are for a supervisor who may read them."""

    PROCESSING = "verwerkingen"
    ACCESS = "toegang"
    PROTECTED = "beschermd"
    PROTECTED_ACCESS = "toegang-beschermd"


class LogKeys(_Published):
    """The verifier key (C2SP vkey) of each series' open volume."""

    processing: str = Field(alias="verwerkingen")
    access: str | None = Field(alias="toegang", default=None)
    protected: str | None = Field(alias="beschermd", default=None)
    protected_access: str | None = Field(alias="toegangBeschermd", default=None)

    def of(self, log: LogName) -> str | None:
        """The key of one series."""
        return {
            LogName.PROCESSING: self.processing,
            LogName.ACCESS: self.access,
            LogName.PROTECTED: self.protected,
            LogName.PROTECTED_ACCESS: self.protected_access,
        }[log]


class LogVolume(_Published):
    """One volume of a series: a log of its own, by name and origin."""

    name: str = Field(alias="naam")
    origin: str = Field(alias="oorsprong")
    vkey: str = Field(alias="sleutel")
    size: int = Field(alias="omvang")
    opened_at: datetime = Field(alias="geopendOp")
    closed_at: datetime | None = Field(alias="geslotenOp", default=None)


class LogVolumes(_Published):
    """The volumes of a series."""

    volumes: list[LogVolume] = Field(alias="delen")


LOGS = "/v1/logboek"


def volume_path(log: LogName, volume: str | None = None) -> str:
    """Where a volume of a series is served, or the open one: the prefix of a C2SP tiled log."""
    return f"{LOGS}/{log}" if volume is None else f"{LOGS}/{log}/delen/{quote(volume, safe='')}"


def tile_path(index: int, width: int = FULL) -> str:
    """Where a tile or bundle stands: `x001/x234/067`, or `x001/x234/067.p/8` if partial.

    Raise `ValueError` for an index below 0 or a width outside 1..256.
    """
    if index < 0 or not 1 <= width <= FULL:
        raise ValueError("a tile has an index from 0 and a width from 1 to 256")
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups) + ("" if width == FULL else f".p/{width}")
