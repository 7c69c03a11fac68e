"""Where keys come from: a provider, never the database or its folder (design section 6).

`FileKeys` is for trying out and for one machine: a folder of its own with mode 0700, made on first
use. `EnvironmentKeys` takes the root key from the environment, as an orchestrator's secret store
gives it. Key-encryption keys belong to weekly epochs; `FileKeys` draws each at random, so that
destroying an epoch's file makes older backups unreadable; `EnvironmentKeys` derives them and
cannot destroy one alone, which `docs/operating.md` says. A destroyed key leaves a mark: its epoch
gets no other in its place.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
EPOCH_SECONDS = 7 * 24 * 3600
_KEY_FILE = re.compile(r"kek-([0-9]+)\.(key|destroyed)")


class KeyUnavailableError(Exception):
    """A key that is needed cannot be had; the message names the key, never its bytes."""


class KeyDestroyedError(KeyUnavailableError):
    """The key of this epoch was destroyed, on purpose and for good."""


class CannotDestroyError(Exception):
    """This provider cannot destroy one epoch's key alone."""


class KeyProvider(Protocol):
    """Hands out keys by name."""

    @property
    def can_destroy(self) -> bool:
        """Whether the key of one epoch can be destroyed alone."""
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte secret for one use, the same at every call."""
        ...

    def key_encryption_key(self, epoch: int, *, makes: bool = False) -> bytes:
        """The 32-byte key of one epoch; drawn at its first use where `makes`.

        Raises `KeyDestroyedError` once it was destroyed, `KeyUnavailableError` where it is missing.
        """
        ...

    def epochs(self) -> Mapping[int, bool]:
        """The epochs of which something is kept here, and whether their key is destroyed."""
        ...

    def destroy(self, epoch: int) -> None:
        """Destroy the key of one epoch; again, it changes nothing. Raises `CannotDestroyError`."""
        ...


def epoch_of(moment: datetime) -> int:
    """The weekly key epoch of a moment."""
    return int(moment.timestamp()) // EPOCH_SECONDS


def epoch_ends(epoch: int) -> datetime:
    """The moment at which an epoch is over."""
    return datetime.fromtimestamp((epoch + 1) * EPOCH_SECONDS, UTC)


def signing_key(keys: KeyProvider, name: str) -> Ed25519PrivateKey:
    """The Ed25519 key of this name."""
    return Ed25519PrivateKey.from_private_bytes(keys.secret(f"sign/{name}"))


class FileKeys:
    """Keys in a folder of their own."""

    can_destroy = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise KeyUnavailableError(f"{folder} is open to others: chmod 700 it")
        self._folder = folder
        self._root = self._read_or_make("root.key")

    def secret(self, name: str) -> bytes:
        return _derive(self._root, name)

    def key_encryption_key(self, epoch: int, *, makes: bool = False) -> bytes:
        if self._mark(epoch).exists():
            raise KeyDestroyedError(f"the key of epoch {epoch} was destroyed")
        name = f"kek-{epoch}.key"
        if makes:
            return self._read_or_make(name)
        try:
            return self._checked(self._folder / name)
        except FileNotFoundError as error:
            raise KeyUnavailableError(
                f"{name} is missing: restore it from its own backup"
            ) from error

    def epochs(self) -> Mapping[int, bool]:
        found = {
            int(match[1]): match[2] == "destroyed"
            for path in sorted(self._folder.iterdir(), reverse=True)
            if (match := _KEY_FILE.fullmatch(path.name))
        }
        # A crash can leave the key beside its mark: the mark counts.
        return {epoch: self._mark(epoch).exists() for epoch in sorted(found)}

    def destroy(self, epoch: int) -> None:
        # First the mark, durably: whatever happens after it, nobody draws another key for this
        # epoch, and nobody reads this one. A crash before the removal is mended by the next call.
        mark, path = self._mark(epoch), self._folder / f"kek-{epoch}.key"
        mark.touch(mode=0o600)
        _sync_folder(self._folder)
        if path.exists():
            with path.open("r+b") as file:
                # What the medium keeps of it is the medium's; the file itself holds it no more.
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        _sync_folder(self._folder)

    def _mark(self, epoch: int) -> Path:
        return self._folder / f"kek-{epoch}.destroyed"

    def _read_or_make(self, name: str) -> bytes:
        path = self._folder / name
        try:
            return self._checked(path)
        except FileNotFoundError:
            pass
        # A hard link puts the whole key in place or fails: of two processes one wins, and a crash
        # leaves no half-written key under the real name.
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_folder(self._folder)
        return self._checked(path)

    @staticmethod
    def _checked(path: Path) -> bytes:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise KeyUnavailableError(f"{path.name} is damaged: restore it from its own backup")
        return key


class EnvironmentKeys:
    """Keys derived from `SLUIS_ROOT_KEY`: 32 bytes, base64."""

    can_destroy = False

    def __init__(self, environment: Mapping[str, str]) -> None:
        try:
            root = base64.b64decode(environment.get("SLUIS_ROOT_KEY", ""), validate=True)
        except binascii.Error as error:
            raise KeyUnavailableError("SLUIS_ROOT_KEY is not base64") from error
        if len(root) != KEY_BYTES:
            raise KeyUnavailableError("SLUIS_ROOT_KEY must hold 32 bytes in base64")
        self._root = root

    def secret(self, name: str) -> bytes:
        return _derive(self._root, name)

    def key_encryption_key(self, epoch: int, *, makes: bool = False) -> bytes:  # noqa: ARG002  # derived, so always there
        return _derive(self._root, f"kek/{epoch}")

    def epochs(self) -> Mapping[int, bool]:
        return {}

    def destroy(self, epoch: int) -> None:
        raise CannotDestroyError(
            f"the key of epoch {epoch} follows from the root key, and cannot be destroyed alone"
        )


def _derive(root: bytes, name: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"sluis/{name}".encode()).derive(root)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
