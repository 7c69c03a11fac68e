#!/usr/bin/env python3
"""Check a log of Sluis, offline, without trusting whoever keeps it.

    python3 sluis_verify.py --key VKEY [--older CHECKPOINT] [--witness VKEY --quorum N] WHAT...

WHAT is a log folder, several (the volumes of one log, or a folder that holds them), a `.tlog-proof`
with `--entry FILE` or `--leaf HASH`, or a dossier (JSON) with proofs. Keys and older checkpoints
come from you, never from what is checked. Status 0: it holds; 1: it does not, and the line says
where; 2: it was asked wrongly.

This file needs Python 3.11 and `cryptography`, and shares no code with the gateway: it is a second
reading of the same standards. Those are C2SP signed-note, tlog-checkpoint, tlog-cosignature,
tlog-tiles and tlog-proof, RFC 6962 (hashing), RFC 9162 (proofs) and RFC 8785 (canonical JSON).
Read it from top to bottom: signatures, hashes, one log, a chain of volumes, proofs, what you type.
A log is checked in two passes: whether its hashes lead to the signed root, then whether its
entries have those hashes; so no entry is parsed before a signature covers it.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ImportError:  # an older `cryptography`; witnesses with such a key cannot be counted then
    MLDSA44PublicKey = None  # type: ignore[assignment, misc]

LOG, WITNESS, QUANTUM_SAFE = 1, 4, 6  # kinds of key: Ed25519 twice, and a witness's ML-DSA-44
KEY_BYTES, SIGNATURE_BYTES = {1: 32, 4: 32, 6: 1312}, {1: 64, 4: 72, 6: 2428}
MAX_SIZE = 2**63 - 1
MAX_NOTE, MAX_TILE, MAX_BUNDLE = 1_000_000, 256 * 32, 256 * 65_537
HOUR = 3_600_000  # milliseconds; how far entries may stand out of the order of time
# How a received file is opened, as far as the system can: no link, no waiting, bytes as they are.
CAREFULLY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Refused(Exception):  # noqa: N818  # a verdict, not a fault
    """What is checked does not hold. The message names the place and the rule, never contents."""


def require(holds: object, rule: str) -> None:
    if not holds:
        raise Refused(rule)


# ---- 1. Signatures ---------------------------------------------------------------------------


class Key(NamedTuple):
    """A public key, and the name that it vouches under."""

    name: str
    kind: int
    public: bytes

    def id(self) -> bytes:
        text = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(text).digest()[:4]


class Checkpoint(NamedTuple):
    """What a log signed: its name, size and root; and which witnesses saw it, in which second."""

    origin: str
    size: int
    root: bytes
    witnesses: dict[str, int]


def decode64(text: str) -> bytes:
    """Base64 in its one spelling: else a changed character could decode to the same bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("base64 is malformed") from None
    require(base64.b64encode(data).decode() == text, "base64 is not in its one spelling")
    return data


def is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def read_key(vkey: str) -> Key:
    """A verifier key: `name+id+base64(kind, public key)`."""
    parts = vkey.strip().split("+", 2)
    require(len(parts) == 3 and is_name(parts[0]), "a verifier key has a name, an id and a key")
    data = decode64(parts[2])
    is_known = data[:1] and len(data) - 1 == KEY_BYTES.get(data[0])
    require(is_known, "the key is of an unknown kind")
    is_usable = data[0] != QUANTUM_SAFE or MLDSA44PublicKey is not None
    require(is_usable, "this key needs a newer `cryptography`")
    key = Key(parts[0], data[0], data[1:])
    require(key.id().hex() == parts[1], "the verifier key's id is not that of its name and key")
    return key


def open_checkpoint(note: bytes, keys: list[Key], quorum: int = 0) -> Checkpoint:
    """The checkpoint in a signed note, once its log's key and enough witnesses vouch for it."""
    require(len(note) <= MAX_NOTE, "the note is too long")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise Refused("the note is not UTF-8") from None
    text, blank, tail = whole.rpartition("\n\n")
    require(blank and tail.endswith("\n"), "the note has no text with signatures below it")
    require(not re.search(r"[\x00-\x09\x0b-\x1f]", whole), "the note holds a control character")
    lines = tail[:-1].split("\n")
    require(len(lines) <= 100, "the note has too many signatures")
    text += "\n"
    origin = text.split("\n", 1)[0]
    known: dict[tuple[str, bytes], Key] = {}
    for key in keys:
        # A log's key bears its origin as name; the key of a series serves each of its volumes.
        if key.kind == LOG and key.name in (origin, origin.rpartition("/")[0]):
            key = key._replace(name=origin)  # noqa: PLW2901
        if key.kind != LOG or key.name == origin:
            known[key.name, key.id()] = key
    is_signed, seen = False, dict[bytes, tuple[str, int]]()
    for line in lines:
        dash, name, blob = [*line.split(" ", 2), "", ""][:3]
        data = decode64(blob)
        is_whole = dash == "\u2014" and is_name(name) and len(data) > 4
        require(is_whole, "a signature line is malformed")
        if found := known.get((name, data[:4])):  # a signer whom we do not know helps nobody
            when = check_signature(text, found, data[4:])
            if found.kind == LOG:
                is_signed = True
            else:
                seen.setdefault(found.public, (name, when))  # one key is one witness
    require(is_signed, "no known key of the checkpoint's own log signed it")
    require(len(seen) >= quorum, f"{len(seen)} of the {quorum} witnesses asked for cosigned it")
    size, root = read_tree(text)
    return Checkpoint(origin, size, root, dict(seen.values()))


def read_tree(text: str) -> tuple[int, bytes]:
    """The size and the root that a checkpoint's text states."""
    fields = text[:-1].split("\n")
    require(len(fields) >= 3 and all(fields), "a checkpoint has an origin, a size and a root")
    is_number = re.fullmatch(r"0|[1-9][0-9]{0,18}", fields[1], re.ASCII)
    size, root = int(fields[1]) if is_number else -1, decode64(fields[2])
    require(0 <= size <= MAX_SIZE and len(root) == 32, "the size or the root is out of range")
    require((size == 0) == (root == EMPTY_ROOT), "size 0 and the empty root go together")
    return size, root


def check_signature(text: str, key: Key, signature: bytes) -> int:
    """Verify one signature; gives the time of a cosignature, in seconds since 1970."""
    require(len(signature) == SIGNATURE_BYTES[key.kind], "a signature has another length")
    message, when = text.encode(), 0
    if key.kind != LOG:
        when, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        require(when <= MAX_SIZE, "a cosignature's time is out of range")
        message = f"cosignature/v1\ntime {when}\n{text}".encode()
    if key.kind == QUANTUM_SAFE:  # names the witness and the tree, in bytes
        (size, root), names = (
            read_tree(text),
            (key.name.encode(), text.split("\n", maxsplit=1)[0].encode()),
        )
        require(all(len(name) < 256 for name in names), "a name is too long to be cosigned")
        cosigner, origin = (bytes([len(name)]) + name for name in names)
        numbers = when.to_bytes(8, "big"), size.to_bytes(16, "big")
        message = b"subtree/v1\n\0" + cosigner + numbers[0] + origin + numbers[1] + root
    kind = MLDSA44PublicKey if key.kind == QUANTUM_SAFE else Ed25519PublicKey
    try:
        kind.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        raise Refused("a signature by a known key does not verify") from None
    return when


# ---- 2. Hashes -------------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A Merkle tree that grows to the right; it keeps its whole subtrees, the largest first."""

    def __init__(self, whole: list[tuple[int, bytes]] | None = None) -> None:
        self.whole = list(whole or [])

    def add(self, hash_: bytes, height: int = 0) -> None:
        """Add a leaf, or the root of a whole subtree of 2^height leaves."""
        while self.whole and self.whole[-1][0] == height:
            hash_, height = node_hash(self.whole.pop()[1], hash_), height + 1
        self.whole.append((height, hash_))

    def root(self) -> bytes:
        hash_ = self.whole[-1][1] if self.whole else EMPTY_ROOT
        for _, left in reversed(self.whole[:-1]):
            hash_ = node_hash(left, hash_)
        return hash_


def root_of(hashes: list[bytes], begun: Tree | None = None) -> bytes:
    """The root over these leaves, or over those of a tree that was begun and then these."""
    tree = Tree(begun.whole if begun else None)
    for hash_ in hashes:
        tree.add(hash_)
    return tree.root()


def verify_inclusion(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> None:
    """RFC 9162, section 2.1.3.2: does this path lead from the leaf at `index` to the root?"""
    require(0 <= index < size, "the leaf's index lies outside the tree")
    fn, sn, hash_ = index, size - 1, leaf
    for step in path:
        require(sn and len(step) == 32, "the proof is longer than the tree is high")
        if fn % 2 or fn == sn:
            hash_ = node_hash(step, hash_)
            while fn and fn % 2 == 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            hash_ = node_hash(hash_, step)
        fn, sn = fn >> 1, sn >> 1
    require(not sn and hash_ == root, "the inclusion proof does not lead to the signed root")


# ---- 3. One log ------------------------------------------------------------------------------


class Log(NamedTuple):
    """A log that holds: its checkpoint, its entries by event, and what a reader should know."""

    checkpoint: Checkpoint
    events: Counter[str]
    predecessors: list[dict[str, Any]]
    remarks: list[str]


def read_file(path: Path, limit: int) -> bytes:
    """A plain file's bytes; a link, a pipe or a giant in a folder that you were sent is refused."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | CAREFULLY), "rb") as file:
            status = os.fstat(file.fileno())
            is_plain = stat.S_ISREG(status.st_mode) and status.st_size <= limit
            require(is_plain, f"{path.name!a}: is no plain file of a possible size")
            return file.read(limit)
    except OSError:
        raise Refused(f"{path.name!a}: cannot be read") from None


def tile_path(level: int | str, index: int, width: int = 256) -> str:
    """tile/0/x001/x234/067.p/8: three digits a folder, and the width where it is not full."""
    place = f"{index % 1000:03}"
    while index := index // 1000:
        place = f"x{index % 1000:03}/{place}"
    return f"tile/{level}/{place}" + ("" if width == 256 else f".p/{width}")


def tiles(level: int | str, count: int) -> Iterator[tuple[int, str, int]]:
    """The tiles of a level that has so many hashes: where each begins, its file, its width."""
    for first in range(0, count, 256):
        width = min(256, count - first)
        yield first, tile_path(level, first // 256, width), width


def files_of(size: int) -> Iterator[str]:
    """Every file that a log of this size has, apart from its checkpoint."""
    yield from (name for _, name, _ in tiles("entries", size))
    level = 0
    while count := size >> (8 * level):
        yield from (name for _, name, _ in tiles(level, count))
        level += 1


def check_files(folder: Path, size: int) -> None:
    """The folder holds the files of a log of this size, none missing and none besides."""
    require(not (folder / "tile").is_symlink(), "tile: is a link")
    found: set[str] = set()
    for at, folders, files in os.walk(folder / "tile"):
        place = Path(at).relative_to(folder).as_posix()
        names = [f"{place}/{name}" for name in (*folders, *files)]
        for name in names:
            require(not (folder / name).is_symlink(), f"{name!a}: is a link")
        found.update(names[len(folders) :])
    needed = set(islice(files_of(size), len(found) + 1))  # a size of 2^60 is not written out
    for name in sorted(found ^ needed):
        raise Refused(f"{name!a}: is missing, or is not part of a log of the signed size")


def verify_log(folder: Path, keys: list[Key], olders: list[bytes], quorum: int = 0) -> Log:
    """Signature, tree, older checkpoints, and every entry of one log folder."""
    newest = open_checkpoint(read_file(folder / "checkpoint", MAX_NOTE), keys, quorum)
    check_files(folder, newest.size)
    older = [open_checkpoint(note, keys) for note in olders]
    for one in older:
        require(one.origin == newest.origin, "an older checkpoint is of another log")
        require(one.size <= newest.size, "the log is shorter than an older checkpoint says")
    seals = verify_tiles(folder, newest, older)
    screen = Screen(older)
    for first, name, width in tiles("entries", newest.size):
        entries = split_bundle(read_file(folder / name, MAX_BUNDLE), width, name)
        is_same = seal(b"".join(map(leaf_hash, entries))) == seals[first // 256]
        require(is_same, f"{name}: an entry does not hash to its leaf")
        for index, entry in enumerate(entries, first):
            screen.look_at(index, entry)
    return Log(newest, screen.events, screen.predecessors, screen.remarks())


def verify_tiles(folder: Path, newest: Checkpoint, older: list[Checkpoint]) -> list[bytes]:
    """The leaf hashes lead to each signed root, and every other tile follows from them.

    Gives a seal of each tile of leaf hashes, against which the entries are held.
    """
    tree, seals, subtrees = Tree(), list[bytes](), list[bytes]()
    for first, name, width in tiles(0, newest.size):
        data = read_file(folder / name, MAX_TILE)
        require(len(data) == 32 * width, f"{name}: has another length")
        hashes = [data[at : at + 32] for at in range(0, len(data), 32)]
        for one in older:
            if first < one.size <= first + 256:
                is_same = root_of(hashes[: one.size - first], tree) == one.root
                require(is_same, "the log's first entries are not those of an older checkpoint")
        seals.append(seal(data))
        if width == 256:
            subtrees.append(root_of(hashes))
            tree.add(subtrees[-1], 8)
    last = hashes if newest.size % 256 else []
    require(root_of(last, tree) == newest.root, "the hashes do not lead to the signed root")
    level, roots = 1, subtrees
    while roots:
        above: list[bytes] = []
        for first, name, width in tiles(level, len(roots)):
            part = roots[first : first + 256]
            is_same = read_file(folder / name, MAX_TILE) == b"".join(part)
            require(is_same, f"{name}: does not follow from the tiles below it")
            above += [root_of(part)] if width == 256 else []
        level, roots = level + 1, above
    return seals


def seal(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split_bundle(data: bytes, width: int, name: str) -> list[bytes]:
    """The entries of a bundle, each behind its length in two bytes."""
    entries, at = [], 0
    for _ in range(width):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    require(at == len(data), f"{name}: does not end with its last entry")
    return entries


class Screen:
    """Looks at entries in order: each is canonical JSON with an id of its own; time goes on."""

    def __init__(self, older: list[Checkpoint]) -> None:
        self.events: Counter[str] = Counter()
        self.predecessors: list[dict[str, Any]] = []
        self._ids: set[str] = set()
        # A witness that saw the log at some size fixes that what follows it came after.
        self._seen = {one.size: max(one.witnesses.values(), default=0) * 1000 for one in older}
        self._latest, self._early = 0, list[int]()

    def look_at(self, index: int, entry: bytes) -> None:
        fields = read_entry(entry, f"entry {index}")
        id_, event, ended = (fields.get(name) for name in ("id", "event", "endTime"))
        require(isinstance(id_, str), f"entry {index}: has no id")
        require(id_ not in self._ids, f"entry {index}: its id stands earlier in the log")
        self._ids.add(str(id_))
        if isinstance(event, str):
            self.events[event if len(event) <= 80 and len(self.events) < 256 else "(other)"] += 1
        if isinstance(named := fields.get("predecessor"), dict):
            self.predecessors.append(named)
        self._latest = max(self._latest, self._seen.get(index, 0))
        if isinstance(ended, int):
            self._early += [index] if ended < self._latest - HOUR else []
            self._latest = max(self._latest, ended)

    def remarks(self) -> list[str]:
        how = "dated more than an hour before what stands before"
        return [f"{len(self._early)} {how}, first entry {self._early[0]}"] if self._early else []


def read_entry(entry: bytes, name: str) -> dict[str, Any]:
    """An entry's members; refused unless its bytes are the one canonical spelling (RFC 8785).

    Whole numbers below 2^53 and ASCII names only: beyond those, spellings part.
    """

    def no_float(_: str) -> object:
        raise ValueError

    def whole(digits: str) -> int:
        if abs(number := int(digits)) >= 2**53:
            raise ValueError
        return number

    try:
        fields = json.loads(
            entry.decode(), parse_int=whole, parse_float=no_float, parse_constant=no_float
        )
        again = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        is_canonical = again.encode() == entry and isinstance(fields, dict)
        is_canonical = is_canonical and (entry.isascii() or has_ascii_names(fields))
    except (ValueError, RecursionError):
        is_canonical = False
    require(is_canonical, f"{name}: is not canonical JSON")
    return dict(fields)


def has_ascii_names(value: object) -> bool:
    if isinstance(value, dict):
        return "".join(value).isascii() and all(map(has_ascii_names, value.values()))
    return not isinstance(value, list) or all(map(has_ascii_names, value))


# ---- 4. A chain of volumes -------------------------------------------------------------------


def volumes_in(folders: list[Path]) -> list[Path]:
    """The log folders that were named: each itself, or the volumes that it holds."""
    logs: list[Path] = []
    for folder in folders:
        inner = sorted(found.parent for found in folder.glob("*/checkpoint"))
        logs += [folder] if (folder / "checkpoint").exists() or not inner else inner
    return logs


def verify_logs(
    folders: list[Path], keys: list[Key], olders: list[bytes], quorum: int = 0
) -> list[Log]:
    """One log, or the volumes of one: each but the first names the one before, size and root.

    An older checkpoint is held against its own volume.
    """
    named = {one: origin_in(read_file(one / "checkpoint", MAX_NOTE)) for one in folders}
    stray = [note for note in olders if origin_in(note) not in named.values()]
    require(not stray, "an older checkpoint is of another log")
    require(named and len(set(named.values())) == len(folders), "no log, or one volume twice")
    logs: dict[str, Log] = {}
    for folder, origin in named.items():
        own = [note for note in olders if origin_in(note) == origin]
        logs[origin] = verify_log(folder, keys, own, quorum)
    follower: dict[str, str] = {}
    for origin, log in logs.items():
        for link in log.predecessors:
            published, left = (link.get("size"), link.get("root")), link.get("restored")
            ends = {link.get("origin"): [published]}
            if left:  # a database was put back: what was left, of it or of an earlier volume
                rest = (left.get("size"), left.get("root"))
                ends.setdefault(left.get("origin", link.get("origin")), []).append(rest)
                if "origin" in left or rest != published:
                    log.remarks.append("entries before it were lost when its database was put back")
            earlier = next((logs[name] for name in ends if name in logs), None)
            if earlier is None:
                log.remarks.append("it follows a volume that is not here")
                continue
            closed = (earlier.checkpoint.size, base64.b64encode(earlier.checkpoint.root).decode())
            is_same = closed in ends[earlier.checkpoint.origin]
            require(is_same, "a volume is not what the one after it says that it was at its end")
            is_only = follower.setdefault(earlier.checkpoint.origin, origin) == origin
            require(is_only, "a volume has two successors")
    require(len(set(follower.values())) == len(logs) - 1, "the volumes are not one chain")
    return list(logs.values())


def origin_in(note: bytes) -> str:
    """Which log a note claims to be of: only to choose what it is held against."""
    return note.split(b"\n", 1)[0].decode(errors="replace")


# ---- 5. Proofs of single entries -------------------------------------------------------------


def verify_proof(proof: bytes, leaf: bytes, keys: list[Key], quorum: int = 0) -> Checkpoint:
    """A C2SP tlog-proof: the entry with this leaf hash stands in a signed log."""
    head, blank, note = proof.partition(b"\n\n")
    lines = head.decode(errors="replace").split("\n")
    require(blank and lines.pop(0) == "c2sp.org/tlog-proof@v1", "this is no tlog-proof")
    if lines and lines[0].startswith("extra "):
        decode64(lines.pop(0)[6:])  # whatever it says, nobody signed it
    index = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0) if lines else "", re.ASCII)
    require(index, "the proof names no index")
    checkpoint = open_checkpoint(note, keys, quorum)
    path = [decode64(line) for line in lines]
    verify_inclusion(int(index[1]) if index else 0, checkpoint.size, leaf, path, checkpoint.root)
    return checkpoint


def verify_dossier(dossier: Any, keys: list[Key], quorum: int = 0) -> Counter[str]:
    """Each proof of a dossier; and that its entry commits to the person whom it opens."""
    count, number = Counter[str](), -1
    try:
        for one in dossier["bewijzen"]:
            number += 1
            if one["bewijs"] is None:
                count["entries without a proof yet"] += 1
                continue
            entry = decode64(one["logregel"]) if one.get("logregel") is not None else None
            leaf = decode64(one["bladhash"]) if entry is None else leaf_hash(entry)
            verify_proof(one["bewijs"].encode(), leaf, keys, quorum)
            if (said := one.get("verbintenis")) is not None:
                require(commitment(said) == said["waarde"], "a commitment is not what it opens to")
            if one.get("opening") is not None:
                subjects = read_entry(entry or b"", "the entry").get("subjects", [])
                is_there = commitment(one["opening"]) in subjects
                require(is_there, "the entry does not commit to this person")
                count["openings"] += 1
            count["proofs"] += 1
    except Refused as error:
        raise Refused(f"proof {number}: {error}") from None
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Refused(f"proof {number}: lacks what a proof needs") from None
    require(count["proofs"], "the dossier holds no proofs")
    return count


def commitment(opening: dict[str, str]) -> str:
    """What an entry holds of a person: SHA-256(entry key, the person's id)."""
    secret = decode64(opening["sleutel"])
    require(len(secret) == 32, "the key of an opening is not 32 bytes long")
    digest = hashlib.sha256(secret + UUID(opening["persoon"]).bytes).digest()
    return base64.b64encode(digest).decode()


# ---- 6. What you type ------------------------------------------------------------------------


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", nargs="+", type=Path, help="log folders, a proof, or a dossier")
    parser.add_argument("--key", action="append", required=True, help="the log's verifier key")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--quorum", type=int, default=0, help="how many witnesses are needed")
    parser.add_argument("--older", action="append", default=[], type=Path, help="kept checkpoint")
    parser.add_argument("--entry", type=Path, help="the entry that a .tlog-proof is about")
    parser.add_argument("--leaf", type=bytes.fromhex, help="or its leaf hash, in hexadecimals")
    asked = parser.parse_args(given)
    try:
        keys = [read_key(vkey) for vkey in (*asked.key, *asked.witness)]
        olders = [read_file(path, MAX_NOTE) for path in asked.older]
        leaf = leaf_hash(read_file(asked.entry, MAX_BUNDLE)) if asked.entry else asked.leaf
    except Refused as error:
        parser.error(str(error))
    try:
        if asked.what[0].is_dir():
            logs = verify_logs(volumes_in(asked.what), keys, olders, asked.quorum)
            told = [line for log in logs for line in told_of(log)]
        elif leaf:
            stated = verify_proof(read_file(asked.what[0], MAX_NOTE), leaf, keys, asked.quorum)
            told = [f"the entry stands in {stated.origin}, of {stated.size} entries"]
        else:
            dossier = json.loads(read_file(asked.what[0], 100 * MAX_NOTE))
            told = [
                f"{n} {what}" for what, n in verify_dossier(dossier, keys, asked.quorum).items()
            ]
    except (Refused, ValueError, RecursionError) as error:
        is_told = isinstance(error, Refused)
        sys.stdout.write(f"NOT VERIFIED: {error if is_told else 'neither log nor dossier'}\n")
        return 1
    sys.stdout.write("\n".join(["verified", *told, ""]))
    return 0


def told_of(log: Log) -> list[str]:
    stated = log.checkpoint
    lines = [stated.origin, f"  {stated.size} entries, {base64.b64encode(stated.root).decode()}"]
    lines += [f"  witness {name}, {when}" for name, when in stated.witnesses.items()]
    lines += [f"  REMARK: {remark}" for remark in log.remarks]
    return lines + [f"  {event}: {count}" for event, count in sorted(log.events.items())]


if __name__ == "__main__":
    sys.exit(main())
