"""What every parser owes, whatever it is given; held against one input at a time.

It ends, in time; it raises what it says it raises and nothing else; what it tells of its input
repeats nothing of it; and a reader that is pushed pieces does not care where they were cut. The
same examination serves hypothesis, which is quick, and the coverage-guided fuzzer, which goes far.
"""

from __future__ import annotations

import re
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from adapters.port import DeliveryReader, UnreadableDelivery
from schemas.deliveries import Record

CANARY = b"Kanariepiet"
"""Put where a token of the input stood; nothing that is told may hold it."""
_TOKEN = re.compile(rb"[A-Za-z0-9]{3,40}")
_KILOBYTE = 1024


class FindingError(AssertionError):
    """An input that a parser did not treat as it owes; says which promise, never the input."""


def _nothing() -> Sequence[bytes]:
    return ()


@dataclass(frozen=True)
class Target:
    """One parser. `read` gives all that is told of the input; of what was read well, nothing.

    `raises` are the exceptions that it documents. `names_input` is said of files that their own
    operator or officer wrote, whose errors name what stands there, lest nobody could mend them.
    """

    name: str
    read: Callable[[bytes], str]
    seeds: Callable[[], Iterable[bytes]]
    raises: tuple[type[Exception], ...] = ()
    names_input: bool = False
    longest: int = 16 * _KILOBYTE
    seconds: float = 2.0
    words: Callable[[], Sequence[bytes]] = field(default=_nothing)


def examine(target: Target, data: bytes) -> None:
    """Hold a parser to what it owes, for this input and for one with a canary in it.

    Raises `FindingError`, or what the parser raised and should not have.
    """
    _told(target, data)
    planted = with_canary(data)
    told = _told(target, planted)
    if not target.names_input and CANARY.decode().lower() in told.lower():
        raise FindingError(f"{target.name}: what is told repeats the input")


def _told(target: Target, data: bytes) -> str:
    begun = time.process_time()
    try:
        told = target.read(data)
    except target.raises as error:
        told = shown(error)
    # Ten megabytes a second at least, beside what any input may take; of the processor's time, as
    # others share the machine. What never ends at all is ended from outside.
    allowed = target.seconds + len(data) / 10e6
    if time.process_time() - begun > allowed:
        raise FindingError(f"{target.name}: {len(data)} bytes took more than {allowed:.1f} s")
    return told


def shown(error: BaseException) -> str:
    """All that a log could show of an error: its words, and those of what led to it."""
    lines = "".join(traceback.format_exception(error, limit=0))
    behind = None if error.__suppress_context__ else error.__context__
    return f"{lines} {error!r} {behind!r} {error.__cause__!r}"


def with_canary(data: bytes) -> bytes:
    """The input with the canary for one of its tokens, at every place where that one stands.

    Which token follows from the bytes, so that a finding comes back.
    """
    tokens = sorted(set(_TOKEN.findall(data)))
    if not tokens:
        return data + CANARY
    chosen = tokens[zlib.crc32(data) % len(tokens)]
    return re.sub(rb"(?<![A-Za-z0-9])%b(?![A-Za-z0-9])" % chosen, CANARY, data)


Outcome = tuple[list[Record], str]


def of_reader(make: Callable[[], DeliveryReader]) -> Callable[[bytes], str]:
    """A pushed reader: its findings, after it gave the same for the whole and for pieces.

    A reference goes back to its sender by right, and what was read is not told; neither counts.
    """

    def read(data: bytes) -> str:
        records, refused = _outcome(make(), [data])
        for size in _sizes(data):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            if _outcome(make(), pieces) != (records, refused):
                raise FindingError(f"pieces of {size} bytes are read otherwise than the whole")
        return f"{refused} {[one.findings for one in records]!r}"

    return read


def _sizes(data: bytes) -> Iterable[int]:
    mark = zlib.crc32(data)
    if len(data) > 2 * _KILOBYTE:
        # Whoever cuts a large element small has it looked at anew with each piece, up to a bound.
        yield 256 + mark % 4096
        return
    yield 1 + mark % 97
    if len(data) < 512:
        yield 1


def _outcome(reader: DeliveryReader, pieces: Sequence[bytes]) -> Outcome:
    records: list[Record] = []
    try:
        for piece in pieces:
            records += reader.feed(piece)
        records += reader.close()
    except UnreadableDelivery as error:
        if records:
            raise FindingError("a file was refused after records of it were given") from error
        return [], shown(error)
    return records, ""
