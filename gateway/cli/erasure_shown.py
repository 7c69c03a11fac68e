"""What `sluis erase` shows of plans and decisions: classes, counts, grounds, dates, recipients."""

from __future__ import annotations

from datetime import datetime

from gateway.cli.output import Output
from gateway.exchange.erasing import Plan, Proof, Shown
from gateway.exchange.retention_classes import OnRequest, retention_table
from gateway.store.erasing import Disclosed, Held, StoredDecision, ToldOf


def plan_json(plan: Plan) -> dict[str, object]:
    """A plan as one object."""
    counts, table = _counts(plan.held), retention_table()
    return {
        "table": table.version,
        "classes": [
            {
                "class": one.id,
                "onRequest": one.on_request.value,
                "count": counts.get(one.id),
                "ground": one.ground,
                "years": one.years,
                "status": one.status,
            }
            for one in table.classes
        ],
        "recipients": [_disclosed_json(one) for one in plan.disclosed],
        "laws": plan.laws,
        "openDecision": None if plan.decision is None else str(plan.decision),
        "isUnder16": plan.is_under_16,
    }


def show_plan(output: Output, plan: Plan) -> None:
    """A plan for people."""
    counts, table = _counts(plan.held), retention_table()
    for on_request, heading in ((OnRequest.ERASED, "Would go"), (OnRequest.KEPT, "Stays")):
        output.say(heading + ":", style="bold")
        rows = []
        for one in table.classes:
            if one.on_request is on_request:
                count = counts.get(one.id)
                years = "" if one.years is None else f"{one.years} years"
                number = "" if count is None else str(count)
                rows.append((one.id, number, years, one.ground, one.status or ""))
        output.table(("Class", "Number#", "Kept", "Ground", "Status"), rows)
        output.say()
    output.say("To be told first (AVG art. 19):", style="bold")
    told = [_disclosed_row(one) for one in plan.disclosed]
    output.table(("Recipient", "Flow", "Messages#", "Last"), told)
    if not told:
        output.say("nobody: nothing was handed over")
    for law in table.laws:
        if law.id in plan.laws:
            output.say(
                f"Recipients may keep their own file {law.years} years under {law.title}"
                f" ({law.article}; {law.status})."
            )
    if plan.is_under_16:
        output.say("The person is below 16: the legal representative asks (UAVG art. 5).")
    if plan.decision is not None:
        output.say(f"There is a decision to be carried out: {plan.decision}", style="yellow")


def decision_json(one: StoredDecision) -> dict[str, object]:
    """A decision as one object."""
    return {
        "decision": str(one.id),
        "case": one.case,
        "ground": one.ground,
        "capacity": one.capacity,
        "classes": one.classes,
        "signaturesNeeded": one.signatures,
        "waitDays": one.wait_days,
        "decidedAt": one.decided_at.isoformat(),
        "orderedAt": _iso(one.ordered_at),
        "carriedOutAt": _iso(one.carried_out_at),
        "backupsUntil": _iso(one.backups_until),
        "withdrawnAt": _iso(one.withdrawn_at),
        "entry": str(one.entry),
        "erasureEntry": None if one.erasure_entry is None else str(one.erasure_entry),
        "state": state_of(one),
    }


def shown_json(found: Shown) -> dict[str, object]:
    """A decision with everything about it, as one object."""
    return {
        **decision_json(found.decision),
        "signatures": [
            {"officer": one.officer, "act": one.act, "signedAt": one.signed_at.isoformat()}
            for one in found.signatures
        ],
        "identifiedBy": None if found.request is None else found.request.identified_by,
        "told": [_told_json(one) for one in found.told],
        "recipients": [_disclosed_json(one) for one in found.disclosed],
        "laws": found.laws,
        "kept": [{"class": name, "until": until.isoformat()} for name, until in found.kept.items()],
    }


def show_decision(output: Output, found: Shown) -> None:
    """A decision for people."""
    one = found.decision
    output.say(f"Decision {one.id}: {state_of(one)}", style="bold")
    output.say(f"Case {one.case}, ground {one.ground}, asked as {one.capacity}.")
    if found.request is not None:
        output.say(f"Established by: {found.request.identified_by}")
    output.say(f"Signed by {', '.join(s.officer for s in found.signatures)}.")
    output.say(f"Classes that go: {', '.join(one.classes)}.")
    rows = [
        (told.recipient, str(told.about), _day(told.released_at), _day(told.acknowledged_at))
        for told in found.told
    ]
    output.table(("Told", "About exchange", "Fetched", "Acknowledged"), rows)
    if one.carried_out_at is not None and one.backups_until is not None:
        output.say(
            f"Erased {_day(one.carried_out_at)}; unreadable in backups from"
            f" {_day(one.backups_until)}."
        )
    for name, until in found.kept.items():
        output.say(f"Kept until {until}: {name} ({retention_table().named(name).ground}).")


def proof_json(one: Proof) -> dict[str, object]:
    """What is kept of one erasure, as one object."""
    return {
        "classes": {name: until.isoformat() for name, until in one.classes.items()},
        "consents": [
            {
                "purpose": consent.purpose,
                "recipient": consent.recipient,
                "category": consent.category,
                "given": consent.given,
                "decidedBy": consent.decided_by,
                "decidedAt": consent.decided_at.isoformat(),
                "recordedFor": consent.recorded_for,
                "evidence": evidence,
            }
            for consent, evidence in one.consents
        ],
        "disclosures": [
            {
                "exchange": str(kept.exchange),
                "sender": kept.sender,
                "recipient": kept.recipient,
                "flow": kept.flow,
                "releasedAt": kept.released_at.isoformat(),
            }
            for kept in one.disclosures
        ],
    }


def show_proof(output: Output, one: Proof) -> None:
    """What is kept of one erasure, for people."""
    for name, until in one.classes.items():
        output.say(f"Kept until {until}: {name}.", style="bold")
    rows = [
        (
            "yes" if consent.given else "no",
            consent.purpose,
            consent.recipient,
            consent.decided_by,
            _day(consent.decided_at),
            consent.recorded_for,
            evidence or "",
        )
        for consent, evidence in one.consents
    ]
    headings = ("Said", "Purpose", "Recipient", "By", "On", "Recorded for", "Evidence")
    output.table(headings, rows)
    handed = [
        (str(kept.exchange), kept.sender, kept.recipient or "", _day(kept.released_at))
        for kept in one.disclosures
    ]
    output.table(("Exchange", "Sender", "Recipient", "Handed over"), handed)


def state_of(one: StoredDecision) -> str:
    """Where a decision stands, in a few words."""
    if one.withdrawn_at is not None:
        return "withdrawn"
    if one.carried_out_at is not None:
        return "erased"
    return "decided" if one.ordered_at is None else "recipients are told first"


def _counts(held: Held) -> dict[str, int]:
    return {
        "berichten": held.waiting + held.held + held.received,
        "identiteit": 1 + held.has_births,
        "gezag": held.statements,
        "beperkingen": held.restrictions,
        "instemmingsbewijs": held.consents,
        "lekbereik": held.disclosures,
        "noodverstrekking": held.emergencies,
    }


def _disclosed_row(one: Disclosed) -> tuple[str, str, str, str]:
    return one.recipient, one.flow or "", str(one.exchanges), _day(one.last)


def _disclosed_json(one: Disclosed) -> dict[str, object]:
    return {
        "recipient": one.recipient,
        "flow": one.flow,
        "messages": one.exchanges,
        "last": one.last.isoformat(),
    }


def _told_json(one: ToldOf) -> dict[str, object]:
    return {
        "recipient": one.recipient,
        "about": str(one.about),
        "queuedAt": one.queued_at.isoformat(),
        "releasedAt": _iso(one.released_at),
        "acknowledgedAt": _iso(one.acknowledged_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
