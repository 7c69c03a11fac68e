"""Random messages, agreements and protocols, for the properties that must hold of every one.

Everything is drawn as an outsider could send it and built by the models themselves, so a property
over these covers what the border lets in, odd names and half-known dates included. Valid BSNs
are made by arithmetic, not by asking the library that the models ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st

from consent.protocol import Flow, HouseholdRule, Protocol, load
from consent.register import CATEGORY_ALL, ConsentEvent, Standing
from consent.representation import PersonFacts, Statement
from schemas.casework import CaseStatus, CloseReason, StatusMessage
from schemas.fields import CATEGORIES, FIELDS, FieldKind, MessageKind, Special, Treatment
from schemas.identifiers import PartialDate
from schemas.referral import (
    Agreement,
    AuthorityKind,
    DecidedBy,
    Ground,
    Household,
    Member,
    Referral,
    Role,
    Sex,
)
from schemas.zrm import ZrmDomain, ZrmMeasurement

unhurried = settings(deadline=None)
"""For every property: how long one example takes says nothing on a machine that others share."""

IN_FORCE = st.dates(date(2026, 1, 1), date(2030, 12, 31))
"""Days on which the covenants of `protocols()` are in force."""

HOLDERS = (UUID(int=101), UUID(int=102))
"""Who may hold authority over others in `person_facts` and `voiced_events`."""
_NO_NUL = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_FIRST_OF_REFERENCE = "ABCabc019"


def complete_bsn(first_eight: str) -> str:
    """Eight digits and the ninth that passes the eleven-test; the eighth gives way if none does."""
    remainder = sum(int(d) * w for d, w in zip(first_eight, range(9, 1, -1), strict=True)) % 11
    if remainder < 10:
        return f"{first_eight}{remainder}"
    # No digit is a 10. One less in eighth place, of weight 2, leaves 8; one more leaves 1.
    eighth = int(first_eight[7])
    return f"{first_eight[:7]}{eighth - 1}8" if eighth else f"{first_eight[:7]}11"


def bsn_digits() -> st.SearchStrategy[str]:
    """Nine digits that pass the eleven-test and are not all zero."""
    return st.integers(1, 99_999_999).map(lambda n: complete_bsn(f"{n:08d}"))


def partial_dates() -> st.SearchStrategy[PartialDate]:
    """A date that is known whole, or to its month, or to its year."""
    days = st.dates(date(1850, 1, 1), date(2200, 12, 31))
    return st.builds(
        lambda day, length: PartialDate(day.isoformat()[:length]), days, st.sampled_from([10, 7, 4])
    )


def names(longest: int = 20) -> st.SearchStrategy[str]:
    """What may stand in a name: anything that is not blank and holds no U+0000."""
    odd = st.text(_NO_NUL, min_size=1, max_size=longest).filter(lambda text: bool(text.strip()))
    return st.sampled_from(["Jansen", "de Wit", "Özdemir", 'O"Neill', "IJ\\s"]) | odd


def references() -> st.SearchStrategy[str]:
    return st.builds(
        str.__add__,
        st.sampled_from(_FIRST_OF_REFERENCE),
        st.text("ABCabc019._/-", max_size=63),
    )


def zrm_measurements() -> st.SearchStrategy[ZrmMeasurement]:
    scores = st.dictionaries(st.sampled_from(ZrmDomain), st.integers(1, 5), min_size=1)
    wire = st.fixed_dictionaries({"gemetenOp": st.dates(), "scores": scores})
    return wire.map(ZrmMeasurement.model_validate)


def agreements() -> st.SearchStrategy[Agreement]:
    return st.fixed_dictionaries(
        {"gegeven": st.booleans(), "op": st.dates()},
        optional={"door": st.sampled_from(DecidedBy), "bewijs": references()},
    ).map(Agreement.model_validate)


def members() -> st.SearchStrategy[Member]:
    return st.fixed_dictionaries(
        {},
        optional={
            "rol": st.sampled_from(Role),
            "burgerservicenummer": bsn_digits(),
            "voorletters": names(),
            "voorvoegsel": names(),
            "achternaam": names(),
            "geboortedatum": partial_dates(),
            "geslacht": st.sampled_from(Sex),
            "ontvangtUitkering": st.booleans(),
            "participatietrede": st.integers(1, 6),
            "zrm": zrm_measurements(),
            "instemming": agreements(),
        },
    ).map(Member.model_validate)


def households(most_members: int = 4) -> st.SearchStrategy[Household]:
    return st.fixed_dictionaries(
        {
            "leden": st.lists(
                members(),
                min_size=1,
                max_size=most_members,
                unique_by=lambda one: one.bsn or id(one),
            )
        },
        optional={
            "postcode": st.from_regex(r"[1-9][0-9]{3}[A-Z]{2}", fullmatch=True),
            "straatnaam": names(),
            "huisnummer": st.integers(1, 99999),
            "huisnummertoevoeging": names(10),
            "telefoonnummer": st.from_regex(r"\+?[0-9][0-9 -]{5,19}", fullmatch=True),
            "geheimhouding": st.booleans(),
        },
    ).map(Household.model_validate)


def referrals(most_members: int = 4) -> st.SearchStrategy[Referral]:
    return st.fixed_dictionaries(
        {
            "kenmerk": references(),
            "aangemeldOp": st.dates(),
            "huishouden": households(most_members),
        },
        optional={
            "grondslag": st.sampled_from(Ground),
            "toelichting": st.text(_NO_NUL, max_size=40),
        },
    ).map(Referral.model_validate)


def status_messages() -> st.SearchStrategy[StatusMessage]:
    def of(status: CaseStatus) -> st.SearchStrategy[StatusMessage]:
        reason = {"afsluitreden": st.sampled_from(CloseReason)} if status.is_closed else {}
        return st.fixed_dictionaries(
            {
                "kenmerk": references(),
                "uitwisselingId": st.uuids(),
                "status": st.just(status),
                "peildatum": st.dates(),
            },
            optional=reason,
        ).map(StatusMessage.model_validate)

    return st.sampled_from(CaseStatus).flatmap(of)


def consent_events(
    purposes: Iterable[str] = ("hulp", "onderzoek"), recipients: Iterable[str] = ("a", "b")
) -> st.SearchStrategy[ConsentEvent]:
    """Few moments, purposes and recipients, so that events meet each other often."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = st.integers(0, 3).map(lambda hours: start + timedelta(hours=hours))
    return st.builds(
        ConsentEvent,
        id=st.integers(1, 20).map(lambda number: UUID(int=number)),
        purpose=st.sampled_from(sorted(purposes)),
        recipient=st.sampled_from(sorted(recipients)),
        category=st.sampled_from([CATEGORY_ALL, CATEGORY_ALL, "zrm", "zrm.inkomen", "adres"]),
        given=st.booleans(),
        decided_at=moments,
        decided_by=st.just(DecidedBy.SELF),
        decider=st.none(),
        valid_until=st.none(),
        supersedes=st.none(),
    )


def voiced_events(
    purposes: Iterable[str] = ("hulp",), recipients: Iterable[str] = ("a",)
) -> st.SearchStrategy[ConsentEvent]:
    """Events of every voice, over two years; mostly a plain yes, so that many suffice together."""
    moments = st.dates(date(2025, 12, 1), date(2026, 8, 1)).map(
        lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)
    )
    seldom = st.integers(0, 9).map(lambda n: n == 0)

    def at_times(rare: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return seldom.flatmap(lambda is_so: rare if is_so else st.none())

    return st.builds(
        ConsentEvent,
        id=st.integers(1, 40).map(lambda number: UUID(int=number)),
        purpose=st.sampled_from(sorted(purposes)),
        recipient=st.sampled_from(sorted(recipients)),
        category=st.sampled_from([*[CATEGORY_ALL] * 6, "zrm", "adres"]),
        given=seldom.map(lambda is_so: not is_so),
        decided_at=moments,
        decided_by=st.sampled_from([*DecidedBy, *[DecidedBy.SELF, DecidedBy.PARENT] * 2]),
        decider=st.none() | st.sampled_from(HOLDERS),
        valid_until=at_times(moments),
        supersedes=at_times(st.integers(1, 40).map(lambda n: UUID(int=n))),
    )


def statements() -> st.SearchStrategy[Statement]:
    """What two sources say on few days of few holders, so that they contradict each other often."""
    kinds = [*[AuthorityKind.PARENTAL] * 6, *AuthorityKind]
    both, none = frozenset(HOLDERS), frozenset[UUID]()
    return st.builds(
        Statement,
        st.sampled_from(kinds),
        st.sampled_from([both, both, both, frozenset(HOLDERS[:1]), none]),
        st.sampled_from(["brp", "opgave"]),
        st.sampled_from([date(2025, 3, 1), date(2025, 12, 1), date(2026, 2, 1)]),
    )


def person_facts() -> st.SearchStrategy[PersonFacts]:
    """Persons about the birthdays that matter, with whole, half-known, unknown or two dates."""
    days = st.sampled_from([12, 16, 18]).flatmap(
        lambda age: st.dates(date(2025 - age, 6, 1), date(2027 - age, 6, 1))
    )
    born = st.builds(
        lambda day, length: PartialDate(day.isoformat()[:length]),
        days | st.dates(date(2005, 1, 1), date(2026, 2, 1)) | st.just(date(1980, 2, 29)),
        st.sampled_from([10, 10, 10, 7, 4]),
    )
    births = st.integers(0, 9).flatmap(
        lambda n: st.lists(born, max_size=2) if n == 0 else born.map(lambda one: [one])
    )
    return st.builds(PersonFacts, births.map(tuple), st.lists(statements(), max_size=3).map(tuple))


def refusals(among: Iterable[str] = CATEGORIES) -> st.SearchStrategy[frozenset[str]]:
    """Categories on which a narrower "no" stands; `zrm` covers each of its domains."""
    return st.frozensets(st.sampled_from(sorted(among)), max_size=4)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    given_ = draw(st.sampled_from([True, False, None]))
    if given_ is not True:
        return Standing(given_, (), draw(refusals()))
    events = tuple(draw(st.lists(st.uuids(), min_size=1, max_size=2)))
    return Standing(True, events, draw(refusals()), draw(refusals()))


@st.composite
def treatments(draw: st.DrawFn, message: MessageKind) -> dict[str, Treatment]:
    """For each field of a message no line, or one of the treatments that make sense for it."""
    chosen: dict[str, Treatment] = {}
    for path, field in FIELDS.items():
        if field.message is message:
            line = draw(st.sampled_from([None, *sorted(field.treatments, reverse=True)]))
            if line is not None:
                chosen[path] = line
    return chosen


@st.composite
def flow_tables(
    draw: st.DrawFn,
    sender: str,
    recipient: str,
    message: MessageKind = MessageKind.REFERRAL,
    household: HouseholdRule | None = None,
) -> str:
    """One flow as the TOML of a protocol file, with the locks that its fields need.

    `household` fixes the rule on incomplete agreement, and then agreement is asked.
    """
    return flow_toml(
        sender=sender,
        recipient=recipient,
        message=message,
        fields=draw(treatments(message)),
        is_agreement_asked=household is not None or draw(st.booleans()),
        household=household or draw(st.sampled_from(HouseholdRule)),
        is_secret_address_admitted=draw(st.booleans()),
    )


def _parties(drawn: tuple[Sequence[str], MessageKind]) -> tuple[str, str, MessageKind]:
    order, message = drawn
    sender = order[0]
    return sender, sender if message is MessageKind.REGISTRATION else order[1], message


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    """A protocol among three partners, with up to four flows; it loads without a complaint."""
    starts = st.tuples(st.permutations(["dwi", "okt", "casebook"]), st.sampled_from(MessageKind))
    drawn = draw(st.lists(starts, min_size=1, max_size=4, unique_by=_parties))
    return load(
        PREAMBLE
        + "".join(
            draw(flow_tables(sender, recipient, message))
            for (sender, recipient, _), message in drawn
        )
    )


@st.composite
def referral_flows(draw: st.DrawFn, household: HouseholdRule | None = None) -> Flow:
    """One admitted flow of referrals, checked by `load` as any protocol is."""
    return load(PREAMBLE + draw(flow_tables("dwi", "casebook", household=household))).flows[0]


PREAMBLE = """
[protocol]
versie = "proef"
titel = "Proef"

[[doel]]
id = "hulp"
omschrijving = "Hulp."

[[overeenkomst]]
id = "convenant"
soort = "convenant"
titel = "Convenant"
partijen = ["dwi", "okt", "casebook"]
ingang = 2026-01-01
einde = 2030-12-31
"""


def flow_toml(
    *,
    fields: Mapping[str, Treatment],
    sender: str = "dwi",
    recipient: str = "casebook",
    message: MessageKind = MessageKind.REFERRAL,
    is_agreement_asked: bool = True,
    household: HouseholdRule = HouseholdRule.ALL,
    is_secret_address_admitted: bool = False,
    grounds: Iterable[Ground] = (),
    required: Iterable[str] = (),
) -> str:
    """One flow as TOML. A JSON string, list or boolean is one in TOML too.

    A registration goes back to who sends it, and asks nobody.
    """
    if message is MessageKind.REGISTRATION:
        recipient, is_agreement_asked = sender, False
    admitted = [FIELDS[path] for path, line in fields.items() if line is not Treatment.DROP]
    special = sorted({field.special for field in admitted} & {Special.HEALTH, Special.CRIMINAL})
    article = '{ artikel = "art. 1 (proef)" }'
    locks = ['grondslag = { soort = "publieke-taak", artikel = "art. 1 (proef)" }']
    if special:
        exceptions = ", ".join(f'{{ soort = "{kind}", artikel = "art. 9" }}' for kind in special)
        locks.append(f"bijzonder = [{exceptions}]")
    if any(field.special is Special.BSN for field in admitted):
        locks.append(f"bsn = {article}")
    if any(field.kind is FieldKind.FREE_TEXT for field in admitted):
        locks.append(f"beroepsgeheim = {article}")
    asked = json.dumps(is_agreement_asked)
    locks.append(f'instemming = {{ vereist = {asked}, huishouden = "{household}" }}')
    lines = "\n".join(f'"{path}" = "{line}"' for path, line in fields.items())
    return f"""
[[gegevensstroom]]
id = "{sender}-{recipient}-{message}"
verzender = "{sender}"
ontvanger = "{recipient}"
bericht = "{message}"
doel = "hulp"
verwerkingsverantwoordelijke = "College"
overeenkomst = "convenant"
verwerkingsactiviteit = "https://register.voorbeeld.nl/{sender}"
toegelatenGrondslagen = {json.dumps([str(ground) for ground in grounds])}
geheimAdresToegelaten = {json.dumps(is_secret_address_admitted)}
verplicht = {json.dumps(list(required))}

[gegevensstroom.sloten]
{chr(10).join(locks)}

[gegevensstroom.bewaren]
aangehoudenDagen = 42
nietOpgehaaldDagen = 28
naOntvangstDagen = 14

[gegevensstroom.velden]
{lines}
"""
