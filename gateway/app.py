"""The composition root: every part made once, handed what it needs, started and stopped in order.

Read it aloud: settings, keys and a database come in; the road, its doors and its watchers go out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.registry import ADAPTERS
from consent.protocol import Protocol, ProtocolError, load
from gateway.api.application import Doors, build_application
from gateway.api.border import Border
from gateway.audit.note import KeyKind, VerifierKey
from gateway.audit.publisher import LogPublisher
from gateway.exchange.arrivals import Prints
from gateway.exchange.authority import Authorities
from gateway.exchange.birthdays import Birthdays
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.consents import Consents
from gateway.exchange.corrections import Corrections
from gateway.exchange.deliveries import Deliveries
from gateway.exchange.holds import Holds
from gateway.exchange.mailbox import Mailbox
from gateway.exchange.oversight import ReviewWatch
from gateway.exchange.release import MailboxTools
from gateway.exchange.repeating import Runs
from gateway.exchange.retention import Retention
from gateway.exchange.routing import Routes, bundled_routes, load_routes
from gateway.exchange.rules import RuleBook, open_book
from gateway.exchange.safe_contacts import SafeContacts
from gateway.exchange.tools import GroupTools, ProtectedSide
from gateway.exchange.workoff import DeliveryTools
from gateway.identity.assertions import SpentAssertions
from gateway.identity.desk import TokenDesk
from gateway.identity.partners import PartnerDirectory
from gateway.identity.tokens import AccessTokens
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.settings import Settings
from gateway.store.database import Addresses, open_pool
from gateway.store.groups import BESCHERMD, Connection
from gateway.store.rules import read_rules
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from gateway.vault.check import check_keys
from gateway.vault.keys import KeyProvider, signing_key

LOG_KEY = "log/verwerkingen"
PROTECTED_LOG_KEY = "log/beschermd"
TOKEN_KEY = "tokens"  # noqa: S105 - a key's name


class Gateway(NamedTuple):
    """A gateway that runs: the application that serves it, and how its log is verified."""

    app: Border
    vkey: str


class Books:
    """The rule book in use, shared by writers and releases; one read a generation."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._book: RuleBook | None = None

    async def of(self, connection: Connection, generation: int) -> RuleBook:
        """The book of a generation, read inside the transaction that found its number."""
        book = self._book
        if book is None or book.generation != generation:
            rules = await read_rules(connection)
            older = list(_readable(rules.older))
            protocol = load(rules.in_force)
            # A party that the protocol names and nobody registered is as closed as a suspended one.
            closed = rules.suspended | (protocol.parties - rules.registered)
            book = open_book(generation, protocol, older, closed, self._keys)
            self._book = book
        return book


def _readable(texts: Iterable[str]) -> Iterator[Protocol]:
    """The older versions that can still be read; what another sealed leaves as nothing."""
    for text in texts:
        with suppress(ProtocolError):
            yield load(text)


def log_origin(settings: Settings) -> str:
    """The name of this gateway's processing log."""
    return f"sluis/{settings.oin}/verwerkingen"


def log_verifier(settings: Settings, keys: KeyProvider) -> str:
    """The key by which anybody checks the processing log (C2SP vkey)."""
    key = signing_key(keys, LOG_KEY)
    return VerifierKey.of(log_origin(settings), key, KeyKind.ED25519).encode()


def protected_origin(settings: Settings) -> str:
    """The name of this gateway's log of protected exchanges."""
    return f"sluis/{settings.oin}/beschermd"


def protected_verifier(settings: Settings, keys: KeyProvider) -> str:
    """The key by which the log of protected exchanges is checked (C2SP vkey)."""
    key = signing_key(keys, PROTECTED_LOG_KEY)
    return VerifierKey.of(protected_origin(settings), key, KeyKind.ED25519).encode()


def protected_side(settings: Settings, keys: KeyProvider) -> ProtectedSide:
    """What protected exchanges have of their own: a log's name and key, and handles."""
    key = signing_key(keys, PROTECTED_LOG_KEY)
    return ProtectedSide(protected_origin(settings), key, ProtectedHandles(keys))


@asynccontextmanager
async def open_gateway(
    settings: Settings, keys: KeyProvider, database: Addresses, telemetry: Telemetry
) -> AsyncIterator[Gateway]:
    """Make and start a gateway on a migrated database; stop it when the context ends."""
    async with AsyncExitStack() as closing:
        pool = await closing.enter_async_context(open_pool(database.dsn))
        engine = create_async_engine(database.sqlalchemy_url, hide_parameters=True, pool_size=4)
        closing.push_async_callback(engine.dispose)
        await check_keys(pool, keys)
        partners = PartnerDirectory(engine, telemetry)
        await partners.start()
        closing.push_async_callback(partners.stop)

        books, vault, clock = Books(keys), Vault(keys), _utc_now
        apart, handles, prints = protected_side(settings, keys), Handles(keys), Prints(keys)
        origin, log_key = log_origin(settings), signing_key(keys, LOG_KEY)
        tools = GroupTools(vault, _routes(settings), origin, log_key, clock, handles, apart)
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
            ADAPTERS, vault, handles, prints, clock, telemetry, settings.max_delivery
        )
        deliveries = Deliveries(pool, committer, spooling)
        every = settings.checkpoint_every
        running: tuple[Runs, ...] = (
            committer,
            deliveries,
            Retention(pool, books.of, vault, clock, telemetry),
            Birthdays(pool, books.of, vault, clock, telemetry),
            ReviewWatch(pool, clock, telemetry),
            LogPublisher(pool, origin, log_key, telemetry, every=every),
            LogPublisher(
                pool, apart.origin, apart.promise_key, telemetry, every=every, log=BESCHERMD
            ),
        )
        for part in running:
            part.start()
            closing.push_async_callback(part.stop)

        tokens, desk = _tokens(settings, keys, partners, engine, telemetry)
        cursor_key, lapse = keys.secret("cursor"), settings.release_lapse
        source = f"urn:nld:oin:{settings.oin}:systeem:sluis".encode()
        doors = Doors(
            pool=pool,
            engine=engine,
            tokens=tokens,
            desk=desk,
            committer=committer,
            deliveries=deliveries,
            mailbox=Mailbox(pool, books.of, MailboxTools(vault, source, cursor_key, clock, lapse)),
            consents=Consents(pool, books.of, handles, tools, lapse_seconds=lapse),
            corrections=Corrections(pool, books.of, handles, prints, tools),
            holds=Holds(pool, vault, cursor_key),
            authorities=Authorities(pool, books.of, handles, tools),
            safe_contacts=SafeContacts(pool, books.of, handles, tools),
            handles=handles,
            prints=prints,
            vault=vault,
            adapters=ADAPTERS,
            vkey=log_verifier(settings, keys),
            protected_vkey=protected_verifier(settings, keys),
            clock=clock,
        )
        yield Gateway(build_application(settings, doors, telemetry), doors.vkey)


def _tokens(
    settings: Settings,
    keys: KeyProvider,
    partners: PartnerDirectory,
    engine: AsyncEngine,
    telemetry: Telemetry,
) -> tuple[AccessTokens, TokenDesk]:
    """What partners show, and where they get it."""
    key, lifetime = signing_key(keys, TOKEN_KEY), settings.token_lifetime
    tokens = AccessTokens(settings.base_url, key, partners, lifetime=lifetime)
    spent = SpentAssertions(engine, keys.secret("assertions"))
    return tokens, TokenDesk(settings.base_url, partners, tokens, spent, telemetry)


def _routes(settings: Settings) -> Routes:
    if settings.routes is None:
        return bundled_routes()
    return load_routes(settings.routes.read_text(encoding="utf-8"))


def _utc_now() -> datetime:
    return datetime.now(UTC)
