"""A notification prepared: the questions of the supervisor's breach form, in its order.

The form is that of the Autoriteit Persoonsgegevens, as GDPR article 33(3) asks; the questions are
in our own words, under the form's own headings, so that an officer copies answer after answer. What
the log knows is filled in; what only a person can know is marked, and says what to think of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from consent.labels import SPECIALS, category_label, field_label
from gateway.reports.access_report.operations import operation_told
from gateway.reports.breach.findings import Findings
from gateway.reports.breach.scope import ScopeKind, local
from gateway.reports.breach.soundness import Soundness
from gateway.reports.document import (
    Answer,
    Block,
    Document,
    Paragraph,
    Section,
    Table,
    Tone,
)
from schemas.fields import Special, Treatment

_TREATED = {
    Treatment.IDENTIFY: "leesbaar",
    Treatment.KEEP: "leesbaar",
    Treatment.GENERALISE: "vergrofd",
    Treatment.PSEUDONYMISE: "pseudoniem",
}


def notification(findings: Findings) -> Document:
    """The whole document: at a glance, the form's questions, and what they rest on."""
    sections = [
        Section("In het kort", tuple(_at_a_glance(findings))),
        Section("0. Over deze melding", tuple(_about(findings))),
        Section("1. Contactgegevens en andere betrokken organisaties", tuple(_contacts(findings))),
        Section("2. Tijdlijn", tuple(_timeline(findings))),
        Section("3. Wat er is gebeurd", tuple(_event(findings))),
        Section("4. Persoonsgegevens", tuple(_data(findings))),
        Section("5. Om wie het gaat", tuple(_persons(findings))),
        Section("6. Maatregelen die er al waren", tuple(_measures_before(findings))),
        Section("7. Gevolgen", tuple(_consequences(findings))),
        Section("8. Wat u nu doet", tuple(_measures_now(findings))),
        Section("9. Waar dit op rust", tuple(_grounds(findings))),
    ]
    part = " (beschermde uitwisselingen)" if findings.is_protected else ""
    return Document(f"Datalek: melding in voorbereiding{part}", tuple(_lead(findings)), sections)


def _lead(findings: Findings) -> Iterator[Paragraph]:
    case = f", zaak {findings.case}" if findings.case else ""
    yield Paragraph(
        f"Gemaakt op {local(findings.made_at)} door {findings.made_by}{case}. Gekeken naar"
        f" {findings.scope.told}{_period(findings)}."
    )
    yield Paragraph(
        "Wat de poort weet, is ingevuld. Wat met ‘Zelf invullen’ begint, kan alleen u weten. Deze"
        " tekst is nog niet verstuurd: melden doet u zelf, bij de Autoriteit Persoonsgegevens."
    )
    if findings.clock is not None:
        clock = findings.clock
        yield Paragraph(
            f"Ontdekt op {local(clock.discovered_at)}. Melden kan binnen 72 uur tot"
            f" {local(clock.until)}: {clock.told}. De klok loopt ’s nachts en in het weekend door."
            " Weet u nog niet alles, meld dan wat u weet en vul later aan.",
            Tone.WARNING,
        )
    else:
        yield Paragraph(
            "Vul in wanneer het lek is ontdekt (--discovered-at): vanaf dat moment lopen de 72 uur"
            " van AVG artikel 33, ook ’s nachts en in het weekend.",
            Tone.WARNING,
        )
    if findings.is_protected:
        yield Paragraph(
            "Dit deel gaat over beschermde uitwisselingen. Het huishouden mag hiervan niet via deze"
            " weg horen. Houd het apart van de rest, en overleg met de verzender voordat u iemand"
            " inlicht.",
            Tone.WARNING,
        )
    else:
        yield Paragraph(
            "Beschermde uitwisselingen staan hier nooit in, of ze er nu zijn of niet. Een"
            " privacyfunctionaris onder mandaat maakt daarvan een eigen deel (--protected)."
        )


def _period(findings: Findings) -> str:
    if findings.scope.kind is ScopeKind.STORED:
        return ""
    return f", van {local(findings.scope.since)} tot {local(findings.scope.until)}"


def _at_a_glance(findings: Findings) -> Iterator[Block]:
    seen = findings.exposure
    if not seen.exchanges and not findings.looked:
        yield Paragraph(
            "In deze periode is hier niets onder gevallen. Klopt de periode, de naam en de sleutel?"
        )
        return
    rows = [
        ("Personen", _n(seen.persons)),
        ("waarvan minderjarig bij de eerste verstrekking", _n(findings.minors)),
        ("waarvan de leeftijd niet bekend is", _n(findings.age_unknown)),
        ("waarvan sindsdien gewist", _n(seen.erased)),
        ("Berichten", _n(seen.exchanges)),
        ("Keren verstrekt", _n(seen.hand_overs)),
        ("Eerste keer", local(seen.first)),
        ("Laatste keer", local(seen.last)),
        ("Personen met gezondheidsgegevens", _n(seen.persons_by_special.get(Special.HEALTH, 0))),
        (
            "Personen met strafrechtelijke gegevens",
            _n(seen.persons_by_special.get(Special.CRIMINAL, 0)),
        ),
        ("Personen met een burgerservicenummer", _n(seen.persons_by_special.get(Special.BSN, 0))),
        ("Berichten die nog klaarliggen in het postvak", _n(findings.waiting.messages)),
        ("Berichten die wachten op instemming", _n(findings.waiting.held)),
        ("Logboek over deze periode", _sound(findings)),
    ]
    yield Table("Omvang", ("Wat", "Aantal"), rows)
    yield Table(
        "Wie wat heeft ontvangen",
        ("Ontvanger", "Stroom", "Personen#", "Berichten#", "Keren#", "Van", "Tot"),
        [
            (
                findings.called(one.id) + (" — kon ophalen" if one.is_reach else ""),
                ", ".join(one.flows),
                _n(one.persons),
                _n(one.exchanges),
                "-" if one.is_reach else _n(one.hand_overs),
                local(one.first),
                local(one.last),
            )
            for one in seen.recipients
        ],
    )
    if findings.looked:
        yield Table(
            "Wat met deze sleutel is gedaan (logboek toegang)"
            if findings.scope.key
            else "Wat daarnaast is ingezien (logboek toegang)",
            ("Handeling", "Keren#", "Personen#", "Eerste", "Laatste"),
            [
                (
                    operation_told(one.operation),
                    _n(one.times),
                    _n(one.persons),
                    local(one.first),
                    local(one.last),
                )
                for one in findings.looked
            ],
        )


def _about(findings: Findings) -> Iterator[Block]:
    yield _open("Soort melding", "Eerste (voorlopige) melding, aanvulling, of intrekking.")
    yield _known("Regeling", "Algemene verordening gegevensbescherming, artikel 33.")
    yield _open("Nummer van een eerdere melding", "Alleen bij een aanvulling of intrekking.")
    yield (
        _known("Eigen zaaknummer", findings.case)
        if findings.case
        else _open(
            "Eigen zaaknummer", "Het nummer in uw register van datalekken (AVG art. 33 lid 5)."
        )
    )


def _contacts(findings: Findings) -> Iterator[Block]:
    yield _open("Organisatie die meldt", "Naam, adres, KvK-nummer en sector.")
    yield _open("Wie meldt, en wie is te bereiken", "Naam, functie, telefoon en e-mail.")
    yield _open("Functionaris gegevensbescherming", "Naam en nummer van aanmelding bij de AP.")
    others = sorted(
        {one.id for one in findings.exposure.recipients} | set(findings.exposure.senders)
    )
    yield _known(
        "Andere organisaties die erbij horen",
        ", ".join(findings.called(one) for one in others) or "Geen.",
    )
    yield _open(
        "Rol van die organisaties",
        "Zelfstandig verantwoordelijk, gezamenlijk, of verwerker? Wie zelf verantwoordelijk is,"
        " meldt ook zelf: licht hen nu in.",
    )


def _timeline(findings: Findings) -> Iterator[Block]:
    seen = findings.exposure
    if findings.clock is None:
        yield _open("Ontdekt op", "Datum en tijd waarop u redelijk zeker was van een datalek.")
    else:
        yield _known("Ontdekt op", local(findings.clock.discovered_at))
    if seen.first is None:
        yield _open("Periode van de inbreuk", "Er is in deze periode niets verstrekt.")
    else:
        yield _known(
            "Periode van de inbreuk",
            f"Verstrekt tussen {local(seen.first)} en {local(seen.last)}; gezocht van"
            f" {local(findings.scope.since)} tot {local(findings.scope.until)}.",
        )
    if findings.suspended_at is not None:
        yield _known(
            "Duurt de inbreuk nog voort?",
            f"Via de poort niet: {findings.called(findings.scope.partner or '')} is geschorst op"
            f" {local(findings.suspended_at)}.",
        )
    else:
        yield _open(
            "Duurt de inbreuk nog voort?",
            "De poort is voor deze partij nog open (zie 8)."
            if findings.scope.partner
            else "Is de oorzaak weggenomen?",
        )
    if findings.clock is not None and findings.clock.is_over:
        yield _open("Waarom later dan 72 uur", "De termijn is voorbij: leg uit waarom.")


def _event(findings: Findings) -> Iterator[Block]:
    yield _open("Samenvatting", "Wat is er gebeurd, waar en hoe is het ontdekt?")
    yield _open(
        "Aard van het incident",
        "Bijvoorbeeld: verkeerde ontvanger, gestolen sleutel, hack, onbevoegde medewerker.",
    )
    yield _known(
        "Aard van de inbreuk",
        "Vertrouwelijkheid: gegevens zijn bij de ontvanger gekomen."
        + (
            f" Ook de juistheid kan geraakt zijn: {_n(findings.sent)} berichten zijn in deze"
            " periode onder de naam van deze partij ingestuurd."
            if findings.sent
            else ""
        ),
    )
    if findings.scope.kind is ScopeKind.CREDENTIAL:
        yield _known(
            "Wat van deze sleutel bekend is",
            "Wat met de sleutel is opgehaald, staat in het logboek. Wat daarnaast in het postvak"
            " lag, kon de houder ophalen; dat telt hier mee en staat apart.",
        )
    if findings.of_unknown_key:
        yield _known(
            "Verstrekkingen zonder bekende sleutel",
            f"{_n(findings.of_unknown_key)} verstrekkingen aan deze partij in deze periode zijn met"
            " een andere of onbekende sleutel gedaan; zij tellen hier niet mee.",
        )


def _data(findings: Findings) -> Iterator[Block]:
    seen = findings.exposure
    ordinary = [one for one in seen.categories if not _grave(one.specials)]
    grave = [one for one in seen.categories if _grave(one.specials)]
    headings = ("Categorie", "Bijzonderheid", "Personen#", "Berichten#")
    yield Table(
        "Gewone persoonsgegevens",
        headings,
        [
            (category_label(one.id), _special(one.specials), _n(one.persons), _n(one.exchanges))
            for one in ordinary
        ],
    )
    yield Table(
        "Bijzondere en strafrechtelijke persoonsgegevens (AVG art. 9 en 10)",
        headings,
        [
            (category_label(one.id), _special(one.specials), _n(one.persons), _n(one.exchanges))
            for one in grave
        ],
    )
    yield Table(
        "Welke velden, en of de ontvanger ze kon lezen",
        ("Veld", "Zoals ontvangen", "Soort", "Berichten#"),
        [
            (
                field_label(one.path),
                " of ".join(sorted({_TREATED[t] for t in one.treatments})),
                _special((one.special,) if one.special is not Special.NONE else ()),
                _n(one.exchanges),
            )
            for one in seen.fields
        ],
    )
    yield Paragraph(
        "De velden zijn de velden die onder dit protocol in deze categorieën meegaan. Wat de"
        " verzender leeg liet, is niet meegegaan: het kunnen er per bericht minder zijn, niet meer."
    )
    yield _known("Aantal gegevensrecords", f"{_n(seen.exchanges)} berichten.")


def _persons(findings: Findings) -> Iterator[Block]:
    seen = findings.exposure
    yield _known("Aantal personen", f"{_n(seen.persons)} (ieder eenmaal geteld).")
    unknown = (
        f" Van {_n(findings.age_unknown)} is de geboortedatum hier niet bekend of gewist; ga ervan"
        " uit dat daar kinderen bij zijn."
        if findings.age_unknown
        else ""
    )
    yield _known(
        "Minderjarigen",
        f"{_n(findings.minors)} waren bij de eerste verstrekking nog geen 18.{unknown}",
    )
    yield _known(
        "Kwetsbare groepen",
        "Het gaat om huishoudens die voor hulp zijn aangemeld: een kwetsbare groep.",
    )
    yield _known("Geheim adres", _secret(findings))
    yield _known(
        "Sindsdien gewist",
        f"{_n(seen.erased)} personen zijn sindsdien gewist; zij tellen mee en zijn hier niet meer"
        " te noemen."
        if seen.erased
        else "Niemand.",
    )
    yield _known(
        "Lijst van personen",
        "personen.csv, onder nummers die alleen in dit pakket gelden. Namen opent u alleen met twee"
        " functionarissen (--open-names).",
    )


def _secret(findings: Findings) -> str:
    if not any(one.id == "adres" for one in findings.exposure.categories):
        return "Er is geen adres verstrekt."
    secret, of = findings.secret, findings.exposure.exchanges
    told = (
        f"Van {_n(secret.exchanges_looked_at)} van de {_n(of)} berichten ligt de inhoud nog in de"
        f" poort; daarin staan {_n(secret.persons)} personen met een geheim adres."
    )
    if secret.exchanges_looked_at < of:
        told += " Van de andere berichten weet de poort het niet meer: vraag het de verzender."
    return f"{told} Voor deze mensen kan een lek gevaar zijn: begin bij hen."


def _measures_before(findings: Findings) -> Iterator[Block]:
    readable = [one for one in findings.exposure.fields if one.is_readable]
    coarse = [one for one in findings.exposure.fields if not one.is_readable]
    if findings.scope.kind is ScopeKind.STORED:
        yield _known(
            "Waren de gegevens onleesbaar voor onbevoegden?",
            "Versleuteld per persoon (AES-256-GCM). Leesbaar voor wie zowel deze opslagsleutel als"
            " een kopie van de database heeft; voor wie alleen de database heeft niet.",
        )
    else:
        yield _known(
            "Waren de gegevens onleesbaar voor onbevoegden?",
            f"Nee, niet bij de ontvanger: {len(readable)} velden kwamen daar leesbaar aan,"
            f" {len(coarse)} vergrofd of als pseudoniem. Onderweg zijn zij versleuteld (TLS), in de"
            " poort verzegeld per persoon.",
        )
    yield _known(
        "Wat in het logboek staat",
        "Geen inhoud en geen namen: per persoon een verbintenis (een gezouten hash met een eigen"
        " geheime sleutel). Wie alleen het logboek heeft, weet niet om wie het gaat.",
    )
    yield _open("Maatregelen bij de getroffen partij", "Vraag de partij: schijf, toegang, MFA.")


def _consequences(findings: Findings) -> Iterator[Block]:
    del findings
    yield _open(
        "Gevolgen voor de personen",
        "Denk aan: schaamte of stigma door hulpverlening, geweld of stalking bij een bekend"
        " geworden adres, identiteitsfraude met een BSN, verlies van vertrouwen in hulp.",
    )
    yield _open("Hoe ernstig", "Klein, aanzienlijk of groot; leg uit waarom.")


def _measures_now(findings: Findings) -> Iterator[Block]:
    stopped = findings.suspended_at
    if stopped is not None:
        yield _known(
            "Gestopt",
            f"Geschorst op {local(stopped)}. Er gaat niets meer: niet wat klaarlag"
            f" ({_n(findings.waiting.messages)}) en niet wat op instemming wachtte"
            f" ({_n(findings.waiting.held)}). Aantal personen daarin:"
            f" {_n(findings.waiting.persons)}.",
        )
    elif findings.scope.partner is not None:
        yield Paragraph(
            "De partij kan nog steeds ophalen. Berichten die klaarliggen:"
            f" {_n(findings.waiting.messages)}; die op instemming wachten:"
            f" {_n(findings.waiting.held)}; aantal personen daarin:"
            f" {_n(findings.waiting.persons)}. Schors haar om dat te stoppen: voeg"
            f" --suspend toe, of geef: sluis partner suspend {findings.scope.partner}",
            Tone.WARNING,
        )
    yield _open(
        "De personen inlichten (AVG art. 34)",
        "Bij een waarschijnlijk hoog risico moet het, zonder onredelijk uitstel. Bij gegevens over"
        " gezondheid, strafrecht of een geheim adres is dat risico er al snel. Wanneer, hoe en wat"
        " zegt u? De verzender kent het huishouden: laat het nieuws van daar komen.",
    )
    yield _open("Maatregelen om herhaling te voorkomen", "Wat, door wie, wanneer klaar?")
    yield _open("Andere landen", "Wonen er betrokkenen buiten Nederland? Dan ook daar melden?")
    yield _open("Andere meldingen", "Gemeente, politie (aangifte), NCSC, IBD, verzekeraar.")


def _grounds(findings: Findings) -> Iterator[Block]:
    yield Table(
        "Het logboek over deze periode",
        ("Logboek", "Regels", "Ondertekend tot#", "Uitkomst"),
        [
            (one.origin, f"{_n(one.first)} tot {_n(one.end)}", _n(one.size), _told(one))
            for one in findings.soundness
        ],
    )
    if not findings.soundness:
        yield Paragraph("Over deze periode staan er geen regels in het logboek. Klopt de periode?")
    if any(one.fault for one in findings.soundness):
        yield Paragraph(
            "Het logboek klopt niet over deze periode. Meld dit als eigen bevinding: de aantallen"
            " hierboven kunnen te laag zijn. Bewaar de database zoals zij is.",
            Tone.WARNING,
        )
    yield Paragraph(
        "In bewijzen/ staan het ondertekende controlepunt, van elke verstrekking de plaats in het"
        " logboek (regels.csv), en van de eerste en laatste vijftig het bewijs dat zij daar staan"
        " (bewijzen.json; controleren met sluis log verify, zonder de poort)."
    )


def _told(one: Soundness) -> str:
    if one.fault:
        return f"KLOPT NIET: {one.fault}"
    later = f", {_n(one.unsigned)} nog niet ondertekend" if one.unsigned else ""
    if not one.is_rehashed:
        later += "; van de andere regels dan deze verstrekkingen is de inhoud niet nagerekend: doe"
        later += " dat met sluis log verify"
    return f"klopt{later}"


def _sound(findings: Findings) -> str:
    if any(one.fault for one in findings.soundness):
        return "KLOPT NIET (zie 9)"
    return "klopt" if findings.soundness else "niets te controleren"


def _known(question: str, answer: str) -> Answer:
    return Answer(question, answer)


def _open(question: str, hint: str) -> Answer:
    return Answer(question, hint, is_open=True)


def _grave(specials: Sequence[Special]) -> bool:
    return any(one in (Special.HEALTH, Special.CRIMINAL) for one in specials)


def _special(specials: Sequence[Special]) -> str:
    return ", ".join(SPECIALS[one].nl for one in specials)


def _n(count: int) -> str:
    return f"{count:,}".replace(",", ".")
