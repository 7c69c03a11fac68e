"""The composition root: every part made once, handed what it needs, started and stopped in order.

Read it aloud: settings, keys and a database come in; the road, its doors and its watchers go out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.hostile_xml import UnusableSchemaError
from adapters.port import Adapter
from adapters.registry import adapters
from consent.protocol import Protocol, ProtocolError, load
from gateway.api.application import Doors, build_application
from gateway.api.border import Border
from gateway.api.processing import Lines
from gateway.audit.board import CheckpointBoard
from gateway.audit.published import Published
from gateway.audit.publisher import LogPublisher
from gateway.audit.series import NAMES, OPEN_TO_ALL, Logbooks
from gateway.audit.witnessing import Witnessing
from gateway.exchange.accesses import AccessLog
from gateway.exchange.age_watch import AgeWatch
from gateway.exchange.arrivals import Prints
from gateway.exchange.authority import Authorities
from gateway.exchange.birthdays import Birthdays
from gateway.exchange.carrying_out import CarryingOut, DueErasures
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.consents import Consents
from gateway.exchange.corrections import Corrections
from gateway.exchange.deciding import deciding
from gateway.exchange.deliveries import Deliveries
from gateway.exchange.epochs import KeyEpochs
from gateway.exchange.erasure_steps import ErasureTools
from gateway.exchange.first_contact import FirstContacts
from gateway.exchange.holds import Holds
from gateway.exchange.key_expiry import KeyExpiry
from gateway.exchange.mailbox import Mailbox
from gateway.exchange.moves import Moves
from gateway.exchange.narrowing import erased
from gateway.exchange.oversight import ReviewWatch
from gateway.exchange.placing import Placements, PlacementWatch
from gateway.exchange.pushing import IN_THE_DATABASE, Pushing
from gateway.exchange.pushing_lane import LaneTools
from gateway.exchange.pushing_mail import PushMail
from gateway.exchange.pushing_road import authorities
from gateway.exchange.registrations import Registrations
from gateway.exchange.release import MailboxTools
from gateway.exchange.repeating import Runs
from gateway.exchange.retention import Retention
from gateway.exchange.routing import Routes, bundled_routes, load_routes
from gateway.exchange.rules import RuleBook, open_book
from gateway.exchange.safe_contacts import SafeContacts
from gateway.exchange.signal import MailboxSignal
from gateway.exchange.signing_watch import SigningWatch
from gateway.exchange.successors import successions_of
from gateway.exchange.tools import GroupTools, ProtectedSide
from gateway.exchange.uploads import UploadBounds, Uploads, UploadSweep
from gateway.exchange.workoff import DeliveryTools
from gateway.identity.assertions import SpentAssertions
from gateway.identity.desk import TokenDesk
from gateway.identity.partners import PartnerDirectory
from gateway.identity.signatures import RequestSigner
from gateway.identity.tokens import AccessTokens
from gateway.pseudonyms.domains import Handles, ProofHandles, ProtectedHandles
from gateway.pseudonyms.epochs import Switch
from gateway.reports.index import SearchFollower
from gateway.reports.projections.collecting import (
    ACCESS_COLLECTOR,
    COLLECTOR,
    Origin,
    collectors,
)
from gateway.reports.projections.following import Followers, trace_indexes
from gateway.reports.projections.source import domain_of, projector_of, source_of
from gateway.settings import Settings, SettingsError
from gateway.store.database import Addresses, database_folder, open_pool
from gateway.store.groups import BESCHERMD, VERWERKINGEN, Connection
from gateway.store.log import open_volume
from gateway.store.pseudonym_epochs import switches
from gateway.store.rules import read_rules
from gateway.store.succession import standing_successions
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from gateway.vault.check import check_keys
from gateway.vault.journal import Journal
from gateway.vault.journal_folder import UnsafeJournalFolderError, make_folder
from gateway.vault.keys import KeyProvider, signing_key

TOKEN_KEY = "tokens"  # noqa: S105 - a key's name
PUSH_KEY = "push"


class Gateway(NamedTuple):
    """A gateway that runs: what serves it, its logs' names and keys, and its access log."""

    app: Border
    logbooks: Logbooks
    vkeys: Mapping[int, str]
    """The keys by which the open volumes of the logs that are open to all are checked."""
    accesses: AccessLog
    end_waiting: Callable[[], None]
    """Answers those who wait for mail, so that ending need not wait for them."""

    @property
    def vkey(self) -> str:
        """That of the processing log."""
        return self.vkeys[VERWERKINGEN]


class Books:
    """The rule book in use, shared by writers and releases; one read a generation.

    Whoever asks for a new generation waits for the one who reads it, and a version of the protocol
    is read once: suspending a partner makes a generation too, of the same text.
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._book: RuleBook | None = None
        self._reading = asyncio.Lock()
        self._protocols: dict[str, Protocol] = {}

    async def of(self, connection: Connection, generation: int) -> RuleBook:
        """The book of a generation, read inside the transaction that found its number."""
        async with self._reading:
            book = self._book
            if book is None or book.generation != generation:
                book = self._book = await self._read(connection, generation)
            return book

    async def _read(self, connection: Connection, generation: int) -> RuleBook:
        rules = await read_rules(connection)
        known = self._protocols
        read = {rules.in_force: known.get(rules.in_force) or load(rules.in_force)}
        for text in rules.older:
            # What another version of the gateway sealed leaves as nothing.
            with suppress(ProtocolError):
                read[text] = known.get(text) or load(text)
        self._protocols = read
        protocol = read[rules.in_force]
        # A party that the protocol names and nobody registered is as closed as a suspended one.
        closed = rules.suspended | (protocol.parties - rules.registered)
        older = [read[text] for text in rules.older if text in read]
        switched = await _switches(connection)
        book = open_book(generation, protocol, older, closed, self._keys, switched)
        return replace(book, successions=successions_of(await standing_successions(connection)))


async def _switches(connection: Connection) -> dict[str, list[Switch]]:
    """Each recipient's moves to another epoch of pseudonyms, in their order."""
    found: dict[str, list[Switch]] = {}
    for one in await switches(connection):
        found.setdefault(one.recipient, []).append(Switch(one.epoch, one.after))
    return found


def open_journal(settings: Settings, keys: KeyProvider) -> Journal:
    """The journal, in its folder; made where it is not there. Raises `UnsafeJournalFolderError`."""
    folder = settings.journal_folder
    data = database_folder(settings.home)
    if settings.database_url is None and folder.resolve().is_relative_to(data.resolve()):
        raise UnsafeJournalFolderError(
            f"{folder} lies in the database's own folder, and would be put back with it"
        )
    make_folder(folder)
    return Journal(folder, keys, _utc_now)


def journal_term(settings: Settings) -> timedelta:
    """How long lines are kept: no backup that may still be put back is older."""
    return timedelta(days=settings.backup_days)


def group_tools(settings: Settings, keys: KeyProvider, journal: Journal) -> GroupTools:
    """What deciding takes besides messages and rules."""
    logbooks = Logbooks(settings.oin, keys)
    return GroupTools(
        Vault(keys),
        _routes(settings),
        logbooks.promised(VERWERKINGEN),
        logbooks.key(VERWERKINGEN),
        _utc_now,
        Handles(keys),
        ProtectedSide(
            logbooks.promised(BESCHERMD), logbooks.key(BESCHERMD), ProtectedHandles(keys)
        ),
        journal,
    )


def erasure_tools(settings: Settings, keys: KeyProvider, tools: GroupTools) -> ErasureTools:
    """What erasing takes besides the database."""

    async def journal(subject: UUID, now: datetime) -> None:
        await tools.journal.write([erased(subject, now)])

    term = timedelta(days=settings.backup_days)
    return ErasureTools(tools.vault, ProofHandles(keys), tools.clock, term, journal)


@asynccontextmanager
async def open_gateway(
    settings: Settings, keys: KeyProvider, database: Addresses, telemetry: Telemetry
) -> AsyncIterator[Gateway]:
    """Make and start a gateway on a migrated database; stop it when the context ends."""
    async with AsyncExitStack() as closing:
        clock, logbooks, formats = _utc_now, Logbooks(settings.oin, keys), _formats(settings)
        journal, published = open_journal(settings, keys), Published(settings.journal_folder)
        watch = AgeWatch(
            published, logbooks, journal, clock, telemetry, keeps=journal_term(settings)
        )
        pool = await closing.enter_async_context(open_pool(database.dsn, admit=watch.admit))
        watch.watch(pool)
        engine = create_async_engine(database.sqlalchemy_url, hide_parameters=True, pool_size=4)
        closing.push_async_callback(engine.dispose)
        await check_keys(pool, keys)
        partners = PartnerDirectory(engine, telemetry)
        await partners.start()
        closing.push_async_callback(partners.stop)

        books, prints = Books(keys), Prints(keys)
        tools = group_tools(settings, keys, journal)
        vault, handles = tools.vault, tools.handles
        committer = GroupCommitter(
            pool,
            books.of,
            tools,
            telemetry,
            writers=settings.writers,
            group_size=settings.group_size,
            bytes_per_sender=settings.queue_per_sender,
        )
        spooling = DeliveryTools(
            formats, vault, handles, prints, clock, telemetry, settings.max_delivery
        )
        deliveries = Deliveries(pool, committer, spooling)
        uploads = Uploads(pool, spooling, upload_bounds(settings), deliveries.wake)
        every = settings.checkpoint_every
        accesses = AccessLog(pool, clock, telemetry)
        signing = SigningWatch(pool, telemetry, most=settings.unsigned_most)
        board, signal = CheckpointBoard(pool, telemetry), MailboxSignal(pool, telemetry)
        erasing = erasure_tools(settings, keys, tools)
        carrying_out = CarryingOut(partial(deciding, pool, books.of), erasing)
        release = _mailbox_tools(settings, keys, vault)
        signer = RequestSigner(signing_key(keys, PUSH_KEY))
        mail = PushMail(pool, books.of, release)
        bringing = _pushing(settings, signer, mail, telemetry, signing.is_shut)
        running: tuple[Runs, ...] = (
            committer,
            deliveries,
            UploadSweep(pool, clock, telemetry),
            Retention(pool, books.of, vault, clock, telemetry),
            Birthdays(pool, books.of, vault, clock, telemetry),
            KeyExpiry(pool, books.of, vault, clock, telemetry),
            ReviewWatch(pool, clock, telemetry),
            PlacementWatch(pool, tools.routes, clock, telemetry),
            FirstContacts(pool, books.of, vault, clock, telemetry),
            DueErasures(carrying_out, telemetry),
            KeyEpochs(pool, keys, vault, clock, telemetry, erasing.backup_term),
            accesses,
            signal,
            signing,
            board,
            Witnessing(pool, telemetry),
            bringing,
            watch,
            SearchFollower(pool, telemetry, share=settings.search_share),
            _projections(settings, keys, pool, telemetry),
            *(
                LogPublisher(pool, logbooks, series, telemetry, every=every, published=published)
                for series in NAMES
            ),
        )
        for part in running:
            part.start()
            closing.push_async_callback(part.stop)

        tokens, desk = _tokens(settings, keys, partners, engine, telemetry)
        cursor_key, lapse = keys.secret("cursor"), settings.release_lapse
        doors = Doors(
            pool=pool,
            engine=engine,
            tokens=tokens,
            desk=desk,
            committer=committer,
            deliveries=deliveries,
            uploads=uploads,
            mailbox=Mailbox(pool, books.of, release),
            signal=signal,
            registrations=Registrations(pool, books.of, tools),
            push_keys=(signer.jwk(),),
            consents=Consents(pool, books.of, handles, tools, lapse_seconds=lapse),
            corrections=Corrections(pool, books.of, handles, prints, tools),
            holds=Holds(pool, vault, cursor_key),
            authorities=Authorities(pool, books.of, handles, tools),
            safe_contacts=SafeContacts(pool, books.of, handles, tools),
            placements=Placements(pool, books.of, tools, cursor_key),
            moves=Moves(pool, books.of, prints, tools, committer),
            handles=handles,
            prints=prints,
            vault=vault,
            adapters=formats,
            logbooks=logbooks,
            board=board,
            accesses=accesses,
            is_shut=signing.is_shut,
            lines=_lines(settings, keys),
            clock=clock,
        )
        async with pool.acquire() as connection:
            named = {one: (await open_volume(connection, one)).name for one in OPEN_TO_ALL}
        vkeys = {series: logbooks.vkey(series, name) for series, name in named.items()}
        application = build_application(settings, doors, telemetry)
        yield Gateway(application, logbooks, vkeys, accesses, signal.end_waiting)


def upload_bounds(settings: Settings) -> UploadBounds:
    """What one partner may have of uploads that are not complete."""
    lifetime = timedelta(seconds=settings.upload_lifetime)
    return UploadBounds(settings.uploads_per_partner, settings.upload_bytes_per_partner, lifetime)


def _tokens(
    settings: Settings,
    keys: KeyProvider,
    partners: PartnerDirectory,
    engine: AsyncEngine,
    telemetry: Telemetry,
) -> tuple[AccessTokens, TokenDesk]:
    """What partners show, and where they get it."""
    key, lifetime = signing_key(keys, TOKEN_KEY), settings.token_lifetime
    tokens = AccessTokens(
        settings.base_url, key, partners, lifetime=lifetime, binds=settings.client_certificates
    )
    spent = SpentAssertions(engine, keys.secret("assertions"))
    return tokens, TokenDesk(settings.base_url, partners, tokens, spent, telemetry)


def _mailbox_tools(settings: Settings, keys: KeyProvider, vault: Vault) -> MailboxTools:
    """What releasing takes, for those who pull and for those who are brought their mail."""
    source = f"urn:nld:oin:{settings.oin}:systeem:sluis".encode()
    lapse = settings.release_lapse
    return MailboxTools(vault, source, keys.secret("cursor"), _utc_now, lapse)


def _pushing(
    settings: Settings,
    signer: RequestSigner,
    mail: PushMail,
    telemetry: Telemetry,
    is_shut: Callable[[], bool],
) -> Pushing:
    """What brings mail to recipients with an endpoint."""
    tools = LaneTools(
        mail,
        signer,
        _utc_now,
        telemetry,
        asyncio.Semaphore(IN_THE_DATABASE),
        authorities(),
        may_be_private=settings.push_private,
    )
    return Pushing(tools, most=settings.push_lanes, is_shut=is_shut)


def _projections(
    settings: Settings, keys: KeyProvider, pool: asyncpg.Pool, telemetry: Telemetry
) -> Followers:
    """What is replayed from the log beside the road: to collectors, and into the trace index."""
    addresses = {COLLECTOR: settings.collector, ACCESS_COLLECTOR: settings.access_collector}
    origin = Origin(settings.oin, settings.base_url, keys)
    sent = collectors(pool.acquire, origin, addresses, settings.collector_headers)
    counted = frozenset({COLLECTOR, ACCESS_COLLECTOR})
    indexes = trace_indexes(pool.acquire, settings.search_share)
    return Followers([*indexes, *sent], telemetry, counted=counted)


def _lines(settings: Settings, keys: KeyProvider) -> Lines:
    """How the read API makes lines of each series, and opens the codes that name persons."""
    sources = {
        series: source_of(keys, settings.oin, settings.base_url, domain_of(series))
        for series in (VERWERKINGEN, BESCHERMD)
    }
    return Lines(
        {series: projector_of(series, source) for series, source in sources.items()},
        {series: source.pseudonyms for series, source in sources.items()},
        ProtectedHandles(keys),
    )


def _routes(settings: Settings) -> Routes:
    if settings.routes is None:
        return bundled_routes()
    return load_routes(settings.routes.read_text(encoding="utf-8"))


def _formats(settings: Settings) -> dict[str, Adapter]:
    """What partners speak here. Raises `SettingsError` where an official XSD cannot be read."""
    try:
        return adapters(
            municipality=settings.municipality,
            ijw_schemas=settings.ijw_schemas,
            suwi_schemas=settings.suwi_schemas,
        )
    except UnusableSchemaError as error:
        raise SettingsError(f"SLUIS_IJW_SCHEMAS or SLUIS_SUWI_SCHEMAS: {error}") from error


def _utc_now() -> datetime:
    return datetime.now(UTC)
