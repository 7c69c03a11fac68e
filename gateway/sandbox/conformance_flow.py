"""Which of a partner's flows the conformance script tries, read from the protocol as published.

The script belongs to whoever has only the client, so it reads the protocol's text itself and takes
what it needs: a flow of referrals that a made-up household may go by, without protection.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple


class TriedFlow(NamedTuple):
    """A flow to try: where it goes, under which ground, and whether a status may come back."""

    id: str
    recipient: str
    purpose: str
    ground: str | None
    asks_agreement: bool
    gives_status: bool


def tried_flow(text: str, partner: str, today: date) -> TriedFlow | None:
    """The first flow of referrals that is open to this partner today; None if there is none."""
    protocol = tomllib.loads(text)
    flows: list[dict[str, Any]] = protocol.get("gegevensstroom", [])
    signed = {one["id"]: one for one in protocol.get("overeenkomst", [])}
    for flow in flows:
        if flow["verzender"] != partner or flow["bericht"] != "aanmelding":
            continue
        is_hidden = flow.get("bescherming", {}).get("soort") == "altijd"
        names = [flow["overeenkomst"], flow.get("verwerkersovereenkomst", flow["overeenkomst"])]
        if is_hidden or not all(_is_open(signed.get(name), today) for name in names):
            continue
        grounds = flow.get("toegelatenGrondslagen", [])
        back = (flow["ontvanger"], partner, "statusbericht")
        return TriedFlow(
            flow["id"],
            flow["ontvanger"],
            flow["doel"],
            grounds[0] if grounds else None,
            bool(flow["sloten"]["instemming"]["vereist"]),
            any((one["verzender"], one["ontvanger"], one["bericht"]) == back for one in flows),
        )
    return None


def _is_open(agreement: Mapping[str, Any] | None, today: date) -> bool:
    return agreement is not None and agreement["ingang"] <= today <= agreement["einde"]
