"""What a partner must survive of its counterparts: late, double, out of order, slow, wrong.

Faults are made in what a simulated party says, never in the road: what the gateway makes of them
(a repeat that has no second effect, a bad record that is refused alone) is seen as in earnest.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from gateway.client import Event
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.outgoing import Outgoing
from gateway.sandbox.population.bsn import failing_eleven_test
from gateway.sandbox.professional import XLSX, as_csv
from gateway.sandbox.wire import as_dict
from schemas.casework import CaseStatus, StatusMessage

SLOWEST = 2.0
"""Seconds that a slow party waits at most before each thing that it says."""


class Fault(StrEnum):
    """How a party misbehaves."""

    LATE = "late"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    SLOW = "slow"
    WRONG = "wrong"


TOLD = {
    Fault.LATE: "reports on what it received one round later",
    Fault.DUPLICATE: "sends everything twice, and each status again under another reference",
    Fault.REORDER: "sends the newest first, and statuses from the last to the first",
    Fault.SLOW: f"waits up to {SLOWEST:.0f} s before each thing that it says",
    Fault.WRONG: "sends a number that is no BSN, and a status that goes back to the beginning",
}


def outgoing_with(fault: Fault | None, messages: Sequence[Outgoing]) -> list[Outgoing]:
    """What is sent instead of these messages."""
    match fault:
        case Fault.DUPLICATE:
            return [same for one in messages for same in (one, one)]
        case Fault.REORDER:
            return list(reversed(messages))
        case Fault.WRONG:
            return [spoilt(one) for one in messages]
        case _:
            return list(messages)


def spoilt(outgoing: Outgoing) -> Outgoing:
    """The same message with the first person's number changed into one that nobody can have.

    In a file of several households the others are as they were.
    """
    if outgoing.media_type == XLSX:
        # A workbook is packed; whoever fills it in by hand mistypes in a table just as well.
        outgoing = as_csv(outgoing.name.removesuffix(".xlsx"), outgoing.referrals)
    numbers = [
        member["burgerservicenummer"]
        for referral in outgoing.referrals
        for member in as_dict(referral)["huishouden"]["leden"]
        if "burgerservicenummer" in member
    ]
    bad = outgoing.content
    for number in numbers:
        if number.encode() in bad:
            bad = bad.replace(number.encode(), failing_eleven_test(number).encode())
            break
    # Nothing is recorded beside it of a person whom the message does not name.
    return replace(outgoing, name=f"fout-{outgoing.name}", content=bad, consents=(), authority=())


def statuses_with(fault: Fault | None, decide: DecideStatus) -> DecideStatus:
    """What is said of a case instead of what would have been said."""

    def said(event: Event) -> list[StatusMessage]:
        told = list(decide(event))
        match fault:
            case Fault.DUPLICATE:
                return [same for one in told for same in (one, one, _again(one))]
            case Fault.REORDER:
                return told[::-1]
            case Fault.WRONG if told:
                back = {"reference": f"{told[-1].reference}-terug", "status": CaseStatus.INTAKE}
                return [*told, told[-1].model_copy(update=back | {"close_reason": None})]
            case _:
                return told

    return said


async def pause_of(fault: Fault | None, seconds: float = SLOWEST) -> None:
    """Wait before something is said, as a slow party does."""
    if fault is Fault.SLOW:
        await asyncio.sleep(random.uniform(0, seconds))  # noqa: S311 - no secret


def _again(message: StatusMessage) -> StatusMessage:
    return message.model_copy(update={"reference": f"{message.reference}-nogmaals"})
