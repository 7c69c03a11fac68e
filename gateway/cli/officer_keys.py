"""An officer's key pair as commands meet it: where it stands, made here or read, and used once.

The private half signs what was just shown and is let go; the gateway keeps the public half alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.identity.keys import UnacceptableKeyError, read_public_key

OfficerOption = Annotated[str, typer.Option("--as", metavar="OFFICER", help="Who signs.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", help="The officer's private key, if it stands elsewhere."
    ),
]
_KEY_FILE = "officer.pem"


def key_path(home: Path, officer: str) -> Path:
    """Where an officer's key stands that was made here."""
    return home / "officers" / officer / _KEY_FILE


def signing_key(home: Path, officer: str, key: Path | None) -> Ed25519PrivateKey:
    """The key that an officer signs with: the file that was named, or the one that was made here.

    Raises `Failure` or `OSError`.
    """
    path = key or key_path(home, officer)
    if not path.is_file():
        raise Failure(
            f"there is no key of {officer} at {path}", "name it with --key FILE", WRONGLY_ASKED
        )
    return _private(path)


def read_public(path: Path) -> tuple[str, bytes]:
    """The id and the bytes of a public key that was brought. Raises `Failure` or `OSError`."""
    try:
        read = read_public_key(path.read_bytes())
    except UnacceptableKeyError as error:
        raise Failure(f"{path}: {error}", "ask the officer for it", WRONGLY_ASKED) from None
    key = read.key.public_key
    if not isinstance(key, Ed25519PublicKey):
        raise Failure(f"{path}: officers sign with Ed25519", "ask for such a key", WRONGLY_ASKED)
    return read.kid, _raw(key)


def make_key(path: Path) -> tuple[str, bytes]:
    """The id and the public bytes of the key that stands here, made if there is none."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    private = _private(path)
    return key_id_of(private), _raw(private.public_key())


def key_id_of(private: Ed25519PrivateKey) -> str:
    """The id that a key is registered under."""
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return read_public_key(pem).kid


def _private(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise Failure(f"the key {path} can be read by others", f"chmod 600 {path}", WRONGLY_ASKED)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not `from`: a parser's error has no business near a key.
        raise Failure(
            f"{path} holds no private key that can be read", "give a PEM file without a password"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"{path} holds another kind of key", "officers sign with Ed25519")
    return key


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
