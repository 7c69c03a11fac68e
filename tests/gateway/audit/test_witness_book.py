"""A witness's memory: on disk before it counts, whole after a crash, and never going back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.audit import witness_book
from gateway.audit.note import encode_base64
from gateway.audit.witness import Cosigned
from gateway.audit.witness_book import BOOK, REFUSED, BookError, WitnessBook, open_book
from tests.gateway.audit.logs import ORIGIN, Log, numbered

LOG = numbered(20)
Opens = Callable[[Path], WitnessBook]
OTHER = Log(LOG.entries, origin="ander.test/log")


@pytest.fixture
def opens() -> Iterator[Opens]:
    """Opens books, and closes them."""
    with ExitStack() as closing:

        def opened(folder: Path) -> WitnessBook:
            book = open_book(folder)
            closing.callback(book.close)
            return book

        yield opened


def keep(book: WitnessBook, log: Log, size: int) -> Cosigned:
    cosigned = Cosigned(size, Log(log.entries[:size]).root)
    book.keep(log.origin, cosigned, log.signed(size))
    return cosigned


def test_what_was_kept_is_known_after_a_restart(tmp_path: Path, opens: Opens) -> None:
    book = opens(tmp_path)
    keep(book, LOG, 3)
    newest = keep(book, LOG, 9)
    other = keep(book, OTHER, 1)
    book.close()

    again = opens(tmp_path)
    assert (again.newest(ORIGIN), again.newest(OTHER.origin)) == (newest, other)
    assert again.newest("een ander") is None


def test_a_half_written_line_is_cut_off(tmp_path: Path, opens: Opens) -> None:
    book = opens(tmp_path)
    newest = keep(book, LOG, 3)
    book.close()
    with (tmp_path / BOOK).open("ab") as file:
        file.write(b'{"oorsprong": "slu')

    again = opens(tmp_path)
    assert again.newest(ORIGIN) == newest
    latest = keep(again, LOG, 7)
    again.close()
    assert opens(tmp_path).newest(ORIGIN) == latest


def test_a_damaged_book_is_not_mended_by_guess(tmp_path: Path, opens: Opens) -> None:
    book = opens(tmp_path)
    keep(book, LOG, 3)
    keep(book, LOG, 9)
    book.close()
    path = tmp_path / BOOK
    path.write_bytes(path.read_bytes().replace(b"controlepunt", b"iets", 1))

    with pytest.raises(BookError, match="damaged"):
        opens(tmp_path)


def test_a_book_that_goes_back_is_damaged(tmp_path: Path, opens: Opens) -> None:
    book = opens(tmp_path)
    keep(book, LOG, 9)
    keep(book, LOG, 9)
    book.close()
    first = {"oorsprong": ORIGIN, "omvang": 3, "controlepunt": encode_base64(LOG.signed(3))}
    with (tmp_path / BOOK).open("ab") as file:
        file.write(json.dumps(first).encode() + b"\n")

    with pytest.raises(BookError, match="damaged"):
        opens(tmp_path)


def test_one_process_has_the_book(tmp_path: Path, opens: Opens) -> None:
    book = opens(tmp_path)
    with pytest.raises(BookError, match="another process"):
        opens(tmp_path)
    book.close()
    opens(tmp_path).close()


def test_a_long_book_keeps_what_is_newest(
    tmp_path: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_book, "COMPACT_AT", 2000)
    book = opens(tmp_path)
    keep(book, OTHER, 2)
    for size in range(1, 20):
        keep(book, LOG, size)
    with pytest.raises(BookError, match="another process"):
        opens(tmp_path)
    book.close()

    assert (tmp_path / BOOK).stat().st_size < 3000
    again = opens(tmp_path)
    assert (again.newest(ORIGIN), again.newest(OTHER.origin)) == (
        Cosigned(19, Log(LOG.entries[:19]).root),
        Cosigned(2, Log(LOG.entries[:2]).root),
    )


def test_a_full_disk_leaves_whole_lines(
    tmp_path: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = opens(tmp_path)
    newest = keep(book, LOG, 3)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            keep(book, LOG, 5)
    assert book.newest(ORIGIN) == newest

    keep(book, LOG, 7)
    book.close()
    assert len((tmp_path / BOOK).read_bytes().splitlines()) == 2


def test_what_was_refused_is_kept_within_bounds(
    tmp_path: Path, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_book, "MAX_REFUSED", 500)
    book = opens(tmp_path)
    for _ in range(20):
        book.keep_refused("regel", b"x" * 100)

    kept = (tmp_path / REFUSED).read_bytes().splitlines()
    assert 0 < len(kept) < 6
    assert json.loads(kept[0]) == {"regel": "regel", "aanvraag": encode_base64(b"x" * 100)}
