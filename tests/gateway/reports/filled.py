"""A database filled by its own statements: many exchanges with entries of the real form.

Of each exchange there are three entries: decision, hand-over, receipt. Persons have real data keys
and sealed birth dates, so that counting minors does the work that it does in earnest.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import orjson

from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, Nonces, Vault
from gateway.vault.keys import epoch_of

START = datetime(2026, 11, 1, tzinfo=UTC)
LASTS = timedelta(days=20)
RECIPIENTS = ("casebook", "okt", "altra", "spirit")
CATEGORIES = (
    '"adres","identiteit","samenstelling"',
    '"adres","identiteit","inkomen","samenstelling","zrm.inkomen"',
    '"adres","identiteit","zrm","zrm.geestelijkeGezondheid"',
    '"identiteit","zrm","zrm.justitie"',
)

_ENTRY = """convert_to(format(
    '{"attributes":{"dpl.core.processing_activity_id":"https://register.voorbeeld.nl/verwerkingen/'
    || 'aanmelden-wijkteam"},%s"endTime":%s,"event":"%s","exchange":"%s","flow":"dwi-casebook",'
    || '"id":"%s","locks":{"bijzonder-gezondheid":"AVG art. 9 lid 2 onder h","bsn":"Wmo 2015 art. '
    || '5.1.1","grondslag":"AVG art. 6 lid 1 onder e; Participatiewet art. 7","instemming":"ja"},'
    || '"protocol":{"digest":"%s","version":"2026.1"},"sender":"dwi","spanId":"%s","startTime":%s,'
    || '"status":"Ok","subjects":["%s","%s"],"traceId":"%s","v":1}',
    {more}, at, '{event}', exchange, gen_random_uuid(), digest, '00f067aa0ba902b7', at,
    encode(sha256(exchange::text::bytea), 'base64'), encode(sha256(digest::bytea), 'base64'),
    md5(exchange::text)), 'UTF8')"""


async def fill(connection: asyncpg.Connection, vault: Vault, exchanges: int, persons: int) -> bytes:
    """Fill an empty database; gives the digest of the protocol that all of it names."""
    digest = os.urandom(32)
    await _persons(connection, vault, persons)
    begin, lasts = int(START.timestamp() * 1000), int(LASTS.total_seconds() * 1000)
    await connection.execute(
        f"""create table made as
            select n, gen_random_uuid() as exchange,
                   {begin} + n::bigint * {lasts} / {exchanges} as at,
                   (array{list(RECIPIENTS)})[1 + n % {len(RECIPIENTS)}] as recipient,
                   (array{list(CATEGORIES)})[1 + (n / 7) % {len(CATEGORIES)}] as categories,
                   array[(select id from known where number = n % {persons}),
                         (select id from known where number = (n * 7 + 1) % {persons})] as subjects,
                   '{digest.hex()}' as digest
              from generate_series(0, {exchanges - 1}) n""",  # noqa: S608  # numbers of ours
        timeout=600,
    )
    await connection.execute(
        """insert into exchange (id, kind, state, sender, recipient, flow, decision, rule,
                                 protocol, received_at, entry, commit_group, group_index, findings,
                                 expires_at)
           select exchange, 1, 6, 'dwi', recipient, 'dwi-casebook', 0, 'toegelaten',
                  decode(digest, 'hex'), to_timestamp(at / 1000.0), gen_random_uuid(),
                  gen_random_uuid(), 0, '{}', now() from made""",
        timeout=600,
    )
    await connection.execute(
        """insert into mailbox (recipient, position, exchange, released_at, releases,
                                acknowledged_at)
           select recipient, n, exchange, to_timestamp(at / 1000.0), 1, to_timestamp(at / 1000.0)
             from made"""
    )
    entries = {
        "besluit": """'"body":"' || encode(sha256(digest::bytea), 'base64')
            || '","decision":"toegelaten","field":null,"recipient":"' || recipient
            || '","released":["lid.achternaam","lid.burgerservicenummer","lid.geboortedatum"],'
            || '"removed":[],"rule":"toegelaten",'""",
        "verstrekking": """'"categories":[' || categories || '],'""",
        "ontvangst": "''",
    }
    for place, (event, more) in enumerate(entries.items()):
        entry = _ENTRY.replace("{more}", more).replace("{event}", event)
        await connection.execute(
            f"""insert into log_leaf (log, index, hash, entry, subjects)
                select 1, n * 3 + {place}, sha256('\\x00'::bytea || entry), entry, subjects
                  from (select n, subjects, {entry} as entry from made) m""",  # noqa: S608  # ours
            timeout=600,
        )
    await connection.execute("update log_head set size = $1 where log = 1", exchanges * 3)
    await connection.execute("drop table made")
    await connection.execute("drop table known")
    await connection.execute("vacuum analyze")
    return digest


async def _persons(connection: asyncpg.Connection, vault: Vault, persons: int) -> None:
    """Persons of every age from 0 to 79, each with a key of their own."""
    epoch, nonces = epoch_of(START), Nonces()
    rows: list[tuple[UUID, int, bytes, bytes]] = []
    for number in range(persons):
        subject = new_id()
        key, wrapped = vault.new_key(subject, CONTENT, epoch)
        births = orjson.dumps([f"{2026 - number % 80}-01-01"])
        sealed = key.seal(births, subject.bytes + b"feiten", nonces.take())
        rows.append((subject, epoch, wrapped.wrapped, sealed))
    await connection.copy_records_to_table(
        "subject", records=rows, columns=("id", "kek_epoch", "wrapped", "facts")
    )
    await connection.execute("create table known (number bigint primary key, id uuid)")
    await connection.copy_records_to_table(
        "known", records=[(number, row[0]) for number, row in enumerate(rows)]
    )
