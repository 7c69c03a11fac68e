"""How a partner comes in: its key opens the door, once an assertion, and nothing else does.

Assertions are signed here with whatever is to be wrong about them (RFC 7523, RFC 8725).
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Mapping
from http import HTTPStatus

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.client.tokens import ASSERTION_TYPE
from gateway.sandbox.conformance import PASSED, Outcome, Trial, failed, not_asked

_LATE = 3600
_ACCEPTED_ALL = "meld dit de beheerder van de gateway: dit hoort te worden geweigerd"


async def right_key(trial: Trial) -> Outcome:
    """The registered key gets a token."""
    status = await _asked(trial, assertion(trial))
    if status == HTTPStatus.OK:
        return PASSED
    return failed(
        f"geen token (HTTP {status})",
        "kijk of key_id en sleutel in client.toml bij de gateway bekend zijn, en of de klok gelijk"
        " loopt",
    )


async def wrong_key(trial: Trial) -> Outcome:
    """Another key under the same name gets none."""
    mine = trial.credentials.key
    if isinstance(mine, ECKey):
        other: ECKey | OKPKey | RSAKey = ECKey.generate_key("P-256")
    elif isinstance(mine, RSAKey):
        other = RSAKey.generate_key(2048)
    else:
        other = OKPKey.generate_key("Ed25519")
    return await _refused(trial, assertion(trial, key=other))


async def wrong_audience(trial: Trial) -> Outcome:
    """An assertion for another server is not taken here."""
    return await _refused(trial, assertion(trial, aud="https://elders.voorbeeld.nl/oauth/token"))


async def replayed(trial: Trial) -> Outcome:
    """An assertion counts once."""
    once = assertion(trial)
    first = await _asked(trial, once)
    if first != HTTPStatus.OK:
        return failed(f"de eerste keer al geen token (HTTP {first})", "zie de vorige proeven")
    return await _refused(trial, once)


async def wrong_clock(trial: Trial) -> Outcome:
    """An assertion of a clock that is an hour ahead is not taken."""
    ahead = int(time.time()) + _LATE
    return await _refused(trial, assertion(trial, iat=ahead, exp=ahead + 60))


async def safe_road(trial: Trial) -> Outcome:
    """The road is TLS, with a certificate that this machine trusts."""
    if trial.credentials.is_local:
        return not_asked("de gateway staat op deze machine")
    # httpx checks the chain and the name; a road that failed there ended in an error before.
    # What any client may read: health is the operator's own, and no proxy lets it through.
    answer = await trial.http.get("/.well-known/oauth-authorization-server")
    if trial.http.base_url.scheme == "https" and answer.status_code == HTTPStatus.OK:
        return PASSED
    return failed("geen TLS", "geef in client.toml een https-adres")


async def without_token(trial: Trial) -> Outcome:
    """Who shows no token learns nothing."""
    answer = await trial.http.get("/v1/postvak")
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return PASSED
    return failed(f"HTTP {answer.status_code} zonder token", _ACCEPTED_ALL)


def assertion(
    trial: Trial, *, key: ECKey | OKPKey | RSAKey | None = None, **changes: object
) -> str:
    """A good assertion, but for what is changed."""
    mine, now = trial.credentials, int(time.time())
    claims: dict[str, object] = {
        "iss": mine.partner,
        "sub": mine.partner,
        "aud": f"{mine.base_url}/oauth/token",
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    header = {"alg": mine.algorithm, "kid": mine.key_id, "typ": "JWT"}
    with warnings.catch_warnings():
        # RFC 9864 renames EdDSA to Ed25519; the gateway's API has the older name.
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode(header, claims, key or mine.key, algorithms=[mine.algorithm])


async def _asked(trial: Trial, signed: str) -> int:
    form: Mapping[str, str] = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
    }
    return (await trial.http.post("/oauth/token", data=form)).status_code


async def _refused(trial: Trial, signed: str) -> Outcome:
    status = await _asked(trial, signed)
    if status == HTTPStatus.UNAUTHORIZED:
        return PASSED
    return failed(f"HTTP {status}, waar 401 hoort", _ACCEPTED_ALL)
