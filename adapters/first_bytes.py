"""What a file is by its first bytes, so that a wrong file gets an answer that helps.

A media type is a claim. Application managers send the workbook instead of its export, or the letter
that came with it; each of those says so in its first bytes.
"""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "bestand (dit is een Excel- of ZIP-bestand)"),
    (b"PK\x05\x06", "bestand (dit is een leeg ZIP-bestand)"),
    (b"\xd0\xcf\x11\xe0", "bestand (dit is een oud Excel- of Word-bestand)"),
    (b"%PDF", "bestand (dit is een PDF)"),
    (b"\x1f\x8b", "bestand (dit is een gzip-bestand)"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF16_NAME = "bestand (dit is UTF-16; nodig is UTF-8)"
_TEXT: tuple[tuple[bytes, str, str], ...] = (
    (b"<", "xml", "bestand (dit is XML)"),
    (b"{", "json", "bestand (dit is JSON)"),
    (b"[", "json", "bestand (dit is JSON)"),
)

BOM = b"\xef\xbb\xbf"
ENOUGH = 256
"""With this many bytes, or the whole file, `mistaken_kind` has all it looks at."""


def mistaken_kind(start: bytes, expected: str) -> str | None:
    """Why this start of a file is not `expected` (`csv`, `json` or `xml`); `None` if it may be."""
    for magic, name in _MAGIC:
        if start.startswith(magic):
            return name
    if start.startswith(_UTF16):
        return _UTF16_NAME
    if b"\x00" in start[:ENOUGH]:
        return "bestand (dit is geen tekst)"
    text = start.removeprefix(BOM).lstrip()
    for sign, kind, name in _TEXT:
        if text.startswith(sign) and kind != expected:
            return name
    return None
