"""A pack's figures for programs: `overzicht.json`, and what `--json` shows. Moments are UTC."""

from __future__ import annotations

from uuid import UUID

from gateway.audit.series import NAMES
from gateway.reports.breach.findings import Findings
from gateway.store.groups import BESCHERMD, VERWERKINGEN

FORM = "sluis-datalek-v1"


def overview_of(pack: UUID, findings: Findings) -> dict[str, object]:
    """The pack's figures, for programs; moments are UTC."""
    seen = findings.exposure
    return {
        "form": FORM,
        "pack": str(pack),
        "part": NAMES[BESCHERMD if findings.is_protected else VERWERKINGEN],
        "madeAt": findings.made_at.isoformat(),
        "madeBy": findings.made_by,
        "case": findings.case,
        "scope": {
            "kind": findings.scope.kind.value,
            "partner": findings.scope.partner,
            "flow": findings.scope.flow,
            "key": findings.scope.key,
            "officer": findings.scope.officer,
            "since": findings.scope.since.isoformat(),
            "until": findings.scope.until.isoformat(),
        },
        "clock": None
        if findings.clock is None
        else {
            "discoveredAt": findings.clock.discovered_at.isoformat(),
            "notifyBefore": findings.clock.until.isoformat(),
            "isOver": findings.clock.is_over,
        },
        "persons": seen.persons,
        "minors": findings.minors,
        "ageUnknown": findings.age_unknown,
        "erasedSince": seen.erased,
        "withSecretAddress": findings.secret.persons,
        "messagesStillReadable": findings.secret.exchanges_looked_at,
        "personsBySpecial": {special.value: n for special, n in seen.persons_by_special.items()},
        "exchanges": seen.exchanges,
        "handOvers": seen.hand_overs,
        "emergencyReleases": seen.emergencies,
        "first": seen.first,
        "last": seen.last,
        "recipients": [
            {
                "recipient": one.id,
                "flows": list(one.flows),
                "persons": one.persons,
                "exchanges": one.exchanges,
                "handOvers": one.hand_overs,
                "isReachOnly": one.is_reach,
                "first": one.first,
                "last": one.last,
            }
            for one in seen.recipients
        ],
        "categories": [
            {
                "category": one.id,
                "special": [special.value for special in one.specials],
                "persons": one.persons,
                "exchanges": one.exchanges,
            }
            for one in seen.categories
        ],
        "fields": [
            {
                "field": one.path,
                "special": one.special.value,
                "treatments": [treatment.value for treatment in one.treatments],
                "isReadable": one.is_readable,
                "exchanges": one.exchanges,
            }
            for one in seen.fields
        ],
        "looked": [
            {"operation": one.operation, "times": one.times, "persons": one.persons}
            for one in findings.looked
        ],
        "waiting": findings.waiting._asdict(),
        "sentUnderItsName": findings.sent,
        "handOversByOtherKeys": findings.of_unknown_key,
        "suspendedAt": None if findings.suspended_at is None else findings.suspended_at.isoformat(),
        "log": [
            {
                "origin": one.origin,
                "first": one.first,
                "end": one.end,
                "signedUpTo": one.size,
                "unsigned": one.unsigned,
                "everyEntryRehashed": one.is_rehashed,
                "holds": one.fault is None,
                "fault": one.fault,
            }
            for one in findings.soundness
        ],
    }
