"""Registering partners from the command line: what is checked first, and what is written where.

The private key is made for a sandbox partner only, and stays in its folder; of every other partner
we see the public key. Whatever is wrong is told before anything is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.registry import ADAPTERS
from gateway.cli.failures import WRONGLY_ASKED, Failure, failure_of
from gateway.client import credentials
from gateway.identity.binding import CERTIFICATE_MEMBER
from gateway.identity.certificates import (
    Certificate,
    UnacceptableCertificateError,
    read_certificate,
)
from gateway.identity.keys import PublicKey, UnacceptableKeyError, read_public_key
from gateway.identity.oin import InvalidOinError, check_oin
from gateway.store.partners import (
    AlreadyRegisteredError,
    NewPartner,
    PartnerKey,
    StoredPartner,
    UnknownPartnerError,
    add_key,
    list_partners,
    register_partner,
)
from schemas.identifiers import PartnerId

KEY_DAYS = 365
_ID = TypeAdapter(PartnerId)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SandboxPartner:
    """A partner whose credentials stand on this machine; whether anything was registered now."""

    folder: Path
    key: PartnerKey
    is_new: bool


class Wrongs:
    """Everything that is wrong with what was asked, gathered so that it is told at once."""

    def __init__(self) -> None:
        self._found: list[Failure] = []

    @contextmanager
    def catching(self) -> Iterator[None]:
        """A look that may find something wrong; the next one is taken all the same."""
        try:
            yield
        except Failure as failure:
            self._found.append(failure)
        except OSError as error:
            # As it is told by itself: the file, and why it cannot be had.
            told = failure_of(error)
            if told is None:
                raise
            self._found.append(told)

    def end(self) -> None:
        """Raise what was found, as one `Failure`; nothing was stored yet."""
        if not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0]
        lines = [f"{one.message} ({one.remedy})" for one in self._found]
        raise Failure(
            f"{len(lines)} things are wrong:\n  " + "\n  ".join(lines),
            "correct them; nothing was registered",
            max(one.status for one in self._found),
            {"problems": [{"error": o.message, "remedy": o.remedy} for o in self._found]},
        )


def checked_partner(
    partner: str, name: str, oin: str, adapter: str, kind: str, wrongs: Wrongs | None = None
) -> NewPartner:
    """A partner as it may be registered. Raises `Failure`; into `wrongs`, where they are given."""
    found = Wrongs() if wrongs is None else wrongs
    name = name.strip()
    with found.catching():
        _check_id(partner)
    with found.catching():
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            remedy = f"1 to {_LONGEST_NAME} characters"
            raise Failure("--name is the organisation's name", remedy, WRONGLY_ASKED)
    with found.catching():
        if adapter not in ADAPTERS:
            known = f"one of: {', '.join(ADAPTERS)}"
            raise Failure("--adapter names no known format", known, WRONGLY_ASKED)
    with found.catching():
        _check_oin(oin)
    if wrongs is None:
        found.end()
    return NewPartner(partner, name, oin, adapter, kind)


def _check_id(partner: str) -> None:
    try:
        _ID.validate_python(partner)
    except ValidationError:
        raise Failure(
            "ID is a partner's short name",
            "lower-case letters, digits and hyphens, such as dwi",
            WRONGLY_ASKED,
        ) from None


def _check_oin(oin: str) -> None:
    try:
        check_oin(oin)
    except InvalidOinError as error:
        remedy = "look it up in the OIN register; numbers for test begin with 00000099"
        raise Failure(f"--oin: {error}", remedy, WRONGLY_ASKED) from None


def read_key(path: Path, valid_days: int = KEY_DAYS) -> PartnerKey:
    """A partner's public key from a file, PEM or JWK. Raises `Failure` or `OSError`."""
    try:
        return _valid(read_public_key(path.read_bytes()), valid_days)
    except UnacceptableKeyError as error:
        remedy = "ask the partner for its public key: P-256, Ed25519, or RSA from 2048 bits"
        raise Failure(f"{path}: {error}", remedy, WRONGLY_ASKED) from None


def read_certified(path: Path, oin: str, ca: Path | None = None) -> tuple[PartnerKey, Certificate]:
    """A partner's key as its certificate has it, good for as long as that is.

    Raises `Failure` or `OSError`.
    """
    authorities = None if ca is None else ca.read_bytes()
    try:
        found = read_certificate(path.read_bytes(), datetime.now(UTC), authorities)
    except UnacceptableCertificateError as error:
        remedy = "ask the partner for another certificate"
        raise Failure(f"{path}: {error}", remedy, WRONGLY_ASKED) from None
    if found.oin != oin:
        raise Failure(
            f"{path} bears another OIN than --oin",
            "the subject's serialNumber and --oin must be one; see which is the partner's",
            WRONGLY_ASKED,
        )
    # Named by the certificate, not by its key: one that is renewed on the same key stands beside
    # the old one, so that nobody has to change at one moment.
    kid = found.thumbprint
    jwk = {**found.key.jwk, "kid": kid, CERTIFICATE_MEMBER: found.thumbprint}
    return PartnerKey(kid, jwk, found.expires_at), found


def sandbox_key(
    home: Path, partner: str, base_url: str, valid_days: int = KEY_DAYS
) -> tuple[Path, PartnerKey]:
    """The folder with a sandbox partner's credentials, made if need be, and its public key.

    Credentials that are there are used as they are: registering again after the database was
    thrown away must not change a partner's key.
    """
    folder = home / "partners" / partner
    if (folder / credentials.SETTINGS_FILE).exists():
        found = credentials.load(folder)
        if found.partner != partner:
            raise Failure(f"the credentials in {folder} are another partner's", "remove the folder")
        if found.base_url != base_url:
            credentials.point_at(folder, base_url)
        key_id, pem = found.key_id, found.key.as_pem(private=False)
    else:
        made = credentials.create(folder, partner=partner, base_url=base_url)
        key_id, pem = made.key_id, made.pem.encode("ascii")
    return folder, _valid(replace(read_public_key(pem), kid=key_id), valid_days)


async def register_sandbox_partner(
    engine: AsyncEngine,
    partner: NewPartner,
    home: Path,
    base_url: str,
    valid_days: int = KEY_DAYS,
    also: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> SandboxPartner:
    """Register a sandbox partner and write its credentials. Raises `AlreadyRegisteredError`."""
    # Before the credentials are made: none may lie about that the gateway does not know.
    for one in await list_partners(engine):
        if one.id == partner.id or one.oin == partner.oin:
            raise AlreadyRegisteredError("id" if one.id == partner.id else "oin")
    folder, key = sandbox_key(home, partner.id, base_url, valid_days)
    await register_partner(engine, partner, [key], also)
    return SandboxPartner(folder, key, is_new=True)


async def ensure_sandbox_partner(
    engine: AsyncEngine, partner: NewPartner, home: Path, base_url: str
) -> SandboxPartner:
    """A sandbox partner with credentials that work; no effect where that is so already."""
    known = {one.id: one for one in await list_partners(engine)}
    folder, key = sandbox_key(home, partner.id, base_url)
    if partner.id not in known:
        await register_partner(engine, partner, [key])
    elif key.kid not in {one.kid for one in known[partner.id].keys}:
        await add_key(engine, partner.id, key)
    else:
        return SandboxPartner(folder, key, is_new=False)
    return SandboxPartner(folder, key, is_new=True)


async def known_partner(engine: AsyncEngine, partner: str) -> StoredPartner:
    """A partner as it stands. Raises `UnknownPartnerError`."""
    for one in await list_partners(engine):
        if one.id == partner:
            return one
    raise UnknownPartnerError("there is no partner with this id")


def _valid(public: PublicKey, days: int) -> PartnerKey:
    jwk = {**public.jwk, "kid": public.kid}
    return PartnerKey(public.kid, jwk, datetime.now(UTC) + timedelta(days=days))
