"""The canonical bytes of a log entry: one meaning, one spelling, one hash.

Rules: RFC 8785 (JSON Canonicalization Scheme), narrowed to what our entries need so that orjson's
sorted output *is* the canonical form: objects, arrays, text, booleans, null, and integers up to
2^53 - 1. No floats (their spelling is where implementations part), and ASCII keys only (RFC 8785
sorts keys by UTF-16, orjson by UTF-8; in ASCII they agree). At most 65,535 bytes, which is what
the length prefix of a C2SP entry bundle can say.

Which fields an entry has is decided elsewhere. Messages name the rule, never a key or a value.
"""

from collections.abc import Iterable

import orjson

from gateway.audit.tiles import MAX_ENTRY_BYTES

MAX_INTEGER = 2**53 - 1

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_PLAIN = frozenset({str, bool, type(None)})  # any of these will do, and needs no call


class EntryError(ValueError):
    """An entry is outside the canonical subset; the message names the rule."""


def encode_entry(fields: dict[str, object]) -> bytes:
    """The canonical bytes of an entry; `EntryError` for what the subset does not hold."""
    try:
        _check_value(fields)
        entry = orjson.dumps(fields, option=_OPTIONS)
    except (orjson.JSONEncodeError, RecursionError):
        raise EntryError("the entry is nested too deep or holds text that is no Unicode") from None
    if len(entry) > MAX_ENTRY_BYTES:
        raise EntryError("the entry is longer than 65,535 bytes")
    return entry


def decode_entry(entry: bytes) -> dict[str, object]:
    """Read an entry back; `EntryError` unless these are exactly the bytes that we would write."""
    if len(entry) > MAX_ENTRY_BYTES:
        raise EntryError("the entry is longer than 65,535 bytes")
    try:
        fields = orjson.loads(entry)
        rewritten = orjson.dumps(fields, option=_OPTIONS)  # a key that stood twice is gone here
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise EntryError("the entry is not JSON") from None  # the cause carries the entry
    if rewritten != entry:
        raise EntryError("the entry is not in canonical form")
    if not isinstance(fields, dict):
        raise EntryError("the entry is not an object")
    try:
        _check_value(fields)
    except RecursionError:
        raise EntryError("the entry is nested too deep") from None
    return fields


def _check_value(value: object) -> None:
    if isinstance(value, dict):
        _check_keys(value)
        _check_each(value.values())
    elif isinstance(value, (list, tuple)):
        _check_each(value)
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise EntryError("an integer lies beyond 2^53 - 1")
    elif not isinstance(value, str):
        raise EntryError("a value is a float or of another type that entries do not hold")


def _check_each(values: Iterable[object]) -> None:
    for value in values:
        if type(value) not in _PLAIN:
            _check_value(value)


def _check_keys(keys: Iterable[str]) -> None:
    try:
        is_ascii = "".join(keys).isascii()
    except TypeError:
        is_ascii = False
    if not is_ascii:
        raise EntryError("a key is not ASCII text")
