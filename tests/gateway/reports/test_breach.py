"""The breach pack: who and what was exposed, and that the log bears it out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.audit.access import Act, Action, Actor, ActorKind, access_leaf
from gateway.audit.dossier_proofs import DossierError, verify_dossier
from gateway.audit.merkle import leaf_hash
from gateway.exchange.mailbox import ReleaseLapsedError
from gateway.identity.acts import MayNotActError
from gateway.reports.breach import soundness
from gateway.reports.breach.clock import Clock
from gateway.reports.breach.pack import Pack
from gateway.reports.breach.scope import ScopeKind, UnknownScopeError
from gateway.store.groups import TOEGANG, VERWERKINGEN, Leaf, append_leaves
from gateway.store.log import open_volume
from gateway.store.partners import PartnerKey, add_key, list_partners
from gateway.store.reports import Span
from schemas.fields import Special
from tests.gateway.exchange.road import LOGBOOKS, Road, open_road, protocol, trace
from tests.gateway.reports.packs import appoint, pack, sign_log
from tests.support import protected
from tests.support.messages import fresh_bsn, member, referral


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        await appoint(road)
        yield road


def lines(made: Pack, name: str = "personen.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(made.files[name].decode()), delimiter=";"))


ZRM = {"gemetenOp": "2013-12-01", "scores": {"geestelijkeGezondheid": 2}}


async def test_what_was_handed_over_is_counted_by_person_once(road: Road) -> None:
    today = datetime.now(UTC)
    born = f"{today.year - 17}-01-01"  # not 18 yet, and old enough to agree
    agreed = {"gegeven": True, "op": f"{today - timedelta(days=20):%Y-%m-%d}", "door": "betrokkene"}
    same = fresh_bsn()
    await road.refer(referral(member(same)))
    await road.refer(referral(member(same)))
    minor = referral(member(geboortedatum=born, agreed=None, instemming=agreed))
    assert (await road.refer(minor))["besluit"] == "toegelaten"
    await road.acknowledge()
    waits = await road.refer(referral(member()))
    assert waits["besluit"] == "toegelaten"
    await sign_log(road)
    made = await pack(road, partner="casebook")
    seen = made.findings.exposure
    events = [entry.event for entry in await road.entries()]
    assert seen.exchanges == seen.hand_overs == events.count("verstrekking")
    assert seen.persons == len({line["nummer"] for line in lines(made)})
    assert (seen.exchanges, seen.persons, made.findings.minors) == (3, 2, 1)
    assert sorted(line["minderjarig"] for line in lines(made)) == ["ja", "nee"]
    assert made.findings.waiting.messages == 1
    assert [one.fault for one in made.findings.soundness] == [None]
    assert seen.first is not None
    assert {one.id for one in seen.recipients} == {"casebook"}


async def test_health_data_is_counted_apart_and_by_person(database: str) -> None:
    field, lock = '"lid.zrm.geestelijkeGezondheid" = ', 'bsn = { artikel = "Wabb art. 10'
    special = 'bijzonder = [{ soort = "gezondheid", artikel = "AVG art. 9 lid 2 onder h" }]'
    text = protocol(
        "9.9", (f'{field}"weglaten"', f'{field}"behouden"'), (lock, f"{special}\n{lock}")
    )
    async with open_road(database, text) as road:
        await appoint(road)
        await road.refer(referral(member(zrm=ZRM)))
        await road.refer(referral(member()))
        await road.acknowledge()
        made = await pack(road, flow="dwi-aanmelding")
        seen = made.findings.exposure
        assert (seen.persons, seen.persons_by_special[Special.HEALTH]) == (2, 1)
        grave = [one for one in seen.categories if Special.HEALTH in one.specials]
        assert [one.persons for one in grave] == [1]
        assert {one.path for one in seen.fields} >= {"lid.achternaam", "lid.burgerservicenummer"}
        assert all(one.is_readable for one in seen.fields if one.path == "lid.achternaam")
        assert [line["bijzonderOfStrafrechtelijk"] for line in lines(made)].count("ja") == 1


async def test_what_was_taken_back_in_time_was_not_exposed(road: Road) -> None:
    await road.refer(referral(member()))
    page = await road.page()
    late = page._replace(released_at=page.released_at - 11)
    with pytest.raises(ReleaseLapsedError):
        await road.mailbox.check_fresh(late, trace())
    made = await pack(road, partner="casebook")
    assert made.findings.exposure.exchanges == 0
    assert made.findings.exposure.persons == 0
    assert made.findings.waiting.messages == 1
    told = made.files["melding.md"].decode()
    assert "klaarliggen: 1; die op instemming wachten: 0; aantal personen daarin: 1." in told


async def test_what_lies_outside_the_period_is_left_out(road: Road) -> None:
    await road.refer(referral(member()))
    await road.acknowledge()
    later = datetime.now(UTC) + timedelta(minutes=10)
    made = await pack(road, partner="casebook", since=later, until=later + timedelta(hours=1))
    assert made.findings.exposure.exchanges == 0
    assert "niets onder gevallen" in made.files["melding.md"].decode()


async def test_a_period_of_before_the_log_is_told_to_be_one(road: Road) -> None:
    await road.refer(referral(member()))
    before = datetime.now(UTC) - timedelta(days=400)
    made = await pack(road, since=before, until=before + timedelta(days=1))
    assert "geen regels in het logboek. Klopt de periode?" in made.files["melding.md"].decode()


async def test_who_was_erased_since_is_counted_and_named_nowhere(road: Road) -> None:
    gone = fresh_bsn()
    await road.refer(referral(member(gone)))
    await road.refer(referral(member()))
    await road.acknowledge()
    subject = await road.subject(gone)
    await road.pool.execute("delete from part where subject = $1", subject)
    await road.pool.execute("delete from subject where id = $1", subject)
    made = await pack(road, partner="casebook")
    assert (made.findings.exposure.persons, made.findings.exposure.erased) == (2, 1)
    assert sorted(line["gewist"] for line in lines(made)) == ["ja", "nee"]


async def test_no_identifier_stands_in_a_pack_unless_two_officers_open_names(road: Road) -> None:
    number = fresh_bsn()
    await road.refer(referral(member(number, achternaam="Zeldzaam"), reference="DWI-4711"))
    await road.acknowledge()
    subject = await road.subject(number)
    made = await pack(road, partner="casebook")
    whole = b"".join(made.files.values())
    for canary in (number, "Zeldzaam", "DWI-4711", str(subject), "1980-05-01", "1012AB"):
        assert canary.encode() not in whole
    opened = await pack(road, partner="casebook", second="eigenaar", case="DL-7")
    (line,) = lines(opened, "namen.csv")
    assert line["burgerservicenummer"] == number
    assert line["naam"] == "A. Zeldzaam"
    assert line["kenmerk"] == "DWI-4711"
    assert line["nummer"] == lines(opened)[0]["nummer"] != lines(made)[0]["nummer"]
    (act,) = await road.entries(log=TOEGANG)
    assert (act.subjects, len(act.entry["subjects"])) == ([subject], 1)
    assert act.entry["reason"] == {"code": "datalek+namen", "case": "DL-7"}


@pytest.mark.parametrize(
    ("officer", "changes"),
    [
        ("eigenaar", {}),  # approves protocols, and looks into nothing
        ("fg", {"is_protected": True}),
        ("fg", {"suspends": True}),
        ("fg", {"second": "eigenaar"}),
        ("pf", {"second": "fg"}),
        ("pf", {"second": "pf"}),
    ],
)
async def test_who_may_not_gets_no_pack(
    road: Road, officer: str, changes: dict[str, object]
) -> None:
    with pytest.raises(MayNotActError):
        await pack(road, officer, partner="casebook", **changes)
    assert not any(one.is_suspended for one in await list_partners(road.engine))


async def test_the_fg_gets_the_figures(road: Road) -> None:
    assert (await pack(road, "fg", partner="casebook")).findings.exposure.persons == 0


async def test_the_first_and_last_hand_overs_are_proven_offline(road: Road) -> None:
    await road.refer(referral(member()))
    await road.refer(referral(member()))
    await road.acknowledge()
    early = (await pack(road, partner="casebook")).files["bewijzen/bewijzen.json"]
    assert [one["bewijs"] for one in json.loads(early)["bewijzen"]] == [None, None]
    await sign_log(road)
    proofs = (await pack(road, partner="casebook")).files["bewijzen/bewijzen.json"]
    async with road.pool.acquire() as connection:
        volume = await open_volume(connection, VERWERKINGEN)
    keys = [LOGBOOKS.verifier(VERWERKINGEN, volume.name)]
    assert verify_dossier(proofs, keys).proofs == 2
    other = proofs.replace(b"index 2", b"index 3")
    assert other != proofs
    with pytest.raises(DossierError):
        verify_dossier(other, keys)


async def test_an_altered_entry_shows(road: Road) -> None:
    await road.refer(referral(member()))
    await road.acknowledge()
    await sign_log(road)
    whole = await road.pool.fetchval("select entry from log_leaf where log = 1 and index = 0")
    await road.pool.execute(
        "update log_leaf set entry = $1 where log = 1 and index = 0",
        whole.replace(b'"sender":"dwi"', b'"sender":"okt"'),
    )
    made = await pack(road, partner="casebook")
    try:
        (sound,) = made.findings.soundness
        assert sound.fault is not None
        assert "veranderd" in sound.fault
        assert "KLOPT NIET" in made.files["melding.md"].decode()
    finally:
        await road.pool.execute("update log_leaf set entry = $1 where log=1 and index=0", whole)


@pytest.mark.parametrize(
    "harm",
    [
        "update log_leaf set hash = sha256(hash) where log = 1 and index = 1",
        "update log_tile set hashes = sha256(hashes) || substring(hashes from 33) where log = 1",
        "update log_checkpoint set note = replace(note, 'sluis/proef', 'sluis/ander')",
        "update log_checkpoint set root = sha256(root)",
        "delete from log_tile",
        "delete from log_checkpoint",
    ],
)
async def test_hash_tile_and_signature_are_looked_at(road: Road, harm: str) -> None:
    await road.refer(referral(member()))
    await road.acknowledge()
    await sign_log(road)
    kept = await road.pool.fetch("select log, index, hash from log_leaf")
    await road.pool.execute(harm)
    made = await pack(road, partner="casebook")
    assert [one.fault is None for one in made.findings.soundness] == [False]
    for row in kept:  # the road looks at its own log when it ends
        await road.pool.execute("update log_leaf set hash = $3 where log = $1 and index = $2", *row)


async def test_an_altered_hand_over_shows_in_a_part_too_large_to_rehash(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "REHASHED", 1)
    await road.refer(referral(member()))
    await road.acknowledge()
    await sign_log(road)
    (sound,) = (await pack(road, partner="casebook")).findings.soundness
    assert (sound.fault, sound.is_rehashed) == (None, False)
    query = "select index, entry from log_leaf where log = 1 and position($1::bytea in entry) > 0"
    row = await road.pool.fetchrow(query, b'"event":"verstrekking"')
    assert row is not None
    spoil = "update log_leaf set entry = $2 where log = 1 and index = $1"
    await road.pool.execute(spoil, row[0], row[1].replace(b'"adres"', b'"ander"'))
    (sound,) = (await pack(road, partner="casebook")).findings.soundness
    assert sound.fault == "1 verstrekkingen zijn veranderd"
    await road.pool.execute(spoil, *row)


async def test_a_log_of_many_tiles_is_followed_to_its_root(road: Road) -> None:
    leaves = [Leaf(leaf_hash(entry), entry, []) for entry in _many(70_000)]
    async with road.pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, TOEGANG, leaves)
    await sign_log(road, TOEGANG)
    async with road.pool.acquire() as connection:
        volume = await open_volume(connection, TOEGANG)

        async def fault() -> str | None:
            span = Span(volume.log, volume.name, 300, 69_000)
            return (await soundness.check_span(connection, LOGBOOKS, TOEGANG, span)).fault

        assert await fault() is None
        for level, index in ((0, 200), (1, 0), (1, 1)):
            spoil = "update log_tile set hashes = $3 where log = 3 and level = $1 and index = $2"
            query = "select hashes from log_tile where log = 3 and level = $1 and index = $2"
            hashes = await connection.fetchval(query, level, index)
            await connection.execute(spoil, level, index, hashes[32:] + hashes[:32])
            assert await fault() is not None, (level, index)
            await connection.execute(spoil, level, index, hashes)
        assert await fault() is None


def _many(count: int) -> list[bytes]:
    return [b'{"endTime":%d,"event":"toegang"}' % (1_700_000_000_000 + n) for n in range(count)]


async def test_a_key_shows_what_was_fetched_with_it_and_a_stolen_one_what_could_be(
    road: Road,
) -> None:
    await _two_keys(road)
    mine, other = trace(), trace()
    await road.refer(referral(member()))
    page = await road.mailbox.page("casebook", None, 1000, mine)
    await road.mailbox.acknowledge("casebook", page.cursor, mine)
    await road.refer(referral(member()))
    page = await road.mailbox.page("casebook", None, 1000, other)
    await road.mailbox.acknowledge("casebook", page.cursor, other)
    await road.refer(referral(member(), member(rol="partner")))  # waits
    async with road.pool.acquire() as connection, connection.transaction():
        for which, key in ((mine, "kid-gestolen"), (other, "kid-eigen")):
            actor = Actor(ActorKind.PARTNER, "casebook", key)
            now = int(datetime.now(UTC).timestamp() * 1000)
            act = Act("haalPostvak", Action.READ, actor, which, now, now)
            await append_leaves(connection, TOEGANG, [access_leaf(act)])
    by_key = (await pack(road, key="kid-gestolen")).findings
    assert (by_key.scope.kind, by_key.exposure.exchanges) == (ScopeKind.KEY, 1)
    assert by_key.of_unknown_key == 1
    stolen = (await pack(road, credential="kid-gestolen")).findings
    assert stolen.exposure.exchanges == 3  # in reach within the hour: all three
    assert stolen.exposure.persons == 4
    assert [one.is_reach for one in stolen.exposure.recipients] == [False, True]


async def _two_keys(road: Road) -> None:
    ends = datetime.now(UTC) + timedelta(days=9)
    for kid in ("kid-gestolen", "kid-eigen"):
        await add_key(road.engine, "casebook", PartnerKey(kid, {"kty": "EC", "x": kid}, ends))


async def test_a_key_that_nobody_has_is_said(road: Road) -> None:
    with pytest.raises(UnknownScopeError):
        await pack(road, key="kid-van-niemand")


async def test_a_storage_key_opens_what_lies_under_it(road: Road) -> None:
    await road.refer(referral(member(), member(rol="partner")))
    epoch = await road.pool.fetchval("select kek_epoch from subject limit 1")
    seen = (await pack(road, key=f"kek-{epoch}")).findings.exposure
    assert (seen.exchanges, seen.persons) == (1, 2)
    assert (await pack(road, key="kek-1")).findings.exposure.persons == 0


async def test_suspending_stops_what_waits(road: Road) -> None:
    await road.refer(referral(member()))
    made = await pack(road, partner="casebook", suspends=True)
    assert made.findings.suspended_at is not None
    assert made.findings.waiting.messages == 1
    suspended = {one.id for one in await list_partners(road.engine) if one.is_suspended}
    assert suspended == {"casebook"}


async def test_a_secret_address_is_counted_while_its_message_is_here(road: Road) -> None:
    secret = referral(member(), member(rol="partner"))
    secret["huishouden"]["geheimhouding"] = True
    await road.refer(secret)
    await road.refer(referral(member()))
    await road.acknowledge()
    made = await pack(road, partner="casebook")
    held = made.findings.secret
    assert held.exchanges_looked_at == made.findings.exposure.exchanges
    admitted = any(one.path == "huishouden.geheimhouding" for one in made.findings.exposure.fields)
    assert held.persons == (2 if admitted else 0)


IGNORED = {"pack", "madeAt", "scope"}


async def test_invariant_14_the_ordinary_pack_never_tells_of_protected_exchanges(
    database: str,
) -> None:
    async with open_road(database, protected.protocol("1.0")) as road:
        await appoint(road)
        await road.refer(referral(member()), "dwi")
        await road.acknowledge()
        await sign_log(road)
        before = (await pack(road)).overview
        both = (member(agreed=None), member(agreed=None))
        answer = await road.refer(protected.report(*both), "okt")
        assert answer["besluit"] == "toegelaten"
        await road.refer(protected.asked(member(agreed=None)), "okt")
        await road.acknowledge("veilig-thuis")
        await road.acknowledge()
        after = await pack(road)
        assert UUID(str(before["pack"])) != after.id
        assert {k: v for k, v in before.items() if k not in IGNORED} == {
            k: v for k, v in after.overview.items() if k not in IGNORED
        }
        for partner in ("okt", "veilig-thuis"):
            assert (await pack(road, partner=partner)).findings.exposure.exchanges == 0
        await sign_log(road)
        apart = (await pack(road, is_protected=True)).findings
        assert {one.id: one.persons for one in apart.exposure.recipients} == {
            "casebook": 1,
            "veilig-thuis": 2,
        }
        assert [one.fault for one in apart.soundness] == [None]
        assert "beschermd" in apart.soundness[0].origin


def test_the_72_hours_never_pause() -> None:
    friday = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    clock = Clock(friday, friday + timedelta(hours=71, minutes=30))
    assert clock.until == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert (clock.is_over, clock.told) == (False, "nog 0 uur en 30 minuten")
    late = Clock(friday, friday + timedelta(hours=73))
    assert (late.is_over, late.told) == (True, "1 uur en 0 minuten te laat")
    assert (clock.told_in_english, late.told_in_english) == ("0 h 30 min left", "1 h 0 min late")


async def test_overview_and_documents_say_the_same(road: Road) -> None:
    await road.refer(referral(member()))
    await road.acknowledge()
    now = datetime.now(UTC)
    made = await pack(
        road, partner="casebook", discovered_at=now - timedelta(hours=80), case="DL-1"
    )
    told = json.loads(made.files["overzicht.json"])
    assert told["persons"] == 1
    assert told["clock"]["isOver"] is True
    html = made.files["melding.html"].decode()
    for text in ("<!doctype html>", 'lang="nl"', "te laat", "Zelf invullen", "DL-1"):
        assert text in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    listed = made.files["inhoud.txt"].decode().splitlines()
    assert {line.split("  ")[1] for line in listed} == set(made.files) - {"inhoud.txt"}
