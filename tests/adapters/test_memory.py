"""Memory does not grow with what is sent: not with good files, nor with those made to fill it.

Python's own memory is counted by tracemalloc; for XML, which libxml2 keeps out of its sight, the
memory of the whole process. Fifty megabytes stand for two gigabytes: what would grow, grows.
"""

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import pytest

from adapters.registry import ADAPTERS
from tests.adapters.feeding import TODAY

MEGABYTE = 1024 * 1024
CHUNK = 64 * 1024
HEADER = b"kenmerk;aangemeld_op;achternaam;toelichting\n"
NOTE = b"n" * 3900


def chunks(start: bytes, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """`start` and as many pieces as it takes, in chunks."""
    buffer = bytearray(start)
    sent = 0
    for piece in pieces:
        buffer += piece
        while len(buffer) >= CHUNK:
            yield bytes(buffer[:CHUNK])
            del buffer[:CHUNK]
            sent += CHUNK
            if sent >= size:
                return


def numbered(form: bytes) -> Iterator[bytes]:
    return (form % number for number in range(10_000_000))


CSV = {
    "rows": (HEADER, numbered(b"A%d;2013-12-31;x;" + NOTE + b"\n")),
    "one line": (HEADER, repeat(NOTE)),
    "one quoted cell": (HEADER + b'A1;2013-12-31;"', repeat(NOTE + b"\n")),
    "one household": (HEADER, repeat(b"A1;2013-12-31;x;" + NOTE + b"\n")),
    "no household": (HEADER, repeat(NOTE + b"\n")),
    "separators": (HEADER, repeat(b";" * 60_000 + b"\n")),
    "short lines": (HEADER, repeat(b"\n" * 4_000 + b"x\n" + b" " * 60_000 + b"\n")),
}
ELEMENT = json.dumps({"kenmerk": "A1", "toelichting": "n" * 3900}).encode()
JSON = {
    "elements": (b"[" + ELEMENT, repeat(b"," + ELEMENT)),
    "one string": (b'[{"a": "', repeat(NOTE)),
    "one nest": (b"[", repeat(b"[" * 4000)),
    "brackets": (b"[[", repeat(b"[[]{}[" * 100 + NOTE * 20)),
    "one number": (b"[{", repeat(b"1" * 4000)),
    "space": (b"[", repeat(b" \n" * 2000)),
    "broken": (b"[}", repeat(ELEMENT)),
}
LINES = {
    "lines": (ELEMENT + b"\n", repeat(ELEMENT + b"\n")),
    "one line": (b'{"a": "', repeat(NOTE)),
}


@pytest.mark.parametrize(
    ("media_type", "start", "pieces"),
    [
        pytest.param(media_type, *delivery, id=f"{media_type}: {name}")
        for media_type, deliveries in (
            ("text/csv", CSV),
            ("application/json", JSON),
            ("application/x-ndjson", LINES),
        )
        for name, delivery in deliveries.items()
    ],
)
def test_memory_is_flat(media_type: str, start: bytes, pieces: Iterable[bytes]) -> None:
    reader = ADAPTERS["dwi"].readers[media_type](TODAY)
    parts = chunks(start, pieces, 20 * MEGABYTE)
    for part in islice(parts, 4):
        list(reader.feed(part))
    tracemalloc.start()
    try:
        for part in parts:
            for _ in reader.feed(part):
                pass
        list(reader.close())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MEGABYTE


def test_memory_is_flat_over_fifty_megabytes_of_rows() -> None:
    reader = ADAPTERS["dwi"].readers["text/csv"](TODAY)
    parts = chunks(HEADER, numbered(b"B%d;2013-12-31;x;" + NOTE + b"\n"), 50 * MEGABYTE)
    tracemalloc.start()
    try:
        count = sum(1 for part in parts for _ in reader.feed(part))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count > 13_000
    assert peak < 2 * MEGABYTE


ROOT = b'<s:suwiLevering xmlns:s="urn:sluis:dwi:suwi-levering:1">'
ENTRY = (
    b'<s:aanmelding kenmerk="A%d" aangemeldOp="2013-12-31"><b:BijstandsregelingenInfoResponse'
    b' xmlns:b="http://bkwi.nl/SuwiML/Diensten/Bijstandsregelingen/v0500"><ClientSuwi>'
    b"<Burgerservicenr>999990032</Burgerservicenr><Voornamen>" + b"n" * 3900 + b"</Voornamen>"
    b"</ClientSuwi></b:BijstandsregelingenInfoResponse></s:aanmelding>\n"
)
XML = {
    "entries": (ROOT, numbered(ENTRY)),
    "one entry": (ROOT + b"<s:aanmelding>", repeat(b"<Voornamen>" + NOTE + b"</Voornamen>")),
    "one text": (ROOT, repeat(NOTE)),
    "texts": (ROOT + b"<s:aanmelding>", repeat(b"<Bron/>" + NOTE * 10)),
    "names": (ROOT + b"<s:aanmelding>", numbered(b"<n%d/>")),
    "namespaces": (ROOT + b"<s:aanmelding>", numbered(b'<Bron xmlns:n%d="u"/>')),
    "comments": (ROOT, repeat(b"<!--" + NOTE + b"-->")),
    "nothing after": (ROOT + b"</s:suwiLevering>", repeat(NOTE)),
}


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_empty_entries_are_let_go() -> None:
    reader = ADAPTERS["dwi"].readers["application/xml"](TODAY)
    before = resident()
    for part in chunks(ROOT, repeat(b"<s:a/>"), 2 * MEGABYTE):
        list(reader.feed(part))
    assert resident() - before < 16 * MEGABYTE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(("start", "pieces"), XML.values(), ids=XML.keys())
def test_memory_is_flat_for_xml(start: bytes, pieces: Iterable[bytes]) -> None:
    reader = ADAPTERS["dwi"].readers["application/xml"](TODAY)
    parts = chunks(start, pieces, 50 * MEGABYTE)
    for part in islice(parts, 4):
        list(reader.feed(part))
    before, most = resident(), 0
    for part in chain(parts):
        list(reader.feed(part))
        most = max(most, resident())
    # One text may fill libxml2's own limit of ten megabytes, while its buffer doubles.
    assert most - before < 32 * MEGABYTE
