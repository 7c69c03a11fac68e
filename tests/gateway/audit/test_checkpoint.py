"""Known answers: the checkpoint in C2SP tlog-checkpoint.md and sunlight's mirror checkpoint."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note
from gateway.audit.checkpoint import Checkpoint, CheckpointError
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.note import KeyKind, NoteNotVerifiedError, VerifierKey
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY

ROOT_TEXT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"example.com/behind-the-sofa\n20852163\n{ROOT_TEXT}\n"
EMPTY_TEXT = base64.b64encode(EMPTY_ROOT).decode()
ROOT = base64.b64decode(ROOT_TEXT)


def test_the_checkpoint_of_the_standard_is_read_and_written_back() -> None:
    read = checkpoints.parse_checkpoint(TEXT)
    assert read == Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert read.text() == TEXT


def test_the_signed_checkpoint_of_the_standard_is_taken_apart() -> None:
    signed = (
        f"{TEXT}\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Z"
        "hcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
        "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    ).encode()
    assert checkpoints.read_unverified(signed).size == 20852163
    assert [each.key_id.hex() for each in note.parse_note(signed).signatures] == [
        "033de0ae",
        "8d66cf3f",
    ]


def test_extension_lines_are_kept() -> None:
    read = checkpoints.parse_checkpoint(f"{TEXT}eerste\ntweede regel\n")
    assert read.extensions == ("eerste", "tweede regel")
    assert read.text() == f"{TEXT}eerste\ntweede regel\n"


def test_the_empty_log_has_the_empty_root() -> None:
    text = f"{ORIGIN}\n0\n{EMPTY_TEXT}\n"
    assert checkpoints.parse_checkpoint(text) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT[:-1],
        TEXT + "\n",
        f"{TEXT}extension\n\n",
        "\n" + TEXT,
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "+20852163"),
        TEXT.replace("20852163", "-1"),
        TEXT.replace("20852163", "20_852_163"),
        TEXT.replace("20852163", "0x13e2e43"),
        TEXT.replace("20852163", " 20852163"),
        TEXT.replace("20852163", "20852163\r"),
        TEXT.replace("20852163", "٢٠"),
        TEXT.replace("20852163", str(2**63)),
        TEXT.replace("20852163", "9" * 5000),
        TEXT.replace("20852163", ""),
        TEXT.replace("20852163", "0"),
        f"{ORIGIN}\n1\n{EMPTY_TEXT}\n",
        TEXT.replace("q2I=", "q2J="),  # the same root, spelled another way
        TEXT.replace("q2I=", "q2I"),
        TEXT.replace("q2I=", ""),
        TEXT.replace("CsUY", "CsUYAAAA"),
        f"{ORIGIN}\n5\n",
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        checkpoints.parse_checkpoint(text)


def test_a_checkpoint_that_cannot_be_written_cannot_be_made() -> None:
    for origin, size, root in (
        ("", 1, ROOT),
        ("a\nb", 1, ROOT),
        (ORIGIN, -1, ROOT),
        (ORIGIN, 2**63, ROOT),
        (ORIGIN, 1, ROOT[:-1]),
        (ORIGIN, 0, ROOT),
    ):
        with pytest.raises(CheckpointError):
            Checkpoint(origin, size, root)
    with pytest.raises(CheckpointError):
        Checkpoint(ORIGIN, 1, ROOT, extensions=("",))


def test_a_signed_checkpoint_opens_under_its_logs_key() -> None:
    signed = checkpoints.sign_checkpoint(Checkpoint(ORIGIN, 7, ROOT), KEY)
    opened = checkpoints.open_checkpoint(signed, [VerifierKey.of(ORIGIN, KEY)])
    assert (opened.checkpoint, opened.cosignatures) == (Checkpoint(ORIGIN, 7, ROOT), ())


def test_another_logs_key_does_not_vouch_even_if_it_signed() -> None:
    text, other = Checkpoint(ORIGIN, 7, ROOT).text(), "sluis.example/toegang"
    signed = note.write_note(text, [note.sign_text(text, other, KEY)])
    with pytest.raises(NoteNotVerifiedError, match="own log"):
        checkpoints.open_checkpoint(signed, [VerifierKey.of(other, KEY)])


def test_a_witness_alone_does_not_vouch_but_is_named_beside_the_log() -> None:
    witness_key = VerifierKey.of("ketenpartner.example", OTHER_KEY, KeyKind.COSIGNATURE)
    log_key = VerifierKey.of(ORIGIN, KEY)
    signed = checkpoints.sign_checkpoint(Checkpoint(ORIGIN, 7, ROOT), KEY)
    text = note.parse_note(signed).text
    signed = note.add_signature(signed, note.cosign_text(text, witness_key.name, OTHER_KEY, 1234))

    opened = checkpoints.open_checkpoint(signed, [log_key, witness_key])
    assert [(each.key, each.timestamp) for each in opened.cosignatures] == [(witness_key, 1234)]
    assert checkpoints.open_checkpoint(signed, [log_key]).cosignatures == ()
    with pytest.raises(NoteNotVerifiedError, match="own log"):
        checkpoints.open_checkpoint(signed, [witness_key])


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_what_is_written_is_read_back(origin: str, size: int, root: bytes) -> None:
    made = Checkpoint(origin, size, root)
    assert checkpoints.parse_checkpoint(made.text()) == made


@given(st.text(max_size=200))
def test_garbage_is_refused_as_malformed_and_nothing_else(garbage: str) -> None:
    with pytest.raises(CheckpointError):
        checkpoints.parse_checkpoint(garbage)
