"""What a resident is told of a decision to erase (AVG art. 12 lid 3 and 4, art. 17, 19): in Dutch.

Short sentences, no jargon; what stays is named with its ground and its date, and who received
something with the law under which they may keep a file of their own. Of what must not be told of
nothing stands here, not even that it could: one general sentence says so to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from consent.register import AMSTERDAM
from gateway.exchange.asking import Capacity
from gateway.exchange.erasing import Ground, Shown
from gateway.exchange.retention_classes import RetentionTable, retention_table

_GROUNDS = {
    Ground.NOT_NEEDED: "de gegevens zijn niet meer nodig (AVG art. 17 lid 1 onder a)",
    Ground.WITHDRAWN: "de toestemming is ingetrokken (AVG art. 17 lid 1 onder b)",
    Ground.OBJECTION: "er is bezwaar gemaakt (AVG art. 17 lid 1 onder c)",
    Ground.UNLAWFUL: "de gegevens hadden niet verwerkt mogen worden (AVG art. 17 lid 1 onder d)",
    Ground.LEGAL_DUTY: "een wet verplicht tot vernietiging (AVG art. 17 lid 1 onder e)",
    Ground.CHILD_SERVICE: "het gaat om een dienst aan een kind (AVG art. 17 lid 1 onder f)",
    Ground.TERM_OVER: "de bewaartermijn is verstreken (AVG art. 5 lid 1 onder e)",
}
EMERGENCY = "noodverstrekking"
_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
    "oktober", "november", "december",
)  # fmt: skip


def answer_to(shown: Shown, names: Mapping[str, str], table: RetentionTable | None = None) -> str:
    """The letter's text. `names` are what residents know parties by."""
    return "\n".join(_lines(shown, names, table or retention_table())) + "\n"


def _lines(shown: Shown, names: Mapping[str, str], table: RetentionTable) -> Iterator[str]:
    decision = shown.decision
    whose = "uw gegevens"
    if decision.capacity not in (Capacity.SELF, Capacity.NOBODY, Capacity.ATTORNEY):
        whose = "de gegevens van de persoon voor wie u vroeg"
    yield f"# Besluit over het vernietigen van {whose}"
    yield ""
    yield f"Zaaknummer: {decision.case}"
    yield f"Besloten op: {_day(decision.decided_at)}"
    yield ""
    reason = _GROUNDS[Ground(decision.ground)]
    yield f"Wij hebben besloten {whose} te vernietigen. De reden: {reason}."
    if decision.carried_out_at is None:
        yield "Dat is nog niet gebeurd. Eerst laten wij het weten aan wie gegevens heeft gekregen."
    else:
        assert decision.backups_until is not None  # noqa: S101  # noted with the erasure
        yield (
            f"Dat is gebeurd op {_day(decision.carried_out_at)}. Sindsdien kan niemand ze bij ons"
            " meer lezen. In reservekopieën zijn zij onleesbaar vanaf"
            f" {_day(decision.backups_until)}."
        )
    yield ""
    yield "## Wat is vernietigd" if decision.carried_out_at else "## Wat wordt vernietigd"
    yield ""
    for one in table.classes:
        if one.id in decision.classes:
            yield f"- {one.description}"
    yield ""
    yield "## Wat blijft, en waarom"
    yield ""
    yield from _stays(shown, table)
    yield ""
    yield "## Wie gegevens heeft gekregen"
    yield ""
    yield from _recipients(shown, names, table)
    yield ""
    yield "## Bent u het er niet mee eens?"
    yield ""
    yield "- U kunt binnen zes weken bezwaar maken bij het college. Noem het zaaknummer."
    yield "- U kunt vragen stellen aan de functionaris gegevensbescherming van de gemeente."
    yield "- U kunt een klacht indienen bij de Autoriteit Persoonsgegevens."
    yield ""
    yield (
        "Over sommige uitwisselingen mogen wij volgens de wet niets zeggen, ook niet of zij er"
        " zijn. Dat schrijven wij aan iedereen."
    )


def _stays(shown: Shown, table: RetentionTable) -> Iterator[str]:
    for one in table.kept:
        if one.id in shown.decision.classes:
            continue
        if one.since is not None and shown.decision.carried_out_at and one.id not in shown.kept:
            continue  # there was nothing of this class
        if one.id == EMERGENCY and not shown.has_emergencies:
            continue
        until = shown.kept.get(one.id)
        ends = f" Tot en met {_date(until)}." if until else ""
        if until is None and one.years:
            ends = f" Ten hoogste {one.years} jaar."
        if until is None and one.at_latest:
            ends = f" {one.at_latest}"
        use = f" {one.use}" if one.use else ""
        yield f"- {one.description}{use}{ends} Grond: {one.ground}."


def _recipients(shown: Shown, names: Mapping[str, str], table: RetentionTable) -> Iterator[str]:
    if not shown.disclosed:
        yield "Niemand heeft via ons gegevens gekregen."
        return
    for recipient in sorted({one.recipient for one in shown.disclosed}):
        last = max(one.last for one in shown.disclosed if one.recipient == recipient)
        yield f"- {names.get(recipient, recipient)}, voor het laatst op {_day(last)}"
    yield ""
    yield (
        "Wij vragen hun de gegevens te vernietigen, tenzij dat iemand in gevaar zou brengen. Zij"
        " beslissen over hun eigen dossier: soms verplicht een wet hen dat te bewaren. Vraag het"
        " hun gerust zelf."
    )
    laws = [law for law in table.laws if law.id in shown.laws]
    if laws:
        yield ""
    for law in laws:
        yield (
            f"- {law.title}: het dossier {law.file} blijft {law.years} jaar, vanaf {law.since}"
            f" ({law.article}). {law.on_request}"
        )


def _day(moment: datetime) -> str:
    return _date(moment.astimezone(AMSTERDAM).date())


def _date(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
