"""The casebook obeys: what is recalled goes, what is wrong changes, twice is once."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from gateway.client import AsyncSluis, Event, Notice
from gateway.sandbox.casebook import work_mailbox
from gateway.sandbox.casework import seeded_casework
from gateway.sandbox.dossiers import Dossiers, FolderDossiers, MemoryDossiers
from gateway.sandbox.obeying import obeyed
from gateway.sandbox.status_files import StatusFiles
from schemas.corrections import CorrectionKind
from schemas.notices import Advice, AdviceRule, CorrectionNotice, Recall
from tests.support.gateway_simulator import GatewaySimulator

EXCHANGE = UUID("0199c0de-0000-7000-8000-000000000001")
ANN, BEN = "A" * 43, "B" * 43
decide = seeded_casework(2013)


def household() -> dict[str, Any]:
    return {
        "aanmelding": {"aantalLeden": 2, "toelichting": "Tekst."},
        "huishouden": {
            "straatnaam": "Dam",
            "postcodegebied": "1012",
            "leden": [
                {"pseudoniem": ANN, "achternaam": "Een", "zrm": {"inkomen": 2}},
                {"pseudoniem": BEN, "achternaam": "Twee", "zrm": {"inkomen": 3, "verslaving": 1}},
            ],
        },
    }


def kept(**data: Any) -> Event:
    return Event.model_validate(
        {
            "id": str(EXCHANGE),
            "source": "urn:sluis:proef",
            "type": "nl.sluis.aanmelding",
            "sequence": "1",
            "time": "2026-01-12T09:30:00Z",
            "subject": ANN,
            "data": data or household(),
        }
    )


def recall(category: str = "*", member: str | None = None) -> Recall:
    return Recall(
        exchange_id=EXCHANGE, purpose="toeleiding-wijkteam", category=category, member=member
    )


def correction(kind: CorrectionKind, **more: Any) -> CorrectionNotice:
    return CorrectionNotice(correction_id=EXCHANGE, exchange_id=EXCHANGE, kind=kind, **more)


def surnames(event: Event) -> list[str]:
    home: Any = event.data["huishouden"]
    return [one["achternaam"] for one in home["leden"]]


@pytest.mark.parametrize("notice", [recall(), correction(CorrectionKind.ANNUL)])
def test_of_what_is_recalled_whole_nothing_is_left(notice: Notice) -> None:
    after = obeyed(kept(), notice)
    assert (after.type, after.data, after.subject) == ("nl.sluis.vervallen", {}, None)


@pytest.mark.parametrize(
    "notice", [recall(member=BEN), correction(CorrectionKind.MEMBER_LEFT, member=BEN)]
)
def test_a_member_goes_with_what_may_be_about_them(notice: Notice) -> None:
    after = obeyed(kept(), notice)
    assert surnames(after) == ["Een"]
    assert after.data["aanmelding"] == {"aantalLeden": 1}


def test_whoever_cannot_be_told_apart_takes_the_whole_along() -> None:
    event = kept(huishouden={"leden": [{"achternaam": "Een"}, {"achternaam": "Twee"}]})
    assert obeyed(event, recall(member=BEN)).data == {}


def test_a_category_goes_of_one_or_of_all() -> None:
    of_one: Any = obeyed(kept(), recall("zrm", BEN)).data["huishouden"]
    of_all: Any = obeyed(kept(), recall("adres")).data["huishouden"]
    assert [one["zrm"] for one in of_one["leden"]] == [{"inkomen": 2}, {}]
    assert set(of_all) == {"leden"}


def test_new_values_take_the_place_of_old_ones() -> None:
    values = {
        "huishouden": {
            "straatnaam": "Singel",
            "leden": [{"achternaam": "Goed", "zrm": {"inkomen": 5}}],
        }
    }
    notice = correction(CorrectionKind.RECTIFY, member=BEN, values=values)
    home: Any = obeyed(kept(), notice).data["huishouden"]
    assert home["straatnaam"] == "Singel"
    assert home["leden"][1] == {
        "pseudoniem": BEN,
        "achternaam": "Goed",
        "zrm": {"inkomen": 5, "verslaving": 1},
    }
    assert home["leden"][0] == household()["huishouden"]["leden"][0]


def test_a_restriction_is_noted_until_it_is_lifted() -> None:
    limited = obeyed(kept(), correction(CorrectionKind.RESTRICT, member=BEN))
    assert limited.data["gebruikBeperkt"] == [BEN]
    assert obeyed(limited, correction(CorrectionKind.LIFT, member=BEN)) == kept()


def test_advice_changes_nothing() -> None:
    notice = Advice(rule=AdviceRule.ASK_AGAIN, exchange_id=EXCHANGE, member=BEN)
    assert obeyed(kept(), notice) == kept()


def test_who_is_erased_leaves_the_message_or_takes_it_along() -> None:
    notice = Advice(rule=AdviceRule.ERASE, exchange_id=EXCHANGE, member=BEN)
    assert obeyed(kept(), notice) == obeyed(
        kept(), correction(CorrectionKind.MEMBER_LEFT, member=BEN)
    )
    assert obeyed(kept(), notice.model_copy(update={"member": None})).data == {}


@pytest.mark.parametrize(
    "notice",
    [
        recall(),
        recall(member=BEN),
        recall("zrm", BEN),
        correction(CorrectionKind.MEMBER_LEFT, member=BEN),
        correction(CorrectionKind.OBJECT, member=BEN),
        correction(CorrectionKind.LIFT, member=BEN),
    ],
)
def test_twice_is_once(notice: Notice) -> None:
    once = obeyed(kept(), notice)
    assert obeyed(once, notice) == once


# In its place, between keeping and acknowledging.


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Dossiers:
    return MemoryDossiers() if request.param == "memory" else FolderDossiers(tmp_path / "d")


def _refer(simulator: GatewaySimulator) -> UUID:
    exchange = uuid4()
    simulator.exchanges[exchange] = ("dwi", "DWI-1")
    simulator.put("casebook", "aanmelding", exchange, household())
    return exchange


def _tell(simulator: GatewaySimulator, kind: str, exchange: UUID, **data: Any) -> None:
    told = {"uitwisselingId": str(exchange), "doel": "toeleiding-wijkteam", **data}
    simulator.put("casebook", kind, uuid4(), told)


async def test_a_recalled_dossier_is_dropped_and_acknowledged(
    casebook: AsyncSluis, simulator: GatewaySimulator, store: Dossiers
) -> None:
    first, second = _refer(simulator), _refer(simulator)
    await work_mailbox(casebook, store, decide)
    _tell(simulator, "intrekking", first, categorie="*")

    tally = await work_mailbox(casebook, store, decide)

    found = store.kept([first, second])
    assert found[first].data == {}
    assert found[second].data == household()
    assert (tally.obeyed, tally.acknowledged) == (1, 1)


async def test_what_is_annulled_in_the_same_page_gets_no_status(
    casebook: AsyncSluis, simulator: GatewaySimulator, store: Dossiers
) -> None:
    exchange = _refer(simulator)
    _tell(simulator, "correctie", exchange, correctieId=str(uuid4()), soort="annulering")

    tally = await work_mailbox(casebook, store, decide)

    assert tally.statuses.total() == 0
    assert list(store.unreported()) == []


async def test_a_crash_between_keeping_and_acknowledging_obeys_all_the_same(
    casebook: AsyncSluis, simulator: GatewaySimulator, store: Dossiers
) -> None:
    exchange = _refer(simulator)
    _tell(simulator, "intrekking", exchange, categorie="*")
    page = await casebook.page()
    store.keep(page.events)  # and then it stopped

    tally = await work_mailbox(casebook, store, decide)

    assert store.kept([exchange])[exchange].data == {}
    assert tally.acknowledged == 2


def test_nothing_of_what_is_gone_stays_on_disk(tmp_path: Path) -> None:
    store = FolderDossiers(tmp_path / "d")
    store.keep([kept()])
    store.replace({EXCHANGE: obeyed(kept(), recall())})
    written = b"".join(path.read_bytes() for path in (tmp_path / "d").iterdir())
    assert b"Twee" not in written
    assert FolderDossiers(tmp_path / "d").has(EXCHANGE)


# DWI's side: notices beside the status files.


async def test_a_notice_is_kept_before_its_page_is_acknowledged(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    heard: list[Event] = []
    files = StatusFiles(folder / "statussen", on_notice=heard.append)
    told = {"regel": "niet-vrijgegeven", "uitwisselingId": str(EXCHANGE), "kenmerk": "DWI-1"}
    simulator.put("dwi", "kennisgeving", uuid4(), told)
    simulator.put("dwi", "statusbericht", uuid4(), {"kenmerk": "DWI-2", "status": "ontvangen"})

    await files.fetch(dwi)
    await files.fetch(dwi)

    assert [event.data["kenmerk"] for event in heard] == ["DWI-1"]
    lines = (folder / "statussen" / "kennisgevingen.ndjson").read_text().splitlines()
    assert [Event.model_validate_json(line).type for line in lines] == ["nl.sluis.kennisgeving"]
    assert simulator.mailboxes["dwi"].acknowledged == 2


async def test_a_notice_alone_is_kept_and_acknowledged_once(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    heard: list[Event] = []
    files = StatusFiles(folder / "statussen", on_notice=heard.append)
    told = {"regel": "niet-vrijgegeven", "uitwisselingId": str(EXCHANGE), "kenmerk": "DWI-1"}
    simulator.put("dwi", "kennisgeving", uuid4(), told)
    for _ in range(3):
        await files.fetch(dwi)
    assert len(heard) == 1
    assert simulator.mailboxes["dwi"].acknowledged == 1
