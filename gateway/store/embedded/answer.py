"""Whether the server answers, and if it ended instead, why; in codes, never in its own words."""

import re
import socket
import struct
from pathlib import Path

from gateway.store.embedded.cluster import DATABASE, ROLE
from gateway.store.embedded.errors import EmbeddedStartFailed

_PROTOCOL = 3 << 16
_NOT_YET = "57P03"  # cannot_connect_now: starting up, recovering or shutting down
_PATIENCE_SECONDS = 10.0
_LOG_LINE = re.compile(rb"(?:([0-9A-Z]{5}) )?\b(LOG|ERROR|FATAL|PANIC):  ")
_LAST_LINES = 3
_LOG_TAIL = 64 * 1024

_REMEDIES = {
    "F0001": "another PostgreSQL works on this data folder; end it first",
    "53100": "the disk is full; make room",
    "53200": "there is too little memory; lower shared_buffers",
    "42501": "a file may not be read; give the whole database back to the user who owns it",
    "22023": "a setting has a value that PostgreSQL does not take",
    "42704": "there is a setting that PostgreSQL does not know",
    "XX001": "the database is damaged; put the backup back",
}


def answers(socket_path: Path) -> bool:
    """Log in as a client would: True if that works, False if it may work later.

    Raises `EmbeddedStartFailed` when the server refuses us for good.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_SECONDS)
            connection.connect(str(socket_path))
            words = ("user", ROLE, "database", DATABASE, "application_name", "sluis-start", "")
            body = struct.pack("!i", _PROTOCOL) + b"".join(word.encode() + b"\0" for word in words)
            connection.sendall(struct.pack("!i", len(body) + 4) + body)
            refusal = _refusal(connection)
            if refusal is None:
                connection.sendall(b"X" + struct.pack("!i", 4))
    except (FileNotFoundError, ConnectionError, TimeoutError, BlockingIOError):
        return False
    if refusal not in (None, _NOT_YET):
        raise EmbeddedStartFailed(f"PostgreSQL runs, and refuses us with code {refusal}")
    return refusal is None


def _refusal(connection: socket.socket) -> str | None:
    """Read until the server is ready for a query; the SQLSTATE if it sends an error instead."""
    with connection.makefile("rb") as stream:
        while head := stream.read(5):
            kind, length = struct.unpack("!ci", head)
            body = stream.read(length - 4)
            if kind == b"Z":
                return None
            if kind == b"E":
                fields = {field[:1]: field[1:] for field in body.split(b"\0")}
                return fields.get(b"C", b"").decode("ascii")
    raise ConnectionResetError


def why_it_ended(log: Path, since: int, status: int) -> EmbeddedStartFailed:
    """What to tell the operator: the codes of the last lines of the log after offset `since`."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(since, size - _LOG_TAIL))
        found = _LOG_LINE.findall(file.read())
    lines = [(code.decode(), severity.decode()) for code, severity in found]
    shown = ", ".join(f"{severity} {code}".strip() for code, severity in lines[-_LAST_LINES:])
    remedies = [_REMEDIES[code] for code, _ in reversed(lines) if code in _REMEDIES]
    remedy = remedies[0] if remedies else f"{log} says more"
    return EmbeddedStartFailed(
        f"PostgreSQL ended with status {status} before it answered"
        f" (last lines of its log: {shown or 'none'}); {remedy}"
    )
