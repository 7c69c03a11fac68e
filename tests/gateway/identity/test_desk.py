"""The token desk, with a real database: what proves a partner, and what does not."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from authlib.oauth2.rfc7523 import (  # type: ignore[import-untyped]  # Authlib has no types
    private_key_jwt_sign,
)
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.identity.assertions import LEEWAY_SECONDS, SpentAssertions
from gateway.identity.desk import InsecureAddressError, TokenDesk
from gateway.identity.errors import (
    IdentityUnavailableError,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    InvalidTokenError,
    OAuthError,
    Reason,
    UnsupportedGrantError,
)
from gateway.identity.tokens import Caller
from gateway.store.partners import PartnerKey, add_key, end_key, resume_partner, suspend_partner
from tests.support.registered import (
    BASE,
    ENDPOINT,
    Admission,
    Party,
    hmac_signed,
    segment,
    unsigned,
)


async def refused(admission: Admission, party: Party, assertion: str) -> InvalidClientError:
    with pytest.raises(InvalidClientError) as raised:
        await admission.desk.grant(party.form(assertion))
    return raised.value


async def test_an_assertion_is_exchanged_for_a_token(admission: Admission, dwi: Party) -> None:
    granted = await admission.desk.grant(dwi.form())

    assert granted.expires_in == 600
    assert admission.tokens.verify(granted.access_token) == Caller("dwi", "dwi", "keten", dwi.kid)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
async def test_every_kind_of_key_works(
    admission: Admission, engine: AsyncEngine, key: ed25519.Ed25519PrivateKey
) -> None:
    party = Party("okt", key)
    await party.register(engine, oin="00000099000000001002")

    assert await admission.desk.grant(party.form())


async def test_an_assertion_of_another_implementation_is_taken(
    admission: Admission, dwi: Party
) -> None:
    key = ECKey.import_key(dwi.key)  # type: ignore[arg-type]  # it is a P-256 key
    header = {"kid": dwi.kid}
    assertion = private_key_jwt_sign(key, "dwi", ENDPOINT, "ES256", header=header, expires_in=120)

    assert await admission.desk.grant(dwi.form(assertion))


@pytest.mark.parametrize("audience", [ENDPOINT, BASE, [ENDPOINT]])
async def test_the_audience_may_be_the_endpoint_or_the_issuer(
    admission: Admission, dwi: Party, audience: object
) -> None:
    assert await admission.desk.grant(dwi.form(dwi.assertion(aud=audience)))


BROKEN_CLAIMS: list[tuple[dict[str, object], Reason]] = [
    ({"iss": "okt"}, Reason.ISSUER),
    ({"iss": None}, Reason.ISSUER),
    ({"aud": None}, Reason.AUDIENCE),
    ({"aud": f"{ENDPOINT}/"}, Reason.AUDIENCE),
    ({"aud": "http://127.0.0.1:8081/oauth/token"}, Reason.AUDIENCE),
    ({"aud": ENDPOINT.replace("127.0.0.1", "localhost")}, Reason.AUDIENCE),
    ({"aud": [ENDPOINT, "https://elders.example"]}, Reason.AUDIENCE),
    ({"aud": [[ENDPOINT]]}, Reason.AUDIENCE),
    ({"aud": []}, Reason.AUDIENCE),
    ({"aud": {ENDPOINT: 1}}, Reason.AUDIENCE),
    ({"iat": None}, Reason.ISSUED_AT),
    ({"iat": "nu"}, Reason.ISSUED_AT),
    ({"iat": True}, Reason.ISSUED_AT),
    ({"exp": None}, Reason.EXPIRED),
    ({"exp": 1e300}, Reason.TOO_LONG),
    ({"nbf": 4e9}, Reason.NOT_BEFORE),
    ({"nbf": "straks"}, Reason.NOT_BEFORE),
    ({"jti": None}, Reason.TOKEN_ID),
    ({"jti": ""}, Reason.TOKEN_ID),
    ({"jti": 12345678901234567890123}, Reason.TOKEN_ID),
    ({"jti": "kort"}, Reason.TOKEN_ID),
    ({"jti": "x" * 40}, Reason.TOKEN_ID),
    ({"jti": "0000000000000000000000000000042"}, Reason.TOKEN_ID),
    ({"jti": "abcdefghijklmnopqrstuvwxyz" * 10}, Reason.TOKEN_ID),
    ({"jti": "abcdefghijklmnopqrstuv\x00wxyz"}, Reason.TOKEN_ID),
    ({"jti": "abcdefghijklmnopqrstuvwé"}, Reason.TOKEN_ID),
]


async def test_a_claim_that_is_not_as_it_must_be_is_named_to_its_signer(
    admission: Admission, dwi: Party
) -> None:
    for changes, reason in BROKEN_CLAIMS:
        error = await refused(admission, dwi, dwi.assertion(**changes))

        assert (error.reason, error.code, error.partner) == (reason, "invalid_client", "dwi"), (
            changes
        )
        assert admission.logged[-1]["reason"] == reason
        for value in changes.values():
            assert not isinstance(value, str) or len(value) < 5 or value not in error.description


MOMENTS: list[tuple[int, int, Reason | None]] = [
    (0, 300, None),
    (LEEWAY_SECONDS - 2, 300, None),
    (-60, -LEEWAY_SECONDS + 5, None),
    (-60, -LEEWAY_SECONDS - 1, Reason.EXPIRED),
    (LEEWAY_SECONDS + 5, 200, Reason.ISSUED_AT),
    (3600, 3660, Reason.ISSUED_AT),
    (-400, -200, Reason.EXPIRED),
    (0, 302, Reason.TOO_LONG),
    (-200, 101, Reason.TOO_LONG),
]
"""Of iat and exp, in seconds from now."""


async def test_an_assertion_lives_five_minutes_at_most_and_clocks_may_differ_a_little(
    admission: Admission, dwi: Party
) -> None:
    for issued, expires, reason in MOMENTS:
        now = int(time.time())
        assertion = dwi.assertion(iat=now + issued, exp=now + expires)
        if reason is None:
            assert await admission.desk.grant(dwi.form(assertion))
        else:
            assert (await refused(admission, dwi, assertion)).reason is reason, (issued, expires)


async def test_an_expired_assertion_is_refused(admission: Admission, dwi: Party) -> None:
    assertion = dwi.assertion()
    admission.ahead = 91

    assert (await refused(admission, dwi, assertion)).reason is Reason.EXPIRED


async def test_before_the_signature_is_found_good_every_refusal_reads_the_same(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    """Nobody learns which partners and keys there are, nor that a claim would have been right."""
    okt, stranger = Party("okt"), Party("vreemd")
    await okt.register(engine, oin="00000099000000001002")
    await admission.partners.refresh()
    claims, head = dwi.claims(), {"alg": "HS256", "kid": dwi.kid}
    stale = Party("dwi")
    good = dwi.assertion()
    attempts = {
        # What must never work, with the reason that our own log gives.
        stranger.assertion(): Reason.CLIENT_UNKNOWN,
        dwi.assertion(sub="vreemd"): Reason.CLIENT_UNKNOWN,
        stale.assertion(): Reason.KEY_UNKNOWN,
        stale.assertion({"kid": dwi.kid}): Reason.SIGNATURE,
        okt.assertion(iss="dwi", sub="dwi"): Reason.KEY_UNKNOWN,  # the kid of another partner
        okt.assertion({"kid": dwi.kid}, iss="dwi", sub="dwi"): Reason.SIGNATURE,
        dwi.assertion(iss="okt", sub="okt"): Reason.KEY_UNKNOWN,
        dwi.assertion({"kid": okt.kid}): Reason.KEY_UNKNOWN,
        dwi.assertion({"kid": None}): Reason.HEADER,
        dwi.assertion({"typ": "at+jwt"}): Reason.HEADER,
        hmac_signed(head, claims, dwi.pem): Reason.ALGORITHM,
        hmac_signed(head, claims, dwi.public.jwk["x"].encode()): Reason.ALGORITHM,
        dwi.assertion({"alg": "none"}): Reason.ALGORITHM,
        dwi.assertion({"alg": "ES384"}): Reason.ALGORITHM,
        unsigned({"alg": "none", "kid": dwi.kid}, claims): Reason.MALFORMED,
        unsigned({"alg": "ES256", "kid": dwi.kid}, claims): Reason.MALFORMED,
        dwi.assertion({"crit": ["x"], "x": "y"}): Reason.MALFORMED,
        dwi.assertion({"jwk": dict(stale.public.jwk)}): Reason.MALFORMED,
        dwi.assertion(sub=None): Reason.MALFORMED,
        dwi.assertion(sub=7): Reason.MALFORMED,
        good[:-6] + "AAAAAA": Reason.SIGNATURE,
        f"{good.split('.')[0]}.{segment(claims)}.{good.split('.')[2]}": Reason.SIGNATURE,
        "geen token": Reason.MALFORMED,
    }
    told = set()
    for assertion, reason in attempts.items():
        error = await refused(admission, dwi, assertion)
        assert error.reason is reason
        assert error.partner is None  # an id that was merely claimed is not logged
        told.add((str(error), error.code))

    assert told == {("client authentication failed", "invalid_client")}


async def test_a_suspended_partner_gets_no_token(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    await suspend_partner(engine, "dwi")
    await admission.partners.refresh()

    error = await refused(admission, dwi, dwi.assertion())
    assert (error.reason, str(error)) == (Reason.SUSPENDED, "client authentication failed")

    await resume_partner(engine, "dwi")
    await admission.partners.refresh()
    assert await admission.desk.grant(dwi.form())


async def test_an_expired_key_proves_nothing(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    old = Party("dwi")
    past = datetime.now(UTC) - timedelta(seconds=1)
    await add_key(engine, "dwi", PartnerKey(old.kid, old.public.jwk, past))
    await admission.partners.refresh()

    assert (await refused(admission, dwi, old.assertion())).reason is Reason.KEY_EXPIRED
    assert await admission.desk.grant(dwi.form())  # the other key is good


async def test_an_ended_key_proves_nothing_and_its_tokens_stop(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    stolen = Party("dwi")
    await add_key(engine, "dwi", stolen.stored())
    await admission.partners.refresh()
    theirs = (await admission.desk.grant(stolen.form())).access_token
    ours = (await admission.desk.grant(dwi.form())).access_token
    assert admission.tokens.verify(theirs).key == stolen.kid

    await end_key(engine, "dwi", stolen.kid)
    await admission.partners.refresh()

    with pytest.raises(InvalidTokenError):
        admission.tokens.verify(theirs)
    assert (await refused(admission, dwi, stolen.assertion())).reason is Reason.KEY_UNKNOWN
    assert admission.tokens.verify(ours).key == dwi.kid  # the other key is good


async def test_a_token_does_not_outlive_the_key_that_asked_for_it(
    admission: Admission, engine: AsyncEngine
) -> None:
    party = Party("dwi")
    until = datetime.now(UTC) + timedelta(seconds=100)
    await add_key(engine, "dwi", PartnerKey(party.kid, party.public.jwk, until))

    assert (await admission.desk.grant(party.form())).expires_in <= 100


async def test_who_was_registered_a_moment_ago_is_let_in(
    admission: Admission, engine: AsyncEngine
) -> None:
    await admission.partners.stop()
    party = Party("okt")
    await party.register(engine, oin="00000099000000001002")

    assert await admission.desk.grant(party.form())


async def test_a_replayed_assertion_is_refused(admission: Admission, dwi: Party) -> None:
    assertion = dwi.assertion()
    assert await admission.desk.grant(dwi.form(assertion))

    error = await refused(admission, dwi, assertion)

    assert (error.reason, error.code) == (Reason.REPLAYED, "invalid_client")


async def test_an_assertion_with_a_used_id_is_a_replay_whatever_else_it_says(
    admission: Admission, dwi: Party
) -> None:
    jti = str(uuid.uuid4())
    assert await admission.desk.grant(dwi.form(dwi.assertion(jti=jti)))

    assert (await refused(admission, dwi, dwi.assertion(jti=jti))).reason is Reason.REPLAYED


async def test_two_partners_may_use_the_same_id(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    okt = Party("okt")
    await okt.register(engine, oin="00000099000000001002")
    jti = str(uuid.uuid4())

    assert await admission.desk.grant(dwi.form(dwi.assertion(jti=jti)))
    assert await admission.desk.grant(okt.form(okt.assertion(jti=jti)))


async def test_of_many_uses_at_once_on_two_replicas_exactly_one_wins(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    async with Admission(engine) as replica:
        form = dwi.form()
        results = await asyncio.gather(
            *(one.desk.grant(form) for one in (admission, replica) * 8), return_exceptions=True
        )

    errors = [one for one in results if isinstance(one, BaseException)]
    assert len(errors) == 15
    assert {getattr(one, "reason", one) for one in errors} == {Reason.REPLAYED}


async def test_a_replay_is_refused_for_as_long_as_the_assertion_would_be_good(
    admission: Admission, dwi: Party, pool: asyncpg.Pool
) -> None:
    assertion = dwi.assertion(exp=int(time.time()) + 300)
    await admission.desk.grant(dwi.form(assertion))

    kept = await pool.fetchval("select extract(epoch from expires_at - now()) from used_assertion")
    assert kept > 300 + LEEWAY_SECONDS - 5
    admission.ahead = 320
    assert (await refused(admission, dwi, assertion)).reason is Reason.REPLAYED
    admission.ahead = 300 + LEEWAY_SECONDS + 1
    assert (await refused(admission, dwi, assertion)).reason is Reason.EXPIRED


async def test_a_refused_assertion_is_not_spent(admission: Admission, dwi: Party) -> None:
    jti = str(uuid.uuid4())
    await refused(admission, dwi, dwi.assertion(jti=jti, aud="https://elders.example"))
    await refused(admission, dwi, Party("dwi").assertion({"kid": dwi.kid}, jti=jti))

    assert await admission.desk.grant(dwi.form(dwi.assertion(jti=jti)))


async def test_no_assertion_id_stands_in_the_database(
    admission: Admission, dwi: Party, pool: asyncpg.Pool
) -> None:
    jti = str(uuid.uuid4())
    await admission.desk.grant(dwi.form(dwi.assertion(jti=jti)))

    (row,) = await pool.fetch("select * from used_assertion")
    assert jti not in repr(dict(row))
    assert len(row["fingerprint"]) == 32


OTHER_FORMS: list[tuple[dict[str, str | None], type[OAuthError]]] = [
    ({"grant_type": "authorization_code"}, UnsupportedGrantError),
    ({"grant_type": "client_credentials "}, UnsupportedGrantError),
    ({"grant_type": None}, InvalidRequestError),
    ({"client_assertion_type": None}, InvalidRequestError),
    ({"client_assertion_type": "urn:example:saml"}, InvalidRequestError),
    ({"client_assertion": None}, InvalidClientError),
    ({"client_secret": "geheim-woord"}, InvalidRequestError),
    ({"scope": "alles"}, InvalidScopeError),
    ({"client_id": "okt"}, InvalidClientError),
]


async def test_a_request_of_another_form_is_refused_with_its_own_code(
    admission: Admission, dwi: Party
) -> None:
    for change, kind in OTHER_FORMS:
        form = {k: v for k, v in {**dwi.form(), **change}.items() if v is not None}

        with pytest.raises(OAuthError) as raised:
            await admission.desk.grant(form)

        assert type(raised.value) is kind, change
        told = str(raised.value)
        for value in change.values():
            assert value is None or value.strip() == "client_credentials" or value not in told


async def test_the_own_client_id_beside_the_assertion_is_fine(
    admission: Admission, dwi: Party
) -> None:
    assert await admission.desk.grant(dwi.form(client_id="dwi"))


async def test_while_the_database_is_away_no_token_is_given(
    admission: Admission, dwi: Party
) -> None:
    nowhere = create_async_engine("postgresql+asyncpg://x@127.0.0.1:1/x")
    desk = TokenDesk(
        BASE,
        admission.partners,
        admission.tokens,
        SpentAssertions(nowhere, b"k" * 32),
        admission.telemetry,
    )

    with pytest.raises(IdentityUnavailableError):
        await desk.grant(dwi.form())
    await nowhere.dispose()


@pytest.mark.parametrize("address", ["http://gateway.example", "http://0.0.0.0:8080", "ftp://x"])
async def test_the_desk_does_not_open_on_an_address_that_others_can_read(
    admission: Admission, address: str
) -> None:
    with pytest.raises(InsecureAddressError, match="SLUIS_PUBLIC_URL"):
        TokenDesk(
            address, admission.partners, admission.tokens, admission.spent, admission.telemetry
        )


async def test_invariant_03_no_token_or_assertion_is_ever_logged(
    admission: Admission, dwi: Party, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assertions = [dwi.assertion(), dwi.assertion(aud="elders"), Party("dwi").assertion()]
    granted = await admission.desk.grant(dwi.form(assertions[0]))
    admission.tokens.verify(granted.access_token)
    for assertion in assertions:
        await refused(admission, dwi, assertion)

    written = admission.log.getvalue() + "".join(
        f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records
    )
    assert [line["reason"] for line in admission.logged] == ["replayed", "audience", "key-unknown"]
    assert [line["partner"] for line in admission.logged] == ["dwi", "dwi", None]
    for secret in (granted.access_token, *assertions):
        for part in (secret, *secret.split(".")[1:]):
            assert part not in written


async def test_strangers_do_not_fill_the_log_but_every_one_is_counted(
    admission: Admission, dwi: Party
) -> None:
    for _ in range(50):
        await refused(admission, dwi, "geen token")
    await refused(admission, dwi, dwi.assertion(aud="elders"))

    assert [line["reason"] for line in admission.logged] == ["malformed", "audience"]
    assert sum(admission.telemetry.counts.values()) == 51


async def test_a_grant_does_not_show_its_token(admission: Admission, dwi: Party) -> None:
    granted = await admission.desk.grant(dwi.form())

    assert granted.access_token not in repr(granted)
