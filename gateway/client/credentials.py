"""A partner's credentials: `client.toml` and the private key that stands beside it.

The key never leaves this machine: the gateway registers its public half, and every token is
asked for with an assertion signed here (`private_key_jwt`, RFC 7523). A key that others can read
is refused, as ssh does, and so is a road that others can read: plain http is for this machine.
A certificate that goes with the key, where one is named, is shown on every connection (RFC 8705).
"""

from __future__ import annotations

import json
import os
import ssl
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.client.errors import Misconfigured
from gateway.client.sealed import ENCRYPTION_FILE, OpeningKey, opening_key

SETTINGS_FILE = "client.toml"
KEY_FILE = "client.pem"
_REQUIRED = ("partner", "base_url", "key_id", "key_file")
_CERTIFICATE = "certificate_file"
"""May be left out: the certificate that the key came to the gateway in, with its chain, PEM."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who calls, where, and with which key; `base_url` has no slash at its end.

    In `folder` the client keeps receipts and the newest checkpoint of the log; nowhere without it.
    """

    partner: str
    base_url: str
    key_id: str
    key: ECKey | OKPKey | RSAKey = field(repr=False)
    folder: Path | None = None
    opens: OpeningKey | None = field(default=None, repr=False)
    """What opens mail that was sealed for this partner (`encryption.pem`), where it is here."""
    certified: tuple[Path, Path] | None = None
    """The files of the certificate and its key, where connections are to show one."""

    @property
    def tls(self) -> ssl.SSLContext | bool:
        """How connections are made, as httpx wants it: with the certificate, where there is one."""
        if self.certified is None:
            return True
        # What httpx trusts by itself, so that a certificate of one's own changes nothing else.
        context = httpx.create_ssl_context(trust_env=not self.is_local)
        context.load_cert_chain(*self.certified)
        return context

    @property
    def algorithm(self) -> str:
        """The signature that the key makes, of those that the gateway takes."""
        if isinstance(self.key, ECKey):
            return "ES256"
        return "PS256" if isinstance(self.key, RSAKey) else "EdDSA"

    @property
    def is_local(self) -> bool:
        """Whether the gateway is on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """What the gateway must register of a new key pair."""

    key_id: str
    pem: str


def load(folder: Path) -> Credentials:
    """The credentials in `folder`; raise `Misconfigured`, with the remedy, if they will not do."""
    settings = _settings(folder)
    base_url = settings["base_url"].rstrip("/")
    sealed_for = folder / ENCRYPTION_FILE
    credentials = Credentials(
        partner=settings["partner"],
        base_url=base_url,
        key_id=settings["key_id"],
        key=_private_key(folder / settings["key_file"]),
        folder=folder,
        opens=opening_key(sealed_for) if sealed_for.exists() else None,
        certified=_certified(folder, settings),
    )
    return _on_a_safe_road(credentials, f"base_url in {folder / SETTINGS_FILE}")


def elsewhere(credentials: Credentials, base_url: str) -> Credentials:
    """The same for another gateway. Raises `Misconfigured` where the road to it is open."""
    moved = replace(credentials, base_url=base_url.rstrip("/"))
    return _on_a_safe_road(moved, "that address")


def _on_a_safe_road(credentials: Credentials, named: str) -> Credentials:
    if urlsplit(credentials.base_url).scheme != "https" and not credentials.is_local:
        raise Misconfigured(
            f"{named} would send personal data unencrypted",
            "give an https address; plain http is for a gateway on this machine",
        )
    return credentials


def create(folder: Path, *, partner: str, base_url: str) -> PublicHalf:
    """Make a P-256 key pair and its `client.toml` in `folder`; never replaces credentials.

    The settings are written last: what a crash leaves is a key alone, which the next call uses.
    """
    if (folder / SETTINGS_FILE).exists():
        raise Misconfigured(
            f"there are credentials in {folder} already", "remove the folder to begin anew"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_path = folder / KEY_FILE
    if not key_path.exists():
        _write(key_path, ECKey.generate_key("P-256").as_pem(private=True), mode=0o600)
    key = _private_key(key_path)
    key_id = key.thumbprint()
    values = (partner, base_url, key_id, KEY_FILE)
    _write_settings(folder, dict(zip(_REQUIRED, values, strict=True)))
    return PublicHalf(key_id, key.as_pem(private=False).decode("ascii"))


def point_at(folder: Path, base_url: str) -> None:
    """Change where the gateway is, and nothing else (it may come back on another port)."""
    _write_settings(folder, {**_settings(folder), "base_url": base_url})


def _settings(folder: Path) -> Mapping[str, str]:
    path = folder / SETTINGS_FILE
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            f"there are no credentials of {folder.name}: {path} does not exist",
            "register the partner with the gateway first, or name its folder with --home",
        ) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or endlessly nested
        raise Misconfigured(f"{path} is not readable as TOML", "correct or renew it") from error
    missing = [name for name in _REQUIRED if not isinstance(found.get(name), str)]
    if missing:
        raise Misconfigured(f"{path} lacks {', '.join(missing)}", "add it, as text between quotes")
    if not isinstance(found.get(_CERTIFICATE, ""), str):
        raise Misconfigured(f"{_CERTIFICATE} in {path} is no text", "put it between quotes")
    return {name: found[name] for name in (*_REQUIRED, _CERTIFICATE) if name in found}


def _certified(folder: Path, settings: Mapping[str, str]) -> tuple[Path, Path] | None:
    if _CERTIFICATE not in settings:
        return None
    files = folder / settings[_CERTIFICATE], folder / settings["key_file"]
    if not files[0].is_file():
        raise Misconfigured(
            f"the certificate {files[0]} does not exist",
            f"put it there, or correct {SETTINGS_FILE}",
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*files)
    except (ssl.SSLError, OSError):
        # Not `from`: a parser's error has no business near a key.
        raise Misconfigured(
            f"{files[0]} is no certificate of the key {files[1]}",
            "give the certificate that was registered with this key, PEM, and after it its chain",
        ) from None
    return files


def _private_key(path: Path) -> ECKey | OKPKey | RSAKey:
    try:
        with path.open("rb") as file:
            # The mode of the file that was opened, not of what the name may stand for by now.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(65_536)
    except FileNotFoundError:
        raise Misconfigured(
            f"the key {path} does not exist", f"put it there, or correct {SETTINGS_FILE}"
        ) from None
    if mode & 0o077:
        raise Misconfigured(
            f"the key {path} can be read or changed by others (mode {mode:03o})",
            f"chmod 600 {path}; renew the key if others may have read it",
        )
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not `from`: a parser's error has no business near a key.
        raise Misconfigured(
            f"{path} holds no private key that can be read", "give a PEM file without a password"
        ) from None
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ECKey.import_key(key)
    if isinstance(key, RSAPrivateKey) and key.key_size >= 2048:
        return RSAKey.import_key(key)
    if isinstance(key, Ed25519PrivateKey):
        return OKPKey.import_key(key)
    raise Misconfigured(f"{path} holds another kind of key", "give P-256, Ed25519 or RSA")


def _write_settings(folder: Path, values: Mapping[str, str]) -> None:
    # A JSON string is a valid basic string in TOML.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
    waiting = folder / f".{SETTINGS_FILE}.new"
    waiting.unlink(missing_ok=True)
    _write(waiting, "".join(lines).encode(), mode=0o600)
    waiting.replace(folder / SETTINGS_FILE)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
