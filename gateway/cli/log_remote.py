"""A log on somebody's server, read as it is verified: any C2SP tiled log over HTTPS.

Rules: C2SP tlog-tiles. What comes is as little believed as a folder's files, so the transport need
not be trusted; it is encrypted all the same, except on this machine. Redirections are not followed,
and no answer is read beyond what its kind may have. Nothing lists a server's files, so what lies
there besides the log goes unseen; what the signed root covers is checked whole.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx

from gateway.audit.folder import CHECKPOINT_FILE
from gateway.audit.merkle import HASH_SIZE
from gateway.audit.note import MAX_NOTE_BYTES
from gateway.audit.tiles import (
    MAX_BUNDLE_BYTES,
    MAX_TILE_BYTES,
    Bundle,
    Tile,
    TileError,
    TileMissingError,
    join_bundle,
    split_bundle,
)
from gateway.cli.failures import WRONGLY_ASKED, Failure

_SECONDS = 30.0


def is_address(named: str) -> bool:
    """Whether a log was named by its address."""
    return named.startswith(("https://", "http://"))


class RemoteLog:
    """Reads a log's files from its prefix; use it as a context."""

    def __init__(self, address: str, token: str | None = None) -> None:
        """`token` is for a server that asks who calls. Raises `Failure` for an unsafe address."""
        url = httpx.URL(address)
        if url.scheme != "https" and not _is_here(url.host):
            told = "a log elsewhere is read over https only"
            raise Failure(told, "write https://, or name a folder", WRONGLY_ASKED)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._prefix = address.rstrip("/")
        self._http = httpx.Client(headers=headers, timeout=_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def checkpoint(self) -> bytes:
        """The signed checkpoint's bytes, unverified."""
        return self._read(CHECKPOINT_FILE, MAX_NOTE_BYTES)

    def read(self, piece: Tile | Bundle) -> bytes:
        """A tile or bundle, unverified; cut from the full one where the partial one is gone."""
        limit = MAX_BUNDLE_BYTES if isinstance(piece, Bundle) else MAX_TILE_BYTES
        try:
            return self._read(piece.path, limit)
        except TileMissingError:
            if isinstance(piece, Tile):
                whole = self._read(Tile(piece.level, piece.index).path, limit)
                return whole[: piece.width * HASH_SIZE]
            full = Bundle(piece.index)
            return join_bundle(split_bundle(self._read(full.path, limit), full)[: piece.width])

    def files(self) -> Iterator[str] | None:
        """Nobody lists them."""
        return None

    def _read(self, name: str, limit: int) -> bytes:
        data = bytearray()
        try:
            with self._http.stream("GET", f"{self._prefix}/{name}") as answer:
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    raise TileMissingError("is not on the server", name)
                if answer.status_code != HTTPStatus.OK:
                    raise TileError(f"the server answered {answer.status_code}", name)
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > limit:
                        raise TileError("is larger than it can be", name)
        except httpx.HTTPError as error:
            raise TileError(f"cannot be fetched ({type(error).__name__})", name) from None
        return bytes(data)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
