"""Only the fields that the protocol names leave, in the treatment it names (invariant 4).

A `MinimisationPlan` is one flow compiled; applying it is pure. The result is cut into parts, one a
member and category, so that one part can be sealed, purged or erased without the rest. Household
fields and counts are built from the members that remain, as if a member who did not agree had
never been in the message (invariant 13). A field that the plan does not name is dropped, whatever
it is: what leaves is built up from nothing, never cut down from the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import orjson

from consent.columns import (
    PATHS,
    AccountabilityView,
    Groups,
    MemberView,
    PartnerUpdateView,
    ReferralView,
    StatusView,
    column_of,
    grouped,
)
from consent.protocol import Flow
from schemas.casework import Accountability, StatusMessage
from schemas.decisions import Permit
from schemas.fields import FIELDS, PLACES, WIDER, Place, Treatment
from schemas.partner_update import PartnerUpdate
from schemas.referral import Referral
from schemas.zrm import PROBLEM_BELOW, ZrmDomain, ZrmMeasurement

FREE_TEXT = FIELDS["aanmelding.toelichting"].category
COUNT = "aantalLeden"
COUNT_CATEGORY = FIELDS["aanmelding.aantalLeden"].category


class Part(NamedTuple):
    """One category of one member, as the JSON members that the recipient will read.

    `member` counts from 0 in the message as it was sent; `fragment` is `"name":value,...`.
    """

    member: int
    category: str
    fragment: bytes


class Minimised(NamedTuple):
    """What may leave, and the names of the fields that leave and that stay behind."""

    parts: list[Part]
    released: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """What one message gave so far."""

    today: date
    parts: list[Part]
    released: int = 0
    removed: int = 0

    def take(
        self, member: int, source: object, groups: Groups, withheld: AbstractSet[str], hides: bool
    ) -> None:
        """Read every field of `source`, category by category, into parts and names."""
        released, removed, today = self.released, self.removed, self.today
        for category, columns in groups:
            is_withheld = bool(withheld) and covers(withheld, category)
            values: dict[str, object] = {}
            for _, bit, wire, is_kept, hides_with_address, read, render in columns:
                value = read(source)
                if value is None:
                    continue
                if not is_kept or is_withheld or (hides and hides_with_address):
                    removed |= bit
                    continue
                released |= bit
                values[wire] = value if render is None else render(value, today)
            if values:
                self.parts.append(Part(member, category, orjson.dumps(values)[1:-1]))
        self.released, self.removed = released, removed

    def result(self) -> Minimised:
        # A field that one member released and another withheld stands in both lists.
        return Minimised(self.parts, _names(self.released), _names(self.removed))


class MinimisationPlan:
    """One flow's field list, compiled."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        columns = [column_of(bit, path, flow) for bit, path in enumerate(PATHS)]
        self._columns = {column.path: column for column in columns}
        self._treatments = flow.fields
        self._is_secret_admitted = flow.secret_address_admitted
        self._member = grouped(columns, Place.MEMBER)
        self._household = grouped(columns, Place.HOUSEHOLD)
        self._referral = grouped(columns, Place.REFERRAL)
        self._status = grouped(columns, Place.STATUS)
        self._accountability = grouped(columns, Place.ACCOUNTABILITY)
        self._partner_update = grouped(columns, Place.PARTNER_UPDATE)
        self._zrm_date = grouped(columns, Place.ZRM)[:1]
        is_coarse = {
            domain
            for domain in ZrmDomain
            if flow.fields.get(f"lid.zrm.{domain}") is Treatment.GENERALISE
        }
        # Scores are few, so their fragments are made once: (column, category, fragment by score).
        self._scores = {
            domain: (
                self._columns[f"lid.zrm.{domain}"],
                f"zrm.{domain}",
                tuple(_score(domain, score, domain in is_coarse) for score in range(6)),
            )
            for domain in ZrmDomain
        }

    def referral(
        self,
        referral: Referral,
        permit: Permit,
        pseudonyms: Sequence[str],
        team: str | None,
        today: date,
    ) -> Minimised:
        """Minimise a referral to the members of `permit`. `pseudonyms` follow `permit.members`.

        `team` is the route's label, `today` decides age bands.
        """
        tally = _Tally(today, [])
        household = referral.household
        withheld: Sequence[AbstractSet[str]] = permit.withheld or [frozenset()] * len(
            permit.members
        )
        for number, pseudonym, refused in zip(permit.members, pseudonyms, withheld, strict=True):
            member = household.members[number]
            tally.take(number, MemberView(member, pseudonym), self._member, refused, False)
            if member.zrm is not None:
                self._take_zrm(tally, number, member.zrm, refused)
        owner = permit.holder
        # What belongs to no member alone goes when any of them refuses it.
        refused = frozenset().union(*withheld)
        hides = household.address_is_secret
        if len(permit.members) < len(household.members):
            refused |= {FREE_TEXT}
        view = ReferralView(referral, team, len(permit.members))
        tally.take(owner, household, self._household, refused, hides)
        tally.take(owner, view, self._referral, refused, hides)
        return tally.result()

    def status(
        self, message: StatusMessage, permit: Permit, reference: str, today: date
    ) -> Minimised:
        """Minimise a status message; `reference` is the original sender's own key."""
        tally = _Tally(today, [])
        view = StatusView(message, reference)
        tally.take(0, view, self._status, _withheld_by_owner(permit), False)
        return tally.result()

    def accountability(
        self, message: Accountability, permit: Permit, pseudonym: str, today: date
    ) -> Minimised:
        """Minimise a statement of accountability; `pseudonym` is the receiver's own name."""
        tally = _Tally(today, [])
        view = AccountabilityView(message, pseudonym)
        tally.take(0, view, self._accountability, _withheld_by_owner(permit), False)
        return tally.result()

    def partner_update(
        self,
        message: PartnerUpdate,
        permit: Permit,
        exchange: str,
        reference: str | None,
        today: date,
        *,
        hides: bool = False,
    ) -> Minimised:
        """Minimise a partner's message on a running case to what the case's person lets go.

        `exchange` and `reference` are what the receiver knows the case by; `hides` where the
        household's address is secret.
        """
        tally = _Tally(today, [])
        view = PartnerUpdateView(message, exchange, reference)
        tally.take(0, view, self._partner_update, _withheld_by_owner(permit), hides)
        return tally.result()

    def narrow(self, part: Part, older: MinimisationPlan) -> Part | None:
        """One part made under an older protocol, cut to what both treat alike; None for nothing.

        For whole messages see `narrow_all`.
        """
        hides = older._is_secret_admitted and not self._is_secret_admitted
        if self._treatments == older._treatments and not hides:
            return part
        same = {
            column.wire
            for path, column in self._columns.items()
            if column.is_kept
            and not (hides and column.hides_with_address)
            and self._treatments.get(path) == older._treatments.get(path)
            and FIELDS[path].category == part.category
        }
        values = orjson.loads(b"{" + part.fragment + b"}")
        kept = {wire: value for wire, value in values.items() if wire in same}
        return part._replace(fragment=orjson.dumps(kept)[1:-1]) if kept else None

    def narrow_all(self, parts: Iterable[Part], older: MinimisationPlan) -> list[Part]:
        """A message's parts made under an older protocol, cut to what both treat alike."""
        narrowed = [self.narrow(part, older) for part in parts]
        return without_lone_dates([part for part in narrowed if part is not None])

    def _take_zrm(
        self, tally: _Tally, member: int, zrm: ZrmMeasurement, withheld: AbstractSet[str]
    ) -> None:
        before = len(tally.parts)
        for domain, score in zrm.scores.items():
            column, category, fragments = self._scores[domain]
            if not column.is_kept or (withheld and covers(withheld, category)):
                tally.removed |= column.bit
                continue
            tally.released |= column.bit
            tally.parts.append(Part(member, category, fragments[score]))
        if len(tally.parts) > before:
            tally.take(member, zrm, self._zrm_date, withheld, False)
        else:
            tally.removed |= self._columns["lid.zrm.gemetenOp"].bit


def _withheld_by_owner(permit: Permit) -> AbstractSet[str]:
    """What the one person whom a message on a case is about does not let go."""
    return permit.withheld[0] if permit.withheld else frozenset()


def covers(withheld: AbstractSet[str], category: str) -> bool:
    """Whether a member's refusals include a category.

    `zrm` includes each of its domains, and what is refused of a referral what is told of it later.
    """
    if category in withheld or category.partition(".")[0] in withheld:
        return True
    return WIDER.get(category) in withheld


def _score(domain: ZrmDomain, score: int, is_coarse: bool) -> bytes:
    if not is_coarse:
        return b'"%s":%d' % (domain.value.encode(), score)
    label = b"probleem" if score < PROBLEM_BELOW else b"geen-probleem"
    return b'"%s":"%s"' % (domain.value.encode(), label)


_KNOWN_NAMES: dict[int, tuple[str, ...]] = {}
_KNOWN_NAMES_BOUND = 4096


def _names(bits: int) -> tuple[str, ...]:
    """The paths of a bit set, sorted. Messages of one flow differ little, so they are kept."""
    known = _KNOWN_NAMES.get(bits)
    if known is None:
        if len(_KNOWN_NAMES) >= _KNOWN_NAMES_BOUND:
            _KNOWN_NAMES.clear()
        known = tuple(sorted(path for n, path in enumerate(PATHS) if bits >> n & 1))
        _KNOWN_NAMES[bits] = known
    return known


def reduce_stored(
    parts: Iterable[Part], members: int, withheld: Mapping[int, AbstractSet[str]], is_shorter: bool
) -> list[Part]:
    """Parts sealed earlier, cut to what the members who remain agree to now (invariant 13).

    `members` is how many remain, `withheld` what each of them refuses, and `is_shorter` whether
    anybody left: then the count is made anew, and free text, which may concern who left, goes.
    """
    refused_by_any: AbstractSet[str] = frozenset().union(*withheld.values())
    kept = []
    for part in parts:
        is_own = PLACES[part.category] in (Place.MEMBER, Place.ZRM)
        refused = withheld.get(part.member, frozenset()) if is_own else refused_by_any
        if covers(refused, part.category) or (is_shorter and part.category == FREE_TEXT):
            continue
        kept.append(recount(part, members))
    return without_lone_dates(kept)


def without_lone_dates(parts: Sequence[Part]) -> list[Part]:
    """The parts, less any date of measurement that has no score left to date."""
    scored = {part.member for part in parts if part.category.startswith("zrm.")}
    return [part for part in parts if part.category != "zrm" or part.member in scored]


def recount(part: Part, members: int) -> Part:
    """A part of a message that lost members, with the count that it would have had without them.

    Invariant 13; the parts of the members themselves go as a whole.
    """
    if part.category != COUNT_CATEGORY:
        return part
    values = orjson.loads(b"{" + part.fragment + b"}")
    if COUNT in values:
        values[COUNT] = members
    return part._replace(fragment=orjson.dumps(values)[1:-1])
