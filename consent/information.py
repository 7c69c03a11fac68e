"""What residents must be told of a flow (GDPR articles 13 and 14), from the protocol alone.

Plain Dutch (about level B1) or English, as Markdown; what only the controller can know stands
between square brackets, to be filled in. A flow that is always protected has no text (invariant
14), and what every text says of such exchanges is the same sentence for everybody, whatever the
protocol holds: neither its presence nor its absence tells anybody anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from consent.decide import explicit_categories
from consent.labels import BASES, MESSAGES, REGIMES, Label, Language, field_label
from consent.protocol import BasisKind, Flow, HouseholdRule, Protection, Protocol
from schemas.fields import FIELDS, MessageKind, Special, Treatment
from schemas.zrm import ZrmDomain

_SCORES = frozenset(f"lid.zrm.{domain}" for domain in ZrmDomain)
_TITLES = {
    MessageKind.REFERRAL: Label(
        "Wij willen u aanmelden bij {recipient}", "We want to refer you to {recipient}"
    ),
    MessageKind.STATUS: Label(
        "{sender} laat {recipient} weten hoe het gaat", "{sender} tells {recipient} how it goes"
    ),
    MessageKind.ACCOUNTABILITY: Label(
        "{sender} verantwoordt de hulp aan {recipient}",
        "{sender} accounts for the help to {recipient}",
    ),
    MessageKind.PARTNER_UPDATE: Label(
        "{sender} laat {recipient} weten dat er iets verandert",
        "{sender} tells {recipient} that something changes",
    ),
    MessageKind.REGISTRATION: Label(
        "{sender} laat nagaan wie al hulp krijgt",
        "{sender} has it looked up who is helped already",
    ),
}
_NAMELESS = Label(
    "{sender} vraagt {recipient} om raad, zonder uw naam te noemen",
    "{sender} asks {recipient} for advice, without your name",
)
_HEADINGS = {
    "who": Label("Wie is verantwoordelijk?", "Who is responsible?"),
    "why": Label("Waarom delen wij gegevens?", "Why do we share data?"),
    "what": Label("Welke gegevens zijn dat?", "Which data?"),
    "whence": Label("Van wie naar wie?", "From whom, to whom?"),
    "long": Label("Hoe lang blijven ze bewaard?", "How long are they kept?"),
    "agree": Label("Moet u ja zeggen?", "Do you have to say yes?"),
    "rights": Label("Welke rechten heeft u?", "Which rights do you have?"),
    "machine": Label("Beslist een computer over u?", "Does a computer decide about you?"),
    "safety": Label("Als iemand in gevaar is", "When somebody is in danger"),
    "complain": Label("Bent u het er niet mee eens?", "Do you disagree?"),
}
SAFETY = Label(
    "Is een kind of volwassene in gevaar? Dan mag of moet een hulpverlener volgens de wet soms"
    " gegevens delen zonder het u eerst te vragen of te vertellen, bijvoorbeeld met Veilig Thuis."
    " Dat staat dan soms ook niet in het overzicht dat u kunt opvragen. Dit geldt voor iedereen en"
    " staat los van wat u hier leest.",
    "Is a child or adult in danger? Then the law sometimes lets or makes a professional share data"
    " without asking or telling you first, for instance with Veilig Thuis. It may then not stand in"
    " the overview that you can ask for. That is so for everybody, and has nothing to do with what"
    " you read here.",
)
"""Stands in every text, whatever the protocol admits."""
_PARTICULAR = {
    Special.HEALTH: Label("gegevens over uw gezondheid", "data on your health"),
    Special.CRIMINAL: Label(
        "gegevens over contact met politie of justitie",
        "data on contacts with the police or courts",
    ),
}


def is_told(flow: Flow) -> bool:
    """Whether residents get a text on this flow: not where the household must not learn of it."""
    return flow.protection is None or flow.protection.when is not Protection.ALWAYS


def information_text(
    protocol: Protocol,
    flow: Flow,
    names: Mapping[str, str] | None = None,
    language: Language = Language.DUTCH,
) -> str:
    """The text on one flow, as Markdown; `names` are what residents know the parties by.

    Raises `ValueError` for a flow that is always protected.
    """
    if not is_told(flow):
        raise ValueError("residents get no text on a flow that is always protected")
    return "\n".join(_Text(protocol, flow, names or {}, language).lines()) + "\n"


class _Text:
    """One text in the making."""

    def __init__(
        self, protocol: Protocol, flow: Flow, names: Mapping[str, str], language: Language
    ) -> None:
        self._protocol, self._flow, self._language = protocol, flow, language
        self._sender = names.get(flow.sender, flow.sender)
        self._recipient = names.get(flow.recipient, flow.recipient)

    def lines(self) -> Iterator[str]:
        is_nameless = Treatment.IDENTIFY not in self._flow.fields.values()
        is_referral = self._flow.message is MessageKind.REFERRAL
        named = _NAMELESS if is_referral and is_nameless else _TITLES[self._flow.message]
        title = self._told(named)
        yield f"# {_capital(title)}"
        sections = (
            ("who", self._who()),
            ("why", self._why()),
            ("what", self._what()),
            ("whence", self._whence()),
            ("long", self._how_long()),
            ("agree", self._agreement()),
            ("rights", self._rights()),
            ("machine", self._machine()),
            ("safety", iter([self._told(SAFETY)])),
            ("complain", self._complaint()),
        )
        for name, paragraphs in sections:
            yield ""
            yield f"## {self._told(_HEADINGS[name])}"
            yield ""
            yield from paragraphs
        yield ""
        yield self._say("Deze tekst hoort bij", "This text goes with") + (
            f" {self._protocol.title}, {self._say('versie', 'version')} {self._protocol.version}"
            f" ({self._flow.id})."
        )

    def _say(self, nl: str, en: str) -> str:
        return self._told(Label(nl, en))

    def _told(self, label: Label) -> str:
        return (
            label.told(self._language)
            .replace("{sender}", self._sender)
            .replace("{recipient}", self._recipient)
        )

    def _who(self) -> Iterator[str]:
        controller = self._flow.controller
        yield self._say(
            f"Verantwoordelijk voor uw gegevens is: {controller}.",
            f"Responsible for your data is: {controller}.",
        )
        yield self._say(
            "[In te vullen: adres, telefoon en e-mail, en hoe u de functionaris"
            " gegevensbescherming (FG) bereikt.]",
            "[To be filled in: address, phone and e-mail, and how to reach the data protection"
            " officer (FG).]",
        )
        if self._flow.processor is not None:
            yield self._say(
                f"In opdracht helpt daarbij: {self._flow.processor}. Daarover staan afspraken op"
                " papier.",
                f"Helping on instruction: {self._flow.processor}, under a written agreement.",
            )

    def _why(self) -> Iterator[str]:
        basis, locks = self._flow.locks.basis, self._flow.locks
        yield self._protocol.purposes[self._flow.purpose].description
        yield ""
        yield self._say("Dit is waarom het mag:", "This is why it is allowed:")
        yield ""
        yield f"- {BASES[basis.kind].told(self._language)}: {basis.article}"
        for ground in locks.special:
            subject = self._told(_PARTICULAR[ground.special])
            yield f"- {subject}: {ground.article}"
        if locks.secrecy is not None:
            yield self._say(
                "- spreken ondanks het beroepsgeheim", "- speaking despite professional secrecy"
            ) + (f": {locks.secrecy.article}")
        if locks.bsn is not None:
            yield self._say("- uw BSN gebruiken", "- use of your BSN") + f": {locks.bsn.article}"

    def _what(self) -> Iterator[str]:
        yield self._say("Alleen deze gegevens gaan mee:", "Only these data are passed on:")
        yield ""
        for paths in self._by_category().values():
            yield f"- {', '.join(map(self._field, paths))}"
        if scored := [path for path in self._admitted() if path in _SCORES]:
            yield (
                self._say(
                    "- hoe goed u zichzelf redt, een cijfer van 1 tot en met 5 voor",
                    "- how well you manage, a figure from 1 to 5 for",
                )
                + f": {', '.join(map(self._field, scored))}"
            )
        explicit = explicit_categories(self._flow)
        if named := [p for p in self._admitted() if FIELDS[p].category in explicit]:
            listed = ", ".join(map(self._field, named))
            yield ""
            yield self._say(
                f"Dit gaat alleen mee als u daar apart ja op zegt: {listed}.",
                f"These go only if you say yes to each of them separately: {listed}.",
            )
        if self._is_about_address() and not self._flow.secret_address_admitted:
            yield ""
            yield self._say(
                "Is uw adres geheim? Dan gaan uw adres en telefoonnummer niet mee.",
                "Is your address secret? Then your address and phone number are not passed on.",
            )

    def _admitted(self) -> list[str]:
        fields = self._flow.fields
        return [path for path in FIELDS if fields.get(path, Treatment.DROP) is not Treatment.DROP]

    def _by_category(self) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = {}
        for path in self._admitted():
            if path not in _SCORES:
                grouped.setdefault(FIELDS[path].category, []).append(path)
        return grouped

    def _field(self, path: str) -> str:
        label = field_label(path, self._language)
        # The list's own words say what a score is.
        for heading in ("de zelfredzaamheidsscore voor ", "the self-sufficiency score: "):
            label = label.removeprefix(heading)
        if self._flow.fields[path] is Treatment.GENERALISE:
            label += self._say(" (alleen ongeveer)", " (roughly only)")
        return label

    def _is_about_address(self) -> bool:
        return any(FIELDS[path].category in ("adres", "contact") for path in self._admitted())

    def _whence(self) -> Iterator[str]:
        yield self._say(
            f"De gegevens komen van {self._sender} en gaan naar {self._recipient}, en langs deze"
            " weg naar niemand anders.",
            f"The data come from {self._sender} and go to {self._recipient}, and to nobody else on"
            " this road.",
        )
        yield self._say(
            f"[In te vullen: wie verantwoordelijk is voor wat {self._recipient} ermee doet, en of"
            " er gegevens buiten de Europese Economische Ruimte komen.]",
            f"[To be filled in: who is responsible for what {self._recipient} does with them, and"
            " whether data leave the European Economic Area.]",
        )

    def _how_long(self) -> Iterator[str]:
        kept = self._flow.retention
        if self._flow.locks.agreement.required:
            yield self._say(
                f"Onderweg wachten ze hoogstens {kept.hold_days} dagen op een antwoord van uw"
                " huishouden.",
                f"They wait at most {kept.hold_days} days for your household's answer.",
            )
        yield self._say(
            f"Ze liggen hoogstens {kept.unclaimed_days} dagen klaar voor {self._recipient},"
            f" en na ontvangst nog {kept.after_receipt_days} dagen. Dan zijn ze uit de poort weg.",
            f"They lie ready for {self._recipient} for at most {kept.unclaimed_days} days, and"
            f" {kept.after_receipt_days} days after receipt. Then they are gone from the gateway.",
        )
        yield self._say(
            f"[In te vullen: hoe lang {self._recipient} ze bewaart.]",
            f"[To be filled in: how long {self._recipient} keeps them.]",
        )

    def _agreement(self) -> Iterator[str]:
        rule = self._flow.locks.agreement
        if not rule.required:
            yield self._say(
                "Nee, hiervoor wordt niet om uw ja gevraagd. U kunt wel bezwaar maken.",
                "No, you are not asked for a yes. You may object.",
            )
            return
        yield self._say(
            "U beslist zelf. Zonder uw ja gebeurt dit niet.",
            "You decide. Without your yes it is not done.",
        )
        yield (
            self._told(REGIMES[rule.regime])[0].upper()
            + self._told(REGIMES[rule.regime])[1:]
            + (".")
        )
        yield (
            self._say(
                "Zegt iemand in uw huishouden geen ja, dan gaat er van niemand iets door.",
                "If anybody in your household does not say yes, nothing is passed on of anybody.",
            )
            if rule.household is HouseholdRule.ALL
            else self._say(
                "Van wie geen ja zegt, gaat er niets door.",
                "Of who does not say yes, nothing is passed on.",
            )
        )
        yield self._say(
            f"Van de poort hoort {self._sender} dan alleen dat de instemming niet compleet is: niet"
            " wie nee zei, en niet waarom.",
            f"The gateway then tells {self._sender} only that the agreement is not complete: not"
            " who said no, and not why.",
        )
        yield self._say(
            "[In te vullen: wat het voor u betekent als u nee zegt.]",
            "[To be filled in: what a no means for you.]",
        )
        yield ""
        yield self._say(
            "U kunt uw ja altijd weer intrekken. Dat werkt meteen voor alles wat nog niet is"
            f" opgehaald; {self._recipient} krijgt bericht als gegevens niet meer gebruikt mogen"
            " worden. Intrekken is net zo makkelijk als ja zeggen: [in te vullen: hoe].",
            "You may withdraw your yes at any time. That works at once for all that was not yet"
            f" collected; {self._recipient} is told which use has to stop. Withdrawing is as easy"
            " as saying yes: [to be filled in: how].",
        )

    def _rights(self) -> Iterator[str]:
        yield self._say("U mag:", "You may:")
        yield ""
        yield self._say("- zien wat er over u is gedeeld, met wie en wanneer", "- see what was"
                        " shared about you, with whom and when")  # fmt: skip
        yield self._say("- fouten laten verbeteren", "- have mistakes corrected")
        yield self._say(
            "- vragen om gegevens te wissen, of ze tijdelijk niet te gebruiken",
            "- ask to erase data, or not to use them for a while",
        )
        match self._flow.locks.basis.kind:
            case BasisKind.PUBLIC_TASK:
                yield self._say(
                    "- bezwaar maken omdat uw situatie bijzonder is",
                    "- object for reasons of your own situation",
                )
            case BasisKind.CONSENT | BasisKind.CONTRACT:
                yield self._say(
                    "- uw gegevens meekrijgen om ze zelf te gebruiken",
                    "- get your data to use them yourself",
                )
            case _:
                pass
        yield ""
        yield self._say(
            "U krijgt binnen een maand antwoord. [In te vullen: waar u dit vraagt.]",
            "You get an answer within a month. [To be filled in: where to ask.]",
        )

    def _machine(self) -> Iterator[str]:
        what = MESSAGES[self._flow.message].told(self._language)
        yield self._say(
            f"Een computer controleert of de {what} mag worden doorgegeven. Over uw hulp beslissen"
            " altijd mensen.",
            f"A computer checks whether the {what} may be passed on. People decide about your help,"
            " always.",
        )

    def _complaint(self) -> Iterator[str]:
        yield self._say(
            "Praat met ons of met de FG. U kunt ook een klacht indienen bij de Autoriteit"
            " Persoonsgegevens: autoriteitpersoonsgegevens.nl, Postbus 93374, 2509 AJ Den Haag.",
            "Talk to us or to the data protection officer. You may also complain to the Dutch data"
            " protection authority (Autoriteit Persoonsgegevens): autoriteitpersoonsgegevens.nl,"
            " Postbus 93374, 2509 AJ Den Haag.",
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
