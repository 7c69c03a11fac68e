"""The gateway as its clients see it, in memory: routes and rules of the API, none of the insides.

Tokens, idempotency, mailbox order and acknowledgement are real here, since the client rests on
them. What is decided on a record is simple: `grondslag` geen is refused, `instemming` nee too, an
empty one is held, a BSN that is no number is unreadable, and a missing birth date is a finding.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.casework import SENDER_STATUS, OwnStatus, StatusMessage
from schemas.corrections import Correction, CorrectionReceipt
from schemas.decisions import Outcome, Rule
from schemas.deliveries import (
    DeliveryReport,
    DeliveryState,
    Problem,
    RecordFinding,
    RecordOutcome,
)
from schemas.notices import CorrectionReport, HeldReferral, ToldRecipient
from schemas.receipts import Answer, Promise, Receipt
from schemas.referral import Referral
from tests.support.faults import Application, Faulty

CHECKPOINT = b"sluis.test/verwerkingen\n3\nAAAA\n\n\xe2\x80\x94 sluis.test/verwerkingen AAAA\n"
VERSION = {"API-Version": "1.0.0"}
_B64 = base64.b64encode(bytes(32)).decode()


class Declining(Exception):  # noqa: N818 - an answer, not an error of the simulator
    def __init__(self, status: int, title: str, **more: object) -> None:
        self.answer = JSONResponse(
            {"type": "about:blank", "title": title, "status": status, **more},
            status,
            VERSION,
            "application/problem+json",
        )


@dataclass
class Delivery:
    report: DeliveryReport
    outcomes: list[RecordOutcome]
    polls_until_done: int = 0


@dataclass
class Mailbox:
    events: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: int = 0


class GatewaySimulator:
    def __init__(self) -> None:
        self.base_url = "http://127.0.0.1"
        self.token_seconds = 300
        self.max_bytes = 50_000_000
        self.polls_until_done = 0
        self.keys: dict[str, ECKey] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.spent: set[str] = set()
        self.said: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.exchanges: dict[UUID, tuple[str, str]] = {}
        self.held: list[HeldReferral] = []
        self.corrections: dict[tuple[str, str], tuple[Correction, CorrectionReceipt]] = {}
        self.mailboxes: dict[str, Mailbox] = defaultdict(Mailbox)
        self.network = Faulty(self._app())

    def register(self, partner: str, public_pem: str) -> None:
        self.keys[partner] = ECKey.import_key(public_pem)

    def put(self, partner: str, kind: str, exchange: UUID, data: dict[str, Any]) -> None:
        box = self.mailboxes[partner]
        box.events.append(
            {
                "specversion": "1.0",
                "id": str(exchange),
                "source": "urn:nld:oin:00000099000000001000:systeem:sluis",
                "type": f"nl.sluis.{kind}",
                "time": "2013-12-31T12:00:00Z",
                "sequence": str(len(box.events) + 1),
                "datacontenttype": "application/json",
                "data": data,
            }
        )

    def _app(self) -> Application:
        routes = {
            "POST /oauth/token": self._token,
            "POST /v1/aanmeldingen": self._refer,
            "POST /v1/statusberichten": self._status,
            "POST /v1/leveringen": self._deliver,
            "GET /v1/leveringen/{id}": self._report,
            "GET /v1/leveringen/{id}/uitkomsten": self._outcomes,
            "GET /v1/postvak": self._pull,
            "POST /v1/postvak/ontvangst": self._acknowledge,
            "GET /v1/aangehouden": self._held,
            "POST /v1/correcties": self._correct,
            "GET /v1/correcties/{id}": self._correction,
            "GET /v1/protocol": self._protocol,
            "GET /v1/logboek/verwerkingen/{rest:path}": self._log,
            "GET /v1/logboek/sleutels": self._log,
        }
        return Starlette(
            routes=[
                Route(name.split()[1], route, methods=[name.split()[0]])
                for name, route in routes.items()
            ],
            exception_handlers={Declining: _declined},
        )

    def _partner(self, request: Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        partner, until = self.tokens.get(token, ("", 0.0))
        if scheme != "Bearer" or until < time.monotonic():
            raise Declining(401, "Niet aangemeld")
        return partner

    async def _token(self, request: Request) -> Response:
        form = dict(item.split("=", 1) for item in (await request.body()).decode().split("&"))
        partner = self._asserted(form.get("client_assertion", ""))
        if partner is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        token = secrets.token_urlsafe(16)
        self.tokens[token] = (partner, time.monotonic() + self.token_seconds)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds}
        )

    def _asserted(self, assertion: str) -> str | None:
        for partner, key in self.keys.items():
            try:
                token = jwt.decode(assertion, key, algorithms=["ES256"])
            except (JoseError, ValueError):
                continue
            claims = token.claims
            good = (
                claims["iss"] == claims["sub"] == partner
                and claims["aud"] == f"{self.base_url}/oauth/token"
                and claims["exp"] - claims["iat"] <= 300
                and abs(time.time() - claims["iat"]) < 300
                and token.header["kid"] == key.thumbprint()
                and claims["jti"] not in self.spent
            )
            self.spent.add(claims["jti"])
            return partner if good else None
        return None

    async def _refer(self, request: Request) -> Response:
        def decide(body: bytes, partner: str) -> tuple[str, Callable[[], Answer]]:
            referral = Referral.model_validate_json(body)

            def effect() -> Answer:
                decision, rule = _decided(str(referral.ground or ""), "ja")
                exchange = self._exchange(partner, referral.reference, decision)
                return answer_of(exchange, decision, rule)

            return referral.reference, effect

        return await self._once(request, decide)

    async def _status(self, request: Request) -> Response:
        def decide(body: bytes, partner: str) -> tuple[str, Callable[[], Answer]]:
            message = StatusMessage.model_validate_json(body)

            def effect() -> Answer:
                if message.exchange_id not in self.exchanges:
                    return answer_of(uuid4(), Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE)
                sender, reference = self.exchanges[message.exchange_id]
                own = OwnStatus(
                    reference=reference, status=SENDER_STATUS[message.status], as_of=message.as_of
                )
                data = own.model_dump(mode="json", by_alias=True, exclude_none=True)
                self.put(sender, "statusbericht", uuid4(), data)
                return answer_of(uuid4(), Outcome.ACCEPTED, Rule.PERMITTED)

            return message.reference, effect

        return await self._once(request, decide)

    async def _once(
        self,
        request: Request,
        decide: Callable[[bytes, str], tuple[str, Callable[[], Answer]]],
    ) -> Response:
        partner = self._partner(request)
        body = await request.body()
        try:
            reference, effect = decide(body, partner)
        except ValidationError as error:
            fields = [
                {"veld": ".".join(map(str, item["loc"])), "regel": item["type"]}
                for item in error.errors(include_input=False)
            ]
            raise Declining(400, "Ongeldig bericht", fouten=fields) from None
        known = self.said.get((partner, reference))
        if known is not None and known[0] != body:
            raise Declining(409, "Kenmerk hergebruikt")
        if known is None:
            known = self.said[(partner, reference)] = (body, effect())
        answer = known[1]
        told = answer.model_dump(mode="json", by_alias=True)
        if answer.decision is Outcome.REFUSED:
            raise Declining(403, "Geweigerd door het privacyprotocol", antwoord=told)
        return JSONResponse(told, 202, VERSION)

    def _exchange(self, partner: str, reference: str, decision: Outcome) -> UUID:
        exchange = uuid4()
        if decision is Outcome.ACCEPTED:
            self.exchanges[exchange] = (partner, reference)
            data = {"aanmelding": {"aangemeldOp": "2013-12-31"}, "huishouden": {"leden": [{}]}}
            self.put("casebook", "aanmelding", exchange, data)
        return exchange

    async def _deliver(self, request: Request) -> Response:
        partner = self._partner(request)
        if int(request.headers.get("Content-Length", "0")) > self.max_bytes:
            raise Declining(413, "Levering te groot", detail="ten hoogste 50 MB")
        body = await request.body()
        digest = hashlib.sha256(body).digest()
        told = request.headers.get("Content-Digest")
        if told is not None and told != f"sha-256=:{base64.b64encode(digest).decode()}:":
            raise Declining(400, "Content-Digest klopt niet")
        if request.headers["Content-Type"] != "text/csv":
            raise Declining(415, "Dit bestandstype wordt niet aangenomen")
        name = partner + digest.hex()
        known = self.deliveries.get(name)
        if known is None:
            self.deliveries[name] = self._processed(partner, body)
            report, status = self._stand(self.deliveries[name]), 202
        else:
            report, status = known.report.model_copy(update={"is_repeat": True}), 200
        return Response(report.model_dump_json(by_alias=True), status, VERSION, "application/json")

    def _processed(self, partner: str, body: bytes) -> Delivery:
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig")), delimiter=";"))
        readable = bool(rows) and "kenmerk" in rows[0]
        groups = groupby(rows, key=lambda row: row["kenmerk"]) if readable else ()
        outcomes: list[RecordOutcome] = []
        line = 2
        for number, (reference, members) in enumerate(groups, 1):
            household = list(members)
            outcomes.append(self._outcome(partner, number, line, reference, household))
            line += len(household)
        now = datetime.now(UTC)
        report = DeliveryReport(
            delivery_id=uuid4(),
            state=DeliveryState.DONE if readable else DeliveryState.UNREADABLE,
            received_at=now,
            finished_at=now,
            bytes_received=len(body),
            records=len(outcomes),
            accepted=sum(item.decision is Outcome.ACCEPTED for item in outcomes),
            held=sum(item.decision is Outcome.HELD for item in outcomes),
            refused=_counted(str(i.rule) for i in outcomes if i.decision is Outcome.REFUSED),
            duplicates=0,
            missing=_counted(f"{f.field} {f.problem}" for i in outcomes for f in i.findings),
            error=None if readable else "kolom kenmerk ontbreekt",
        )
        return Delivery(report, outcomes, self.polls_until_done)

    def _outcome(
        self, partner: str, number: int, line: int, reference: str, rows: list[dict[str, str]]
    ) -> RecordOutcome:
        findings = [
            RecordFinding(line=line + at, field="geboortedatum", problem=Problem.MISSING)
            for at, row in enumerate(rows)
            if not row.get("geboortedatum")
        ]
        decision, rule = _decided(rows[0].get("grondslag", ""), rows[0].get("instemming", ""))
        broken = [at for at, row in enumerate(rows) if not row.get("bsn", "0").isdigit()]
        if broken:
            decision, rule = Outcome.REFUSED, Rule.UNREADABLE
        return RecordOutcome(
            record=number,
            line=line,
            reference=reference,
            decision=decision,
            rule=rule,
            field="bsn" if broken else None,
            exchange_id=None if broken else self._exchange(partner, reference, decision),
            findings=findings,
        )

    def _stand(self, delivery: Delivery) -> DeliveryReport:
        if delivery.polls_until_done <= 0:
            return delivery.report
        return delivery.report.model_copy(
            update={"state": DeliveryState.PROCESSING, "finished_at": None}
        )

    def _delivery(self, request: Request) -> Delivery:
        partner = self._partner(request)
        for name, delivery in self.deliveries.items():
            wanted = str(delivery.report.delivery_id) == request.path_params["id"]
            if wanted and name.startswith(partner):
                return delivery
        raise Declining(404, "Onbekende levering")

    async def _report(self, request: Request) -> Response:
        delivery = self._delivery(request)
        report = self._stand(delivery)
        delivery.polls_until_done -= 1
        return Response(report.model_dump_json(by_alias=True), 200, VERSION, "application/json")

    async def _outcomes(self, request: Request) -> Response:
        outcomes = self._delivery(request).outcomes
        after, size = int(request.query_params["na"]), int(request.query_params["aantal"])
        page = [item.model_dump(mode="json", by_alias=True) for item in outcomes[after:]][:size]
        more = after + size < len(outcomes)
        return JSONResponse({"uitkomsten": page, "meer": more}, 200, VERSION)

    def _position(self, partner: str, cursor: str) -> int:
        owner, _, position = cursor.rpartition(".")
        if owner != partner or not position.isdigit():
            raise Declining(400, "Onbekende cursor")
        return int(position)

    async def _pull(self, request: Request) -> Response:
        partner = self._partner(request)
        box = self.mailboxes[partner]
        after = request.query_params.get("na")
        start = box.acknowledged if after is None else self._position(partner, after)
        page = box.events[start : start + int(request.query_params.get("aantal", "1000"))]
        following, more = f"{partner}.{start + len(page)}", start + len(page) < len(box.events)
        told = {"Sluis-Volgende": following, "Sluis-Meer": "ja" if more else "nee", **VERSION}
        accept = request.headers["Accept"]
        if accept == "application/json":
            return JSONResponse(
                {"berichten": page, "volgende": following, "meer": more}, 200, VERSION
            )
        if accept == "application/x-ndjson":
            lines = "".join(json.dumps(event) + "\n" for event in page)
            return Response(lines, 200, told, accept)
        if accept == "text/csv" and partner == "dwi":
            others = sum(
                not event["type"].endswith(("statusbericht", "vervallen")) for event in page
            )
            told["Sluis-Overig"] = str(others)
            return Response(status_file(page), 200, told, accept)
        raise Declining(406, "Formaat onbekend")

    async def _acknowledge(self, request: Request) -> Response:
        partner = self._partner(request)
        box = self.mailboxes[partner]
        until = self._position(partner, (await request.json())["totEnMet"])
        newly = max(0, until - box.acknowledged)
        box.acknowledged += newly
        return JSONResponse({"bevestigd": newly}, 200, VERSION)

    async def _held(self, request: Request) -> Response:
        self._partner(request)
        after = int(request.query_params.get("na", "0"))
        until = after + int(request.query_params["aantal"])
        page = [one.model_dump(mode="json", by_alias=True) for one in self.held[after:until]]
        more = str(until) if until < len(self.held) else None
        return JSONResponse({"aangehouden": page, "volgende": more}, 200, VERSION)

    async def _correct(self, request: Request) -> Response:
        """Annuls what was referred here; the same reference with other content is a conflict."""
        partner = self._partner(request)
        wanted = Correction.model_validate_json(await request.body(), by_alias=True)
        key = (partner, wanted.reference)
        if key in self.corrections and self.corrections[key][0] != wanted:
            raise Declining(409, "Kenmerk al gebruikt")
        known = {reference: one for one, (_, reference) in self.exchanges.items()}
        exchange = wanted.exchange_id or known.get(wanted.message or "")
        if exchange not in self.exchanges:
            raise Declining(404, "Uitwisseling onbekend")
        if key not in self.corrections:
            receipt = CorrectionReceipt(
                correction_id=uuid4(),
                exchange_id=exchange,
                kind=wanted.kind,
                entry_id=uuid4(),
                recorded_at=datetime.now(UTC),
            )
            self.corrections[key] = (wanted, receipt)
        body = self.corrections[key][1].model_dump(mode="json", by_alias=True)
        return JSONResponse(body, 201, VERSION)

    async def _correction(self, request: Request) -> Response:
        partner = self._partner(request)
        for (owner, _), (_, receipt) in self.corrections.items():
            if (owner, str(receipt.correction_id)) == (partner, request.path_params["id"]):
                told = ToldRecipient(
                    recipient="casebook",
                    exchange_id=receipt.exchange_id,
                    queued_at=receipt.recorded_at,
                    acknowledged_at=receipt.recorded_at,
                )
                report = CorrectionReport(
                    correction_id=receipt.correction_id,
                    kind=receipt.kind,
                    exchange_id=receipt.exchange_id,
                    recorded_at=receipt.recorded_at,
                    recipients=[told],
                    is_done=True,
                )
                return JSONResponse(report.model_dump(mode="json", by_alias=True), 200, VERSION)
        raise Declining(404, "Correctie onbekend")

    async def _protocol(self, request: Request) -> Response:
        self._partner(request)
        told = {"versie": "2013.1", "digest": "sha-256:00", "tekst": "[protocol]\n"}
        return JSONResponse({**told, "vanKrachtSinds": "2013-01-01T00:00:00Z"}, 200, VERSION)

    async def _log(self, request: Request) -> Response:
        rest = request.path_params.get("rest", "sleutels")
        if rest == "checkpoint":
            return Response(CHECKPOINT, 200, VERSION, "text/plain")
        if rest == "bewijs":
            told = {"index": 0, "omvang": 3, "pad": [_B64], "controlepunt": CHECKPOINT.decode()}
            return JSONResponse(told, 200, VERSION)
        if rest == "sleutels":
            return JSONResponse({"verwerkingen": "sluis.test/verwerkingen+0+AA"}, 200, VERSION)
        return Response(rest.encode(), 200, VERSION, "application/octet-stream")


async def _declined(request: Request, error: Exception) -> Response:
    assert isinstance(error, Declining)
    return error.answer


def status_file(events: list[dict[str, Any]]) -> str:
    rows = ["kenmerk;status;peildatum"]
    for event in events:
        if event["type"] == "nl.sluis.statusbericht":
            data = event["data"]
            rows.append(f"{data['kenmerk']};{data['status']};{data.get('peildatum', '')}")
    return "".join(row + "\r\n" for row in rows)


def answer_of(exchange: UUID, decision: Outcome, rule: Rule) -> Answer:
    promise = Promise(root=_B64, index=0, size=1, path=[], key_name="sluis.test", signature=_B64)
    receipt = Receipt(
        entry_id=uuid4(),
        log="sluis.test/verwerkingen",
        leaf_hash=_B64,
        body_salt=base64.b64encode(bytes(16)).decode(),
        body_commitment=_B64,
        promise=promise,
    )
    return Answer(
        exchange_id=exchange,
        decision=decision,
        rule=rule,
        received_at=datetime.now(UTC),
        receipt=receipt,
    )


def _decided(ground: str, agreement: str) -> tuple[Outcome, Rule]:
    if ground == "geen":
        return Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED
    if agreement == "nee":
        return Outcome.REFUSED, Rule.AGREEMENT_INCOMPLETE
    if not agreement:
        return Outcome.HELD, Rule.AGREEMENT_INCOMPLETE
    return Outcome.ACCEPTED, Rule.PERMITTED


def _counted(names: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
