"""`add-checkpoint` as C2SP tlog-witness has it: what is cosigned, and each thing that is not."""

from __future__ import annotations

import base64
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import merkle
from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.note import (
    KeyKind,
    NoteError,
    NoteNotVerifiedError,
    VerifierKey,
    cosign_text,
    parse_note,
    parse_vkey,
    sign_text,
    verify_note,
)
from gateway.audit.witness import (
    AnswerError,
    Cosigned,
    Rejection,
    Submission,
    judge,
    read_submission,
    signed_checkpoint,
    told_cosignatures,
    told_size,
    with_cosignatures,
)
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY, Log, numbered
from tests.gateway.audit.witnessed import (
    TRUSTED,
    WITNESS,
    WITNESS_KEY,
    consistency,
    forked,
    submission,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "witness"
LOG = numbered(40)


def root(log: Log, size: int) -> bytes:
    return merkle.root(merkle.leaf_hashes(log.entries[:size]))


def at(size: int, log: Log = LOG) -> Cosigned | None:
    """A witness that cosigned this size last, or none yet."""
    return Cosigned(size, root(log, size)) if size else None


def judged(given: Submission, seen: Cosigned | None) -> Cosigned:
    return judge(given, signed_checkpoint(given, TRUSTED), seen)


def refused(given: Submission, seen: Cosigned | None) -> Rejection:
    with pytest.raises(Rejection) as caught:
        judged(given, seen)
    return caught.value


def test_a_request_is_the_bytes_of_the_standard() -> None:
    step = bytes(range(32))
    body = Submission(7, (step, step), b"naam\n9\n...\n\n-- s\n").encode()

    line = base64.b64encode(step) + b"\n"
    assert body == b"old 7\n" + line + line + b"\nnaam\n9\n...\n\n-- s\n"
    assert read_submission(body) == Submission(7, (step, step), b"naam\n9\n...\n\n-- s\n")


def test_a_first_request_has_no_proof() -> None:
    body = submission(LOG, 0, 5).encode()

    assert body.startswith(f"old 0\n\n{ORIGIN}\n5\n".encode())
    assert read_submission(body).proof == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1",
        b"old 01\n\nx",
        b"old -1\n\nx",
        b"old  1\n\nx",
        b"new 1\n\nx",
        b"old 1\nAAAA\n\nx",
        b"old 1\n" + b"A" * 44 + b"\n\nx",
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\nx",
        b"old 99999999999999999999\n\nx",
        "old \u0661\n\nx".encode(),
    ],
)
def test_what_is_no_request_is_a_bad_one(body: bytes) -> None:
    with pytest.raises(Rejection) as caught:
        read_submission(body)
    assert caught.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("old", "new"), [(0, 1), (0, 40), (1, 2), (3, 3), (7, 8), (8, 9), (8, 40), (39, 40)]
)
def test_a_log_that_grew_is_cosigned(old: int, new: int) -> None:
    assert judged(submission(LOG, old, new), at(old)) == Cosigned(new, root(LOG, new))


def test_an_empty_log_is_cosigned_and_so_is_anything_after_it() -> None:
    empty = judged(submission(LOG, 0, 0), None)

    assert empty == Cosigned(0, merkle.EMPTY_ROOT)
    assert judged(submission(LOG, 0, 9), empty).size == 9


def test_an_unknown_log_is_not_found() -> None:
    elsewhere = Log(LOG.entries, origin="ander.test/log")
    assert refused(submission(elsewhere, 0, 5), None).status == HTTPStatus.NOT_FOUND


def test_another_key_is_forbidden() -> None:
    forged = Log(LOG.entries, key=OTHER_KEY)
    assert refused(submission(forged, 0, 5), None).status == HTTPStatus.FORBIDDEN


def test_a_bad_signature_by_a_trusted_key_is_forbidden_beside_a_good_one() -> None:
    note = parse_note(LOG.signed(5))
    bad = sign_text("iets anders\n", ORIGIN, KEY)
    both = with_cosignatures(note.encode(), [bad])

    assert refused(Submission(0, (), both), None).status == HTTPStatus.FORBIDDEN


def test_signatures_of_others_are_passed_over() -> None:
    other = sign_text(parse_note(LOG.signed(5)).text, "ander.test/sleutel", OTHER_KEY)
    both = with_cosignatures(LOG.signed(5), [other])

    assert judged(Submission(0, (), both), None).size == 5


def test_a_lost_count_is_told_where_the_witness_stands() -> None:
    for old in (0, 5, 31):
        rejection = refused(submission(LOG, old, 40), at(30))
        assert (rejection.status, rejection.size) == (HTTPStatus.CONFLICT, 30)


def test_a_log_that_was_rolled_back_is_told_so() -> None:
    assert refused(submission(LOG, 5, 5), at(30)).size == 30
    assert refused(submission(LOG, 30, 20, []), at(30)).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("size", [30, 35])
def test_a_forked_log_is_not_cosigned(size: int) -> None:
    fork = forked(40, 20)
    given = submission(fork, 30, size)

    assert refused(given, at(30)).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_replayed_proof_is_not_cosigned() -> None:
    for old, new in ((10, 40), (30, 39), (29, 40)):
        given = submission(LOG, 30, 40, consistency(LOG, old, new))
        assert refused(given, at(30)).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_proof_from_nothing_is_not_cosigned() -> None:
    given = submission(LOG, 0, 5, [bytes(32)])
    assert refused(given, None).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_an_empty_log_with_a_root_is_not_cosigned() -> None:
    text = f"{ORIGIN}\n0\n{base64.b64encode(bytes(32)).decode()}\n"
    note = text.encode() + b"\n" + sign_text(text, ORIGIN, KEY).line().encode()

    rejection = refused(Submission(0, (), note), None)
    assert rejection.status == HTTPStatus.UNPROCESSABLE_ENTITY


@given(st.data())
def test_nothing_is_cosigned_that_does_not_extend_what_was(data: st.DataObject) -> None:
    seen = data.draw(st.integers(1, 40))
    fork_at = data.draw(st.integers(0, seen - 1))
    new = data.draw(st.integers(seen, 40))
    fork = forked(40, fork_at)
    proof = data.draw(st.sampled_from([consistency(fork, seen, new), consistency(LOG, seen, new)]))

    rejection = refused(Submission(seen, tuple(proof), fork.signed(new)), at(seen))
    assert rejection.status == HTTPStatus.UNPROCESSABLE_ENTITY


def lines(*, time: int = 1_700_000_000, text: str | None = None) -> bytes:
    told = parse_note(LOG.signed(9)).text if text is None else text
    return cosign_text(told, WITNESS.name, WITNESS_KEY, time).line().encode()


def test_a_cosignature_is_taken_from_among_others() -> None:
    other = sign_text("x\n", "ander.test/sleutel", OTHER_KEY).line().encode()

    found = told_cosignatures(LOG.signed(9), other + lines() + other, WITNESS)

    cosigned = with_cosignatures(LOG.signed(9), found)
    opened = open_checkpoint(cosigned, [TRUSTED[ORIGIN][0], WITNESS])
    assert [each.timestamp for each in opened.cosignatures] == [1_700_000_000]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nee\n",
        b"\xff\n",
        lines()[:-1],
        lines(time=0),
        lines(text="iets\n1\nanders\n"),
        sign_text("x\n", "ander.test/sleutel", OTHER_KEY).line().encode(),
        b"\n" + lines(),
    ],
)
def test_what_is_no_cosignature_is_not_taken(body: bytes) -> None:
    with pytest.raises(AnswerError):
        told_cosignatures(LOG.signed(9), body, WITNESS)


@pytest.mark.parametrize("body", [b"", b"7", b"07\n", b"-1\n", b"7\n7\n", b"7\r\n"])
def test_what_is_no_size_is_not_taken(body: bytes) -> None:
    with pytest.raises(AnswerError):
        told_size(body)
    assert told_size(b"0\n") == 0


def test_cosignatures_of_an_independent_witness_verify() -> None:
    """Made by github.com/transparency-dev/witness over a checkpoint of ours: Ed25519 and ML-DSA."""
    log, ed25519, mldsa = (
        parse_vkey(line) for line in (VECTORS / "keys.txt").read_text().splitlines()
    )
    note = (VECTORS / "cosigned.note").read_bytes()
    assert (ed25519.kind, mldsa.kind) == (KeyKind.COSIGNATURE, KeyKind.COSIGNATURE_ML_DSA)

    opened = open_checkpoint(note, [log, ed25519, mldsa])
    assert {each.key.name for each in opened.cosignatures} == {ed25519.name, mldsa.name}

    text = parse_note(note).text
    grown = note.replace(text.encode(), text.replace("\n50\n", "\n51\n").encode())
    for key in (log, ed25519, mldsa):
        with pytest.raises(NoteNotVerifiedError):
            verify_note(grown, [key])


def test_an_ml_dsa_key_vouches_under_its_own_name_alone() -> None:
    public = MLDSA44PrivateKey.generate().public_key().public_bytes_raw()
    key = VerifierKey("getuige.test/twee", KeyKind.COSIGNATURE_ML_DSA, public)

    assert parse_vkey(key.encode()) == key
    with pytest.raises(NoteError):
        VerifierKey("getuige.test/twee", KeyKind.COSIGNATURE, public)
