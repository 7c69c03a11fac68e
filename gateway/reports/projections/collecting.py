"""Where lines are sent while the gateway runs: the collectors that its settings name.

One for the processing log and one for the access log, since who may read the one need not be let
see the other: its lines name users, which no line of the processing log does. Headers that a
collector asks for (a token, as a rule) stand in a file, never in an address, in the environment or
on a command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.reports.projections.answers import Poster
from gateway.reports.projections.otlp import OtlpReceiver
from gateway.reports.projections.replay import Acquire, Replay
from gateway.reports.projections.source import projector_of, source_of
from gateway.store.groups import TOEGANG, VERWERKINGEN
from gateway.vault.keys import KeyProvider

COLLECTOR, ACCESS_COLLECTOR = "collector", "access-collector"
NAMES = frozenset({COLLECTOR, ACCESS_COLLECTOR})
_HEADER = re.compile(r"^([A-Za-z0-9-]{1,64}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$")


class HeaderFileError(Exception):
    """The file of headers is not as it should be; the message names the line, never its text."""


class Origin(NamedTuple):
    """Whose log it is: its OIN, its own address, and the keys that its codes are made with."""

    oin: str
    base_url: str
    keys: KeyProvider


def collectors(
    acquire: Acquire,
    origin: Origin,
    addresses: Mapping[str, str | None],
    headers: Path | None,
) -> list[Replay]:
    """What is to run. Raises `InsecureReceiverError` or `HeaderFileError`."""
    found = []
    told = {} if headers is None else read_headers(headers)
    for name, series in ((COLLECTOR, VERWERKINGEN), (ACCESS_COLLECTOR, TOEGANG)):
        address = addresses.get(name)
        if address is not None:
            receiver = OtlpReceiver(address, told, Poster())
            projector = projector_of(series, source_of(origin.keys, origin.oin, origin.base_url))
            found.append(Replay(acquire, name, series, receiver, projector))
    return found


def read_headers(path: Path) -> dict[str, str]:
    """The headers in a file: `Name: value`, one a line; empty lines and `#` lines aside."""
    if path.stat().st_mode & 0o077:
        raise HeaderFileError(f"{path} is open to others: chmod 600 it")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise HeaderFileError(f"{path} is not UTF-8") from None  # the cause quotes it
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _HEADER.match(line.strip())
        if parts is None:
            raise HeaderFileError(f"line {number} of {path} is no header (Name: value)")
        found[parts[1]] = parts[2]
    return found
