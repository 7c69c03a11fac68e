"""What a file must hold to name a person, and that nothing of it comes out but a keyed handle."""

from __future__ import annotations

import base64

import pytest

from gateway.pseudonyms.domains import Handles
from gateway.pseudonyms.person_file import NoBsnError, handle_in
from gateway.vault.keys import EnvironmentKeys
from schemas.identifiers import Bsn

KEYS = EnvironmentKeys({"SLUIS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()})
HANDLES = Handles(KEYS)


@pytest.mark.parametrize("text", ["999999990", "999999990\n", "  999999990\r\n"])
def test_a_number_leads_to_the_handle_that_deciding_uses(text: str) -> None:
    assert handle_in(text, HANDLES) == HANDLES.of(Bsn("999999990"))


@pytest.mark.parametrize("text", ["", "123456789", "Jansen", "999999990 999999990", "9" * 64])
def test_invariant_3_what_is_no_number_is_not_repeated(text: str) -> None:
    with pytest.raises(NoBsnError) as failed:
        handle_in(text, HANDLES)
    assert text == "" or text not in str(failed.value)
    assert failed.value.__cause__ is None
