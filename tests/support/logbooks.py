"""Logbooks whose every series has the same, known key."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.series import NAMES, Logbooks

YEAR = f"{datetime.now(ZoneInfo('Europe/Amsterdam')):%Y}"
"""The name of the volumes that a new database opens."""


class KnownKey(Logbooks):
    """The logs of a gateway called `proef`."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._oin = "proef"
        self._keys = dict.fromkeys(NAMES, key)
