"""Everything that partners can obtain, as values that can be compared between two gateways.

What must differ between any two runs is replaced by what it stands for: an id by its order of
appearance, a moment by the fact that there is one, a hash or signature by its length, a cursor by
the position that it holds. Everything else is compared as it came.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import httpx

from gateway.audit.tiles import Bundle, split_bundle
from tests.support.messages import Json

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_BASE64 = re.compile(r"^[A-Za-z0-9+/_-]{40,}={0,2}$")
_HEX = re.compile(r"^[0-9a-f]{16}(?:[0-9a-f]{16}|[0-9a-f]{48})?$")
_TIMES = ("startTime", "endTime")
_CURSORS = ("volgende", "sluis-volgende")
_HEADERS = ("content-type", "cache-control", "sluis-volgende", "sluis-meer", "retry-after", "allow")


class View:
    """What was seen from outside, in order; ids are named by when they were first seen."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []
        self._names: dict[str, str] = {}

    def note(self, what: str, told: Any) -> None:
        """Keep something as seen."""
        self.seen.append((what, self._plain(told)))

    def answer(self, what: str, answer: httpx.Response) -> Any:
        """Keep an answer: status, the headers that say something, and the body."""
        headers = {name: answer.headers.get(name) for name in _HEADERS}
        kind = headers["content-type"] or ""
        body: Any = len(answer.content)
        if "json" in kind:
            body = json.loads(answer.content)
        elif kind.startswith("text/plain"):
            body = _checkpoint(answer.text)
        elif "/tile/entries/" in str(answer.url) and answer.is_success:
            width = int(str(answer.url).rpartition("/")[2]) if ".p/" in str(answer.url) else 256
            body = [json.loads(raw) for raw in split_bundle(answer.content, Bundle(0, width))]
        self.note(what, {"status": answer.status_code, "headers": headers, "body": body})
        return body

    def _plain(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {
                    self._text(str(name), ""): self._plain(one, name) for name, one in value.items()
                }
            case list() | tuple():
                return [self._plain(one, key) for one in value]
            case str() if key == "controlepunt":
                return _checkpoint(value)
            case str():
                return self._text(value, key)
            case int() if key in _TIMES:
                return "moment"
            case _:
                return value

    def _text(self, text: str, key: str) -> str:
        if key in _CURSORS and text:
            raw = base64.urlsafe_b64decode(text)
            return f"position {int.from_bytes(raw[:8], 'big')}" if len(raw) == 24 else "cursor"
        if _MOMENT.match(text):
            return "moment"
        if key == "zout" or _BASE64.match(text) or _HEX.match(text):
            return self._name(text, f"{len(text)} bytes") if key == "pseudoniem" else _size(text)
        return _UUID.sub(lambda found: self._name(found.group(), "id"), text)

    def _name(self, text: str, kind: str) -> str:
        return self._names.setdefault(text, f"{kind} {len(self._names)}")


def _size(text: str) -> str:
    return f"{len(text)} characters"


def _checkpoint(note: str) -> list[str]:
    """A checkpoint's origin and size; its root and signature depend on keys and ids."""
    lines = note.split("\n")
    try:
        base64.b64decode(lines[2], validate=True)
    except (IndexError, binascii.Error):
        return [note]
    return lines[:2]


def metrics_of(text: str) -> Json:
    """The counters that grow with what happens to messages, and not with who calls how often."""
    kept = ("sluis_messages_total", "sluis_published_entries_total", "sluis_emergency")
    lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith(kept))
    return {name: number for name, _, number in lines}
