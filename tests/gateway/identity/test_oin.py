"""Organisation numbers."""

from __future__ import annotations

import pytest

from gateway.identity.oin import InvalidOinError, check_oin


@pytest.mark.parametrize(
    "oin",
    [
        "00000099000000001000",  # for test
        "00000001002220647000",  # RSIN of the municipality of Amsterdam
        "00000003273781460000",  # a KvK number
        "00000004000000001000",  # a subnumber
    ],
)
def test_an_oin_of_each_register_is_taken(oin: str) -> None:
    assert check_oin(oin) == oin


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "0000009900000000100",
        "000000990000000010000",
        "0000009900000000100x",
        "０" * 20,
        "12345678000000001000",
        "00000000000000001000",
        "00000099000000000000",
        "00000001002220648000",  # fails the eleven-test
        "00000001002220647001",  # suffix
        "00000003273781460001",
    ],
)
def test_what_is_no_oin_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(InvalidOinError) as raised:
        check_oin(wrong)
    assert not wrong or wrong not in str(raised.value)
