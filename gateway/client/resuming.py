"""A large delivery in an upload that goes on where it broke off, also after a restart.

The IETF's resumable uploads (draft-ietf-httpbis-resumable-upload): an empty request begins one, so
that its address is known before any byte goes out; then the bytes follow in one request, and after
each break from where the gateway says that it has them. The address stands in the partner's folder
under the file's own digest: another file, or a changed one, is another upload. Who breaks off
without getting further gives up after as many attempts as any call; who gets further goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx

from gateway.client.answers import problem_of, succeeded
from gateway.client.errors import Declined, Garbled, Unavailable, Unreachable
from gateway.client.transport import Call, Transport
from gateway.client.upload import Upload

FROM_BYTES = 1024 * 1024
"""Smaller files go in one request: sending them again costs less than asking."""
FOLDER = "uploads"
ROAD = "/v1/leveringen"
_PLACE = re.compile(r"/v1/leveringen/uploads/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORGET_AFTER = 8 * 86400.0
"""Seconds; no gateway keeps an unfinished upload longer than a week."""
_MOST_BEGUN = 3
_SLOW = 600.0

Resumed = Callable[[int], None]
"""Told from which byte an upload goes on that broke off before."""


class UploadNote:
    """Where one file's upload stands at the gateway; held by one process at a time."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def place(self) -> str | None:
        """The upload's address, if an earlier run began one."""
        try:
            told = json.loads(os.pread(self._descriptor, 1000, 0))
            place = told["place"]
        except (ValueError, KeyError, TypeError):
            return None
        return place if isinstance(place, str) and _PLACE.fullmatch(place) else None

    def keep(self, place: str) -> None:
        """On disk when this returns."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"place": place}).encode() + b"\n", 0)
        os.fsync(self._descriptor)

    def forget(self) -> None:
        """The upload is over."""
        self._path.unlink(missing_ok=True)


@contextmanager
def note_of(
    folder: Path | None, base_url: str, media_type: str, upload: Upload
) -> Iterator[UploadNote | None]:
    """The note of this file; None where there is no folder, or another process sends it now."""
    if folder is None:
        yield None
        return
    place = folder / FOLDER
    place.mkdir(mode=0o700, exist_ok=True)
    _forget_old(place)
    named = "\n".join((base_url, media_type, str(upload.size), upload.digest))
    path = place / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.json"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        note = UploadNote(path, descriptor)
        yield note
        if note.place() is None:
            note.forget()
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class ResumedUpload:
    """One file on its way up."""

    transport: Transport
    upload: Upload
    media_type: str
    note: UploadNote | None = None
    resumed: Resumed | None = None
    _furthest: int = field(default=0, init=False)
    _failures: int = field(default=0, init=False)

    async def to_the_end(self) -> bytes | None:
        """The answer to the whole file; None where the gateway takes no upload (now).

        Raises what `Transport.send` raises.
        """
        place = None if self.note is None else self.note.place()
        for _ in range(_MOST_BEGUN):
            is_new = place is None
            if place is None:
                place = await self._begin()
            if place is None:
                return None
            answer = await self._send_all(place, is_new=is_new)
            if answer is not None:
                if self.note is not None:
                    self.note.forget()
                return answer
            place = None  # it is gone: its time was over, or somebody gave it up
        return None

    async def _begin(self) -> str | None:
        asked = await self.transport.ask(Call("OPTIONS", ROAD))
        if not asked.is_success or "Upload-Limit" not in asked.headers:
            return None  # a gateway that knows no uploads would take the empty file as it is
        headers = {
            "Content-Type": self.media_type,
            "Upload-Complete": "?0",
            "Upload-Length": str(self.upload.size),
            "Repr-Digest": self.upload.headers["Content-Digest"],
        }
        try:
            answer = await self.transport.send(Call("POST", ROAD, {}, headers, b""))
        except Unavailable as problem:
            if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
                return None
            raise
        place: str = answer.headers.get("Location", "")
        if answer.status_code != HTTPStatus.CREATED or not _PLACE.fullmatch(place):
            raise Garbled("the upload that was begun has no address")
        if self.note is not None:
            self.note.keep(place)
        return place

    async def _send_all(self, place: str, *, is_new: bool) -> bytes | None:
        """The answer to the last byte; None where the upload is no more."""
        offset: int | None = 0 if is_new else await self._offset(place)
        while offset is not None:
            if offset and self.resumed is not None:
                self.resumed(offset)
            try:
                answer = await self.transport.ask(self._part(place, offset))
            except (Unreachable, Unavailable) as error:
                await self._failed(error)
            else:
                if answer.is_success:
                    return succeeded(answer).content
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    return None
                await self._declined(answer)
            offset = await self._offset(place)
        return None

    def _part(self, place: str, offset: int) -> Call:
        headers = {
            "Content-Type": "application/partial-upload",
            "Content-Length": str(self.upload.size - offset),
            "Upload-Offset": str(offset),
            "Upload-Complete": "?1",
        }
        # Sent again only from where it stands then, so the transport does not repeat it.
        return Call("PATCH", place, {}, headers, lambda: self.upload.pieces(offset), _SLOW, False)

    async def _offset(self, place: str) -> int | None:
        """How far the gateway has it; None where the upload is no more."""
        answer = await self.transport.ask(Call("HEAD", place))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        told = succeeded(answer).headers.get("Upload-Offset", "")
        if not (told.isascii() and told.isdigit()) or int(told) > self.upload.size:
            raise Garbled("the upload's offset is none of this file")
        offset = int(told)
        if offset > self._furthest:
            self._furthest, self._failures = offset, 0
        return offset

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        await self.transport.pause(self._failures, error)

    async def _declined(self, answer: httpx.Response) -> None:
        problem = problem_of(answer)
        if answer.status_code in (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_TIMEOUT):
            await self._failed(problem)
            return
        if self.note is not None and _is_final(problem):
            self.note.forget()
        raise problem


def _is_final(problem: Declined) -> bool:
    """Whether the upload itself is over: what came is not what it should be."""
    return problem.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _forget_old(folder: Path) -> None:
    now = time.time()
    for path in folder.glob("*.json"):
        with suppress(FileNotFoundError):
            if now - path.stat().st_mtime > _FORGET_AFTER:
                path.unlink()
