"""Settings: read once, at the composition root, and handed down. No secret has a default.

Every setting is an environment variable `SLUIS_<NAME>`; `docs/operating.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "SLUIS_"
MEBIBYTE = 1024 * 1024


class SettingsError(Exception):
    """A setting is missing or out of bounds; the message names it, never its value."""


class Settings(BaseModel):
    """What an operator can set. Sizes are bytes, times seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Path("var")
    database_url: str | None = Field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str | None = None
    oin: Annotated[str, Field(pattern=r"^[0-9]{20}$")] = "00000099000000001000"
    key_provider: Annotated[str, Field(pattern=r"^(file|environment)$")] = "file"
    protocol: Path | None = None
    routes: Path | None = None
    spans: Path | None = None
    journal: Path | None = None
    municipality: Annotated[str, Field(pattern=r"^[0-9]{4}$")] = "0363"
    ijw_schemas: Path | None = None
    suwi_schemas: Path | None = None
    backup_days: Annotated[int, Field(ge=1, le=365)] = 30
    max_message: Annotated[int, Field(ge=1024)] = 256 * 1024
    max_delivery: Annotated[int, Field(ge=1024)] = 1024 * MEBIBYTE
    uploads_per_partner: Annotated[int, Field(ge=1, le=1000)] = 8
    upload_bytes_per_partner: Annotated[int, Field(ge=1024)] = 4096 * MEBIBYTE
    upload_lifetime: Annotated[int, Field(ge=60, le=7 * 86400)] = 86400
    queue_per_sender: Annotated[int, Field(ge=1024)] = 32 * MEBIBYTE
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    writers: Annotated[int, Field(ge=1, le=16)] = 2
    group_size: Annotated[int, Field(ge=1, le=256)] = 256
    request_timeout: Annotated[float, Field(gt=0)] = 30.0
    release_lapse: Annotated[float, Field(gt=0, le=10)] = 10.0
    checkpoint_every: Annotated[float, Field(gt=0, le=1)] = 0.25
    unsigned_most: Annotated[float, Field(gt=0)] = 300.0
    token_lifetime: Annotated[int, Field(ge=60, le=3600)] = 600
    client_certificates: bool = False
    collector: str | None = Field(default=None, repr=False)
    access_collector: str | None = Field(default=None, repr=False)
    collector_headers: Path | None = None
    push_private: bool = False
    push_lanes: Annotated[int, Field(ge=1, le=4096)] = 512
    search_share: Annotated[float, Field(ge=0, le=1)] = 0.1

    @property
    def journal_folder(self) -> Path:
        """Where the journal stands: outside the database, so that it is not put back with it."""
        return self.journal or self.home / "journal"

    @property
    def base_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` naming the variable at fault."""
    known = Settings.model_fields
    given = {
        name: environment[PREFIX + name.upper()]
        for name in known
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + ".".join(str(step) for step in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from error
