"""The header fields of uploads: structured fields (RFC 9651), and digests (RFC 9530).

A field with another value than its type allows is as one that is not there, as the draft asks
(draft-ietf-httpbis-resumable-upload, "State"); a digest that cannot be read is refused.
"""

from __future__ import annotations

import base64
import re
from http import HTTPStatus

from starlette.datastructures import Headers

from gateway.api.problems import Problem

OFFSET, COMPLETE, LENGTH = "upload-offset", "upload-complete", "upload-length"
_INTEGER = re.compile(r"^ *([0-9]{1,15}) *(;.*)?$", re.ASCII)
_BOOLEAN = re.compile(r"^ *\?([01]) *(;.*)?$", re.ASCII)


def whole_number(headers: Headers, name: str) -> int | None:
    """A non-negative Integer; None where there is none."""
    found = _INTEGER.match(headers.get(name, ""))
    return None if found is None else int(found[1])


def boolean(headers: Headers, name: str) -> bool | None:
    """A Boolean; None where there is none."""
    found = _BOOLEAN.match(headers.get(name, ""))
    return None if found is None else found[1] == "1"


def as_boolean(value: bool) -> str:
    """A Boolean as it is written."""
    return "?1" if value else "?0"


def content_length(headers: Headers) -> int | None:
    """How many bytes the request says that it brings."""
    given = headers.get("content-length", "")
    is_number = given.isascii() and given.isdigit() and len(given) < 19
    return int(given) if is_number else None


def content_digest(headers: Headers) -> bytes | None:
    """The SHA-256 of what this request brings, if the sender gives one."""
    digest, is_readable = _sha256(headers, "content-digest")
    if not is_readable:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Content-Digest onleesbaar",
            "Geef sha-256=:<base64>: of laat de kop weg.",
        )
    return digest


def file_digest(headers: Headers) -> bytes | None:
    """The SHA-256 of the whole file, if the sender gives one."""
    digest, is_readable = _sha256(headers, "repr-digest")
    if not is_readable:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Repr-Digest onleesbaar",
            "Geef sha-256=:<base64>: of laat de kop weg.",
        )
    return digest


def _sha256(headers: Headers, name: str) -> tuple[bytes | None, bool]:
    given = headers.get(name)
    if given is None:
        return None, True
    for item in given.split(","):
        key, _, value = item.strip().partition("=")
        if key.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            try:
                return base64.b64decode(value[1:-1], validate=True), True
            except ValueError:  # no base64, or not even ASCII
                break
    return None, False
