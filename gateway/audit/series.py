"""The logs by name: four series, each a chain of volumes with an origin of its own.

A volume is one C2SP log, named `sluis/<oin>/<series>/<volume>` after the year it was opened in.
The key is the series' own and serves all of its volumes; a verifier key (vkey) names the origin
too, so that what was signed for one volume never vouches for another. Promises in receipts name
the series, for in which volume an entry will stand is known at its commit.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.note import KeyKind, VerifierKey
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, VERWERKINGEN
from gateway.vault.keys import KeyProvider, signing_key

NAMES = {
    VERWERKINGEN: "verwerkingen",
    BESCHERMD: "beschermd",
    TOEGANG: "toegang",
    TOEGANG_BESCHERMD: "toegang-beschermd",
}
"""The series' names, in origins and addresses."""
OPEN_TO_ALL = frozenset({VERWERKINGEN, TOEGANG})
"""Whose size may be known to every partner; that of the others tells of protected exchanges."""


class Origins:
    """The names of one gateway's logs. `oin` is the gateway's own."""

    def __init__(self, oin: str) -> None:
        self._oin = oin

    def promised(self, series: int) -> str:
        """The name that promises are made under: the series', without a volume."""
        return f"sluis/{self._oin}/{NAMES[series]}"

    def origin(self, series: int, volume: str) -> str:
        """A volume's origin; one that was begun before volumes had names bears the series'."""
        name = self.promised(series)
        return f"{name}/{volume}" if volume else name


class Logbooks(Origins):
    """The names and keys of one gateway's logs."""

    def __init__(self, oin: str, keys: KeyProvider) -> None:
        super().__init__(oin)
        self._keys = {series: signing_key(keys, f"log/{name}") for series, name in NAMES.items()}

    def key(self, series: int) -> Ed25519PrivateKey:
        """What signs a series' checkpoints and promises."""
        return self._keys[series]

    def verifier(self, series: int, volume: str) -> VerifierKey:
        """The key by which anybody checks a volume."""
        return VerifierKey.of(self.origin(series, volume), self.key(series), KeyKind.ED25519)

    def vkey(self, series: int, volume: str) -> str:
        """The same, as C2SP writes it."""
        return self.verifier(series, volume).encode()
