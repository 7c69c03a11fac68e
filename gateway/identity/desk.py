"""Where a partner gets its access token: OAuth 2.0, client credentials, on Authlib.

In this order, and nothing of it out of turn: (1) the grant is the one that we have, (2) the
assertion proves the partner, (3) it is spent, durably, (4) the token is made. A crash after 3
costs the partner a new assertion, never anybody a second use of the old one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from authlib.common.security import (  # type: ignore[import-untyped]  # Authlib has no types
    is_secure_transport,
)
from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # Authlib has no types
    AuthorizationServer,
    OAuth2Request,
)
from authlib.oauth2.rfc6749 import InvalidClientError as AuthlibInvalidClientError
from authlib.oauth2.rfc6749 import UnsupportedGrantTypeError as AuthlibUnsupportedGrantError
from authlib.oauth2.rfc6749.grants import (  # type: ignore[import-untyped]  # Authlib has no types
    ClientCredentialsGrant,
)
from authlib.oauth2.rfc6749.requests import (  # type: ignore[import-untyped]  # Authlib has no types
    BasicOAuth2Payload,
)
from authlib.oauth2.rfc7523.client import (  # type: ignore[import-untyped]  # Authlib has no types
    ASSERTION_TYPE,
)
from authlib.oauth2.rfc8414 import (  # type: ignore[import-untyped]  # Authlib has no types
    AuthorizationServerMetadata,
)

from gateway.identity.assertions import (
    GRANT,
    METHOD,
    Client,
    PartnerAssertion,
    Proof,
    SpentAssertions,
)
from gateway.identity.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuthError,
    Reason,
    UnsupportedGrantError,
)
from gateway.identity.partners import PartnerDirectory
from gateway.identity.signed import ALGORITHMS
from gateway.identity.tokens import AccessTokens, Granted
from gateway.telemetry import Telemetry

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
JWKS_PATH = "/.well-known/jwks.json"
METADATA_PATH = "/.well-known/oauth-authorization-server"
_STRANGERS = (Reason.CLIENT_UNKNOWN, Reason.KEY_UNKNOWN)
_BOUND = "tls_client_certificate_bound_access_tokens"  # RFC 8705, 3.3
_STRANGERS_LINE_SECONDS = 1.0


class InsecureAddressError(Exception):
    """The public address is plain http on a network: assertions and tokens would be readable."""


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A token request; `proof` is what its assertion proved."""

    def __init__(self, address: str, form: Mapping[str, str]) -> None:
        super().__init__("POST", address)
        self.payload = BasicOAuth2Payload(form)
        self.proof: Proof | None = None

    @property
    def form(self) -> Mapping[str, str]:
        return self.payload.data  # type: ignore[no-any-return]  # Authlib has no types


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = [METHOD]


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server, as far as it goes: its own answer would write the token to a log."""

    def __init__(self, base_url: str, partners: PartnerDirectory, now: Callable[[], float]) -> None:
        super().__init__()
        self._partners = partners
        self.address = base_url + TOKEN_PATH
        audiences = (self.address, base_url)

        def authenticate(query_client: Any, request: _Request) -> Any:
            examination = PartnerAssertion(audiences, now)
            client = examination(query_client, request)
            request.proof = examination.proof
            return client

        self.register_client_auth_method(METHOD, authenticate)
        self.register_grant(_Grant)

    def query_client(self, client_id: str) -> Client:
        partner = self._partners.book().partners.get(client_id)
        if partner is None:
            raise InvalidClientError(Reason.CLIENT_UNKNOWN)
        return Client(partner)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class TokenDesk:
    """Answers token requests. `base_url` has no slash at its end, and is the issuer."""

    def __init__(
        self,
        base_url: str,
        partners: PartnerDirectory,
        tokens: AccessTokens,
        spent: SpentAssertions,
        telemetry: Telemetry,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raise `InsecureAddressError` unless `base_url` is https, or http on this machine."""
        if not is_secure_transport(base_url):
            raise InsecureAddressError(
                "the public address must be https, or http on this machine: set SLUIS_PUBLIC_URL"
            )
        self._server = _Server(base_url, partners, now)
        self._partners = partners
        self._tokens = tokens
        self._spent = spent
        self._telemetry = telemetry
        self._silent_until = -math.inf
        self.metadata = _metadata(base_url) | {_BOUND: tokens.binds}
        """What a client can find out by itself (RFC 8414)."""

    async def grant(self, form: Mapping[str, str], certificate: str | None = None) -> Granted:
        """A token for who proves to be a partner; `certificate` is the connection's thumbprint.

        Raises an `OAuthError`, or `IdentityUnavailableError` while the database is away.
        """
        try:
            proof = await self._prove(form)
            bound = proof.key.certificate if self._tokens.binds else None
            if bound is not None and bound != certificate:
                raise InvalidClientError(Reason.CERTIFICATE, proof.partner.id)
            await self._spent.spend(proof)
        except OAuthError as error:
            self._refused(error)
            raise
        granted = self._tokens.issue(proof.partner, proof.key.expires_at, proof.key_id, bound)
        self._telemetry.count("tokens", outcome="granted")
        return granted

    async def _prove(self, form: Mapping[str, str]) -> Proof:
        try:
            return self._walk(form)
        except InvalidClientError as error:
            if error.reason not in _STRANGERS:
                raise
        # Registered a moment ago, perhaps: look in the database before saying no.
        await self._partners.look_again()
        return self._walk(form)

    def _walk(self, form: Mapping[str, str]) -> Proof:
        _check_form(form)
        request = _Request(self._server.address, form)
        try:
            grant = self._server.get_token_grant(request)
            grant.validate_token_request()
        except AuthlibUnsupportedGrantError:
            # Not `from`: Authlib's own message repeats what came in.
            raise UnsupportedGrantError(f"grant_type must be {GRANT}") from None
        except AuthlibInvalidClientError:
            raise InvalidClientError(Reason.NO_ASSERTION) from None
        proof = request.proof
        assert proof is not None  # noqa: S101 - a client that was authenticated left its proof
        if form.get("client_id", proof.partner.id) != proof.partner.id:
            raise InvalidClientError(Reason.ISSUER, proof.partner.id)
        return proof

    def _refused(self, error: OAuthError) -> None:
        partner, reason = None, error.code
        if isinstance(error, InvalidClientError):
            partner, reason = error.partner, error.reason.value
        self._telemetry.count("tokens", outcome=error.code, reason=reason)
        if partner is None:
            # Strangers may not fill the log: one line a second, the count has them all.
            if time.monotonic() < self._silent_until:
                return
            self._silent_until = time.monotonic() + _STRANGERS_LINE_SECONDS
        self._telemetry.log("token-refused", reason=reason, partner=partner)


def _check_form(form: Mapping[str, str]) -> None:
    """What Authlib leaves open (RFC 6749, 2.3 and 3.2; RFC 7521, 4.2)."""
    if "grant_type" not in form:
        raise InvalidRequestError("grant_type is missing")
    if "client_secret" in form:
        raise InvalidRequestError(f"client_secret is not used here; the method is {METHOD}")
    if "client_assertion" in form and form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidRequestError(f"client_assertion_type must be {ASSERTION_TYPE}")
    if "scope" in form:
        raise InvalidScopeError("there are no scopes; the privacy protocol says what may pass")


def _metadata(base_url: str) -> dict[str, object]:
    metadata = AuthorizationServerMetadata(
        issuer=base_url,
        token_endpoint=base_url + TOKEN_PATH,
        jwks_uri=base_url + JWKS_PATH,
        grant_types_supported=[GRANT],
        # Required, and without an authorization endpoint there is nothing to list.
        response_types_supported=["none"],
        token_endpoint_auth_methods_supported=[METHOD],
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
    )
    metadata.validate()
    return dict(metadata)
