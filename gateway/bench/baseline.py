"""The baseline: the same three jobs as an ordinary team would write them, and nothing withheld.

FastAPI with a model parameter, SQLAlchemy's async ORM on asyncpg, a commit a request, a Bearer
token whose signature is checked at every request, uvicorn on uvloop and httptools. It reads and
checks the same canonical message and writes referral, members, audit row and queue row; it has no
protocol to decide by, no minimisation, encryption, pseudonyms, log proofs, idempotency or
re-check before it hands over. So it does less, and what it does is in its favour.

`python -m gateway.bench.baseline DATABASE_URL PUBLIC_JWK` serves it on a free port.
"""

import csv
import io
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

from gateway.bench.baseline_tables import (
    RECIPIENT,
    AuditRow,
    Base,
    QueueRow,
    ReferralRow,
    rows_of,
)
from gateway.sandbox.population.written import ZRM_COLUMNS
from gateway.sandbox.population.zrm import DOMAINS
from schemas.referral import Referral

ALGORITHM = "Ed25519"
ISSUER = "baseline"
POOL_SIZE, POOL_OVERFLOW = 40, 0
"""The best of 5, 10, 20 and 40: the rate hardly depends on it, the slowest answers do."""


class Accepted(BaseModel):
    """The answer to one referral."""

    uitwisselingId: UUID  # noqa: N815 - its wire name
    besluit: str


class Delivered(BaseModel):
    """The answer to one delivery."""

    records: int


class Data(BaseModel):
    """A referral as its recipient reads it."""

    model_config = ConfigDict(from_attributes=True)

    kenmerk: str
    grondslag: str | None
    postcode: str | None
    straatnaam: str | None
    huisnummer: int | None
    leden: list["MemberData"]


class MemberData(BaseModel):
    """A member as the recipient reads it."""

    model_config = ConfigDict(from_attributes=True)

    rol: str
    burgerservicenummer: str | None
    voorletters: str | None
    voorvoegsel: str | None
    achternaam: str | None
    geboortedatum: str | None
    geslacht: str | None
    participatietrede: int | None
    zrm: dict[str, object] | None


class Event(BaseModel):
    """One message of the mailbox: a CloudEvent."""

    specversion: str = "1.0"
    id: UUID
    source: str = "urn:baseline"
    type: str = "nl.sluis.aanmelding"
    time: datetime
    sequence: str
    data: Data


Bearer = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def partner_of(request: Request, credentials: Bearer) -> str:
    """Who calls, by a token whose signature and claims are checked."""
    try:
        token = jwt.decode(credentials.credentials, request.app.state.key, algorithms=[ALGORITHM])
        request.app.state.claims.validate(token.claims)
    except JoseError:
        raise HTTPException(401) from None
    return str(token.claims["sub"])


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with request.app.state.sessions() as session:
        yield session


Partner = Annotated[str, Depends(partner_of)]
Session = Annotated[AsyncSession, Depends(session_of)]


def build(database_url: str, key: OKPKey, ready: str) -> FastAPI:
    """The application; it makes its tables and says that it is `ready` when it starts."""
    engine = create_async_engine(database_url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        app.state.key = key
        app.state.claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            sub={"essential": True},
            exp={"essential": True},
        )
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.post("/aanmeldingen", status_code=202)(refer)
    app.post("/leveringen")(deliver)
    app.get("/postvak")(pull)
    app.get("/aantal")(count)
    return app


async def refer(message: Referral, partner: Partner, session: Session) -> Accepted:
    """One referral, one commit."""
    rows = rows_of(message, partner)
    session.add_all(rows)
    await session.commit()
    return Accepted(uitwisselingId=rows[0].id, besluit="toegelaten")


async def deliver(
    request: Request,
    partner: Partner,
    session: Session,
    commit_each: Annotated[bool, Query()] = True,
) -> Delivered:
    """A CSV delivery of one client a row: read whole, each row a commit of its own, or one for all.

    Only with a commit each does a bad row leave the others in place.
    """
    text = (await request.body()).decode("utf-8-sig")
    records = 0
    for row in csv.DictReader(io.StringIO(text), delimiter=";"):
        session.add_all(rows_of(_message(row), partner))
        if commit_each:
            await session.commit()
        records += 1
    await session.commit()
    return Delivered(records=records)


async def pull(
    partner: Partner,
    session: Session,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[Event]:
    """A page of the mailbox, with an audit row for each message of it."""
    query = (
        select(QueueRow)
        .where(QueueRow.ontvanger == RECIPIENT)
        .order_by(QueueRow.positie)
        .offset(offset)
        .limit(limit)
        .options(selectinload(QueueRow.aanmelding).selectinload(ReferralRow.leden))
    )
    events = []
    for row in (await session.scalars(query)).all():
        session.add(
            AuditRow(
                gebeurtenis="verstrekt",
                partij=partner,
                aanmelding_id=row.aanmelding_id,
                bijzonderheden={"positie": row.positie},
            )
        )
        events.append(
            Event(
                id=row.aanmelding_id,
                time=row.aanmelding.ontvangen_op,
                sequence=str(row.positie),
                data=Data.model_validate(row.aanmelding),
            )
        )
    await session.commit()
    return events


async def count(partner: Partner, session: Session) -> int:  # noqa: ARG001 - it must be one
    """How many messages wait."""
    return (await session.scalar(select(func.count()).select_from(QueueRow))) or 0


def _message(row: Mapping[str, str]) -> Referral:
    zrm = zip(DOMAINS, ZRM_COLUMNS, strict=True)
    return Referral.model_validate(
        {
            "kenmerk": row["kenmerk"],
            "aangemeldOp": row["aangemeld_op"],
            "grondslag": row["grondslag"],
            "huishouden": {
                "postcode": row["postcode"] if len(row["postcode"]) == 6 else None,
                "straatnaam": row["straatnaam"] or None,
                "huisnummer": int(row["huisnummer"]),
                "geheimhouding": row["geheimhouding"] == "ja",
                "leden": [
                    {
                        "rol": row["rol"],
                        "burgerservicenummer": row["bsn"],
                        "voorletters": row["voorletters"] or None,
                        "voorvoegsel": row["voorvoegsel"] or None,
                        "achternaam": row["achternaam"] or None,
                        "geboortedatum": row["geboortedatum"] or None,
                        "geslacht": row["geslacht"],
                        "ontvangtUitkering": row["uitkering"] == "ja",
                        "participatietrede": int(row["trede"]),
                        "zrm": {
                            "gemetenOp": row["zrm_datum"],
                            "scores": {domain: int(row[column]) for domain, column in zrm},
                        },
                        "instemming": {
                            "gegeven": row["instemming"] == "ja",
                            "op": row["instemming_op"],
                            "door": row["instemming_door"],
                            "bewijs": row["instemming_bewijs"],
                        },
                    }
                ],
            },
        }
    )


def main() -> None:
    """`python -m gateway.bench.baseline`."""
    database_url, public_jwk = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    ready = f"serving on http://127.0.0.1:{listener.getsockname()[1]}"
    app = build(database_url, OKPKey.import_key(json.loads(public_jwk)), ready)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
