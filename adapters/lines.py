"""Lines out of pushed chunks, in memory that one line's limit bounds.

A line that is longer than the limit is dropped while it arrives, never gathered: whoever sends two
gigabytes without a newline gets one refused line. Where chunks are cut makes no difference.
"""

from __future__ import annotations


class LineCutter:
    """Cuts chunks into lines without their newline; `None` stands for one beyond the limit."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes, a carriage return included."""
        self._limit = limit
        self._tail = bytearray()
        self._is_skipping = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that `chunk` completes."""
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        lines: list[bytes | None] = []
        if pieces:
            was_skipping = self._is_skipping
            pieces[0] = bytes(self._tail) + pieces[0]
            lines.extend(piece if len(piece) <= self._limit else None for piece in pieces)
            if was_skipping:
                lines[0] = None
            self._tail.clear()
            self._is_skipping = False
        self._keep(rest)
        return lines

    def close(self) -> list[bytes | None]:
        """The last line, where the file does not end in a newline."""
        if self._is_skipping:
            return [None]
        return [bytes(self._tail)] if self._tail else []

    def _keep(self, rest: bytes) -> None:
        if self._is_skipping:
            return
        self._tail += rest
        if len(self._tail) > self._limit:
            self._tail.clear()
            self._is_skipping = True
