"""From a request to a dossier that was released or refused, on a real road, with its entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit.dossier_proofs import DossierError, verify_dossier
from gateway.audit.note import decode_base64, parse_vkey
from gateway.identity.acts import Act, MayNotActError, act_bytes
from gateway.reports.dossier.authority import Capacity, Denial
from gateway.reports.dossier.contents import Course, Written
from gateway.reports.dossier.drafting import DeniedError, StaleDossierError, UnknownDossierError
from gateway.store.groups import TOEGANG
from schemas.consents import AuthorityRecord
from tests.gateway.exchange.road import Road, open_road, trace
from tests.support import protected
from tests.support.dossiers import Desk, born
from tests.support.messages import Json, fresh_bsn, member, referral

TEXT = protected.protocol("1.0")


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


@pytest.fixture
async def desk(road: Road) -> Desk:
    return await Desk(road).open()


async def acts(road: Road) -> list[tuple[Json, list[UUID]]]:
    rows = await road.pool.fetch(
        """select l.entry, l.subjects from log_leaf l join log_head h on h.log = l.log
            where h.series = $1 order by l.index""",
        TOEGANG,
    )
    return [(json.loads(row[0]), list(row[1])) for row in rows]


async def test_a_draft_is_released_under_the_officers_key(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    await road.acknowledge()
    draft = await desk.draft(mother)
    assert [one.course for one in draft.dossier.sharings] == [Course.SHARED]
    assert draft.release is None
    written = await desk.release(draft.dossier.id)
    assert written.release is not None
    digest = hashlib.sha256(written.contents()).hexdigest()
    assert written.release.digest == digest
    public = Ed25519PublicKey.from_public_bytes(desk.keys["pf"].public_key().public_bytes_raw())
    signed = act_bytes(
        Act.RELEASE_DOSSIER, draft.dossier.id, written.release.at, {"digest": digest}
    )
    public.verify(decode_base64(written.release.signature), signed)


async def test_the_file_reads_back_to_what_was_signed(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    written = await desk.release(draft.dossier.id)
    again = Written.model_validate_json(written.model_dump_json(by_alias=True))
    assert again == written
    assert again.digest() == written.digest()


async def test_invariant_11_every_act_has_its_entry_with_the_persons_commitment(
    road: Road, desk: Desk
) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    subject = await road.subject(mother)
    draft = await desk.draft(mother)
    await desk.look(draft.dossier.id)
    await desk.release(draft.dossier.id)
    other = await desk.draft(mother)
    await desk.refuse(other.dossier.id)
    with pytest.raises(DeniedError):
        await desk.draft(mother, Capacity.PARENT, fresh_bsn())
    logged = await acts(road)
    assert [(entry["operation"], entry["status"]) for entry, _ in logged] == [
        ("dossier.subject", "Ok"),
        ("dossier.show", "Ok"),
        ("dossier.release", "Ok"),
        ("dossier.subject", "Ok"),
        ("dossier.refuse", "Ok"),
        ("dossier.subject", "Error"),
    ]
    assert all(subjects == [subject] for _, subjects in logged)
    assert all(len(entry["subjects"]) == 1 for entry, _ in logged)


async def test_who_looked_is_told_without_who_it_was(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    first = await desk.draft(mother)
    await desk.release(first.dossier.id)
    second = await desk.draft(mother)
    looks = second.dossier.looks
    assert [one.operation for one in looks] == ["dossier.subject", "dossier.release"]
    assert {one.by for one in looks} == {"functionaris"}
    shown = [decode_base64(one.entry) for one in second.proofs if one.entry is not None]
    assert not any(b"kid-pf" in entry for entry in shown)
    assert "kid-pf" not in second.model_dump_json(by_alias=True)


async def test_a_representative_is_not_told_who_asked_before(road: Road, desk: Desk) -> None:
    """It may have been the other parent."""
    mother, child = fresh_bsn(), fresh_bsn()
    await _with_authority(road, mother, child, "2020-01-01")
    before = await desk.composed(child, Capacity.PARENT)
    await desk.draft(child, Capacity.PARENT, mother)
    assert await desk.composed(child, Capacity.PARENT) == before
    assert before.dossier.looks == []


async def test_invariant_11_a_representative_gets_it_from_a_second_officer(
    road: Road, desk: Desk
) -> None:
    mother, child = fresh_bsn(), fresh_bsn()
    await _with_authority(road, mother, child, "2020-01-01")
    draft = await desk.draft(child, Capacity.PARENT, mother)
    with pytest.raises(MayNotActError, match="another privacy officer"):
        await desk.release(draft.dossier.id, "pf")
    assert (await desk.release(draft.dossier.id, "pf-twee")).release is not None


async def test_one_person_under_two_names_is_no_second_officer(road: Road, desk: Desk) -> None:
    await road.pool.execute("update officer set name = ' PF ' where id = 'pf-twee'")
    mother, child = fresh_bsn(), fresh_bsn()
    await _with_authority(road, mother, child, "2020-01-01")
    draft = await desk.draft(child, Capacity.PARENT, mother)
    with pytest.raises(MayNotActError, match="another privacy officer"):
        await desk.release(draft.dossier.id, "pf-twee")


async def test_authority_that_went_since_stops_the_release(road: Road, desk: Desk) -> None:
    mother, child = fresh_bsn(), fresh_bsn()
    await _with_authority(road, mother, child, "2020-01-01")
    draft = await desk.draft(child, Capacity.PARENT, mother)
    disputed = {
        "burgerservicenummer": child,
        "soort": "gezag",
        "houders": [fresh_bsn()],
        "bron": "rechterlijke-uitspraak",
        "peildatum": "2026-11-01",
    }
    record = AuthorityRecord.model_validate(disputed)
    await road.authorities.record("dwi", record, trace())
    with pytest.raises(StaleDossierError, match="may not ask"):
        await desk.release(draft.dossier.id, "pf-twee")


@pytest.mark.parametrize(
    ("birth", "capacity", "told"),
    [
        ("2013-01-01", Capacity.PARENT, Denial.WITH_CHILD),
        ("2009-01-01", Capacity.PARENT, Denial.OLD_ENOUGH),
        ("2009-01-01", Capacity.CURATOR, Denial.OLD_ENOUGH),
        ("1980-01-01", Capacity.CURATOR, Denial.NO_AUTHORITY),
    ],
)
async def test_who_may_not_ask_gets_nothing(
    road: Road, desk: Desk, birth: str, capacity: Capacity, told: Denial
) -> None:
    mother, child = fresh_bsn(), fresh_bsn()
    await _with_authority(road, mother, child, birth)
    with pytest.raises(DeniedError) as raised:
        await desk.draft(child, capacity, mother)
    assert raised.value.denial is told
    assert await road.pool.fetchval("select count(*) from dossier") == 0


async def test_nothing_in_the_table_reads_as_the_person(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother, achternaam="Kanarievogel")))
    await desk.draft(mother, document=born("1980-05-01"))
    row = await road.pool.fetchrow("select * from dossier")
    assert row is not None
    whole = b"".join(
        value if isinstance(value, bytes) else str(value).encode() for value in row.values()
    )
    assert not any(text in whole for text in (mother.encode(), b"Kanarievogel", b"1980-05-01"))


async def test_what_was_refused_is_kept_no_longer(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    await desk.refuse(draft.dossier.id)
    assert await road.pool.fetchval("select sealed from dossier") is None
    with pytest.raises(UnknownDossierError):
        await desk.release(draft.dossier.id)
    with pytest.raises(UnknownDossierError):
        await desk.refuse(draft.dossier.id)


async def test_what_was_released_can_be_written_again_and_is_the_same(
    road: Road, desk: Desk
) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    first = await desk.release(draft.dossier.id)
    assert await desk.release(draft.dossier.id, "pf-twee") == first


async def test_a_draft_ends_with_its_term(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    await road.pool.execute("update dossier set ends_at = now() - interval '1 second'")
    with pytest.raises(UnknownDossierError):
        await desk.release(draft.dossier.id)
    await desk.draft(mother)
    states = await road.pool.fetch("select state, sealed is null from dossier order by ends_at")
    assert [tuple(row) for row in states] == [("vervallen", True), ("concept", False)]


async def test_an_erased_person_closes_the_draft(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    await road.pool.execute("delete from subject where id = $1", await road.subject(mother))
    with pytest.raises((StaleDossierError, UnknownDossierError)):
        await desk.release(draft.dossier.id)


async def test_only_a_privacy_officer_under_mandate_acts(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    draft = await desk.draft(mother)
    await road.pool.execute("update officer set mandate_ends = '2020-01-01' where id = 'pf-twee'")
    with pytest.raises(MayNotActError, match="mandate"):
        await desk.release(draft.dossier.id, "pf-twee")
    with pytest.raises(MayNotActError, match="mandate"):
        await desk.look(draft.dossier.id, "pf-twee")
    await road.pool.execute("update officer set role = 'fg' where id = 'pf-twee'")
    with pytest.raises(MayNotActError, match="privacy officer decides"):
        await desk.release(draft.dossier.id, "pf-twee")


async def test_a_stranger_who_asks_for_themself_learns_that_there_is_nothing(
    road: Road, desk: Desk
) -> None:
    draft = await desk.draft(fresh_bsn(), document=born("1980-05-01"))
    written = await desk.release(draft.dossier.id)
    assert (written.dossier.is_known, written.dossier.sharings, written.proofs) == (False, [], [])


async def test_who_holds_authority_over_another_is_told_what_a_stranger_is_told(
    road: Road, desk: Desk
) -> None:
    """That somebody may decide for a child is of the child: another referral would show by it."""
    mother, child, stranger = fresh_bsn(), fresh_bsn(), fresh_bsn()
    record = AuthorityRecord.model_validate(
        {
            "burgerservicenummer": child,
            "houders": [mother],
            "bron": "brp",
            "peildatum": "2026-01-01",
        }
    )
    await road.authorities.record("dwi", record, trace())
    await desk.draft(mother, document=born("1980-05-01"))
    told = [await desk.composed(one) for one in (mother, stranger)]
    assert told[0].model_dump_json() == told[1].model_dump_json()


async def test_a_dossiers_proofs_verify_offline_and_no_changed_byte_does(
    road: Road, desk: Desk
) -> None:
    mother = fresh_bsn()
    async with desk.publishing():
        await road.refer(referral(member(mother), member(rol="kind", agreed=True)))
        await road.refer(referral(member(mother)))
        await road.acknowledge()
        await road.say(mother, False)
    draft = await desk.draft(mother)
    written = await desk.release(draft.dossier.id)
    keys = [parse_vkey(one) for one in written.dossier.keys]
    data = written.model_dump_json(by_alias=True).encode()
    verified = verify_dossier(data, keys)
    assert verified.proofs == len(written.proofs) > 6
    assert verified.openings == sum(one.opening is not None for one in written.proofs) > 0
    assert verified.waiting == 0
    told = json.loads(data)
    for name in ("bewijs", "logregel", "bladhash"):
        number = next(n for n, one in enumerate(told["bewijzen"]) if one[name])
        broken = json.loads(data)
        text = broken["bewijzen"][number][name]
        middle = len(text) // 2
        swapped = "A" if text[middle] != "A" else "B"
        broken["bewijzen"][number][name] = text[:middle] + swapped + text[middle + 1 :]
        with pytest.raises(DossierError):
            verify_dossier(json.dumps(broken).encode(), keys)


async def _with_authority(road: Road, mother: str, child: str, birth: str) -> None:
    authority = [{"houders": [{"lid": 0}], "bron": "brp", "peildatum": "2026-01-01"}]
    agreed = {"gegeven": True, "op": "2026-05-01", "door": "ouder", "doorLid": 0}
    young = member(
        child, rol="kind", agreed=None, geboortedatum=birth, gezag=authority, instemming=agreed
    )
    await road.refer(referral(member(mother), young))
