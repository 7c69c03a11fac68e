"""Signed notes: a text that carries the signatures of one or more named keys.

Rules: C2SP signed-note (Ed25519 keys, type 0x01) and C2SP tlog-cosignature (timestamped
cosignatures of witnesses: Ed25519, type 0x04, and ML-DSA-44, type 0x06, which a quantum computer
does not forge). Other types are unknown keys here, and ignored as the standard asks. Verification
keys always come from outside the thing they verify.

Base64 is accepted in its one canonical spelling only: the spare bits of a last character would
otherwise let a changed byte verify.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100  # the standard asks for 16 at least
_KEY_ID_SIZE = 4
_TIMESTAMP = struct.Struct(">Q")
_MAX_TIMESTAMP = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LINE_START = "\u2014 "


class NoteError(ValueError):
    """A note, key or signature is malformed; the message names the rule, never the contents."""


class NoteNotVerifiedError(NoteError):
    """The note is well formed, but no known key vouches for it, or one that should does not."""


class KeyKind(IntEnum):
    """The signature types in use."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    COSIGNATURE_ML_DSA = 0x06

    @property
    def public_size(self) -> int:
        """The bytes of a public key."""
        return 1312 if self is KeyKind.COSIGNATURE_ML_DSA else 32

    @property
    def signature_size(self) -> int:
        """The bytes of a signature, without the timestamp before it."""
        return 2420 if self is KeyKind.COSIGNATURE_ML_DSA else 64


def decode_base64(text: str) -> bytes:
    """Decode standard base64 in its canonical spelling; `NoteError` for any other."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("base64 is malformed") from None  # the cause could quote the text
    if base64.b64encode(decoded).decode() != text:
        raise NoteError("base64 is not in its canonical spelling")
    return decoded


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _check_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() or char < " " for char in name):
        raise NoteError("a key name is empty or holds a space, a plus or a control character")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it vouches under (a *vkey*)."""

    name: str
    kind: KeyKind
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != self.kind.public_size:
            raise NoteError("a public key has another length than its type asks")

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey, kind: KeyKind = KeyKind.ED25519) -> Self:
        return cls(name, kind, key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        head = f"{self.name}\n".encode() + bytes([self.kind])
        return sha256(head + self.public).digest()[:_KEY_ID_SIZE]

    def encode(self) -> str:
        """The vkey text: `name+hex key id+base64(type || public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public)}"


def parse_vkey(text: str) -> VerifierKey:
    """Read a vkey; `NoteError` if it is malformed, of another type or its key id is not its own."""
    parts = text.split("+", 2)  # the base64 part may hold a plus itself
    if len(parts) != 3:
        raise NoteError("a verifier key has three parts joined by plus signs")
    name, key_id, encoded = parts
    data = decode_base64(encoded)
    if not data or data[0] not in tuple(KeyKind):
        raise NoteError("the verifier key's type is not supported")
    key = VerifierKey(name, KeyKind(data[0]), data[1:])
    if key.key_id.hex() != key_id:
        raise NoteError("the verifier key's id does not match its name and key")
    return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed, with which key, and the signature's own bytes."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        return f"{_LINE_START}{self.name} {encode_base64(self.key_id + self.blob)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures that nobody has verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        return "".join([self.text, "\n", *(each.line() for each in self.signatures)]).encode()


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A key that vouches for a note; cosignatures say when (POSIX seconds)."""

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A text that at least one known key vouches for."""

    text: str
    signatures: tuple[VerifiedSignature, ...]


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteError("a note's text ends in a newline")
    if _CONTROL.search(text):
        raise NoteError("a note holds a control character")


def parse_note(signed: bytes) -> Note:
    """Take a note apart; nothing in it may be believed before `verify_note`."""
    if len(signed) > MAX_NOTE_BYTES:
        raise NoteError("the note is too long")
    try:
        whole = signed.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None  # the cause carries the note
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("a note has a text, an empty line and signature lines")
    text += "\n"
    _check_text(whole)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("the note has too many signatures")
    return Note(text, tuple(_parse_line(line) for line in lines))


def _parse_line(line: str) -> Signature:
    if not line.startswith(_LINE_START):
        raise NoteError("a signature line starts with a dash and a space")
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    _check_name(name)
    data = decode_base64(encoded)
    if not space or len(data) <= _KEY_ID_SIZE:
        raise NoteError("a signature line has a name, and base64 of a key id with a signature")
    return Signature(name, data[:_KEY_ID_SIZE], data[_KEY_ID_SIZE:])


def verify_note(signed: bytes, keys: Iterable[VerifierKey]) -> VerifiedNote:
    """The note's text, once at least one of `keys` vouches for it and none of them contradicts.

    Signatures of unknown keys are ignored. `NoteNotVerifiedError` otherwise, or `NoteError` for a
    malformed note or two different keys of one name and id.
    """
    note = parse_note(signed)
    known = _by_name_and_id(keys)
    found: dict[VerifierKey, VerifiedSignature] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            found.setdefault(key, _verify_signature(note.text, signature, key))
    if not found:
        raise NoteNotVerifiedError("no known key signed the note")
    return VerifiedNote(note.text, tuple(found.values()))


def _by_name_and_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError("two different verifier keys share a name and id")
    return known


def _verify_signature(text: str, signature: Signature, key: VerifierKey) -> VerifiedSignature:
    blob, timestamp = signature.blob, None
    message = text.encode()
    if key.kind is not KeyKind.ED25519:
        if len(blob) != _TIMESTAMP.size + key.kind.signature_size:
            raise NoteNotVerifiedError("a cosignature is a timestamp and a signature")
        (timestamp,) = _TIMESTAMP.unpack_from(blob)
        blob = blob[_TIMESTAMP.size :]
        if key.kind is KeyKind.COSIGNATURE:
            message = _cosigned_message(text, timestamp)
        else:
            message = _cosigned_tree(text, key.name, timestamp)
    try:
        if key.kind is KeyKind.COSIGNATURE_ML_DSA:
            MLDSA44PublicKey.from_public_bytes(key.public).verify(blob, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(blob, message)
    except InvalidSignature as error:
        raise NoteNotVerifiedError("a known key's signature does not verify") from error
    except UnsupportedAlgorithm as error:
        raise NoteError("this machine's cryptography cannot check ML-DSA") from error
    return VerifiedSignature(key, timestamp)


def _cosigned_tree(text: str, cosigner: str, timestamp: int) -> bytes:
    """What an ML-DSA cosigner signs: its name, the time, and the tree, without extension lines."""
    lines = text.split("\n")
    name, origin = cosigner.encode(), lines[0].encode()
    if len(lines) < 4 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1], re.ASCII):
        raise NoteError("the note is no checkpoint")
    root, size = decode_base64(lines[2]), int(lines[1])
    if len(root) != 32 or not 0 < len(origin) < 256 or not len(name) < 256:
        raise NoteError("the note is no checkpoint that this kind of key can cosign")
    if not 0 <= timestamp <= _MAX_TIMESTAMP:
        raise NoteError("a cosignature's timestamp is out of range")
    head = b"subtree/v1\n\0" + bytes([len(name)]) + name + _TIMESTAMP.pack(timestamp)
    return head + bytes([len(origin)]) + origin + struct.pack(">QQ", 0, size) + root


def _cosigned_message(text: str, timestamp: int) -> bytes:
    if not 0 <= timestamp <= _MAX_TIMESTAMP:
        raise NoteError("a cosignature's timestamp is out of range")
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def sign_text(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """Sign a note's text (which ends in a newline) under a key name."""
    _check_text(text)
    return Signature(name, VerifierKey.of(name, key).key_id, key.sign(text.encode()))


def cosign_text(text: str, name: str, key: Ed25519PrivateKey, timestamp: int) -> Signature:
    """Cosign a checkpoint's text as a witness, as of `timestamp` (POSIX seconds)."""
    _check_text(text)
    message = _cosigned_message(text, timestamp)
    blob = _TIMESTAMP.pack(timestamp) + key.sign(message)
    return Signature(name, VerifierKey.of(name, key, KeyKind.COSIGNATURE).key_id, blob)


def write_note(text: str, signatures: Sequence[Signature]) -> bytes:
    """The signed note's bytes."""
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise NoteError("a note has 1 to 100 signatures")
    _check_text(text)
    return Note(text, tuple(signatures)).encode()


def add_signature(signed: bytes, signature: Signature) -> bytes:
    """The same note with one more signature line, as a witness returns it."""
    note = parse_note(signed)
    return write_note(note.text, (*note.signatures, signature))
