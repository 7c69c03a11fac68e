"""Leaves into lines: what a page of the log needs to be read, and which series is read how.

What an entry does not say itself stands in the protocol version that it names by digest: to whom a
flow goes, and for which purpose. Versions are read once and kept; an unknown digest makes us look
again. A version that can no longer be read leaves lines without those facts, never without lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Protocol
from uuid import UUID

from consent.protocol import ProtocolError, load
from gateway.audit.entries import Event
from gateway.pseudonyms.projections import ProjectedPseudonyms
from gateway.reports.projections.ldv import FlowFacts, Read, Source, lines_of, read_leaf
from gateway.reports.projections.lines import Line, Links, Scalar
from gateway.reports.projections.nen7513 import access_lines
from gateway.reports.projections.receiving import Projected
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, Connection
from gateway.store.projections import SourceLeaf, known_subjects, protocol_texts
from gateway.vault.keys import KeyProvider

DOMAIN = "ldv"
"""The domain of the municipality's own logbook: what lines and the read API name persons in."""


class Projector(Protocol):
    """Makes lines of leaves of one series."""

    async def project(
        self, connection: Connection, leaves: Sequence[SourceLeaf]
    ) -> list[Projected]:
        """The lines of each leaf, in order."""


class ProcessingProjector:
    """Lines of Logboek Dataverwerkingen, from the series *verwerkingen* and *beschermd*."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._flows: dict[tuple[str, str], FlowFacts] = {}
        self._known: frozenset[str] = frozenset()

    async def project(
        self, connection: Connection, leaves: Sequence[SourceLeaf]
    ) -> list[Projected]:
        """The lines of each leaf, in order."""
        flows = await self._facts(connection, leaves)
        subjects = {subject for leaf in leaves for subject in leaf.subjects}
        known = await known_subjects(connection, subjects)
        entries = [read_leaf(leaf, flows) for leaf in leaves]
        return [Projected(read, lines_of(read, known, self._source)) for read in entries]

    async def _facts(
        self, connection: Connection, leaves: Sequence[SourceLeaf]
    ) -> Mapping[tuple[str, str], FlowFacts]:
        named = {digest for leaf in leaves if (digest := _digest_of(leaf.entry)) is not None}
        if not named <= self._known:
            texts = await protocol_texts(connection)
            self._flows = dict(flow for _, text in texts for flow in _flows_of(text))
            self._known = frozenset({digest.hex() for digest, _ in texts} | named)
        return self._flows


class AccessProjector:
    """Lines with the NEN 7513 extension, from the series *toegang* and *toegang-beschermd*."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def project(
        self, connection: Connection, leaves: Sequence[SourceLeaf]
    ) -> list[Projected]:
        """The lines of each leaf, in order."""
        known = await known_subjects(connection, {one for leaf in leaves for one in leaf.subjects})
        entries = [read_leaf(leaf, {}) for leaf in leaves]
        return [Projected(read, self._lines(read, known)) for read in entries]

    def _lines(self, read: Read, known: frozenset[UUID]) -> list[Line]:
        # What keeping the log itself wrote into it is no act of anybody.
        make = access_lines if read.event == Event.ACCESS else lines_of
        return make(read, known, self._source)


def projector_of(series: int, source: Source) -> Projector:
    """How a series is read."""
    if series in {TOEGANG, TOEGANG_BESCHERMD}:
        return AccessProjector(source)
    return ProcessingProjector(source)


def domain_of(series: int, domain: str = DOMAIN) -> str:
    """The domain that lines of a series name persons in: protected exchanges have one apart."""
    return f"{domain}-beschermd" if series in {BESCHERMD, TOEGANG_BESCHERMD} else domain


def source_of(keys: KeyProvider, oin: str, base_url: str, domain: str = DOMAIN) -> Source:
    """How lines of this gateway name it, its register and, in this domain, persons."""
    resource: dict[str, Scalar] = {
        "service.name": "sluis",
        "service.version": version("sluis"),
        "service.instance.id": f"urn:nld:oin:{oin}",
    }
    return Source(Links(base_url), ProjectedPseudonyms(keys, domain), resource)


def _digest_of(entry: bytes) -> str | None:
    # Looked for as text: the whole entry is parsed once, when its lines are made.
    _, _, rest = entry.partition(b'"protocol":{"digest":"')
    return rest[:64].decode("ascii", "replace") if rest else None


def _flows_of(text: str) -> list[tuple[tuple[str, str], FlowFacts]]:
    with suppress(ProtocolError):
        protocol = load(text)
        digest = protocol.digest.hex()
        return [
            (
                (digest, flow.id),
                FlowFacts(
                    flow.sender,
                    flow.recipient,
                    protocol.purposes[flow.purpose].description,
                    flow.controller,
                ),
            )
            for flow in protocol.flows
        ]
    return []
