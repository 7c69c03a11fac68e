"""Known answers: the examples in C2SP signed-note.md and tlog-cosignature.md, those of
golang.org/x/mod/sumdb/note, and the cosigned mirror checkpoint in FiloSottile/sunlight's tests."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import note
from gateway.audit.note import KeyKind, NoteError, NoteNotVerifiedError, Signature, VerifierKey

PETER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb"
    "6KE6RyyBwJnAM=\n"
)
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33W"
    "Wd1RvMc+QQ=\n"
)
PETER_NOTE = f"{PETER_TEXT}\n{PETER_LINE}".encode()
BOTH_NOTE = f"{PETER_TEXT}\n{PETER_LINE}{ENOCH_LINE}".encode()

C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2O"
    "NncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

MIRROR_VKEY = "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O"
MIRROR_SEED = sha256(b"skylight test mirror key").digest()
MIRROR_TIME = 1767139200
MIRROR_TEXT = "rome2026h1.example.org\n300\ngw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=\n"
MIRROR_NOTE = (
    f"{MIRROR_TEXT}\n— mirror.example.org P7FI7wAAAABpVGeAjA1S4pJm6MbcXjX7UUImu4azZtrfcVW2uyr/LXIY"
    "lwEJzXC0N0EiZkbqfLdXt/4gVEEuGmxJjAfXKMCISpsJAg==\n"
).encode()


def key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def verifies(signed: bytes, *vkeys: str) -> bool:
    try:
        note.verify_note(signed, [note.parse_vkey(vkey) for vkey in vkeys])
    except NoteError:
        return False
    return True


def test_the_example_of_the_standard_verifies() -> None:
    verified = note.verify_note(C2SP_NOTE, [note.parse_vkey(C2SP_VKEY)])
    assert verified.text == "This is an example message.\n"
    assert [each.key.name for each in verified.signatures] == ["example.com/foo"]


def test_signing_gives_the_bytes_that_go_gives() -> None:
    signature = note.sign_text(PETER_TEXT, "PeterNeumann", key(PETER_SEED))
    assert note.write_note(PETER_TEXT, [signature]) == PETER_NOTE
    assert VerifierKey.of("PeterNeumann", key(PETER_SEED)).encode() == PETER_VKEY


def test_a_second_signature_is_added_as_go_adds_it() -> None:
    # Go's example makes EnochRoot's key from a reader of zeros.
    signature = note.sign_text(PETER_TEXT, "EnochRoot", key(bytes(32)))
    assert note.add_signature(PETER_NOTE, signature) == BOTH_NOTE
    verified = note.verify_note(
        BOTH_NOTE, [note.parse_vkey(PETER_VKEY), note.parse_vkey(ENOCH_VKEY)]
    )
    assert [each.key.name for each in verified.signatures] == ["PeterNeumann", "EnochRoot"]


def test_signatures_of_unknown_keys_are_ignored_but_never_enough() -> None:
    assert verifies(BOTH_NOTE, ENOCH_VKEY)
    with pytest.raises(NoteNotVerifiedError, match="no known key"):
        note.verify_note(BOTH_NOTE, [])
    with pytest.raises(NoteNotVerifiedError, match="no known key"):
        note.verify_note(BOTH_NOTE, [note.parse_vkey(C2SP_VKEY)])


def test_a_known_key_that_contradicts_refuses_the_whole_note() -> None:
    forged = Signature("EnochRoot", note.parse_vkey(ENOCH_VKEY).key_id, bytes(64))
    signed = note.add_signature(PETER_NOTE, forged)
    assert verifies(signed, PETER_VKEY)
    assert not verifies(signed, PETER_VKEY, ENOCH_VKEY)


def test_a_cosignature_made_elsewhere_verifies_with_its_time() -> None:
    verified = note.verify_note(MIRROR_NOTE, [note.parse_vkey(MIRROR_VKEY)])
    (signature,) = verified.signatures
    assert (verified.text, signature.timestamp) == (MIRROR_TEXT, MIRROR_TIME)
    assert signature.key.kind is KeyKind.COSIGNATURE


def test_cosigning_gives_the_bytes_that_go_gives() -> None:
    name = "mirror.example.org"
    signature = note.cosign_text(MIRROR_TEXT, name, key(MIRROR_SEED), MIRROR_TIME)
    assert note.write_note(MIRROR_TEXT, [signature]) == MIRROR_NOTE
    assert VerifierKey.of(name, key(MIRROR_SEED), KeyKind.COSIGNATURE).encode() == MIRROR_VKEY


def test_a_cosignature_with_another_time_never_verifies() -> None:
    signature = note.cosign_text(MIRROR_TEXT, "mirror.example.org", key(MIRROR_SEED), MIRROR_TIME)
    for time in (0, MIRROR_TIME + 1, 2**63, 2**64 - 1):
        blob = time.to_bytes(8) + signature.blob[8:]
        forged = Signature(signature.name, signature.key_id, blob)
        assert not verifies(note.write_note(MIRROR_TEXT, [forged]), MIRROR_VKEY)


def test_a_signature_is_not_taken_for_a_cosignature_or_the_other_way_round() -> None:
    plain = VerifierKey.of("mirror.example.org", key(MIRROR_SEED))
    assert not verifies(MIRROR_NOTE, plain.encode())
    signature = note.sign_text(MIRROR_TEXT, plain.name, key(MIRROR_SEED))
    assert not verifies(note.write_note(MIRROR_TEXT, [signature]), MIRROR_VKEY)


@pytest.mark.parametrize("timestamp", [-1, 2**63])
def test_a_time_out_of_range_is_not_cosigned(timestamp: int) -> None:
    with pytest.raises(NoteError, match="timestamp"):
        note.cosign_text(MIRROR_TEXT, "mirror.example.org", key(MIRROR_SEED), timestamp)


@pytest.mark.parametrize("vkey", [PETER_VKEY, ENOCH_VKEY, C2SP_VKEY, MIRROR_VKEY])
def test_a_vkey_is_written_as_it_was_read(vkey: str) -> None:
    assert note.parse_vkey(vkey).encode() == vkey


def test_no_part_of_a_vkey_and_no_changed_character_is_a_vkey() -> None:
    whole = len(PETER_VKEY)
    mangled = {PETER_VKEY[i:j] for i in range(whole) for j in range(i, whole + 1)} - {PETER_VKEY}
    mangled |= {
        PETER_VKEY[:i] + chr(ord(c) + 1) + PETER_VKEY[i + 1 :] for i, c in enumerate(PETER_VKEY)
    }
    for vkey in mangled:
        with pytest.raises(NoteError):
            note.parse_vkey(vkey)


@pytest.mark.parametrize(
    "vkey",
    [  # From Go's tests: a key of the wrong length and an unknown type, their ids made to match.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER_VKEY.replace("c74f20a3", "C74F20A3"),
        PETER_VKEY + "\n",
        "",
        "++",
    ],
)
def test_a_malformed_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        note.parse_vkey(vkey)


@pytest.mark.parametrize(
    "signed",
    [
        PETER_TEXT.encode(),
        PETER_TEXT.encode() + b"\n",
        PETER_NOTE[:-1],
        b"\x01" + PETER_NOTE,
        b"\xff" + PETER_NOTE,
        PETER_NOTE.replace(b"\n", b"\r\n"),
        PETER_NOTE + b"Unexpected line.\n",
        PETER_NOTE.replace(b"PeterNeumann", b"Peter Neumann"),
        PETER_NOTE.replace(b"PeterNeumann", b"Peter+Neumann"),
        PETER_NOTE.replace(b"PeterNeumann ", b""),
        PETER_NOTE.replace("—".encode(), b"-"),
        PETER_NOTE.replace(b"JnAM=", b"JnAN="),  # the same bytes, spelled another way
        PETER_NOTE.replace(b"x08go/", b"x08go_"),
        PETER_NOTE.replace(b"x08go/", b"x08 go/"),
        f"{PETER_TEXT}\n{PETER_LINE * 101}".encode(),
        b"x" * 1_000_001 + PETER_NOTE,
        "— PeterNeumann x08gow==\n".encode(),
        b"",
    ],
)
def test_a_malformed_note_is_refused(signed: bytes) -> None:
    assert not verifies(signed, PETER_VKEY)


def test_two_keys_that_claim_one_name_and_id_are_refused() -> None:
    peter = note.parse_vkey(PETER_VKEY)
    assert verifies(PETER_NOTE, PETER_VKEY, PETER_VKEY)

    class Colliding(VerifierKey):
        """What an attacker can compute: another key with the same 32-bit id."""

        @property
        def key_id(self) -> bytes:
            return peter.key_id

    other = Colliding(peter.name, peter.kind, bytes(32))
    with pytest.raises(NoteError, match="share a name and id"):
        note.verify_note(PETER_NOTE, [peter, other])


def test_a_text_that_cannot_be_a_note_is_not_signed() -> None:
    for text in ("", "abc", "abc\x00\n", "abc\r\n"):
        with pytest.raises(NoteError):
            note.sign_text(text, "PeterNeumann", key(PETER_SEED))
    for name in ("", "a b", "a+b", "a\u2003b", "a\nb", "a\x7f\x00"):
        with pytest.raises(NoteError):
            note.sign_text(PETER_TEXT, name, key(PETER_SEED))
    with pytest.raises(NoteError, match="1 to 100"):
        note.write_note(PETER_TEXT, [])


def test_a_refusal_never_repeats_the_note() -> None:
    canary = "kanarie12345678"  # no base64: its length is not a multiple of four
    for signed in (f"{canary}\n\n— {canary} {canary}\n", f"{canary}\n{canary}", f"\udc00{canary}"):
        with pytest.raises(NoteError) as refused:
            note.parse_note(signed.encode(errors="surrogatepass"))
        assert canary not in str(refused.value)
        assert refused.value.__cause__ is None


def test_every_flipped_bit_of_a_note_with_one_signature_is_noticed() -> None:
    for at in range(len(MIRROR_NOTE)):
        for bit in range(8):
            flipped = bytearray(MIRROR_NOTE)
            flipped[at] ^= 1 << bit
            assert not verifies(bytes(flipped), MIRROR_VKEY)


@given(
    st.text(
        st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.just("\n"), max_size=80
    ),
    st.binary(min_size=32, max_size=32),
)
def test_what_is_signed_verifies(body: str, seed: bytes) -> None:
    text = f"{body}\n"
    signed = note.write_note(text, [note.sign_text(text, "sluis.example/log", key(seed))])
    vkey = VerifierKey.of("sluis.example/log", key(seed))
    assert note.verify_note(signed, [vkey]).text == text


@given(st.binary(max_size=300))
def test_garbage_is_refused_as_malformed_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(NoteError):
        note.verify_note(garbage, [note.parse_vkey(PETER_VKEY)])
    with pytest.raises(NoteError):
        note.parse_vkey(garbage.decode("latin-1"))
