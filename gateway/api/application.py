"""The HTTP application: every route, and the one way in which anything that goes wrong is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import asyncpg
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.responses import Response

from adapters.port import Adapter
from gateway.api.authority import authority_routes
from gateway.api.border import Border, Hot, Visits
from gateway.api.callers import Callers
from gateway.api.consents import consent_routes
from gateway.api.continuity import ConsistencyProof, OpeningProof, continuity_routes
from gateway.api.corrections import correction_routes
from gateway.api.deliveries import delivery_routes
from gateway.api.deliveries_described import OutcomePage
from gateway.api.description import VERSION, description_route
from gateway.api.holds import hold_routes
from gateway.api.logbook import InclusionProof, LogKeys, Volumes, log_routes
from gateway.api.mailbox import (
    Acknowledged,
    Acknowledgement,
    MailboxDoor,
    MailboxPage,
    mailbox_routes,
)
from gateway.api.messages import MessageDoor, message_routes
from gateway.api.moves import move_routes
from gateway.api.own_format import OwnFormatDoor, own_format_routes
from gateway.api.placements import placement_routes
from gateway.api.problems import (
    Problem,
    answer_problem,
    busy,
    invalid_parameters,
    our_fault,
    too_large,
)
from gateway.api.processing import (
    Lines,
    Logbook,
    ProcessingPage,
    ProcessingQuery,
    processing_routes,
)
from gateway.api.register import Activity, ActivityVersion, Entity, register_routes
from gateway.api.registrations import RegistrationDoor, RegistrationRequest, registration_routes
from gateway.api.safe_contacts import safe_contact_routes
from gateway.api.service import ProtocolInForce, health_routes, service_routes
from gateway.api.token import token_routes
from gateway.audit.board import CheckpointBoard
from gateway.audit.freshness import DatabaseOlderError, JournalMissingError
from gateway.audit.series import Logbooks
from gateway.exchange.accesses import AccessLog
from gateway.exchange.arrivals import Prints
from gateway.exchange.authority import Authorities
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.consents import Consents
from gateway.exchange.corrections import Corrections
from gateway.exchange.deliveries import Deliveries
from gateway.exchange.holds import Holds
from gateway.exchange.mailbox import Mailbox
from gateway.exchange.moves import Moves
from gateway.exchange.placing import Placements
from gateway.exchange.registrations import Registrations
from gateway.exchange.safe_contacts import SafeContacts
from gateway.exchange.signal import MailboxSignal
from gateway.exchange.uploads import Uploads
from gateway.identity.desk import TokenDesk
from gateway.identity.tokens import AccessTokens
from gateway.pseudonyms.domains import Handles
from gateway.settings import Settings
from gateway.store.away import DATABASE_AWAY
from gateway.store.protocols import protocol_in_force
from gateway.store.rules import NoProtocolError
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from gateway.vault.journal_folder import JournalUnavailableError
from schemas.casework import (
    Accountability,
    Handover,
    Move,
    MoveReceipt,
    OwnStatus,
    Placement,
    PlacementReceipt,
    Signal,
    StatusMessage,
    WaitingPage,
)
from schemas.consents import (
    AuthorityReceipt,
    AuthorityRecord,
    ConsentOverview,
    ConsentQuery,
    ConsentReceipt,
    ConsentRecord,
    ConsentWithdrawal,
)
from schemas.corrections import Correction, CorrectionReceipt
from schemas.deliveries import DeliveryReport
from schemas.notices import (
    Advice,
    CorrectionNotice,
    CorrectionReport,
    HeldPage,
    Recall,
    RecallReport,
)
from schemas.partner_update import PartnerUpdate
from schemas.protection import SafeContactReceipt, SafeContactRequest
from schemas.receipts import Answer
from schemas.referral import Referral
from schemas.registrations import RegistrationAnswer

DESCRIBED: list[type[BaseModel]] = [
    Referral, StatusMessage, Accountability, PartnerUpdate, RegistrationRequest,
    RegistrationAnswer,
    Answer, DeliveryReport, OutcomePage, MailboxPage,
    OwnStatus,
    Acknowledgement, Acknowledged, ConsentRecord, ConsentWithdrawal, ConsentReceipt,
    AuthorityRecord, AuthorityReceipt, ConsentQuery, ConsentOverview,
    HeldPage, Correction, CorrectionReceipt, CorrectionReport, RecallReport, Recall, Advice,
    CorrectionNotice, SafeContactRequest, SafeContactReceipt, ProtocolInForce, InclusionProof,
    ConsistencyProof, OpeningProof, LogKeys, Volumes,
    ProcessingQuery, ProcessingPage, Activity, ActivityVersion, Entity,
    Placement, PlacementReceipt, WaitingPage, Move, MoveReceipt, Handover, Signal,
]  # fmt: skip
"""What routes take and give, for the description."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The parts that routes hand requests to."""

    pool: asyncpg.Pool
    engine: AsyncEngine
    tokens: AccessTokens
    desk: TokenDesk
    committer: GroupCommitter
    deliveries: Deliveries
    uploads: Uploads
    mailbox: Mailbox
    signal: MailboxSignal
    registrations: Registrations
    push_keys: Sequence[dict[str, str]]
    consents: Consents
    corrections: Corrections
    holds: Holds
    authorities: Authorities
    safe_contacts: SafeContacts
    placements: Placements
    moves: Moves
    handles: Handles
    prints: Prints
    vault: Vault
    adapters: Mapping[str, Adapter]
    logbooks: Logbooks
    board: CheckpointBoard
    accesses: AccessLog
    is_shut: Callable[[], bool]
    lines: Lines
    clock: Callable[[], datetime]


def build_application(settings: Settings, doors: Doors, telemetry: Telemetry) -> Border:
    """Every route behind the border."""
    app = FastAPI(
        title="Sluis",
        version=VERSION,
        description="Gegevensuitwisseling tussen ketenpartners onder één privacyprotocol.",
        license_info={"name": "EUPL-1.2", "url": "https://eupl.eu/1.2/nl/"},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect repeats the address, with what stands in it
    )
    callers = Callers(doors.tokens, telemetry)
    authenticate = callers.authenticated
    door = MessageDoor(
        callers.caller_of,
        doors.committer,
        doors.handles,
        doors.prints,
        doors.clock,
    )
    v1 = APIRouter(prefix="/v1")
    v1.include_router(message_routes(authenticate))
    v1.include_router(
        delivery_routes(
            doors.pool,
            doors.deliveries,
            doors.uploads,
            doors.adapters,
            doors.vault,
            authenticate,
            settings.max_delivery,
        )
    )
    v1.include_router(
        mailbox_routes(
            MailboxDoor(
                doors.mailbox, doors.signal, doors.adapters, telemetry, doors.clock, authenticate
            ),
            authenticate,
        )
    )
    own_format = OwnFormatDoor(
        doors.adapters, doors.committer, doors.handles, doors.prints, doors.clock
    )
    v1.include_router(own_format_routes(own_format, authenticate, settings.base_url))
    v1.include_router(consent_routes(doors.consents, authenticate, doors.clock))
    v1.include_router(safe_contact_routes(doors.safe_contacts, authenticate, doors.clock))
    v1.include_router(
        authority_routes(doors.authorities, doors.pool, doors.handles, authenticate, doors.clock)
    )
    v1.include_router(hold_routes(doors.holds, authenticate))
    knowing = RegistrationDoor(doors.registrations, doors.handles)
    v1.include_router(registration_routes(knowing, authenticate))
    v1.include_router(correction_routes(doors.corrections, authenticate))
    v1.include_router(placement_routes(doors.placements, authenticate, doors.clock))
    v1.include_router(move_routes(doors.moves, authenticate, doors.clock))
    v1.include_router(log_routes(doors.pool, authenticate, doors.logbooks))
    v1.include_router(continuity_routes(doors.pool, authenticate))
    logbook = Logbook(
        doors.pool,
        doors.engine,
        doors.lines,
        doors.handles,
        doors.vault,
        doors.clock,
        settings.oin,
    )
    v1.include_router(processing_routes(logbook, authenticate))
    v1.include_router(register_routes(doors.engine, authenticate, doors.clock, settings.oin))

    async def in_force() -> tuple[str, bytes, datetime, str]:
        stored = await protocol_in_force(doors.engine)
        return stored.version, stored.digest, stored.in_force_from, stored.text

    async def unready() -> str | None:
        try:
            await doors.pool.fetchval("select 1", timeout=2)
        except (DatabaseOlderError, JournalMissingError):
            return "De database is ouder dan wat de gateway bekendmaakte: zie `sluis recover`."
        except DATABASE_AWAY:
            return "De database antwoordt niet."
        return None

    v1.include_router(service_routes(in_force, authenticate))
    v1.include_router(description_route(app, settings.base_url, DESCRIBED))
    app.include_router(v1)
    app.include_router(token_routes(doors.desk, doors.tokens, doors.push_keys))
    app.include_router(health_routes(unready, telemetry))
    _answer_failures(app, telemetry)
    return Border(
        app,
        telemetry,
        Visits(callers, doors.accesses, doors.clock, doors.is_shut),
        hot={
            "/v1/aanmeldingen": Hot("meldHuishoudenAan", door.refer),
            "/v1/statusberichten": Hot("meldStatus", door.report_status),
            "/v1/verantwoordingen": Hot("verantwoordCasus", door.account),
            "/v1/partnerberichten": Hot("meldVerandering", door.update),
        },
        streamed=("/v1/leveringen", "/v1/leveringen/uploads/"),
        shown=doors.board.shown,
        max_message=settings.max_message,
        timeout=settings.request_timeout,
    )


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What an address takes, of all routes that it has: the framework looks at the first alone."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path_regex.match(request.scope["path"]):
            found |= set(route.methods or ())
    return found


_NOT_TAKEN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "Dit adres bestaat niet.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Dit adres kent deze methode niet.",
    HTTPStatus.REQUEST_TIMEOUT: "Het verzoek kwam niet op tijd binnen; niets is vastgelegd.",
}


def _answer_failures(app: FastAPI, telemetry: Telemetry) -> None:
    async def not_taken(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return too_large().response()
        title, headers = HTTPStatus(error.status_code).phrase, error.headers
        detail = _NOT_TAKEN.get(error.status_code, "Het verzoek is niet leesbaar.")
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(sorted(_methods(app, request)))}
        return Problem(error.status_code, title, detail, headers=headers).response()

    async def wrong_parameters(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return invalid_parameters(error.errors()).response()

    async def database_away(_: Request, error: Exception) -> Response:
        telemetry.fault("database-away", error)
        return busy().response()

    async def unforeseen(_: Request, error: Exception) -> Response:
        telemetry.fault("request-failed", error)
        return our_fault().response()

    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, not_taken)
    app.add_exception_handler(RequestValidationError, wrong_parameters)

    async def journal_away(_: Request, error: Exception) -> Response:
        assert isinstance(error, JournalUnavailableError)  # noqa: S101 - as above
        telemetry.fault("journal-unavailable", error, reason=error.rule)
        return busy().response()

    app.add_exception_handler(JournalUnavailableError, journal_away)
    # Without a protocol in force nothing may pass, until an operator puts one there.
    for kind in (*DATABASE_AWAY, NoProtocolError):
        app.add_exception_handler(kind, database_away)
    app.add_exception_handler(Exception, unforeseen)
