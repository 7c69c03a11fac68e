"""Single messages in: referrals (the hot route) and statuses. Stages 1 to 3, then the group."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Depends, Response
from pydantic import ValidationError

from adapters.quality import examine
from consent.register import amsterdam_day
from gateway.api.answers import http_answer
from gateway.api.border import HotAnswer, require_json, trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_ENTRY,
    SOME_EXCHANGE,
    gives,
    refuses,
    takes,
)
from gateway.api.problems import Problem, busy, invalid
from gateway.exchange import referral, status
from gateway.exchange.arrivals import Arrival, Prints
from gateway.exchange.committer import (
    GroupCommitter,
    OverloadedError,
    PoisonedMessageError,
    StorageUnavailableError,
)
from gateway.exchange.group import Message
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles
from gateway.store.ids import new_id
from schemas.casework import Accountability, StatusMessage
from schemas.partner_update import PartnerUpdate
from schemas.receipts import Answer
from schemas.referral import Referral

RawHeaders = list[tuple[bytes, bytes]]
CallerOf = Callable[[RawHeaders], Caller]


@dataclass(frozen=True, slots=True)
class MessageDoor:
    """Takes single messages; one instance serves the process."""

    caller_of: CallerOf
    committer: GroupCommitter
    handles: Handles
    prints: Prints
    clock: Callable[[], datetime]

    async def refer(self, headers: RawHeaders, body: bytes) -> HotAnswer:
        """One referral: answered after COMMIT."""
        caller = self.caller_of(headers)  # 1. authenticate
        require_json(headers)
        now = self.clock()
        try:
            message = referral.translate(body)  # 2. translate
        except ValidationError as error:
            raise invalid(error) from None  # the cause quotes the input
        findings = self._examine(message, now)
        arrival = self._arrival(caller, message.reference, headers, body, now, findings)
        translated = referral.TranslatedReferral(arrival, message)
        return await self._commit(referral.pseudonymise(translated, self.handles), body)  # 3.

    async def report_status(self, headers: RawHeaders, body: bytes) -> HotAnswer:
        """One status message: answered after COMMIT."""
        caller = self.caller_of(headers)
        require_json(headers)
        now = self.clock()
        try:
            message = status.translate(body)
        except ValidationError as error:
            raise invalid(error) from None  # the cause quotes the input
        if message.as_of > amsterdam_day(now):
            raise _in_future([{"veld": "peildatum", "regel": "datum-in-toekomst"}])
        arrival = self._arrival(caller, message.reference, headers, body, now, ())
        return await self._commit(status.ArrivedStatus(arrival, message), body)

    async def account(self, headers: RawHeaders, body: bytes) -> HotAnswer:
        """One statement of accountability: answered after COMMIT."""
        caller = self.caller_of(headers)
        require_json(headers)
        now = self.clock()
        try:
            message = status.translate_accountability(body)
        except ValidationError as error:
            raise invalid(error) from None  # the cause quotes the input
        today = amsterdam_day(now)
        days = {"gestartOp": message.started_on, "beeindigdOp": message.ended_on}
        if late := [name for name, day in days.items() if day is not None and day > today]:
            raise _in_future([{"veld": name, "regel": "datum-in-toekomst"} for name in late])
        arrival = self._arrival(caller, message.reference, headers, body, now, ())
        return await self._commit(status.ArrivedStatus(arrival, message), body)

    async def update(self, headers: RawHeaders, body: bytes) -> HotAnswer:
        """One message of a partner's on a running case: answered after COMMIT."""
        caller = self.caller_of(headers)
        require_json(headers)
        now = self.clock()
        try:
            message = status.translate_partner_update(body)
        except ValidationError as error:
            raise invalid(error) from None  # the cause quotes the input
        if message.as_of > amsterdam_day(now):
            raise _in_future([{"veld": "peildatum", "regel": "datum-in-toekomst"}])
        arrival = self._arrival(caller, message.reference, headers, body, now, ())
        case = None
        if message.referral is not None:
            case = self.prints.reference(caller.id, message.referral)
        return await self._commit(status.ArrivedStatus(arrival, message, case), body)

    async def _commit(self, message: Message, body: bytes) -> HotAnswer:
        try:
            recorded = await self.committer.submit(message)  # 4 to 8, with the group
        except (OverloadedError, StorageUnavailableError):
            raise busy() from None
        except PoisonedMessageError:
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "Fout in de gateway",
                "Dit bericht kon niet worden vastgelegd. De beheerder ziet de melding.",
            ) from None
        return http_answer(recorded, body, self.prints)

    @staticmethod
    def _examine(message: Referral, now: datetime) -> tuple[str, ...]:
        members = len(message.household.members)
        wrong, missing = examine(message, range(members), amsterdam_day(now))
        if wrong:
            raise _in_future([{"veld": f.field, "regel": f.problem.value} for f in wrong])
        return tuple(sorted({finding.field for finding in missing}))

    def _arrival(
        self,
        caller: Caller,
        reference: str,
        headers: RawHeaders,
        body: bytes,
        now: datetime,
        findings: tuple[str, ...],
    ) -> Arrival:
        exchange = new_id()
        return Arrival(
            exchange,
            caller.id,
            self.prints.reference(caller.id, reference),
            self.prints.body(caller.id, body),
            self.prints.commitment(exchange, body),
            now,
            trace_of(headers),
            findings,
            len(body),
        )


def _in_future(errors: list[dict[str, str]]) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Bericht ongeldig",
        "Een datum ligt in de toekomst.",
        fouten=errors,
    )


def message_routes(authenticate: Authenticate) -> APIRouter:
    """The message routes as OpenAPI describes them; the border answers them itself.

    The functions below are reached only where the border is left out, which nothing does.
    """
    router = APIRouter(tags=["berichten"], dependencies=[Depends(authenticate)])
    refusals = refuses(*ALWAYS, *BODY, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT)
    taken = gives(
        HTTPStatus.ACCEPTED, "Vastgelegd: toegelaten of aangehouden.", Answer, EXAMPLE_ANSWER
    )

    @router.post(
        "/aanmeldingen",
        status_code=HTTPStatus.ACCEPTED,
        operation_id="meldHuishoudenAan",
        summary="Meld een huishouden aan",
        description=(
            "Het privacyprotocol beslist meteen; het antwoord komt pas als alles is vastgelegd. "
            "Hetzelfde bericht nog eens geeft hetzelfde antwoord en heeft geen tweede gevolg. "
            "Een ander bericht onder hetzelfde kenmerk wordt geweigerd (409)."
        ),
        responses={**taken, **refusals},
        openapi_extra=takes(Referral, EXAMPLE_REFERRAL),
    )
    async def refer() -> Response:
        raise NotImplementedError

    @router.post(
        "/statusberichten",
        status_code=HTTPStatus.ACCEPTED,
        operation_id="meldStatus",
        summary="Meld hoe het met een aanmelding staat",
        description=(
            "Voor wie de aanmelding uit het postvak ophaalde. De verwijzer krijgt alleen wat het "
            "protocol doorlaat, onder het eigen kenmerk. Herhalen is veilig."
        ),
        responses={**taken, **refusals},
        openapi_extra=takes(StatusMessage, EXAMPLE_STATUS),
    )
    async def report_status() -> Response:
        raise NotImplementedError

    @router.post(
        "/verantwoordingen",
        status_code=HTTPStatus.ACCEPTED,
        operation_id="verantwoordCasus",
        summary="Leg verantwoording af over een casus",
        description=(
            "Voor wie de aanmelding uit het postvak ophaalde, aan een instelling of financier die "
            "het protocol daarvoor noemt. De ontvanger kent de persoon alleen bij een eigen "
            "pseudoniem. Herhalen is veilig."
        ),
        responses={**taken, **refusals},
        openapi_extra=takes(Accountability, EXAMPLE_ACCOUNTABILITY),
    )
    async def account() -> Response:
        raise NotImplementedError

    @router.post(
        "/partnerberichten",
        status_code=HTTPStatus.ACCEPTED,
        operation_id="meldVerandering",
        summary="Meld wat er verandert in een lopende casus",
        description=(
            "Voor wie aanmeldde, of wie iemand kreeg doorverwezen. Noem de casus met uw eigen "
            "kenmerk van de aanmelding (dertig dagen bekend) of met `uitwisselingId`. Gaat over "
            "dezelfde weg als een statusbericht, de andere kant op; wat niet mag, wordt geweigerd "
            "en wacht niet. Volgorde maakt niet uit: per soort telt de jongste peildatum."
        ),
        responses={**taken, **refusals},
        openapi_extra=takes(PartnerUpdate, EXAMPLE_PARTNER_UPDATE),
    )
    async def update() -> Response:
        raise NotImplementedError

    return router


# No postcode: the linter of the NL GOV rules takes every name with "post" in it for a method.
EXAMPLE_REFERRAL = {
    "kenmerk": "DWI-2026-00017",
    "aangemeldOp": "2026-01-12",
    "grondslag": "participatiewet",
    "huishouden": {
        "straatnaam": "Voorbeeldstraat",
        "huisnummer": 7,
        "leden": [
            {
                "rol": "aanmelder",
                "burgerservicenummer": "999990019",
                "achternaam": "Proefpersoon",
                "geboortedatum": "1980-05",
                "zrm": {"gemetenOp": "2026-01-10", "scores": {"inkomen": 2, "huisvesting": 4}},
                "instemming": {"gegeven": True, "op": "2026-01-09", "door": "betrokkene"},
            }
        ],
    },
}
EXAMPLE_STATUS = {
    "kenmerk": "ST-2026-00004",
    "uitwisselingId": str(SOME_EXCHANGE),
    "status": "in-beheer-actief",
    "peildatum": "2026-02-01",
}
EXAMPLE_ACCOUNTABILITY = {
    "kenmerk": "VA-2026-00003",
    "uitwisselingId": str(SOME_EXCHANGE),
    "ontvanger": "sra",
    "status": "in-beheer-actief",
    "gestartOp": "2026-01-15",
    "stadsdeel": "Centrum",
    "aantalLeden": 1,
}
EXAMPLE_PARTNER_UPDATE = {
    "kenmerk": "PB-2026-00009",
    "aanmeldingKenmerk": "DWI-2026-00017",
    "soort": "nieuwe-afspraak",
    "peildatum": "2026-02-10",
    "afspraakOp": "2026-02-24",
}
_HASH = "KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE="
EXAMPLE_ANSWER = {
    "uitwisselingId": str(SOME_EXCHANGE),
    "besluit": "toegelaten",
    "regel": "toegelaten",
    "ontvangenOp": "2026-01-12T09:30:00.123456Z",
    "bevindingen": ["lid.geslacht"],
    "ontvangstbewijs": {
        "logregelId": str(SOME_ENTRY),
        "logboek": "sluis/00000099000000001000/verwerkingen",
        "bladhash": _HASH,
        "zout": "3q2+7wAAAAAAAAAAAAAAAA==",
        "bodyVerbintenis": _HASH,
        "toezegging": {
            "wortel": _HASH,
            "positie": 0,
            "omvang": 1,
            "pad": [],
            "sleutel": "sluis/00000099000000001000/verwerkingen",
            "handtekening": f"{_HASH[:-1]}{_HASH[:43]}==",
        },
    },
}
