"""Ways to tamper with a log, by kind: as an outsider edits files, and as its own operator signs.

The auditor has the verifier keys and one older checkpoint, cosigned, of the newest volume. Each
way takes the world and a source of chance, and gives the case that the auditor is then shown.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import merkle, note
from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.entry import encode_entry
from gateway.audit.folder import write_folder
from gateway.audit.note import KeyKind, VerifierKey
from gateway.audit.tiles import Bundle, join_bundle, split_bundle
from gateway.audit.tlog_proof import TlogProof
from tests.gateway.audit.logs import contents_of, files_of
from tests.gateway.audit.verdicts import Case

SERIES = "sluis/00000099000000001000/verwerkingen"
KEY, STRANGER, *WITNESSES = (
    Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in range(4)
)
NAMES = ("accountant.voorbeeld", "partner.voorbeeld")
BEGUN = 1_760_000_000_000
OLD_SIZE, SIZE, OLDER = 300, 420, 270
_NAMED_AT = 5
"""Where the newest volume names the one before."""

Entries = list[bytes]
Tampering = Callable[["World", random.Random, Path], Case]


@dataclass(frozen=True)
class World:
    """Two volumes as they are, what the auditor holds, and how to make others."""

    place: Path

    @cached_property
    def closed(self) -> Entries:
        return [entry("2025", n) for n in range(OLD_SIZE)]

    @cached_property
    def newest(self) -> Entries:
        entries = [entry("2026", n) for n in range(SIZE)]
        entries[_NAMED_AT] = predecessor(f"{SERIES}/2025", self.closed, _NAMED_AT)
        return entries

    @cached_property
    def older(self) -> bytes:
        """The older checkpoint, a day's work before the newest entry."""
        return cosigned(signed(f"{SERIES}/2026", self.newest[:OLDER]), time_of(OLDER))

    @cached_property
    def folders(self) -> tuple[Path, Path]:
        """The two volumes as folders; nobody writes in them."""
        return (
            export(self.place / "2025", f"{SERIES}/2025", self.closed, is_cosigned=True),
            export(self.place / "2026", f"{SERIES}/2026", self.newest, is_cosigned=True),
        )

    @cached_property
    def keys(self) -> list[str]:
        """The key of the series, and those of both witnesses."""
        witnesses = zip(NAMES, WITNESSES, strict=True)
        return [
            VerifierKey.of(SERIES, KEY).encode(),
            *(VerifierKey.of(name, key, KeyKind.COSIGNATURE).encode() for name, key in witnesses),
        ]

    @property
    def untouched(self) -> Case:
        """What must hold."""
        return Case(self.keys, self.folders, [self.older], quorum=2)

    def copy(self, target: Path) -> tuple[Path, Path]:
        """Both folders again, to be tampered with."""
        return tuple(shutil.copytree(one, target / one.name) for one in self.folders)  # type: ignore[return-value]

    def resigned(self, entries: Entries, target: Path) -> Case:
        """The newest volume with other entries, signed by its operator as if nothing were wrong."""
        folder = export(target / "2026", f"{SERIES}/2026", entries)
        return Case(self.keys, [self.folders[0], folder], [self.older])


def entry(volume: str, n: int, **other: object) -> bytes:
    """An entry as the gateway writes them."""
    chance = random.Random(f"{volume}/{n}")  # noqa: S311
    fields: dict[str, object] = {
        "endTime": time_of(n) * 1000,
        "event": ("besluit", "verstrekking", "ontvangst")[n % 3],
        "exchange": str(UUID(int=chance.getrandbits(128))),
        "id": str(UUID(int=chance.getrandbits(128))),
        "subjects": [base64.b64encode(chance.randbytes(32)).decode() for _ in range(1 + n % 3)],
        "v": 1,
    }
    return encode_entry(fields | other)


def time_of(n: int) -> int:
    """When an entry was made, in seconds; one every ten minutes."""
    return BEGUN // 1000 + 600 * n


def predecessor(origin: str, entries: Entries, n: int) -> bytes:
    root = base64.b64encode(merkle.root(merkle.leaf_hashes(entries))).decode()
    named = {"origin": origin, "root": root, "size": len(entries)}
    return entry("2026", n, event="voorganger", predecessor=named, subjects=[])


def signed(origin: str, entries: Entries, key: Ed25519PrivateKey = KEY) -> bytes:
    root = merkle.root(merkle.leaf_hashes(entries))
    return sign_checkpoint(Checkpoint(origin, len(entries), root), key)


def cosigned(checkpoint: bytes, when: int, names: tuple[str, ...] = NAMES) -> bytes:
    text = note.parse_note(checkpoint).text
    for name, key in zip(names, WITNESSES, strict=False):
        checkpoint = note.add_signature(checkpoint, note.cosign_text(text, name, key, when))
    return checkpoint


def export(
    target: Path,
    origin: str,
    entries: Entries,
    key: Ed25519PrivateKey = KEY,
    *,
    is_cosigned: bool = False,
) -> Path:
    checkpoint = signed(origin, entries, key)
    if is_cosigned:
        checkpoint = cosigned(checkpoint, time_of(len(entries)))
    write_folder(target, entries, checkpoint)
    return target


def changed(entries: Entries, at: int, **fields: object) -> Entries:
    """The entries with other members in one of them."""
    told = json.loads(entries[at])
    return [*entries[:at], encode_entry(told | fields), *entries[at + 1 :]]


def _rewritten(folder: Path, entries: Entries) -> None:
    """Put entries in a folder's bundles, and leave its tiles and checkpoint as they are."""
    for at in range(0, len(entries), 256):
        part = entries[at : at + 256]
        (folder / Bundle(at // 256, len(part)).path).write_bytes(join_bundle(part))


# Each kind: what a tamperer does, with or without the log's own key.


def edit_a_byte(world: World, chance: random.Random, at: Path) -> Case:
    copies = world.copy(at)
    file = chance.choice(files_of(chance.choice(copies)))
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    file.write_bytes(data)
    return replace(world.untouched, folders=copies)


def edit_an_entry(world: World, chance: random.Random, at: Path) -> Case:
    copies = world.copy(at)
    n = chance.randrange(SIZE)
    _rewritten(copies[1], changed(world.newest, n, event="besluit-anders"))
    return replace(world.untouched, folders=copies)


def edit_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    n = chance.randrange(OLDER)
    return world.resigned(changed(world.newest, n, exchange=str(UUID(int=n))), at)


def delete_an_entry(world: World, chance: random.Random, at: Path) -> Case:
    copies = world.copy(at)
    bundle = Bundle(0)
    file = copies[1] / bundle.path
    entries = split_bundle(file.read_bytes(), bundle)
    del entries[chance.randrange(256)]
    file.write_bytes(join_bundle(entries))
    return replace(world.untouched, folders=copies)


def delete_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    n = chance.choice([n for n in range(OLDER) if n != _NAMED_AT])
    return world.resigned([*world.newest[:n], *world.newest[n + 1 :]], at)


def insert_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    n = chance.randrange(OLDER)
    new = entry("2026", n, id=str(UUID(int=chance.getrandbits(128))))
    return world.resigned([*world.newest[:n], new, *world.newest[n:]], at)


def reorder(world: World, chance: random.Random, at: Path) -> Case:
    copies, entries = world.copy(at), list(world.newest)
    one, other = chance.sample(range(SIZE), 2)
    entries[one], entries[other] = entries[other], entries[one]
    _rewritten(copies[1], entries)
    return replace(world.untouched, folders=copies)


def reorder_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    entries = list(world.newest)
    one, other = chance.sample([n for n in range(OLDER) if n != _NAMED_AT], 2)
    entries[one], entries[other] = entries[other], entries[one]
    return world.resigned(entries, at)


def truncate_a_file(world: World, chance: random.Random, at: Path) -> Case:
    copies = world.copy(at)
    file = chance.choice(files_of(chance.choice(copies)))
    data = file.read_bytes()
    if chance.random() < 0.2:
        file.unlink()
    else:
        file.write_bytes(data[: chance.randrange(len(data))])
    return replace(world.untouched, folders=copies)


def truncate_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    return world.resigned(world.newest[: chance.randrange(_NAMED_AT + 1, OLDER)], at)


def fork(world: World, chance: random.Random, at: Path) -> Case:
    n = chance.randrange(_NAMED_AT + 1, OLDER)
    other = [entry("2026 anders", m) for m in range(n, n + chance.randrange(OLDER, 2 * OLDER))]
    return world.resigned([*world.newest[:n], *other], at)


def back_date_and_sign(world: World, chance: random.Random, at: Path) -> Case:
    n = chance.randrange(12, OLDER)
    return world.resigned(
        changed(world.newest, n, endTime=1000 * time_of(n) - chance.randrange(1, 10**9)), at
    )


def back_date_an_addition(world: World, chance: random.Random, at: Path) -> Case:
    """By the operator, after the older checkpoint; nothing but the order of time can tell."""
    earlier = 1000 * time_of(OLDER - 1 - chance.randrange(60, 200))
    new = entry("2026", SIZE, endTime=earlier, id=str(UUID(int=chance.getrandbits(128))))
    n = chance.randrange(OLDER + 1, SIZE)
    return world.resigned([*world.newest[:n], new, *world.newest[n:]], at)


def swap_the_key(world: World, chance: random.Random, at: Path) -> Case:
    """Signed by somebody else, under the same name, and half of the time with the same key id."""
    stranger = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    entries = changed(world.newest, chance.randrange(SIZE), event="anders")
    folder = export(at / "2026", f"{SERIES}/2026", entries, stranger)
    if chance.random() < 0.5:
        parsed = note.parse_note((folder / "checkpoint").read_bytes())
        known = VerifierKey.of(f"{SERIES}/2026", KEY).key_id
        pretended = [replace(one, key_id=known) for one in parsed.signatures]
        (folder / "checkpoint").write_bytes(note.write_note(parsed.text, pretended))
    return Case(world.keys, [world.folders[0], folder], [world.older])


def swap_the_verifier_key(world: World, chance: random.Random, at: Path) -> Case:
    """The log is as it was, and the auditor holds a key of somebody else."""
    stranger = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    keys = [VerifierKey.of(SERIES, stranger).encode(), *world.keys[1:]]
    return replace(world.untouched, keys=keys)


def roll_back_the_checkpoint(world: World, chance: random.Random, at: Path) -> Case:
    copies = world.copy(at)
    n = chance.randrange(SIZE)
    earlier = cosigned(signed(f"{SERIES}/2026", world.newest[:n]), time_of(n))
    (copies[1] / "checkpoint").write_bytes(earlier)
    return replace(world.untouched, folders=copies)


def roll_back_the_log(world: World, chance: random.Random, at: Path) -> Case:
    """A whole log as it once was, cosigned and all."""
    n = chance.randrange(_NAMED_AT + 1, OLDER)
    folder = export(at / "2026", f"{SERIES}/2026", world.newest[:n], is_cosigned=True)
    return replace(world.untouched, folders=[world.folders[0], folder])


def swap_commitments(world: World, chance: random.Random, at: Path) -> Case:
    """Another person's commitments in an entry, by an outsider or by the operator."""
    one, other = chance.sample([n for n in range(OLDER) if n != _NAMED_AT], 2)
    theirs = json.loads(world.newest[other])["subjects"]
    entries = changed(world.newest, one, subjects=theirs)
    if chance.random() < 0.5:
        return world.resigned(entries, at)
    copies = world.copy(at)
    _rewritten(copies[1], entries)
    return replace(world.untouched, folders=copies)


def swap_an_opening(world: World, chance: random.Random, at: Path) -> Case:
    """A dossier whose proof, entry, key or person is not the one that belongs there."""
    one, other = chance.sample(range(OLDER), 2)
    told, another = opened(one, chance), opened(other, chance)
    kind = chance.choice(["bewijs", "logregel", "sleutel", "persoon"])
    if kind in ("bewijs", "logregel"):
        told[kind] = another[kind]
    else:
        told["opening"] |= {kind: another["opening"][kind]}  # type: ignore[operator, index]
    return Case(world.keys, quorum=2, dossier=json.dumps({"bewijzen": [told]}).encode())


def swap_a_proof(world: World, chance: random.Random, at: Path) -> Case:
    """A proof with another index, path, checkpoint or entry."""
    n = chance.randrange(SIZE)
    proof, about = proven(world.newest, n, f"{SERIES}/2026"), world.newest[n]
    kind = chance.choice(["index", "path", "short", "checkpoint", "entry"])
    other = proven(world.newest[: OLDER + 1], chance.randrange(OLDER), f"{SERIES}/2026")
    if kind == "index":
        proof = replace(proof, index=chance.choice([m for m in range(SIZE) if m != n]))
    elif kind == "path":
        step = chance.randrange(len(proof.path))
        path = [*proof.path[:step], chance.randbytes(32), *proof.path[step + 1 :]]
        proof = replace(proof, path=tuple(path))
    elif kind == "short":
        proof = replace(proof, path=proof.path[:-1])
    elif kind == "checkpoint":
        proof = replace(proof, checkpoint=other.checkpoint)
    else:
        about = changed(world.newest, n, event="anders")[n]
    return Case(world.keys, quorum=2, proof=proof.encode(), entry=about)


def swap_a_cosignature(world: World, chance: random.Random, at: Path) -> Case:
    """Two witnesses are asked for; one of them did not cosign this checkpoint."""
    copies = world.copy(at)
    file = copies[1] / "checkpoint"
    parsed = note.parse_note(file.read_bytes())
    own, first, second = parsed.signatures
    n = chance.randrange(1, SIZE)
    earlier = cosigned(signed(f"{SERIES}/2026", world.newest[:n]), time_of(n))
    of_other = note.parse_note(earlier).signatures[2]
    when = chance.randrange(2**32).to_bytes(8, "big")
    swapped = chance.choice(
        [
            of_other,  # of another checkpoint
            replace(second, blob=when + second.blob[8:]),  # of another moment
            replace(second, name="vreemd.voorbeeld"),  # of somebody unknown
            replace(second, blob=first.blob),  # of the other witness
            first,  # the same one twice
            note.cosign_text(parsed.text, NAMES[1], STRANGER, time_of(SIZE)),
        ]
    )
    file.write_bytes(note.write_note(parsed.text, [own, first, swapped]))
    return replace(world.untouched, folders=copies)


def swap_a_volume(world: World, chance: random.Random, at: Path) -> Case:
    """A volume that is not the one that belongs there, each signed with the right key."""
    kind = chance.choice(["edited", "cut", "longer", "other-series", "renamed", "twice", "gone"])
    n = chance.randrange(1, OLD_SIZE)
    name = f"{SERIES}/2025"
    entries = {
        "edited": changed(world.closed, n, event="anders"),
        "cut": world.closed[:n],
        "longer": [*world.closed, entry("2025", OLD_SIZE + n)],
    }.get(kind, world.closed)
    if kind == "other-series":
        name = name.replace("verwerkingen", "toegang")
    if kind == "renamed":
        name = f"{SERIES}/20{n % 25:02}"
    folder = export(at / "2025", name, entries, is_cosigned=True)
    others = {"twice": [world.folders[0]], "gone": []}.get(kind)
    if kind == "gone":  # what came after the volume that the auditor's checkpoint is of
        return replace(world.untouched, folders=[world.folders[0]])
    return replace(world.untouched, folders=[folder, *(others or []), world.folders[1]])


def rewrite_both_volumes(world: World, chance: random.Random, at: Path) -> Case:
    """The closed volume is altered and the newest made to fit it; all is signed anew."""
    closed = changed(world.closed, chance.randrange(OLD_SIZE), event="anders")
    entries = list(world.newest)
    entries[_NAMED_AT] = predecessor(f"{SERIES}/2025", closed, _NAMED_AT)
    folder = export(at / "2025", f"{SERIES}/2025", closed)
    case = world.resigned(entries, at)
    return replace(case, folders=[folder, case.folders[1]])


def add_a_file(world: World, chance: random.Random, at: Path) -> Case:
    """Something lies in the folder that is no part of the log."""
    copies = world.copy(at)
    name = chance.choice(["tile/0/002", "tile/2/000", "tile/entries/001.p/9", "tile/x/lees.mij"])
    file = chance.choice(copies) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(chance.randbytes(32))
    return replace(world.untouched, folders=copies)


KINDS: dict[str, tuple[Tampering, ...]] = {
    "edit": (edit_a_byte, edit_an_entry, edit_and_sign, add_a_file),
    "delete": (delete_an_entry, delete_and_sign),
    "insert": (insert_and_sign,),
    "reorder": (reorder, reorder_and_sign),
    "truncate": (truncate_a_file, truncate_and_sign),
    "fork": (fork,),
    "back-date": (back_date_and_sign, back_date_an_addition),
    "key swap": (swap_the_key, swap_the_verifier_key),
    "checkpoint rollback": (roll_back_the_checkpoint, roll_back_the_log),
    "commitment swap": (swap_commitments, swap_an_opening),
    "proof swap": (swap_a_proof,),
    "cosignature swap": (swap_a_cosignature,),
    "volume swap": (swap_a_volume, rewrite_both_volumes),
}

SIGNED = frozenset(
    {
        edit_and_sign,
        delete_and_sign,
        insert_and_sign,
        reorder_and_sign,
        truncate_and_sign,
        fork,
        back_date_and_sign,
        back_date_an_addition,
        rewrite_both_volumes,
    }
)
"""What the operator does with the log's own key: it holds together in itself."""


def proven(entries: Entries, n: int, origin: str) -> TlogProof:
    """The proof of one entry, cosigned."""
    hashes = merkle.leaf_hashes(entries)
    checkpoint = cosigned(signed(origin, entries), time_of(len(entries)))
    return TlogProof(n, tuple(merkle.inclusion_proof(hashes, n)), checkpoint)


def opened(n: int, chance: random.Random) -> dict[str, object]:
    """A dossier's proof of an entry with one person in it, opened."""
    secret, person = chance.randbytes(32), UUID(int=chance.getrandbits(128))
    subject = base64.b64encode(sha256(secret + person.bytes).digest()).decode()
    entries = [entry("dossier", m) for m in range(OLDER)]
    entries[n] = entry("dossier", n, subjects=[subject])
    proof = proven(entries, n, f"{SERIES}/2026")
    return {
        "bewijs": proof.encode().decode(),
        "logregel": base64.b64encode(entries[n]).decode(),
        "opening": {"sleutel": base64.b64encode(secret).decode(), "persoon": str(person)},
    }


def is_different(case: Case, world: World) -> bool:
    """Whether the auditor is shown anything else than what is true: else nothing was done."""
    if case.proof or case.dossier:
        return True  # a swap takes from another entry, and no two share anything
    if list(case.keys) != world.keys or len(case.folders) != len(world.folders):
        return True
    shown = [contents_of(folder) for folder in case.folders]
    return shown != [contents_of(folder) for folder in world.folders]
