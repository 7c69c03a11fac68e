"""The officer's signed "reviewed": which report was looked at, and what came of it.

The act, its entry in the access log and its row are one transaction. The entry holds the month,
the finding, the case and the digest of the report, so that the log itself shows that somebody
looked, and at what; what the officer wrote besides stands sealed. A month is reviewed once it is
over, and may be reviewed again: the newest review is the last word, the older ones stay.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import (
    Act as AccessAct,
)
from gateway.audit.access import (
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    new_trace,
)
from gateway.identity.acts import Act, Sign, may_look, signed_act
from gateway.identity.approvals import whole_second
from gateway.reports.access_report.findings import Thresholds
from gateway.reports.access_report.report import (
    AccessReport,
    NoSuchMonthError,
    Period,
    report_of,
)
from gateway.store.groups import TOEGANG, Leaf, append_leaves
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import moment_of, officers_by_id
from gateway.store.partners import list_partners
from gateway.store.reports import AccessReview, insert_review
from gateway.vault.boxes import CONTENT, Nonces, Vault
from gateway.vault.keys import KeyProvider, epoch_of

_REMARK = b"toegangsrapport"
OPERATION = "report.access.reviewed"


class ReviewFinding(StrEnum):
    """What came of a review."""

    NOTHING = "geen"
    FOLLOW_UP = "opvolgen"
    INCIDENT = "incident"


class CaseNeededError(Exception):
    """A finding that is followed up belongs to a case."""


@dataclass(frozen=True, slots=True)
class Review:
    """What an officer says of a month; `remark` is for whoever follows it up."""

    month: str
    officer: str
    finding: ReviewFinding
    case: str | None = None
    remark: str | None = None


async def review_month(
    engine: AsyncEngine,
    vault: Vault,
    keys: KeyProvider,
    review: Review,
    sign: Sign,
    limits: Thresholds | None = None,
) -> AccessReport:
    """Sign for a month's report. Gives the report that was signed for.

    Raises `MayNotActError`, `NoSuchMonthError` or `CaseNeededError`.
    """
    if review.finding is not ReviewFinding.NOTHING and review.case is None:
        raise CaseNeededError("a finding that is followed up belongs to a case")
    suspended = [one.id for one in await list_partners(engine) if one.is_suspended]
    async with engine.begin() as connection:
        now = whole_second(await moment_of(connection))
        officer = may_look((await officers_by_id(connection)).get(review.officer), now)
        period = Period(review.month)
        if not period.is_over(now):
            raise NoSuchMonthError("this month is not over")
        raw = await driver_of(connection)
        report = await report_of(
            raw, keys, period, now, officer.id, limits or Thresholds(), suspended
        )
        id_, entry = new_id(), new_id()
        signature = signed_act(officer, Act.REVIEW_ACCESS, id_, now, _decided(review, report), sign)
        await insert_review(raw, _row(vault, review, report, id_, now, signature, entry))
        actor = Actor(ActorKind.OFFICER, officer.id, officer.key_id)
        await append_leaves(raw, TOEGANG, [_leaf(review, report, actor, now, entry)])
        return report


def _decided(review: Review, report: AccessReport) -> dict[str, str]:
    remark = hashlib.sha256((review.remark or "").encode()).hexdigest()
    return {
        "case": review.case or "",
        "digest": report.digest.hex(),
        "finding": review.finding.value,
        "month": review.month,
        "remark": remark,
    }


def _row(
    vault: Vault,
    review: Review,
    report: AccessReport,
    id_: UUID,
    now: datetime,
    signature: bytes,
    entry: UUID,
) -> AccessReview:
    key, wrapped = vault.new_key(id_, CONTENT, epoch_of(now))
    remark = None
    if review.remark is not None:
        remark = key.seal(review.remark.encode(), id_.bytes + _REMARK, Nonces().take())
    return AccessReview(
        id_,
        review.month,
        review.officer,
        review.finding.value,
        review.case,
        report.digest,
        wrapped.epoch,
        wrapped.wrapped,
        remark,
        now,
        signature,
        entry,
    )


def _leaf(review: Review, report: AccessReport, actor: Actor, now: datetime, entry: UUID) -> Leaf:
    millis = int(now.timestamp() * 1000)
    act = AccessAct(
        OPERATION,
        Action.CREATE,
        actor,
        new_trace(),
        millis,
        millis,
        outcome=review.finding.value,
        target=Target("access-report", f"{review.month}/{report.digest.hex()}"),
        reason=Reason("maandcontrole", review.case),
    )
    return access_leaf(act, id_=entry)
