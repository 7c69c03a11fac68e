"""An iJw message over the road: what was decided comes back as its retour, as often as asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lxml import etree

from adapters.registry import ADAPTERS
from gateway.cli.setup import SANDBOX
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import Deliveries, answer_of, outcomes_of
from gateway.store.deliveries import StoredDelivery
from gateway.store.partners import NewPartner, register_partner
from schemas.deliveries import DeliveryState
from tests.support.committing import Desk, open_desk
from tests.support.messages import bsn

OKT = Sender("okt", "okt")
XML = "application/xml"
NAMESPACE = "http://www.istandaarden.nl/ijw/3_2"
EXCHANGE = "019ab3c4-0000-7000-8000-00000000beef"


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        if OKT.id not in {partner.id for partner in SANDBOX}:
            joined = NewPartner(OKT.id, "OKT (proefpartij)", "00000099000000002900", OKT.adapter)
            await register_partner(opened.engine, joined)
        yield opened


def message(kind: str, code: str, client: str, number: str = "A1") -> str:
    return (
        f'<m:Bericht xmlns:m="{NAMESPACE}/jw{kind}/schema"'
        f' xmlns:i="{NAMESPACE}/basisschema/schema">'
        f"<m:Header><m:BerichtCode>{code}</m:BerichtCode><m:BerichtVersie>3</m:BerichtVersie>"
        "<m:BerichtSubversie>2</m:BerichtSubversie><m:Afzender>42420001</m:Afzender>"
        f"<m:Ontvanger>0363</m:Ontvanger><m:BerichtIdentificatie><i:Identificatie>{number}"
        "</i:Identificatie><i:Dagtekening>2026-01-12</i:Dagtekening></m:BerichtIdentificatie>"
        "<m:XsdVersie><i:BasisschemaXsdVersie>1.0.0</i:BasisschemaXsdVersie><i:BerichtXsdVersie>"
        "1.0.0</i:BerichtXsdVersie></m:XsdVersie></m:Header><m:Client>"
        f"<m:Bsn>{bsn(7)}</m:Bsn><m:Geboortedatum><i:Datum>2012-05-01</i:Datum></m:Geboortedatum>"
        "<m:Geslacht>2</m:Geslacht><m:Naam><i:Geslachtsnaam><i:Achternaam>Kanariepiet"
        f"</i:Achternaam></i:Geslachtsnaam></m:Naam>{client}</m:Client></m:Bericht>"
    )


def request(reference: str = "R-1", number: str = "A1", day: str = "2026-02-01") -> str:
    product = (
        f"<m:AangevraagdeProducten><m:AangevraagdProduct><m:ReferentieAanbieder>{reference}"
        f"</m:ReferentieAanbieder><m:ToewijzingIngangsdatum>{day}</m:ToewijzingIngangsdatum>"
        "<m:Verwijzer><i:Type>06</i:Type></m:Verwijzer></m:AangevraagdProduct>"
        "</m:AangevraagdeProducten>"
    )
    return message("315", "446", product, number)


def started(number: str = "B1", day: str = "2026-01-05", exchange: str = EXCHANGE) -> str:
    product = (
        f"<m:StartProducten><m:StartProduct><m:Begindatum>{day}</m:Begindatum>"
        "<m:StatusAanlevering>1</m:StatusAanlevering></m:StartProduct></m:StartProducten>"
    )
    inner = message("305", "438", product, number)
    return (
        '<o:ijwBericht xmlns:o="urn:sluis:okt:ijw-bericht:1"'
        f' uitwisselingId="{exchange}">{inner}</o:ijwBericht>'
    )


async def deliver(desk: Desk, deliveries: Deliveries, text: str) -> StoredDelivery:
    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode()

    received = await deliveries.receive(OKT, XML, pieces(), None)
    return await desk.worked_off(received.delivery.id, OKT.id)


async def retour(desk: Desk, delivery: StoredDelivery) -> bytes | None:
    write = ADAPTERS["okt"].answer_writers[XML]
    return await answer_of(desk.pool, desk.tools.vault, delivery, write, 1000)


async def codes(desk: Desk, delivery: StoredDelivery) -> list[str | None]:
    answer = await retour(desk, delivery)
    assert answer is not None
    assert bsn(7).encode() not in answer
    assert b"Kanariepiet" not in answer
    return [element.text for element in etree.fromstring(answer).iter("{*}RetourCode")]


async def outcome(desk: Desk, delivery: StoredDelivery) -> tuple[object, object]:
    (told,) = await outcomes_of(desk.pool, desk.tools.vault, delivery, 0, 10)
    assert "strook" not in told
    return told["besluit"], told["regelcode"]


async def test_a_request_waits_for_consent_and_its_retour_has_no_remark(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        delivery = await deliver(desk, deliveries, request())

        assert await outcome(desk, delivery) == ("aangehouden", "instemming-onvolledig")
        assert await codes(desk, delivery) == ["0200"]
        assert await retour(desk, delivery) == await retour(desk, delivery)


async def test_the_same_request_again_has_the_same_answer_and_another_under_its_reference_waits(
    desk: Desk,
) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        first = await deliver(desk, deliveries, request())
        again = await deliver(desk, deliveries, f"\n{request()}")
        assert again.id != first.id
        assert await codes(desk, again) == ["0200"]
        assert '"dubbel": 1' in again.tally

        changed = request(number="A2").replace("2026-01-12", "2026-01-11")
        other = await deliver(desk, deliveries, changed)
        assert await outcome(desk, other) == ("geweigerd", "kenmerk-hergebruikt")
        assert await codes(desk, other) == ["9374"]
        assert await desk.count("mailbox") == 0


async def test_a_start_without_its_hand_over_is_unlinked_and_its_number_is_used_once(
    desk: Desk,
) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        unlinked = await deliver(desk, deliveries, started())
        assert await outcome(desk, unlinked) == ("geweigerd", "uitwisseling-onbekend")
        assert await codes(desk, unlinked) == ["9019"]

        reused = await deliver(desk, deliveries, started(day="2026-01-06"))
        assert await outcome(desk, reused) == ("geweigerd", "kenmerk-hergebruikt")
        assert await codes(desk, reused) == ["9056"]


async def test_a_wrong_message_leaves_its_refusal_alone_and_is_answered(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        wrong = await deliver(desk, deliveries, request(day="2026-06-31"))
        assert await outcome(desk, wrong) == ("geweigerd", "niet-leesbaar")
        assert await codes(desk, wrong) == ["0001"]
        assert await desk.count("mailbox") == 0

        ahead = await deliver(desk, deliveries, request().replace("2026-01-12", "2999-01-12"))
        assert await codes(desk, ahead) == ["8848"]

        hostile = await deliver(desk, deliveries, f"<!DOCTYPE a>{request()}")
        assert await codes(desk, hostile) == ["0001"]

        headless = await deliver(desk, deliveries, "<!DOCTYPE a><a/>")
        assert headless.state == DeliveryState.UNREADABLE
        assert await retour(desk, headless) is None


async def test_a_number_used_before_is_refused_also_under_another_reference(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        await deliver(desk, deliveries, request("R-1", "A1"))
        taken = await desk.count("fingerprint")

        reused = await deliver(desk, deliveries, request("R-2", "A1"))
        assert await outcome(desk, reused) == ("geweigerd", "kenmerk-hergebruikt")
        assert await codes(desk, reused) == ["9056"]
        assert await desk.count("fingerprint") == taken

        again = await deliver(desk, deliveries, f"\n{request('R-2', 'A1')}")
        assert await codes(desk, again) == ["9056"]

        renumbered = await deliver(desk, deliveries, request("R-2", "A2"))
        assert await outcome(desk, renumbered) == ("aangehouden", "instemming-onvolledig")
        assert await codes(desk, renumbered) == ["0200"]

        # The same request under a new number is the same request.
        repeated = await deliver(desk, deliveries, request("R-2", "A3"))
        assert await outcome(desk, repeated) == ("aangehouden", "dubbel")
        assert await codes(desk, repeated) == ["0200"]


async def test_a_status_may_bear_the_number_of_a_request(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        await deliver(desk, deliveries, request("R-1", "A1"))
        assert await codes(desk, await deliver(desk, deliveries, started("A1"))) == ["9019"]


async def test_a_refused_message_sent_again_has_its_first_code(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        first = await deliver(desk, deliveries, started())
        again = await deliver(desk, deliveries, f"\n{started()}")
        assert first.id != again.id
        assert await outcome(desk, again) == ("geweigerd", "dubbel")
        assert await codes(desk, again) == await codes(desk, first) == ["9019"]
