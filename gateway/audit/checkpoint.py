"""Checkpoints: what a log signs to commit itself to a size and a root.

Rules: C2SP tlog-checkpoint. Stricter where the standard leaves room: the log's own signature is an
Ed25519 one whose key name is the origin, so that a key handed over for one log never vouches for
another; and the root of the empty tree stands with size 0 and with no other.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.merkle import EMPTY_ROOT, HASH_SIZE, MAX_SIZE
from gateway.audit.note import (
    KeyKind,
    NoteError,
    NoteNotVerifiedError,
    VerifiedSignature,
    VerifierKey,
    decode_base64,
    encode_base64,
    parse_note,
    sign_text,
    verify_note,
    write_note,
)

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LINE_BREAKER = re.compile(r"[\x00-\x1f]")


class CheckpointError(NoteError):
    """A checkpoint's text breaks the format; the message names the rule, never the contents."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: which log, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or _LINE_BREAKER.search(line):
                raise CheckpointError("a line is empty or holds a control character")
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError("the size is out of range")
        if len(self.root) != HASH_SIZE:
            raise CheckpointError("the root is not 32 bytes long")
        if (self.size == 0) != (self.root == EMPTY_ROOT):
            raise CheckpointError("size 0 and the empty tree's root do not stand together")

    def text(self) -> str:
        """The note text that is signed."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that its log's own key signed, with the witnesses among the known keys."""

    checkpoint: Checkpoint
    cosignatures: tuple[VerifiedSignature, ...]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; `CheckpointError` for anything but the one exact form."""
    if not text.endswith("\n"):
        raise CheckpointError("a checkpoint ends in a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise CheckpointError("a checkpoint has an origin, a size and a root")
    origin, size, root, *extensions = lines
    if not _DECIMAL.fullmatch(size):
        raise CheckpointError("the size is not a plain decimal number")
    try:
        root_hash = decode_base64(root)
    except NoteError as error:
        raise CheckpointError("the root is not canonical base64") from error
    return Checkpoint(origin, int(size), root_hash, tuple(extensions))


def read_unverified(signed: bytes) -> Checkpoint:
    """What a signed checkpoint claims, for its issuer and for display; no signature is checked."""
    return parse_checkpoint(parse_note(signed).text)


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The signed checkpoint, under the origin as key name.

    The caller answers for never signing two checkpoints that contradict each other.
    """
    text = checkpoint.text()
    return write_note(text, [sign_text(text, checkpoint.origin, key)])


def open_checkpoint(signed: bytes, keys: Iterable[VerifierKey]) -> VerifiedCheckpoint:
    """The checkpoint, once the log's own key among `keys` vouches for it.

    Raises `NoteNotVerifiedError` where it does not, `NoteError` where the note or the text is
    malformed. Nothing of the text is read before a signature has been verified.
    """
    note = verify_note(signed, keys)
    checkpoint = parse_checkpoint(note.text)
    signers = [each.key for each in note.signatures if each.key.kind is KeyKind.ED25519]
    if all(key.name != checkpoint.origin for key in signers):
        raise NoteNotVerifiedError("no known key of the checkpoint's own log signed it")
    witnesses = [each for each in note.signatures if each.key.kind is not KeyKind.ED25519]
    return VerifiedCheckpoint(checkpoint, tuple(witnesses))
