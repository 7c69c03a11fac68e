"""What can go wrong between a partner and the gateway, as one tree.

    SluisError
    ├── Misconfigured       yours: client.toml, the key, a file, or what was asked
    ├── Declined            the gateway said no, as application/problem+json (RFC 9457)
    │   ├── Refused         ... by the privacy protocol; carries the Answer with its receipt
    │   ├── NotAdmitted     ... for want of a valid credential or right (401, 403)
    │   ├── Conflict        ... the same reference was sent before with other content (409)
    │   ├── Unacceptable    ... the content will not do: size, type, form (400, 413, 415, 422)
    │   └── Unavailable     ... for now: it said so in every attempt (429, 502, 503, 504)
    ├── Unreachable         no whole answer in any attempt; what became of it is unknown
    ├── Contradicted        the gateway's log is not what it was: evidence stands in your folder
    └── Garbled             an answer that the API does not promise: another version, or no gateway

A problem's texts come from the gateway, which names field and rule and never a value; nothing of
what was sent is repeated here either. The CLI tells the remedy; these errors tell the fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.receipts import Answer


class SluisError(Exception):
    """Anything that this client raises on purpose."""


class Misconfigured(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """The partner's own side is not right; `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field (veld) that the gateway named, and the rule (regel) that it broke."""

    field: str
    rule: str


class Declined(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """A problem details answer (RFC 9457), or the nearest that a proxy's answer comes to one."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        kind: str = "about:blank",
        fields: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.kind = kind
        self.fields = fields


class Refused(Declined):
    """The privacy protocol refused the message. It was recorded: `answer` holds the receipt."""

    def __init__(
        self,
        answer: Answer,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        kind: str = "about:blank",
        fields: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(status, title, detail, kind=kind, fields=fields)
        self.answer = answer


class NotAdmitted(Declined):
    """The gateway does not know this credential, or it may not do this."""


class Conflict(Declined):
    """This reference was used before for other content; the first message stands."""


class Unacceptable(Declined):
    """The content cannot be taken as it is; sending it again will not help."""


class Unavailable(Declined):
    """The gateway or the road to it is overloaded or away; try again later."""

    retry_after: float | None = None


class Unreachable(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """No whole answer came. Whether the gateway has the message is unknown; repeating is safe."""


class Contradicted(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """The log no longer holds what its own signature said; `evidence` is the folder with both."""

    def __init__(self, message: str, evidence: Path) -> None:
        super().__init__(message)
        self.evidence = evidence


class Garbled(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """The answer is not what this version of the API promises."""
