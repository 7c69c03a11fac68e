"""What passes between a log and a witness: `add-checkpoint` and its answers, and how to judge one.

Rules: C2SP tlog-witness. A witness keeps of each log the newest checkpoint that it cosigned, and
cosigns another only if a consistency proof leads from the one to the other; so whoever asks for
cosignatures cannot get them for two histories. Pure: bytes in, bytes out, or a `Rejection` whose
status is the standard's own.

The order of the checks is the standard's, and an old size is compared before the proof is looked
at: a log that lost count learns the right one at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from gateway.audit.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from gateway.audit.merkle import HASH_SIZE, ProofError, verify_consistency
from gateway.audit.note import (
    KeyKind,
    Note,
    NoteError,
    NoteNotVerifiedError,
    Signature,
    VerifierKey,
    decode_base64,
    encode_base64,
    parse_note,
    verify_note,
)

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MAX_PROOF = 63
MAX_REQUEST = 128 * 1024
"""Bytes of a request: 63 hashes, and a checkpoint with dozens of signatures."""
MAX_ANSWER = 64 * 1024
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Rejection(Exception):  # noqa: N818 - an answer of the standard, not a fault
    """The witness does not cosign this: `status` says why, `size` where it stands (409)."""

    def __init__(self, status: HTTPStatus, rule: str, size: int | None = None) -> None:
        super().__init__(rule)
        self.status = status
        self.rule = rule
        self.size = size


class AnswerError(ValueError):
    """A witness's answer is not what the standard asks; the message names the rule."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint that a log offers, and the way to it from the size it was cosigned at."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old_size}\n", *(f"{encode_base64(step)}\n" for step in self.proof)]
        return "".join(lines).encode("ascii") + b"\n" + self.checkpoint


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness keeps of a log: the newest size and root that it vouched for."""

    size: int
    root: bytes


def read_submission(body: bytes) -> Submission:
    """Take a request apart. Raises `Rejection` 400."""
    head, separator, checkpoint = body.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _malformed("the lines before the checkpoint are not ASCII") from None
    old = _OLD.fullmatch(lines[0])
    if not separator or old is None:
        raise _malformed("a request begins with the old size, and has an empty line")
    if len(lines) - 1 > MAX_PROOF:
        raise _malformed("a consistency proof has at most 63 lines")
    try:
        proof = tuple(decode_base64(line) for line in lines[1:])
    except NoteError as error:
        raise _malformed("a proof line is not canonical base64") from error
    if any(len(step) != HASH_SIZE for step in proof):
        raise _malformed("a proof line is no hash")
    return Submission(int(old[1]), proof, checkpoint)


def origin_of(submission: Submission) -> str:
    """The log that it says to be from, which no signature has borne out yet."""
    first, _, _ = submission.checkpoint.partition(b"\n")
    try:
        return first.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("the origin is not UTF-8") from None


def signed_checkpoint(
    submission: Submission, trusted: Mapping[str, Sequence[VerifierKey]]
) -> Checkpoint:
    """The checkpoint, once a key that is trusted for its origin vouches for it.

    Raises `Rejection`: 404 for an unknown origin, 403 without a good signature, 400 where it is
    malformed, 422 where size and root cannot stand together.
    """
    keys = trusted.get(origin_of(submission), ())
    if not keys:
        raise Rejection(HTTPStatus.NOT_FOUND, "the log is not known here")
    try:
        verified = verify_note(submission.checkpoint, keys)
    except NoteNotVerifiedError as error:
        raise Rejection(HTTPStatus.FORBIDDEN, "no trusted key of the log signed it") from error
    except NoteError as error:
        raise _malformed("the checkpoint is no signed note") from error
    try:
        return parse_checkpoint(verified.text)
    except CheckpointError as error:
        # Its log signed it: a size that cannot have this root is misbehaviour, not a slip.
        raise Rejection(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def judge(submission: Submission, stated: Checkpoint, seen: Cosigned | None) -> Cosigned:
    """What the witness may vouch for now. Raises `Rejection` 400, 409 or 422.

    The caller keeps `seen` from changing until the result is on disk, or two requests at once
    could roll the log back.
    """
    old = submission.old_size
    if old > stated.size:
        raise _malformed("the old size is beyond the checkpoint's")
    known = seen.size if seen is not None else 0
    if old != known:
        raise Rejection(HTTPStatus.CONFLICT, "the old size is not the one cosigned last", known)
    if seen is None or old == 0:
        if submission.proof:
            raise _unproven("nothing needs a proof from an empty log")
        return Cosigned(stated.size, stated.root)
    try:
        verify_consistency(
            old_size=old,
            new_size=stated.size,
            old_root=seen.root,
            new_root=stated.root,
            proof=submission.proof,
        )
    except ProofError as error:
        raise _unproven(str(error)) from error
    return Cosigned(stated.size, stated.root)


def told_size(body: bytes) -> int:
    """Where a witness stands, from its answer 409. Raises `AnswerError`."""
    found = _SIZE.fullmatch(body)
    if found is None:
        raise AnswerError("a size is a decimal number and a newline")
    return int(found[1])


def told_cosignatures(checkpoint: bytes, body: bytes, key: VerifierKey) -> list[Signature]:
    """The signature lines of one witness over this checkpoint, each verified.

    Lines of other keys are passed over, as the standard asks. Raises `AnswerError` where none is
    left, where one does not verify, or where one bears no time.
    """
    note = parse_note(checkpoint)
    try:
        answer = parse_note(f"{note.text}\n".encode() + body)
    except NoteError as error:
        raise AnswerError("the answer is not signature lines") from error
    if answer.text != note.text:
        raise AnswerError("the answer holds more than signature lines")
    found = [line for line in answer.signatures if _is_by(line, key)]
    for line in found:
        try:
            verified = verify_note(Note(note.text, (line,)).encode(), [key])
        except NoteError as error:
            raise AnswerError("a cosignature does not verify") from error
        if not verified.signatures[0].timestamp:
            raise AnswerError("a cosignature bears no time")
    if not found:
        raise AnswerError("the witness's own cosignature is not among the lines")
    return found[:1]


def time_of(line: Signature) -> int:
    """When a cosignature was made, in POSIX seconds; it was verified before."""
    return int.from_bytes(line.blob[:8])


def with_cosignatures(checkpoint: bytes, lines: Iterable[Signature]) -> bytes:
    """The same checkpoint, with these lines after its own."""
    note = parse_note(checkpoint)
    return Note(note.text, (*note.signatures, *lines)).encode()


def is_witness_key(key: VerifierKey) -> bool:
    """Whether a key is of a kind that witnesses sign with."""
    return key.kind in (KeyKind.COSIGNATURE, KeyKind.COSIGNATURE_ML_DSA)


def _is_by(line: Signature, key: VerifierKey) -> bool:
    return (line.name, line.key_id) == (key.name, key.key_id)


def _malformed(rule: str) -> Rejection:
    return Rejection(HTTPStatus.BAD_REQUEST, rule)


def _unproven(rule: str) -> Rejection:
    return Rejection(HTTPStatus.UNPROCESSABLE_ENTITY, rule)
