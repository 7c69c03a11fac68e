"""A witness of one's own: the server behind `sluis witness serve` (C2SP tlog-witness).

For an auditor or a partner, who runs it at their own place against any log whose key they know; it
uses nothing of a gateway but the formats. Plain ASGI, for there are two routes:

1. `POST /add-checkpoint`: judge, keep on disk, cosign, answer; one at a time, so that no two
   requests are compared with the same state.
2. `GET /<SHA-256 of the origin>/checkpoint`: the newest that was cosigned, for monitors.

What a log signed and cannot be cosigned is kept: two histories under one key are the proof that a
log's operator most needs to be shown.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from starlette.types import Receive, Scope, Send

from gateway.audit.note import KeyKind, VerifierKey, cosign_text, parse_note
from gateway.audit.witness import (
    ADD_CHECKPOINT,
    MAX_REQUEST,
    SIZE_TYPE,
    Rejection,
    judge,
    read_submission,
    signed_checkpoint,
    with_cosignatures,
)
from gateway.audit.witness_book import WitnessBook
from gateway.cli.failures import WRONGLY_ASKED, Failure

KEY_FILE = "getuige.pem"
NAME_FILE = "getuige.naam"
BODY_SECONDS = 10.0
_MONITORED = re.compile(r"/([0-9a-f]{64})/checkpoint")
_WORTH_KEEPING = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)

Answer = tuple[HTTPStatus, str, bytes]


@dataclass(frozen=True, slots=True)
class Signer:
    """The witness itself: its name and key."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """What logs and their clients know it by."""
        return VerifierKey.of(self.name, self.key, KeyKind.COSIGNATURE)


class WitnessServer:
    """The application; `trusted` are the keys of the logs that it knows, by origin."""

    def __init__(
        self,
        signer: Signer,
        trusted: Mapping[str, Sequence[VerifierKey]],
        book: WitnessBook,
        *,
        now: Callable[[], float] = time.time,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`told` gets a line for each checkpoint that was refused."""
        self._signer = signer
        self._trusted = trusted
        self._book = book
        self._now = now
        self._told = told
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("a witness speaks HTTP")
        status, media_type, body = await self._answer(scope, receive)
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if path == ADD_CHECKPOINT:
            if method != "POST":
                return _text(HTTPStatus.METHOD_NOT_ALLOWED, "POST a checkpoint")
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _body(receive)
            except TimeoutError:
                return _text(HTTPStatus.REQUEST_TIMEOUT, "the request did not come in")
            if body is None:
                return _text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")
            return await self._add(body)
        monitored = _MONITORED.fullmatch(path)
        if monitored is not None and method in ("GET", "HEAD"):
            note = self._book.by_hash(monitored[1])
            if note is not None:
                return HTTPStatus.OK, "text/plain; charset=utf-8", note
        return _text(HTTPStatus.NOT_FOUND, "nothing was cosigned here")

    async def _add(self, body: bytes) -> Answer:
        async with self._one_at_a_time:
            try:
                # In a thread: bringing it to disk takes milliseconds that monitors need not wait.
                return await asyncio.to_thread(self._cosigned, body)
            except Rejection as rejection:
                return self._refused(rejection)
            except OSError:
                # Not kept, so not cosigned: a witness without a memory is none.
                self._told("the book cannot be written; nothing is cosigned")
                return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "the book cannot be written")

    def _cosigned(self, body: bytes) -> Answer:
        submission = read_submission(body)
        stated = signed_checkpoint(submission, self._trusted)
        try:
            cosigned = judge(submission, stated, self._book.newest(stated.origin))
        except Rejection as rejection:
            if rejection.status in _WORTH_KEEPING and self._contradicts(rejection, stated.size):
                self._book.keep_refused(rejection.rule, body)
                self._told(f"{stated.origin} at {stated.size}: {rejection.rule}; kept")
            raise
        text = parse_note(submission.checkpoint).text
        line = cosign_text(text, self._signer.name, self._signer.key, int(self._now()))
        self._book.keep(stated.origin, cosigned, with_cosignatures(submission.checkpoint, [line]))
        # Only from here on may anybody see the cosignature: the book has it.
        return HTTPStatus.OK, "text/plain; charset=utf-8", line.line().encode()

    @staticmethod
    def _contradicts(rejection: Rejection, size: int) -> bool:
        """Whether the log cannot be right; one that only lost count asks again."""
        return rejection.size is None or size < rejection.size

    @staticmethod
    def _refused(rejection: Rejection) -> Answer:
        if rejection.size is not None:
            return rejection.status, SIZE_TYPE, b"%d\n" % rejection.size
        return _text(rejection.status, rejection.rule)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    pieces, size = [], 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_REQUEST:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _text(status: HTTPStatus, told: str) -> Answer:
    return status, "text/plain; charset=utf-8", f"{told}\n".encode()


def signer_in(folder: Path, name: str | None) -> Signer:
    """The witness of this folder; made at the first start, when it needs a name.

    Raises `Failure` where the name is missing or another one, or where others can read the key.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_path, name_path = folder / KEY_FILE, folder / NAME_FILE
    if not name_path.exists():
        if name is None:
            remedy = "give --name, such as getuige.voorbeeld.nl/sluis; it stays its name for good"
            raise Failure("a new witness needs a name", remedy, WRONGLY_ASKED)
        _make(key_path, name_path, name)
    known = name_path.read_text(encoding="utf-8").strip()
    if name not in (None, known):
        remedy = "leave --name out, or begin another witness in another folder"
        raise Failure("this folder is of a witness with another name", remedy, WRONGLY_ASKED)
    with key_path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise Failure(f"{key_path} can be read by others", f"chmod 600 {key_path}")
        key = load_pem_private_key(file.read(65_536), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Failure(f"{key_path} holds another kind of key", "a witness signs with Ed25519")
    return Signer(known, key)


def _make(key_path: Path, name_path: Path, name: str) -> None:
    key = Ed25519PrivateKey.generate()
    VerifierKey.of(name, key, KeyKind.COSIGNATURE)  # raises where the name will not do
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The name last: what a crash leaves is a key without one, which the next start replaces.
    for path, content in ((key_path, pem), (name_path, f"{name}\n".encode())):
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
