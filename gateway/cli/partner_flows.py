"""Which flows the protocol in force gives a partner: asked before it is registered, and told after.

A flow is admitted by a version of the protocol and by nothing that is said here: `--flow` only
holds what an operator expects against what was approved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Flow, Protocol, load
from gateway.cli.failures import NOT_DONE, Failure
from gateway.store.protocols import protocol_in_force
from gateway.store.rules import NoProtocolError


@dataclass(frozen=True, slots=True)
class FlowsOf:
    """What a partner may send and gets, by the version in force; none where there is no version."""

    partner: str
    protocol: Protocol | None

    @property
    def sends(self) -> tuple[Flow, ...]:
        """What it may send."""
        return tuple(one for one in self._all if one.sender == self.partner)

    @property
    def receives(self) -> tuple[Flow, ...]:
        """What it gets."""
        return tuple(one for one in self._all if one.recipient == self.partner)

    @property
    def named(self) -> tuple[str, ...]:
        """The ids of both."""
        return tuple(one.id for one in (*self.sends, *self.receives))

    def description(self, flow: Flow) -> str:
        """What the flow is for, as the protocol says it."""
        return "" if self.protocol is None else self.protocol.purposes[flow.purpose].description

    def closed_until(self, flow: Flow, today: date) -> str | None:
        """Why no message passes by this flow today: an agreement that is not in force."""
        if self.protocol is None:
            return None
        for name in flow.agreements:
            signed = self.protocol.covenants[name]
            if not signed.is_in_force(today):
                return f"{name}: {signed.starts} - {signed.ends}"
        return None

    @property
    def _all(self) -> tuple[Flow, ...]:
        return () if self.protocol is None else self.protocol.flows


async def flows_of(engine: AsyncEngine, partner: str) -> FlowsOf:
    """The flows of a partner, registered or not."""
    try:
        stored = await protocol_in_force(engine)
    except NoProtocolError:
        return FlowsOf(partner, None)
    return FlowsOf(partner, load(stored.text))


def check_flows(flows: FlowsOf, asked: Sequence[str]) -> None:
    """Hold the flows that were asked for against the protocol. Raises `Failure`."""
    if not asked:
        return
    if flows.protocol is None:
        raise Failure(
            "--flow: no privacy protocol is in force", "see `sluis protocol enforce`", NOT_DONE
        )
    ours = flows.named
    unknown = sorted(set(asked) - {one.id for one in flows.protocol.flows})
    others = sorted(set(asked) - set(ours) - set(unknown))
    if not unknown and not others:
        return
    version = flows.protocol.version
    told = [f"protocol {version} has no flow {one}" for one in unknown]
    told += [f"protocol {version} gives {one} to others" for one in others]
    gives = (
        f"it gives {flows.partner} {', '.join(ours)}" if ours else f"it gives {flows.partner} none"
    )
    raise Failure(
        f"--flow: {'; '.join(told)}", f"{gives}; other flows take a new version", NOT_DONE
    )
