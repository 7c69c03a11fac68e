"""Lines are the same however their chunks are cut, and none outgrows its limit."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.lines import LineCutter

LIMIT = 8


def cut(chunks: list[bytes]) -> list[bytes | None]:
    cutter = LineCutter(LIMIT)
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    return lines + cutter.close()


def test_a_line_at_the_limit_is_kept_and_one_beyond_it_is_dropped() -> None:
    assert cut([b"12345678\n123456789\nx"]) == [b"12345678", None, b"x"]


def test_a_last_line_beyond_the_limit_is_dropped() -> None:
    assert cut([b"a\n12345", b"6789"]) == [b"a", None]


def test_an_empty_file_has_no_lines() -> None:
    assert cut([]) == []
    assert cut([b""]) == []


@given(st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"a", b"\n")), max_size=8))
def test_where_chunks_are_cut_makes_no_difference(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = [line if len(line) <= LIMIT else None for line in whole.split(b"\n")]
    if expected[-1] == b"":
        expected.pop()
    assert cut(chunks) == expected
