"""Codes of projections: one a person and domain, opened by our key alone."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from gateway.pseudonyms.projections import ProjectedPseudonyms
from gateway.vault.keys import EnvironmentKeys

KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
LDV = ProjectedPseudonyms(KEYS, "ldv")


@given(st.uuids())
def test_invariant_06_a_code_opens_to_the_person_and_only_in_its_domain(subject: UUID) -> None:
    code = LDV.of(subject)
    assert code == LDV.of(subject)
    assert len(code) == 43
    assert LDV.subject_of(code) == subject
    other = ProjectedPseudonyms(KEYS, "ander")
    assert other.of(subject) != code
    assert other.subject_of(code) is None


@given(
    st.text(max_size=60)
    | st.binary(min_size=32, max_size=32).map(
        lambda raw: base64.urlsafe_b64encode(raw)[:43].decode()
    )
)
def test_what_nobody_made_opens_to_nobody(code: str) -> None:
    assert LDV.subject_of(code) is None


@given(st.uuids(), st.integers(0, 42), st.sampled_from("ABab09-_"))
def test_a_changed_code_opens_to_nobody(subject: UUID, place: int, letter: str) -> None:
    code = LDV.of(subject)
    changed = code[:place] + letter + code[place + 1 :]
    assert (LDV.subject_of(changed) == subject) is (changed == code)


def test_a_code_has_one_spelling() -> None:
    code = LDV.of(UUID(int=7))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [code[:-1] + letter for letter in letters if LDV.subject_of(code[:-1] + letter)]
    assert same == [code]


def test_it_is_aes_siv_over_the_id_bound_to_the_domain() -> None:
    key = KEYS.secret("pseudonyms/projection/ldv/1/iv") + KEYS.secret(
        "pseudonyms/projection/ldv/1/text"
    )
    sealed = AESSIV(key).encrypt(UUID(int=7).bytes, [b"sluis-projection-v1\x00ldv"])
    assert LDV.of(UUID(int=7)) == base64.urlsafe_b64encode(sealed).decode().rstrip("=")


@pytest.mark.parametrize("made_up", ["", "x", "é" * 43, "A" * 43, "A" * 44, "=" * 43])
def test_rubbish_is_no_code(made_up: str) -> None:
    assert LDV.subject_of(made_up) is None
