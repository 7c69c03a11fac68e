"""What an officer orders, and what making a pack takes of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.series import Logbooks
from gateway.reports.breach.scope import Asked
from gateway.store.partners import suspend_partner
from gateway.vault.boxes import Vault
from gateway.vault.keys import KeyProvider


@dataclass(frozen=True, slots=True)
class Order:
    """What an officer orders, besides what it is about."""

    asked: Asked
    officer: str
    case: str | None = None
    reason: str | None = None
    discovered_at: datetime | None = None
    suspends: bool = False
    is_protected: bool = False
    second: str | None = None
    """A second officer, with whom names are opened."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What making a pack takes of the gateway."""

    vault: Vault
    keys: KeyProvider
    logbooks: Logbooks
    suspend: Callable[[AsyncEngine, str], Awaitable[object]] = suspend_partner
