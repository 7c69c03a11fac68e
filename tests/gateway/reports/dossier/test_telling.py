"""What a dossier tells, and that nothing in it is of anybody else."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consent.labels import Language
from gateway.reports.dossier.authority import Capacity
from gateway.reports.dossier.composing import compose_page
from gateway.reports.dossier.contents import Course, Sharing, What, Written
from gateway.reports.dossier.html import as_html
from schemas.fields import Treatment
from tests.gateway.exchange.road import REDUCED, WITH_NOTE, Road, open_road, protocol
from tests.support.dossiers import Desk
from tests.support.messages import Json, fresh_bsn, member, referral, status_of

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+00:00)")


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        yield road


@pytest.fixture
async def desk(road: Road) -> Desk:
    return await Desk(road).open()


def scores(**changes: int) -> Json:
    return {"gemetenOp": "2013-10-01", "scores": {"inkomen": 2, "huisvesting": 4, **changes}}


def plain(written: Written) -> str:
    """All that is told, without ids, moments and proofs."""
    told = json.loads(written.model_dump_json(by_alias=True))
    shapes = [sorted(name for name, value in one.items() if value) for one in told["bewijzen"]]
    text = json.dumps([told["dossier"], shapes], sort_keys=True)
    return _MOMENT.sub("moment", _ID.sub("id", text))


def only(written: Written) -> Sharing:
    (one,) = written.dossier.sharings
    return one


async def test_a_message_of_one_person_tells_exactly_which_fields_went(
    road: Road, desk: Desk
) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother, zrm=scores(verslaving=1))))
    await road.acknowledge()
    one = only(await desk.composed(mother))
    assert (one.course, one.is_exact) == (Course.SHARED, True)
    went = {field.path for field in one.fields}
    assert {"lid.achternaam", "lid.zrm.inkomen", "lid.zrm.huisvesting"} <= went
    assert "lid.zrm.verslaving" not in went
    assert "lid.zrm.verslaving" in one.left
    assert {g.lock.value for g in one.grounds} >= {"grondslag", "bsn"}


async def test_in_a_household_it_tells_what_may_have_gone_and_of_the_person_what_is_held(
    road: Road, desk: Desk
) -> None:
    mother, father = fresh_bsn(), fresh_bsn()
    await road.refer(
        referral(member(mother, zrm=scores()), member(father, rol="partner", zrm=scores(inkomen=5)))
    )
    await road.acknowledge()
    one = only(await desk.composed(father))
    assert (one.is_exact, one.left, one.field) == (False, [], None)
    values = {value.path: value.value for value in one.copy_}
    assert values["lid.zrm.inkomen"] == "5"
    assert not any(path.startswith(("huishouden.", "aanmelding.")) for path in values)


HOUSEHOLDS: dict[str, list[Json]] = {
    "a plain father": [member(rol="partner")],
    "a father with scores": [member(rol="partner", zrm=scores(verslaving=1, justitie=1))],
    "a father without a name": [member(rol="partner", achternaam=None, voorletters=None)],
    "and a child": [member(rol="partner"), member(rol="kind", zrm=scores(inkomen=1))],
}


@pytest.mark.parametrize("who", HOUSEHOLDS)
async def test_nothing_changes_with_what_is_known_of_the_others(
    road: Road, desk: Desk, who: str
) -> None:
    """The same mother beside other people: her dossier is the same, word for word."""
    told = []
    for others in (HOUSEHOLDS["a plain father"], HOUSEHOLDS[who]):
        mother = "999990019"
        await road.pool.execute("truncate subject, part, exchange, mailbox, consent_event cascade")
        await road.pool.execute("truncate log_leaf, search_entry")
        await road.pool.execute("update log_head set size = 0")
        await road.pool.execute("delete from search_cursor")
        await road.pool.execute("update mailbox_head set last_position = 0, acknowledged = 0")
        whole = [_without_nothing(one) for one in others]
        answer = await road.refer(referral(member(mother, zrm=scores()), *whole))
        assert answer["besluit"] == "toegelaten"
        await road.acknowledge()
        told.append(plain(await desk.composed(mother)))
    assert told[0] == told[1]


def _without_nothing(one: Json) -> Json:
    fresh = {name: value for name, value in one.items() if value is not None}
    return {**fresh, "burgerservicenummer": fresh_bsn()}


async def test_an_entry_of_several_persons_stays_closed(road: Road, desk: Desk) -> None:
    mother, alone = fresh_bsn(), fresh_bsn()
    await road.refer(referral(member(mother), member(rol="partner")))
    await road.refer(referral(member(alone)))
    (shared,) = (await desk.composed(mother)).proofs
    assert (shared.entry, shared.opening) == (None, None)
    assert shared.closed is not None
    (own,) = (await desk.composed(alone)).proofs
    assert (own.leaf_hash, own.closed) == (None, None)
    assert own.opening is not None


async def test_a_representative_is_not_told_where_the_household_lives(
    road: Road, desk: Desk
) -> None:
    child = fresh_bsn()
    secret = referral(member(child))
    secret["huishouden"]["geheimhouding"] = True
    secret["huishouden"]["telefoonnummer"] = "020-5550000"
    await road.refer(secret)
    await road.acknowledge()
    written = await desk.composed(child, Capacity.CURATOR)
    assert only(written).course is Course.SHARED
    text = written.model_dump_json(by_alias=True)
    assert "1012AB" not in text
    assert "020-5550000" not in text
    assert "Voorbeeldstraat" not in text
    assert only(written).left == []
    # Nor whether the address is secret, which the lists of fields in the entry itself would tell.
    shown = [json.loads(b64decode(one.entry)) for one in written.proofs if one.entry is not None]
    assert [entry["event"] for entry in shown] == ["ontvangst"]
    open_ = referral(member(other := fresh_bsn()))
    open_["huishouden"]["telefoonnummer"] = "020-5550000"
    await road.refer(open_)
    await road.acknowledge()
    told = [plain(await desk.composed(one, Capacity.CURATOR)) for one in (child, other)]
    digits = [re.sub(r"\*\*\*\d{3}", "***", one) for one in told]
    assert digits[0] == digits[1]


async def test_a_held_message_gives_the_persons_own_member_and_no_other(
    road: Road, desk: Desk
) -> None:
    mother, father = fresh_bsn(), fresh_bsn()
    await road.refer(
        referral(
            member(mother, achternaam="Moedersnaam"),
            member(father, rol="partner", agreed=None, achternaam="Vadersnaam", voorletters="Q."),
            toelichting="Over allebei.",
        )
    )
    own = await desk.composed(mother)
    one = only(own)
    assert (one.course, one.rule) == (Course.HELD, "instemming-onvolledig")
    values = {value.path: value.value for value in one.copy_}
    assert values["lid.achternaam"] == "Moedersnaam"
    assert values["huishouden.postcode"] == "1012AB"
    assert not one.is_copy_whole
    text = own.model_dump_json(by_alias=True)
    assert "Vadersnaam" not in text
    assert "Over allebei" not in text
    his = (await desk.composed(father)).model_dump_json(by_alias=True)
    assert "Moedersnaam" not in his
    assert "1012AB" not in his


async def test_free_text_is_given_to_who_is_alone_in_a_message(database: str) -> None:
    async with open_road(database, protocol("met-tekst", WITH_NOTE)) as road:
        desk = await Desk(road).open()
        alone, mother = fresh_bsn(), fresh_bsn()
        await road.refer(referral(member(alone), toelichting="Over mij alleen."))
        await road.refer(
            referral(member(mother), member(rol="partner"), toelichting="Over ons allen.")
        )
        assert "Over mij alleen." in (await desk.composed(alone)).model_dump_json()
        assert "Over ons allen." not in (await desk.composed(mother)).model_dump_json()


async def test_a_member_who_was_left_out_is_told_that_nothing_of_them_went(database: str) -> None:
    async with open_road(database, protocol("beperkt", REDUCED)) as road:
        desk = await Desk(road).open()
        father = fresh_bsn()
        await road.refer(referral(member(), member(father, rol="partner", agreed=False)))
        await road.acknowledge()
        one = only(await desk.composed(father))
        assert one.course is Course.REMOVED
        assert one.copy_ == []


async def test_a_withdrawal_and_what_followed_is_told(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    await road.acknowledge()
    await road.say(mother, False)
    await road.acknowledge()
    written = await desk.composed(mother)
    happened = [one.what for one in only(written).happenings]
    assert happened == [What.ARRIVED, What.DECIDED, What.FETCHED, What.CONFIRMED]
    assert only(written).is_stopped
    assert [one.given for one in written.dossier.consents] == [True, False]
    assert only(written).consents == [1, 2]


async def test_a_withdrawal_before_the_fetching_leaves_nothing_shared(
    road: Road, desk: Desk
) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother)))
    await road.say(mother, False)
    await road.acknowledge()
    one = only(await desk.composed(mother))
    assert one.course is Course.REMOVED
    assert [x.what for x in one.happenings][-1] is What.REMOVED


async def test_one_member_does_not_read_that_another_withdrew(road: Road, desk: Desk) -> None:
    """It stopped, and why is not told: the same words whoever said no."""
    told = []
    for who in (0, 1):
        mother, father = fresh_bsn(), fresh_bsn()
        await road.refer(referral(member(mother), member(father, rol="partner")))
        await road.say((mother, father)[who], False)
        one = only(await desk.composed(mother))
        told.append([(x.what, x.reason, x.party) for x in one.happenings])
    assert told[0] == told[1]


async def test_one_member_does_not_read_that_another_withdrew_afterwards(
    road: Road, desk: Desk
) -> None:
    told = []
    for is_taken_back in (False, True):
        mother, father = fresh_bsn(), fresh_bsn()
        await road.refer(referral(member(mother), member(father, rol="partner")))
        await road.acknowledge()
        if is_taken_back:
            await road.say(father, False)
            await road.acknowledge()
        told.append(re.sub(r"\*\*\*\d{3}", "***", plain(await desk.composed(mother))))
    assert told[0] == told[1]


async def test_a_status_and_a_refusal_are_told(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    answer = await road.refer(referral(member(mother)))
    await road.acknowledge()
    await road.report_status(status_of(answer["uitwisselingId"]))
    await road.acknowledge("dwi")
    await road.refer(referral(member(mother), grondslag="geen"))
    sharings = (await desk.composed(mother)).dossier.sharings
    assert [(one.message, one.course) for one in sharings] == [
        ("aanmelding", Course.SHARED),
        ("statusbericht", Course.SHARED),
        ("aanmelding", Course.REFUSED),
    ]
    status = sharings[1]
    assert {f.path for f in status.fields if f.treatment is Treatment.GENERALISE} == {
        "statusbericht.status"
    }


async def test_corrections_and_restrictions_are_told(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    answer = await road.refer(referral(member(mother)))
    await road.acknowledge()
    exchange = answer["uitwisselingId"]
    named = {"burgerservicenummer": mother}
    values = {"lid.achternaam": "Anders"}
    await road.correct(
        {"soort": "rectificatie", "uitwisselingId": exchange, "lid": named, "waarden": values}
    )
    await road.correct({"soort": "beperking", "uitwisselingId": exchange, "lid": named})
    written = await desk.composed(mother)
    happened = {one.what for one in only(written).happenings}
    assert {What.CORRECTED, What.RESTRICTED} <= happened
    assert only(written).is_stopped
    assert [(one.kind, one.is_lifted) for one in written.dossier.stops] == [("beperking", False)]


async def test_every_sentence_is_there_in_both_languages(road: Road, desk: Desk) -> None:
    mother = fresh_bsn()
    await road.refer(referral(member(mother), member(rol="partner", agreed=None)))
    await road.refer(referral(member(mother, zrm=scores())))
    await road.acknowledge()
    await road.say(mother, False)
    written = await desk.composed(mother)
    texts: dict[Language, Any] = {
        language: as_html(compose_page(written, language)).decode() for language in Language
    }
    assert '<html lang="en">' in texts[Language.ENGLISH]
    for language, text in texts.items():
        assert "{" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL), language
    # What only the protocol says, in Dutch, is marked so that it is read out as Dutch (WCAG 3.1.2).
    assert (
        '<span lang="nl">College van burgemeester en wethouders</span>' in (texts[Language.ENGLISH])
    )
    assert "<span" not in texts[Language.DUTCH]
    dutch = ("Wat er", "gingen mee", "Zaaknummer", "Hooguit", "Toestemming")
    assert not any(word in texts[Language.ENGLISH] for word in dutch)
