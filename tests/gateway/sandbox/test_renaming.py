"""A casebook renames what it keeps: all at once, once, and wherever a pseudonym stands."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import Event, Page
from gateway.sandbox.casebook import _rename
from gateway.sandbox.dossiers import Dossiers, FolderDossiers, MemoryDossiers
from gateway.sandbox.renaming import MAPPING, IncompleteMapping, pairs_of, part_of, renamed
from schemas.pseudonyms import Mapping
from tests.support.messages import Json


def name() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()[:43]


def event(position: int, data: Json, kind: str = "aanmelding", subject: str | None = None) -> Event:
    return Event(
        id=uuid4(),
        source="urn:nld:oin:00000099000000001000:systeem:sluis",
        type=f"nl.sluis.{kind}",
        sequence=position,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        subject=subject,
        data=data,
    )


def part(
    position: int, number: int, pairs: list[tuple[str, str]], *, closes: bool = False, to: int = 2
) -> Event:
    told = Mapping(from_epoch=1, epoch=to, number=number, is_closing=closes, pairs=pairs)
    return event(position, told.model_dump(by_alias=True, mode="json"), "pseudoniemwissel")


def referral(position: int, *members: str) -> Event:
    leden = [{"pseudoniem": one, "rol": "aanmelder"} for one in members]
    return event(position, {"huishouden": {"leden": leden}}, subject=members[0])


@pytest.fixture(params=["memory", "folder"])
def dossiers(request: pytest.FixtureRequest, tmp_path: Path) -> Dossiers:
    return MemoryDossiers() if request.param == "memory" else FolderDossiers(tmp_path / "casebook")


def take(store: Dossiers, *events: Event) -> None:
    """A page as the casebook works it, up to its acknowledgement."""
    store.keep([one for one in events if not store.has(one.id)])
    _rename(Page(events, "", has_more=False), store)


def test_what_is_kept_is_renamed_when_the_mapping_closes_and_not_before(
    dossiers: Dossiers,
) -> None:
    anne, bram, new_anne, new_bram = name(), name(), name(), name()
    kept = referral(1, anne, bram)
    advice = event(2, {"regel": "opnieuw-vragen", "lid": bram}, "kennisgeving")
    first, closing = part(3, 1, [(anne, new_anne)]), part(4, 2, [(bram, new_bram)], closes=True)
    take(dossiers, kept, advice)
    take(dossiers, first)
    assert dossiers.kept([kept.id])[kept.id] == kept
    take(dossiers, closing)
    after = dossiers.kept([kept.id, advice.id, first.id, closing.id])
    assert after[kept.id].subject == new_anne
    assert after[kept.id].data == referral(1, new_anne, new_bram).data
    assert after[advice.id].data["lid"] == new_bram
    # Nothing that leads from old to new stays.
    assert after[first.id].data == after[closing.id].data == {}
    take(dossiers, closing)
    assert dossiers.kept(after) == after


def test_a_crash_between_keeping_and_renaming_is_mended_by_the_page_that_comes_again(
    tmp_path: Path,
) -> None:
    anne, new = name(), name()
    kept, closing = referral(1, anne), part(2, 1, [(anne, new)], closes=True)
    before = FolderDossiers(tmp_path)
    before.keep([kept, closing])
    after = FolderDossiers(tmp_path)
    take(after, closing)
    assert after.kept([kept.id])[kept.id].subject == new
    text = (tmp_path / "dossiers.ndjson").read_text()
    assert anne not in text
    assert len(text.splitlines()) == 2


def test_a_mapping_with_a_part_missing_renames_nothing(dossiers: Dossiers) -> None:
    anne = name()
    kept = referral(1, anne)
    take(dossiers, kept)
    with pytest.raises(IncompleteMapping):
        take(dossiers, part(3, 2, [(anne, name())], closes=True))
    assert dossiers.kept([kept.id])[kept.id] == kept


def test_parts_of_a_renewal_that_was_withdrawn_do_not_count(dossiers: Dossiers) -> None:
    anne, wrong, right = name(), name(), name()
    kept = referral(1, anne)
    old, closing = part(2, 1, [(anne, wrong)]), part(3, 1, [(anne, right)], closes=True, to=3)
    take(dossiers, kept)
    take(dossiers, old)
    take(dossiers, closing)
    after = dossiers.kept([kept.id, old.id])
    assert after[kept.id].subject == right
    assert after[old.id].data == {}


@given(st.lists(st.text(max_size=43)), st.integers())
def test_nothing_but_pseudonyms_is_changed(texts: list[str], number: int) -> None:
    old, new = name(), name()
    made = event(1, {"tekst": texts, "getal": number, "leeg": None, "lid": old}, subject=old)
    after = renamed(made, {old: new})
    assert after == made.model_copy(update={"subject": new, "data": {**made.data, "lid": new}})
    assert renamed(after, {old: new}) == after


def test_an_event_of_another_type_is_no_part() -> None:
    assert part_of(referral(1, name())) is None
    assert part(1, 1, []).type == MAPPING
    closing = part_of(part(1, 1, [], closes=True))
    assert closing is not None
    assert pairs_of(closing, []) == {}
    assert json.loads(closing.model_dump_json(by_alias=True))["deel"] == 1
