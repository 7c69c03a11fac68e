"""A canary scan: unmistakable values are planted, and then looked for wherever they may not be.

A value is looked for as it was sent and in the forms in which software hands things on: UTF-16,
hexadecimal, base64 (also in the middle of a longer text), percent-encoded, as an unkeyed hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx


class Canary(NamedTuple):
    """One planted value."""

    name: str
    value: str

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Each form with its name."""
        raw = self.value.encode()
        yield "as it is", raw
        yield "UTF-16", self.value.encode("utf-16-le")
        yield "UTF-16, big endian", self.value.encode("utf-16-be")
        yield "Windows-1252", self.value.encode("cp1252")
        yield "hexadecimal", raw.hex().encode()
        yield "hexadecimal, capitals", raw.hex().upper().encode()
        yield "percent-encoded", quote(self.value, safe="").encode()
        yield "JSON", json.dumps(self.value)[1:-1].encode()
        for ahead in range(3):
            # Whatever stands before it, one of three alignments is its own; the edges are mixed.
            text = base64.b64encode(bytes(ahead) + raw)
            inner = text[(0, 2, 3)[ahead] : (ahead + len(raw)) * 8 // 6]
            yield "base64", inner
            yield "base64url", inner.translate(bytes.maketrans(b"+/", b"-_"))
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, raw, usedforsecurity=False).digest()
            yield f"its {algorithm}", digest
            yield f"its {algorithm} in hexadecimal", digest.hex().encode()


class Found(NamedTuple):
    """A canary where it may not be."""

    place: str
    canary: str
    form: str


class Net:
    """Looks for canaries in bytes."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        forms: dict[bytes, tuple[str, str]] = {}
        for canary in canaries:
            for form, wanted in canary.forms():
                forms.setdefault(wanted, (canary.name, form))
        self._forms = forms

    def search(self, place: str, content: bytes) -> Iterator[Found]:
        """Every canary in `content`, whatever the case of its letters."""
        lowered = content.lower()
        for wanted, (name, form) in self._forms.items():
            if wanted in content or (form == "as it is" and wanted.lower() in lowered):
                yield Found(place, name, form)


def files_under(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's path and bytes; of files with the same bytes only the first."""
    seen: set[bytes] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue  # a database removes files while we look
            mark = hashlib.sha256(content).digest()
            if mark not in seen:
                seen.add(mark)
                # Room that the database keeps for later is zeros.
                yield str(path.relative_to(folder)), content.rstrip(b"\x00")


class Heard(NamedTuple):
    """An answer as a partner got it."""

    partner: str
    method: str
    path: str
    status: int
    content: bytes


class Ear:
    """Keeps every answer that a client gets."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def listen(self, http: httpx.AsyncClient, partner: str) -> None:
        async def keep(answer: httpx.Response) -> None:
            body = await answer.aread()
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            request = answer.request
            self.heard.append(
                Heard(
                    partner,
                    request.method,
                    request.url.path,
                    answer.status_code,
                    head.encode() + b"\n\n" + body,
                )
            )

        http.event_hooks["response"].append(keep)
