"""What the access log holds of a request, and which requests it holds (NEN 7513, ADR 0016).

Every request of a known caller leaves one entry before it is answered, whatever the answer. Left
out are those that tell of nobody (hashes, proofs, keys, the description, health), and those that
recorded themselves: a message that was decided on, whose decision names its sender, and a page of
a mailbox, whose entry stands in the transaction that releases it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from gateway.audit.access import NOBODY, Act, Action, Actor, ActorKind, Target
from gateway.audit.entries import Trace
from gateway.identity.desk import TOKEN_PATH
from gateway.identity.tokens import Caller

RECORDED = "sluis.recorded"
"""Set in a request's scope by an operation that left its own entry, or did nothing to record."""
APART = "sluis.apart"
"""Set in a request's scope where it is about a protected exchange of who asks (invariant 14)."""
TOKEN_HOLDER = "sluis.token-holder"  # noqa: S105  # a name
"""Set in a token request's scope: whom a token was made for."""

_OF_NOBODY = (
    *("leesControlepunt", "leesGetuigdControlepunt", "leesOpnamebewijs", "leesLogboeksleutels"),
    *("leesSamenhang", "leesVoorganger"),
)
_PROTECTED = ("legVeiligContactVast",)
_READING = re.compile(r"^(lees|lijst|haal|volg|vraag|zoek)")
_ACTIONS = {
    "GET": Action.READ,
    "PUT": Action.UPDATE,
    "PATCH": Action.UPDATE,
    "DELETE": Action.DELETE,
}
UNKNOWN_ADDRESS = "onbekend-adres"


def keeping_apart(scope: MutableMapping[str, Any]) -> Callable[[], None]:
    """What an operation calls once it turns out to be about a protected exchange."""

    def keep() -> None:
        scope[APART] = True

    return keep


def actor_of(caller: Caller | None) -> Actor:
    """Who acts, by the token."""
    if caller is None:
        return NOBODY
    return Actor(ActorKind.PARTNER, caller.id, caller.key or None)


def operation_of(scope: MutableMapping[str, Any], hot: str | None = None) -> str:
    """The name of what was asked; no address, which may hold anything."""
    if hot is not None:
        return hot
    if scope["path"] == TOKEN_PATH:
        return "vraagToken"
    return getattr(scope.get("route"), "operation_id", None) or UNKNOWN_ADDRESS


def is_recorded(scope: MutableMapping[str, Any], operation: str) -> bool:
    """Whether the border records this request."""
    path = scope["path"]
    if scope.get(RECORDED) or not (path.startswith("/v1/") or path == TOKEN_PATH):
        return False
    if path == "/v1/openapi.json" or operation.startswith(_OF_NOBODY):
        return False
    return not operation.startswith("leesTegel") or "/tile/entries/" in path


def act_of(
    scope: MutableMapping[str, Any],
    operation: str,
    caller: Caller | None,
    status: int,
    trace: Trace,
    started: datetime,
    clock: Callable[[], datetime],
) -> Act:
    """The entry's contents."""
    action = _ACTIONS.get(scope["method"], Action.CREATE)
    if _READING.match(operation):
        action = Action.EXECUTE if operation == "vraagToken" else Action.READ
    return Act(
        operation,
        action,
        scope.get(TOKEN_HOLDER) or actor_of(caller),
        trace,
        int(started.timestamp() * 1000),
        int(clock().timestamp() * 1000),
        is_error=status >= HTTPStatus.BAD_REQUEST,
        outcome=str(int(status)),
        target=_target(scope),
        is_protected=scope.get(APART, False)
        or operation.startswith(_PROTECTED)
        or operation.endswith("Beschermd"),
    )


def _target(scope: MutableMapping[str, Any]) -> Target | None:
    """The id in the address, if it is one of ours: what else stood there is not repeated.

    As we write it: a route takes an id in capitals, without hyphens or as a URN, too.
    """
    for name, value in scope.get("path_params", {}).items():
        try:
            return Target(str(name), str(UUID(str(value))))
        except ValueError:
            continue
    return None
