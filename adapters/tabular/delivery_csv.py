"""A delivery as CSV: chunks to lines, lines to rows, rows to households.

Nothing is held beyond one line, one household and what one chunk completes, so that a file of two
gigabytes takes as much memory as one of two kilobytes. The format is Sluis's own design;
docs/partners/ says for each partner which columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from adapters.lines import LineCutter
from adapters.port import UnreadableDelivery
from adapters.tabular.columns import Columns
from adapters.tabular.header import MAX_HEADER, layout_of
from adapters.tabular.households import Households
from adapters.tabular.rows import MAX_LINE, RowReader
from schemas.deliveries import Problem, Record


class CsvReader:
    """Reads one `text/csv` delivery with a partner's columns."""

    def __init__(self, today: date, columns: Columns) -> None:
        self._columns = columns
        self._today = today
        self._head = bytearray()
        self._cutter = LineCutter(MAX_LINE)
        self._stages: tuple[RowReader, Households] | None = None

    def feed(self, chunk: bytes) -> Iterable[Record]:
        """The records that `chunk` completes; a household is complete once the next begins."""
        if self._stages is not None:
            return self._read(self._stages, self._cutter.feed(chunk))
        self._head += chunk
        end = self._head.find(b"\n")
        if end < 0:
            if len(self._head) > MAX_HEADER:
                self._begin(bytes(self._head))  # refuses, by what kind of file it is
            return ()
        stages = self._begin(bytes(self._head[:end]))
        rest = bytes(self._head[end + 1 :])
        self._head.clear()
        return self._read(stages, self._cutter.feed(rest))

    def close(self) -> Iterable[Record]:
        """The last household, and whatever broke off."""
        if self._stages is None:
            if not self._head:
                raise UnreadableDelivery(Problem.MISSING, "bestand (leeg)")
            self._begin(bytes(self._head))
            return ()
        rows, households = self._stages
        records = self._read((rows, households), self._cutter.close())
        records += households.feed(rows.close())
        return records + households.close()

    def _begin(self, header: bytes) -> tuple[RowReader, Households]:
        layout = layout_of(header, self._columns)
        self._stages = (RowReader(layout), Households(layout, self._today))
        return self._stages

    def _read(
        self, stages: tuple[RowReader, Households], lines: Iterable[bytes | None]
    ) -> list[Record]:
        rows, households = stages
        return households.feed(rows.feed(lines))
