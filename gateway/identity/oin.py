"""The organisation number of a partner: Organisatie-identificatienummer (OIN), 20 digits.

Logius' OIN scheme: a prefix of 8 digits names the register that the number is from, then that
register's number and a suffix, together 12. 00000001 is the RSIN (9 digits, eleven-test, suffix
000), 00000003 the KvK number (8 digits, suffix 0000), 00000099 for test.
"""

from __future__ import annotations

from stdnum.nl import bsn as eleven_test  # an RSIN has the same check digit

_RSIN, _KVK = "00000001", "00000003"


class InvalidOinError(ValueError):
    """This is no OIN; the message names the rule, never the number."""


def check_oin(oin: str) -> str:
    """The OIN, if it has the form of one. Raises `InvalidOinError`."""
    if len(oin) != 20 or not (oin.isascii() and oin.isdigit()):
        raise InvalidOinError("an OIN has 20 digits")
    prefix, number = oin[:8], oin[8:]
    if not prefix.startswith("000000") or prefix == "00000000":
        raise InvalidOinError("an OIN begins with the prefix of a register, such as 00000001")
    if not int(number):
        raise InvalidOinError("the number after the prefix is missing")
    if prefix == _RSIN and (number[9:] != "000" or eleven_test.checksum(number[:9]) != 0):
        raise InvalidOinError("after 00000001 comes an RSIN (eleven-test) and 000")
    if prefix == _KVK and number[8:] != "0000":
        raise InvalidOinError("after 00000003 comes a KvK number of 8 digits and 0000")
    return oin
