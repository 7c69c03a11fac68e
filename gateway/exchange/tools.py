"""What deciding takes besides messages and rules; made once, at the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.exchange.routing import Routes
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.vault.boxes import Vault
from gateway.vault.journal import Journal


class ProtectedSide(NamedTuple):
    """What protected exchanges have of their own: a log's name and key, and persons' handles."""

    origin: str
    promise_key: Ed25519PrivateKey
    handles: ProtectedHandles


@dataclass(frozen=True, slots=True)
class GroupTools:
    """What deciding a group takes besides its messages."""

    vault: Vault
    routes: Routes
    origin: str
    promise_key: Ed25519PrivateKey
    clock: Callable[[], datetime]
    handles: Handles
    protected: ProtectedSide
    journal: Journal
