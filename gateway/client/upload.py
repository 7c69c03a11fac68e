"""The body of a delivery (levering): a file read twice, in pieces, never held whole.

The first pass takes size and digest (Content-Digest, RFC 9530), so that the gateway can tell a
delivery that broke off or was damaged from a whole one. The second sends exactly that many bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.client.errors import Misconfigured

PIECE = 256 * 1024
"""Bytes read and sent at a time."""

MEDIA_TYPES = {
    ".fhir.json": "application/fhir+json",
    ".csv": "text/csv",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
}
"""What the end of a delivery's file name says about its form; the first that fits."""

Sent = Callable[[int, int], None]
"""Told how many bytes were sent of how many; goes back where an attempt has to."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file, and what it was when its digest was taken."""

    path: Path
    size: int
    digest: str
    sent: Sent | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Length and digest of the body."""
        return {
            "Content-Length": str(self.size),
            "Content-Digest": f"sha-256=:{self.digest}:",
        }

    async def pieces(self, offset: int = 0) -> AsyncIterator[bytes]:
        """The file's bytes from `offset`; raise `Misconfigured` if its length changed meanwhile."""
        done = offset
        # Opened for each piece: where the line breaks, nobody would come back to close it.
        while piece := await asyncio.to_thread(_read_at, self.path, done):
            done += len(piece)
            if done > self.size:
                break
            yield piece
            if self.sent is not None:
                self.sent(done, self.size)
        if done != self.size:
            # Raised inside the body, so the gateway sees a delivery that breaks off: it refuses it.
            raise Misconfigured(f"{self.path} changed while it was sent", "send it when complete")


async def upload_of(path: Path, sent: Sent | None = None) -> Upload:
    """The first pass over the file."""
    try:
        size, digest = await asyncio.to_thread(_measure, path)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror})", "name a file") from error
    return Upload(path, size, digest, sent)


def media_type_of(path: Path) -> str:
    """The media type by the file's suffix; raise `Misconfigured` for one that is not known."""
    name = path.name.lower()
    for suffix, media_type in MEDIA_TYPES.items():
        if name.endswith(suffix) and name not in MEDIA_TYPES:
            return media_type
    known = ", ".join(MEDIA_TYPES)
    raise Misconfigured(
        f"{path.name}: what it holds cannot be told from its name", f"name it {known}"
    )


def _read_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        return file.tell(), base64.b64encode(digest).decode("ascii")
