"""From what somebody wrote down of a person to the handle that the gateway knows them by.

Commands name a person by a file that holds the BSN, never by an argument, which others can read in
the list of processes and in the shell's history (invariant 3). The number goes no further than
here: what comes out is keyed.
"""

from __future__ import annotations

from gateway.pseudonyms.domains import Handles
from schemas.identifiers import Bsn


class NoBsnError(ValueError):
    """The text is no BSN; the message names the rule and not the text."""


def handle_in(text: str, handles: Handles) -> bytes:
    """The handle of the person whose BSN is the whole of this text, spaces around it aside.

    Raises `NoBsnError`.
    """
    try:
        return handles.of(Bsn(text.strip()))
    except ValueError as error:
        raise NoBsnError(str(error)) from None
