"""A dossier tells who had it recorded that they know the person, and that a message said so."""

from __future__ import annotations

from gateway.app import Books
from gateway.exchange.registrations import Registrations
from gateway.reports.dossier.contents import What
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import KEYS, open_road, trace
from tests.support.dossiers import Desk
from tests.support.messages import fresh_bsn, member, referral


async def test_a_registration_and_its_end_are_told_to_the_person(database: str) -> None:
    async with open_road(database) as road:
        desk = await Desk(road).open()
        person = fresh_bsn()
        registrations = Registrations(road.pool, Books(KEYS).of, road.tools)
        handle = road.handles.of(Bsn(person))
        await registrations.register("casebook", [handle], trace())
        await road.refer(referral(member(person)))
        await road.acknowledge()
        await registrations.end("casebook", [handle], trace())
        draft = await desk.draft(person)
        written = await desk.release(draft.dossier.id)
    others = [(one.what, one.party) for one in written.dossier.others]
    assert (What.KNOWN, "casebook") in others
    assert (What.KNOWN_NO_LONGER, "casebook") in others
    (sharing,) = written.dossier.sharings
    # What is worked out for the recipient is named as what went, and stands in no copy.
    assert "lid.reedsBekend" in {field.path for field in sharing.fields}
    assert "lid.reedsBekend" not in {value.path for value in sharing.copy_}
