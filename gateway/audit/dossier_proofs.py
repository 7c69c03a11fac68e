"""The proofs in a dossier, checked offline: each entry stands in a signed log; it is this person's.

A dossier is JSON with a list `bewijzen`; of each member is read here: `bewijs`, a C2SP tlog-proof
as text, or null while no signed checkpoint covers the entry; `logregel`, the entry's bytes in
base64, or `bladhash`, its leaf hash, where others' data in the entry forbid to show it; `opening`,
the entry's key for this person (`sleutel`) and the person's id (`persoon`), which make the
commitment that the entry holds; and `verbintenis`, such an opening with the value that it makes
(`waarde`) for an entry that is not shown, which whoever may read the entry finds in it.

What else the dossier says, in words, is not proven by this: the entries are.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.audit.entry import EntryError, decode_entry
from gateway.audit.merkle import HASH_SIZE, ProofError, leaf_hash
from gateway.audit.note import NoteError, VerifierKey, decode_base64
from gateway.audit.tlog_proof import read_tlog_proof, verify_tlog_proof

MAX_DOSSIER_BYTES = 100_000_000


class DossierError(ValueError):
    """A dossier's proofs do not hold; names the proof by its number from 0, and the rule."""

    def __init__(self, rule: str, number: int | None = None) -> None:
        super().__init__(rule if number is None else f"proof {number}: {rule}")
        self.rule = rule
        self.number = number


@dataclass(frozen=True, slots=True)
class VerifiedDossier:
    """How many proofs held, how many commitments were opened, and how many have no proof yet."""

    proofs: int
    openings: int
    waiting: int
    logs: Mapping[str, int]
    """The largest size of each log that was proven against, by its origin."""


class _Opening(BaseModel):
    model_config = ConfigDict(extra="ignore")

    key: str = Field(alias="sleutel")
    person: UUID = Field(alias="persoon")

    def value(self) -> str:
        secret = decode_base64(self.key)
        if len(secret) != HASH_SIZE:
            raise NoteError("the key of an opening is not 32 bytes long")
        digest = sha256(secret + self.person.bytes).digest()
        return b2a_base64(digest, newline=False).decode("ascii")


class _Stated(_Opening):
    stated: str = Field(alias="waarde")


class _Proof(BaseModel):
    model_config = ConfigDict(extra="ignore")  # a dossier says much else beside each proof

    proof: str | None = Field(alias="bewijs")
    entry: str | None = Field(alias="logregel", default=None)
    leaf_hash: str | None = Field(alias="bladhash", default=None)
    opening: _Opening | None = None
    commitment: _Stated | None = Field(alias="verbintenis", default=None)


class _Dossier(BaseModel):
    model_config = ConfigDict(extra="ignore")

    proofs: list[_Proof] = Field(alias="bewijzen")


def verify_dossier(data: bytes, keys: Sequence[VerifierKey], quorum: int = 0) -> VerifiedDossier:
    """Check every proof in a dossier; `DossierError` at the first that does not hold."""
    try:
        dossier = _Dossier.model_validate(orjson.loads(data))
    except (orjson.JSONDecodeError, ValidationError):
        raise DossierError("this is no dossier with proofs") from None  # the cause quotes it
    proven, opened, logs = 0, 0, dict[str, int]()
    for number, one in enumerate(dossier.proofs):
        if one.proof is None:
            continue
        try:
            origin, size = _verify(one, keys, quorum)
        except (NoteError, ProofError, EntryError) as error:
            raise DossierError(str(error), number) from error
        logs[origin] = max(size, logs.get(origin, 0))
        proven += 1
        opened += one.opening is not None
    if not proven:
        raise DossierError("the dossier holds no proofs")
    return VerifiedDossier(proven, opened, len(dossier.proofs) - proven, logs)


def _verify(one: _Proof, keys: Sequence[VerifierKey], quorum: int) -> tuple[str, int]:
    entry = None if one.entry is None else decode_base64(one.entry)
    if entry is not None:
        leaf = leaf_hash(entry)
    elif one.leaf_hash is not None:
        leaf = decode_base64(one.leaf_hash)
    else:
        raise ProofError("neither an entry nor a leaf hash is there")
    proof = read_tlog_proof((one.proof or "").encode())
    stated = verify_tlog_proof(proof, leaf, keys, quorum).checkpoint
    if one.commitment is not None and one.commitment.value() != one.commitment.stated:
        raise ProofError("a commitment is not what it opens to")
    if one.opening is not None:
        _check_opening(one.opening, entry)
    return stated.origin, stated.size


def _check_opening(opening: _Opening, entry: bytes | None) -> None:
    if entry is None:
        raise ProofError("an opening needs the entry")
    subjects = decode_entry(entry).get("subjects")
    if not isinstance(subjects, list) or opening.value() not in subjects:
        raise ProofError("the entry does not commit to this person")
