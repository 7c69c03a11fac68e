"""Why somebody is not admitted, as one tree.

    IdentityError
    ├── OAuthError                  the token endpoint says no; `code` is that of RFC 6749, 5.2
    │   ├── InvalidRequestError     ... the request is not as described
    │   ├── InvalidClientError      ... the partner did not prove who it is
    │   ├── InvalidScopeError       ... it asked for a scope; there are none
    │   └── UnsupportedGrantError   ... only client_credentials is known here
    ├── InvalidTokenError           a bearer token is not, or no longer, good
    └── IdentityUnavailableError    the database is away: nobody can be admitted for now

None carries anything that came in. `reason` is for the operator's log; `description`, for the
other side, says the same of every failure before the signature was found good, so that it teaches
nobody which partners and keys exist, and names claim and rule after that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a client or token was refused, for the log."""

    NO_ASSERTION = "no-assertion"
    MALFORMED = "malformed"
    HEADER = "header"
    CLIENT_UNKNOWN = "client-unknown"
    KEY_UNKNOWN = "key-unknown"
    KEY_EXPIRED = "key-expired"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    SUSPENDED = "suspended"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    ISSUED_AT = "issued-at"
    EXPIRED = "expired"
    TOO_LONG = "too-long"
    NOT_BEFORE = "not-before"
    TOKEN_ID = "token-id"  # noqa: S105 - the name of a rule
    REPLAYED = "replayed"
    TYPE = "type"
    CERTIFICATE = "certificate"


class IdentityError(Exception):
    """Anything that this package raises on purpose."""


class OAuthError(IdentityError):
    """An error answer of the token endpoint."""

    code: ClassVar[str]

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class InvalidRequestError(OAuthError):
    """A parameter is missing, repeated or of the wrong form."""

    code = "invalid_request"


class InvalidScopeError(OAuthError):
    """A scope was asked for."""

    code = "invalid_scope"


class UnsupportedGrantError(OAuthError):
    """Another grant than client_credentials."""

    code = "unsupported_grant_type"


_PROVEN = {
    Reason.ISSUER: "iss and sub must both be the client id",
    Reason.AUDIENCE: "aud must be the token endpoint, and nothing else",
    Reason.ISSUED_AT: "iat must be the moment of signing; see to the clock",
    Reason.EXPIRED: "exp has passed; see to the clock",
    Reason.TOO_LONG: "exp may be at most 300 seconds after iat and after now",
    Reason.NOT_BEFORE: "nbf has not been reached; see to the clock",
    Reason.TOKEN_ID: "jti must hold at least 16 random bytes, in 22 to 256 characters",
    Reason.CERTIFICATE: "the connection must bear the certificate that is registered with this key",
    Reason.REPLAYED: "jti was used before; sign a new assertion for each request",
}
"""What only the holder of a registered key gets to read."""


class InvalidClientError(OAuthError):
    """The partner did not prove who it is."""

    code = "invalid_client"

    def __init__(self, reason: Reason, partner: str | None = None) -> None:
        """`partner`: the id, if the signature proved it; never one that was merely claimed."""
        super().__init__(_PROVEN.get(reason, "client authentication failed"))
        self.reason = reason
        self.partner = partner


class InvalidTokenError(IdentityError):
    """A bearer token is forged, expired, of another issuer, or of a suspended partner."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class IdentityUnavailableError(IdentityError):
    """Who is a partner cannot be known now; unknown means no, so nobody is admitted."""
