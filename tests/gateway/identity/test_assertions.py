"""Rules on an assertion's claims that hold whatever the claims are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.assertions import LEEWAY_SECONDS, LONGEST_SECONDS, _broken_rule
from tests.support.registered import ENDPOINT

NOW = 1_700_000_000.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
MOMENT = st.floats(NOW - 1000, NOW + 1000)
GOOD = {
    "iss": "dwi",
    "sub": "dwi",
    "aud": ENDPOINT,
    "jti": "3q2-7wAAAAECAwQFBgcICQoLDA0",
    "iat": NOW,
    "exp": NOW + 60,
}


def is_taken(claims: dict[str, object]) -> bool:
    return _broken_rule(claims, "dwi", (ENDPOINT,), NOW) is None


def test_good_claims_are_taken() -> None:
    assert is_taken(GOOD)


@given(issued=MOMENT, expires=MOMENT)
def test_no_assertion_is_taken_outside_its_time(issued: float, expires: float) -> None:
    if is_taken({**GOOD, "iat": issued, "exp": expires}):
        assert expires > NOW - LEEWAY_SECONDS
        assert issued <= NOW + LEEWAY_SECONDS
        assert expires - issued <= LONGEST_SECONDS
        assert expires <= NOW + LONGEST_SECONDS + LEEWAY_SECONDS


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_a_claim_of_any_other_value_is_refused(name: str, value: object) -> None:
    if is_taken({**GOOD, name: value}):
        assert name in ("iat", "exp", "jti") or value in (GOOD[name], [GOOD[name]])
        assert not isinstance(value, bool)


@given(st.dictionaries(st.sampled_from([*GOOD, "nbf", "x"]), JSON))
def test_no_claims_bring_down_the_check(claims: dict[str, object]) -> None:
    assert not is_taken(claims)
