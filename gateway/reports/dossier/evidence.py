"""The proof of each line: its entry stands in the signed log, and commits to the person.

Rules: RFC 6962, C2SP tlog-proof, and the commitment of ADR 0007, of which entry key and subject id
are shown. An entry goes along whole only where it is of the person alone and names nobody who
acted; of any other its leaf hash does, with the commitment that stands in it, which a supervisor
can look up at that place (ADR 0022). Protected exchanges that may be told of go without a proof:
its index would tell how many others there are (ADR 0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import commitment, entry_key
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import decode_base64, encode_base64
from gateway.audit.series import NAMES, Logbooks
from gateway.audit.stored import StoredProof, prove_inclusion
from gateway.audit.tlog_proof import TlogProof
from gateway.reports.dossier.contents import Closed, Opening, Proof
from gateway.reports.dossier.gathering import Known, Line
from gateway.store.groups import TOEGANG, VERWERKINGEN, Connection
from gateway.store.log import volumes_of
from gateway.vault.boxes import DataKey

_LISTS = ("released", "removed", "categories", "field")
"""Members of an entry that say what of a whole household went or stayed."""


class Origins(NamedTuple):
    """The volumes of the logs that a dossier may prove from, by number: origin and verifier key."""

    origins: dict[int, str]
    vkeys: dict[int, str]


async def origins_of(connection: Connection, logbooks: Logbooks) -> Origins:
    """The names and keys of every volume of the open series."""
    found = Origins({}, {})
    for series in (VERWERKINGEN, TOEGANG):
        for volume in await volumes_of(connection, series):
            found.origins[volume.log] = logbooks.origin(series, volume.name)
            found.vkeys[volume.log] = logbooks.vkey(series, volume.name)
    return found


def keys_used(lines: Iterable[Line], origins: Origins) -> list[str]:
    """The verifier keys of the volumes in which these entries stand, one each."""
    return [
        origins.vkeys[log] for log in sorted({line.log for line in lines}) if log in origins.vkeys
    ]


async def prove(
    connection: Connection,
    lines: Iterable[Line],
    person: Known,
    origins: Origins,
    *,
    is_as_self: bool,
) -> list[Proof]:
    """A proof for each of these entries, in order; those of protected exchanges are left out."""
    proofs = []
    for line in lines:
        if line.log in origins.origins:
            stored = await prove_inclusion(connection, line.series, line.hash)
            proofs.append(_proof(line, stored, person, origins, is_as_self=is_as_self))
    return proofs


async def proven_now(connection: Connection, proofs: Sequence[Proof]) -> list[Proof]:
    """The same proofs, with those that no checkpoint covered when the draft was made."""
    done = []
    for one in proofs:
        if one.proof is None:
            leaf = leaf_hash(decode_base64(one.entry)) if one.entry else _hash_of(one)
            series = TOEGANG if f"/{NAMES[TOEGANG]}" in one.origin else VERWERKINGEN
            stored = await prove_inclusion(connection, series, leaf)
            if stored is not None:
                done.append(one.model_copy(update={"proof": _text(stored)}))
                continue
        done.append(one)
    return done


def _hash_of(one: Proof) -> bytes:
    return decode_base64(one.leaf_hash or "")


def is_shown(line: Line, *, is_as_self: bool) -> bool:
    """Whether an entry's own bytes may be shown: it then tells of nobody but the person.

    Whoever represents somebody does not get the lists of fields, which tell of the household.
    """
    subjects = line.entry["subjects"]
    if line.series != VERWERKINGEN or not isinstance(subjects, list) or len(subjects) > 1:
        return False
    return is_as_self or not any(line.entry.get(name) for name in _LISTS)


def _proof(
    line: Line, stored: StoredProof | None, person: Known, origins: Origins, *, is_as_self: bool
) -> Proof:
    is_open = is_shown(line, is_as_self=is_as_self)
    opening, closed = None, None
    if person.id in line.subjects:
        if is_open:
            opening = Opening(key=_key(person.key, line.id), person=person.id)
        else:
            closed = Closed(
                key=_key(person.key, line.id),
                person=person.id,
                value=commitment(person.key, line.id, person.id),
            )
    return Proof(
        entry_id=line.id,
        origin=origins.origins[line.log],
        proof=None if stored is None else _text(stored),
        entry=encode_base64(line.raw) if is_open else None,
        leaf_hash=None if is_open else encode_base64(line.hash),
        opening=opening,
        closed=closed,
    )


def _text(stored: StoredProof) -> str:
    return TlogProof(stored.index, tuple(stored.path), stored.note.encode()).encode().decode()


def _key(key: DataKey, entry: UUID) -> str:
    return encode_base64(entry_key(key, entry))
