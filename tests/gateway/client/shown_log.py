"""A gateway's log as a partner is shown it: honest, cut, forked, or with a new volume."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import merkle
from gateway.audit.entry import encode_entry
from gateway.audit.note import VerifierKey
from gateway.client.errors import Declined, Unreachable
from tests.gateway.audit.logs import KEY, Log, numbered

SERIES = "sluis/proef/verwerkingen"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def volume(name: str, size: int, key: Ed25519PrivateKey = KEY) -> Log:
    return Log(list(numbered(size).entries), f"{SERIES}/{name}", key)


def opening(
    predecessor: Log,
    size: int | None = None,
    restored: int | None = None,
    of: Log | None = None,
) -> bytes:
    """The entry that names a volume as it ended, and what was left of it, or `of` an older one."""
    whole = Log(predecessor.entries[:size])
    named: dict[str, object] = {
        "origin": predecessor.origin,
        "size": len(whole.entries),
        "root": text(whole.root),
    }
    if restored is not None:
        left = Log((of or predecessor).entries[:restored])
        origin = {} if of is None else {"origin": of.origin}
        named["restored"] = {"size": restored, "root": text(left.root), **origin}
    return encode_entry({"event": "voorganger", "id": "een", "predecessor": named})


@dataclass
class ShownLog:
    """Answers what the client asks of a log; `volumes` are oldest first, the last one is open."""

    volumes: list[Log]
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    size: int | None = None
    """The newest checkpoint's, where that is not all there is."""

    @property
    def open(self) -> Log:
        return self.volumes[-1]

    def header(self, size: int | None = None, of: Log | None = None) -> str:
        """What an answer bears."""
        return text((of or self.open).signed(self.size if size is None else size))

    async def ask(self, path: str, query: dict[str, str]) -> bytes:
        self.asked.append(path)
        if self.is_away:
            raise Unreachable("no answer")
        if path == "/v1/logboek/sleutels":
            vkey = VerifierKey.of(self.open.origin, self.open.key).encode()
            return json.dumps({"verwerkingen": vkey, "later": "x"}).encode()
        what = path.removeprefix("/v1/logboek/verwerkingen/")
        found = await getattr(self, f"_{what}")(query)
        if found is None:
            raise Declined(404, "Not Found")
        assert isinstance(found, bytes)
        return found

    def _of(self, query: dict[str, str]) -> Log:
        name = query.get("deel")
        return next((each for each in self.volumes if each.origin == f"{SERIES}/{name}"), self.open)

    async def _checkpoint(self, _: dict[str, str]) -> bytes:
        return self.open.signed(self.size)

    async def _samenhang(self, query: dict[str, str]) -> bytes | None:
        log, old, new = self._of(query), int(query["van"]), int(query["tot"])
        if new > len(log.entries) or (log is self.open and self.size and new > self.size):
            return None
        hashes = merkle.leaf_hashes(log.entries[:new])
        path = [text(step) for step in merkle.consistency_proof(hashes, old)]
        return json.dumps({"van": old, "tot": new, "pad": path}).encode()

    async def _voorganger(self, query: dict[str, str]) -> bytes | None:
        log = self._of(query)
        for index, entry in enumerate(log.entries):
            if b'"voorganger"' in entry:
                hashes = merkle.leaf_hashes(log.entries)
                told = {
                    "regel": text(entry),
                    "index": index,
                    "omvang": len(hashes),
                    "pad": [text(step) for step in merkle.inclusion_proof(hashes, index)],
                    "controlepunt": log.signed().decode(),
                }
                return json.dumps(told).encode()
        return None

    async def _bewijs(self, query: dict[str, str]) -> bytes | None:
        wanted = base64.urlsafe_b64decode(query["bladhash"] + "=")
        for log in self.volumes:
            hashes = merkle.leaf_hashes(log.entries[: self.size])
            if wanted in hashes:
                index = hashes.index(wanted)
                told = {
                    "index": index,
                    "omvang": len(hashes),
                    "pad": [text(step) for step in merkle.inclusion_proof(hashes, index)],
                    "controlepunt": log.signed(self.size).decode(),
                }
                return json.dumps(told).encode()
        return None
