"""What a message rests on by the version that decided it: grounds, fields, terms, in codes."""

from __future__ import annotations

from collections.abc import Iterator

from consent.protocol import Flow, Protocol
from gateway.reports.dossier.contents import FieldTold, Ground, Kept, Lock
from gateway.store.dossiers import StoredExchange
from schemas.fields import MessageKind, Special, Treatment

_SPECIAL = {Special.HEALTH: Lock.HEALTH, Special.CRIMINAL: Lock.CRIMINAL}


def flow_of(protocol: Protocol | None, name: str | None) -> Flow | None:
    """The flow of this name in a version that can be read."""
    if protocol is None:
        return None
    return next((flow for flow in protocol.flows if flow.id == name), None)


def purpose_told(protocol: Protocol | None, purpose: str | None) -> str | None:
    """A purpose in the version's own words."""
    if protocol is None or purpose is None or purpose not in protocol.purposes:
        return None
    return protocol.purposes[purpose].description


def asks_agreement(flow: Flow, one: StoredExchange) -> bool:
    """Whether this message needed anybody's yes."""
    return flow.locks.agreement.required and not one.is_emergency and not one.is_protected


def is_nameless(flow: Flow) -> bool:
    """Whether who it is about cannot be seen by its recipient."""
    # Other messages bear the receiver's own key of the case, so that it knows whom they are about.
    is_identifying = Treatment.IDENTIFY in flow.fields.values()
    return flow.message is MessageKind.REFERRAL and not is_identifying


def kept_at_most(flow: Flow) -> Kept:
    """How long the gateway keeps content."""
    kept = flow.retention
    return Kept(
        hold_days=kept.hold_days,
        unclaimed_days=kept.unclaimed_days,
        after_receipt_days=kept.after_receipt_days,
    )


def field_told(flow: Flow, path: str) -> FieldTold:
    """A field with what the flow does with it."""
    return FieldTold(path=path, treatment=flow.fields.get(path, Treatment.KEEP))


def grounds_of(flow: Flow, one: StoredExchange) -> Iterator[Ground]:
    """Each ground that opened a lock of this message."""
    locks = flow.locks
    if one.is_emergency and flow.emergency is not None:
        yield Ground(lock=Lock.EMERGENCY, article=flow.emergency.article)
        return
    yield Ground(lock=Lock.BASIS, basis=locks.basis.kind, article=locks.basis.article)
    for ground in locks.special:
        if ground.special in _SPECIAL:
            yield Ground(
                lock=_SPECIAL[ground.special], article=ground.article, by_consent=ground.by_consent
            )
    if locks.secrecy is not None:
        yield Ground(
            lock=Lock.SECRECY, article=locks.secrecy.article, by_consent=locks.secrecy.by_consent
        )
    if locks.bsn is not None:
        yield Ground(lock=Lock.BSN, article=locks.bsn.article)
    if one.is_protected and flow.protection is not None:
        yield Ground(lock=Lock.PROTECTION, article=flow.protection.article)
