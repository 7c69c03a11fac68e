"""iJw messages as a provider would write them, for tests of the reader. All persons are made up."""

import base64
from datetime import date, datetime, timedelta, timezone
from uuid import UUID

from lxml import etree

from adapters.okt import adapter
from adapters.okt.ijw_types import BASE, MESSAGE_CODES, namespace_of
from adapters.okt.retour import write_retour
from adapters.port import Answered, DeliveryReader
from schemas.decisions import Outcome, Rule
from schemas.deliveries import Record, RecordOutcome, Translated
from tests.adapters.feeding import read

OKT_DAY = date(2026, 11, 22)
BSN = "999990019"
EXCHANGE = "019ab3c4-0000-7000-8000-00000000beef"
DELIVERY = UUID("019ab3c4-1111-7000-8000-0123456789ab")
AT = datetime(2026, 11, 22, 9, 30, 15, tzinfo=timezone(timedelta(hours=1)))
DTD_ALONE = b"<!DOCTYPE a [<!ENTITY x 'y'>]><a/>"
WRAPPER = "urn:sluis:okt:ijw-bericht:1"
SENDERS = {"301": ("0363", "42420001")}

PERSON = (
    "<m:Bsn>{bsn}</m:Bsn><m:Geboortedatum><i:Datum>2012-05-01</i:Datum></m:Geboortedatum>"
    "<m:Geslacht>2</m:Geslacht><m:Naam><i:Geslachtsnaam><i:Achternaam>Voorbeeld</i:Achternaam>"
    "</i:Geslachtsnaam></m:Naam>"
)
REQUESTED = (
    "<m:AangevraagdeProducten><m:AangevraagdProduct>"
    "<m:ReferentieAanbieder>{reference}</m:ReferentieAanbieder>"
    "<m:ToewijzingIngangsdatum>2026-12-01</m:ToewijzingIngangsdatum>"
    "<m:Verwijzer><i:Type>06</i:Type></m:Verwijzer>"
    "</m:AangevraagdProduct></m:AangevraagdeProducten>"
)


def message(kind: str, client: str, *, number: str = "A1", dated: str = "2026-11-20") -> bytes:
    """A message of this kind; `m:` and `i:` are the prefixes of its two namespaces."""
    sender, recipient = SENDERS.get(kind, ("42420001", "0363"))
    return (
        f'<m:Bericht xmlns:m="{namespace_of(kind)}" xmlns:i="{BASE}"><m:Header>'
        f"<m:BerichtCode>{MESSAGE_CODES[kind]}</m:BerichtCode><m:BerichtVersie>3</m:BerichtVersie>"
        f"<m:BerichtSubversie>2</m:BerichtSubversie><m:Afzender>{sender}</m:Afzender>"
        f"<m:Ontvanger>{recipient}</m:Ontvanger><m:BerichtIdentificatie>"
        f"<i:Identificatie>{number}</i:Identificatie><i:Dagtekening>{dated}</i:Dagtekening>"
        "</m:BerichtIdentificatie><m:XsdVersie><i:BasisschemaXsdVersie>1.0.0"
        "</i:BasisschemaXsdVersie><i:BerichtXsdVersie>1.0.0</i:BerichtXsdVersie></m:XsdVersie>"
        f"</m:Header><m:Client>{client}</m:Client></m:Bericht>"
    ).encode()


def request(
    *, bsn: str = BSN, reference: str = "R-1", person: str = PERSON, **header: str
) -> bytes:
    """A JW315."""
    client = person.format(bsn=bsn) + REQUESTED.format(reference=reference)
    return message("315", client, **header)


def started(day: str = "2026-11-02", status: str = "1", **header: str) -> bytes:
    """A JW305."""
    product = (
        f"<m:StartProduct><m:Begindatum>{day}</m:Begindatum>"
        f"<m:StatusAanlevering>{status}</m:StatusAanlevering></m:StartProduct>"
    )
    products = f"<m:StartProducten>{product}</m:StartProducten>"
    return message("305", PERSON.format(bsn=BSN) + products, **header)


def stopped(*reasons: str, day: str = "2026-11-10", **header: str) -> bytes:
    """A JW307, with a product a reason."""
    products = "".join(
        f"<m:StopProduct><m:Begindatum>2026-11-02</m:Begindatum>"
        f"<m:RedenBeeindiging>{reason}</m:RedenBeeindiging><m:Einddatum>{day}</m:Einddatum>"
        "<m:StatusAanlevering>1</m:StatusAanlevering></m:StopProduct>"
        for reason in reasons
    )
    client = f"{PERSON.format(bsn=BSN)}<m:StopProducten>{products}</m:StopProducten>"
    return message("307", client, **header)


def linked(inner: bytes, exchange: str | None = EXCHANGE) -> bytes:
    """A message in our wrapper."""
    text = inner.decode().split("?>", 1)[-1].strip()
    named = "" if exchange is None else f' uitwisselingId="{exchange}"'
    return f'<o:ijwBericht xmlns:o="{WRAPPER}"{named}>{text}</o:ijwBericht>'.encode()


def enveloped(inner: bytes, function: str, *, reference: str = "ref-1") -> bytes:
    """A message in a GGk Di01."""
    return f"""<g:envelopHeenbericht-ggk_Di01
      xmlns:s="http://www.egem.nl/StUF/StUF0301" xmlns:x="http://www.w3.org/2005/05/xmlmime"
      xmlns:g="http://www.stufstandaarden.nl/sectormodel/ggk/0210">
      <g:stuurgegevens>
        <s:berichtcode>Di01</s:berichtcode>
        <s:zender><s:organisatie>42420001</s:organisatie><s:applicatie>OKT-registratie</s:applicatie>
          <s:gebruiker>Kanariepiet</s:gebruiker></s:zender>
        <s:ontvanger><s:organisatie>0363</s:organisatie><s:applicatie>GGk</s:applicatie></s:ontvanger>
        <s:referentienummer>{reference}</s:referentienummer>
        <s:tijdstipBericht>20261120132514</s:tijdstipBericht>
        <s:functie>{function}</s:functie>
      </g:stuurgegevens>
      <g:parameters>
        <g:referentienummerBericht>A1</g:referentienummerBericht>
        <g:applicatieVersie>0003</g:applicatieVersie><g:applicatieSubversie>0002</g:applicatieSubversie>
        <g:functieVersie>0001</g:functieVersie><g:functieSubversie>0001</g:functieSubversie>
        <g:bericht x:contentType="application/xml">{base64.b64encode(inner).decode()}</g:bericht>
      </g:parameters>
    </g:envelopHeenbericht-ggk_Di01>""".encode()


def reader(today: date = OKT_DAY) -> DeliveryReader:
    return adapter().readers["application/xml"](today)


def record_of(delivery: bytes, today: date = OKT_DAY) -> Record:
    (record,) = read(reader(today), delivery)
    return record


def retour_on(
    record: Record, outcome: Outcome = Outcome.ACCEPTED, rule: Rule = Rule.PERMITTED
) -> bytes | None:
    """The retour on a record; what the road decided counts for one that could be read alone."""
    if not isinstance(record, Translated):
        outcome, rule = Outcome.REFUSED, Rule.UNREADABLE
    told = RecordOutcome(record=1, line=1, decision=outcome, rule=rule)
    return write_retour([Answered(told, record.slip)], DELIVERY, AT)


def codes_in(retour: bytes | None) -> list[str | None]:
    assert retour is not None
    return [element.text for element in etree.fromstring(retour).iter("{*}RetourCode")]
