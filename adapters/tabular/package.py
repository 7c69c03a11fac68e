"""An XLSX file as a package of parts, hostile until shown otherwise.

A workbook is a ZIP of XML parts (ECMA-376, parts 1 and 2). Only the four parts that hold plain
values are ever unpacked, each to a limit; what makes a workbook do something (macros, queries,
links to elsewhere, embedded objects) refuses the file. Nothing is written to disk.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from adapters.port import UnreadableDelivery
from schemas.deliveries import Problem

MAX_FILE = 8 * 1024 * 1024
"""Bytes of the file; a sheet of twenty thousand members takes about two million."""
MAX_PART = 32 * 1024 * 1024
"""Bytes of one part unpacked."""
MAX_DIRECTORY = 64 * 1024
"""Bytes of the ZIP's list of parts: a thousand of them."""
PIECE = 64 * 1024

PACKAGE = "werkmap"
NO_WORKBOOK = "bestand (nodig is een Excel-werkmap: .xlsx)"
_OPENDOCUMENT = "bestand (dit is OpenDocument; bewaar als .xlsx)"
_BINARY = "bestand (dit is .xlsb; bewaar als .xlsx)"
_MACROS = "werkmap (macro's zijn niet toegestaan; bewaar als .xlsx)"
_LINKS = "werkmap (koppelingen naar elders zijn niet toegestaan)"
_OBJECTS = "werkmap (ingesloten objecten zijn niet toegestaan)"
_FORBIDDEN: tuple[tuple[str, str], ...] = (
    ("vbaproject", _MACROS),
    ("macrosheets/", _MACROS),
    ("dialogsheets/", _MACROS),
    ("externallinks/", _LINKS),
    ("connections.xml", _LINKS),
    ("querytables/", _LINKS),
    ("embeddings/", _OBJECTS),
    ("activex/", _OBJECTS),
    ("ctrlprops/", _OBJECTS),
)

_END = struct.Struct("<4s4H2LH")
_END_SIGN = b"PK\x05\x06"
_END64_SIGN = b"PK\x06\x07"
_END64_SIZE = 20
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNPACKING = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class Package:
    """The parts of one workbook. Raises `UnreadableDelivery` where it is not a plain one."""

    def __init__(self, content: bytes) -> None:
        _check_directory(content)
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (*_UNPACKING, ValueError, struct.error):
            raise UnreadableDelivery(Problem.BROKEN, PACKAGE) from None
        names = [info.filename for info in self._archive.infolist()]
        if len(set(names)) != len(names):
            # Two parts under one name: another program may read the other one.
            raise UnreadableDelivery(Problem.CONTRADICTION, PACKAGE)
        self._names = frozenset(names)
        _check_names(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def pieces(self, name: str) -> Iterator[bytes]:
        """A part, unpacked piece by piece. Raises `UnreadableDelivery` beyond `MAX_PART`."""
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise UnreadableDelivery(Problem.MISSING, PACKAGE) from None
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise UnreadableDelivery(Problem.INVALID, "werkmap (versleuteld)")
        size = 0
        try:
            with self._archive.open(info) as part:
                # What the directory says of a part's size is only a claim: count what comes out.
                while piece := part.read(PIECE):
                    size += len(piece)
                    if size > MAX_PART:
                        raise UnreadableDelivery(Problem.TOO_LONG, PACKAGE)
                    yield piece
        except (*_UNPACKING, ValueError, struct.error):
            raise UnreadableDelivery(Problem.BROKEN, PACKAGE) from None


def _check_directory(content: bytes) -> None:
    """Bound the list of parts before it is read: each takes a kilobyte of memory.

    The record at the end must stand at the very end and be the old kind, as every spreadsheet
    program writes it; so nothing needs to be searched for, and no other reader finds another one.
    """
    end = content[-_END.size :]
    if len(end) < _END.size or not end.startswith(_END_SIGN):
        raise UnreadableDelivery(Problem.BROKEN, PACKAGE)
    *_, size, start, comment = _END.unpack(end)
    before = content[-_END.size - _END64_SIZE : -_END.size]
    if comment or before.startswith(_END64_SIGN) or start + size + _END.size != len(content):
        raise UnreadableDelivery(Problem.BROKEN, PACKAGE)
    if size > MAX_DIRECTORY:
        raise UnreadableDelivery(Problem.TOO_MANY, PACKAGE)


def _check_names(names: frozenset[str]) -> None:
    for name in names:
        lower = name.lower()
        for sign, place in _FORBIDDEN:
            if sign in lower:
                raise UnreadableDelivery(Problem.INVALID, place)
    if "xl/workbook.xml" not in names:
        place = NO_WORKBOOK
        if "xl/workbook.bin" in names:
            place = _BINARY
        elif "mimetype" in names:
            place = _OPENDOCUMENT
        raise UnreadableDelivery(Problem.INVALID, place)
