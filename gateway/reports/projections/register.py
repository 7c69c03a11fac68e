"""The register of processing activities that lines link to: activities, versions and parties.

Rules: Logboek Dataverwerkingen, "Component: Register" (every relevant change is a new version with
its time, so that a link and a moment lead to one version) and the draft register API
(rvva-openapi 0.1), whose three resources these are. Activities are the protocol's flows, with
every version that was in force, and the gateway's own. What is planned is no activity yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from consent.processing_register import (
    InForce,
    PartyName,
    activities,
    register_id,
    register_json,
)
from consent.protocol import ProtocolError, load
from gateway.reports.projections.activities import OWN, OwnActivity
from gateway.reports.projections.ldv import GATEWAY
from gateway.store.partners import list_partners
from gateway.store.protocols import StoredProtocol, all_protocols

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity: what the draft says of it, and its versions by number."""

    resource: Json
    versions: Mapping[int, Json]


@dataclass(frozen=True, slots=True)
class Register:
    """The register as it is now; `flows` says which flows an activity's id stands for."""

    activities: Mapping[str, Activity]
    entities: Mapping[str, Json]
    flows: Mapping[str, frozenset[str]]


async def read_register(engine: AsyncEngine, now: datetime, oin: str) -> Register:
    """The register, from the versions on record and the partners that are registered."""
    names = {one.id: PartyName(one.name, one.oin) for one in await list_partners(engine)}
    history, _ = history_of(await all_protocols(engine), now)
    return register_of(history, names, oin)


def register_of(history: Sequence[InForce], parties: Mapping[str, PartyName], oin: str) -> Register:
    """The register of these versions; `oin` is the gateway's own."""
    told = register_json(activities(history), parties)
    listed = told["processingActivities"]
    assert isinstance(listed, list)  # noqa: S101  # made just now
    found: dict[str, Activity] = {}
    for one in listed:
        # Flows that the protocol counts as one activity are versions of that one.
        found[str(one["id"])] = _flow_activity(one, found.get(str(one["id"])))
    found |= {register_id(one.uri): _own_activity(one) for one in OWN}
    named = {party for one in history for party in one.protocol.parties} | set(parties)
    entities = {register_id(party): _entity(party, parties) for party in sorted(named)}
    own = PartyName("Gegevensuitwisseling sociaal domein (deze gateway)", oin)
    entities[register_id(GATEWAY)] = _entity(GATEWAY, {GATEWAY: own})
    flows: dict[str, set[str]] = {}
    for one in history:
        for flow in one.protocol.flows:
            flows.setdefault(register_id(flow.processing_activity), set()).add(flow.id)
    return Register(found, entities, {key: frozenset(ids) for key, ids in flows.items()})


def history_of(stored: Sequence[StoredProtocol], now: datetime) -> tuple[list[InForce], list[str]]:
    """What was in force from when to when, oldest first; versions that cannot be read apart."""
    history: list[InForce] = []
    unread: list[str] = []
    oldest_first = [one for one in stored[::-1] if not one.is_planned or one.in_force_from <= now]
    for number, one in enumerate(oldest_first):
        later = oldest_first[number + 1 :]
        until = later[0].in_force_from if later else None
        if until == one.in_force_from:
            continue  # planned, and replaced before its moment came
        try:
            history.append(InForce(load(one.text), one.in_force_from, until))
        except ProtocolError:
            unread.append(one.version)
    return history, unread


def _flow_activity(told: Json, before: Activity | None) -> Activity:
    listed = told["versions"]
    assert isinstance(listed, list)  # noqa: S101  # made just now
    versions: dict[int, Json] = {} if before is None else dict(before.versions)
    for one in listed:
        number = len(versions) + 1
        versions[number] = {**one, "version": number}
    is_active = told["active"] or (before is not None and before.resource["active"])
    resource = {"id": told["id"], "active": is_active, "latestVersion": len(versions)}
    return Activity(resource, versions)


def _own_activity(own: OwnActivity) -> Activity:
    versions = {
        number: {
            "version": number,
            "name": own.name,
            "purpose": one.purpose,
            "legalBasis": list(one.legal_bases),
            "dataSubjects": ["Citizen", "VulnerableHuman"],
            "personalData": {"categories": list(one.categories)},
            "recipients": {"legalRole": "DataController", "entityId": register_id(GATEWAY)},
            "measures": [],
            "processingOptions": list(one.options),
            "validFrom": one.valid_from,
            "sluis": {"processingActivity": own.uri, "articles": list(one.articles)},
        }
        for number, one in enumerate(own.versions, 1)
    }
    resource: Json = {
        "id": register_id(own.uri),
        "active": True,
        "latestVersion": len(versions),
    }
    return Activity(resource, versions)


def _entity(party: str, parties: Mapping[str, PartyName]) -> Json:
    known = parties.get(party)
    return {
        "id": register_id(party),
        "type": "Organisation",
        "name": party if known is None else known.name,
        "sluis": {"partner": party, "oin": None if known is None else known.oin},
    }
