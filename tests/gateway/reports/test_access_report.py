"""The monthly report on a real log: made, signed for, opened for a reason, and never forgotten."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.audit.access import (
    Act,
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    new_trace,
)
from gateway.identity.acts import MayNotActError
from gateway.reports.access_report import specific, told
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.reports.access_report.report import (
    AccessReport,
    NoSuchMonthError,
    Period,
    make_report,
)
from gateway.reports.access_report.reviewing import (
    CaseNeededError,
    Review,
    ReviewFinding,
    review_month,
)
from gateway.reports.document import as_html
from gateway.store.groups import TOEGANG, TOEGANG_BESCHERMD, append_leaves
from tests.gateway.exchange.road import KEYS, Road, open_road
from tests.gateway.reports.packs import OFFICER, SIGNING, appoint
from tests.support.messages import fresh_bsn, member, referral

NOW = datetime.now(AMSTERDAM)
LAST = f"{NOW.replace(day=1) - timedelta(days=1):%Y-%m}"
BEFORE = f"{Period(LAST).begins - timedelta(days=1):%Y-%m}"


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        await appoint(road)
        yield road


def officer(name: str = "pf") -> Actor:
    return Actor(ActorKind.OFFICER, name, f"kid-{name}")


async def acted(road: Road, month: str, *subjects: UUID, day: int = 3, **changes: Any) -> None:
    """An act of an officer in a month, with its entry."""
    at = int((Period(month).begins + timedelta(days=day, hours=10)).timestamp() * 1000)
    given: dict[str, Any] = {
        "operation": "log.search",
        "action": Action.READ,
        "actor": officer(),
        "trace": new_trace(),
        "started": at,
        "ended": at,
        "reason": Reason("klacht", "Z-1"),
        **changes,
    }
    leaf = access_leaf(Act(**given), [(subject, "x") for subject in subjects])
    async with road.pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, TOEGANG, [leaf])


async def report(road: Road, month: str = LAST, name: str = "pf") -> AccessReport:
    return await make_report(road.engine, KEYS, month, (name, SIGNING[name].sign))


async def review(road: Road, month: str = LAST, **changes: Any) -> AccessReport:
    given: dict[str, Any] = {"finding": ReviewFinding.NOTHING, **changes}
    made = Review(month, given.pop("officer", "pf"), **given)
    return await review_month(road.engine, road.vault, KEYS, made, SIGNING[made.officer].sign)


def rows(made: AccessReport, code: str) -> tuple[tuple[str, ...], ...]:
    return next(one.rows for one in made.findings if one.code == code)


async def test_the_acts_of_a_month_and_no_others_are_counted(road: Road) -> None:
    await acted(road, BEFORE, day=27)
    await acted(road, LAST)
    await acted(road, LAST, reason=None)
    await acted(road, f"{NOW:%Y-%m}", day=0)
    made = await report(road)
    assert made.entries == 2
    assert len(rows(made, "zonder-zaak")) == 1
    assert made.is_over


async def test_nobody_is_named_in_any_form_of_it(road: Road) -> None:
    subject = UUID(int=5)
    for _ in range(4):
        await acted(road, LAST, subject, reason=None)
    made = await report(road)
    # Whose mandate ends is told: somebody must ask for a new one.
    listed = tuple(one for one in made.findings if one.code != "verloopt")
    made = replace(made, made_by="-", findings=listed)
    whole = json.dumps(told.object_of(made)) + told.table_of(made).decode()
    assert "kid-pf" not in whole
    assert '"pf"' not in whole
    assert "Persoon pf" not in whole
    assert str(subject) not in whole
    assert rows(made, "vaak-ingezien")[0][1] == "4"


async def test_a_person_has_another_number_in_another_month(road: Road) -> None:
    subject = UUID(int=5)
    for month in (BEFORE, LAST):
        for _ in range(3):
            await acted(road, month, subject)
    first, second = await report(road, BEFORE), await report(road, LAST)
    assert rows(first, "vaak-ingezien")[0][0] != rows(second, "vaak-ingezien")[0][0]


async def test_months_that_nobody_reviewed_are_listed_until_somebody_does(road: Road) -> None:
    await acted(road, BEFORE)
    await acted(road, LAST)
    made = await report(road)
    assert made.not_reviewed == (BEFORE, LAST)
    lead = " ".join(one.text for one in told.document_of(made).lead)
    assert f"Niet nagekeken: {BEFORE}, {LAST}" in lead
    await review(road, BEFORE)
    assert (await report(road)).not_reviewed == (LAST,)
    await review(road, LAST)
    after = await report(road)
    assert after.not_reviewed == ()
    assert [(one.officer, one.finding, one.is_same) for one in after.reviews] == [
        ("pf", "geen", True)
    ]


async def test_a_review_stands_in_the_access_log_with_what_was_looked_at(road: Road) -> None:
    await acted(road, LAST)
    made = await review(road, finding=ReviewFinding.FOLLOW_UP, case="Z-9", remark="Vraag J.")
    entries = [one.entry for one in await road.entries(log=TOEGANG)]
    (entry,) = [one for one in entries if one["operation"] == "report.access.reviewed"]
    assert entry["target"] == {"kind": "access-report", "id": f"{LAST}/{made.digest.hex()}"}
    assert (entry["outcome"], entry["reason"]["case"]) == ("opvolgen", "Z-9")
    assert entry["actor"] == {"kind": "functionaris", "id": "pf", "key": "kid-pf"}
    assert "Vraag J." not in json.dumps(entries)
    stored = await road.pool.fetchrow("select id, remark, signature, entry from access_review")
    assert stored is not None
    assert b"Vraag" not in stored["remark"]
    assert str(stored["entry"]) == entry["id"]


async def test_a_log_that_is_not_what_was_reviewed_shows(road: Road) -> None:
    await acted(road, LAST)
    await review(road)
    await road.pool.execute(
        """update log_leaf set entry = convert_to(replace(convert_from(entry, 'UTF8'),
               '"Z-1"', 'null'), 'UTF8') where log = 3 and index = 0"""
    )
    (reviewed,) = (await report(road)).reviews
    assert not reviewed.is_same


async def test_nobody_reviews_their_own_acts_unnoticed(road: Road) -> None:
    await acted(road, LAST)
    mine, anothers = await report(road), await report(road, name="fg")
    assert (mine.own_acts, anothers.own_acts) == (1, 0)
    assert "Niemand kijkt zijn eigen werk na" in as_html(told.document_of(mine))
    assert "Niemand kijkt zijn eigen werk na" not in as_html(told.document_of(anothers))


async def test_a_month_is_reviewed_once_it_is_over(road: Road) -> None:
    with pytest.raises(NoSuchMonthError):
        await review(road, f"{NOW:%Y-%m}")
    following = f"{Period(f'{NOW:%Y-%m}').ends:%Y-%m}"
    with pytest.raises(NoSuchMonthError):
        await report(road, following)


async def test_a_finding_that_is_followed_up_has_a_case(road: Road) -> None:
    with pytest.raises(CaseNeededError):
        await review(road, finding=ReviewFinding.INCIDENT)


@pytest.mark.parametrize("name", ["eigenaar", "niemand"])
async def test_who_may_not_look_sees_nothing(road: Road, name: str) -> None:
    with pytest.raises(MayNotActError):
        await make_report(road.engine, KEYS, LAST, (name, OFFICER.sign))


async def test_another_officers_key_opens_nothing(road: Road) -> None:
    with pytest.raises(MayNotActError):
        await make_report(road.engine, KEYS, LAST, ("fg", OFFICER.sign))


async def test_the_fg_may_look_and_review(road: Road) -> None:
    assert (await report(road, name="fg")).made_by == "fg"
    await review(road, officer="fg")


async def test_invariant_14_protected_access_is_in_no_ordinary_report(road: Road) -> None:
    await acted(road, LAST)
    before = await report(road)
    at = int((Period(LAST).begins + timedelta(days=5)).timestamp() * 1000)
    act = Act("protected.list", Action.READ, officer(), new_trace(), at, at, is_protected=True)
    async with road.pool.acquire() as connection, connection.transaction():
        await append_leaves(connection, TOEGANG_BESCHERMD, [access_leaf(act)])
    after = await report(road)
    ignored = {"madeAt"}
    one, other = told.object_of(before), told.object_of(after)
    assert {k: v for k, v in one.items() if k not in ignored} == {
        k: v for k, v in other.items() if k not in ignored
    }


async def ask(road: Road, **changes: Any) -> specific.Specific:
    given: dict[str, Any] = {"reason": "vermoeden-misbruik", "case": "Z-3", "officer": "pf"}
    question = specific.Question(LAST, **{**given, **changes})
    sign = SIGNING[question.officer].sign
    return await specific.make_specific(road.engine, road.vault, KEYS, question, sign)


async def test_a_user_is_opened_by_the_number_of_the_report(road: Road) -> None:
    await acted(road, LAST, actor=officer("fg"), reason=None)
    await acted(road, LAST)
    (row,) = rows(await report(road), "zonder-zaak")
    number = row[1].partition(" ")[0]
    found = await ask(road, user=number)
    assert found.about == "Persoon fg (fg, fg)"
    assert [who for _, who in found.acts] == ["Persoon fg (fg, fg)"]
    assert "Z-3" in as_html(specific.document_of(found))


async def test_who_looked_at_a_person_is_opened_and_the_look_is_about_them(road: Road) -> None:
    number = fresh_bsn()
    await road.refer(referral(member(number)))
    subject = await road.subject(number)
    await acted(road, LAST, subject)
    await acted(road, LAST, UUID(int=9))
    found = await ask(road, handle=await _handle(road, number))
    assert [who for _, who in found.acts] == ["Persoon pf (pf, privacyfunctionaris)"]
    last = (await road.entries(log=TOEGANG))[-1]
    assert (last.entry["operation"], last.subjects) == ("report.access.specific", [subject])
    assert last.entry["reason"] == {"code": "vermoeden-misbruik", "case": "Z-3"}
    assert len(last.entry["subjects"]) == 1
    by_number = await ask(road, number=found.about)
    assert len(by_number.acts) == 1


async def _handle(road: Road, number: str) -> bytes:
    subject = await road.subject(number)
    found: bytes = await road.pool.fetchval("select handle from subject where id = $1", subject)
    return found


@pytest.mark.parametrize("changes", [{"user": "smit"}, {"number": "P-AAAA-BBBB-CCCC"}])
async def test_nobody_found_is_said(road: Road, changes: dict[str, str]) -> None:
    await acted(road, LAST)
    with pytest.raises(specific.NotFoundError):
        await ask(road, **changes)


@pytest.mark.parametrize("name", ["fg", "eigenaar"])
async def test_names_are_for_a_privacy_officer_alone(road: Road, name: str) -> None:
    await acted(road, LAST)
    with pytest.raises(MayNotActError):
        await ask(road, officer=name, user="pf")


async def test_keys_and_mandates_that_end_soon_are_listed(road: Road) -> None:
    listed = rows(await report(road), "verloopt")
    assert [row[:3] for row in listed] == [("mandaat", "pf", "besluit 7")]


async def test_emergency_releases_show_whether_they_were_reviewed(road: Road) -> None:
    exchange = await road.pool.fetchval(
        """insert into exchange (id, kind, state, sender, recipient, decision, rule, protocol,
               received_at, entry, commit_group, group_index, findings, expires_at)
           values (gen_random_uuid(), 1, 3, 'okt', 'casebook', 0, 'noodverstrekking', '\\x00', $1,
               gen_random_uuid(), gen_random_uuid(), 0, '{}', now()) returning id""",
        Period(LAST).begins + timedelta(days=2),
    )
    await road.pool.execute(
        """insert into emergency_review (exchange, reason, step, due_at, kek_epoch, wrapped,
               professional) values ($1, 'suicidegevaar', 4, $2, 1, '', '')""",
        exchange,
        datetime.now(UTC) - timedelta(days=1),
    )
    (row,) = rows(await report(road), "noodverstrekkingen")
    assert row[1:] == ("okt", "casebook", "suicidegevaar", "TE LAAT")


async def test_every_form_holds_every_list(road: Road) -> None:
    await acted(road, LAST, reason=None, target=Target("exchange", "=cmd()"))
    made = await report(road)
    html = as_html(told.document_of(made))
    titles = {one.title for one in made.findings}
    assert len(titles) == 12
    assert all(title in html for title in titles)
    read = list(csv.reader(io.StringIO(told.table_of(made).decode("utf-8-sig")), delimiter=";"))
    assert {row[0] for row in read} >= {"zonder-zaak", "lijst"}
    assert not any(cell[:1] in "=+@" for row in read for cell in row if cell)
