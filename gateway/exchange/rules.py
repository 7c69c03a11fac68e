"""The rules in force, as one value: protocol, partners, and what is compiled from them.

A book belongs to a generation; a deciding transaction that finds a newer number behind its lock
reads the rules again first, so that every message is decided by exactly one version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from consent.decide import FlowTable, compile_table
from consent.minimise import MinimisationPlan
from consent.protocol import Flow, Locks, Protocol
from gateway.audit.entries import RuleFacts
from gateway.exchange.successors import NO_SUCCESSIONS, Successions
from gateway.pseudonyms.domains import Domain
from gateway.pseudonyms.epochs import Lineage, Pseudonyms, Switch
from gateway.vault.keys import KeyProvider
from schemas.fields import Treatment

UNKNOWN_ACTIVITY = "urn:sluis:geen-gegevensstroom"
RENEWAL_ACTIVITY = "urn:sluis:verwerking:pseudoniemen"
"""The processing activity that entries about a renewal of pseudonyms name."""


@dataclass(frozen=True, slots=True)
class CompiledFlow:
    """A flow with all that applying it takes."""

    flow: Flow
    plan: MinimisationPlan
    emergency: MinimisationPlan | None
    lineage: Lineage
    """The recipient's pseudonyms by the position of an event in its mailbox."""
    facts: RuleFacts
    protected_facts: RuleFacts
    emergency_facts: RuleFacts
    hold: timedelta
    unclaimed: timedelta

    @property
    def here(self) -> timedelta:
        """How long a message can be handed over: until it is fetched, and once more after that."""
        return self.unclaimed + timedelta(days=self.flow.retention.after_receipt_days)

    @property
    def tells_known(self) -> bool:
        """Whether its recipient reads of each member if they were known to it before."""
        return self.flow.fields.get("lid.reedsBekend") is Treatment.KEEP

    @property
    def domain(self) -> Domain:
        """The pseudonyms of all that is queued from now on, made in the transaction that does."""
        return self.lineage.newest


@dataclass(frozen=True, slots=True)
class RuleBook:
    """One generation of the rules."""

    generation: int
    table: FlowTable
    flows: Mapping[str, CompiledFlow]
    suspended: frozenset[str]
    no_flow: RuleFacts
    renewal: RuleFacts
    """The same, of a renewal of pseudonyms."""
    older: Mapping[tuple[bytes, str], MinimisationPlan]
    """The plans of superseded versions, by protocol digest and flow."""
    older_emergency: Mapping[tuple[bytes, str], MinimisationPlan]
    """The same of what an emergency release could carry."""
    pseudonyms: Pseudonyms
    successions: Successions = NO_SUCCESSIONS
    """Who took over from whom, as far as that was decided."""

    @property
    def protocol(self) -> Protocol:
        return self.table.protocol

    def flow_to(self, recipient: str | None, flow: str | None) -> CompiledFlow | None:
        """The flow of this id, where it goes to this recipient: a version may give it to another.

        By its names nobody else knows anybody.
        """
        found = self.flows.get(flow or "")
        return None if found is None or found.flow.recipient != recipient else found

    def facts(
        self, flow: str | None, *, is_protected: bool = False, is_emergency: bool = False
    ) -> RuleFacts:
        """What an entry says of this flow and of what opened it; of none, where none was found."""
        if flow is None:
            return self.no_flow
        if is_emergency:
            return self.flows[flow].emergency_facts
        return self.flows[flow].protected_facts if is_protected else self.flows[flow].facts


def open_book(
    generation: int,
    protocol: Protocol,
    older: Iterable[Protocol],
    suspended: Iterable[str],
    keys: KeyProvider,
    switches: Mapping[str, Sequence[Switch]] = MappingProxyType({}),
) -> RuleBook:
    """Compile a generation of the rules; `older` are the versions that came before.

    `switches` are each recipient's moves to another epoch of pseudonyms, in their order.
    """
    pseudonyms = Pseudonyms(keys)
    flows = {
        flow.id: CompiledFlow(
            flow=flow,
            plan=MinimisationPlan(flow),
            emergency=_emergency_plan(flow),
            lineage=pseudonyms.lineage(
                flow.recipient, flow.linkage_group, switches.get(flow.recipient, ())
            ),
            facts=_facts(protocol, flow.id, flow.processing_activity, _opened(flow.locks)),
            protected_facts=_facts(
                protocol, flow.id, flow.processing_activity, _opened_protected(flow)
            ),
            emergency_facts=_facts(
                protocol, flow.id, flow.processing_activity, _opened_in_emergency(flow)
            ),
            hold=timedelta(days=flow.retention.hold_days),
            unclaimed=timedelta(days=flow.retention.unclaimed_days),
        )
        for flow in protocol.flows
    }
    return RuleBook(
        generation=generation,
        table=compile_table(protocol),
        flows=flows,
        suspended=frozenset(suspended),
        no_flow=_facts(protocol, None, UNKNOWN_ACTIVITY, {}),
        renewal=_facts(protocol, None, RENEWAL_ACTIVITY, {}),
        older={
            (version.digest, flow.id): MinimisationPlan(flow)
            for version in older
            for flow in version.flows
        },
        older_emergency={
            (version.digest, flow.id): plan
            for version in older
            for flow in version.flows
            if (plan := _emergency_plan(flow)) is not None
        },
        pseudonyms=pseudonyms,
    )


def _emergency_plan(flow: Flow) -> MinimisationPlan | None:
    """The flow's field list, less what an emergency release may not carry."""
    if flow.emergency is None:
        return None
    listed = {path: flow.fields[path] for path in flow.emergency.fields}
    return MinimisationPlan(flow.model_copy(update={"fields": listed}))


def _facts(protocol: Protocol, flow: str | None, activity: str, locks: dict[str, str]) -> RuleFacts:
    return RuleFacts(
        flow=flow,
        activity=activity,
        protocol_version=protocol.version,
        protocol_digest=protocol.digest,
        locks=locks,
    )


def _opened_protected(flow: Flow) -> dict[str, str]:
    """What opens a protected exchange: nobody is asked, and no consent breaks secrecy."""
    opened = _opened(flow.locks)
    rule = flow.protection
    if rule is None:
        return opened
    opened |= {"bescherming": rule.article, "instemming": "niet gevraagd: beschermd"}
    if flow.locks.secrecy is not None and flow.locks.secrecy.by_consent:
        opened["beroepsgeheim"] = rule.secrecy or rule.article
    return opened


def _opened_in_emergency(flow: Flow) -> dict[str, str]:
    """What opens an emergency release: a basis of its own."""
    opened = _opened(flow.locks)
    if flow.emergency is None:
        return opened
    article = flow.emergency.article
    opened |= {"grondslag": f"vitaal-belang: {article}", "instemming": "niet gevraagd: nood"}
    if flow.locks.secrecy is not None:
        opened["beroepsgeheim"] = article
    return opened


def _opened(locks: Locks) -> dict[str, str]:
    """Each lock with what opened it, for the entries."""
    opened = {"grondslag": f"{locks.basis.kind}: {locks.basis.article}"}
    if locks.special:
        opened["bijzonder"] = "; ".join(f"{s.special}: {s.article}" for s in locks.special)
    if locks.secrecy is not None:
        opened["beroepsgeheim"] = locks.secrecy.article
    if locks.bsn is not None:
        opened["bsn"] = locks.bsn.article
    agreement = locks.agreement
    opened["instemming"] = (
        f"vereist: {agreement.household}" if agreement.required else "niet vereist"
    )
    return opened
