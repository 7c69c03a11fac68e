"""Who calls, from the Authorization header and nothing else."""

import gc
import weakref
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.api.callers import Callers, RawHeaders
from gateway.api.problems import Problem, answer_problem
from gateway.identity.tokens import Caller
from gateway.store.partners import suspend_partner
from tests.support.registered import BASE, Admission, Party


@pytest.fixture
async def admission(engine: AsyncEngine) -> AsyncIterator[Admission]:
    await Party("dwi").register(engine)
    async with Admission(engine) as running:
        yield running


@pytest.fixture
def callers(admission: Admission) -> Callers:
    return Callers(admission.tokens, admission.telemetry)


@pytest.fixture
def token(admission: Admission) -> str:
    return admission.tokens.issue(admission.partners.book().partners["dwi"], 4e9).access_token


@pytest.fixture
async def http(callers: Callers) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    # Annotations as values, not as text: FastAPI cannot see `callers` from elsewhere.
    @app.get("/wie")
    async def who(caller: Annotated[Caller, Depends(callers.authenticated)]) -> str:
        return caller.id

    app.add_exception_handler(Problem, answer_problem)
    road = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=road, base_url=BASE) as client:
        yield client


def refusal(callers: Callers, headers: RawHeaders) -> Problem:
    with pytest.raises(Problem) as raised:
        callers.caller_of(headers)
    return raised.value


async def test_a_caller_is_known_by_its_token(callers: Callers, token: str) -> None:
    dwi = Caller("dwi", "dwi", "keten")
    for scheme in (b"Bearer ", b"bearer ", b"BEARER "):
        headers = [(b"host", b"x"), (b"authorization", scheme + token.encode())]
        assert callers.caller_of(headers) == dwi


async def test_a_request_without_a_token_is_told_where_to_get_one(callers: Callers) -> None:
    for headers in ([], [(b"host", b"x")], [(b"authorization", b"Basic ZHdpOng=")]):
        problem = refusal(callers, headers)
        assert problem.status == 401
        assert problem.headers == {"WWW-Authenticate": 'Bearer realm="sluis"'}
        assert "/oauth/token" in problem.detail


async def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(
    callers: Callers, admission: Admission, engine: AsyncEngine, token: str
) -> None:
    bad = [token[:-4] + "AAAA", "x", "é", "\x00", "a.b.c", token + "."]
    problems = [
        refusal(callers, [(b"authorization", f"Bearer {one}".encode("latin-1"))]) for one in bad
    ]
    good = [(b"authorization", f"Bearer {token}".encode())]
    admission.ahead = 601
    problems.append(refusal(callers, good))
    admission.ahead = 0
    await suspend_partner(engine, "dwi")
    await admission.partners.refresh()
    problems.append(refusal(callers, good))

    assert {one.body() for one in problems} == {problems[0].body()}
    assert problems[0].status == 401
    assert problems[0].headers["WWW-Authenticate"].endswith('error="invalid_token"')
    counted = {labels[0][1] for (name, labels) in admission.telemetry.counts if "refused" in name}
    assert counted == {"malformed", "signature", "expired", "suspended"}


async def test_two_authorization_headers_are_one_too_many(callers: Callers, token: str) -> None:
    good = (b"authorization", f"Bearer {token}".encode())

    assert refusal(callers, [good, good]).status == 401
    assert refusal(callers, [good, (b"authorization", b"Bearer x")]).status == 401


async def test_an_endless_token_is_not_looked_at(callers: Callers) -> None:
    assert refusal(callers, [(b"authorization", b"Bearer " + b"x" * 5000)]).status == 401


async def test_while_the_partners_are_unknown_the_answer_is_503(
    callers: Callers, admission: Admission, token: str
) -> None:
    await admission.partners.stop()
    admission.elapsed_ahead = 5

    problem = refusal(callers, [(b"authorization", f"Bearer {token}".encode())])

    assert problem.status == 503
    assert int(problem.headers["Retry-After"]) > 0


async def test_as_a_dependency_it_lets_in_who_has_a_token(
    http: httpx.AsyncClient, token: str
) -> None:
    assert (await http.get("/wie", headers={"Authorization": f"Bearer {token}"})).json() == "dwi"

    refused = await http.get("/wie")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="sluis"'
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_token_in_the_address_admits_nobody(http: httpx.AsyncClient, token: str) -> None:
    assert (await http.get(f"/wie?access_token={token}")).status_code == 401


async def test_the_description_says_how_to_come_in(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()

    scheme = described["components"]["securitySchemes"]["sluis"]
    assert scheme["type"] == "oauth2"
    assert scheme["flows"] == {"clientCredentials": {"scopes": {}, "tokenUrl": "/oauth/token"}}
    assert described["paths"]["/wie"]["get"]["security"] == [{"sluis": []}]


async def test_a_refusal_keeps_nothing_of_the_request_that_it_answered(callers: Callers) -> None:
    class Held(list[tuple[bytes, bytes]]):
        """A list that can be watched."""

    headers = Held([(b"authorization", b"Bearer x")])
    gone = weakref.ref(headers)
    refusal(callers, headers)
    del headers
    gc.collect()

    assert gone() is None
