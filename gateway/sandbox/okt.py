"""OKT's side: its registration's iJw messages, and the canonical JSON for a whole family.

iJw 3.2 in templates of our own; docs/partners/okt.md says what of a hand-over it carries. A JW315
is about one child and has no place for consent, so who holds authority and what they said is
recorded apart. Whoever took a family over answers in iJw too, and names the exchange.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gateway.client import Event
from gateway.sandbox.outgoing import XML, Outgoing
from gateway.sandbox.wire import as_dict, ndjson
from schemas.consents import AuthorityRecord, ConsentRecord
from schemas.referral import Referral, Role

PURPOSE, RECIPIENT = "opschalen-gezin", "casebook"
_BASE = "http://www.istandaarden.nl/ijw/3_2/basisschema/schema"
_CODES = {"305": "438", "307": "440", "315": "446"}
AGB, _MUNICIPALITY = "42420001", "0363"  # made up, and Amsterdam's
_SEXES = {"M": "1", "V": "2"}
_WRAPPER = "urn:sluis:okt:ijw-bericht:1"


def as_json(referral: Referral) -> Outgoing:
    """A whole family, as `application/json`."""
    name = f"opschalen-{referral.reference}.json"
    return Outgoing(name, b"[" + ndjson([referral]).strip() + b"]", "application/json", (referral,))


def as_jw315(referral: Referral, *, with_consent: bool = True) -> Outgoing:
    """The first child of a family as a JW315, with authority and consent recorded apart."""
    child, place = _child(referral)
    product = (
        "<m:AangevraagdeProducten><m:AangevraagdProduct>"
        f"<m:ReferentieAanbieder>{escape(referral.reference)}</m:ReferentieAanbieder>"
        f"<m:ToewijzingIngangsdatum>{referral.referred_on}</m:ToewijzingIngangsdatum>"
        "<m:Verwijzer><i:Type>06</i:Type></m:Verwijzer>"
        "</m:AangevraagdProduct></m:AangevraagdeProducten>"
    )
    number = _number(referral.reference)
    content = _message("315", _person(child) + product, number, str(referral.referred_on))
    members = as_dict(referral)["huishouden"]["leden"]
    authority, consents = _recorded(members, place) if with_consent else ((), ())
    name = f"JW315-{referral.reference}.xml"
    return Outgoing(
        name, content.encode(), XML, (referral,), authority=authority, consents=consents
    )


def taken_over(event: Event, on: date) -> Iterator[Outgoing]:
    """That help began under a hand-over (scale down): a JW305, naming the exchange."""
    person = _first(event.data)
    if person is None:
        return
    product = (
        f"<m:StartProducten><m:StartProduct><m:Begindatum>{on}</m:Begindatum>"
        "<m:StatusAanlevering>1</m:StatusAanlevering></m:StartProduct></m:StartProducten>"
    )
    yield _linked("305", person, product, event, on)


def ended(event: Event, on: date) -> Iterator[Outgoing]:
    """That help under a hand-over was completed: a JW307."""
    person = _first(event.data)
    if person is None:
        return
    product = (
        f"<m:StopProducten><m:StopProduct><m:Begindatum>{on}</m:Begindatum>"
        "<m:RedenBeeindiging>31</m:RedenBeeindiging>"
        f"<m:Einddatum>{on}</m:Einddatum><m:StatusAanlevering>1</m:StatusAanlevering>"
        "</m:StopProduct></m:StopProducten>"
    )
    yield _linked("307", person, product, event, on)


def _linked(kind: str, person: str, product: str, event: Event, on: date) -> Outgoing:
    message = _message(kind, person + product, _number(f"{kind}{event.id.hex[-9:]}"), str(on))
    link = quoteattr(str(event.id))
    content = f'<o:ijwBericht xmlns:o="{_WRAPPER}" uitwisselingId={link}>{message}</o:ijwBericht>'
    return Outgoing(f"JW{kind}-{event.id}.xml", content.encode(), XML)


def _message(kind: str, client: str, number: str, dated: str) -> str:
    home = f"http://www.istandaarden.nl/ijw/3_2/jw{kind}/schema"
    return (
        f'<m:Bericht xmlns:m="{home}" xmlns:i="{_BASE}"><m:Header>'
        f"<m:BerichtCode>{_CODES[kind]}</m:BerichtCode><m:BerichtVersie>3</m:BerichtVersie>"
        f"<m:BerichtSubversie>2</m:BerichtSubversie><m:Afzender>{AGB}</m:Afzender>"
        f"<m:Ontvanger>{_MUNICIPALITY}</m:Ontvanger><m:BerichtIdentificatie>"
        f"<i:Identificatie>{number}</i:Identificatie><i:Dagtekening>{dated}</i:Dagtekening>"
        "</m:BerichtIdentificatie><m:XsdVersie><i:BasisschemaXsdVersie>1.0.0"
        "</i:BasisschemaXsdVersie><i:BerichtXsdVersie>1.0.0</i:BerichtXsdVersie></m:XsdVersie>"
        f"</m:Header><m:Client>{client}</m:Client></m:Bericht>"
    )


def _person(member: dict[str, Any]) -> str:
    """A member as the client of a message; an unknown day of birth is said to be unknown."""
    prefix = str(member.get("voorvoegsel", ""))[:10]
    told = f"<i:Voorvoegsel>{escape(prefix)}</i:Voorvoegsel>" if prefix else ""
    letters = "".join(one for one in str(member.get("voorletters", "")) if one.isalpha())[:6]
    initials = f"<i:Voorletters>{escape(letters)}</i:Voorletters>" if letters else ""
    return (
        f"<m:Bsn>{member['burgerservicenummer']}</m:Bsn>"
        f"<m:Geboortedatum>{_birth(str(member.get('geboortedatum', '')))}</m:Geboortedatum>"
        f"<m:Geslacht>{_SEXES.get(str(member.get('geslacht')), '0')}</m:Geslacht>"
        "<m:Naam><i:Geslachtsnaam>"
        f"<i:Achternaam>{escape(str(member['achternaam']))}</i:Achternaam>{told}"
        f"</i:Geslachtsnaam>{initials}</m:Naam>"
    )


def _birth(text: str) -> str:
    # COD170: 1 the day is unknown, 2 day and month, 3 all of it.
    used = {10: "", 7: "1", 4: "2"}.get(len(text), "3")
    whole = {"": text, "1": f"{text}-01", "2": f"{text}-01-01"}.get(used, "1900-01-01")
    return f"<i:Datum>{whole}</i:Datum>" + (
        f"<i:DatumGebruik>{used}</i:DatumGebruik>" if used else ""
    )


def _child(referral: Referral) -> tuple[dict[str, Any], int]:
    members = as_dict(referral)["huishouden"]["leden"]
    for place, member in enumerate(members):
        if member["rol"] == Role.CHILD:
            return member, place
    return members[0], 0


def _first(data: dict[str, Any]) -> str | None:
    """The client of an answer: the first member that a message of iJw can be about."""
    members = data.get("huishouden", {}).get("leden", [])
    needed = {"burgerservicenummer", "achternaam"}
    able = [one for one in members if needed <= set(one)]
    children = [one for one in able if one.get("rol") == Role.CHILD]
    return _person((children or able)[0]) if able else None


def _recorded(
    members: list[dict[str, Any]], place: int
) -> tuple[tuple[AuthorityRecord, ...], tuple[ConsentRecord, ...]]:
    """What the message cannot say of its client: who holds authority, and what was decided."""
    child = members[place]
    numbers = [one["burgerservicenummer"] for one in members]
    authority = tuple(
        AuthorityRecord.model_validate(
            {
                "burgerservicenummer": child["burgerservicenummer"],
                "houders": [numbers[one["lid"]] for one in stated["houders"]],
                "bron": stated["bron"],
                "peildatum": stated["peildatum"],
            }
        )
        for stated in child.get("gezag", [])
    )
    said = [child["instemming"]] if "instemming" in child else []
    consents = tuple(
        _consent(child["burgerservicenummer"], one, numbers)
        for one in (*said, *child.get("verdereInstemmingen", []))
    )
    return authority, consents


def _consent(bsn: str, said: dict[str, Any], numbers: list[str]) -> ConsentRecord:
    on = datetime.combine(date.fromisoformat(said["op"]), time(12), UTC)
    record = {
        "burgerservicenummer": bsn,
        "doel": PURPOSE,
        "ontvanger": RECIPIENT,
        "gegeven": said["gegeven"],
        "op": on,
        "door": said["door"],
        "bewijs": said.get("bewijs"),
    }
    if "doorLid" in said:
        record["doorBurgerservicenummer"] = numbers[said["doorLid"]]
    return ConsentRecord.model_validate(record)


def _number(text: str) -> str:
    """An identification of a message: at most twelve signs, the last ones of what it is of."""
    return "".join(one for one in text if one.isalnum())[-12:]
