"""Reading log lines over HTTP: the read API of Logboek Dataverwerkingen (extension *lezen* 1.1.0).

Names and types are the extension's own, also where ours would be Dutch. A person is named in the
body, never in an address: by the code that lines bear, or by BSN, which `data_subject_id_type` then
says. For supervisors only, and of protected exchanges only for those who supervise these; each
request stands in the access log before it is answered, with a commitment to whom it was about.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, BODY, JSON, gives, refuses, takes
from gateway.api.logbook import SUPERVISES_PROTECTED, SUPERVISORS
from gateway.api.problems import Problem, busy
from gateway.api.reading import read_json
from gateway.api.visits import RECORDED, act_of
from gateway.audit.access import access_leaf
from gateway.audit.entries import commitment
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.pseudonyms.person_file import NoBsnError, handle_in
from gateway.pseudonyms.projections import ProjectedPseudonyms
from gateway.reports.projections.lines import Line
from gateway.reports.projections.reading import (
    BadCursorError,
    IndexBehindError,
    Query,
    read_lines,
)
from gateway.reports.projections.register import read_register
from gateway.reports.projections.source import Projector
from gateway.store.consents import subject_of
from gateway.store.groups import (
    BESCHERMD,
    TOEGANG,
    VERWERKINGEN,
    Connection,
    append_leaves,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, Vault, WrappedKey

OPERATION = "zoekVerwerkingen"
BY_BSN = "BSN"
_TRACE = re.compile(r"^[0-9a-f]{32}$")


class ProcessingQuery(BaseModel):
    """What lines are asked for; at least a trace, an activity or a person."""

    model_config = ConfigDict(extra="forbid")

    trace_id: Annotated[
        str | None,
        Field(
            alias="traceId",
            pattern=r"^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        ),
    ] = None
    activity: Annotated[
        str | None, Field(alias="dpl.core.processing_activity_id", min_length=1, max_length=500)
    ] = None
    subject: Annotated[
        str | None, Field(alias="dpl.core.data_subject_id", min_length=1, max_length=100)
    ] = None
    subject_type: Annotated[
        str | None, Field(alias="dpl.core.data_subject_id_type", min_length=1, max_length=200)
    ] = None
    processor: Annotated[
        str | None,
        Field(alias="dpl.core.foreign_operation.processor", min_length=1, max_length=500),
    ] = None
    start_time: Annotated[int | None, Field(alias="startTime", ge=0, le=2**53 - 1)] = None
    end_time: Annotated[int | None, Field(alias="endTime", ge=0, le=2**53 - 2)] = None
    cursor: Annotated[str | None, Field(min_length=1, max_length=80)] = None


class ProcessingLine(BaseModel):
    """One line: one action, about one person or nobody."""

    model_config = ConfigDict(extra="forbid")

    trace_id: Annotated[UUID, Field(alias="traceId")]
    span_id: Annotated[str, Field(alias="spanId", pattern="^[0-9a-f]{16}$")]
    parent_span_id: Annotated[str | None, Field(alias="parentSpanId", pattern="^[0-9a-f]{16}$")] = (
        None
    )
    status: Annotated[str, Field(pattern="^(Unset|Ok|Error)$")]
    name: str
    start_time: Annotated[int, Field(alias="startTime")]
    end_time: Annotated[int, Field(alias="endTime")]
    attributes: dict[str, str]
    resource: dict[str, dict[str, str]]


class ProcessingPage(BaseModel):
    """Lines, and where the next ones are."""

    model_config = ConfigDict(extra="forbid")

    processing_activities: Annotated[list[ProcessingLine], Field(alias="processingActivities")]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines are made of each series, and what opens the codes that they name persons by."""

    projectors: Mapping[int, Projector]
    pseudonyms: Mapping[int, ProjectedPseudonyms]
    protected_handles: ProtectedHandles


@dataclass(frozen=True, slots=True)
class Logbook:
    """What reading lines takes."""

    pool: asyncpg.Pool
    engine: AsyncEngine
    lines: Lines
    handles: Handles
    vault: Vault
    clock: Callable[[], datetime]
    oin: str


def processing_routes(logbook: Logbook, authenticate: Authenticate) -> APIRouter:
    """The route `/v1/processing-activities`."""
    router = APIRouter(tags=["logboek"])

    @router.post(
        "/processing-activities",
        operation_id=OPERATION,
        summary="Lees verwerkingen van een trace, een activiteit of een betrokkene",
        description=(
            "De lezen-API van Logboek Dataverwerkingen, voor wie toezicht houdt. Vraag ten minste "
            "`traceId`, `dpl.core.processing_activity_id` of `dpl.core.data_subject_id`. Een "
            "betrokkene noemt u met de code uit een logregel, of met `BSN` als soort. Wat u "
            "vraagt, wordt vastgelegd."
        ),
        responses={
            **gives(200, "De logregels.", ProcessingPage, EXAMPLE_PAGE),
            **refuses(*ALWAYS, *BODY, HTTPStatus.FORBIDDEN),
        },
        openapi_extra=takes(ProcessingQuery, EXAMPLE_QUERY),
    )
    async def search(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        started = logbook.clock()
        asked = await read_json(request, ProcessingQuery)
        if caller.kind not in SUPERVISORS:
            raise _for_supervisors()
        if asked.trace_id is None and asked.activity is None and asked.subject is None:
            raise _too_wide()
        register = await read_register(logbook.engine, started, logbook.oin)
        sees_protected = caller.kind == SUPERVISES_PROTECTED
        async with logbook.pool.acquire() as connection:
            subjects = await _subjects(connection, logbook, asked, sees_protected=sees_protected)
            try:
                page = await read_lines(
                    connection,
                    _query(asked, logbook, subjects),
                    _readable(logbook, sees_protected=sees_protected),
                    register.flows,
                    asked.cursor,
                )
            except IndexBehindError:
                raise busy() from None
            except BadCursorError:
                raise _bad("cursor", "onbekende-cursor") from None
            if subjects:
                await _record(connection, logbook, request, caller, started, subjects)
        return Response(
            orjson.dumps(
                {
                    "processingActivities": [wire_form(line) for line in page.lines],
                    **({} if page.next is None else {"next": page.next}),
                }
            ),
            media_type=JSON,
        )

    return router


def wire_form(line: Line) -> dict[str, object]:
    """A line as the extension has it: the trace id as UUID, the rest as in the standard."""
    told: dict[str, object] = {
        "traceId": str(UUID(line.trace_id)),
        "spanId": line.span_id,
        "status": line.status.value,
        "name": line.name,
        "startTime": line.start_time,
        "endTime": line.end_time,
        "attributes": dict(line.attributes),
        "resource": {"attributes": dict(line.resource)},
    }
    if line.parent_span_id is not None:
        told["parentSpanId"] = line.parent_span_id
    return told


async def _subjects(
    connection: Connection, logbook: Logbook, asked: ProcessingQuery, *, sees_protected: bool
) -> dict[UUID, bool] | None:
    """Whom the question is about, with whether on the protected side; None where about nobody."""
    if asked.subject is None:
        return None
    if asked.subject_type != BY_BSN:
        # A code belongs to one side: each has a domain of its own.
        sides = ((VERWERKINGEN, False), (BESCHERMD, True))
        opened = {
            subject: is_protected
            for series, is_protected in sides
            if (subject := logbook.lines.pseudonyms[series].subject_of(asked.subject)) is not None
        }
        return {one: side for one, side in opened.items() if sees_protected or not side}
    try:
        handle = handle_in(asked.subject, logbook.handles)
    except NoBsnError:
        raise _bad("dpl.core.data_subject_id", "elfproef") from None
    found = {}
    if (subject := await subject_of(connection, handle)) is not None:
        found[subject] = False
    if sees_protected:
        apart = await subject_of(connection, logbook.lines.protected_handles.of(handle))
        if apart is not None:
            found[apart] = True
    return found


def _query(asked: ProcessingQuery, logbook: Logbook, subjects: dict[UUID, bool] | None) -> Query:
    codes = None
    if subjects is not None:
        sides = logbook.lines.pseudonyms
        codes = {
            subject: sides[BESCHERMD if is_protected else VERWERKINGEN].of(subject)
            for subject, is_protected in subjects.items()
        }
    return Query(
        trace_id=None if asked.trace_id is None else asked.trace_id.replace("-", ""),
        activity=asked.activity,
        subjects=codes,
        start_time=asked.start_time,
        end_time=asked.end_time,
        processor=asked.processor,
    )


def _readable(logbook: Logbook, *, sees_protected: bool) -> dict[int, Projector]:
    series = (VERWERKINGEN, BESCHERMD) if sees_protected else (VERWERKINGEN,)
    return {one: logbook.lines.projectors[one] for one in series}


async def _record(
    connection: Connection,
    logbook: Logbook,
    request: Request,
    caller: Caller,
    started: datetime,
    subjects: Mapping[UUID, bool],
) -> None:
    """The act's entries, with whom it was about; before anything is answered (invariant 12)."""
    act = act_of(
        request.scope,
        OPERATION,
        caller,
        HTTPStatus.OK,
        trace_of(request.scope["headers"]),
        started,
        logbook.clock,
    )
    leaves = []
    async with connection.transaction():
        for stored in await stored_keys(connection, list(subjects)):
            entry_id = new_id()
            wrapped = WrappedKey(stored.epoch, stored.wrapped)
            key = logbook.vault.unwrap(stored.subject, CONTENT, wrapped)
            whom = [(stored.subject, commitment(key, entry_id, stored.subject))]
            about = replace(act, is_protected=subjects[stored.subject])
            leaves.append(access_leaf(about, whom, entry_id))
        if not leaves:
            return  # nobody (any more): the border records the request as any other
        await append_leaves(connection, TOEGANG, leaves)
    request.scope[RECORDED] = True


EXAMPLE_QUERY = {
    "dpl.core.data_subject_id": "999990019",
    "dpl.core.data_subject_id_type": BY_BSN,
    "startTime": 1764000000000,
}
EXAMPLE_PAGE = {
    "processingActivities": [
        {
            "traceId": "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
            "spanId": "00f067aa0ba902b7",
            "status": "Ok",
            "name": "Verstrekking aan de ontvanger (dwi-aanmelding)",
            "startTime": 1764068470669,
            "endTime": 1764068470669,
            "attributes": {
                "dpl.core.processing_activity_id": "https://sluis.voorbeeld.nl/v1/register/"
                "processing-activities/6e3ed6c1-5c31-5a57-9d10-000000000001",
                "dpl.core.data_subject_id": "Xq3sV5r0m6l1u8v9w0x2y4z6A8B0C2D4E6F8G0H2I4A",
                "dpl.core.data_subject_id_type": "urn:sluis:pseudoniem:ldv",
            },
            "resource": {"attributes": {"service.name": "sluis"}},
        }
    ]
}


def _for_supervisors() -> Problem:
    detail = "Dit deel van het logboek is alleen voor wie er toezicht op houdt."
    return Problem(HTTPStatus.FORBIDDEN, "Alleen voor toezicht", detail)


def _too_wide() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Zoekvraag te ruim",
        "Vraag ten minste naar een trace, een verwerkingsactiviteit of een betrokkene.",
        mogelijk=["traceId", "dpl.core.processing_activity_id", "dpl.core.data_subject_id"],
    )


def _bad(field: str, rule: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Verzoek ongeldig",
        "Een of meer parameters of velden voldoen niet aan de beschrijving.",
        fouten=[{"veld": field, "regel": rule}],
    )
