"""The gateway's API as a partner calls it: `AsyncSluis` (its twin without `await` is `Sluis`).

Each method is one call of the API, typed both ways; paging, repeating and tokens are seen to
below. A refusal by the privacy protocol is raised as `Refused`, with the same signed `Answer` that
an accepted message gets: it too was recorded. All other errors: see errors.py.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx
from pydantic import BaseModel

from gateway.client import mailbox, upload
from gateway.client.answers import read
from gateway.client.credentials import Credentials
from gateway.client.errors import Refused
from gateway.client.keeping import Keeping
from gateway.client.logbook import (
    FULL,
    InclusionProof,
    LogKeys,
    LogName,
    LogVolume,
    LogVolumes,
    ProtocolInForce,
    tile_path,
    volume_path,
)
from gateway.client.mailbox import MAX_PAGE, Page, PageForm, RawPage
from gateway.client.own_format import OwnAnswer, own_answer
from gateway.client.resuming import FROM_BYTES, Resumed, ResumedUpload, note_of
from gateway.client.transport import Call, Retrying, Transport
from gateway.client.upload import Sent
from schemas.casework import (
    Accountability,
    Move,
    MoveReceipt,
    Placement,
    PlacementReceipt,
    StatusMessage,
    WaitingPage,
    WaitingPlacement,
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
from schemas.deliveries import DeliveryReport, DeliveryState, RecordOutcome
from schemas.notices import CorrectionReport, HeldPage, HeldReferral, RecallReport
from schemas.partner_update import PartnerUpdate
from schemas.receipts import Answer
from schemas.referral import Referral, Wire
from schemas.registrations import Registration, RegistrationAnswer, RegistrationOutcome

_SLOW = 600.0
"""Seconds without a sign of life after which a delivery's answer is given up."""


_AFTER_WAITING = 30.0
"""Seconds in which an answer must come once the gateway need not wait any more."""


class _Outcomes(BaseModel):
    uitkomsten: list[RecordOutcome]
    meer: bool


class _Acknowledged(BaseModel):
    bevestigd: int


class AsyncSluis:
    """One partner's way to the gateway; use it as `async with AsyncSluis(credentials)`."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        retrying: Retrying | None = None,
        road: httpx.AsyncBaseTransport | None = None,
        answer_within: float = 60.0,
        keeps: bool = True,
    ) -> None:
        """`road` replaces the network and `answer_within` bounds a wait, as in `Transport`.

        With credentials of a folder, receipts and the log's newest checkpoint are kept there and
        compared at every call (`Contradicted`), unless `keeps` is false.
        """
        self.partner = credentials.partner
        self.base_url = credentials.base_url
        self._folder = credentials.folder if keeps else None
        self._opens = credentials.opens
        self._transport = Transport(
            credentials, retrying=retrying, road=road, answer_within=answer_within
        )
        self.keeping: Keeping | None = None
        if keeps and credentials.folder is not None:
            self.keeping = Keeping(credentials.folder, self.look)
            self._transport.watches = self.keeping

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            await self.close()
        else:
            # What went wrong is what the caller must hear.
            await self._let_go()

    async def close(self) -> None:
        """Compare what the gateway last said of its log, and close; raise `Contradicted`."""
        try:
            if self.keeping is not None:
                await self.keeping.end()
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        if self.keeping is not None:
            await self.keeping.stop()
        await self._transport.close()

    async def access_token(self) -> str:
        """A token for a call that something else makes, such as curl; good for some minutes."""
        return await self._transport.access_token()

    async def refer(self, referral: Referral) -> Answer:
        """Put one household forward (aanmelding); raise `Refused`, or `Conflict`."""
        return await self._tell("/v1/aanmeldingen", referral)

    async def send_status(self, message: StatusMessage) -> Answer:
        """Send one status back (statusbericht); raise `Refused`, or `Conflict`."""
        return await self._tell("/v1/statusberichten", message)

    async def account(self, message: Accountability) -> Answer:
        """Account for one case (verantwoording); raise `Refused`, or `Conflict`."""
        return await self._tell("/v1/verantwoordingen", message)

    async def send_update(self, message: PartnerUpdate) -> Answer:
        """Tell what changes in a running case (partnerbericht); raise `Refused`, or `Conflict`."""
        return await self._tell("/v1/partnerberichten", message)

    async def register(self, persons: Sequence[Registration]) -> list[RegistrationOutcome]:
        """Say whom this partner knows (registratie), at most 1,000 at once; an outcome each.

        The same persons again have the same outcomes. Raises `NotAdmitted`.
        """
        return await self._registrations("/v1/registraties", persons)

    async def end_registrations(self, persons: Sequence[Registration]) -> list[RegistrationOutcome]:
        """Say whom this partner knows no longer; an outcome each."""
        return await self._registrations("/v1/registraties/beeindiging", persons)

    async def _registrations(
        self, path: str, persons: Sequence[Registration]
    ) -> list[RegistrationOutcome]:
        headers = {"Content-Type": "application/x-ndjson"}
        body = b"\n".join(as_json(one) for one in persons)
        answer = await self._transport.send(Call("POST", path, {}, headers, body))
        return read(RegistrationAnswer, answer.content).outcomes

    async def tell_move(self, move: Move) -> MoveReceipt:
        """Tell that a household moved (verhuizing): handed over, or closed; raise `Conflict`."""
        return read(MoveReceipt, await self._post("/v1/verhuizingen", as_json(move)))

    async def place(self, placement: Placement) -> PlacementReceipt:
        """Say which team takes a referral that has none of itself (toedeling)."""
        return read(PlacementReceipt, await self._post("/v1/toedelingen", as_json(placement)))

    async def waiting_placements(self, size: int = MAX_PAGE) -> AsyncIterator[WaitingPlacement]:
        """The partner's own messages that wait for a person to place them, oldest first."""
        after: dict[str, str] = {}
        while True:
            query = {"aantal": str(size)} | after
            page = read(WaitingPage, await self._get("/v1/toedelingen", query))
            for one in page.waiting:
                yield one
            if page.cursor is None:
                return
            after = {"na": page.cursor}

    async def record_consent(self, record: ConsentRecord) -> ConsentReceipt:
        """Record one yes or no (toestemming); a no works before this returns."""
        return read(ConsentReceipt, await self._post("/v1/toestemmingen", as_json(record)))

    async def withdraw_consent(
        self, consent: UUID, withdrawal: ConsentWithdrawal
    ) -> ConsentReceipt:
        """Withdraw what was recorded (intrekking); works before this returns."""
        path = f"/v1/toestemmingen/{consent}/intrekking"
        return read(ConsentReceipt, await self._post(path, as_json(withdrawal)))

    async def recorded_consents(self, query: ConsentQuery) -> ConsentOverview:
        """What this partner recorded of a person."""
        path = "/v1/toestemmingen/opvraging"
        return read(ConsentOverview, await self._post(path, as_json(query)))

    async def recall_report(self, consent: UUID) -> RecallReport:
        """Who was told that a use stops, and who acknowledged it."""
        return read(RecallReport, await self._get(f"/v1/toestemmingen/{consent}/terugroep"))

    async def state_authority(self, record: AuthorityRecord) -> AuthorityReceipt:
        """State who may decide for a person (gezag), with source and date."""
        return read(AuthorityReceipt, await self._post("/v1/gezag", as_json(record)))

    async def deliver(
        self,
        source: Path | AsyncIterator[bytes],
        media_type: str | None = None,
        sent: Sent | None = None,
        resumed: Resumed | None = None,
    ) -> DeliveryReport:
        """Send a delivery (levering) in the partner's own form, streamed; see `wait` for its end.

        A path is repeated when the road fails, with its digest; a large file goes on where it
        broke off, also in a later call where the credentials have a folder, and `resumed` is told
        from which byte. An iterator can be read once: it is sent in one attempt, without a digest,
        and needs its `media_type`.
        """
        if isinstance(source, Path):
            form = media_type or upload.media_type_of(source)
            body = await upload.upload_of(source, sent)
            if body.size >= FROM_BYTES:
                with note_of(self._folder, self.base_url, form, body) as note:
                    large = ResumedUpload(self._transport, body, form, note, resumed)
                    answer = await large.to_the_end()
                if answer is not None:
                    return read(DeliveryReport, answer)
            headers = {"Content-Type": form, **body.headers}
            call = Call("POST", "/v1/leveringen", {}, headers, body.pieces, _SLOW)
        else:
            if media_type is None:
                raise ValueError("a delivery from an iterator needs its media type")
            headers = {"Content-Type": media_type}
            call = Call("POST", "/v1/leveringen", {}, headers, lambda: source, _SLOW, False)
        return read(DeliveryReport, (await self._transport.send(call)).content)

    async def report(self, delivery: UUID) -> DeliveryReport:
        """How a delivery stands."""
        return read(DeliveryReport, await self._get(f"/v1/leveringen/{delivery}"))

    async def wait(
        self,
        delivery: UUID,
        progress: Callable[[DeliveryReport], None] | None = None,
        *,
        first: float = 0.05,
        longest: float = 1.0,
    ) -> DeliveryReport:
        """The report once all is processed; asks at intervals growing from `first` to `longest`."""
        pause = first
        while True:
            report = await self.report(delivery)
            if progress is not None:
                progress(report)
            if report.state is not DeliveryState.PROCESSING:
                return report
            await asyncio.sleep(pause)
            pause = min(longest, pause * 1.5)

    async def outcomes(self, delivery: UUID, after: int = 0) -> AsyncIterator[RecordOutcome]:
        """The outcome of each record in order, from the one after record number `after`."""
        has_more = True
        while has_more:
            query = {"na": str(after), "aantal": str(MAX_PAGE)}
            content = await self._get(f"/v1/leveringen/{delivery}/uitkomsten", query)
            page = read(_Outcomes, content)
            if self.keeping is not None:
                await self.keeping.decided(delivery, page.uitkomsten)
            for outcome in page.uitkomsten:
                after = outcome.record
                yield outcome
            # Without progress, `meer` would be asked for until the end of time.
            has_more = page.meer and bool(page.uitkomsten)

    async def own_outcome(self, delivery: UUID, media_type: str) -> bytes:
        """The answer to a delivery in the partner's own format (iJw: the retour), once done."""
        path = f"/v1/leveringen/{delivery}/uitkomsten"
        return (await self._transport.send(Call("GET", path, {}, {"Accept": media_type}))).content

    async def tell(self, message: bytes, media_type: str) -> OwnAnswer:
        """Send one message in the partner's own format (FHIR); a refusal is an answer too."""
        headers = {"Content-Type": media_type, "Accept": media_type}
        call = Call("POST", "/v1/eigen-formaat", {}, headers, message)
        told = own_answer(await self._transport.ask(call), media_type)
        if told.answer is not None:
            await self._keep(told.answer, message)
        return told

    async def page(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> Page:
        """One page of the mailbox after a cursor, or from the first unacknowledged message.

        A cursor from before what was acknowledged gives that again, while the gateway keeps it.
        With `wait` (seconds, at most 55) an empty page comes only when nothing came by then.
        """
        if form is PageForm.JSON:
            return mailbox.json_page(await self._pull(after, size, form, wait), self._opens)
        page = mailbox.raw_page(await self._pull(after, size, PageForm.LINES, wait))
        return mailbox.parsed(page, self._opens)

    async def pages(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> AsyncIterator[Page]:
        """Pages until the mailbox has no more; a page may be empty.

        With `wait` until nothing came for so many seconds: the last page is the empty one.
        """
        has_more = True
        while has_more:
            page = await self.page(after, size, form, wait)
            yield page
            after, has_more = page.next_cursor, page.has_more or bool(wait and page.events)

    async def raw_page(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> RawPage:
        """One page as the bytes that came: NDJSON, or the partner's own status file."""
        return mailbox.raw_page(await self._pull(after, size, form, wait))

    async def status_file(self, after: str | None = None) -> RawPage:
        """The partner's status file of the next page, with the cursor that acknowledges it."""
        return await self.raw_page(after, MAX_PAGE, PageForm.STATUS_FILE)

    async def acknowledge(self, cursor: str) -> int:
        """Say that everything up to the cursor is stored; how many messages that newly covers."""
        body = json.dumps({"totEnMet": cursor}).encode()
        return read(_Acknowledged, await self._post("/v1/postvak/ontvangst", body)).bevestigd

    async def held(self, size: int = MAX_PAGE) -> AsyncIterator[HeldReferral]:
        """The partner's own messages that wait for agreement, oldest first."""
        after: dict[str, str] = {}
        while True:
            query = {"aantal": str(size)} | after
            page = read(HeldPage, await self._get("/v1/aangehouden", query))
            for one in page.held:
                yield one
            if page.cursor is None:
                return
            after = {"na": page.cursor}

    async def correct(self, correction: Correction) -> CorrectionReceipt:
        """Rectify, restrict, object, annul, or tell that a member left; raise `Conflict`."""
        return read(CorrectionReceipt, await self._post("/v1/correcties", as_json(correction)))

    async def correction(self, correction: UUID) -> CorrectionReport:
        """Who was told of a correction, and who has acknowledged."""
        return read(CorrectionReport, await self._get(f"/v1/correcties/{correction}"))

    async def protocol(self) -> ProtocolInForce:
        """The privacy protocol in force, with its text and digest."""
        return read(ProtocolInForce, await self._get("/v1/protocol"))

    async def volumes(self, log: LogName = LogName.PROCESSING) -> list[LogVolume]:
        """The volumes of a series of logs, oldest first."""
        return read(LogVolumes, await self._get(f"{volume_path(log)}/delen")).volumes

    async def checkpoint(
        self, log: LogName = LogName.PROCESSING, volume: str | None = None
    ) -> bytes:
        """The newest signed checkpoint (C2SP tlog-checkpoint) of a volume, or of the open one."""
        return await self._get(f"{volume_path(log, volume)}/checkpoint")

    async def witnessed_checkpoint(
        self, log: LogName = LogName.PROCESSING, volume: str | None = None
    ) -> bytes:
        """The newest one that enough witnesses cosigned, with their lines; 404 if there is none."""
        query = {} if volume is None else {"deel": volume}
        return await self._get(f"{volume_path(log)}/getuigd-controlepunt", query)

    async def tile(
        self,
        level: int,
        index: int,
        width: int = FULL,
        log: LogName = LogName.PROCESSING,
        volume: str | None = None,
    ) -> bytes:
        """Hashes of the log's tree, 32 bytes each (C2SP tlog-tiles)."""
        place = tile_path(index, width)
        return await self._get(f"{volume_path(log, volume)}/tile/{level}/{place}")

    async def entries(
        self,
        index: int,
        width: int = FULL,
        log: LogName = LogName.PROCESSING,
        volume: str | None = None,
    ) -> bytes:
        """A bundle of at most 256 entries, each after its length in two bytes; for supervisors."""
        place = tile_path(index, width)
        return await self._get(f"{volume_path(log, volume)}/tile/entries/{place}")

    async def proof(self, leaf_hash: bytes, log: LogName = LogName.PROCESSING) -> InclusionProof:
        """How the entry of a receipt stands in the newest checkpoint; 404 until it does (< 1 s)."""
        named = base64.urlsafe_b64encode(leaf_hash).rstrip(b"=").decode("ascii")
        return read(
            InclusionProof, await self._get(f"{volume_path(log)}/bewijs", {"bladhash": named})
        )

    async def log_keys(self) -> LogKeys:
        """The verifier keys as the gateway gives them; hold them against what you were handed."""
        return read(LogKeys, await self._get("/v1/logboek/sleutels"))

    async def _tell(self, path: str, message: Wire) -> Answer:
        body = as_json(message)
        try:
            answer = read(Answer, await self._post(path, body))
        except Refused as refused:
            await self._keep(refused.answer, body)
            raise
        await self._keep(answer, body)
        return answer

    async def _keep(self, answer: Answer, body: bytes) -> None:
        if self.keeping is not None:
            await self.keeping.answered(answer, body)

    async def look(self, path: str, query: dict[str, str]) -> bytes:
        """A look at the log itself, which does not wait for the log to be looked at."""
        return (await self._transport.send_unwatched(Call("GET", path, query))).content

    async def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        return (await self._transport.send(Call("POST", path, {}, headers, body))).content

    async def _get(self, path: str, query: dict[str, str] | None = None) -> bytes:
        return (await self._transport.send(Call("GET", path, query or {}))).content

    async def _pull(
        self, after: str | None, size: int, form: PageForm, wait: int
    ) -> httpx.Response:
        query = {"aantal": str(size)} | ({} if after is None else {"na": after})
        patience = None
        if wait:
            query["wacht"], patience = str(wait), wait + _AFTER_WAITING
        call = Call("GET", "/v1/postvak", query, {"Accept": form}, answer_within=patience)
        return await self._transport.send(call)


def as_json(message: Wire) -> bytes:
    """A message as it goes on the wire."""
    return message.model_dump_json(by_alias=True, exclude_none=True).encode()
