"""Do these keys belong to this database? Asked once, before anything is served.

With other keys nothing old would open and everything new would be lost to the old keys; and a log
signed by another key is another log.
"""

from __future__ import annotations

import os

import asyncpg

from gateway.store.groups import Connection
from gateway.vault.boxes import NONCE_BYTES, DataKey, SealBrokenError
from gateway.vault.keys import KeyProvider

_PLACE = b"sluis/key-check"


class KeysDoNotFitError(Exception):
    """The keys are not those under which this database was made."""


async def check_keys(pool: asyncpg.Pool | Connection, keys: KeyProvider) -> None:
    """Seal a mark on the first start, open it on every later one. Raises `KeysDoNotFitError`."""
    key = DataKey(keys.secret("key-check"))
    mark = key.seal(_PLACE, _PLACE, os.urandom(NONCE_BYTES))
    await pool.execute("insert into key_check (sealed) values ($1) on conflict do nothing", mark)
    sealed = await pool.fetchval("select sealed from key_check")
    try:
        key.open(sealed, _PLACE)
    except SealBrokenError as error:
        raise KeysDoNotFitError(
            "these keys are not those of this database: restore the keys that belong to it"
        ) from error
