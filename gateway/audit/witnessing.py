"""Asking witnesses to cosign: one part for all logs, and within it a task for each witness.

Rules: C2SP tlog-witness. The publisher knows nothing of it: a checkpoint is signed, stored and
served whether or not a witness answers. Over all replicas one asks at a time (a lease).

1. Of each volume one checkpoint at a time is *offered*, the same to all, so that several can vouch
   for the same one. The next one is offered when the quorum has cosigned it, or when it waited for
   `PATIENCE_SECONDS`: a witness that is away holds up the others' no longer than that.
2. Each witness has a task of its own, with its own pauses after failures, so that a slow or dead
   one costs the others nothing. An answer is believed as far as its signature verifies.
3. 409 tells where the witness stands; the proof is made anew from there. A witness that stands
   beyond our newest checkpoint has seen a log that this database does not have: that is an alarm,
   and so is one that finds our log inconsistent.

The logs of protected exchanges go to none but the witnesses that may see them: their size alone
tells of exchanges (invariant 14).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

import asyncpg
import httpx

from gateway.audit.addresses import AddressError, checked_url, resolved
from gateway.audit.note import NoteError, VerifierKey, parse_vkey
from gateway.audit.series import NAMES, OPEN_TO_ALL
from gateway.audit.stored import prove_consistency
from gateway.audit.witness import (
    ADD_CHECKPOINT,
    MAX_ANSWER,
    AnswerError,
    Submission,
    time_of,
    told_cosignatures,
    told_size,
)
from gateway.store.away import DATABASE_AWAY
from gateway.store.groups import Connection
from gateway.store.ids import new_id
from gateway.store.lease import Lease, give_up_lease, renew_lease, take_lease
from gateway.store.log import newest_checkpoint, volumes_of
from gateway.store.witnesses import (
    Offered,
    Witness,
    forget_superseded,
    keep_cosignature,
    keep_failure,
    keep_size,
    newest_offered,
    offer,
    quorum,
    standing_of,
    witnesses,
)
from gateway.telemetry import Telemetry

LEASE_NAME = "witnessing"
ROUND_SECONDS = 1.0
ANSWER_SECONDS = 5.0
PATIENCE_SECONDS = 6.0
"""More than a witness gets for its answer: two slow ones still meet at the same checkpoint."""
REFRESH_SECONDS = 600.0
"""A log that does not grow is cosigned again: an old cosignature does not show that it is quiet."""
BEHIND_SECONDS = 60.0
MAX_PAUSE = 300.0
MAX_TROUBLE_PAUSE = 10.0
_VOLUMES = 2
"""Of each series: the open one, and the one before until it is witnessed to its end."""


class WitnessFault(Exception):  # noqa: N818 - what a witness did, not an error of ours
    """A witness did not cosign; `reason` is a code of ours."""

    def __init__(self, reason: str, *, is_alarm: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_alarm = is_alarm


class Witnessing:
    """Asks the witnesses that are named in the database; they may change while it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        telemetry: Telemetry,
        *,
        every: float = ROUND_SECONDS,
        answer_within: float = ANSWER_SECONDS,
        patience: float = PATIENCE_SECONDS,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """All in seconds."""
        self._pool = pool
        self._telemetry = telemetry
        self._every = every
        self._answer_within = answer_within
        self._patience = patience
        self._uniform = uniform
        self._holder: UUID = new_id()
        self._lease: Lease | None = None
        self._asking: dict[Witness, asyncio.Task[None]] = {}
        self._behind: set[str] = set()
        self._is_told_of_none = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="Witnessing")

    async def stop(self) -> None:
        """End; what a witness has not answered yet is asked again by the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._ask_none()
        lease, self._lease = self._lease, None
        if lease is not None:
            with suppress(*DATABASE_AWAY, TimeoutError):  # it runs out by itself
                async with asyncio.timeout(2), self._pool.acquire() as connection:
                    await give_up_lease(connection, lease)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001  # unwitnessed unnoticed is worse
                self._telemetry.fault("witnessing-waits", error)
                failures += 1
            else:
                failures = 0
            await asyncio.sleep(min(self._every * 2.0 ** min(failures, 8), MAX_TROUBLE_PAUSE))

    async def _turn(self) -> None:
        async with self._pool.acquire() as connection:
            if not await self._leads(connection):
                await self._ask_none()
                return
            named = await witnesses(connection)
            least = await quorum(connection)
            if named:
                await self._offer(connection, least)
        self._telemetry.gauge("witnesses", len(named))
        if not named and not self._is_told_of_none:
            self._telemetry.log("log-unwitnessed")
        self._is_told_of_none = not named
        for gone in self._asking.keys() - set(named):
            await self._ask_no_more(gone)
        for witness in named:
            if witness not in self._asking:
                self._asking[witness] = asyncio.create_task(self._ask(witness))

    async def _leads(self, connection: Connection) -> bool:
        seconds = max(5.0, 5 * self._every)
        if self._lease is not None and await renew_lease(connection, self._lease, seconds):
            return True
        self._lease = await take_lease(connection, LEASE_NAME, self._holder, seconds)
        return self._lease is not None

    async def _offer(self, connection: Connection, least: int) -> None:
        """Step 1, for every volume that still grows or is not witnessed to its end."""
        for log, _ in await _logs(connection, sees_protected=True):
            newest = await newest_checkpoint(connection, log)
            offered = await newest_offered(connection, log)
            if newest is None or newest.size == 0:
                continue
            if offered is not None:
                is_met = offered.cosigned >= max(1, least)
                if is_met:
                    await forget_superseded(connection, log, offered.size)
                if newest.size == offered.size or not (is_met or offered.age > self._patience):
                    continue
            await offer(connection, log, newest)

    async def _ask(self, witness: Witness) -> None:
        """Steps 2 and 3, for one witness, for as long as it is named."""
        pauses: dict[int, float] = {}
        timeout = httpx.Timeout(self._answer_within)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as http:
            while True:
                pause = self._every / 2
                try:
                    await self._ask_round(http, witness, pauses)
                except Exception as error:  # noqa: BLE001  # one round; the next one tries again
                    self._telemetry.fault("witnessing-waits", error)
                    pause = MAX_TROUBLE_PAUSE
                await asyncio.sleep(pause)

    async def _ask_round(
        self, http: httpx.AsyncClient, witness: Witness, pauses: dict[int, float]
    ) -> None:
        async with self._pool.acquire() as connection:
            logs = await _logs(connection, sees_protected=witness.sees_protected)
        is_behind = False
        for log, is_told in logs:
            async with self._pool.acquire() as connection:
                offered = await newest_offered(connection, log)
                standing = await standing_of(connection, witness.vkey, log)
            if offered is None:
                continue
            is_stale = standing.age is None or standing.age > REFRESH_SECONDS
            if offered.size <= standing.size and not is_stale:
                continue
            is_behind |= is_told and (standing.failing_for or 0.0) > BEHIND_SECONDS
            if time.monotonic() < pauses.get(log, 0.0):
                continue
            reason = await self._attempt(http, witness, log, offered)
            failures = 0 if reason is None else standing.failures + 1
            # Jitter: a witness that comes back is not met by all logs at once.
            bound = min(MAX_PAUSE, self._every * 2.0 ** min(failures, 16))
            pauses[log] = time.monotonic() + (self._uniform(bound / 2, bound) if failures else 0.0)
            if is_told:  # how often a protected log grows is in no counter (invariant 14)
                self._count(witness, reason)
        self._tell_behind(witness, is_behind=is_behind)

    async def _attempt(
        self, http: httpx.AsyncClient, witness: Witness, log: int, offered: Offered
    ) -> str | None:
        """One submission; gives why it failed, in a code of ours, or None."""
        try:
            await self._submit(http, witness, log, offered)
        except WitnessFault as fault:
            reason = fault.reason
            if fault.is_alarm:
                self._telemetry.log("witness-contradicts", witness=witness.name, reason=reason)
        except (httpx.HTTPError, OSError, TimeoutError):
            reason = "niet-bereikbaar"
        except AddressError:
            reason = "adres-niet-toegestaan"
        else:
            return None
        async with self._pool.acquire() as connection:
            await keep_failure(connection, witness.vkey, log, reason)
        return reason

    def _count(self, witness: Witness, reason: str | None) -> None:
        if reason is None:
            self._telemetry.count("cosignatures", witness=witness.name)
        else:
            self._telemetry.count("witness_faults", witness=witness.name, reason=reason)

    async def _submit(
        self, http: httpx.AsyncClient, witness: Witness, log: int, offered: Offered
    ) -> None:
        key = parse_vkey(witness.vkey)
        async with self._pool.acquire() as connection:
            old = (await standing_of(connection, witness.vkey, log)).size
        for _ in range(3):
            async with self._pool.acquire() as connection:
                proof = await prove_consistency(connection, log, old, offered.size) if old else []
            if proof is None:
                raise WitnessFault("nog-geen-bewijs")
            submission = Submission(old, tuple(proof), offered.note.encode())
            status, body = await self._post(http, witness, submission.encode())
            if status == HTTPStatus.OK:
                await self._keep(witness, key, log, offered, body)
                return
            if status != HTTPStatus.CONFLICT:
                raise _fault_of(status)
            known = _size_of(body)
            if known > offered.size:
                await self._beyond(witness, log, known)
                return
            if known == old:
                raise WitnessFault("antwoord-onbruikbaar")
            old = known
        raise WitnessFault("antwoord-onbruikbaar")

    async def _beyond(self, witness: Witness, log: int, known: int) -> None:
        """The witness stands beyond what was offered: at a later one of ours, or at nobody's."""
        async with self._pool.acquire() as connection:
            newest = await newest_checkpoint(connection, log)
            if newest is None or known > newest.size:
                raise WitnessFault("getuige-verder-dan-wij", is_alarm=True)
            await keep_size(connection, witness.vkey, log, known)
            await offer(connection, log, newest)

    async def _keep(
        self, witness: Witness, key: VerifierKey, log: int, offered: Offered, body: bytes
    ) -> None:
        try:
            lines = told_cosignatures(offered.note.encode(), body, key)
        except (AnswerError, NoteError):
            raise WitnessFault("medeondertekening-ongeldig", is_alarm=True) from None
        line = lines[0]
        async with self._pool.acquire() as connection:
            await keep_cosignature(
                connection, log, offered.size, witness.vkey, line.line(), time_of(line)
            )

    async def _post(
        self, http: httpx.AsyncClient, witness: Witness, body: bytes
    ) -> tuple[int, bytes]:
        url = checked_url(witness.url, may_be_private=witness.may_be_private)
        target = await resolved(url, may_be_private=witness.may_be_private)
        place = target.url.copy_with(path=target.url.path.rstrip("/") + ADD_CHECKPOINT)
        request = http.build_request(
            "POST",
            place,
            content=body,
            headers={
                "Host": target.host_header,
                "Content-Type": "text/plain; charset=utf-8",
                "Accept-Encoding": "identity",
            },
            extensions={"sni_hostname": target.server_name},
        )
        # One bound over all of it: a witness that sends a byte a second is as good as dead.
        async with asyncio.timeout(self._answer_within):
            answer = await http.send(request, stream=True)
            try:
                content = b""
                async for piece in answer.aiter_raw():
                    content += piece
                    if len(content) > MAX_ANSWER:
                        raise WitnessFault("antwoord-te-groot")
            finally:
                await answer.aclose()
        return answer.status_code, content

    def _tell_behind(self, witness: Witness, *, is_behind: bool) -> None:
        if is_behind and witness.name not in self._behind:
            self._behind.add(witness.name)
            self._telemetry.log("witness-behind", witness=witness.name)
        elif not is_behind and witness.name in self._behind:
            self._behind.discard(witness.name)
            self._telemetry.log("witness-caught-up", witness=witness.name)
        self._telemetry.gauge("witnesses_behind", len(self._behind))

    async def _ask_no_more(self, witness: Witness) -> None:
        task = self._asking.pop(witness)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._behind.discard(witness.name)

    async def _ask_none(self) -> None:
        for witness in list(self._asking):
            await self._ask_no_more(witness)


async def _logs(connection: Connection, *, sees_protected: bool) -> list[tuple[int, bool]]:
    """The volumes that are shown to a witness, each with whether everybody may know of it."""
    found: list[tuple[int, bool]] = []
    for series in NAMES:
        is_told = series in OPEN_TO_ALL
        if is_told or sees_protected:
            volumes = await volumes_of(connection, series)
            found += [(volume.log, is_told) for volume in volumes[-_VOLUMES:]]
    return found


def _size_of(body: bytes) -> int:
    try:
        return told_size(body)
    except AnswerError:
        raise WitnessFault("antwoord-onbruikbaar") from None


def _fault_of(status: int) -> WitnessFault:
    match status:
        case HTTPStatus.NOT_FOUND:
            return WitnessFault("logboek-onbekend-bij-getuige")
        case HTTPStatus.FORBIDDEN:
            return WitnessFault("sleutel-onbekend-bij-getuige")
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return WitnessFault("niet-in-overeenstemming", is_alarm=True)
        case _:
            return WitnessFault(f"antwoord-{int(status)}")
