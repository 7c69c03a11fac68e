"""Workbooks made to do harm: refused, within time and memory, and without a word of them.

Time is the processor's, so that a busy machine fails nothing; memory is Python's own and, since
expat and zlib keep theirs out of its sight, the growth of the whole process.
"""

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.port import UnreadableDelivery
from adapters.tabular.package import MAX_FILE, MAX_PART
from schemas.deliveries import Problem, Translated
from tests.adapters.feeding import read, refusal
from tests.adapters.tabular.workbooks import (
    MAIN,
    STYLES,
    WORKBOOK,
    filled,
    parts_of,
    reader,
    row,
    sheet_of,
    zipped,
)
from tests.support.strategies import unhurried

TODAY = date(2026, 1, 1)
NAMES = ("kenmerk", "aangemeld_op", "achternaam")
PLAIN = ("A1", "31-12-2025", "Kanariepiet")
MEGABYTE = 1024 * 1024
HEAD, TAIL = f"<worksheet {MAIN}><sheetData>{row(*NAMES)}", "</sheetData></worksheet>"
ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE x [<!ENTITY a0 "ha">{ENTITIES}]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'


def one_sheet(inner: str) -> bytes:
    return zipped(parts_of(f"{HEAD}{inner}{TAIL}"))


def shared(inner: str) -> bytes:
    return filled(NAMES, PLAIN, shared=f"<sst {MAIN}>{inner}</sst>")


def styled(formats: str, cells: str = "") -> bytes:
    styles = (
        f"<styleSheet {MAIN}><numFmts>{formats}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>"
    )
    return filled(NAMES, PLAIN, styles=styles)


BOMBS: dict[str, Callable[[], bytes]] = {
    "a sheet of zeros": lambda: zipped(parts_of(bytes(100 * MEGABYTE))),
    "a text of 100 MB": lambda: one_sheet(
        f'<row><c t="inlineStr"><is><t>{"a" * 100 * MEGABYTE}'
    ),
    "empty rows": lambda: one_sheet("<row/>" * 5_000_000),
    "a million columns": lambda: one_sheet(f"<row>{'<c><v>1</v></c>' * 1_000_000}</row>"),
    "rows beyond the limit": lambda: one_sheet(row("A", "b") * 30_000),
    "one deep nest": lambda: one_sheet("<row>" + "<c>" * 1_000_000),
    "one large attribute": lambda: one_sheet(f'<row r="{"1" * 30 * MEGABYTE}"/>'),
    "many attributes": lambda: one_sheet(
        "<row " + " ".join(f"a{n}='1'" for n in range(500_000)) + "/>"
    ),
    "many names": lambda: one_sheet("".join(f"<n{n}/>" for n in range(1_000_000))),
    "shared texts": lambda: shared("<si><t>ab</t></si>" * 1_500_000),
    "one shared text": lambda: shared(f"<si><t>{'a' * 31 * MEGABYTE}</t></si>"),
    "long shared texts": lambda: shared(f"<si><t>{'a' * 32_000}</t></si>" * 1000),
    "wide shared texts": lambda: shared(f"<si><t>{'a' * 4000}\U0001f600</t></si>" * 7000),
    "formats that backtrack": lambda: styled(
        "".join(f'<numFmt numFmtId="{n}" formatCode="{"[" * 254}"/>' for n in range(999)),
        "".join(f'<xf numFmtId="{n % 999}"/>' for n in range(99_000)),
    ),
    "too many formats": lambda: styled("<numFmt numFmtId='1'/>", "<xf/>" * 1_000_000),
    "a long format": lambda: styled(f'<numFmt numFmtId="1" formatCode="{"[" * 9 * MEGABYTE}"/>'),
    "sheets": lambda: filled(NAMES, PLAIN, workbook=WORKBOOK.replace(
        "<sheets>", "<sheets>" + '<sheet name="a" id="b"/>' * 100_000)),
    "parts": lambda: zipped({**parts_of(one_row()), **{f"p{n}": "" for n in range(20_000)}}),
    "laughs": lambda: zipped(parts_of(LAUGHS + sheet_of([row("&a9;")]))),
    "an entity from outside": lambda: zipped(parts_of(OUTSIDE + sheet_of([row("&e;")]))),
}  # fmt: skip
READ = {"one shared text", "formats that backtrack"}
"""What does no harm and is read, or refused by the record: a text that no cell uses."""


def one_row() -> str:
    return sheet_of([row(*NAMES), row(*PLAIN)])


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_little_and_says_nothing(name: str) -> None:
    content = BOMBS[name]()
    assert len(content) < MAX_FILE
    before, begun = resident(), time.process_time()
    try:
        records = read(reader(TODAY), content)
    except UnreadableDelivery as error:
        told = str(error)
        assert name not in READ
    else:
        told = " ".join(repr(record.findings) for record in records)
        assert name in READ or any(not isinstance(one, Translated) for one in records)
    assert time.process_time() - begun < 6
    assert resident() - before < 160 * MEGABYTE
    assert "Kanarie" not in told
    assert len(told) < 500_000


def test_a_part_is_cut_off_at_its_limit_whatever_the_directory_says() -> None:
    content = bytearray(zipped(parts_of(bytes(40 * MEGABYTE))))
    size = struct.pack("<L", 40 * MEGABYTE)
    content = content.replace(size, struct.pack("<L", 100))
    tracemalloc.start()
    try:
        problem, _ = refusal(reader(TODAY), bytes(content))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem in (Problem.TOO_LONG, Problem.BROKEN)
    assert peak < 2 * MEGABYTE < MAX_PART


def test_a_file_is_refused_as_soon_as_it_is_too_large() -> None:
    one = reader(TODAY)
    piece = b"PK\x03\x04" + bytes(256 * 1024)
    for _ in range(MAX_FILE // len(piece)):
        assert list(one.feed(piece)) == []
    with pytest.raises(UnreadableDelivery, match="te-lang"):
        one.feed(piece)


def twice_named() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in parts_of(one_row()).items():
            archive.writestr(name, part)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("xl/workbook.xml", WORKBOOK)
    return content.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        twice_named,
        lambda: filled(NAMES, PLAIN) + b"x",
        lambda: b"PK\x03\x04" + filled(NAMES, PLAIN),
        lambda: filled(NAMES, PLAIN)[:-1],
        lambda: filled(NAMES, PLAIN)[:400],
        lambda: zipped(parts_of(one_row()), zipfile.ZIP_BZIP2),
        lambda: zipped(parts_of(one_row()), zipfile.ZIP_LZMA),
        lambda: zipped({"xl/workbook.xml": WORKBOOK}),
        lambda: filled(NAMES, PLAIN, rels="<Relationships/>"),
        lambda: filled(NAMES, PLAIN, workbook="<workbook/>"),
        lambda: filled(NAMES, PLAIN, workbook="not XML"),
        lambda: filled(NAMES, PLAIN, styles=STYLES[:-9]),
        lambda: filled(NAMES, PLAIN, shared="<a></b>"),
        lambda: zipped(parts_of("<?x y?>" + one_row())),
        lambda: zipped(parts_of(sheet_of([row(*NAMES, attributes="r='2'"), "<row r='1'/>"]))),
        lambda: zipped(parts_of(sheet_of([row(*NAMES, '<c r="A1"/>')]))),
        lambda: zipped(parts_of(sheet_of([row(*NAMES, '<c r="D9"/>')]))),
        lambda: zipped(parts_of(sheet_of(["<row><row/></row>"]))),
        lambda: zipped(parts_of(sheet_of(["<c/>"]))),
    ],
)  # fmt: skip
def test_what_no_spreadsheet_program_writes_is_refused(make: Callable[[], bytes]) -> None:
    refusal(reader(TODAY), make())


@pytest.mark.parametrize("encoding", ["UTF-8", "idna", "Kanariepiet", "UTF-7"])
def test_an_encoding_that_a_part_names_is_not_looked_up(encoding: str) -> None:
    plain = read(reader(TODAY), zipped(parts_of(one_row())))
    named = f'<?xml version="1.0" encoding="{encoding}"?>{one_row()}'
    assert read(reader(TODAY), zipped(parts_of(named))) == plain
    assert read(reader(TODAY), zipped(parts_of(one_row().encode("utf-16")))) == plain


SOUND = filled(NAMES, *((f"A{n}", "31-12-2025", "Kanariepiet") for n in range(20)))
PARTS = {name: part if isinstance(part, bytes) else part.encode()
         for name, part in parts_of(one_row()).items()}  # fmt: skip


def told(content: bytes) -> str:
    try:
        return " ".join(repr((one.line, one.findings)) for one in read(reader(TODAY), content))
    except UnreadableDelivery as error:
        return f"{error!r} {error.__context__!r} {error.__cause__!r}"


@unhurried
@given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(SOUND)),
)
def test_any_bytes_changed_or_cut_end_in_an_outcome(
    changes: list[tuple[int, int]], end: int
) -> None:
    content = bytearray(SOUND)
    for at, byte in changes:
        content[at] = byte
    assert "Kanarie" not in told(bytes(content))
    assert "Kanarie" not in told(bytes(content[:end]))


_PIECES = st.sampled_from(
    [b"<", b">", b"/", b'"', b"<row>", b"</row>", b"<c>", b"</c>", b"<v>", b"</v>", b"<f/>",
     b"&lt;", b"<is>", b"<t>Kanariepiet", b' r="A1"', b' t="s"', b' s="1"',
     b' t="Kanariepiet"', b"&#0;", b"<!--Kanariepiet-->", b"<![CDATA[Kanariepiet]]>",
     b"&Kanariepiet;", b"\xff", b"\x00", b"<si>"]
)  # fmt: skip


@unhurried
@given(
    st.sampled_from([name for name in PARTS if name.startswith("xl/")]),
    st.lists(st.tuples(st.integers(0, 2000), _PIECES), min_size=1, max_size=4),
)
def test_any_part_changed_ends_in_an_outcome(name: str, planted: list[tuple[int, bytes]]) -> None:
    part = PARTS[name]
    for at, piece in planted:
        place = at % (len(part) + 1)
        part = part[:place] + piece + part[place:]
    assert "Kanarie" not in told(zipped({**PARTS, name: part}, zipfile.ZIP_STORED))
